"""The joint placement of all waiting pods: a valid one always in hand, and how far it is from the best."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from kubelogic.placement.check import Violation, check
from kubelogic.placement.counts import counts_of
from kubelogic.placement.ignored import without_ignored
from kubelogic.placement.kube.scheduler import schedule
from kubelogic.placement.optimal.bounding import most_alone, upper_bounds
from kubelogic.placement.optimal.compile import compile_problem
from kubelogic.placement.optimal.improve import polish
from kubelogic.placement.optimal.limits import Clock, Deadline, Effort, Limits
from kubelogic.placement.optimal.model import Model
from kubelogic.placement.optimal.result import PLACED, adopted, result, standing
from kubelogic.placement.optimal.stages import (
    BRANCHES,
    comparable,
    evenly,
    make_way,
    promised,
    resumed,
    small,
    tightly,
    waits,
)
from kubelogic.placement.optimal.state import State
from kubelogic.placement.optimal.tighten import tightest, weigh
from kubelogic.placement.optimal.upper_bounds import UpperBounds
from kubelogic.placement.placement import Bound, Conflict, Placement, Unplaced
from kubelogic.placement.private_volumes import private_volumes_as_amounts
from kubelogic.placement.problem import Problem

if TYPE_CHECKING:
    from kubelogic.placement.optimal.conflict import Core
    from kubelogic.placement.optimal.oracle import Place

_ALONE = "room for each kind by itself, in exact integers"
_NOTHING = Bound(priority=1 << 62, placed=0, most=0)
_ALL_STATES = "all states of counts, gone through"
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
    from kubelogic.placement.optimal.conflict import find_core

    deadline = Deadline(limits or Limits(), clock)
    return find_core(without_ignored(problem), placement, shape, place=_decider(deadline), deadline=deadline)


def _explain(
    problem: Problem, placement: Placement, shapes: tuple[str, ...], deadline: Deadline
) -> tuple[Conflict, ...]:
    if not shapes:
        return ()
    from kubelogic.placement.optimal.conflict import conflicts  # which loads z3

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
    problem = private_volumes_as_amounts(problem)
    model = _compiled(problem)
    state = evenly(model, expired)
    known = upper_bounds(model) if state.left.any() else None
    most, proof = _at_once(model, known, state) if known is not None and small(model) else ({}, "")
    if known is not None and not proof and (hopeless := _hopeless(model, known)):
        for placement in _candidates(_without(problem, hopeless), expired, thorough=thorough, branches=branches):
            yield _with_hopeless(problem, hopeless, placement)
        return
    if known is not None and not proof:
        state = tightly(model, expired)
        if state.left.any():
            most, proof = _at_once(model, known, state)
    before, theirs = state, None
    if known is not None and state.left.any() and not proof:
        from kubelogic.placement.optimal.thorough import search_on

        theirs = schedule(problem) if comparable(model) else None
        searched = search_on(model, known, state, theirs, expired, thorough=thorough, branches=branches)
        state, before, most, proof = searched.state, searched.before, searched.most, searched.proof
        if not proof and (found := _by_states(model, known, state)):
            most, proof = tightest(model, state, searched.limits | {_ALL_STATES: found})
    elif not proof and waits(model):
        state = make_way(model, weigh(model, upper_bounds(model)), state, expired)
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


def _at_once(model: Model, known: UpperBounds, state: State) -> tuple[dict[int, int], str]:
    """Limits that take no search, and by name those that show that the placement cannot be better, if they do."""
    if model.reserved:
        return {}, ""
    if (state.placed.sum(axis=1) >= most_alone(known)).all():
        # Those that are left have no room on any node, even with everybody gone who may be evicted for them.
        return dict(_sums(model, dict(enumerate(state.placed.sum(axis=1).tolist())))), _ALONE
    found = _by_states(model, known, state)
    return tightest(model, state, {_ALL_STATES: found}) if found else ({}, "")


def _hopeless(model: Model, known: UpperBounds) -> set[str]:
    """The shapes of item classes that have no room on any node, even were they alone: no search need look at them."""
    if model.reserved:
        return set()
    nowhere = np.flatnonzero(most_alone(known) == 0).tolist()
    return {model.shapes[shape].name for k in nowhere for shape in model.item_classes[k].shapes}


def _without(problem: Problem, shapes: set[str]) -> Problem:
    pods = tuple(pod for pod in problem.pods if pod.node or pod.shape not in shapes)
    return msgspec.structs.replace(problem, pods=pods)


def _with_hopeless(problem: Problem, shapes: set[str], placement: Placement) -> Placement:
    """A placement of the other pods as one of all: those without room anywhere are left out."""
    out = [pod for pod in problem.pods if not pod.node and pod.shape in shapes]
    priority = {shape.name: shape.priority for shape in problem.shapes}
    shape_of = {pod.name: pod.shape for pod in problem.pods}
    evicted = [priority[shape_of[entry.pod]] for entry in placement.evictions]
    bounds = list(placement.bounds)
    for level in {priority[pod.shape] for pod in out} - {bound.priority for bound in placement.bounds}:
        above = min((b for b in placement.bounds if b.priority > level), key=lambda b: b.priority, default=_NOTHING)
        lost = sum(level <= other < above.priority for other in evicted)
        bounds.append(Bound(priority=level, placed=above.placed - lost, most=above.most))
    left = (Unplaced(pod=pod.name, shape=pod.shape, verdict="impossible") for pod in out)
    proved = [] if placement.proof == PLACED else [placement.proof]
    return msgspec.structs.replace(
        placement,
        unplaced=(*placement.unplaced, *left),
        bounds=tuple(sorted(bounds, key=lambda bound: -bound.priority)),
        proof="; ".join([_ALONE, *proved]) if all(proved) else "",
    )


def _by_states(model: Model, known: UpperBounds, state: State) -> dict[int, int]:
    """Limits from going through all that item classes that were left can come to; empty where there are too many
    states.

    A rule between pods holds when a pod comes; what can be reached so may be less than what keeps the rules.
    """
    most = most_alone(known)
    for k, item_class in enumerate(model.item_classes):
        shape = model.shapes[item_class.shapes[0]].name
        if state.left[k] and item_class.coupled and len(item_class.shapes) == 1:
            counts = counts_of(model.problem, shape)
            there = 0 if counts is None else sum(counts.there)
            reached = None if counts is None else counts.reachable(there + len(item_class.pods), states=_STATES)
            if reached is None:
                return {}
            most[k] = min(int(most[k]), reached - there)
    return dict(_sums(model, {k: int(most[k]) for k in range(len(model.item_classes))}))


def _sums(model: Model, got: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """The pods of each priority and higher, of so many per item class."""
    for level in sorted({item_class.priority for item_class in model.item_classes}, reverse=True):
        yield level, sum(got[k] for k, item_class in enumerate(model.item_classes) if item_class.priority >= level)


def _in_the_way(model: Model, placement: Placement) -> int | None:
    """The lowest priority that was promised a node, if pods of higher priority, who need not heed it, were left out."""
    least = min((model.item_classes[item_class].priority for item_class, _ in model.reserved), default=None)
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
        state = make_way(model, weigh(model, upper_bounds(model)), state, expired)
    most = {
        level: int(sum(len(k.pods) for k in model.item_classes if k.priority >= level))
        for level in {k.priority for k in model.item_classes}
    }
    return result(model, state, most=most, conflicts=(), statistics={})
