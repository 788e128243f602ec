"""Problems in which pods ask for devices: jointly as amounts, then with devices on each node.

What can be placed as amounts (``device_relaxation``) bounds what devices allow, and more closely whole patterns of
nodes do (``device_patterns``), which also place it; each node gives out its devices for all of its pods at once. Where
these do not settle it, the one-by-one scheduler tries several orders, and small problems are placed jointly as amounts;
pods for which there are no devices are placed anew around the others. The best of these answers is taken; it is never
worse than that of the one-by-one scheduler.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random

import msgspec

from kubelogic.placement.check import check
from kubelogic.placement.devices.model import DeviceError, Failure
from kubelogic.placement.kube.devices import Desk
from kubelogic.placement.kube.examine import examine
from kubelogic.placement.kube.scheduler import schedule
from kubelogic.placement.optimal import device_patterns
from kubelogic.placement.optimal.device_relaxation import Relaxed, relax
from kubelogic.placement.optimal.sums import most_by_sums
from kubelogic.placement.placement import Binding, Bound, Placement, Unplaced
from kubelogic.placement.problem import Pod, Problem

Solve = Callable[[Problem], Placement]

_CELLS = 60
_SHUFFLES = 8
_CHOOSY = 4_000


def asks(problem: Problem) -> bool:
    """Whether a waiting pod asks for devices."""
    if problem.devices is None:
        return False
    return any(_asks(problem, pod) for pod in problem.waiting)


def _asks(problem: Problem, pod: Pod) -> bool:
    extended = problem.devices.extended if problem.devices is not None else {}
    return bool(pod.device_claims) or any(name in extended for each in pod.containers for name in each.requests)


def place(problem: Problem, solve: Solve, *, late: Callable[[], bool]) -> Placement:
    """The best answer that is found.

    Args:
        problem: with pods that ask for devices.
        solve: the joint scheduler, for pods that ask for none.
        late: whether it is time to stop looking for a better one.
    """
    best = _better(problem, None, _around(problem, schedule(problem), solve))
    limits: dict[int, int] = {}
    proof = ""
    relaxed = None
    if best is None or best.unplaced:
        relaxed = relax(problem)
    if relaxed is not None and best is not None:
        best, limits, proof = _by_patterns(problem, relaxed, best, late=late)
    if relaxed is not None and not _reached(problem, best, limits) and not late():
        limits = _least(limits, _limits(problem, most_by_sums(relaxed.problem, late=late)))
    for ordered in _orders(problem):
        if best is not None and (_reached(problem, best, limits) or late()):
            break
        best = _better(problem, best, _around(problem, schedule(ordered), solve))
    if relaxed is not None and not _reached(problem, best, limits) and _small(relaxed.problem) and not late():
        joint = solve(relaxed.problem)
        limits = _least(limits, _limits(problem, {bound.priority: bound.most for bound in joint.bounds}))
        best = _better(problem, best, _with_devices(problem, joint))
    assert best is not None
    optimal = _reached(problem, best, limits)
    unplaced = tuple(_verdict(problem, entry, optimal=optimal) for entry in best.unplaced)
    counts = _sums(problem, best)
    bounds = tuple(
        Bound(priority=level, most=counts[level] if optimal else limits[level], placed=counts[level])
        for level in sorted(limits, reverse=True)
    )
    proof = "every pod is placed" if not best.unplaced else (proof or "devices as amounts") if optimal else ""
    return msgspec.structs.replace(
        best,
        scheduler="optimal",
        unplaced=unplaced,
        bounds=bounds,
        conflicts=(),
        complete=all(entry.verdict != "unknown" for entry in unplaced),
        found=best.found or "devices",
        proof=proof,
    )


def _by_patterns(
    problem: Problem, relaxed: Relaxed, best: Placement, *, late: Callable[[], bool]
) -> tuple[Placement, dict[int, int], str]:
    """The best of what is in hand and of whole patterns, limits that these prove, and what proves them."""
    desk, pods = Desk(problem), {pod.name: pod for pod in problem.waiting}

    def fits(node: str, names: Sequence[str]) -> bool:
        try:
            return desk.together([pods[name] for name in names if desk.concerns(pods[name])], node) is not None
        except DeviceError:
            return False

    found = device_patterns.best(relaxed, start=best, fits=fits, late=late)
    if found is None:
        return best, {}, ""
    if found.placement is not None:
        best = _better(problem, best, _with_devices(problem, found.placement)) or best
    counts = _sums(problem, best)
    levels = sorted(found.weight, reverse=True)
    worth = sum(
        found.weight[level] * (counts[level] - (counts[levels[rank - 1]] if rank else 0))
        for rank, level in enumerate(levels)
    )
    if worth >= found.most:
        return best, _limits(problem, counts), "whole patterns of nodes with devices, in exact integers and by z3"
    return best, _limits(problem, {levels[0]: found.most // found.weight[levels[0]]}), ""


def _better(problem: Problem, best: Placement | None, found: Placement | None) -> Placement | None:
    if found is None or (best is not None and _worth(problem, found) <= _worth(problem, best)):
        return best
    sound = msgspec.structs.replace(found, scheduler="kube") if best is None else found
    return found if not check(problem, sound) else best


def _small(relaxed: Problem) -> bool:
    """Whether the joint scheduler is asked about the amounts: it takes its time with many kinds of pods."""
    return len(relaxed.nodes) * len({pod.shape for pod in relaxed.waiting}) <= _CELLS


def _limits(problem: Problem, proved: Mapping[int, int]) -> dict[int, int]:
    """How many pods of each priority and higher can be placed at most; where nothing is proved, all."""
    priority = {shape.name: shape.priority for shape in problem.shapes}
    levels = sorted({priority[pod.shape] for pod in problem.waiting}, reverse=True)
    wanted = {level: sum(priority[pod.shape] >= level for pod in problem.waiting) for level in levels}
    return {level: min(wanted[level], proved.get(level, wanted[level])) for level in levels}


def _least(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    return {level: min(most, one.get(level, most)) for level, most in other.items()}


def _sums(problem: Problem, found: Placement) -> Counter[int]:
    """How many pods of each priority and higher a placement has, less those that it evicts."""
    priority = {shape.name: shape.priority for shape in problem.shapes}
    shapes = {pod.name: pod.shape for pod in problem.pods}
    levels = {priority[pod.shape] for pod in problem.waiting}
    total: Counter[int] = Counter(dict.fromkeys(levels, 0))
    for names, change in (
        ([each.pod for each in (*found.bindings, *found.nominations)], 1),
        ([each.pod for each in found.evictions], -1),
    ):
        for name in names:
            for level in levels:
                total[level] += change if priority[shapes[name]] >= level else 0
    return total


def _reached(problem: Problem, found: Placement | None, limits: Mapping[int, int]) -> bool:
    """Whether nothing better is possible."""
    if found is None:
        return False
    if not found.unplaced:
        return True
    counts = _sums(problem, found)
    return bool(limits) and all(counts[level] >= most for level, most in limits.items())


def _with_devices(problem: Problem, joint: Placement) -> Placement | None:
    """An answer to the relaxed problem with devices for its pods; those that find none are placed around the others."""
    pods = {pod.name: pod for pod in problem.pods}
    desk = Desk(problem)
    at: dict[str, list[Binding]] = defaultdict(list)
    for binding in joint.bindings:
        at[binding.node].append(binding)
    given: dict[str, Binding] = {}
    for node in sorted(at):
        given.update(_on(desk, node, [(pods[binding.pod], binding) for binding in at[node]]))
    shapes = {pod.name: pod.shape for pod in problem.waiting}
    kept = tuple(given[each.pod] for each in joint.bindings if each.pod in given)
    left = [each.pod for each in joint.bindings if each.pod not in given]
    if joint.nominations and (left or any(desk.concerns(pods[each.pod]) for each in joint.nominations)):
        return None
    unplaced = tuple(msgspec.structs.replace(each, shape=shapes[each.pod], refusal=-1) for each in joint.unplaced)
    found = msgspec.structs.replace(joint, bindings=kept, unplaced=unplaced, bounds=(), conflicts=(), refusals=())
    return _filled(problem, desk, found) if left else found


def _on(desk: Desk, node: str, wanted: list[tuple[Pod, Binding]]) -> Iterator[tuple[str, Binding]]:
    """Devices for the pods of one node: all at once if that can be, else for one after the other, as far as it goes."""
    asking = [(pod, binding) for pod, binding in wanted if desk.concerns(pod)]
    yield from ((pod.name, binding) for pod, binding in wanted if not desk.concerns(pod))
    together = desk.together([pod for pod, _ in asking], node)
    for number, (pod, binding) in enumerate(asking):
        try:
            granted = together[number] if together is not None else desk.on(pod, node)
        except DeviceError:
            continue
        if isinstance(granted, Failure) or desk.refuses(pod):
            continue
        desk.give(pod, granted)
        yield pod.name, msgspec.structs.replace(binding, devices=granted)


def _filled(problem: Problem, desk: Desk, found: Placement) -> Placement:
    """What is left out, placed one by one around the rest."""
    nodes = {binding.pod: binding.node for binding in found.bindings}
    devices = problem.devices
    assert devices is not None
    pods = tuple(
        msgspec.structs.replace(pod, node=nodes[pod.name], nominated="", device_claims=(), containers=())
        if pod.name in nodes
        else pod
        for pod in problem.pods
    )
    rest = msgspec.structs.replace(problem, pods=pods, devices=devices.with_claims(desk.claims()))
    more = schedule(rest)
    if more.evictions:
        shapes = {pod.name: pod.shape for pod in problem.waiting}
        out = (pod for pod in problem.waiting if pod.name not in nodes)
        unplaced = tuple(Unplaced(pod=each.name, shape=shapes[each.name], verdict="unknown") for each in out)
        return msgspec.structs.replace(found, unplaced=unplaced)
    unplaced = tuple(msgspec.structs.replace(each, refusal=-1) for each in more.unplaced)
    return msgspec.structs.replace(found, bindings=(*found.bindings, *more.bindings), unplaced=unplaced)


def _orders(problem: Problem) -> Iterator[Problem]:
    """The problem with its pods in several orders: as queued, the most modest first, the choosiest, and shuffled.

    A group comes when its first pod does, so its pods count together.
    """
    yield problem
    demand = {pod.name: _demand(problem, pod) for pod in problem.waiting}
    grouped: dict[str, list[int]] = defaultdict(list)
    for pod in problem.waiting:
        grouped[pod.group or pod.name].append(demand[pod.name])
    mean = {pod.name: sum(found) / len(found) for pod in problem.waiting for found in [grouped[pod.group or pod.name]]}
    size = {pod.name: len(grouped[pod.group or pod.name]) for pod in problem.waiting}
    waiting = problem.waiting
    yield _ranked(problem, {pod.name: (mean[pod.name], size[pod.name]) for pod in waiting})
    yield _ranked(problem, {pod.name: (-mean[pod.name],) for pod in waiting})
    asking = [pod for pod in waiting if _asks(problem, pod)]
    if len(asking) * len(problem.nodes) <= _CHOOSY:
        choice = {pod.name: len(examine(problem, pod.name).feasible) for pod in asking}
        yield _ranked(problem, {pod.name: (choice.get(pod.name, 1 << 30), mean[pod.name]) for pod in waiting})
    for seed in range(_SHUFFLES):
        random = Random(seed)
        noise = {name: random.random() * 2 for name in sorted(grouped)}
        yield _ranked(problem, {pod.name: (mean[pod.name] + noise[pod.group or pod.name],) for pod in waiting})


def _ranked(problem: Problem, rank: Mapping[str, tuple[float, ...]]) -> Problem:
    """The problem with its waiting pods in another order; equal ones keep theirs."""
    turns = {
        pod.name: turn
        for turn, pod in enumerate(sorted(problem.waiting, key=lambda pod: (rank[pod.name], pod.order, pod.name)))
    }
    pods = tuple(pod if pod.node else msgspec.structs.replace(pod, order=turns[pod.name]) for pod in problem.pods)
    return msgspec.structs.replace(problem, pods=pods)


def _demand(problem: Problem, pod: Pod) -> int:
    """How many devices a pod asks for."""
    claims = {claim.name: claim for claim in problem.devices.claims} if problem.devices is not None else {}
    asked = (claims[name].requests for name in pod.device_claims)
    own = sum(alternatives[0].count for requests in asked for alternatives in requests)
    return own + sum(amount for each in pod.containers for name, amount in each.requests.items() if "/" in name)


def _around(problem: Problem, given: Placement, solve: Solve) -> Placement:
    """An answer with the pods that ask for nothing placed jointly around the others, if that is right and better."""
    asking = {pod.name for pod in problem.waiting if _asks(problem, pod)}
    if given.evictions or not any(entry.pod not in asking for entry in given.unplaced):
        return given
    bound = {binding.pod: binding for binding in given.bindings if binding.pod in asking}
    left = {entry.pod for entry in given.unplaced if entry.pod in asking}
    pods = tuple(
        msgspec.structs.replace(pod, node=bound[pod.name].node, device_claims=(), containers=())
        if pod.name in bound
        else pod
        for pod in problem.pods
        if pod.name not in left
    )
    joint = solve(msgspec.structs.replace(problem, pods=pods, devices=None))
    if joint.evictions:
        return given
    both = msgspec.structs.replace(
        joint,
        bindings=(*bound.values(), *joint.bindings),
        unplaced=(*(msgspec.structs.replace(e, refusal=-1) for e in given.unplaced if e.pod in left), *joint.unplaced),
        conflicts=(),
        bounds=(),
        refusals=(),
    )
    return both if _worth(problem, both) > _worth(problem, given) and not check(problem, both) else given


def _worth(problem: Problem, placement: Placement) -> list[tuple[int, int]]:
    """How many pods of each priority are placed, the highest first; what is promised counts half as much."""
    priority = {shape.name: shape.priority for shape in problem.shapes}
    shapes = {pod.name: pod.shape for pod in problem.pods}
    counts: Counter[int] = Counter()
    for binding in placement.bindings:
        counts[priority[shapes[binding.pod]]] += 2
    for binding in placement.nominations:
        counts[priority[shapes[binding.pod]]] += 1
    for eviction in placement.evictions:
        counts[priority[shapes[eviction.pod]]] -= 2
    every = sorted({priority[shape] for shape in shapes.values()}, reverse=True)
    return [(each, counts[each]) for each in every]


def _verdict(problem: Problem, entry: Unplaced, *, optimal: bool) -> Unplaced:
    """Whether a pod that stays out could not be placed whatever else is done."""
    if entry.verdict == "waiting":
        return entry
    if optimal:
        return msgspec.structs.replace(entry, verdict="impossible")
    pod = next(pod for pod in problem.waiting if pod.name == entry.pod)
    coupled = any(each.owner == pod.shape and not each.anti for each in problem.affinities)
    coupled = coupled or any(each.owner == pod.shape for each in problem.spreads)
    alone = examine(problem, entry.pod)
    never = not alone.feasible and not alone.rooms and not coupled and not alone.refusal.deallocates
    return msgspec.structs.replace(entry, verdict="impossible" if never else "unknown")
