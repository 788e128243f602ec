"""The joint placement of all waiting pods: a valid one always in hand, and how far it is from the best."""

from __future__ import annotations

import msgspec

from kubelogic.placement.check import check
from kubelogic.placement.kube import schedule
from kubelogic.placement.optimal import relax
from kubelogic.placement.optimal.choices import choices
from kubelogic.placement.optimal.conflict import Core, conflicts, find_core
from kubelogic.placement.optimal.exact import Exact, replay
from kubelogic.placement.optimal.improve import improve, polish
from kubelogic.placement.optimal.limits import Clock, Deadline, Limits
from kubelogic.placement.optimal.model import Model, compile_problem
from kubelogic.placement.optimal.oracle import Place
from kubelogic.placement.optimal.pack import insert, place_coupled, split
from kubelogic.placement.optimal.patterns import Patterns
from kubelogic.placement.optimal.preempt import Preemption
from kubelogic.placement.optimal.result import result
from kubelogic.placement.optimal.rooms import Rooms, rooms
from kubelogic.placement.optimal.state import State
from kubelogic.placement.optimal.tighten import Weights, achieved, decode, lay_out, packables, weigh
from kubelogic.placement.optimal.wishes import Wishes
from kubelogic.placement.placement import Conflict, Placement, Unplaced
from kubelogic.placement.problem import Problem

_PATTERN_ROWS = 200
_INTEGER_CELLS = 600
_CHOICES = 9
_DETOURS = 16
_EVEN_CELLS = 1_000_000


def solve(problem: Problem, *, limits: Limits | None = None, clock: Clock | None = None) -> Placement:
    """Place as many of the waiting pods as possible, by priority, with a verdict on each that stays out.

    Args:
        problem: What to place where. Its lists may come in any order.
        limits: When to stop looking.
        clock: Seconds from any origin, monotonic. Without it ``limits.timeout`` has no effect.

    Returns:
        A placement that ``check`` accepts.

    Raises:
        AssertionError: if the independent checker refuses the joint placement and that of the one-by-one scheduler too,
            which is a fault in this package.
    """
    limits = limits or Limits()
    deadline = Deadline(limits, clock)
    placement = _place(problem, deadline)

    shapes = sorted({entry.shape for entry in placement.unplaced if entry.verdict != "waiting"})
    found = _explain(problem, placement, tuple(shapes[: limits.conflicts]), deadline)
    placement = msgspec.structs.replace(placement, conflicts=found, statistics=deadline.statistics)
    if check(problem, placement):
        placement = _fallback(problem)
    if violations := check(problem, placement):
        raise AssertionError("; ".join(str(violation) for violation in violations[:5]))
    return placement


def _fallback(problem: Problem) -> Placement:
    """What the one-by-one scheduler binds, without evictions or any claim of proof: for when the checker refuses.

    Known cause: pods that compete for volumes, which the joint search gives out too late.
    """
    bindings = schedule(problem).bindings
    bound = {binding.pod for binding in bindings}
    unplaced = tuple(
        Unplaced(pod=pod.name, shape=pod.shape, verdict="unknown")
        for pod in sorted(problem.pods, key=lambda pod: pod.name)
        if not pod.node and pod.name not in bound
    )
    return Placement(scheduler="optimal", bindings=bindings, unplaced=unplaced, complete=not unplaced)


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
    return _explain(problem, placement, shapes, Deadline(limits or Limits(), clock))


def core_of(
    problem: Problem, placement: Placement, shape: str, *, limits: Limits | None = None, clock: Clock | None = None
) -> Core | None:
    """The conflict of one shape as ``explain`` finds it, with a placement for each member that shows it is needed."""
    deadline = Deadline(limits or Limits(), clock)
    return find_core(problem, placement, shape, place=_decider(deadline), deadline=deadline)


def _explain(
    problem: Problem, placement: Placement, shapes: tuple[str, ...], deadline: Deadline
) -> tuple[Conflict, ...]:
    return conflicts(problem, placement, shapes, place=_decider(deadline), deadline=deadline)


def _decider(deadline: Deadline) -> Place:
    def place(problem: Problem, *, thorough: bool) -> tuple[bool | None, Placement]:
        found = _place(problem, deadline, thorough=True) if thorough else _quickly(problem, deadline)
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


def _place(problem: Problem, expired: Deadline, *, thorough: bool = False) -> Placement:
    model = compile_problem(problem)
    state = _evenly(model, expired)
    if state.left.any():
        state = _tightly(model, expired)
    most: dict[int, int] = {}
    if state.left.any():
        known = rooms(model)
        weights = weigh(model, known)
        state, bound = _by_patterns(model, known, weights, state, expired)
        state = _one_by_one(problem, model, weights, state, expired)
        state, exact = _by_integers(model, known, weights, state, expired, thorough=thorough)
        state = _make_way(model, weights, state, expired)
        placed = state.placed.sum(axis=1)
        limited = relax.limits(model, known, placed, deadline=expired)
        most = _least(dict(limited), {} if bound is None else decode(model, state, weights, bound))
        most = _least(most, exact)
    if not state.released:
        polish(state, expired=expired)
    return result(model, state, most=most, conflicts=(), statistics={})


def _quickly(problem: Problem, expired: Deadline) -> Placement:
    """A placement without any search or proof."""
    model = compile_problem(problem)
    state = _evenly(model, expired)
    if state.left.any():
        state = _tightly(model, expired)
    if state.left.any():
        state = _make_way(model, weigh(model, rooms(model)), state, expired)
    most = {
        level: int(sum(len(k.pods) for k in model.kinds if k.priority >= level))
        for level in {k.priority for k in model.kinds}
    }
    return result(model, state, most=most, conflicts=(), statistics={})


def _evenly(model: Model, expired: Deadline) -> State:
    """Pod by pod, where wishes and balance prefer it: right if everything fits that way."""
    state = State(model, wishes=Wishes(model))
    if int(state.left.sum()) * len(model.nodes) <= _EVEN_CELLS:
        place_coupled(state)
        insert(state)
        improve(state, expired=expired)
    return state


def _tightly(model: Model, expired: Deadline) -> State:
    """Class by class, so that as much as possible fits."""
    state = State(model)
    place_coupled(state)
    split(state, relax.guide(model, state.free, state.left, deadline=expired))
    insert(state)
    improve(state, expired=expired)
    return state


def _make_way(model: Model, weights: Weights, state: State, expired: Deadline) -> State:
    """What is left waits for terminating pods and for victims; or for victims alone, if that places more."""
    if not state.left.any():
        return state
    later = state.copy()
    _wait_for_leavers(later, expired)
    _preempt(later, expired)
    if not later.released or not any(pod.terminating for pod in model.running):
        return later
    # A pod that terminates can help while it is there: by its affinity, or a volume that it shares.
    _preempt(state, expired)
    worth, other = weights.value(model, later), weights.value(model, state)
    return state if (other, -len(state.evicted)) > (worth, -len(later.evicted)) else later


def _wait_for_leavers(state: State, expired: Deadline) -> None:
    """Let what is left have the room of pods that are terminating already."""
    leaving = [pod for pod in state.model.running if pod.terminating]
    for pod in leaving:
        state.release(pod)
    if leaving:
        place_coupled(state)
        insert(state)
        improve(state, expired=expired)


def _preempt(state: State, expired: Deadline) -> None:
    running = min(
        (state.model.shapes[state.model.shape_index[p.shape]].priority for p in state.model.running), default=None
    )
    levels = {kind.priority for kind in state.model.kinds}
    if len(levels) > 1 or (running is not None and running < max(levels, default=running)):
        Preemption(state).run(expired=expired)


def _by_patterns(
    model: Model, known: Rooms, weights: Weights, state: State, expired: Deadline
) -> tuple[State, int | None]:
    """The better of ``state`` and placements made of whole-node patterns, and a limit on the weighted
    value.

    Only for problems that are small enough for it.
    """
    if len(model.nodes) + len(model.kinds) + len(known.leave) > _PATTERN_ROWS:
        return state, None
    open_ones: list[tuple[int, Rooms, Patterns]] = []
    for choice in choices(model, known, most=_CHOICES):
        if expired():
            return state, None
        items = packables(model, choice, weights)
        if not items.countable:
            return state, None
        patterns = Patterns(items)
        if not open_ones:
            state = _better(model, weights, state, _dive(model, choice, patterns, expired))
        most = patterns.bound(reached=weights.value(model, state) + weights.all_kept, rounds=80, expired=expired)
        open_ones.append((most, choice, patterns))
    for most, choice, patterns in sorted(open_ones, key=lambda entry: -entry[0]):
        for detour in range(-1, _DETOURS):
            if most <= weights.value(model, state) + weights.all_kept or expired():
                break
            state = _better(model, weights, state, _dive(model, choice, patterns, expired, detour=detour))
    limit = max(most for most, *_ in open_ones)
    return state, limit - weights.all_kept


def _dive(model: Model, known: Rooms, patterns: Patterns, expired: Deadline, *, detour: int = -1) -> State:
    state = lay_out(model, known, patterns.dive(rounds=12, expired=expired, detour=detour))
    place_coupled(state)
    insert(state)
    improve(state, expired=expired)
    return state


def _better(model: Model, weights: Weights, state: State, other: State) -> State:
    return other if weights.value(model, other) > weights.value(model, state) else state


def _one_by_one(problem: Problem, model: Model, weights: Weights, state: State, expired: Deadline) -> State:
    """The better of ``state`` and what the one-by-one scheduler binds, if the problem is small enough to try."""
    if not state.left.any() or int(model.counts.sum()) * len(model.nodes) > _EVEN_CELLS:
        return state
    kinds = {model.shapes[shape].name: k for k, kind in enumerate(model.kinds) for shape in kind.shapes}
    shapes = {pod.name: pod.shape for pod in problem.pods}
    other = State(model)
    for binding in schedule(problem).bindings:
        kind, node = kinds[shapes[binding.pod]], model.node_index[binding.node]
        if other.open(kind)[node]:
            other.put(kind, node)
    insert(other)
    improve(other, expired=expired)
    return _better(model, weights, state, other)


def _by_integers(
    model: Model, known: Rooms, weights: Weights, state: State, expired: Deadline, *, thorough: bool
) -> tuple[State, dict[int, int]]:
    """A better placement of pods that constrain each other, level by level, and what is proved on the way."""
    gap = state.left.any() and (thorough or any(kind.coupled for kind in model.kinds))
    if not gap or len(model.nodes) * len(model.kinds) > _INTEGER_CELLS:
        return state, {}
    exact = Exact(model, known, deadline=expired)
    stays = not known.leave and not any(pod.terminating for pod in model.running)
    proved: dict[int, int] = {}
    wanted: dict[int, int] = {}
    total, tight = 0, stays
    for level in sorted({kind.priority for kind in model.kinds}, reverse=True):
        waiting = sum(len(kind.pods) for kind in model.kinds if kind.priority == level)
        reached = achieved(model, state)[level]
        while reached < waiting and not expired():
            found = exact.find({**wanted, level: reached + 1})
            other = State(model) if found.counts is None else replay(model, found.counts)
            if found.counts is not None:
                insert(other)
                improve(other, expired=expired)
            if weights.value(model, other) <= weights.value(model, state):
                tight = tight and found.impossible
                break
            state = other
            reached = achieved(model, state)[level]
        tight = tight and (reached == waiting or not expired())
        wanted[level] = reached
        total += reached
        if not tight:
            break
        proved[level] = total
    return state, proved


def _least(one: dict[int, int], other: dict[int, int]) -> dict[int, int]:
    return {level: min(limit, other.get(level, limit)) for level, limit in one.items()}
