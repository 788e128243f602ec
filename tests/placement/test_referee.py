"""The joint scheduler against CP-SAT, a solver that shares nothing with it, on problems too big to try everything."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from kubelogic.placement.optimal.limits import Limits
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.problem import Problem
from tests.support.problems import Recipe, generate

cp_model = pytest.importorskip("ortools.sat.python.cp_model")


def small(seed: int) -> Problem:
    """3 to 8 nodes, asked for more than they easily have, every second with constraints between pods."""
    random = Random(seed)
    nodes = random.randint(3, 8)
    return generate(
        Recipe(
            nodes=nodes,
            classes=random.randint(1, 3),
            pods=nodes * random.randint(3, 6),
            shapes=random.randint(3, 7),
            fill=random.uniform(0.85, 1.1),
            leftovers=random.random() < 0.5,
            coupled=random.choice((0.0, 0.5)),
            priorities=random.choice((1, 1, 2)),
            seed=seed,
        )
    )


def coupled(seed: int) -> Problem:
    """7 to 13 nodes, most shapes with constraints between their pods, over hosts and over zones."""
    random = Random(seed)
    nodes = random.randint(7, 13)
    return generate(
        Recipe(
            nodes=nodes,
            classes=random.randint(1, 3),
            pods=nodes * random.randint(3, 7),
            shapes=random.randint(3, 6),
            fill=random.uniform(0.9, 1.15),
            leftovers=random.random() < 0.3,
            coupled=0.7,
            priorities=random.choice((1, 1, 2)),
            restricted=random.choice((0.0, 0.3)),
            seed=seed,
        )
    )


def optimum(problem: Problem) -> tuple[int, ...]:
    """The most pods of each priority or higher that can be placed, from the highest down.

    Holds for what ``generate`` makes: nobody can be evicted, and each constraint is a shape's with itself over
    the nodes that it may use, so that every set of counts that meets it is reached in some order.
    """
    model: Any = cp_model.CpModel()
    running = [pod for pod in problem.pods if pod.node]
    assert not any(pod.movable for pod in running)
    shapes = {shape.name: shape for shape in problem.shapes}
    waiting = {name: sum(pod.shape == name and not pod.node for pod in problem.pods) for name in shapes}
    cells: dict[tuple[str, str], Any] = {}
    for name, count in waiting.items():
        reach = problem.allowed[name]
        assert not reach.nodes
        for node in problem.nodes:
            if count and node.node_class in reach.node_classes:
                most = 1 if shapes[name].ports else count
                cells[name, node.name] = model.new_int_var(0, most, f"{name} on {node.name}")
        model.add(sum(cell for (shape, _), cell in cells.items() if shape == name) <= count)
    for node in problem.nodes:
        for resource, amount in node.allocatable.items():
            used = sum(shapes[pod.shape].requests.get(resource, 0) for pod in running if pod.node == node.name)
            asked = [(shapes[s].requests.get(resource, 0), cell) for (s, n), cell in cells.items() if n == node.name]
            model.add(sum(request * cell for request, cell in asked) <= amount - used)
    for rule in problem.affinities:
        assert rule.matches == {rule.owner}
        assert rule.anti or rule.self_satisfied
        chosen = []
        for domain, count in _domains(problem, rule.owner, rule.key, cells):
            here = model.new_bool_var(f"{rule.owner} in {domain}")
            chosen.append(here)
            model.add(count <= (1 if rule.anti else waiting[rule.owner]) * here)
        if not rule.anti:
            model.add(sum(chosen) <= 1)
    for spread in problem.spreads:
        assert spread.matches == {spread.owner}
        assert spread.eligible == problem.allowed[spread.owner]
        counts = [count for _, count in _domains(problem, spread.owner, spread.key, cells)]
        for one in counts:
            for other in counts:
                model.add(one - other <= spread.max_skew)
    found: list[int] = []
    for level in sorted({shapes[name].priority for name, count in waiting.items() if count}, reverse=True):
        goal = sum(cell for (name, _), cell in cells.items() if shapes[name].priority >= level)
        model.maximize(goal)
        solver: Any = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.max_deterministic_time = 20.0
        assert solver.solve(model) == cp_model.OPTIMAL
        found.append(round(solver.objective_value))
        model.add(goal >= found[-1])
    return tuple(found)


def _domains(problem: Problem, owner: str, key: str, cells: dict[tuple[str, str], Any]) -> list[tuple[str, Any]]:
    """How many pods of ``owner`` each domain of ``key`` gets."""
    domains: dict[str, list[Any]] = {}
    for node in problem.nodes:
        if (owner, node.name) in cells:
            domains.setdefault(node.topology[key], []).append(cells[owner, node.name])
    return [(domain, sum(counts)) for domain, counts in sorted(domains.items())]


@pytest.mark.parametrize("make", [small, coupled])
@pytest.mark.parametrize("decade", range(6))
def test_claims_agree_with_cp_sat(make: Callable[[int], Problem], decade: int) -> None:
    """No limit is below the optimum, nothing placed is above it, and nearly all optima are proved."""
    proved = 0
    for seed in range(10 * decade, 10 * decade + 10):
        problem = make(seed)
        placement = solve(problem, limits=Limits())
        tight = True
        for bound, most in zip(placement.bounds, optimum(problem), strict=True):
            assert bound.placed <= most <= bound.most, seed
            tight = bound.placed == bound.most
            if bound.placed < most or not tight:
                break
        proved += tight
    assert proved >= 9
