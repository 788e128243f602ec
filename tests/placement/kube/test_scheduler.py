"""The queue: who comes first, who is tried again, what a binding says."""

from __future__ import annotations

import msgspec

from kubelogic.placement.kube.scheduler import schedule
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Affinity, Claim, Filter, Node, Pod, Problem, Reach, Shape, Spread, Volume
from tests.support.mixture import SCORERS

EVERYWHERE = Reach(node_classes=frozenset({"c"}))


def problem(*shapes: Shape, pods: tuple[Pod, ...], nodes: int = 3, **parts: object) -> Problem:
    hosts = tuple(
        Node(
            name=f"n{i}",
            node_class="c",
            allocatable={"cpu": 10, "memory": 10, "pods": 5},
            topology={"host": f"n{i}", "zone": f"z{i % 2}"},
        )
        for i in range(nodes)
    )
    return Problem(
        nodes=hosts,
        shapes=shapes,
        pods=pods,
        allowed={shape.name: EVERYWHERE for shape in shapes},
        scorers=SCORERS,
        **parts,  # type: ignore[arg-type]
    )


def shape(name: str, cpu: int = 1, priority: int = 0, **fields: object) -> Shape:
    return Shape(name=name, priority=priority, requests={"cpu": cpu, "pods": 1}, **fields)  # type: ignore[arg-type]


def bound(placement: Placement) -> list[str]:
    return [f"{binding.pod}>{binding.node}" for binding in placement.bindings]


def test_pods_come_by_priority_then_order_then_name() -> None:
    pods = (
        Pod(name="d", shape="low", order=0),
        Pod(name="c", shape="high", order=2),
        Pod(name="b", shape="high", order=1),
        Pod(name="a", shape="high", order=2),
    )
    found = schedule(problem(shape("low"), shape("high", priority=1), pods=pods, nodes=1))
    assert bound(found) == ["b>n0", "a>n0", "c>n0", "d>n0"]


def test_equal_nodes_are_all_named_and_the_first_is_taken() -> None:
    found = schedule(problem(shape("a"), pods=(Pod(name="a-1", shape="a"), Pod(name="a-2", shape="a", order=1))))
    assert [(binding.node, binding.ties, binding.tied) for binding in found.bindings] == [
        ("n0", ("n0", "n1", "n2"), 3),
        ("n1", ("n1", "n2"), 2),
    ]
    short = schedule(problem(shape("a"), pods=(Pod(name="a-1", shape="a"),)), most_ties=2)
    assert (short.bindings[0].ties, short.bindings[0].tied) == (("n0", "n1"), 3)


def test_a_pod_that_needs_a_later_one_is_tried_again_when_that_is_placed() -> None:
    rule = Affinity(owner="first", key="zone", matches=frozenset({"second"}))
    pods = (Pod(name="first", shape="first"), Pod(name="second", shape="second", order=1))
    found = schedule(problem(shape("first"), shape("second"), pods=pods, affinities=(rule,)))
    assert bound(found) == ["second>n0", "first>n2"]
    assert found.unplaced == ()


def test_pods_that_need_each_other_stay_out() -> None:
    rules = (
        Affinity(owner="a", key="zone", matches=frozenset({"b"})),
        Affinity(owner="b", key="zone", matches=frozenset({"a"})),
    )
    pods = (Pod(name="a", shape="a"), Pod(name="b", shape="b"))
    found = schedule(problem(shape("a"), shape("b"), pods=pods, affinities=rules))
    assert [(entry.pod, entry.verdict) for entry in found.unplaced] == [("a", "rejected"), ("b", "rejected")]


def test_a_spread_that_another_pod_evens_out_is_tried_again() -> None:
    """``even`` has room in zone 0 only, which is one ahead until ``late`` comes to zone 1."""
    rule = Spread(owner="even", key="zone", max_skew=1, matches=frozenset({"even", "late"}), eligible=EVERYWHERE)
    pods = (
        Pod(name="old", shape="even", node="n0"),
        Pod(name="full", shape="full", node="n1"),
        Pod(name="even", shape="even", order=1),
        Pod(name="late", shape="late", order=2),
    )
    shapes = (shape("even", cpu=2), shape("late", cpu=1), shape("full", cpu=9))
    given = problem(*shapes, pods=pods, nodes=2, spreads=(rule,))
    assert bound(schedule(given)) == ["late>n0"]
    only_zone_1 = {**given.allowed, "late": Reach(nodes=frozenset({"n1"}))}
    assert bound(schedule(msgspec.structs.replace(given, allowed=only_zone_1))) == ["late>n1", "even>n0"]


def test_equal_pods_that_fail_share_one_refusal_and_one_attempt() -> None:
    pods = tuple(Pod(name=f"a-{i}", shape="a", order=i) for i in range(5))
    found = schedule(problem(shape("a", cpu=11), pods=pods))
    assert len(found.refusals) == 1
    assert [entry.refusal for entry in found.unplaced] == [0] * 5
    assert found.statistics["attempts"] == 1


def test_rejections_name_every_filter_on_every_node() -> None:
    shapes = (
        shape("a", cpu=11, ports=(("0.0.0.0", "TCP", 80),)),
        shape("b", ports=(("10.0.0.1", "TCP", 80),)),
    )
    pods = (Pod(name="b", shape="b", node="n1"), Pod(name="a", shape="a"))
    given = problem(*shapes, pods=pods)
    found = schedule(given)
    assert [(row.filter, row.reason, row.subject, row.nodes) for row in found.refusals[0].rejections] == [
        ("port", "port", "80/TCP", ("n1",)),
        ("resource", "resource", "cpu", ("n0", "n1", "n2")),
    ]
    named = (Filter(kind="port", stage=9, name="Ports"), Filter(kind="resource", stage=7, name="Fit"))
    found = schedule(msgspec.structs.replace(given, filters=named))
    assert [(row.stage, row.filter) for row in found.refusals[0].rejections] == [(7, "Fit"), (9, "Ports")]


def test_a_claim_gets_its_first_volume_that_reaches_and_the_next_pod_follows_it() -> None:
    volumes = (
        Volume(name="v1", reach=Reach(nodes=frozenset({"n2"}))),
        Volume(name="v2", reach=Reach(nodes=frozenset({"n2"}))),
    )
    claims = (Claim(name="c", volumes=("v1", "v2")), Claim(name="d", volumes=("v1", "v2")))
    pods = (
        Pod(name="a-1", shape="a"),
        Pod(name="a-2", shape="a", order=1),
        Pod(name="b-1", shape="b", order=2),
    )
    shapes = (shape("a", claims=("c",)), shape("b", claims=("d",)))
    found = schedule(problem(*shapes, pods=pods, claims=claims, volumes=volumes))
    assert [(b.pod, b.node, b.volumes) for b in found.bindings] == [
        ("a-1", "n2", (("c", "v1"),)),
        ("a-2", "n2", ()),
        ("b-1", "n2", (("d", "v2"),)),
    ]


def test_no_nodes_and_no_pods() -> None:
    assert schedule(problem(shape("a"), pods=(), nodes=0)).bindings == ()
    found = schedule(problem(shape("a"), pods=(Pod(name="a", shape="a"),), nodes=0))
    assert [entry.verdict for entry in found.unplaced] == ["rejected"]
