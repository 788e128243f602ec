"""Groups one by one: which domain a group with a topology constraint gets, and what is said after a fault.

The sources name the functions; the recordings in ``tests/conformance/test_gangs.py`` test the rest.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.placement.kube.group_preemption import preempt
from kubelogic.placement.kube.groups import Attempt, Case, attempt
from kubelogic.placement.problem import Group, Node, Pod, Problem, Reach, Scorer, Shape

ALL = Reach(node_classes=frozenset({"c"}))
USED = Scorer(name="NodeResourcesFit", kind="least_allocated", resources=("cpu",))


def node(name: str, cpu: int, zone: str) -> Node:
    return Node(name=name, node_class="c", allocatable={"cpu": cpu, "pods": 10}, topology={"zone": zone})


def case(nodes: list[Node], *, pods: int, cpu: int = 2, there: dict[str, int] | None = None, **more: Any) -> Case:
    shapes = [Shape(name="w", requests={"cpu": cpu, "pods": 1}, priority=5)]
    waiting = [Pod(name=f"p{i}", shape="w", order=i, group="g") for i in range(pods)]
    running = [
        Pod(name=f"r-{name}-{i}", shape="low", node=name)
        for name, number in (there or {}).items()
        for i in range(number)
    ]
    shapes.append(Shape(name="low", requests={"cpu": 1, "pods": 1}))
    group = Group(name="g", least=pods, key="zone", priority=5, **more)
    problem = Problem(
        nodes=tuple(nodes),
        shapes=tuple(shapes),
        pods=(*running, *waiting),
        allowed={"w": ALL, "low": ALL},
        scorers=(USED,),
        groups=(group,),
        by_placements=True,
        as_groups=True,
    )
    return Case(problem=problem, group=group, pods=tuple(waiting), budgets={})


def zones(found: Attempt, nodes: list[Node]) -> set[str]:
    zone = {each.name: each.topology["zone"] for each in nodes}
    return {zone[each.binding.node] for each in found.tried if each.binding is not None}


@pytest.mark.parametrize(
    ("nodes", "there", "wanted"),
    [
        ([node("a1", 8, "a"), node("a2", 8, "a"), node("b1", 4, "b"), node("b2", 4, "b")], {}, "b"),
        ([node("a1", 4, "a"), node("a2", 4, "a"), node("b1", 8, "b"), node("b2", 8, "b")], {}, "a"),
        ([node("a1", 8, "a"), node("b1", 8, "b")], {"b1": 3}, "b"),
        ([node("a1", 8, "a"), node("b1", 8, "b")], {"a1": 3, "b1": 2}, "a"),
    ],
)
def test_among_domains_that_hold_all_the_one_with_the_best_used_nodes_wins(
    nodes: list[Node], there: dict[str, int], wanted: str
) -> None:
    found = attempt(case(nodes, pods=2, there=there))
    assert found.placed
    assert zones(found, nodes) == {wanted}


def test_more_pods_weigh_as_much_as_well_used_nodes() -> None:
    """Three of four pods on nodes that are full beat four on nodes that are nearly empty: 75 + 100 against 100 + 20."""
    nodes = [node("a1", 40, "a"), node("b1", 6, "b")]
    given = case(nodes, pods=4)
    group = Group(name="g", least=3, key="zone", priority=5)
    some = Case(problem=given.problem, group=group, pods=given.pods, budgets={})
    found = attempt(some)
    assert zones(found, nodes) == {"b"}
    assert sum(each.binding is not None for each in found.tried) == 3


def test_a_group_with_a_constraint_evicts_nobody() -> None:
    nodes = [node("a1", 4, "a")]
    given = case(nodes, pods=2, there={"a1": 4})
    found = preempt(given, attempt(given))
    assert found.message.endswith(
        "workload aware preemption is not supported for pod groups with scheduling constraints"
    )
    assert found.victims == ()
