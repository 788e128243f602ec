"""What pods that lose their node demand of the pods around them, as bounds that hold for every order and choice.

A pod comes to a node only if no pod keeps it away there (required anti-affinity, host ports), a companion is there
(required affinity), and its domain has not too many pods that count (required spread). Some of that is decided before
anybody moves: a pod that keeps others away does so for good, even from a node that is dead, since its pods are being
deleted and never gone; a companion on a node that works stays. For the rest others have to come: one pod closes a
domain by anti-affinity, so many fill it up for a spread. ``Price`` says which share of all that may come that takes.
A domain of several nodes is closed at once, so each of its nodes is charged its part of the price.

A spread never keeps a pod from the domain with the fewest pods. Which domains that may be, with so many pods on their
way, is known as well (``Even.emptiest``): room in each of them is enough.

Source: pkg/scheduler/framework/plugins/{interpodaffinity,podtopologyspread,nodeports}/filtering.go Filter.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

import msgspec

from kubelogic.placement.constraints.ports import overlap
from kubelogic.placement.problem import Affinity, Problem, Spread

Price = Callable[[str], Fraction | None]
"""Of a node: the share of what may come that it takes to keep a pod away; 0: it is kept away, None: nothing does."""

Numbers = Mapping[str, Mapping[str, int]]
"""How many pods of each shape, by node."""

_FEW_DOMAINS = 64
"""With more domains than that it is not asked which of them may have the fewest pods."""


class Apart(msgspec.Struct, frozen=True, kw_only=True):
    """Pods that may not share a domain with those of a shape, by one topology key.

    Attributes:
        domains: the domain of each node that has one; others are free of the rule.
        sizes: how many nodes that the shape may use each domain has.
        taken: domains with such a pod.
        comers: by node, how many such pods are made anew elsewhere when it fails.
        own: whether pods of the shape keep each other away.
    """

    domains: Mapping[str, str]
    sizes: Mapping[str, int]
    taken: frozenset[str]
    comers: Mapping[str, int]
    own: bool

    def price(self, coming: int) -> Price:
        """What it takes to keep a pod away, if so many of these pods lose their nodes, the one that asks included."""
        others = coming - self.own

        def of(node: str) -> Fraction | None:
            domain = self.domains.get(node)
            if domain is None:
                return None
            if domain in self.taken:
                return Fraction(0)
            return Fraction(1, others * self.sizes[domain]) if others > 0 else None

        return of


class Together(msgspec.Struct, frozen=True, kw_only=True):
    """Companions that have to be in the domain of a pod.

    Attributes:
        domains: the domain of each node that has one.
        there: how many companions each domain has.
        here: how many companions each node has.
    """

    domains: Mapping[str, str]
    there: Mapping[str, int]
    here: Mapping[str, int]

    def price(self, lost: Collection[str]) -> Price:
        """Domains without a companion on a node that is left are no place; the others stay one."""
        gone = _sums(lost, self.domains, self.here)

        def of(node: str) -> Fraction | None:
            domain = self.domains.get(node, "")
            return None if self.there.get(domain, 0) > gone.get(domain, 0) else Fraction(0)

        return of


class Even(msgspec.Struct, frozen=True, kw_only=True):
    """A required spread of a shape.

    Attributes:
        domains: the domain of each node that counts.
        nodes: how many nodes that count each domain has.
        sizes: how many nodes that the shape may use each domain has.
        there: how many pods count in each domain.
        least: the fewest of them.
        here: how many pods count on each node.
        comers: by node, how many of these are made anew elsewhere when it fails.
        skew: by how many a domain may have more than the one with the fewest.
        own: 1 if a pod of the shape is held to count itself, else 0.
        counts: whether pods of the shape count.
        min_domains: with fewer domains every one is held against none.
    """

    domains: Mapping[str, str]
    nodes: Mapping[str, int]
    sizes: Mapping[str, int]
    there: Mapping[str, int]
    least: int
    here: Mapping[str, int]
    comers: Mapping[str, int]
    skew: int
    own: int
    counts: bool
    min_domains: int

    def price(self, lost: Collection[str]) -> Price:
        """What it takes to fill up a domain: the fewest pods that any domain can have is what it is held against."""
        others = self._others(lost)
        moved, gone = _sums(lost, self.domains, self.comers), _sums(lost, self.domains, self.here)
        least = min([self.least, *(self.there[domain] - number for domain, number in gone.items())])
        if not self._are_many(lost):
            least = 0

        def of(node: str) -> Fraction | None:
            domain = self.domains.get(node)
            if domain is None:
                return Fraction(0)
            more = self.skew + least - self.own - (self.there[domain] - moved.get(domain, 0)) + 1
            if more <= 0:
                return Fraction(0)
            return Fraction(more, others * self.sizes[domain]) if others >= more else None

        return of

    def emptiest(self, lost: Collection[str]) -> frozenset[str] | None:
        """The domains that may have the fewest pods at some moment; None if it is not known.

        A domain has the fewest only if all others have as many, and what they lack has to come.
        """
        if len(self.there) > _FEW_DOMAINS or not self._are_many(lost):
            return None
        others = self._others(lost)
        moved, gone = _sums(lost, self.domains, self.comers), _sums(lost, self.domains, self.here)
        most = [number - moved.get(domain, 0) for domain, number in self.there.items()]
        return frozenset(
            domain
            for domain, number in self.there.items()
            if sum(max(0, number - gone.get(domain, 0) - each) for each in most) <= others
        )

    def _others(self, lost: Collection[str]) -> int:
        return max(0, sum(self.comers.get(node, 0) for node in lost) - self.counts)

    def _are_many(self, lost: Collection[str]) -> bool:
        """Whether so many domains are left that they are held against the fewest pods."""
        gone = Counter(self.domains[node] for node in lost if node in self.domains)
        return len(self.nodes) - sum(1 for each in gone if gone[each] == self.nodes[each]) >= self.min_domains


class Neighbours(msgspec.Struct, frozen=True, kw_only=True):
    """What each shape demands of other pods; shapes that demand nothing are not mentioned."""

    apart: Mapping[str, Sequence[Apart]] = {}
    together: Mapping[str, Sequence[Together]] = {}
    even: Mapping[str, Sequence[Even]] = {}

    def __bool__(self) -> bool:
        return bool(self.apart or self.together or self.even)

    def vary(self, shape: str) -> bool:
        """Whether it depends on the nodes that fail, not only on how many do, which domains are open."""
        return shape in self.together or shape in self.even

    def at_most(self, shape: str, count: int) -> list[Price]:
        """What keeps a shape away, whichever so many nodes fail; only where this does not vary."""
        return [each.price(sum(sorted(each.comers.values())[-count:])) for each in self.apart.get(shape, ())]

    def prices(self, shape: str, lost: Collection[str]) -> list[Price]:
        """What keeps a shape away after the failure of some nodes; its spreads come last, in order."""
        return [
            *(each.price(sum(each.comers.get(node, 0) for node in lost)) for each in self.apart.get(shape, ())),
            *(each.price(lost) for each in self.together.get(shape, ())),
            *(each.price(lost) for each in self.even.get(shape, ())),
        ]


def neighbours(judged: Problem, reach: Mapping[str, Sequence[str]], where: Numbers, moving: Numbers) -> Neighbours:
    """What shapes demand of other pods.

    Args:
        judged: the problem in which a pod of each shape waits.
        reach: the nodes that each of these shapes may use.
        where: all pods.
        moving: those that are made anew elsewhere when their node fails.
    """
    topology: dict[str, dict[str, str]] = defaultdict(dict)
    for node in judged.nodes:
        for key, domain in node.topology.items():
            topology[key][node.name] = domain
    apart: dict[str, list[Apart]] = defaultdict(list)
    for shape, key, others in _kept_apart(judged.affinities, reach):
        apart[shape].append(_apart(shape, topology[key], others, reach[shape], where=where, moving=moving))
    hosts = {node.name: node.name for node in judged.nodes}
    for shape, others in _rivals(judged, reach):
        apart[shape].append(_apart(shape, hosts, others, reach[shape], where=where, moving=moving))
    together: dict[str, list[Together]] = defaultdict(list)
    for rule in judged.affinities:
        if not rule.anti and rule.owner in reach:
            here = _of(where, rule.matches)
            domains = topology[rule.key]
            together[rule.owner].append(Together(domains=domains, there=_sums(here, domains, here), here=here))
    even: dict[str, list[Even]] = defaultdict(list)
    for spread in judged.spreads:
        if spread.owner in reach:
            counted = [node.name for node in judged.nodes if spread.eligible.has(node)]
            even[spread.owner].append(
                _even(spread, topology[spread.key], counted, reach[spread.owner], where=where, moving=moving)
            )
    return Neighbours(apart=apart, together=together, even=even)


def _kept_apart(rules: Iterable[Affinity], shapes: Collection[str]) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Each shape with a key and the shapes that may not share a domain with it, whichever of them says so."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for rule in rules:
        for other in rule.matches if rule.anti else ():
            found[rule.owner, rule.key].add(other)
            found[other, rule.key].add(rule.owner)
    return ((shape, key, frozenset(found[shape, key])) for shape, key in sorted(found) if shape in shapes)


def _rivals(judged: Problem, shapes: Collection[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Each shape with host ports, and the shapes with ports that overlap."""
    with_ports = [each for each in judged.shapes if each.ports]
    for one in with_ports:
        if one.name in shapes:
            yield (
                one.name,
                frozenset(
                    other.name for other in with_ports if any(overlap(p, q) for p in one.ports for q in other.ports)
                ),
            )


def _apart(
    shape: str,
    domains: Mapping[str, str],
    others: frozenset[str],
    reach: Sequence[str],
    *,
    where: Numbers,
    moving: Numbers,
) -> Apart:
    return Apart(
        domains=domains,
        sizes=Counter(domains[node] for node in reach if node in domains),
        taken=frozenset(domains[node] for node in _of(where, others) if node in domains),
        comers=_of(moving, others),
        own=shape in others,
    )


def _even(
    spread: Spread,
    topology: Mapping[str, str],
    counted: Iterable[str],
    reach: Sequence[str],
    *,
    where: Numbers,
    moving: Numbers,
) -> Even:
    domains = {node: topology[node] for node in counted if node in topology}
    nodes = Counter(domains.values())
    here = _of(where, spread.matches)
    there = {**dict.fromkeys(nodes, 0), **_sums(domains, domains, here)}
    return Even(
        domains=domains,
        nodes=nodes,
        sizes=Counter(domains[node] for node in reach if node in domains),
        there=there,
        least=min(there.values(), default=0),
        here=here,
        comers=_of(moving, spread.matches),
        skew=spread.max_skew,
        own=int(spread.counts_self),
        counts=spread.owner in spread.matches,
        min_domains=spread.min_domains,
    )


def _of(numbers: Numbers, shapes: Collection[str]) -> dict[str, int]:
    """How many pods of some shapes, by node; only nodes that have one."""
    found = {node: sum(n for shape, n in each.items() if shape in shapes) for node, each in numbers.items()}
    return {node: number for node, number in found.items() if number}


def _sums(nodes: Iterable[str], domains: Mapping[str, str], numbers: Mapping[str, int]) -> dict[str, int]:
    """The numbers of some nodes, added up by domain."""
    found: dict[str, int] = {}
    for node in nodes:
        domain = domains.get(node)
        if domain is not None:
            found[domain] = found.get(domain, 0) + numbers.get(node, 0)
    return found
