"""Why so many equal pods cannot all have a node, as a few steps of arithmetic on counts.

The counts are those of one shape per node and per domain, wherever its pods are now: a state that keeps every rule is
looked for, not a way to it. Bounds are passed on from rule to rule until one of them leaves nothing; the steps that
were needed are the derivation. The rules say something else of states on the way, since a rule is asked when a pod
comes and never when one goes: how many can be reached is found by going through all states of a small problem.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from kubelogic.placement.counts import Counts, Evenness, Place, Reason, Step, counts_of
from kubelogic.placement.problem import Problem

_ROUNDS = 40
_Bound = tuple[int, int]
"""A number and the step that says so; -1 for what goes without saying."""


class Derivation(msgspec.Struct, frozen=True, kw_only=True):
    """Of ``wanted`` pods of a shape: whether a state in which all have a node is possible, and whether it is reached.

    Attributes:
        wanted: how many there should be.
        steps: why no such state is possible. The last one leaves a place with less than another demands of it.
        legal: such a state, as pods by node; None if it is not known that there is one.
        reachable: at most so many at one time, when pods come one by one as the rules let them, and go at will; None
            if that is not known.
    """

    wanted: int
    steps: tuple[Step, ...] = ()
    legal: Mapping[str, int] | None = None
    reachable: int | None = None


def derive(problem: Problem, shape: str, wanted: int) -> Derivation | None:
    """What counts tell of ``wanted`` pods of a shape; None where they tell nothing.

    Args:
        problem: with all pods; those of the shape are free to be elsewhere, pods that may be evicted for it are gone.
        shape: the name of a shape.
        wanted: how many pods of it there should be.
    """
    counts = counts_of(problem, shape)
    if counts is None:
        return None
    steps = _shortest(counts, wanted)
    legal = None if steps or not counts.whole else counts.legal(wanted)
    reachable = counts.reachable(wanted)
    if not steps and (reachable is None or reachable >= wanted):
        return None
    return Derivation(wanted=wanted, steps=steps, legal=legal, reachable=reachable)


def _shortest(counts: Counts, wanted: int) -> tuple[Step, ...]:
    """The steps to a contradiction from as few rules as will do; none if there is none."""
    steps = _Propagation(counts, wanted).run()
    if not steps:
        return steps
    for fewer in _with_fewer(counts):
        if shorter := _Propagation(fewer, wanted).run():
            return _shortest(fewer, wanted) or shorter
    return steps


def _with_fewer(counts: Counts) -> Iterator[Counts]:
    """The counts without one of their rules."""
    for rule in counts.ones:
        yield replace(counts, ones=tuple(other for other in counts.ones if other is not rule))
    for even in counts.evens:
        yield replace(counts, evens=tuple(other for other in counts.evens if other is not even))


class _Propagation:
    """Bounds of all places, each with the step that it comes from."""

    def __init__(self, counts: Counts, wanted: int) -> None:
        self.counts = counts
        self.wanted = wanted
        self.steps: list[Step] = []
        self.low: dict[Place, _Bound] = {}
        self.high: dict[Place, _Bound] = {}
        self.clash: tuple[Place, int, int] | None = None
        self.names: dict[tuple[str, Place], str] = {}

    def run(self) -> tuple[Step, ...]:
        """The steps to a contradiction; none if it was not found."""
        self._say(Step(place=Place(), low=self.wanted, high=self.wanted, reason="total"))
        for step in self.counts.room:
            self._say(replace(step, high=min(step.high, self.wanted)))
        for _ in range(_ROUNDS):
            before = len(self.steps)
            self._round()
            if self.clash is not None:
                return self._needed()
            if len(self.steps) == before:
                break
        return ()

    def _round(self) -> None:
        counts = self.counts
        nodes = [Place(name=node.name) for node in counts.nodes]
        sums: list[tuple[Place, Sequence[Place], Reason, str]] = [(Place(), nodes, "nodes", "")]
        for key, domains in counts.ones:
            for place in self._places(key, domains, sums):
                self._say(Step(place=place, low=0, high=1, reason="one", key=key, domain=self._domain(key, place)))
        for even in counts.evens:
            places = self._places(even.key, even.domains, sums)
            inside = {m for members in even.domains.values() for m in members}
            if all(self._high(nodes[n])[0] == 0 for n in range(len(nodes)) if n not in inside):
                sums.append((Place(), places, "nodes", even.key))
                self._even(even, places, plain=True)
                self._even(even, places, plain=False)
            self._pairs(even, places)
        for whole, parts, reason, key in sums:
            self._sum(whole, parts, reason, key)

    def _places(
        self, key: str, domains: Mapping[str, tuple[int, ...]], sums: list[tuple[Place, Sequence[Place], Reason, str]]
    ) -> list[Place]:
        """The domains as places; one with a single node is that node, others are added to the ``sums``."""
        found: list[Place] = []
        for name, members in domains.items():
            nodes = [Place(name=self.counts.nodes[m].name) for m in members]
            if len(nodes) == 1:
                self.names[key, nodes[0]] = name
                found += nodes
            else:
                found.append(Place(key=key, name=name))
                sums.append((found[-1], nodes, "members", key))
        return found

    def _domain(self, key: str, place: Place) -> str:
        """The domain of a key that is this node alone, under another name."""
        name = self.names.get((key, place), "")
        return "" if name == place.name else name

    def _say(self, step: Step) -> None:
        """Take up what is new of a step."""
        low, high = self._low(step.place), self._high(step.place)
        if (step.low <= low[0] and step.high >= high[0]) or self.clash is not None:
            return
        number = len(self.steps)
        self.steps.append(step)
        if step.low > low[0]:
            self.low[step.place] = (step.low, number)
        if step.high < high[0]:
            self.high[step.place] = (step.high, number)
        if self._low(step.place)[0] > self._high(step.place)[0]:
            self.clash = (step.place, self._low(step.place)[1], self._high(step.place)[1])

    def _low(self, place: Place) -> _Bound:
        return self.low.get(place, (0, -1))

    def _high(self, place: Place) -> _Bound:
        return self.high.get(place, (self.wanted, 0 if place != Place() else -1))

    def _at_least(self, claim: Step, bounds: Sequence[_Bound]) -> None:
        if claim.low > self._low(claim.place)[0]:
            domain = self._domain(claim.key, claim.place)
            self._say(replace(claim, high=self.wanted, domain=domain, after=_numbers(bounds)))

    def _at_most(self, claim: Step, bounds: Sequence[_Bound]) -> None:
        if claim.high < self._high(claim.place)[0]:
            domain = self._domain(claim.key, claim.place)
            self._say(replace(claim, low=0, domain=domain, after=_numbers(bounds)))

    def _sum(self, whole: Place, parts: Sequence[Place], reason: Reason, key: str) -> None:
        """The parts add up to the whole (a node without the key has no pods)."""
        lows, highs = [self._low(part) for part in parts], [self._high(part) for part in parts]
        low, high = sum(each for each, _ in lows), sum(each for each, _ in highs)
        claim = Step(place=whole, low=low, high=high, reason=reason, key=key)
        self._at_least(claim, lows)
        self._at_most(claim, highs)
        least, most = self._low(whole), self._high(whole)
        for n, part in enumerate(parts):
            others_low, others_high = lows[:n] + lows[n + 1 :], highs[:n] + highs[n + 1 :]
            claim = Step(
                place=part,
                low=least[0] - sum(each for each, _ in others_high),
                high=most[0] - sum(each for each, _ in others_low),
                reason="nodes" if whole == Place() else "members",
                key=key,
            )
            self._at_least(claim, [least, *others_high])
            self._at_most(claim, [most, *others_low])

    def _even(self, even: Evenness, places: Sequence[Place], *, plain: bool) -> None:
        """All pods over all domains: no domain has more than the skew beyond another.

        ``plain``: only from the total, so that a step rests on no more than it has to.
        """
        if even.short:
            return
        total = self._low(Place())
        for place in places:
            others = [other for other in places if other != place]
            highs = [(self.wanted, -1) if plain else self._high(other) for other in others]
            lows = [(0, -1) if plain else self._low(other) for other in others]
            least, most = 0, self.wanted
            while least < most and least + sum(min(high, least + even.skew) for high, _ in highs) < total[0]:
                least += 1
            while most > 0 and most + sum(max(low, most - even.skew) for low, _ in lows) > self._high(Place())[0]:
                most -= 1
            claim = Step(place=place, low=least, high=most, reason="even", key=even.key, skew=even.skew)
            self._at_least(claim, [total, *highs])
            self._at_most(claim, [total, *lows])

    def _pairs(self, even: Evenness, places: Sequence[Place]) -> None:
        """No domain has more than the skew beyond the one with the fewest."""
        least = (0, -1) if even.short else min((self._high(place) for place in places), default=(0, -1))
        fullest = (0, -1) if even.short else max((self._low(place) for place in places), default=(0, -1))
        for place in places:
            claim = Step(
                place=place,
                low=fullest[0] - even.skew,
                high=least[0] + even.skew,
                reason="short" if even.short else "skew",
                key=even.key,
                skew=even.skew,
                wanted=even.short,
            )
            self._at_least(claim, [fullest])
            self._at_most(claim, [least])

    def _needed(self) -> tuple[Step, ...]:
        """The steps that the clash rests on, in their order, numbered anew."""
        assert self.clash is not None
        _, low, high = self.clash
        wanted, queue = set(), [each for each in (low, high) if each >= 0]
        while queue:
            number = queue.pop()
            if number not in wanted:
                wanted.add(number)
                queue.extend(self.steps[number].after)
        order = sorted(wanted)
        place = {number: i for i, number in enumerate(order)}
        return tuple(replace(self.steps[n], after=tuple(place[a] for a in self.steps[n].after)) for n in order)


def _numbers(bounds: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    return tuple(sorted({number for _, number in bounds if number >= 0}))
