"""What the problem says about one shape, tied to the counters that it reads."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from kubelogic.placement.kube.counters import Counter
from kubelogic.placement.kube.state import State
from kubelogic.placement.kube.tables import Ints, Mask, Topology, narrowed, with_rest
from kubelogic.placement.problem import Affinity, Denial, Exclusive, Preference, Shape, SoftAffinity, SoftSpread, Spread

_HEEDED = frozenset({"ports", "exclusive", "attaches", "claims", "affinity", "spread"})
"""The constraints that shapes heed unless they ignore them."""


class SpreadRule(msgspec.Struct, frozen=True, kw_only=True):
    """A required spread. ``domains``: those with an eligible node. ``topology``: of all nodes with the key."""

    spread: Spread
    counter: Counter
    topology: Topology
    domains: NDArray[np.intp]


class SoftSpreadRule(msgspec.Struct, frozen=True, kw_only=True):
    """A wish to spread. ``has``: the nodes with the key. ``topology``: of all nodes that lie in a domain."""

    spread: SoftSpread
    counter: Counter
    topology: Topology
    has: Mask


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """All that restricts or draws a shape.

    Attributes:
        number: of the shape.
        allowed: the nodes it may use.
        denials: why it may not use the others.
        ports: each host port with the pods that hold one that overlaps, per node.
        exclusive: each exclusive use with the pods that stand against it.
        attaches: its ``(driver, volume)`` pairs.
        claims: those that still have to get a volume.
        affinities: each affinity's key with the matching pods per domain.
        first: it may be the first of its own group.
        repels: for each own anti-affinity, the key and the matching pods per domain.
        repelled: for each key, the pods per domain whose anti-affinity keeps it out.
        spreads: required spreads.
        wishes: raw scores by scorer, where some node has one.
        soft_spreads: wishes to spread.
        spread_within: the nodes that take part in them.
        soft_affinities: for each key, the sum of the weights of pods per domain.
    """

    number: int
    shape: Shape
    allowed: Mask
    denials: tuple[tuple[Denial, Mask], ...]
    ports: tuple[tuple[str, Counter], ...]
    exclusive: tuple[tuple[Exclusive, Counter], ...]
    attaches: tuple[tuple[str, str], ...]
    claims: tuple[str, ...]
    affinities: tuple[tuple[str, Counter], ...]
    first: bool
    repels: tuple[tuple[str, Counter], ...]
    repelled: tuple[tuple[str, Counter], ...]
    spreads: tuple[SpreadRule, ...]
    wishes: dict[str, Ints | None]
    soft_spreads: tuple[SoftSpreadRule, ...]
    spread_within: Mask
    soft_affinities: tuple[Counter, ...]

    @property
    def couples(self) -> bool:
        """Whether what happens on one node can change what is possible on another."""
        return bool(self.affinities or self.repels or self.repelled or self.spreads or self.claims) or any(
            use.scope == "cluster" for use, _ in self.exclusive
        )


class RuleIndex:
    """Finds and keeps the rules of shapes; each is made when it is first asked for."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._tables = state.tables
        self._made: dict[int, Rules] = {}
        problem = self._tables.problem
        self._affinities: dict[str, list[Affinity]] = {}
        self._repellers: dict[str, list[Affinity]] = {}
        for affinity in problem.affinities:
            self._affinities.setdefault(affinity.owner, []).append(affinity)
            if affinity.anti:
                for name in affinity.matches:
                    self._repellers.setdefault(name, []).append(affinity)
        self._spreads: dict[str, list[Spread]] = {}
        for spread in problem.spreads:
            self._spreads.setdefault(spread.owner, []).append(spread)
        self._soft_spreads: dict[str, list[SoftSpread]] = {}
        for soft_spread in problem.soft_spreads:
            self._soft_spreads.setdefault(soft_spread.owner, []).append(soft_spread)
        self._soft_affinities: dict[str, list[SoftAffinity]] = {}
        for soft in problem.soft_affinities:
            self._soft_affinities.setdefault(soft.shape, []).append(soft)
        self._preferences: dict[str, list[Preference]] = {}
        for preference in problem.preferences:
            self._preferences.setdefault(preference.shape, []).append(preference)
        self._denials: dict[str, list[tuple[Denial, Mask]]] = {}
        for denial in problem.denials:
            row = (denial, self._tables.mask(denial.reach))
            self._denials.setdefault(denial.shape, []).append(row)
        self._port_users: dict[tuple[str, int], list[tuple[str, int]]] = {}
        self._token_users: dict[tuple[str, str], list[tuple[bool, int]]] = {}
        for number, shape in enumerate(problem.shapes):
            for ip, protocol, port in shape.ports:
                self._port_users.setdefault((protocol, port), []).append((ip, number))
            for use in shape.exclusive:
                self._token_users.setdefault((use.token, use.scope), []).append((use.shared, number))
        self._each_node = self._tables.each_node()
        self._whole = self._tables.whole()
        self._narrowed: dict[tuple[int, bytes], Topology] = {}
        self._with_rest: dict[int, Topology] = {}

    def of(self, shape: int) -> Rules:
        """The rules of a shape."""
        found = self._made.get(shape)
        if found is None:
            found = self._made[shape] = self._make(shape)
        return found

    def helped_by(self, shape: int) -> frozenset[int]:
        """The shapes whose placed pods can make room for this one: those it needs, those it balances against."""
        name = self._tables.shapes[shape].name
        wanted = [a.matches for a in self._affinities.get(name, ()) if not a.anti]
        wanted.extend(spread.matches for spread in self._spreads.get(name, ()))
        return frozenset(self._tables.shape_number[other] for matches in wanted for other in matches)

    def _make(self, number: int) -> Rules:
        tables, state = self._tables, self._state
        shape = tables.shapes[number]
        heeds = _HEEDED - shape.ignores
        owned = self._affinities.get(shape.name, []) if "affinity" in heeds else []
        repellers: dict[str, dict[int, int]] = {}
        for rule in self._repellers.get(shape.name, ()) if "affinity" in heeds else ():
            repellers.setdefault(rule.key, {})[tables.shape_number[rule.owner]] = 1
        soft_spreads = self._soft_spreads.get(shape.name, [])
        within = np.ones(tables.size, dtype=np.bool_)
        for wish in soft_spreads:
            if wish.requires_keys:
                within &= tables.topology(wish.key).has
        return Rules(
            number=number,
            shape=shape,
            allowed=tables.mask(tables.problem.allowed[shape.name]),
            denials=tuple(self._denials.get(shape.name, ())),
            ports=tuple(self._port(port) for port in shape.ports if "ports" in heeds),
            exclusive=tuple(self._exclusive(use) for use in shape.exclusive if "exclusive" in heeds),
            attaches=shape.attaches if "attaches" in heeds else (),
            claims=shape.claims if "claims" in heeds else (),
            affinities=tuple(self._matching(rule) for rule in owned if not rule.anti),
            first=all(rule.self_satisfied for rule in owned if not rule.anti),
            repels=tuple(self._matching(rule) for rule in owned if rule.anti),
            repelled=tuple((k, state.counter(tables.topology(k), repellers[k])) for k in sorted(repellers)),
            spreads=tuple(self._spread(rule) for rule in self._spreads.get(shape.name, ()) if "spread" in heeds),
            wishes=self._wishes(shape),
            soft_spreads=tuple(self._soft_spread(wish, within) for wish in soft_spreads),
            spread_within=within,
            soft_affinities=self._attractions(shape),
        )

    def _weights(self, names: frozenset[str]) -> dict[int, int]:
        return {self._tables.shape_number[name]: 1 for name in sorted(names)}

    def _matching(self, rule: Affinity) -> tuple[str, Counter]:
        return rule.key, self._state.counter(self._tables.topology(rule.key), self._weights(rule.matches))

    def _port(self, port: tuple[str, str, int]) -> tuple[str, Counter]:
        ip, protocol, number = port
        users = self._port_users[protocol, number]
        weights = {shape: 1 for other, shape in users if other == ip or "0.0.0.0" in (ip, other)}
        text = f"{number}/{protocol}" if ip == "0.0.0.0" else f"{ip}:{number}/{protocol}"
        return text, self._state.counter(self._each_node, weights)

    def _exclusive(self, use: Exclusive) -> tuple[Exclusive, Counter]:
        users = self._token_users[use.token, use.scope]
        weights = {shape: 1 for shared, shape in users if not (shared and use.shared)}
        return use, self._state.counter(self._each_node if use.scope == "node" else self._whole, weights)

    def _spread(self, rule: Spread) -> SpreadRule:
        topology = self._tables.topology(rule.key)
        eligible = self._within(topology, self._tables.mask(rule.eligible))
        return SpreadRule(
            spread=rule,
            counter=self._state.counter(eligible, self._weights(rule.matches), terminating=False),
            topology=topology,
            domains=np.flatnonzero(np.bincount(eligible.domain[eligible.has])),
        )

    def _soft_spread(self, wish: SoftSpread, within: Mask) -> SoftSpreadRule:
        topology = self._tables.topology(wish.key)
        weights = self._weights(wish.matches)
        if wish.per_node:
            counter = self._state.counter(self._each_node, weights, terminating=False)
            return SoftSpreadRule(spread=wish, counter=counter, topology=self._each_node, has=topology.has)
        domains = topology
        if not wish.requires_keys:
            if id(topology) not in self._with_rest:
                self._with_rest[id(topology)] = with_rest(topology)
            domains = self._with_rest[id(topology)]
        eligible = self._within(domains, self._tables.mask(wish.eligible) & within)
        counter = self._state.counter(eligible, weights, terminating=False)
        return SoftSpreadRule(spread=wish, counter=counter, topology=domains, has=topology.has)

    def _within(self, topology: Topology, mask: Mask) -> Topology:
        key = (id(topology), mask.tobytes())
        found = self._narrowed.get(key)
        if found is None:
            found = self._narrowed[key] = narrowed(topology, mask)
        return found

    def _wishes(self, shape: Shape) -> dict[str, Ints | None]:
        found: dict[str, Ints | None] = {}
        for preference in self._preferences.get(shape.name, ()):
            raw = found.get(preference.scorer)
            if raw is None:
                raw = np.zeros(self._tables.size, dtype=np.int64)
            raw += np.where(self._tables.mask(preference.reach), preference.value, 0)
            found[preference.scorer] = raw
        return {name: raw if raw is not None and raw.any() else None for name, raw in found.items()}

    def _attractions(self, shape: Shape) -> tuple[Counter, ...]:
        weights: dict[str, dict[int, int]] = {}
        for wish in self._soft_affinities.get(shape.name, ()):
            row = weights.setdefault(wish.key, {})
            for name in wish.neighbours:
                number = self._tables.shape_number[name]
                row[number] = row.get(number, 0) + wish.weight
        return tuple(self._state.counter(self._tables.topology(key), weights[key]) for key in sorted(weights))
