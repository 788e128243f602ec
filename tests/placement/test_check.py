"""The checker refuses placements that have been tampered with, for the right reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kubelogic.placement.check import check, faults
from kubelogic.placement.placement import Binding, Bound, Eviction, Placement, Unplaced
from kubelogic.placement.problem import (
    Affinity,
    Budget,
    Claim,
    Exclusive,
    Node,
    Pod,
    Problem,
    Reach,
    Shape,
    Spread,
    Volume,
    dumps,
    loads,
)

ALL = Reach(node_classes=frozenset({"c"}))
A, B = frozenset({"a"}), frozenset({"b"})


def problem(*shapes: Shape, waiting: dict[str, int], running: tuple[Pod, ...] = (), **more: Any) -> Problem:
    """Four nodes in two zones, 10 cpu, 5 pods and one volume of ``csi`` each."""
    nodes = tuple(
        Node(
            name=f"n{i}",
            node_class="c",
            allocatable={"cpu": 10, "pods": 5},
            topology={"host": f"n{i}", "zone": f"z{i % 2}"},
            attach_limits={"csi": 1},
        )
        for i in range(4)
    )
    pods = tuple(Pod(name=f"{s}{i}", shape=s, order=i) for s, n in waiting.items() for i in range(n))
    parts = {"allowed": {shape.name: ALL for shape in shapes}, **more}
    return Problem(nodes=nodes, shapes=shapes, pods=running + pods, **parts)


def bind(pairs: str, *volumes: tuple[str, str]) -> Placement:
    """``a0>n1 b0>n2``: pods and nodes, in this order."""
    split = (pair.split(">") for pair in pairs.split())
    return Placement(
        scheduler="test", bindings=tuple(Binding(pod=pod, node=node, volumes=volumes) for pod, node in split)
    )


def shape_a(**fields: Any) -> Shape:
    return Shape(name="a", **fields)


def shape_b(**fields: Any) -> Shape:
    return Shape(name="b", **fields)


BOTH = {"a": 1, "b": 1}
ANY_80, ONE_80, TWO_80 = (((ip, "TCP", 80),) for ip in ("0.0.0.0", "10.0.0.1", "10.0.0.2"))
VOLUME = Volume(name="v", reach=Reach(nodes=frozenset({"n1"})))


def anti(key: str, matches: frozenset[str]) -> dict[str, Any]:
    return {"affinities": (Affinity(owner="a", key=key, matches=matches, anti=True),)}


def near(matches: frozenset[str], *, self_satisfied: bool) -> dict[str, Any]:
    return {"affinities": (Affinity(owner="a", key="zone", matches=matches, self_satisfied=self_satisfied),)}


def spread(min_domains: int) -> dict[str, Any]:
    rule = Spread(owner="a", key="zone", max_skew=1, matches=A, eligible=ALL, min_domains=min_domains)
    return {"spreads": (rule,)}


CASES: dict[str, tuple[Problem, Placement, str]] = {
    "fits": (problem(shape_a(requests={"cpu": 10}), waiting={"a": 2}), bind("a0>n0 a1>n1"), ""),
    "too big": (problem(shape_a(requests={"cpu": 6}), waiting={"a": 2}), bind("a0>n0 a1>n0"), "resources"),
    "not allowed": (
        problem(shape_a(), waiting={"a": 1}, allowed={"a": Reach(nodes=frozenset({"n1"}))}),
        bind("a0>n0"),
        "allowed",
    ),
    "ports overlap": (
        problem(shape_a(ports=ANY_80), shape_b(ports=ONE_80), waiting=BOTH),
        bind("a0>n0 b0>n0"),
        "ports",
    ),
    "ports of two addresses": (
        problem(shape_a(ports=TWO_80), shape_b(ports=ONE_80), waiting=BOTH),
        bind("a0>n0 b0>n0"),
        "",
    ),
    "exclusive in the cluster": (
        problem(shape_a(exclusive=(Exclusive(token="t", scope="cluster"),)), waiting={"a": 2}),
        bind("a0>n0 a1>n1"),
        "exclusive",
    ),
    "exclusive on the node": (
        problem(shape_a(exclusive=(Exclusive(token="t"),)), waiting={"a": 2}),
        bind("a0>n0 a1>n0"),
        "exclusive",
    ),
    "shared on the node": (
        problem(shape_a(exclusive=(Exclusive(token="t", shared=True),)), waiting={"a": 2}),
        bind("a0>n0 a1>n0"),
        "",
    ),
    "attach limit": (
        problem(shape_a(attaches=(("csi", "v"),)), shape_b(attaches=(("csi", "w"),)), waiting={"a": 2, "b": 1}),
        bind("a0>n0 a1>n0 b0>n0"),
        "attach",
    ),
    "anti-affinity to itself": (
        problem(shape_a(), waiting={"a": 2}, **anti("zone", A)),
        bind("a0>n0 a1>n2"),
        "anti_affinity",
    ),
    "anti-affinity of the newcomer": (
        problem(shape_a(), shape_b(), waiting=BOTH, **anti("host", B)),
        bind("b0>n0 a0>n0"),
        "anti_affinity",
    ),
    "anti-affinity of the other": (
        problem(shape_a(), shape_b(), waiting=BOTH, **anti("host", B)),
        bind("a0>n0 b0>n0"),
        "anti_affinity",
    ),
    "affinity": (
        problem(shape_a(), shape_b(), waiting=BOTH, **near(B, self_satisfied=False)),
        bind("b0>n2 a0>n0"),
        "",
    ),
    "affinity before its partner": (
        problem(shape_a(), shape_b(), waiting=BOTH, **near(B, self_satisfied=False)),
        bind("a0>n0 b0>n0"),
        "affinity",
    ),
    "affinity to itself in two places": (
        problem(shape_a(), waiting={"a": 2}, **near(A, self_satisfied=True)),
        bind("a0>n0 a1>n1"),
        "affinity",
    ),
    "spread": (problem(shape_a(), waiting={"a": 2}, **spread(1)), bind("a0>n0 a1>n2"), "spread"),
    "spread evenly": (problem(shape_a(), waiting={"a": 3}, **spread(1)), bind("a0>n0 a1>n1 a2>n0"), ""),
    "spread over too few domains": (
        problem(shape_a(), waiting={"a": 3}, **spread(3)),
        bind("a0>n0 a1>n1 a2>n0"),
        "spread",
    ),
    "claim out of reach": (
        problem(
            shape_a(claims=("k",)),
            waiting={"a": 1},
            claims=(Claim(name="k", volumes=("v",)),),
            volumes=(VOLUME,),
        ),
        bind("a0>n0", ("k", "v")),
        "claim",
    ),
    "claim confined to its zone": (
        problem(
            shape_a(claims=("k",)),
            waiting={"a": 2},
            claims=(Claim(name="k", provisions=ALL, confines="zone"),),
        ),
        bind("a0>n0 a1>n1", ("k", "")),
        "claim",
    ),
    "forgotten": (problem(shape_a(), waiting={"a": 2}), bind("a0>n0"), "account"),
    "placed twice": (problem(shape_a(), waiting={"a": 1}), bind("a0>n0 a0>n1"), "account"),
}


@pytest.mark.parametrize(("case", "placement", "rule"), CASES.values(), ids=CASES)
def test_each_filter(case: Problem, placement: Placement, rule: str) -> None:
    assert faults(case) == ()
    assert {violation.rule for violation in check(case, placement)} == ({rule} if rule else set())


def preemption() -> tuple[Problem, Placement]:
    low, high = Shape(name="low", requests={"cpu": 10}), Shape(name="high", priority=5, requests={"cpu": 10})
    running = tuple(Pod(name=f"r{i}", shape="low", node=f"n{i}", budgets=("b",) if i == 0 else ()) for i in range(4))
    case = problem(low, high, waiting={"high": 1}, running=running, budgets=(Budget(name="b", allowed=0),))
    answer = Placement(
        scheduler="test",
        evictions=(Eviction(pod="r1", node="n1", beneficiary="high0"),),
        nominations=(Binding(pod="high0", node="n1"),),
        unplaced=(Unplaced(pod="high0", shape="high", verdict="waiting", node="n1"),),
        bounds=(Bound(priority=5, most=1, placed=1),),
    )
    return case, answer


def test_a_lawful_preemption() -> None:
    assert check(*preemption()) == ()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda _: {"evictions": ()}, "resources"),
        (lambda p: {"bindings": p.nominations, "nominations": ()}, "resources"),
        (
            lambda _: {
                "evictions": (Eviction(pod="r0", node="n0", beneficiary="high0"),),
                "nominations": (Binding(pod="high0", node="n0"),),
            },
            "eviction",
        ),
        (lambda _: {"unplaced": ()}, "account"),
        (lambda _: {"bounds": (Bound(priority=5, most=0, placed=1),)}, "bound"),
    ],
    ids=["nobody leaves", "too early", "breaks a budget", "not said to wait", "beyond the bound"],
)
def test_an_unlawful_preemption(change: Callable[[Placement], dict[str, Any]], rule: str) -> None:
    case, answer = preemption()
    changed = msgspec.structs.replace(answer, **change(answer))
    assert rule in {violation.rule for violation in check(case, changed)}


def test_faults_name_what_is_missing() -> None:
    assert faults(problem(shape_a(), waiting={"b": 1})) == ("pod b0: no shape b",)


def test_problems_survive_json() -> None:
    for case, _, _ in CASES.values():
        assert loads(dumps(case)) == case
