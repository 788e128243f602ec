"""``kube`` on random clusters of API objects: against the filter rules, the checker, and sentences of the docs."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from kubelogic.placement.check import check, faults
from kubelogic.placement.kube.examine import examine
from kubelogic.placement.kube.scheduler import schedule
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Problem
from tests.support.decisions import Pipeline
from tests.support.random_clusters import random_cluster

FEW = range(60)
MANY = range(60, 3000)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline()


def problems(pipeline: Pipeline, seeds: range) -> Iterator[tuple[int, Problem]]:
    for seed in seeds:
        problem = pipeline.problem(random_cluster(seed))
        assert faults(problem) == (), seed
        yield seed, problem


def rules_and_scheduler_agree(pipeline: Pipeline, seeds: range) -> None:
    """Several pods wait, and some have a node promised to them, so promises count, too."""
    for seed, problem in problems(pipeline, seeds):
        relations = pipeline.evaluation
        shape_of = dict(relations.rows("pod_shape"))
        pinned = {row[0] for row in relations.rows("pod_pinned")}
        derived = set(relations.rows("feasible"))
        for pod in problem.pods:
            if not pod.node and pod.name not in pinned:
                expected = [node.name for node in problem.nodes if (shape_of[pod.name], node.name) in derived]
                assert list(examine(problem, pod.name).feasible) == sorted(expected), (seed, pod.name)


def test_rules_and_the_scheduler_find_the_same_nodes_feasible(pipeline: Pipeline) -> None:
    rules_and_scheduler_agree(pipeline, FEW)


@pytest.mark.slow
def test_they_agree_on_thousands_of_clusters(pipeline: Pipeline) -> None:
    rules_and_scheduler_agree(pipeline, MANY)


def test_every_placement_passes_the_checker(pipeline: Pipeline) -> None:
    for seed, problem in problems(pipeline, FEW):
        assert check(problem, schedule(problem)) == (), seed


def evictions(pipeline: Pipeline, seeds: range) -> Iterator[tuple[Problem, Placement]]:
    for _, problem in problems(pipeline, seeds):
        placement = schedule(problem)
        if placement.evictions:
            yield problem, placement


def test_only_pods_of_lower_priority_are_evicted(pipeline: Pipeline) -> None:
    """Pod Priority and Preemption: "finds a Node where removal of one or more Pods with lower priority than P would
    enable P to be scheduled on that Node", "preemptionPolicy: Never ... will not preempt other pods".
    """
    found = 0
    for problem, placement in evictions(pipeline, FEW):
        pods = {pod.name: pod for pod in problem.pods}
        shapes = {shape.name: shape for shape in problem.shapes}
        for eviction in placement.evictions:
            winner, victim = (shapes[pods[name].shape] for name in (eviction.beneficiary, eviction.pod))
            assert victim.priority < winner.priority
            assert winner.preempts
            found += 1
    assert found


def test_no_pod_is_evicted_where_a_node_is_feasible(pipeline: Pipeline) -> None:
    """Pod Priority and Preemption: "If no Node is found that satisfies all the specified requirements of the Pod,
    preemption logic is triggered".
    """
    for seed, problem in problems(pipeline, FEW):
        for pod in problem.pods:
            if not pod.node:
                found = examine(problem, pod.name)
                assert not (found.feasible and found.rooms), seed


def test_no_victim_is_evicted_in_vain(pipeline: Pipeline) -> None:
    """The pod fits once all victims are gone, and would not if any one of them stayed. (Where a pod gathers or
    spreads, one that stays can also help; those are left out.)
    """
    found = 0
    for _, problem in problems(pipeline, FEW):
        helped = {rule.owner for rule in (*problem.affinities, *problem.spreads)}
        for pod in problem.pods:
            if pod.node or pod.shape in helped:
                continue
            for room in examine(problem, pod.name).rooms:
                gone = set(room.victims)
                assert room.node in examine(without(problem, gone), pod.name).feasible
                for victim in room.victims:
                    found += 1
                    assert room.node not in examine(without(problem, gone - {victim}), pod.name).feasible
    assert found


def without(problem: Problem, gone: set[str]) -> Problem:
    return msgspec.structs.replace(problem, pods=tuple(pod for pod in problem.pods if pod.name not in gone))
