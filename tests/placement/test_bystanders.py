"""A pod asked about alone: without the pods that matter by their room only, all answers about it are the same."""

from __future__ import annotations

from random import Random

import pytest
from msgspec import structs

from kubelogic.placement.bystanders import lone_question
from kubelogic.placement.check import check, faults
from kubelogic.placement.optimal.assumptions import assumptions, without
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.placement import Binding, Placement
from kubelogic.placement.problem import Exclusive, Pod, Problem
from tests.support.problems import Recipe, generate


def crowded(seed: int) -> Problem:
    """A cluster that is full: some pods may not be evicted, some are going, some hold a disk; the rest wait."""
    given = generate(Recipe(nodes=6, classes=2, pods=24, shapes=4, fill=1.3, coupled=0.4, priorities=2, seed=seed))
    random = Random(seed)
    disk = (Exclusive(token="disk"),)
    shapes = tuple(structs.replace(s, exclusive=disk) if random.random() < 0.3 else s for s in given.shapes)
    given = structs.replace(given, shapes=shapes)
    nodes = {binding.pod: binding.node for binding in solve(given).bindings}
    pods = (
        structs.replace(
            pod,
            node=pod.node or nodes.get(pod.name, ""),
            movable=random.random() < 0.8,
            terminating=bool(pod.node or pod.name in nodes) and random.random() < 0.1,
        )
        for pod in given.pods
    )
    return structs.replace(given, pods=tuple(pods))


def of(problem: Problem, pod: Pod) -> Problem:
    """One pod that waits alone, beside all that run."""
    return structs.replace(problem, pods=(*problem.running, pod))


def answers(problem: Problem, pod: Pod) -> list[bool]:
    """Whether each node takes the pod, as the checker says."""
    return [
        not check(problem, Placement(scheduler="optimal", bindings=(Binding(pod=pod.name, node=node.name),)))
        for node in problem.nodes
    ]


@pytest.mark.parametrize("seed", range(4))
def test_a_pod_alone_has_the_same_answers(seed: int) -> None:
    problem = crowded(seed)
    assert problem.waiting
    for pod in {pod.shape: pod for pod in problem.waiting}.values():
        plain, lone = of(problem, pod), lone_question(problem, pod)
        assert not faults(lone)
        assert assumptions(lone) == assumptions(plain)
        assert answers(lone, pod) == answers(plain, pod)
        for kind, dropped in {each.kind: each for each in assumptions(plain)}.items():
            if kind != "count":
                gone = frozenset({dropped})
                assert answers(without(lone, gone), pod) == answers(without(plain, gone), pod), dropped


def test_most_pods_are_bystanders() -> None:
    problem = crowded(2)
    assert len(lone_question(problem, problem.waiting[0]).running) < len(problem.running) / 2
