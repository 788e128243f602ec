"""The joint placement of all waiting pods: a valid one always in hand, and how far it is from the best."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import msgspec

from kubelogic.placement.check import Violation, check
from kubelogic.placement.counts import counts_of
from kubelogic.placement.ignored import without_ignored
from kubelogic.placement.kube import schedule
from kubelogic.placement.optimal import relax
from kubelogic.placement.optimal.conflict import Core, conflicts, find_core
from kubelogic.placement.optimal.disruption import disrupt_less
from kubelogic.placement.optimal.improve import polish
from kubelogic.placement.optimal.limits import Clock, Deadline, Effort, Limits
from kubelogic.placement.optimal.model import Model, compile_problem
from kubelogic.placement.optimal.neighbourhoods import search
from kubelogic.placement.optimal.oracle import Place
from kubelogic.placement.optimal.result import adopted, result, standing
from kubelogic.placement.optimal.rooms import Rooms, alone, rooms
from kubelogic.placement.optimal.stages import (
    BRANCHES,
    by_integers,
    by_patterns,
    comparable,
    evenly,
    make_way,
    one_by_one,
    promised,
    resumed,
    tightly,
    waits,
)
from kubelogic.placement.optimal.state import State
from kubelogic.placement.optimal.tighten import achieved, decode, weigh
from kubelogic.placement.placement import Conflict, Placement
from kubelogic.placement.problem import Problem

_FEW_BRANCHES = 4
_STATES = 1_500


def solve(problem: Problem, *, limits: Limits | None = None, clock: Clock | None = None) -> Placement:
    """Place as many of the waiting pods as possible, by priority, with a verdict on each that stays out.

    Args:
        problem: What to place where. Its lists may come in any order.
        limits: When to stop looking.
        clock: Seconds from any origin, monotonic. Without it ``limits.timeout`` has no effect.

    Returns:
        A placement that ``check`` accepts.

    Raises:
        AssertionError: if the independent checker refuses every placement that was found, which is a fault in this
            package.
    """
    problem = without_ignored(problem)
    limits = limits or Limits()
    deadline = Deadline(limits, clock)
    refused: tuple[Violation, ...] = ()
    for placement in _candidates(problem, deadline):
        if not (violations := check(problem, placement)):
            shapes = sorted({entry.shape for entry in placement.unplaced if entry.verdict != "waiting"})
            found = _explain(problem, placement, tuple(shapes[: limits.conflicts]), deadline)
            return msgspec.structs.replace(placement, conflicts=found, statistics=deadline.statistics)
        refused = refused or violations
    raise AssertionError("; ".join(str(violation) for violation in refused[:5]))


def explain(
    problem: Problem,
    placement: Placement,
    shapes: tuple[str, ...],
    *,
    limits: Limits | None = None,
    clock: Clock | None = None,
) -> tuple[Conflict, ...]:
    """Why pods of these shapes are impossible in ``placement``; none for a shape of which that cannot be proved.

    Args:
        problem: The problem that ``placement`` answers.
        placement: An answer that leaves pods of the shapes out.
        shapes: Names of shapes with pods that were not placed.
        limits: When to stop looking.
        clock: Seconds from any origin, monotonic.
    """
    return _explain(without_ignored(problem), placement, shapes, Deadline(limits or Limits(), clock))


def core_of(
    problem: Problem, placement: Placement, shape: str, *, limits: Limits | None = None, clock: Clock | None = None
) -> Core | None:
    """The conflict of one shape as ``explain`` finds it, with a placement for each member that shows it is needed."""
    deadline = Deadline(limits or Limits(), clock)
    return find_core(without_ignored(problem), placement, shape, place=_decider(deadline), deadline=deadline)


def _explain(
    problem: Problem, placement: Placement, shapes: tuple[str, ...], deadline: Deadline
) -> tuple[Conflict, ...]:
    return conflicts(problem, placement, shapes, place=_decider(deadline), deadline=deadline)


def _decider(deadline: Deadline) -> Place:
    def place(problem: Problem, effort: Effort, near: Placement | None = None) -> tuple[bool | None, Placement]:
        if effort == Effort.QUICK:
            found = _quickly(problem, deadline, near)
        else:
            branches = BRANCHES if effort == Effort.ALL else _FEW_BRANCHES
            found = _place(problem, deadline, thorough=True, branches=branches)
        return _all_placed(problem, found), found

    return place


def _all_placed(problem: Problem, placement: Placement) -> bool | None:
    """Whether everything was placed, now or later; None if more might have been."""
    if all(entry.verdict == "waiting" for entry in placement.unplaced):
        return True
    if any(entry.verdict == "impossible" for entry in placement.unplaced):
        return False
    priority = {shape.name: shape.priority for shape in problem.shapes}
    top = max(bound.priority for bound in placement.bounds)
    evictable = {priority[pod.shape] for pod in problem.pods if pod.node and pod.movable}
    for bound in placement.bounds:
        wanted = sum(not pod.node and priority[pod.shape] >= bound.priority for pod in problem.pods)
        # Where pods of this priority could be evicted, the limit counts those, too.
        if bound.most < wanted and not any(bound.priority <= level < top for level in evictable):
            return False
    return None


def _place(problem: Problem, expired: Deadline, *, thorough: bool = False, branches: int = BRANCHES) -> Placement:
    return next(_candidates(problem, expired, thorough=thorough, branches=branches))


def _candidates(
    problem: Problem, expired: Deadline, *, thorough: bool = False, branches: int = BRANCHES
) -> Iterator[Placement]:
    """The best placement, and others should the checker refuse it: that is a fault, but no reason to give none."""
    model = _compiled(problem)
    state = evenly(model, expired)
    if state.left.any():
        state = tightly(model, expired)
    most: dict[int, int] = {}
    proof = ""
    before, theirs = state, None
    known = rooms(model) if state.left.any() else None
    if known is not None and not model.reserved and (state.placed.sum(axis=1) >= alone(known)).all():
        # Those that are left have no room on any node, even with everybody gone who may be evicted for them.
        most = dict(_sums(model, dict(enumerate(state.placed.sum(axis=1).tolist()))))
        proof = "room for each kind by itself, in exact integers"
    elif known is not None:
        weights = weigh(model, known)
        theirs = schedule(problem) if comparable(model) else None
        state, bound = by_patterns(model, known, weights, state, expired, branches=branches)
        if theirs is not None and state.left.any():
            state = one_by_one(model, theirs, weights, state, expired)
        state, exact = by_integers(model, known, weights, state, expired, bound=bound, thorough=thorough)
        if not thorough and not exact and (bound is None or weights.value(model, state) < bound):
            state = search(state, expired=expired)
        before = state.copy()
        state = make_way(model, weights, state, expired)
        state, proved = disrupt_less(model, known, weights, state, expired)
        placed = state.placed.sum(axis=1)
        limits = {
            "patterns of whole nodes, in exact integers": {} if bound is None else decode(model, state, weights, bound),
            "counts per kind and node, by z3": exact,
            "counts per kind, node and eviction, by z3": proved,
            "sums over classes, by z3": dict(relax.limits(model, known, placed, deadline=expired)),
        }
        most, proof = _tightest(model, state, limits)
        if not proof and (found := _by_states(model, known, state)):
            most, proof = _tightest(model, state, limits | {"all states of counts, gone through": found})
    elif waits(model):
        state = make_way(model, weigh(model, rooms(model)), state, expired)
    if not state.released:
        polish(state, expired=expired)
    joint = result(model, state, most=most, conflicts=(), statistics={}, proof=proof)
    if theirs is not None and (theirs.evictions or model.reserved):
        other = adopted(model, theirs, most=most)
        if standing(model, other) > standing(model, joint):
            yield other
    if (promise := _in_the_way(model, joint)) is not None:
        other = _place(_without_promises(problem), expired, thorough=thorough, branches=branches)
        if standing(model, other, above=promise) > standing(model, joint, above=promise):
            yield other
    yield joint
    if model.reserved:
        yield _place(_without_promises(problem), expired, thorough=thorough, branches=branches)
    if before is not state:
        yield result(model, before, most=most, conflicts=(), statistics={})
    yield adopted(model, theirs or schedule(problem), most=most)


def _by_states(model: Model, known: Rooms, state: State) -> dict[int, int]:
    """Limits from going through all that kinds that were left can come to; empty where there are too many states.

    A rule between pods holds when a pod comes; what can be reached so may be less than what keeps the rules.
    """
    most = alone(known)
    for k, kind in enumerate(model.kinds):
        shape = model.shapes[kind.shapes[0]].name
        if state.left[k] and kind.coupled and len(kind.shapes) == 1:
            counts = counts_of(model.problem, shape)
            there = 0 if counts is None else sum(counts.there)
            reached = None if counts is None else counts.reachable(there + len(kind.pods), states=_STATES)
            if reached is None:
                return {}
            most[k] = min(int(most[k]), reached - there)
    return dict(_sums(model, {k: int(most[k]) for k in range(len(model.kinds))}))


def _sums(model: Model, got: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """The pods of each priority and higher, of so many per kind."""
    for level in sorted({kind.priority for kind in model.kinds}, reverse=True):
        yield level, sum(got[k] for k, kind in enumerate(model.kinds) if kind.priority >= level)


def _in_the_way(model: Model, placement: Placement) -> int | None:
    """The lowest priority that was promised a node, if pods of higher priority, who need not heed it, were left out."""
    least = min((model.kinds[kind].priority for kind, _ in model.reserved), default=None)
    priority = {shape.name: shape.priority for shape in model.shapes}
    left = (priority[entry.shape] for entry in placement.unplaced if entry.verdict != "waiting")
    return least if least is not None and any(level > least for level in left) else None


def _without_promises(problem: Problem) -> Problem:
    pods = tuple(msgspec.structs.replace(pod, nominated="") for pod in problem.pods)
    return msgspec.structs.replace(problem, pods=pods)


def _compiled(problem: Problem) -> Model:
    model = compile_problem(problem)
    return replace(model, reserved=promised(model))


def _quickly(problem: Problem, expired: Deadline, near: Placement | None) -> Placement:
    """A placement without any search or proof; ``near`` is one of a similar problem."""
    model = _compiled(problem)
    state = State(model) if near is None else resumed(model, near, expired)
    for stage in (evenly, tightly):
        if state.left.any():
            other = stage(model, expired)
            state = other if other.left.sum() < state.left.sum() or near is None else state
    if state.left.any() or waits(model):
        state = make_way(model, weigh(model, rooms(model)), state, expired)
    most = {
        level: int(sum(len(k.pods) for k in model.kinds if k.priority >= level))
        for level in {k.priority for k in model.kinds}
    }
    return result(model, state, most=most, conflicts=(), statistics={})


def _tightest(model: Model, state: State, limits: Mapping[str, Mapping[int, int]]) -> tuple[dict[int, int], str]:
    """The least of several proved limits per priority, and by name those with which the placement reaches them all.

    Args:
        limits: for each way of proof, the most pods of a priority or higher, by priority.
    """
    levels = sorted({kind.priority for kind in model.kinds}, reverse=True)
    most = {level: min(found[level] for found in limits.values() if level in found) for level in levels}
    got, total = achieved(model, state), 0
    needed: set[str] = set()
    for level in levels:
        total += got[level]
        if most[level] > total:
            return most, ""
        if not any(limits[name].get(level) == most[level] for name in needed):
            needed.add(next(name for name, found in limits.items() if found.get(level) == most[level]))
    return most, "; ".join(name for name in limits if name in needed)
