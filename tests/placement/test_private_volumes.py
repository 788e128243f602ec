"""Volumes of one pod each count as room: how many all nodes attach proves how many pods there can be."""

from __future__ import annotations

import pytest

from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.private_volumes import private_volumes_as_amounts
from kubelogic.placement.problem import Node, Pod, Problem, Reach, Shape

ROOM = {"cpu": 4000, "pods": 110}
EVERYWHERE = Reach(node_classes=frozenset({"a"}))


def problem(volumes: list[str], *, limits: tuple[int, ...] = (3, 3), runs: str = "", attached: str = "") -> Problem:
    """One pod per volume of the driver ``disk``; the one of ``runs`` is on the first node, as is ``attached``."""
    shapes = tuple(
        Shape(
            name=f"s{n}",
            requests={"cpu": 100, "pods": 1},
            attaches=(("disk", volume),),
        )
        for n, volume in enumerate(volumes)
    )
    nodes = tuple(
        Node(
            name=f"n{n}",
            node_class="a",
            allocatable=ROOM,
            attach_limits={"disk": limit},
            attached=(("disk", attached),) if attached and n == 0 else (),
        )
        for n, limit in enumerate(limits)
    )
    pods = tuple(
        Pod(name=f"p{n:02}", shape=f"s{n}", node="n0" if runs == volume else "", order=n)
        for n, volume in enumerate(volumes)
    )
    return Problem(nodes=nodes, shapes=shapes, pods=pods, allowed={shape.name: EVERYWHERE for shape in shapes})


ELEVEN = [f"v{n}" for n in range(11)]


@pytest.mark.parametrize(
    ("given", "placed"),
    [
        (problem(ELEVEN), 6),
        (problem(ELEVEN, limits=(3, 0)), 3),
        (problem(ELEVEN, runs="v4"), 5),
        (problem(ELEVEN, runs="v4", attached="v4"), 5),
        (problem(ELEVEN, attached="foreign"), 5),
        (problem([*ELEVEN[:7], "v0"], limits=(3, 3)), 7),
    ],
    ids=["two nodes", "one takes none", "one runs", "one runs and is attached", "one is not ours", "two share one"],
)
def test_what_nodes_attach_is_proved(given: Problem, placed: int) -> None:
    """The last has a volume of two pods: it is left as it is, and placed all the same."""
    found = solve(given)
    assert len(found.bindings) == placed
    if len(set(ELEVEN)) == len(given.shapes):
        assert {entry.verdict for entry in found.unplaced} == {"impossible"}


@pytest.mark.parametrize(
    "given",
    [problem(["v0", "v0"]), problem(["v0", "v1"], attached="v1"), problem([])],
    ids=["shared", "attached where its pod is not", "none"],
)
def test_other_volumes_stay_as_they_are(given: Problem) -> None:
    assert private_volumes_as_amounts(given) is given


def test_what_is_on_a_node_is_taken_off() -> None:
    changed = private_volumes_as_amounts(problem(["v0", "v1"], runs="v0", attached="v0"))
    assert [dict(node.allocatable)["attachments of disk"] for node in changed.nodes] == [2, 3]
    assert [dict(shape.requests).get("attachments of disk") for shape in changed.shapes] == [None, 1]
    assert not any(each.attach_limits or each.attached for each in changed.nodes)
