"""Devices and gangs together: the joint scheduler against the one-by-one scheduler, and against all there is."""

from __future__ import annotations

from itertools import product
from time import process_time

import msgspec
import pytest
from msgspec.structs import replace

from kubelogic.placement.check import check
from kubelogic.placement.devices.model import Granted
from kubelogic.placement.kube.devices import Desk
from kubelogic.placement.kube.scheduler import schedule
from kubelogic.placement.optimal.device_relaxation import relax
from kubelogic.placement.optimal.joint import place
from kubelogic.placement.optimal.sums import most_by_sums
from kubelogic.placement.problem import Problem
from tests.support.device_clusters import device_problem


@pytest.mark.parametrize("seed", range(4))
def test_never_fewer_pods_than_one_by_one(seed: int) -> None:
    problem = device_problem(seed, nodes=4, most=4)
    theirs, ours = schedule(problem), place(problem)
    assert check(problem, theirs) == ()
    assert check(problem, ours) == ()
    assert len(ours.bindings) >= len(theirs.bindings)


@pytest.mark.parametrize("seed", range(6))
def test_brute_force_finds_no_more_and_the_limit_is_one(seed: int) -> None:
    problem = _few(device_problem(seed, nodes=2, most=2))
    best, ours = _best(problem), place(problem)
    assert check(problem, ours) == ()
    assert len(ours.bindings) <= best
    relaxed = relax(problem)
    assert relaxed is not None
    assert most_by_sums(relaxed.problem)[0] >= best
    assert ours.proof
    assert len(ours.bindings) == best


@pytest.mark.parametrize("seed", [1, 3, 11])
def test_the_optimum_is_proved_where_partitions_and_groups_compete(seed: int) -> None:
    problem = device_problem(seed)
    found = place(problem)
    assert check(problem, found) == ()
    assert found.proof
    assert {entry.verdict for entry in found.unplaced} == {"impossible"}
    assert len(found.bindings) > len(schedule(problem).bindings) or seed == 3


@pytest.mark.slow
def test_most_of_two_hundred_clusters_are_proved_in_two_seconds() -> None:
    """Seconds of the processor count, so that a busy machine does not decide."""
    proved = 0
    for seed in range(200):
        problem = device_problem(seed)
        theirs = schedule(problem)
        start = process_time()
        ours = place(problem, timeout=2.0, clock=process_time)
        proved += bool(ours.proof) and process_time() - start <= 2.0
        assert check(problem, ours) == ()
        assert len(ours.bindings) >= len(theirs.bindings)
    assert proved >= 180


def test_the_checker_sees_a_device_given_twice() -> None:
    problem = device_problem(0, nodes=4, most=4)
    found = place(problem)
    first = next(binding for binding in found.bindings if binding.devices)
    others = [binding for binding in found.bindings if binding is not first and binding.devices]
    stolen = others[0]
    taken = msgspec.structs.replace(stolen, node=first.node, devices=(_as(stolen.devices[0].claim, first.devices[0]),))
    wrong = msgspec.structs.replace(
        found, bindings=tuple(taken if binding is stolen else binding for binding in found.bindings)
    )
    assert any(each.rule == "devices" for each in check(problem, wrong))


def _as(claim: str, granted: Granted) -> Granted:
    return replace(granted, claim=claim)


def _few(problem: Problem) -> Problem:
    """The first pods only, groups whole."""
    kept: list[str] = []
    for pod in problem.waiting:
        if len(kept) >= 5 and pod.group not in {p.group for p in problem.waiting if p.name in kept and p.group}:
            break
        kept.append(pod.name)
    return msgspec.structs.replace(problem, pods=tuple(pod for pod in problem.pods if pod.name in kept))


def _best(problem: Problem) -> int:
    """The most pods that any assignment places, found by trying all."""
    pods, names = problem.waiting, [node.name for node in problem.nodes]
    cpu = {shape.name: shape.requests["cpu"] for shape in problem.shapes}
    room = {node.name: node.allocatable["cpu"] for node in problem.nodes}
    best = 0
    for choice in product(["", *names], repeat=len(pods)):
        placed = sum(bool(node) for node in choice)
        if placed > best and _right(problem, dict(zip([pod.name for pod in pods], choice, strict=True)), cpu, room):
            best = placed
    return best


def _right(problem: Problem, where: dict[str, str], cpu: dict[str, int], room: dict[str, int]) -> bool:
    for group in problem.groups:
        started = sum(bool(where[pod.name]) for pod in problem.waiting if pod.group == group.name)
        if 0 < started < group.least:
            return False
    desk = Desk(problem)
    for node, most in room.items():
        here = [pod for pod in problem.waiting if where[pod.name] == node]
        if sum(cpu[pod.shape] for pod in here) > most:
            return False
        if here and desk.together(here, node) is None:
            return False
    return True
