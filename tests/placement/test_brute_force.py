"""The joint scheduler against all placements there are, on problems small enough to try them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from kubelogic.placement.check import _Board, check, faults
from kubelogic.placement.optimal.limits import Limits
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.placement import Binding, Placement
from kubelogic.placement.problem import Affinity, Budget, Exclusive, Node, Pod, Problem, Reach, Shape, Spread

SHAPES = ("a", "b", "c")


@st.composite
def problems(draw: st.DrawFn, *, coupled: bool, preemption: bool) -> Problem:
    """Up to 3 nodes, 3 shapes and 6 waiting pods."""
    size = draw(st.integers(1, 3))
    nodes = tuple(
        Node(
            name=f"n{i}",
            node_class=f"c{draw(st.integers(0, 1))}",
            allocatable={"cpu": draw(st.integers(2, 9)), "memory": draw(st.integers(2, 9)), "pods": 4},
            topology={"host": f"n{i}", **({"zone": f"z{i % 2}"} if draw(st.booleans()) else {})},
            attach_limits={"csi": 1},
        )
        for i in range(size)
    )
    classes = frozenset(node.node_class for node in nodes)
    shapes, allowed, affinities, spreads = [], {}, [], []
    subsets = st.frozensets(st.sampled_from(SHAPES), min_size=1)
    for name in SHAPES:
        extra = draw(st.sampled_from(("", "port", "token", "attach", "anti", "near", "spread"))) if coupled else ""
        shapes.append(
            Shape(
                name=name,
                priority=draw(st.integers(0, 2)) if preemption else draw(st.integers(0, 1)),
                requests={"cpu": draw(st.integers(0, 5)), "memory": draw(st.integers(0, 5)), "pods": 1},
                ports=(("0.0.0.0", "TCP", 80),) if extra == "port" else (),
                exclusive=(Exclusive(token="t", scope="cluster"),) if extra == "token" else (),
                attaches=(("csi", name),) if extra == "attach" else (),
            )
        )
        reach = draw(st.frozensets(st.sampled_from(sorted(classes)), min_size=1))
        allowed[name] = Reach(node_classes=reach)
        key = draw(st.sampled_from(("host", "zone")))
        if extra == "anti":
            affinities.append(Affinity(owner=name, key=key, matches=draw(subsets), anti=True))
        elif extra == "near":
            matches = draw(subsets)
            own = name in matches
            affinities.append(Affinity(owner=name, key=key, matches=matches, self_satisfied=own))
        elif extra == "spread":
            spreads.append(
                Spread(
                    owner=name,
                    key=key,
                    max_skew=draw(st.integers(1, 2)),
                    matches=frozenset({name}) if draw(st.booleans()) else draw(subsets),
                    eligible=Reach(node_classes=classes),
                    min_domains=draw(st.integers(1, 2)),
                )
            )
    names = st.sampled_from(SHAPES)
    waiting = [Pod(name=f"w{i}", shape=draw(names), order=i) for i in range(draw(st.integers(1, 6)))]
    running = [
        Pod(
            name=f"r{i}",
            shape=draw(names),
            node=draw(st.sampled_from(nodes)).name,
            movable=draw(st.booleans()),
            terminating=draw(st.integers(0, 5)) == 0,
            budgets=("budget",) if draw(st.booleans()) else (),
        )
        for i in range(draw(st.integers(0, 4)) if preemption else 0)
    ]
    return Problem(
        nodes=nodes,
        shapes=tuple(shapes),
        pods=(*running, *waiting),
        allowed=allowed,
        affinities=tuple(affinities),
        spreads=tuple(spreads),
        budgets=(Budget(name="budget", allowed=draw(st.integers(0, 1))),),
    )


def guarded() -> Problem:
    """A full node; its pods are one of priority 1, and several of priority 0 of which one has a budget of none."""
    running = [Pod(name="r0", shape="b", node="n0"), Pod(name="r1", shape="a", node="n0", budgets=("budget",))]
    running += [Pod(name=f"r{i}", shape="a", node="n0", movable=False) for i in (2, 3)]
    shapes = tuple(Shape(name=name, priority=i, requests={"pods": 1}) for i, name in enumerate(SHAPES))
    return Problem(
        nodes=(Node(name="n0", node_class="c0", allocatable={"pods": 4}, topology={"host": "n0"}),),
        shapes=shapes,
        pods=(*running, Pod(name="w0", shape="c")),
        allowed={shape.name: Reach(node_classes=frozenset({"c0"})) for shape in shapes},
        budgets=(Budget(name="budget", allowed=0),),
    )


def best(problem: Problem) -> tuple[int, ...]:
    """The most that any placement places less evicts, by priority downwards."""
    priority = {shape.name: shape.priority for shape in problem.shapes}
    levels = sorted({priority[pod.shape] for pod in problem.pods if not pod.node}, reverse=True)
    return max(outcome[:-2] for outcome in outcomes(problem, levels))


def outcomes(problem: Problem, levels: list[int]) -> Iterator[tuple[int, ...]]:
    """All that can be reached: pods gained of each level or higher; then, negative, budgets broken and pods evicted."""
    priority = {shape.name: shape.priority for shape in problem.shapes}
    top = max(priority[pod.shape] for pod in problem.pods if not pod.node)
    allowed = {budget.name: budget.allowed for budget in problem.budgets}
    victims = [
        pod for pod in problem.pods if pod.node and pod.movable and not pod.terminating and priority[pod.shape] < top
    ]
    for times in range(len(victims) + 1):
        for gone in combinations(victims, times):
            drawn = Counter(name for pod in gone for name in pod.budgets)
            broken = sum(max(0, n - allowed[name]) for name, n in drawn.items())
            for placed, nodes in reachable(problem, {pod.name for pod in gone}):
                if all(any(n == pod.node and priority[s] > priority[pod.shape] for s, n in nodes) for pod in gone):
                    gained = (
                        sum(priority[name] >= level for name in placed.elements())
                        - sum(priority[pod.shape] >= level for pod in gone)
                        for level in levels
                    )
                    yield (*gained, -broken, -times)


def reachable(problem: Problem, gone: set[str]) -> Iterator[tuple[Counter[str], frozenset[tuple[str, str]]]]:
    """All that can be placed pod by pod, some before the evicted and the terminating pods are gone."""
    waiting = Counter(pod.shape for pod in problem.pods if not pod.node)
    queue: list[tuple[bool, tuple[tuple[str, str], ...]]] = [(False, ())]
    seen = set(queue)
    while queue:
        later, done = queue.pop()
        placed = Counter(shape for shape, _ in done)
        if later:
            yield placed, frozenset(done)
        elif (True, done) not in seen:
            seen.add((True, done))
            queue.append((True, done))
        board = _Board(problem)
        for pod in problem.pods:
            if pod.node and not (later and (pod.name in gone or pod.terminating)):
                board.put(pod, pod.node)
        for shape, node in done:
            board.put(Pod(name="", shape=shape), node)
        for shape in waiting:
            for node in problem.nodes:
                following = (later, tuple(sorted((*done, (shape, node.name)))))
                if placed[shape] < waiting[shape] and following not in seen:
                    pod = Pod(name="", shape=shape)
                    if not any(board.refusals(pod, node, Binding(pod="", node=node.name))):
                        seen.add(following)
                        queue.append(following)


def agrees(problem: Problem) -> bool:
    """Whether the solver found the best; fails if it claims anything that is wrong."""
    assert faults(problem) == ()
    placement: Placement = solve(problem, limits=Limits(conflicts=0))
    assert check(problem, placement) == ()
    wanted = best(problem)
    reached = tuple(bound.placed for bound in placement.bounds)
    assert reached <= wanted
    for bound, value in zip(placement.bounds, wanted, strict=True):
        assert value <= bound.most
        if value != bound.placed:
            break
    return reached == wanted


@settings(max_examples=60, deadline=None)
@given(problems(coupled=False, preemption=False))
def test_plain_problems_are_solved(problem: Problem) -> None:
    assert agrees(problem)


@settings(max_examples=60, deadline=None)
@given(problems(coupled=True, preemption=False))
def test_coupled_problems_are_solved(problem: Problem) -> None:
    assert agrees(problem)


@settings(max_examples=60, deadline=None)
@given(problems(coupled=True, preemption=True))
def test_preemption_is_never_wrong(problem: Problem) -> None:
    agrees(problem)


@settings(max_examples=60, deadline=None)
@given(problems(coupled=False, preemption=True))
@example(guarded())
def test_no_more_is_disrupted_than_has_to_be(problem: Problem) -> None:
    """Pods by priority come first, and an evicted pod counts against its own: even one of which no other pod waits."""
    placement = solve(problem)
    assert check(problem, placement) == ()
    priority = {shape.name: shape.priority for shape in problem.shapes}
    shape = {pod.name: pod.shape for pod in problem.pods}
    levels = sorted(set(priority.values()), reverse=True)
    changes = [(entry.pod, 1) for entry in (*placement.bindings, *placement.nominations)]
    changes += [(entry.pod, -1) for entry in placement.evictions]
    gained = (sum(n for pod, n in changes if priority[shape[pod]] >= level) for level in levels)
    broken = sum(len(eviction.breaks) for eviction in placement.evictions)
    assert (*gained, -broken, -len(placement.evictions)) == max(outcomes(problem, levels))
    assert all(bound.most == bound.placed for bound in placement.bounds)
