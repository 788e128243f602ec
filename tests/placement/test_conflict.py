"""Conflicts: what they name, and that every member is needed."""

from __future__ import annotations

import pytest
from msgspec import structs

from kubelogic.placement.generate import Recipe, generate
from kubelogic.placement.optimal.limits import Limits
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.optimal.weaken import assumptions, without
from kubelogic.placement.placement import Conflict
from kubelogic.placement.problem import Affinity, Denial, Node, Pod, Problem, Reach, Shape

A, B = Reach(node_classes=frozenset({"a"})), Reach(node_classes=frozenset({"b"}))
BOTH = Reach(node_classes=frozenset({"a", "b"}))


def problem(*, request: int, count: int, allowed: Reach, denials: tuple[Denial, ...] = (), **more: object) -> Problem:
    """Two nodes of class a with 4 cpu, one of class b with 8; pods of one shape."""
    sizes = {"n0": ("a", 4), "n1": ("a", 4), "n2": ("b", 8)}
    nodes = tuple(
        Node(name=name, node_class=c, allocatable={"cpu": cpu, "pods": 10}, topology={"zone": c})
        for name, (c, cpu) in sizes.items()
    )
    return Problem(
        nodes=nodes,
        shapes=(Shape(name="s", requests={"cpu": request, "pods": 1}),),
        pods=tuple(Pod(name=f"s{i}", shape="s", order=i) for i in range(count)),
        allowed={"s": allowed},
        denials=denials,
        **more,  # type: ignore[arg-type]
    )


def conflict(problem: Problem) -> Conflict:
    (found,) = solve(problem, limits=Limits(conflicts=1)).conflicts
    return found


@pytest.mark.parametrize(
    ("case", "core", "placeable"),
    [
        (
            problem(request=6, count=1, allowed=A, denials=(Denial(shape="s", reason="toleration", reach=B),)),
            {"request(s, cpu)", "toleration(s, b)", "capacity(a, cpu)"},
            0,
        ),
        (
            problem(request=3, count=3, allowed=A),
            {"count(s)", "request(s, cpu)", "capacity(a, cpu)", "allowed(s, b)"},
            2,
        ),
        (
            problem(
                request=1, count=3, allowed=BOTH, affinities=(Affinity(owner="s", key="zone", matches=frozenset()),)
            ),
            {"affinity(s, zone)"},
            0,
        ),
        (
            problem(
                request=1,
                count=3,
                allowed=BOTH,
                affinities=(Affinity(owner="s", key="zone", matches=frozenset({"s"}), anti=True),),
            ),
            {"count(s)", "anti_affinity(s, zone)"},
            2,
        ),
    ],
    ids=["too big", "too many", "no partner", "too few zones"],
)
def test_the_core_names_what_to_edit(case: Problem, core: set[str], placeable: int) -> None:
    found = conflict(case)
    assert ({str(entry) for entry in found.core}, found.placeable, found.minimal) == (core, placeable, True)


PLAIN = Recipe(nodes=12, classes=3, pods=60, shapes=4, fill=1.3, leftovers=True, restricted=0.5)
COUPLED = Recipe(nodes=30, classes=3, pods=80, shapes=4, fill=1.2, coupled=0.6, priorities=2)
IMPOSSIBLE = [
    pytest.param(structs.replace(recipe, seed=seed), marks=[pytest.mark.slow] if seed else [])
    for recipe in (PLAIN, COUPLED)
    for seed in range(6)
]


@pytest.mark.parametrize("recipe", IMPOSSIBLE, ids=str)
def test_every_member_is_needed(recipe: Recipe) -> None:
    """Only the core in force: not all can be placed. Any one of it dropped: all can."""
    case = generate(recipe)
    placement = solve(case, limits=Limits(conflicts=8))
    assert placement.conflicts
    for found in placement.conflicts:
        assert found.minimal
        names = {entry.subjects[0] for entry in found.core if entry.kind == "count"}
        mine = [pod for pod in case.pods if pod.shape == found.shape and not pod.node]
        mine = mine if names else mine[:1]
        others = [pod for pod in case.pods if pod.shape in names - {found.shape} and not pod.node]
        asked = Problem(
            **{
                name: getattr(case, name) if name != "pods" else (*(p for p in case.pods if p.node), *mine, *others)
                for name in Problem.__struct_fields__
            }
        )
        rest = frozenset(entry for entry in assumptions(asked) if entry.kind != "count") - frozenset(found.core)
        assert any(e.verdict == "impossible" for e in solve(without(asked, rest)).unplaced)
        for member in found.core:
            answer = solve(without(asked, rest | {member}))
            assert all(entry.verdict == "waiting" for entry in answer.unplaced), str(member)
