"""The arithmetic of every scorer, on numbers worked out by hand from kube-scheduler's formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kubelogic.placement.kube.engine import Engine
from kubelogic.placement.problem import Node, Pod, Preference, Problem, Reach, Scorer, Shape, SoftAffinity, SoftSpread
from tests.support.mixture import SCORERS

NEW = frozenset({"new"})
OLD = frozenset({"old"})


def node(name: str, zone: str = "", **allocatable: int) -> Node:
    topology = {"host": name, "zone": zone} if zone else {"host": name}
    return Node(name=name, node_class=name, allocatable={"pods": 10, **allocatable}, topology=topology)


def at(*names: str) -> Reach:
    return Reach(nodes=frozenset(names))


def scored(
    *nodes: Node, new: dict[str, int], running: str = "", scorers: tuple[Scorer, ...] = SCORERS, **parts: Any
) -> dict[str, list[int]]:
    """Weighted scores of a pod of shape ``new``, per scorer that takes part; ``running``: nodes of ``old`` pods."""
    everywhere = at(*(n.name for n in nodes))
    old = parts.pop("old", {"pods": 1})
    shapes = (
        Shape(name="new", requests={"pods": 1, **new}, **parts.pop("fields", {})),
        Shape(name="old", requests=old),
    )
    pods = [Pod(name="pod", shape="new")]
    pods += [Pod(name=f"old-{i}", shape="old", node=name) for i, name in enumerate(running.split())]
    problem = Problem(
        nodes=nodes,
        shapes=shapes,
        pods=tuple(pods),
        allowed={"new": parts.pop("allowed", everywhere), "old": everywhere},
        scorers=scorers,
        **parts,
    )
    engine = Engine(problem)
    feasible = np.flatnonzero(engine.feasible("pod", 0))
    return {
        scorer.name: [int(value) for value in np.broadcast_to(score, len(feasible))]
        for scorer, score in engine.scores(0, feasible)
    }


def test_least_allocated_is_the_truncated_mean_of_truncated_shares() -> None:
    found = scored(node("a", cpu=3000, memory=1000), node("b", cpu=7000, memory=3000), new={"cpu": 1000, "memory": 500})
    # a: 2000*100//3000 = 66 and 50; b: 6000*100//7000 = 85 and 2500*100//3000 = 83
    assert found["NodeResourcesFit"] == [(66 + 50) // 2, (85 + 83) // 2]


def test_least_allocated_leaves_out_a_resource_that_the_node_lacks() -> None:
    found = scored(node("a", cpu=1000), node("b", cpu=1000, memory=1000), new={"cpu": 300})
    assert found["NodeResourcesFit"] == [70, (70 + 100) // 2]


def test_least_allocated_reads_assumed_requests_of_the_newcomer_and_the_placed() -> None:
    fields = {"scored_requests": {"cpu": 100, "memory": 200}}
    found = scored(
        node("a", cpu=1000, memory=1000),
        node("b", cpu=1000, memory=1000),
        new={},
        fields=fields,
        running="a",
        old={"pods": 1, "cpu": 500},
    )
    assert found["NodeResourcesFit"] == [(40 + 80) // 2, (90 + 80) // 2]


def test_least_allocated_gives_nothing_for_an_overcommitted_resource() -> None:
    fields = {"scored_requests": {"cpu": 2000, "memory": 0}}
    found = scored(node("a", cpu=1000, memory=1000), node("b", cpu=3000, memory=1000), new={}, fields=fields)
    assert found["NodeResourcesFit"] == [(0 + 100) // 2, (33 + 100) // 2]


def test_balanced_allocation_compares_evenness_before_and_after() -> None:
    # a: before |0-0|/2 = 0 -> 100; after |0.5-0.1|/2 = 0.2 -> 80; 50 + (50 + 80 - 100) // 2 = 65
    # b: before |0-0.5|/2 = 0.25 -> 75; after |0.5-0.6|/2 = 0.05 -> int(94.99..) or 95
    nodes = node("a", cpu=1000, memory=1000), node("b", cpu=1000, memory=1000)
    found = scored(*nodes, new={"cpu": 500, "memory": 100}, running="b", old={"pods": 1, "memory": 500})
    after = int((1 - abs((0.5 - 0.6) / 2)) * 100)
    assert found["NodeResourcesBalancedAllocation"] == [65, 50 + (50 + after - 75) // 2]


def test_balanced_allocation_truncates_towards_zero_when_it_gets_worse() -> None:
    # before 100, after 1 - |1 - 0|/2 = 0.5 -> 50: 50 + (50 + 50 - 100) // 2 = 50; b caps the share at 1
    found = scored(node("a", cpu=1000, memory=1000), node("b", cpu=2000, memory=1000), new={"cpu": 1000})
    assert found["NodeResourcesBalancedAllocation"] == [50, 50 + (50 + 75 - 100) // 2]


def test_balanced_allocation_takes_half_the_distance_where_two_of_three_resources_are_there() -> None:
    # before 100; after |1 - 0.32|/2 = 0.34 -> 66 (65 by the root of the mean square): 50 + (50 + 66 - 100) // 2 = 58
    even = Scorer(
        name="NodeResourcesBalancedAllocation",
        kind="balanced_allocation",
        weight=1,
        resources=("cpu", "memory", "ephemeral-storage"),
    )
    nodes = node("a", cpu=3, memory=100), node("b", cpu=3, memory=100)
    found = scored(*nodes, new={"cpu": 3, "memory": 32}, scorers=(even,))
    assert found["NodeResourcesBalancedAllocation"] == [58, 58]


def test_balanced_allocation_stands_aside_for_pods_without_requests() -> None:
    assert "NodeResourcesBalancedAllocation" not in scored(node("a", cpu=1), node("b", cpu=1), new={})


@pytest.mark.parametrize(
    ("values", "expected"),
    [({}, [300, 300]), ({"a": 2, "b": 2}, [0, 0]), ({"a": 3, "b": 1}, [0, 3 * (100 - 100 // 3)]), ({"a": 1}, [0, 300])],
)
def test_taints_are_scored_in_reverse(values: dict[str, int], expected: list[int]) -> None:
    rows = tuple(Preference(shape="new", scorer="TaintToleration", value=v, reach=at(n)) for n, v in values.items())
    assert scored(node("a"), node("b"), new={}, preferences=rows)["TaintToleration"] == expected


def test_normalisation_is_over_the_feasible_nodes_only() -> None:
    rows = tuple(
        Preference(shape="new", scorer="NodeAffinity", value=value, reach=at(name))
        for name, value in (("a", 10), ("b", 30), ("c", 90))
    )
    found = scored(node("a"), node("b"), node("c"), new={}, preferences=rows, allowed=at("a", "b"))
    assert found["NodeAffinity"] == [2 * (1000 // 30), 200]


def test_weights_of_preferences_for_one_node_add_up() -> None:
    rows = tuple(Preference(shape="new", scorer="NodeAffinity", value=v, reach=at("a")) for v in (10, 15))
    rows += (Preference(shape="new", scorer="NodeAffinity", value=75, reach=at("b")),)
    assert scored(node("a"), node("b"), new={}, preferences=rows)["NodeAffinity"] == [2 * (2500 // 75), 200]


def test_a_wish_that_no_node_grants_scores_nothing_and_without_a_wish_the_scorer_is_absent() -> None:
    rows = (Preference(shape="new", scorer="NodeAffinity", value=5, reach=Reach()),)
    assert scored(node("a"), node("b"), new={}, preferences=rows)["NodeAffinity"] == [0, 0]
    assert "NodeAffinity" not in scored(node("a"), node("b"), new={})


def test_soft_affinity_is_stretched_between_least_and_most_and_truncated() -> None:
    rows = (SoftAffinity(shape="new", key="host", neighbours=OLD, weight=10),)
    found = scored(node("a"), node("b"), node("c"), new={}, running="a a a b", soft_affinities=rows)
    assert found["InterPodAffinity"] == [200, 2 * int(100.0 * (10 / 30)), 0]


def test_soft_affinity_counts_pods_on_infeasible_nodes_of_the_domain() -> None:
    rows = (SoftAffinity(shape="new", key="zone", neighbours=OLD, weight=-1),)
    nodes = node("a", "z1"), node("b", "z1"), node("c", "z2")
    found = scored(*nodes, new={}, running="a", soft_affinities=rows, allowed=at("b", "c"))
    assert found["InterPodAffinity"] == [0, 200]


def test_soft_affinity_takes_part_as_soon_as_one_pod_counts_even_if_the_sum_is_nought() -> None:
    row = SoftAffinity(shape="new", key="host", neighbours=OLD, weight=10)
    assert "InterPodAffinity" not in scored(node("a"), node("b"), new={}, soft_affinities=(row,))
    against = SoftAffinity(shape="new", key="host", neighbours=OLD, weight=-10)
    found = scored(node("a"), node("b"), new={}, running="a", soft_affinities=(row, against))
    assert found["InterPodAffinity"] == [0, 0]


def spread(key: str, max_skew: int, **fields: Any) -> SoftSpread:
    eligible = fields.pop("eligible", at("a", "b", "c"))
    return SoftSpread(owner="new", key=key, max_skew=max_skew, matches=OLD, eligible=eligible, **fields)


def test_soft_spread_weighs_counts_by_the_logarithm_of_the_domains() -> None:
    # two zones: ln 4 = 1.386; z1: round(3 * 1.386 + 1) = 5, z2: round(1.386 + 1) = 2; 100 * (5 + 2 - s) // 5
    nodes = node("a", "z1"), node("b", "z1"), node("c", "z2")
    found = scored(*nodes, new={}, running="a a b c", soft_spreads=(spread("zone", 2),))
    assert found["PodTopologySpread"] == [80, 80, 200]


def test_soft_spread_gives_nodes_without_a_key_nothing_and_does_not_count_their_pods() -> None:
    nodes = node("a", "z1"), node("b", "z2"), node("c")
    found = scored(*nodes, new={}, running="c c c b", soft_spreads=(spread("zone", 1),))
    # a: 0, b: round(ln 4) = 1
    assert found["PodTopologySpread"] == [200, 0, 0]


def test_default_spreading_counts_nodes_without_the_key_as_a_domain() -> None:
    nodes = node("a", "z1"), node("b", "z2"), node("c")
    rows = (
        spread("host", 3, requires_keys=False, per_node=True),
        spread("zone", 5, requires_keys=False),
    )
    found = scored(*nodes, new={}, running="a", soft_spreads=rows)
    # five = ln(3 + 2) for both keys; a: round(1.609 + 2 + 1.609 + 4) = 9, b: 2 + 4 = 6, c: only the host: 2
    assert found["PodTopologySpread"] == [2 * (100 * (9 + 2 - s) // 9) for s in (9, 6, 2)]


def test_soft_spread_per_node_counts_the_pods_of_each_node_eligible_or_not() -> None:
    rows = (spread("host", 1, per_node=True, eligible=at("b", "c")),)
    found = scored(node("a"), node("b"), node("c"), new={}, running="a a b", soft_spreads=rows)
    # ln 5 = 1.609: a round(3.219) = 3, b round(1.609) = 2, c 0
    assert found["PodTopologySpread"] == [0, 2 * (100 * (3 - 2) // 3), 200]


def test_soft_spread_is_perfect_everywhere_if_nothing_counts() -> None:
    found = scored(node("a", "z"), node("b", "z"), new={}, soft_spreads=(spread("zone", 1),))
    assert found["PodTopologySpread"] == [200, 200]


def test_a_single_feasible_node_is_taken_without_scores() -> None:
    problem = Problem(
        nodes=(node("a"), node("b")),
        shapes=(Shape(name="new", requests={"pods": 1}),),
        pods=(Pod(name="pod", shape="new"),),
        allowed={"new": at("b")},
        scorers=SCORERS,
    )
    engine = Engine(problem)
    assert engine.best(0, np.array([1])).tolist() == [1]
