"""A single waiting pod that may evict: what is decided agrees with all ways to evict, gone through."""

from __future__ import annotations

from itertools import chain, combinations, product

import pytest
from msgspec import structs

from kubelogic.placement.check import _Board, check
from kubelogic.placement.optimal.clearance import cleared
from kubelogic.placement.optimal.limits import Deadline, Limits
from kubelogic.placement.optimal.lone import lone
from kubelogic.placement.placement import Binding
from kubelogic.placement.problem import Affinity, Node, Pod, Problem, Reach, Shape, Spread
from tests.support.cores import solved
from tests.support.mixture import mixture

HERE = Reach(node_classes=frozenset({"n"}))


def problem(running: dict[str, tuple[str, str]], **more: object) -> Problem:
    """Nodes a1 and a2 of zone a, and b1 of zone b; a pod of ``new`` waits that may evict ``weak`` ones."""
    nodes = tuple(
        Node(name=name, node_class="n", allocatable={"cpu": 2, "pods": 9}, topology={"zone": name[0], "host": name})
        for name in ("a1", "a2", "b1")
    )
    shapes = (
        Shape(name="new", priority=5, requests={"cpu": 1, "pods": 1}),
        Shape(name="weak", requests={"cpu": 1, "pods": 1}),
        Shape(name="strong", priority=5, requests={"cpu": 1, "pods": 1}),
    )
    pods = (*(Pod(name=name, shape=shape, node=node) for name, (shape, node) in running.items()),)
    return Problem(
        nodes=nodes,
        shapes=shapes,
        pods=(*pods, Pod(name="p", shape="new")),
        allowed=dict.fromkeys(("new", "weak", "strong"), HERE),
        **more,  # type: ignore[arg-type]
    )


def spread(key: str) -> Spread:
    return Spread(owner="new", key=key, max_skew=1, matches=frozenset({"weak", "strong"}), eligible=HERE)


OWN = {f"w{i}": ("weak", node) for i, node in enumerate(("a1", "a1", "a2", "b1", "b1"))}
FULL = {f"s{i}": ("strong", node) for i, node in enumerate(("b1", "b1"))}
TABLE = {
    "only those of its own zone leave": ({**OWN, **FULL}, {"spreads": (spread("zone"),)}, True),
    "nobody leaves for its sake": (
        {f"s{node}{i}": ("strong", node) for node in ("a1", "a2", "b1") for i in range(2)} | {"w": ("weak", "a1")},
        {},
        False,
    ),
    "the partner has to leave": (
        {"w": ("weak", "a1"), "s": ("strong", "a1"), **FULL, "t": ("strong", "a2"), "u": ("strong", "a2")},
        {"affinities": (Affinity(owner="new", key="host", matches=frozenset({"weak"})),)},
        False,
    ),
    "it leaves so that there is no partner": (
        {"w": ("weak", "a1"), **FULL, "t": ("strong", "a2"), "u": ("strong", "a2"), "s": ("strong", "a1")},
        {"affinities": (Affinity(owner="new", key="host", matches=frozenset({"weak", "new"}), self_satisfied=True),)},
        True,
    ),
    "a stranger keeps the zone free of it": (
        {"w": ("weak", "a2"), **FULL},
        {"affinities": (Affinity(owner="weak", key="zone", matches=frozenset({"new"}), anti=True),)},
        True,
    ),
}


def test_who_shares_a_volume_may_have_to_stay() -> None:
    """The node has no room for a further volume, and none is needed while the other pod uses it."""
    case = problem({"w": ("weak", "a1"), "v": ("weak", "a1"), "s": ("other", "a1")})
    disk = (("disk", "d"),)
    new, weak, strong = (structs.replace(each, attaches=disk if each.name == "new" else ()) for each in case.shapes)
    other = structs.replace(weak, name="other", attaches=disk, requests={"pods": 1})
    node = structs.replace(case.nodes[0], attach_limits={"disk": 1}, attached=disk)
    case = structs.replace(
        case,
        nodes=(node, *case.nodes[1:]),
        shapes=(new, weak, strong, other),
        allowed={**case.allowed, "new": HERE, "other": HERE},
    )
    case = structs.replace(case, nodes=(node,), pods=tuple(pod for pod in case.pods if pod.node in ("", "a1")))
    possible, placement = lone(case, solved, Deadline(Limits(), None))
    assert (possible, reachable(case)) == (True, True)
    assert placement is not None
    assert {each.pod for each in placement.evictions}.isdisjoint({"s"})


@pytest.mark.parametrize("name", TABLE)
def test_decided(name: str) -> None:
    running, more, expected = TABLE[name]
    case = problem(running, **more)  # type: ignore[arg-type]
    possible, placement = lone(case, solved, Deadline(Limits(), None))
    assert (possible, reachable(case)) == (expected, expected)
    assert (placement is not None and check(case, placement) == ()) is expected


@pytest.mark.parametrize(
    "seeds", [range(40), *(pytest.param(range(n, n + 100), marks=pytest.mark.slow) for n in (100, 200, 300))]
)
def test_all_ways_to_evict(seeds: range) -> None:
    decided: list[bool] = []
    for seed in seeds:
        case = mixture(seed, nodes=3, shapes=3, running=6, waiting=9)
        if not case.waiting:
            continue
        top = max(shape.priority for shape in case.shapes) + 1
        own = case.waiting[0].shape
        shapes = (
            structs.replace(each, priority=top, preempts=True) if each.name == own else each for each in case.shapes
        )
        pods = (structs.replace(pod, terminating=False, nominated="") for pod in (*case.running, case.waiting[0]))
        case = structs.replace(case, shapes=tuple(shapes), pods=tuple(pods))
        possible, placement = lone(case, solved, Deadline(Limits(), None))
        if possible is not None:
            decided.append(possible)
            assert possible is reachable(case), seed
            assert placement is None or check(case, placement) == (), seed
    assert {*decided} == {True, False}
    assert len(decided) > len(seeds) // 4


def reachable(case: Problem) -> bool:
    """Whether there is a node for the waiting pod after some of those left who may be evicted."""
    _, victims = cleared(case)
    names = [pod.name for pod in victims]
    shape = next(each for each in case.shapes if each.name == case.waiting[0].shape)
    volumes = {claim.name: (*claim.volumes, "") for claim in case.claims}
    for gone in chain.from_iterable(combinations(names, size) for size in range(len(names) + 1)):
        board = _Board(case)
        for pod in case.running:
            if pod.name not in gone:
                board.put(pod, pod.node)
        for chosen in product(*(volumes[name] for name in shape.claims)):
            given = tuple(zip(shape.claims, chosen, strict=True))
            for node in case.nodes:
                binding = Binding(pod=case.waiting[0].name, node=node.name, volumes=given)
                if not any(board.refusals(case.waiting[0], node, binding)):
                    return True
    return False
