"""Whom a pod may push out, who is spared, and which node is the least harm."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kubelogic.placement.check import check
from kubelogic.placement.kube.examine import examine
from kubelogic.placement.kube.scheduler import schedule
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Affinity, Budget, Exclusive, Node, Pod, Problem, Reach, Shape

EVERYWHERE = Reach(node_classes=frozenset({"c"}))


def node(name: str, cpu: int = 10) -> Node:
    return Node(name=name, node_class="c", allocatable={"cpu": cpu, "pods": 9}, topology={"host": name})


def pod(text: str, **fields: Any) -> Pod:
    """``low-1@n1`` runs on n1, ``high-1`` waits; the shape is the name up to the dash."""
    name, _, where = text.partition("@")
    return Pod(name=name, shape=name.split("-")[0], node=where, **fields)


def place(*pods: Pod, nodes: str = "n1", sizes: dict[str, tuple[int, int]], **parts: Any) -> Placement:
    """Schedule. ``sizes``: shape to its priority and cpu."""
    never = parts.pop("never", ())
    problem = Problem(
        nodes=tuple(node(name) for name in nodes.split()),
        shapes=tuple(
            Shape(name=name, priority=priority, requests={"cpu": cpu, "pods": 1}, preempts=name not in never)
            for name, (priority, cpu) in sizes.items()
        ),
        pods=pods,
        allowed={name: parts.get("allowed", {}).get(name, EVERYWHERE) for name in sizes},
        **{name: part for name, part in parts.items() if name != "allowed"},
    )
    placement = schedule(problem)
    assert check(problem, placement) == ()
    return placement


def evicted(placement: Placement) -> list[str]:
    return [f"{eviction.pod}@{eviction.node}" for eviction in placement.evictions]


SIZES = {"low": (0, 5), "mid": (5, 5), "high": (10, 5), "big": (10, 10)}


def test_the_evicted_pods_stay_until_all_are_bound_and_the_pod_waits_for_its_node() -> None:
    found = place(pod("big-1"), pod("low-1@n1"), pod("low-2@n1"), sizes=SIZES)
    assert evicted(found) == ["low-1@n1", "low-2@n1"]
    assert [(entry.pod, entry.verdict, entry.node) for entry in found.unplaced] == [("big-1", "waiting", "n1")]
    assert [(binding.pod, binding.node) for binding in found.nominations] == [("big-1", "n1")]
    refusal = found.refusals[found.unplaced[0].refusal]
    assert [(row.reason, row.subject, row.nodes) for row in refusal.rejections] == [("resource", "cpu", ("n1",))]


def test_no_more_pods_leave_than_needed_and_the_longest_running_are_spared() -> None:
    found = place(pod("high-1"), pod("low-old@n1", started=1), pod("low-new@n1", started=2), sizes=SIZES)
    assert evicted(found) == ["low-new@n1"]


def test_pods_of_equal_priority_are_never_pushed_out() -> None:
    found = place(pod("high-1"), pod("big-1@n1"), sizes=SIZES)
    assert evicted(found) == []
    refusal = found.refusals[0]
    assert refusal.attempted
    assert refusal.helpless == ("n1",)


def test_a_pod_whose_policy_is_never_does_not_push() -> None:
    found = place(pod("high-1"), pod("low-1@n1"), pod("low-2@n1"), sizes=SIZES, never=("high",))
    assert evicted(found) == []
    assert (found.refusals[0].attempted, found.refusals[0].ineligible) == (False, "never")


def test_a_node_that_the_pod_could_never_use_is_not_emptied() -> None:
    sizes = {**SIZES, "huge": (10, 11)}
    found = place(pod("huge-1"), pod("low-1@n1"), pod("low-2@n2"), nodes="n1 n2", sizes=sizes)
    assert evicted(found) == []
    refusal = found.refusals[0]
    assert [(row.resolvable, row.nodes) for row in refusal.rejections] == [(False, ("n1", "n2"))]
    assert refusal.preemption == ()
    assert refusal.helpless == ()


def test_what_remains_in_the_way_without_the_lower_pods_is_reported() -> None:
    found = place(pod("big-1"), pod("low-1@n1"), pod("high-1@n1"), sizes=SIZES)
    assert [(row.reason, row.nodes) for row in found.refusals[0].preemption] == [("resource", ("n1",))]


@pytest.mark.parametrize(
    ("n1", "n2", "why"),
    [
        ("low-1@n1 guard", "mid-1@n2", "a budget weighs more than anything"),
        ("mid-1@n1", "low-1@n2", "the least important highest victim"),
        ("low-1@n1 low-2@n1", "low-3@n2", "the smallest sum of priorities, so the fewest pods"),
        ("low-1@n1 early", "low-2@n2", "the latest start"),
    ],
)
def test_the_node_is_chosen_by_the_five_criteria(n1: str, n2: str, why: str) -> None:
    """Always n2, for a reason that the first differing criterion gives."""
    sizes = {"low": (0, 5), "mid": (5, 5), "big": (10, 10), "block": (10, 1)}
    pods = []
    for number, text in enumerate((n1, n2)):
        for word in text.split():
            if "@" in word:
                early = number == 0 and "early" in text
                budgets = ("guard",) if number == 0 and "guard" in text else ()
                pods.append(pod(word, started=1 if early else 2, budgets=budgets))
    found = place(pod("big-1"), *pods, nodes="n1 n2", sizes=sizes, budgets=(Budget(name="guard", allowed=0),))
    assert {eviction.node for eviction in found.evictions} == {"n2"}, why


def test_a_protected_pod_is_spared_even_before_a_more_important_one() -> None:
    found = place(
        pod("high-1"),
        pod("low-1@n1", budgets=("guard",)),
        pod("mid-1@n1"),
        sizes=SIZES,
        budgets=(Budget(name="guard", allowed=0),),
    )
    assert evicted(found) == ["mid-1@n1"]


def test_a_budget_is_broken_if_nothing_else_helps_and_that_is_said() -> None:
    budgets = (Budget(name="guard", allowed=1),)
    found = place(
        pod("big-1"),
        pod("low-1@n1", budgets=("guard",)),
        pod("low-2@n1", budgets=("guard",)),
        sizes=SIZES,
        budgets=budgets,
    )
    assert [eviction.breaks for eviction in found.evictions] == [(), ("guard",)]


def test_the_next_pod_does_not_take_the_room_that_was_made() -> None:
    found = place(
        pod("big-1"),
        pod("high-1", order=1),
        pod("low-1@n1"),
        pod("low-2@n1"),
        pod("mid-1@n2"),
        nodes="n1 n2",
        sizes=SIZES,
    )
    assert [(binding.pod, binding.node) for binding in found.bindings] == [("high-1", "n2")]
    assert evicted(found) == ["low-1@n1", "low-2@n1"]


def test_a_promised_node_is_tried_first_and_alone() -> None:
    found = place(pod("low-1", nominated="n2"), nodes="n1 n2 n3", sizes=SIZES)
    assert [(binding.node, binding.ties) for binding in found.bindings] == [("n2", ("n2",))]


def test_a_promised_node_is_kept_from_pods_of_lower_priority_only() -> None:
    pods = pod("big-1", nominated="n1"), pod("low-1@n1"), pod("low-2@n1", terminating=True)
    sizes = {**SIZES, "top": (20, 5)}
    assert place(*pods, pod("mid-1"), sizes=sizes, never=("big",)).bindings == ()
    freed = pod("big-1", nominated="n1"), pod("low-1@n1")
    found = place(*freed, pod("top-1"), sizes=sizes, never=("big",))
    assert [binding.pod for binding in found.bindings] == ["top-1"]


def test_a_pod_does_not_push_again_while_its_victims_are_leaving() -> None:
    found = place(
        pod("big-1", nominated="n1"),
        pod("low-1@n1", terminating=True, displaced=True),
        pod("low-2@n1", terminating=True, displaced=True),
        pod("low-3@n2"),
        pod("low-4@n2"),
        nodes="n1 n2",
        sizes=SIZES,
    )
    assert evicted(found) == []
    assert (found.refusals[0].attempted, found.refusals[0].ineligible) == (False, "leaving")
    assert [(entry.verdict, entry.node) for entry in found.unplaced] == [("waiting", "n1")]


def test_pods_that_leave_for_another_reason_do_not_keep_a_pod_from_pushing() -> None:
    found = place(
        pod("big-1", nominated="n1"),
        pod("mid-1@n1", terminating=True),
        pod("mid-2@n1", terminating=True),
        pod("low-1@n2"),
        nodes="n1 n2",
        sizes=SIZES,
    )
    assert evicted(found) == ["low-1@n2"]
    assert [(binding.pod, binding.node) for binding in found.nominations] == [("big-1", "n2")]


def test_an_anti_affinity_is_resolved_by_pushing_its_owner_out() -> None:
    rule = Affinity(owner="low", key="host", matches=frozenset({"high"}), anti=True)
    found = place(pod("high-1"), pod("low-1@n1"), sizes=SIZES, affinities=(rule,))
    assert evicted(found) == ["low-1@n1"]


def test_a_lower_promise_gives_way_and_its_pod_queues_up_again() -> None:
    sizes = {"low": (0, 10), "mid": (5, 10), "top": (20, 10)}
    found = place(pod("mid-1", nominated="n1"), pod("low-1@n1"), pod("top-1"), sizes=sizes)
    assert [(binding.pod, binding.node) for binding in found.nominations] == [("top-1", "n1")]
    assert [(entry.pod, entry.verdict) for entry in found.unplaced] == [("top-1", "waiting"), ("mid-1", "rejected")]


def test_of_many_nodes_those_with_the_least_important_pods_are_looked_at() -> None:
    nodes = " ".join(f"n{i:03}" for i in range(150))
    running = [pod(f"mid-{name}@{name}") for name in nodes.split()[:149]]
    sizes = {"low": (0, 10), "mid": (5, 10), "big": (10, 10)}
    found = place(pod("big-1"), *running, pod("low-1@n149"), nodes=nodes, sizes=sizes)
    assert evicted(found) == ["low-1@n149"]


def test_whoever_leaves_in_a_dry_run_takes_a_host_port_along_that_another_has_too() -> None:
    port = ("0.0.0.0", "TCP", 80)
    shapes = (
        Shape(name="low", priority=0, requests={"pods": 1}, ports=(port,)),
        Shape(name="top", priority=20, requests={"pods": 1}, ports=(port,)),
        Shape(name="high", priority=10, requests={"pods": 1}, ports=(port,)),
    )
    problem = Problem(
        nodes=(node("n1"),),
        shapes=shapes,
        pods=(pod("low-1@n1"), pod("top-1@n1"), pod("high-1")),
        allowed={shape.name: EVERYWHERE for shape in shapes},
    )
    found = examine(problem, "high-1")
    assert [(room.node, room.victims) for room in found.rooms] == [("n1", ("low-1",))]
    alone = msgspec.structs.replace(
        problem, pods=(pod("top-1@n1"), pod("low-1@n2"), pod("high-1")), nodes=(node("n1"), node("n2"))
    )
    assert [(room.node, room.victims) for room in examine(alone, "high-1").rooms] == [("n2", ("low-1",))]


def test_users_of_a_claim_for_one_pod_are_counted_by_claim_in_a_dry_run() -> None:
    use = Exclusive(token="claim d/one", scope="cluster")
    shapes = tuple(
        Shape(name=name, priority=priority, requests={"pods": 1}, exclusive=(use,))
        for name, priority in (("low", 0), ("top", 20), ("high", 10))
    )
    problem = Problem(
        nodes=(node("n1"), node("n2")),
        shapes=shapes,
        pods=(pod("low-1@n1"), pod("top-1@n2"), pod("high-1")),
        allowed={shape.name: EVERYWHERE for shape in shapes},
    )
    found = examine(problem, "high-1")
    assert found.feasible == ()
    assert [(room.node, room.victims) for room in found.rooms] == [("n1", ("low-1",))]
