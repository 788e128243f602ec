"""Where there is room in any order, no order leaves a pod out; where there may not be, that is not said."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from kubelogic.placement.kube.scheduler import schedule
from kubelogic.placement.problem import Affinity, Node, Pod, Problem, Reach, Shape, Spread
from kubelogic.placement.room import in_any_order
from tests.support.mixture import mixture

EVERYWHERE = Reach(node_classes=frozenset({"plain"}))


def problem(free: dict[str, int], waiting: dict[str, tuple[int, int]]) -> Problem:
    """Nodes with so much free CPU, and so many pods of each shape with so much CPU."""
    nodes = tuple(Node(name=name, node_class="plain", allocatable={"cpu": cpu}) for name, cpu in free.items())
    shapes = tuple(Shape(name=name, requests={"cpu": cpu}) for name, (_, cpu) in waiting.items())
    pods = tuple(
        Pod(name=f"{name}-{i}", shape=name, order=i) for name, (count, _) in waiting.items() for i in range(count)
    )
    return Problem(nodes=nodes, shapes=shapes, pods=pods, allowed={shape.name: EVERYWHERE for shape in shapes})


@pytest.mark.parametrize(
    ("free", "waiting", "shown"),
    [
        pytest.param({"a": 10}, {"x": (5, 2)}, True, id="all on one node"),
        pytest.param({"a": 10}, {"x": (5, 2), "y": (1, 1)}, False, id="one too many"),
        pytest.param({"a": 6, "b": 6}, {"x": (4, 2), "y": (1, 2)}, True, id="what the others take cannot fill both"),
        pytest.param({"a": 6, "b": 6}, {"x": (4, 2), "y": (1, 3)}, False, id="two and two of the others keep it out"),
        pytest.param({"a": 1, "b": 9}, {"x": (4, 2)}, True, id="a node that is too small counts for nothing"),
        pytest.param({}, {"x": (1, 0)}, False, id="no node at all"),
        pytest.param({"a": 0}, {"x": (3, 0)}, True, id="pods that ask for nothing"),
    ],
)
def test_amounts(free: dict[str, int], waiting: dict[str, tuple[int, int]], shown: bool) -> None:
    assert in_any_order(problem(free, waiting)) is shown


def test_a_rule_a_promise_or_a_port_shows_nothing() -> None:
    plain = problem({"a": 10, "b": 10}, {"x": (2, 1)})
    shape, pod = plain.shapes[0], plain.pods[0]
    apart = Affinity(owner="x", key="zone", matches=frozenset({"x"}), anti=True)
    spread = Spread(owner="x", key="zone", max_skew=1, matches=frozenset({"x"}), eligible=EVERYWHERE)
    assert in_any_order(plain)
    assert not in_any_order(replace(plain, affinities=(apart,)))
    assert not in_any_order(replace(plain, spreads=(spread,)))
    assert not in_any_order(replace(plain, shapes=(replace(shape, ports=(("0.0.0.0", "TCP", 80),)),)))
    assert not in_any_order(replace(plain, pods=(replace(pod, nominated="a"), *plain.pods[1:])))
    assert not in_any_order(replace(plain, pods=(replace(pod, group="gang"), *plain.pods[1:])))


@pytest.mark.parametrize("decade", range(5))
def test_no_order_leaves_a_pod_out(decade: int) -> None:
    shown = 0
    for seed in range(20 * decade, 20 * decade + 20):
        rich = mixture(seed, nodes=4, shapes=3, running=3, waiting=5)
        given = replace(
            rich,
            affinities=(),
            spreads=(),
            shapes=tuple(replace(shape, ports=(), exclusive=(), attaches=(), claims=()) for shape in rich.shapes),
        )
        if in_any_order(given):
            shown += 1
            for order in range(4):
                pods = [replace(pod, order=random.Random(order).randrange(9)) for pod in given.pods]
                assert schedule(replace(given, pods=tuple(pods)), seed=order).unplaced == (), seed
    assert shown
