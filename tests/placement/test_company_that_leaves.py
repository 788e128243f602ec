"""Required affinity to pods that would have to make room: kube-scheduler's filters run again without its victims."""

from __future__ import annotations

import pytest

from kubelogic.placement.check import check
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.problem import Affinity, Node, Pod, Problem, Reach, Shape

EVERYWHERE = Reach(node_classes=frozenset({"c"}))


def problem(running: dict[str, tuple[str, int]], *, key: str = "host", asks: int = 2, also: bool = False) -> Problem:
    """Nodes a1 and a2 of zone a and b1 of zone b, each of 4 cpu; one pod waits and needs company by ``key``.

    Args:
        running: by name, the node and the cpu of a pod; ``low`` is company, others are not. All may be evicted.
        key: of the affinity.
        asks: the cpu that the pod asks for which waits.
        also: whether pods like it are company, too.
    """
    nodes = tuple(
        Node(name=name, node_class="c", allocatable={"cpu": 4, "pods": 9}, topology={"host": name, "zone": name[0]})
        for name in ("a1", "a2", "b1")
    )
    shapes = [Shape(name=name, requests={"cpu": cpu, "pods": 1}) for name, (_, cpu) in sorted(running.items())]
    matches = frozenset(name for name in running if name.startswith("low")) | ({"big"} if also else set())
    return Problem(
        nodes=nodes,
        shapes=(Shape(name="big", priority=9, requests={"cpu": asks, "pods": 1}), *shapes),
        pods=(
            *(Pod(name=name, shape=name, node=on) for name, (on, _) in running.items()),
            Pod(name="big", shape="big"),
        ),
        allowed=dict.fromkeys(("big", *running), EVERYWHERE),
        affinities=(Affinity(owner="big", key=key, matches=matches),),
    )


@pytest.mark.parametrize("also", [False, True])
@pytest.mark.parametrize(
    ("running", "key", "asks", "verdict"),
    [
        ({"low": ("a1", 3)}, "host", 2, "impossible"),
        ({"low": ("a1", 3)}, "host", 1, "placed"),
        # with only the others gone there is room; kube-scheduler takes all away when it tries, and evicts nobody
        ({"low": ("a1", 1), "other": ("a1", 3)}, "host", 3, "waiting"),
        ({"low1": ("a1", 1), "low2": ("a1", 3)}, "host", 3, "waiting"),
        ({"low1": ("a1", 1), "low2": ("a1", 3)}, "host", 4, "impossible"),
        ({"low1": ("a1", 3), "low2": ("b1", 2)}, "host", 2, "placed"),
        ({"low": ("a1", 3)}, "zone", 2, "placed"),
        ({"low1": ("a1", 3), "low2": ("a2", 3)}, "zone", 4, "waiting"),
        ({"low": ("b1", 3)}, "zone", 2, "impossible"),
        ({"low": ("b1", 3), "other": ("a1", 4)}, "zone", 2, "impossible"),
    ],
)
def test_one_of_the_company_stays_and_takes_its_room(
    running: dict[str, tuple[str, int]], key: str, asks: int, verdict: str, *, also: bool
) -> None:
    given = problem(running, key=key, asks=asks, also=also)
    placement = solve(given)
    assert check(given, placement) == ()
    assert [each.verdict for each in placement.unplaced] == ([] if verdict == "placed" else [verdict])


def test_the_first_of_those_that_are_company_to_themselves_goes_where_its_victims_were() -> None:
    given = problem({"low": ("a1", 3), "other1": ("a2", 4), "other2": ("b1", 4)}, asks=2, also=True)
    rule = Affinity(owner="big", key="host", matches=frozenset({"low", "big"}), self_satisfied=True)
    given = Problem(nodes=given.nodes, shapes=given.shapes, pods=given.pods, allowed=given.allowed, affinities=(rule,))
    placement = solve(given)
    assert check(given, placement) == ()
    assert [each.verdict for each in placement.unplaced] == ["waiting"]
