"""Why pods cannot be placed: small sets of assumptions that cannot hold together, of which each one is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from kubelogic.placement.bystanders import lone_question
from kubelogic.placement.optimal.assumptions import assumptions
from kubelogic.placement.optimal.limits import Deadline, Effort
from kubelogic.placement.optimal.oracle import Holds, Oracle, Place, Refused
from kubelogic.placement.placement import Assumption, Conflict, Placement
from kubelogic.placement.problem import Pod, Problem

_CHUNKED = 8
"""Cores above this size are first thinned by halves, quarters and so on."""

_MANY = 600
"""Of more assumptions than this, only whole kinds are left out, not one by one."""


class Core(msgspec.Struct, frozen=True, kw_only=True):
    """``members`` that cannot hold together, in a question with the ``universe`` of assumptions.

    ``witnesses``: for each member that is needed, what can be placed without it. ``minimal``: that is all of them.
    """

    question: Problem
    universe: frozenset[Assumption]
    members: tuple[Assumption, ...]
    witnesses: tuple[tuple[Assumption, Holds], ...]
    placeable: int

    @property
    def minimal(self) -> bool:
        """Whether every member was shown to be needed."""
        return len(self.witnesses) == len(self.members)


def conflicts(
    problem: Problem, placement: Placement, shapes: tuple[str, ...], *, place: Place, deadline: Deadline
) -> tuple[Conflict, ...]:
    """A conflict for each of ``shapes`` for which one can be proved."""
    found: list[Conflict] = []
    for shape in shapes:
        core = find_core(problem, placement, shape, place=place, deadline=deadline)
        if core is not None:
            found.append(Conflict(shape=shape, core=core.members, placeable=core.placeable, minimal=core.minimal))
    return tuple(found)


def find_core(problem: Problem, placement: Placement, shape: str, *, place: Place, deadline: Deadline) -> Core | None:
    """Why not all pods of a shape are placed; None if that is not proved.

    Asks ever more: can one pod of the shape be placed where only the running pods are; can all of it; can all of
    it with all other waiting pods of its priority or higher. The first refusal is explained. Questions that were not
    decided are asked again, with more effort, only if none was refused. Where thousands of nodes each have a reason of
    their own, a core has thousands of members: none is told then.
    """
    oracles: dict[int, Oracle] = {}
    for effort in (Effort.SOME, Effort.ALL):
        for number, (question, placeable, single) in enumerate(_questions(problem, placement, shape)):
            if deadline():
                return None
            everything = assumptions(question)
            if single:
                everything = tuple(entry for entry in everything if entry.kind != "count")
            universe = frozenset(everything)
            if number not in oracles:
                oracles[number] = Oracle(question, universe, place=place, near=placement, deadline=deadline)
            oracle = oracles[number]
            order = _dispensable_first(everything, shape)
            for asked in _extents(oracle, order, placement, shape):
                answer = oracle.ask(asked, effort)
                if isinstance(answer, Refused):
                    if len(asked) > _MANY:
                        start = _of_few_kinds(oracle, answer.core, order, question)
                        if len(start) * len(asked) > _MANY**2:
                            return None
                    else:
                        start = _preferred(oracle, answer.core, [entry for entry in order if entry in asked])
                    members, witnesses = _minimal(oracle, start, order, deadline)
                    return Core(
                        question=question,
                        universe=universe,
                        members=tuple(sorted(members)),
                        witnesses=tuple(sorted(witnesses.items())),
                        placeable=placeable,
                    )
    return None


def _questions(problem: Problem, placement: Placement, shape: str) -> list[tuple[Problem, int, bool]]:
    """Problems of growing size, with how many pods of the shape were placed, and whether only one is asked for."""
    priority = {entry.name: entry.priority for entry in problem.shapes}
    waiting = problem.waiting
    mine = sorted((pod for pod in waiting if pod.shape == shape), key=lambda pod: (pod.order, pod.name))
    shapes = {pod.name: pod.shape for pod in waiting}
    placed = sum(shapes[entry.pod] == shape for entry in (*placement.bindings, *placement.nominations))
    others = [pod for pod in waiting if pod.shape != shape and priority[pod.shape] >= priority[shape]]

    def ask(chosen: Sequence[Pod]) -> Problem:
        return msgspec.structs.replace(problem, pods=(*problem.running, *chosen))

    found = [(lone_question(problem, mine[0]), 0, True)]
    if len(mine) > 1:
        found.append((ask(mine), placed, False))
    if others:
        found.append((ask([*mine, *others]), placed, False))
    return found


def _extents(
    oracle: Oracle, order: Sequence[Assumption], placement: Placement, shape: str
) -> Iterator[frozenset[Assumption]]:
    """Which assumptions to ask for: first without the counts of shapes that cannot be placed in any case.

    Otherwise one of those would be the conflict of every pod that is left out.
    """
    everything = frozenset(order)
    short = {entry.shape for entry in placement.unplaced} - {shape}
    counts = sorted(entry for entry in order if entry.kind == "count" and entry.subjects[0] in short)
    if counts:
        own = frozenset(entry for entry in order if entry.kind == "count" and entry.subjects[0] == shape)
        rest = everything - own - frozenset(counts)
        for entry in counts:
            if oracle.refused(rest | {entry}) is None:
                rest |= {entry}
        yield rest | own
    yield everything


def _dispensable_first(everything: Sequence[Assumption], shape: str) -> tuple[Assumption, ...]:
    """What a reader would rather not see comes first: other shapes, then what only the platform can change."""
    last_first = list(reversed(everything))
    return tuple(sorted(last_first, key=lambda entry: (shape in entry.subjects, entry.kind != "count")))


def _minimal(
    oracle: Oracle, core: frozenset[Assumption], order: Sequence[Assumption], deadline: Deadline
) -> tuple[frozenset[Assumption], dict[Assumption, Holds]]:
    """A core within ``core`` from which nothing can go, and what holds without each of its members.

    Goes through the members and drops those without which the others are refused still. One for which that was not
    decided is tried again once the core is smaller, and last with more effort. Fewer assumptions never allow less, so a
    member that was needed once stays needed.
    """
    core = _thinned(oracle, core, order)
    witnesses: dict[Assumption, Holds] = {}
    for effort in (Effort.SOME, Effort.ALL):
        size = len(core) + 1
        while len(core) < size and len(core) > len(witnesses) and not deadline():
            size = len(core)
            for entry in order:
                if entry not in core or entry in witnesses or deadline():
                    continue
                match oracle.ask(core - {entry}, effort):
                    case Refused(core=smaller):
                        core = smaller
                    case Holds() as held:
                        witnesses[entry] = held
                    case None:
                        pass
    return core, witnesses


def _preferred(oracle: Oracle, core: frozenset[Assumption], order: Sequence[Assumption]) -> frozenset[Assumption]:
    """The smallest of the cores that are proved quickly, from several orders of leaving things out."""
    everything = frozenset(order)
    best = core
    for start in (core, everything):
        if oracle.refused(start) is None:
            continue
        for each in (order, tuple(reversed(order))):
            found = start
            for entry in each:
                if entry in found and (smaller := oracle.refused(found - {entry})) is not None:
                    found = smaller.core
            if _burden(found) < _burden(best):
                best = found
    return best


def _of_few_kinds(
    oracle: Oracle, core: frozenset[Assumption], order: Sequence[Assumption], question: Problem
) -> frozenset[Assumption]:
    """A smaller core, by leaving out at once what says the same of many nodes, as far as that is refused quickly."""
    classes = {node.node_class for node in question.nodes}
    alike: dict[tuple[str, ...], set[Assumption]] = {}
    for entry in order:
        about = (subject for subject in entry.subjects if subject not in classes)
        alike.setdefault((entry.kind, *about), set()).add(entry)
    for group in alike.values():
        if not core.isdisjoint(group) and (smaller := oracle.refused(core - group)) is not None:
            core = smaller.core
    return core


def _burden(core: frozenset[Assumption]) -> tuple[int, int, tuple[Assumption, ...]]:
    """How much a reader has to look at: counts of pods first, then members."""
    return sum(entry.kind == "count" for entry in core), len(core), tuple(sorted(core))


def _thinned(oracle: Oracle, core: frozenset[Assumption], order: Sequence[Assumption]) -> frozenset[Assumption]:
    """A smaller core, by leaving out many members at once; only as far as that is refused quickly."""
    size = len(core) // 2
    while size >= 2 and len(core) > _CHUNKED:
        members = [entry for entry in order if entry in core]
        for start in range(0, len(members), size):
            left = core - frozenset(members[start : start + size])
            if left != core and left:
                found = oracle.refused(left)
                core = core if found is None else found.core
        size //= 2
    return core
