"""Claims that choose their volume when the first pod is placed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from kubelogic.placement.constraints.constraint import Constraint, Dropped, assume
from kubelogic.placement.kube.filter import Filter, Reason, reason
from kubelogic.placement.kube.tables import Select
from kubelogic.placement.optimal.coupling import Part, Volumes
from kubelogic.placement.optimal.model import Mask, Model
from kubelogic.placement.placement import Assumption
from kubelogic.placement.problem import Problem, Reach, Shape

if TYPE_CHECKING:
    import z3

    from kubelogic.placement.kube.rules import RuleIndex
    from kubelogic.placement.kube.state import State
    from kubelogic.placement.optimal.assumed_rows import AssumedRows


class ClaimsPart(Part):
    """Which claims have got which volumes."""

    tightens = False

    def __init__(self, model: Model) -> None:
        problem = model.problem
        self._model = model
        self._claims = {claim.name: claim for claim in problem.claims}
        self._reach = {volume.name: model.mask(volume.reach) for volume in problem.volumes}
        self._provisions = {claim.name: model.mask(claim.provisions) for claim in problem.claims}
        self._given: dict[str, tuple[str, Mask]] = {}
        self._taken: dict[str, str] = {}

    def concerns(self, shape: int) -> bool:
        return bool(self._model.shapes[shape].claims)

    def open(self, shape: int, mask: Mask) -> None:
        claims = self._model.shapes[shape].claims
        for name in claims:
            if name in self._given:
                mask &= self._given[name][1]
            else:
                reach = self._provisions[name].copy()
                for volume in self._claims[name].volumes:
                    if volume not in self._taken:
                        reach |= self._reach[volume]
                mask &= reach
        if sum(name not in self._given for name in claims) > 1:
            for n in np.flatnonzero(mask):
                mask[n] = self._choose(claims, int(n)) is not None

    def change(self, shape: int, node: int, by: int, counted: int) -> None:
        """Claims stay as they were settled."""

    def settle(self, shape: int, node: int) -> Volumes:
        chosen = self._choose(self._model.shapes[shape].claims, node) or ()
        for name, volume in chosen:
            if volume:
                self._taken[volume] = name
            self._given[name] = (volume, self._reached(name, volume, node))
        return chosen

    def copy(self) -> ClaimsPart:
        other = copy(self)
        other._given, other._taken = dict(self._given), dict(self._taken)
        return other

    def would_give(self, shape: int, node: int) -> dict[str, tuple[str, bytes]]:
        """What the claims of the shape would have with a pod of it there: volume and where it reaches."""
        found = self.gave(shape)
        for name, volume in self._choose(self._model.shapes[shape].claims, node) or ():
            found[name] = (volume, self._reached(name, volume, node).tobytes())
        return found

    def gave(self, shape: int) -> dict[str, tuple[str, bytes]]:
        """What the claims of the shape have, if they have it already."""
        claims = self._model.shapes[shape].claims
        return {name: (self._given[name][0], self._given[name][1].tobytes()) for name in claims if name in self._given}

    def _choose(self, claims: Sequence[str], node: int) -> Volumes | None:
        """The volume for each of some claims that has none yet; None if the node offers none."""
        chosen: list[tuple[str, str]] = []
        taken = set(self._taken)
        for name in claims:
            if name in self._given:
                continue
            options = [v for v in self._claims[name].volumes if v not in taken and self._reach[v][node]]
            if not options and not self._provisions[name][node]:
                return None
            volume = options[0] if options else ""
            if volume:
                taken.add(volume)
            chosen.append((name, volume))
        return tuple(chosen)

    def _reached(self, claim: str, volume: str, node: int) -> Mask:
        """Where the volume of a claim reaches that got it on a node."""
        if volume:
            return self._reach[volume]
        key = self._claims[claim].confines
        if not key:
            return np.ones(len(self._model.nodes), dtype=np.bool_)
        domain, _ = self._model.domain(key)
        same: Mask = domain == domain[node]
        return same


class ClaimsFilter(Filter):
    """The claims of a shape that still have to get a volume."""

    couples = True

    def __init__(self, state: State, claims: Sequence[str]) -> None:
        self._state, self._claims = state, claims

    def open(self, select: Select) -> Mask | bool:
        return self._possible()[select]

    def reasons(self, select: Select) -> Iterator[tuple[Reason, Mask]]:
        words = reason(self._state.tables, "claim", ",".join(self._claims), place=1, resolvable=False)
        yield words, ~self._possible()[select]

    def _possible(self) -> Mask:
        """Nodes on which every claim can have a volume; several may want the same one."""
        state = self._state
        possible = np.ones(state.tables.size, dtype=np.bool_)
        for name in self._claims:
            possible &= state.usable(state.claims[name])
        if sum(name not in state.given for name in self._claims) > 1:
            for node in np.flatnonzero(possible):
                possible[node] = state.volumes(self._claims, int(node)) is not None
        return possible


def _filters(index: RuleIndex) -> Callable[[Shape], ClaimsFilter | None]:
    return lambda shape: ClaimsFilter(index.state, shape.claims) if shape.claims else None


def _couples(problem: Problem) -> Iterator[str]:
    return (shape.name for shape in problem.shapes if shape.claims)


def _necessary(rows: AssumedRows) -> None:
    import z3

    reach = {volume.name: volume.reach for volume in rows.problem.volumes}
    given: dict[str, list[z3.ArithRef]] = defaultdict(list)
    users: dict[str, list[str]] = defaultdict(list)
    for name, shape in rows.shapes.items():
        for claim in shape.claims:
            users[claim].append(name)
    for number, entry in enumerate(rows.problem.claims):
        if entry.name not in users:
            continue
        literal = rows.literal("claim", entry.name)
        options: list[tuple[z3.ArithRef, set[int]]] = []
        for volume in entry.volumes:
            chosen = rows.number(f"g{number}_{volume}")
            given[volume].append(chosen)
            options.append((chosen, _usable(rows, reach[volume])))
        made = _usable(rows, entry.provisions)
        for domain, groups in _confined(rows, entry.confines):
            # A new volume is made for a first pod; the others may then go wherever it reaches.
            chosen = rows.number(f"p{number}_{domain}")
            options.append((chosen, groups))
            first = rows.sum(users[entry.name], sorted(groups & made))
            rows.under([literal], z3.Or(chosen <= 0, first > 0))
        if options:
            rows.solver.add(z3.Sum([chosen for chosen, _ in options]) <= 1)
        places: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for g in range(len(rows.groups)):
            places[tuple(i for i, (_, groups) in enumerate(options) if g in groups)].append(g)
        for usable, here in sorted(places.items()):
            settled = z3.Sum([options[i][0] for i in usable]) >= 1 if usable else None
            for name in users[entry.name]:
                mine = rows.sum([name], here)
                rows.under([literal], mine <= 0 if settled is None else z3.Or(mine <= 0, settled))
    for _, chosen_by in sorted(given.items()):
        rows.solver.add(z3.Sum(chosen_by) <= 1)


def _usable(rows: AssumedRows, reach: Reach) -> set[int]:
    """The groups with a node in reach."""
    nodes = rows.problem.nodes
    return {g for g, members in enumerate(rows.groups) if any(reach.has(nodes[n]) for n in members)}


def _confined(rows: AssumedRows, key: str) -> list[tuple[str, set[int]]]:
    """The groups that have a node in each domain of a key (empty: nodes without it); all, without a key."""
    if not key:
        return [("", set(range(len(rows.groups))))]
    found: dict[str, set[int]] = defaultdict(set)
    for g, members in enumerate(rows.groups):
        for n in members:
            found[rows.problem.nodes[n].topology.get(key, "")].add(g)
    return sorted(found.items())


def _assumed(_: Problem, waiting: Sequence[Shape]) -> Iterator[Assumption]:
    return (assume("claim", name) for shape in waiting for name in shape.claims)


def _weakened(problem: Problem, dropped: Dropped) -> Problem:
    names = dropped.names("claim")
    if not names:
        return problem
    left = (tuple(name for name in shape.claims if name not in names) for shape in problem.shapes)
    shapes = (msgspec.structs.replace(each, claims=claims) for each, claims in zip(problem.shapes, left, strict=True))
    claims = (claim for claim in problem.claims if claim.name not in names)
    return msgspec.structs.replace(problem, shapes=tuple(shapes), claims=tuple(claims))


CLAIMS = Constraint(
    name="claims",
    ordered=True,
    couples=_couples,
    part=ClaimsPart,
    filters=_filters,
    necessary=_necessary,
    assumed=_assumed,
    weakened=_weakened,
)
