"""Groups of pods, placed all or nothing, jointly with everything else.

Without its groups a problem is a relaxation: what is placed at most there bounds what is placed at most with them.
Where the relaxed answer breaks up a group or spreads it over domains, the search branches: the group stays out, or as
many of its pods as it needs go first among their equals, in each domain that it may use. A branch ends where its own
limit shows that nothing better is in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import msgspec

from kubelogic.placement.check import check
from kubelogic.placement.kube.scheduler import schedule
from kubelogic.placement.optimal.parties import (
    COPY,
    OUT,
    Party,
    at_once,
    first_pods,
    kept,
    level,
    nodes_of,
    original,
    parties_of,
    restricted,
    together,
    whole,
)
from kubelogic.placement.placement import Bound, Placement, Unplaced
from kubelogic.placement.problem import Problem

Solve = Callable[[Problem], Placement]

Worth = tuple[tuple[int, ...], int, int, int]
"""Pods placed by priority, the highest first; groups that start; evicted pods and pods that wait for that, negative."""

_BRANCHES = 60


def asks(problem: Problem) -> bool:
    """Whether any pod waits whose group has a say in where it goes."""
    groups = {group.name for group in problem.groups if group.least or group.key}
    return bool(groups) and any(pod.group in groups for pod in problem.waiting)


def place(problem: Problem, solve: Solve, *, late: Callable[[], bool] = lambda: False) -> Placement:
    """The best placement that keeps groups whole.

    Args:
        problem: with pods that wait in groups.
        solve: places problems without groups, and says how many pods can be placed at most.
        late: whether it is time to stop looking for a better one.

    Returns:
        A placement that ``check`` accepts. Pods that stay out are ``impossible`` where no choice of groups places more,
        or where their group cannot start even if nobody else wants anything.
    """
    search = _Search(problem, solve, late)
    search.run()
    return search.answer()


class _Node(msgspec.Struct):
    choice: Mapping[str, str | None]
    placement: Placement
    broken: str
    most: tuple[int, ...]


class _Search(msgspec.Struct):
    problem: Problem
    solve: Solve
    late: Callable[[], bool]
    parties: dict[str, Party] = msgspec.field(default_factory=dict)
    levels: tuple[int, ...] = ()
    priority: dict[str, int] = msgspec.field(default_factory=dict)
    best: Placement | None = None
    worth: Worth | None = None
    limit: tuple[int, ...] = ()
    complete: bool = True
    solved: int = 0

    def __post_init__(self) -> None:
        shapes = {shape.name: shape.priority for shape in self.problem.shapes}
        self.priority = {pod.name: shapes[pod.shape] for pod in self.problem.pods}
        self.levels = tuple(sorted({self.priority[pod.name] for pod in self.problem.waiting}, reverse=True))
        self.parties = {party.group.name: party for party in parties_of(self.problem)}

    def run(self) -> None:
        nothing = Placement(
            scheduler="optimal",
            unplaced=tuple(Unplaced(pod=p.name, shape=p.shape, verdict="unknown") for p in self.problem.waiting),
        )
        self._take(nothing)
        self._take(kept(self.problem, self.parties, schedule(self.problem)))
        self.complete = True
        root = self._node({})
        self.limit = root.most
        todo = [root]
        while todo:
            node = todo.pop()
            if self._beaten(node.most):
                continue
            if not node.broken:
                # The answer keeps groups whole, but nothing shows that this branch has no better one.
                self.complete = False
                continue
            if self.solved >= _BRANCHES or self.late():
                self.complete = False
                continue
            children = [self._node({**node.choice, node.broken: each}) for each in self._choices(node.broken)]
            todo.extend(sorted((each for each in children if each.most), key=lambda each: each.most))

    def _choices(self, name: str) -> Iterator[str | None]:
        yield from self.parties[name].domains
        yield OUT

    def _node(self, choice: Mapping[str, str | None]) -> _Node:
        """Solve what a choice leaves open; a full answer is kept if it is the best so far."""
        self.solved += 1
        copies: dict[str, str] = {}
        given = restricted(self.problem, self.parties, choice, copies)
        found = original(self.solve(given), self.problem, copies)
        found = self._complemented(found)
        if any(not self._starts(found, name) for name, each in choice.items() if each is not OUT):
            # Its pods went first among their equals: if that does not do, no placement of this branch is known.
            proved = any(self._never(found, name, given) for name, each in choice.items() if each is not OUT)
            self.complete = self.complete and proved
            return _Node(choice=choice, placement=found, broken="", most=())
        most = self._most(found, given, copied=bool(copies))
        broken = next((name for name in sorted(self.parties) if self._breaks(found, name)), "")
        self._take(found if not broken else kept(self.problem, self.parties, found))
        return _Node(choice=choice, placement=found, broken=broken, most=most)

    def _complemented(self, found: Placement) -> Placement:
        """The answer with a verdict on the pods of groups that stay out."""
        told = {binding.pod for binding in (*found.bindings, *found.nominations)}
        told |= {entry.pod for entry in found.unplaced}
        more = tuple(
            Unplaced(pod=pod.name, shape=pod.shape, verdict="unknown")
            for pod in self.problem.waiting
            if pod.name not in told
        )
        return msgspec.structs.replace(found, unplaced=(*found.unplaced, *more)) if more else found

    def _starts(self, found: Placement, name: str) -> bool:
        nodes = nodes_of(found, self.parties[name])
        return len(nodes) >= self.parties[name].needs

    def _breaks(self, found: Placement, name: str) -> bool:
        party = self.parties[name]
        nodes = nodes_of(found, party)
        return bool(nodes) and (len(nodes) < party.needs or not together(self.problem, party, nodes))

    def _never(self, found: Placement, name: str, given: Problem) -> bool:
        """Whether it is proved that so many pods of a group, who went first among their equals, have no place."""
        party = self.parties[name]
        boosted = level(max(self.priority[pod.name] for pod in party.pods))
        first = [pod for pod in given.waiting if pod.group == name and pod.shape.endswith(COPY)]
        shapes = {shape.name: shape.priority for shape in given.shapes}
        wanted = sum(shapes[pod.shape] >= boosted + 1 for pod in given.waiting)
        alone = party.needs == len(party.pods) == len(first)
        return alone and any(bound.priority == boosted + 1 and bound.most < wanted for bound in found.bounds)

    def _most(self, found: Placement, given: Problem, *, copied: bool) -> tuple[int, ...]:
        """How many pods of each priority and higher a branch can place at most."""
        proved = {bound.priority: bound.most for bound in found.bounds}
        limits: list[int] = []
        for each in self.levels:
            wanted = sum(self.priority[pod.name] >= each for pod in given.waiting)
            limits.append(min(wanted, proved.get(level(each) if copied else each, wanted)))
        return tuple(limits)

    def _beaten(self, most: tuple[int, ...]) -> bool:
        return self.worth is not None and most <= self._sums(self.worth[0])

    def _sums(self, counts: tuple[int, ...]) -> tuple[int, ...]:
        total, found = 0, []
        for count in counts:
            total += count
            found.append(total)
        return tuple(found)

    def _take(self, found: Placement) -> None:
        found = whole(self.problem, at_once(self.problem, self.parties, found))
        worth = self._worth(found)
        if self.worth is None or worth > self.worth:
            if check(self.problem, found):
                self.complete = False
            else:
                self.best, self.worth = found, worth

    def _worth(self, found: Placement) -> Worth:
        counts: Counter[int] = Counter()
        for binding in (*found.bindings, *found.nominations):
            counts[self.priority[binding.pod]] += 1
        for eviction in found.evictions:
            counts[self.priority[eviction.pod]] -= 1
        started = sum(bool(nodes_of(found, party)) for party in self.parties.values())
        placed = tuple(counts[level] for level in self.levels)
        return placed, started, -len(found.evictions), -len(found.nominations)

    def answer(self) -> Placement:
        """The best that was found, with what is proved of the rest."""
        best = self.best
        assert best is not None
        assert self.worth is not None
        reached = self._sums(self.worth[0])
        optimal = self.complete or reached >= self.limit
        most = reached if optimal else self.limit
        unplaced = tuple(self._verdict(entry, optimal=optimal) for entry in best.unplaced)
        bounds = tuple(
            Bound(priority=level, most=limit, placed=count)
            for level, limit, count in zip(self.levels, most, reached, strict=True)
        )
        proof = "every pod is placed" if not unplaced else "every choice of groups" if optimal else ""
        return msgspec.structs.replace(
            best,
            scheduler="optimal",
            unplaced=unplaced,
            bounds=bounds,
            conflicts=(),
            refusals=(),
            complete=all(entry.verdict != "unknown" for entry in unplaced),
            found=best.found or "groups",
            proof=proof,
        )

    def _verdict(self, entry: Unplaced, *, optimal: bool) -> Unplaced:
        if entry.verdict == "waiting":
            return msgspec.structs.replace(entry, refusal=-1)
        group = next(pod.group for pod in self.problem.waiting if pod.name == entry.pod)
        never = optimal or (group in self.parties and never_starts(self.problem, group, self.solve))
        verdict = "impossible" if never else "unknown"
        return msgspec.structs.replace(entry, verdict=verdict, refusal=-1)


def alone(problem: Problem, group: str) -> Problem:
    """The problem of a group that nobody competes with: as many of its waiting pods as it needs, whoever they are."""
    party = next(each for each in parties_of(problem) if each.group.name == group)
    wanted = {pod.name for pod in first_pods(problem, party)}
    pods = tuple(pod for pod in problem.pods if pod.node or pod.name in wanted)
    return msgspec.structs.replace(problem, pods=pods)


def never_starts(problem: Problem, group: str, solve: Solve) -> bool:
    """Whether it is proved that a group cannot start, even if nobody else wants anything."""
    party = next(each for each in parties_of(problem) if each.group.name == group)
    if party.needs != len(party.pods) and len({pod.shape for pod in party.pods}) > 1:
        return False
    ours = alone(problem, group)
    for domain in party.domains:
        here = restricted(ours, {group: party}, {group: domain}, None)
        if not any(entry.verdict == "impossible" for entry in solve(here).unplaced):
            return False
    return True
