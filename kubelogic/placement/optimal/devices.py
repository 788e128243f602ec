"""Problems in which pods ask for devices: those are placed one by one, in several orders, others jointly around them.

The best of these answers is taken; it is never worse than that of the one-by-one scheduler. What stays out is proved
impossible only where no node would take the pod even if no other waiting pod were placed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import msgspec

from kubelogic.placement.check import check
from kubelogic.placement.kube import examine, schedule
from kubelogic.placement.placement import Placement, Unplaced
from kubelogic.placement.problem import Pod, Problem

Solve = Callable[[Problem], Placement]


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
    best: Placement | None = None
    for ordered in _orders(problem):
        found = _around(problem, schedule(ordered), solve)
        if best is None or _worth(problem, found) > _worth(problem, best):
            best = found
        if not best.unplaced or late():
            break
    assert best is not None
    proof = "all placed" if not best.unplaced else ""
    unplaced = tuple(_verdict(problem, entry) for entry in best.unplaced)
    return msgspec.structs.replace(best, scheduler="optimal", unplaced=unplaced, found="devices", proof=proof)


def _orders(problem: Problem) -> Iterator[Problem]:
    """The problem with its pods in several orders: as queued, the choosiest first, the most demanding first."""
    yield problem
    asking = [pod for pod in problem.waiting if _asks(problem, pod)]
    choice = {pod.name: len(examine(problem, pod.name).feasible) for pod in asking}
    for key in (
        lambda pod: (choice.get(pod.name, 1 << 30), pod.order),
        lambda pod: (-_demand(problem, pod), choice.get(pod.name, 1 << 30), pod.order),
        lambda pod: (_demand(problem, pod), pod.order),
        lambda pod: (-pod.order,),
    ):
        ranks = {pod.name: rank for rank, pod in enumerate(sorted(problem.waiting, key=key))}
        pods = tuple(pod if pod.node else msgspec.structs.replace(pod, order=ranks[pod.name]) for pod in problem.pods)
        yield msgspec.structs.replace(problem, pods=pods)


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


def _verdict(problem: Problem, entry: Unplaced) -> Unplaced:
    """Whether a pod that stays out could not be placed whatever else is done."""
    if entry.verdict == "waiting":
        return entry
    pod = next(pod for pod in problem.waiting if pod.name == entry.pod)
    coupled = any(each.owner == pod.shape and not each.anti for each in problem.affinities)
    coupled = coupled or any(each.owner == pod.shape for each in problem.spreads)
    alone = examine(problem, entry.pod)
    never = not alone.feasible and not alone.rooms and not coupled and not alone.refusal.deallocates
    return msgspec.structs.replace(entry, verdict="impossible" if never else "unknown")
