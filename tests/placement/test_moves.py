"""Which running pods to move: no more than needed, each step feasible, and a word about it where none helps."""

from __future__ import annotations

from itertools import combinations, product
from random import Random

import msgspec
import pytest

from kubelogic.placement.check import check
from kubelogic.placement.optimal.moves import Moves, make_room, may_move
from kubelogic.placement.placement import Binding, Placement
from kubelogic.placement.problem import Affinity, Budget, Node, Pod, Problem, Reach, Shape

ALL = Reach(node_classes=frozenset({"c"}))


def node(name: str, cpu: int, pods: int = 10) -> Node:
    return Node(name=name, node_class="c", allocatable={"cpu": cpu, "pods": pods}, topology={"host": name})


def shape(name: str, cpu: int, priority: int = 0) -> Shape:
    return Shape(name=name, requests={"cpu": cpu, "pods": 1}, priority=priority)


def scattered(*, allowed: int = 1, nodes: int = 3, waiting: int = 1) -> Problem:
    """A small pod on each node of 10, and one that needs a whole node."""
    return Problem(
        nodes=tuple(node(f"n{i}", 10) for i in range(nodes)),
        shapes=(shape("small", 4), shape("big", 10)),
        pods=(
            *(Pod(name=f"s{i}", shape="small", node=f"n{i}", budgets=("b",)) for i in range(nodes)),
            *(Pod(name=f"w{i}", shape="big") for i in range(waiting)),
        ),
        allowed={"small": ALL, "big": ALL},
        budgets=(Budget(name="b", allowed=allowed),),
    )


def moved(problem: Problem, plan: Moves) -> Problem:
    """The problem after the moves, each of which has to be feasible when its turn comes."""
    for move in plan.moves:
        before = {pod.name: pod.node for pod in problem.pods}
        assert before[move.pod] == move.source
        alone = tuple(
            msgspec.structs.replace(pod, node="") if pod.name == move.pod else pod for pod in problem.pods if pod.node
        )
        binding = Binding(pod=move.pod, node=move.target)
        asked = msgspec.structs.replace(problem, pods=alone)
        assert check(asked, Placement(scheduler="moves", bindings=(binding,))) == ()
        pods = (msgspec.structs.replace(p, node=move.target) if p.name == move.pod else p for p in problem.pods)
        problem = msgspec.structs.replace(problem, pods=tuple(pods))
    return problem


def test_one_move_makes_room() -> None:
    problem = scattered()
    plan = make_room(problem, most=3)
    assert (plan.verdict, len(plan.moves), plan.least) == ("enough", 1, 1)
    assert not plan.placement.unplaced
    assert check(moved(problem, plan), plan.placement) == ()


def test_nothing_moves_if_all_fits() -> None:
    problem = scattered(waiting=0)
    assert make_room(problem, most=3).moves == ()
    assert make_room(problem, most=3).verdict == "enough"


def test_too_few_are_allowed() -> None:
    problem = scattered(nodes=4, waiting=2)
    plan = make_room(problem, most=1)
    assert (plan.verdict, len(plan.moves), plan.least) == ("too_few", 2, 2)
    assert make_room(problem, most=2).verdict == "enough"


def test_no_moves_help_and_that_is_proved() -> None:
    plan = make_room(scattered(waiting=2), most=9)
    assert (plan.verdict, plan.least) == ("impossible", 4)
    # Of the two, one gets its place.
    assert (len(plan.moves), len(plan.placement.unplaced)) == (1, 1)


def test_budgets_that_allow_nothing_hold_pods_in_place() -> None:
    plan = make_room(scattered(allowed=0), most=3)
    assert (plan.verdict, plan.moves) == ("impossible", ())
    assert may_move(scattered(allowed=0)) == frozenset()


def test_pods_that_rules_concern_stay() -> None:
    rule = Affinity(owner="small", key="host", matches=frozenset({"small"}), anti=True)
    assert may_move(msgspec.structs.replace(scattered(), affinities=(rule,))) == frozenset()


def test_one_move_may_have_to_wait_for_another() -> None:
    """The third node has room for one of the two, which then makes room for the big one."""
    problem = Problem(
        nodes=(node("n0", 10), node("n1", 10), node("n2", 4)),
        shapes=(shape("a", 6), shape("b", 4), shape("c", 4), shape("big", 10)),
        pods=(
            Pod(name="a0", shape="a", node="n0"),
            Pod(name="b0", shape="b", node="n1"),
            Pod(name="w", shape="big"),
        ),
        allowed=dict.fromkeys(("a", "b", "c", "big"), ALL),
    )
    plan = make_room(problem, most=5)
    assert plan.verdict == "enough"
    assert check(moved(problem, plan), plan.placement) == ()


def test_an_over_committed_node_may_stay_so() -> None:
    """Who runs where there is too little need not leave for others to fit elsewhere."""
    problem = Problem(
        nodes=(node("full", 4), node("n1", 10), node("n2", 10)),
        shapes=(shape("small", 4), shape("big", 10)),
        pods=(
            *(Pod(name=f"f{i}", shape="small", node="full") for i in range(3)),
            *(Pod(name=f"s{i}", shape="small", node=f"n{i}") for i in (1, 2)),
            Pod(name="w", shape="big"),
        ),
        allowed={"small": ALL, "big": ALL},
    )
    plan = make_room(problem, most=5)
    assert (plan.verdict, len(plan.moves)) == ("enough", 1)


@pytest.mark.parametrize("seed", range(40))
def test_against_all_sets_of_moves(seed: int) -> None:
    """The fewest of a small problem, by trying every set of targets for every set of pods."""
    random = Random(seed)
    sizes = [random.randint(4, 8) for _ in range(3)]
    shapes = (shape("s", 1), shape("t", 2), shape("u", 3), shape("w", random.randint(3, 6)))
    free, pods = list(sizes), []
    for i in range(5):
        name = random.choice("stu")
        asks = {"s": 1, "t": 2, "u": 3}[name]
        at = random.randrange(3)
        if free[at] >= asks:
            free[at] -= asks
            pods.append(Pod(name=f"r{i}", shape=name, node=f"n{at}"))
    problem = Problem(
        nodes=tuple(node(f"n{i}", size) for i, size in enumerate(sizes)),
        shapes=shapes,
        pods=(*pods, Pod(name="w0", shape="w")),
        allowed=dict.fromkeys("stuw", ALL),
    )
    plan = make_room(problem, most=9)
    fewest = by_brute_force(problem)
    if fewest is None:
        assert plan.verdict in ("impossible", "unknown")
    else:
        assert (plan.verdict, len(plan.moves)) == ("enough", fewest)
        assert check(moved(problem, plan), plan.placement) == ()
    assert plan.least <= (len(pods) + 1 if fewest is None else fewest)


def by_brute_force(problem: Problem) -> int | None:
    """The size of the smallest set of moves that can be made one after the other, each pod once."""
    running = [pod for pod in problem.pods if pod.node]
    requests = {entry.name: entry.requests["cpu"] for entry in problem.shapes}
    capacity = {entry.name: entry.allocatable["cpu"] for entry in problem.nodes}
    wanted = sum(requests[pod.shape] for pod in problem.pods if not pod.node)

    def fits(homes: dict[str, str], need: int) -> bool:
        used = dict.fromkeys(capacity, 0)
        for pod in running:
            used[homes[pod.name]] += requests[pod.shape]
        return any(capacity[name] - used[name] >= need for name in capacity)

    def possible(homes: dict[str, str], left: frozenset[tuple[str, str]]) -> bool:
        if not left:
            return fits(homes, wanted)
        for name, target in left:
            used = sum(requests[pod.shape] for pod in running if homes[pod.name] == target and pod.name != name)
            asks = next(requests[pod.shape] for pod in running if pod.name == name)
            if used + asks <= capacity[target] and possible({**homes, name: target}, left - {(name, target)}):
                return True
        return False

    start = {pod.name: pod.node for pod in running}
    for size in range(len(running) + 1):
        for chosen in combinations(running, size):
            for targets in product(sorted(capacity), repeat=size):
                if all(target != pod.node for pod, target in zip(chosen, targets, strict=True)):
                    left = frozenset((pod.name, target) for pod, target in zip(chosen, targets, strict=True))
                    if possible(start, left):
                        return size
    return None
