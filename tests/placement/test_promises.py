"""Pods that were promised a node keep it, as kube-scheduler's nominated pods do."""

from __future__ import annotations

import msgspec
import pytest

from kubelogic.placement.check import check
from kubelogic.placement.kube.scheduler import schedule
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Node, Pod, Problem, Reach, Shape
from tests.support.mixture import mixture

EVERYWHERE = Reach(node_classes=frozenset({"all"}))


def problem(*pods: Pod, nodes: tuple[str, ...] = ("a",)) -> Problem:
    """Nodes of 4 cpu; pods of the shapes ``big`` (4 cpu) and ``half`` (2), also in higher and lower priorities."""
    shapes = [
        Shape(name=f"{prefix}{name}", priority=priority, requests={"cpu": cpu})
        for name, cpu in (("big", 4), ("half", 2))
        for prefix, priority in (("", 10), ("high-", 20), ("low-", 0))
    ]
    return Problem(
        nodes=tuple(Node(name=name, node_class="all", allocatable={"cpu": 4}) for name in nodes),
        shapes=tuple(shapes),
        pods=pods,
        allowed={shape.name: EVERYWHERE for shape in shapes},
    )


def where(placement: Placement) -> dict[str, str]:
    """The node of each pod that has one or waits for one."""
    return {entry.pod: entry.node for entry in (*placement.bindings, *placement.nominations)}


PROMISED = Pod(name="p", shape="big", nominated="a", order=9)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        pytest.param(
            (Pod(name="q", shape="half"), Pod(name="r", shape="half")), {"p": "a"}, id="two of equal priority stay out"
        ),
        pytest.param((Pod(name="q", shape="high-big"),), {"q": "a"}, id="higher priority takes the room"),
        pytest.param(
            (Pod(name="old", shape="low-big", node="a", terminating=True), Pod(name="q", shape="big")),
            {"p": "a"},
            id="the room is kept until it is free",
        ),
        pytest.param(
            (Pod(name="old", shape="high-big", node="a"), Pod(name="q", shape="low-half")), {}, id="a void promise"
        ),
    ],
)
def test_room_is_reserved(others: tuple[Pod, ...], expected: dict[str, str]) -> None:
    asked = problem(PROMISED, *others)
    placement = solve(asked)
    assert check(asked, placement) == ()
    assert where(placement) == expected
    theirs = schedule(asked)
    assert {entry.pod: entry.node for entry in theirs.bindings}.items() <= expected.items()


def test_a_promised_pod_waits_for_the_node_rather_than_for_victims() -> None:
    old = Pod(name="old", shape="low-big", node="b", terminating=True)
    victim = Pod(name="victim", shape="low-big", node="a")
    waiting = (Pod(name="p", shape="big", nominated="b"), Pod(name="q", shape="low-half"))
    placement = solve(problem(*waiting, old, victim, nodes=("a", "b")))
    assert where(placement) == {"p": "b"}
    assert placement.evictions == ()


def later(before: Problem, placement: Placement) -> Problem:
    """The problem while the victims are on their way out."""
    bound = {entry.pod: entry.node for entry in placement.bindings}
    promised = {entry.pod: entry.node for entry in placement.nominations}
    gone = {entry.pod for entry in placement.evictions}
    pods = tuple(
        msgspec.structs.replace(
            pod,
            node=pod.node or bound.get(pod.name, ""),
            nominated=promised.get(pod.name, ""),
            terminating=pod.terminating or pod.name in gone,
        )
        for pod in before.pods
    )
    return msgspec.structs.replace(before, pods=pods)


def test_the_next_look_evicts_no_more() -> None:
    """Random problems in which no claim is settled, whose volume a later problem would have to know as bound."""
    looked = 0
    for seed in range(150):
        before = mixture(seed)
        placement = solve(before)
        if not placement.evictions or any(entry.volumes for entry in (*placement.bindings, *placement.nominations)):
            continue
        looked += 1
        again = solve(later(before, placement))
        assert len(again.evictions) == 0, seed
        # Who needs a neighbour may have counted on one that was terminating already.
        needy = {rule.owner for rule in before.affinities if not rule.anti}
        shapes = {pod.name: pod.shape for pod in before.pods}
        promised = {entry.pod: entry.node for entry in placement.nominations if shapes[entry.pod] not in needy}
        assert promised.items() <= where(again).items(), seed
    assert looked > 3
