"""Random small problems with everything in them: ``kube`` against the independent checker, and against itself."""

from __future__ import annotations

from random import Random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelogic.placement import check
from kubelogic.placement.kube.engine import Engine
from kubelogic.placement.kube.scheduler import schedule
from kubelogic.placement.kube.state import Resident
from kubelogic.placement.placement import Binding
from kubelogic.placement.problem import Problem
from tests.support.mixture import mixture

SEEDS = st.integers(min_value=0, max_value=10**6)


def without_preemption(problem: Problem) -> Problem:
    shapes = tuple(msgspec.structs.replace(shape, preempts=False) for shape in problem.shapes)
    pods = tuple(msgspec.structs.replace(pod, nominated="") for pod in problem.pods)
    return msgspec.structs.replace(problem, shapes=shapes, pods=pods)


@settings(max_examples=300, deadline=None)
@given(seed=SEEDS)
def test_every_placement_passes_the_checker(seed: int) -> None:
    problem = mixture(seed)
    assert check.faults(problem) == ()
    assert check.check(problem, schedule(problem)) == ()


@settings(max_examples=200, deadline=None)
@given(seed=SEEDS, order=st.randoms(use_true_random=False))
def test_the_same_nodes_pass_as_in_the_checker(seed: int, order: Random) -> None:
    """Pods are put anywhere, room or not, so that every filter sees crowded and broken states."""
    problem = without_preemption(mixture(seed))
    engine, board = Engine(problem), check._Board(problem)
    names = engine.tables.names
    for pod in problem.pods:
        if pod.node:
            board.put(pod, pod.node)
    waiting = [pod for pod in problem.pods if not pod.node]
    for newcomer in waiting:
        for pod in waiting:
            shape = engine.tables.shape_number[pod.shape]
            claims = engine.tables.shapes[shape].claims
            expected = []
            for number, name in enumerate(names):
                volumes = engine.state.volumes(claims, number) or ()
                binding = Binding(pod=pod.name, node=name, volumes=volumes)
                expected.append(not list(board.refusals(pod, board.nodes[name], binding)))
            found = engine.feasible(pod.name, shape)
            assert found.tolist() == expected
            rejected = {name for row in engine.rejections(pod.name, shape) for name in row.nodes}
            assert rejected == {name for name, passes in zip(names, found.tolist(), strict=True) if not passes}
            assert [engine.passes(pod.name, shape, number) for number in range(len(names))] == expected
        node = order.randrange(len(names))
        shape = engine.tables.shape_number[newcomer.shape]
        volumes = engine.state.volumes(engine.tables.shapes[shape].claims, node) or ()
        engine.state.give(volumes, node)
        engine.state.put(Resident(name=newcomer.name, shape=shape, terminating=False), node)
        board.put(newcomer, names[node])
        board.settle_claims(
            board.shapes[newcomer.shape],
            board.nodes[names[node]],
            Binding(pod=newcomer.name, node=names[node], volumes=volumes),
        )


@settings(max_examples=150, deadline=None)
@given(seed=SEEDS)
def test_what_was_kept_current_equals_what_is_computed_afresh(seed: int) -> None:
    """Each binding is among the best nodes of an engine that is made from the pods placed before it."""
    problem = without_preemption(mixture(seed))
    problem = msgspec.structs.replace(problem, claims=(), shapes=tuple(_unclaimed(problem)))
    placement = schedule(problem)
    placed: dict[str, str] = {}
    for binding in placement.bindings:
        pods = (msgspec.structs.replace(pod, node=placed.get(pod.name, pod.node)) for pod in problem.pods)
        engine = Engine(msgspec.structs.replace(problem, pods=tuple(pods)))
        shape = engine.tables.shape_number[engine.tables.pods[binding.pod].shape]
        best = engine.best(shape, np.flatnonzero(engine.feasible(binding.pod, shape)))
        assert binding.ties == tuple(engine.tables.names[number] for number in best)
        assert binding.tied == len(best)
        assert binding.node == binding.ties[0]
        placed[binding.pod] = binding.node


def _unclaimed(problem: Problem) -> list[object]:
    return [msgspec.structs.replace(shape, claims=()) for shape in problem.shapes]


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS)
def test_a_rejected_pod_has_no_node_in_the_end_either(seed: int) -> None:
    """Pods that could have waited for another one are tried again: "affinity to a pod that comes later"."""
    problem = without_preemption(mixture(seed))
    placement = schedule(problem)
    board = check._Board(problem)
    pods = {pod.name: pod for pod in problem.pods}
    for pod in problem.pods:
        if pod.node:
            board.put(pod, pod.node)
    for binding in placement.bindings:
        board.put(pods[binding.pod], binding.node)
        board.settle_claims(board.shapes[pods[binding.pod].shape], board.nodes[binding.node], binding)
    for entry in placement.unplaced:
        pod = pods[entry.pod]
        if not board.shapes[pod.shape].claims:
            for name, node in board.nodes.items():
                assert list(board.refusals(pod, node, Binding(pod=pod.name, node=name)))


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, order=st.randoms(use_true_random=False))
def test_the_order_of_nodes_shapes_and_pods_in_the_problem_does_not_matter(seed: int, order: Random) -> None:
    problem = mixture(seed)
    parts = {name: list(getattr(problem, name)) for name in ("nodes", "shapes", "pods", "preferences", "budgets")}
    for part in parts.values():
        order.shuffle(part)
    shuffled = msgspec.structs.replace(problem, **{name: tuple(part) for name, part in parts.items()})
    assert msgspec.json.encode(schedule(shuffled)) == msgspec.json.encode(schedule(problem))


@pytest.mark.parametrize("seed", range(20))
def test_a_seed_draws_among_the_ties_and_nothing_else(seed: int) -> None:
    problem = without_preemption(mixture(seed, nodes=8))
    placement = schedule(problem, seed=seed)
    assert all(binding.node in binding.ties for binding in placement.bindings)
    assert check.check(problem, placement) == ()
    assert schedule(problem, seed=seed) == placement
