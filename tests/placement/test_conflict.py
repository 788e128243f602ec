"""Conflicts: what they name, and that every member is needed."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from kubelogic.placement.check import _Board, check, faults
from kubelogic.placement.optimal.assumptions import without
from kubelogic.placement.optimal.conflict import Core
from kubelogic.placement.optimal.limits import Limits
from kubelogic.placement.optimal.solve import core_of, solve
from kubelogic.placement.placement import Assumption, Binding, Conflict, Placement
from kubelogic.placement.problem import Affinity, Denial, Node, Pod, Problem, Reach, Shape, dumps
from tests.support.cores import faults_of
from tests.support.impossible import FAMILIES, impossible
from tests.support.mixture import mixture
from tests.support.problems import Recipe, generate

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
OVERFULL = [
    pytest.param(structs.replace(recipe, seed=seed), marks=[pytest.mark.slow] if seed else [])
    for recipe in (PLAIN, COUPLED)
    for seed in range(6)
]


@pytest.mark.parametrize("recipe", OVERFULL, ids=str)
def test_every_member_is_needed(recipe: Recipe) -> None:
    """Only the core in force: not all can be placed. Any one of it dropped: all can."""
    case = generate(recipe)
    placement = solve(case, limits=Limits(conflicts=8))
    assert placement.conflicts
    assert all(found.minimal for found in placement.conflicts)
    assert [faults_of(case, found) for found in placement.conflicts] == [[]] * len(placement.conflicts)


@pytest.mark.parametrize("nodes", [4, 11])
@pytest.mark.parametrize("family", FAMILIES)
def test_cores_of_impossible_problems(family: str, nodes: int) -> None:
    case = impossible(family, nodes=nodes)
    assert faults(case) == ()
    placement = solve(case)
    short = sorted({entry.shape for entry in placement.unplaced})
    assert short
    for shape in short:
        verify(case, cores(case, placement, shape))


def verify(case: Problem, core: Core | None) -> None:
    """The members cannot hold together, and every one has a right placement that shows what holds without it."""
    assert core is not None
    assert core.minimal, core.members
    assert core.members == tuple(entry for entry, _ in core.witnesses)
    assert solve(without(core.question, core.universe - frozenset(core.members))).unplaced
    waiting = Counter(pod.shape for pod in core.question.pods if not pod.node)
    for member, held in core.witnesses:
        dropped = core.universe - frozenset(core.members) | {member}
        counts = {entry.subjects[0] for entry in dropped if entry.kind == "count"}
        weaker = without(core.question, frozenset(entry for entry in dropped if entry.kind != "count"))
        names = {pod.name for pod in held.problem.pods}
        # It may keep to more than it has to, but it is right for the problem without the member.
        weaker = structs.replace(weaker, pods=tuple(pod for pod in weaker.pods if pod.name in names))
        assert check(weaker, held.placement) == ()
        bound = Counter(
            next(pod.shape for pod in weaker.pods if pod.name == binding.pod)
            for binding in (*held.placement.bindings, *held.placement.nominations)
        )
        assert all(bound[shape] == number for shape, number in waiting.items() if shape not in counts), str(member)


def test_the_generator_is_deterministic() -> None:
    for family in FAMILIES:
        assert dumps(impossible(family, nodes=5, seed=3)) == dumps(impossible(family, nodes=5, seed=3))
        assert dumps(impossible(family, nodes=5, seed=3)) != dumps(impossible(family, nodes=5, seed=4))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 30))
def test_cores_are_never_wrong(seed: int) -> None:
    """Of everything that a problem can say, in small: what a core rules out, no order of bindings reaches."""
    case = mixture(seed, nodes=3, shapes=3, running=3, waiting=4)
    case = structs.replace(case, pods=tuple(structs.replace(p, movable=False, terminating=False) for p in case.pods))
    placement = solve(case)
    for shape in sorted({entry.shape for entry in placement.unplaced}):
        core = cores(case, placement, shape)
        if core is None:
            continue
        kept = frozenset(core.members)
        assert not reachable(core.question, core.universe - kept), sorted(map(str, kept))
        for entry, _ in core.witnesses:
            assert reachable(core.question, core.universe - kept | {entry}), str(entry)


def reachable(problem: Problem, dropped: frozenset[Assumption]) -> bool:
    """Whether some sequence of bindings places all pods but those of shapes whose count is dropped."""
    open_ones = {entry.subjects[0] for entry in dropped if entry.kind == "count"}
    problem = without(problem, frozenset(entry for entry in dropped if entry.kind != "count"))
    waiting = Counter(pod.shape for pod in problem.pods if not pod.node)
    claims = {shape.name: shape.claims for shape in problem.shapes}
    start: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = ()
    queue, seen = [start], {start}
    while queue:
        done = queue.pop()
        placed = Counter(shape for shape, _, _ in done)
        if all(placed[shape] == number for shape, number in waiting.items() if shape not in open_ones):
            return True
        board = _Board(problem)
        for pod in problem.pods:
            if pod.node:
                board.put(pod, pod.node)
        for shape, node, volumes in done:
            board.put(Pod(name="", shape=shape), node)
            board.settle_claims(board.shapes[shape], board.nodes[node], Binding(pod="", node=node, volumes=volumes))
        volumes_of = {claim.name: (*claim.volumes, "") for claim in problem.claims}
        for shape in waiting:
            if placed[shape] == waiting[shape]:
                continue
            free = [name for name in claims[shape] if name not in board.given]
            for chosen in product(*(volumes_of[name] for name in free)):
                given_ones = tuple(zip(free, chosen, strict=True))
                for node in problem.nodes:
                    following = (*done, (shape, node.name, given_ones))
                    key = tuple(sorted(following)) if not any(claims.values()) else following
                    binding = Binding(pod="", node=node.name, volumes=given_ones)
                    if key not in seen and not any(board.refusals(Pod(name="", shape=shape), node, binding)):
                        seen.add(key)
                        queue.append(following)
    return False


def cores(case: Problem, placement: Placement, shape: str) -> Core | None:
    """The conflict of one shape with its witnesses."""
    return core_of(case, placement, shape, limits=Limits())
