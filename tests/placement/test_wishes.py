"""Wishes and balance decide where there is room for all."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.problem import Node, Pod, Preference, Problem, Reach, Scorer, Shape, SoftAffinity, SoftSpread

ALL = Reach(node_classes=frozenset({"c"}))


def problem(*, count: int = 4, running: tuple[Pod, ...] = (), **more: Any) -> Problem:
    """Four nodes in two zones, 10 cpu each; pods of 1 cpu."""
    nodes = tuple(
        Node(
            name=f"n{i}",
            node_class="c",
            allocatable={"cpu": 10, "pods": 10},
            topology={"host": f"n{i}", "zone": f"z{i // 2}"},
        )
        for i in range(4)
    )
    pods = tuple(Pod(name=f"a{i}", shape="a", order=i) for i in range(count))
    shapes = (Shape(name="a", requests={"cpu": 1, "pods": 1}), Shape(name="b", requests={"cpu": 1, "pods": 1}))
    return Problem(nodes=nodes, shapes=shapes, pods=(*running, *pods), allowed={"a": ALL, "b": ALL}, **more)


def nodes(case: Problem) -> Counter[str]:
    placement = solve(case)
    assert not placement.unplaced
    return Counter(binding.node for binding in placement.bindings)


def test_balance_comes_last_of_all() -> None:
    assert nodes(problem()) == Counter(n0=1, n1=1, n2=1, n3=1)


def test_preferred_nodes_come_first() -> None:
    wish = Preference(shape="a", scorer="NodeAffinity", value=5, reach=Reach(nodes=frozenset({"n2"})))
    case = problem(preferences=(wish,), scorers=(Scorer(name="NodeAffinity", weight=2),))
    assert nodes(case) == Counter(n2=4)


def test_disliked_nodes_come_last() -> None:
    dislike = Preference(shape="a", scorer="TaintToleration", value=1, reach=Reach(nodes=frozenset({"n0", "n1"})))
    case = problem(preferences=(dislike,), scorers=(Scorer(name="TaintToleration", weight=3, normalize="reversed"),))
    assert nodes(case) == Counter(n2=2, n3=2)


def test_a_wish_gives_way_to_room() -> None:
    wish = Preference(shape="a", scorer="NodeAffinity", value=5, reach=Reach(nodes=frozenset({"n2"})))
    case = problem(count=13, preferences=(wish,), scorers=(Scorer(name="NodeAffinity"),))
    assert nodes(case) == Counter(n2=10, n0=1, n1=1, n3=1)


def test_soft_affinity_draws_to_its_domain() -> None:
    wish = SoftAffinity(shape="a", key="zone", neighbours=frozenset({"b"}), weight=10)
    case = problem(running=(Pod(name="b", shape="b", node="n3"),), soft_affinities=(wish,))
    assert set(nodes(case)) == {"n2", "n3"}


def test_soft_spread_evens_out_zones() -> None:
    wish = SoftSpread(owner="a", key="zone", max_skew=1, matches=frozenset({"a", "b"}), eligible=ALL)
    running = tuple(Pod(name=f"b{i}", shape="b", node="n0") for i in range(4))
    case = problem(running=running, soft_spreads=(wish,))
    assert set(nodes(case)) == {"n2", "n3"}


def test_wishes_count_in_big_problems_too() -> None:
    """Too many pods to place one by one: they are moved afterwards."""
    nodes = tuple(
        Node(name=f"n{i:03}", node_class="c" if i % 2 else "d", allocatable={"cpu": 10, "pods": 20}) for i in range(400)
    )
    reach = Reach(node_classes=frozenset({"c", "d"}))
    liked = Preference(shape="a", scorer="NodeAffinity", value=1, reach=ALL)
    case = Problem(
        nodes=nodes,
        shapes=(Shape(name="a", requests={"cpu": 1, "pods": 1}),),
        pods=tuple(Pod(name=f"a{i:04}", shape="a", order=i) for i in range(2600)),
        allowed={"a": reach},
        preferences=(liked,),
        scorers=(Scorer(name="NodeAffinity"),),
    )
    placement = solve(case)
    assert not placement.unplaced
    assert sum(int(binding.node[1:]) % 2 for binding in placement.bindings) == 2000
