"""How many pods can be placed at most if all nodes were one, with groups all or nothing: counts per item class, by z3.

Amounts are added up over the nodes, once as they are, and once in whole pieces of every size that is asked for: of what
is left of a node below a piece, no pod that asks for a piece has any use.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

import z3

from kubelogic.placement.problem import Pod, Problem

_PIECES = 12
"""Of so many sizes of pieces at most, the largest ones."""

_RLIMIT = 3_000_000


def most_by_sums(problem: Problem, *, late: Callable[[], bool] = lambda: False) -> dict[int, int]:
    """By priority, how many of the waiting pods of that priority or higher can be placed at most.

    Whoever may be evicted counts as gone, so that the limits hold whatever room is made. A level that z3 does not
    decide in its limit of work is left out.

    Args:
        problem: without devices, or with what stands for them as amounts.
        late: whether it is time to stop.
    """
    shapes = {shape.name: shape for shape in problem.shapes}
    item_classes: dict[tuple[str, str], list[Pod]] = defaultdict(list)
    for pod in problem.waiting:
        item_classes[pod.shape, pod.group].append(pod)
    left = _left(problem)
    context = z3.Context()
    solver = z3.Optimize(ctx=context)
    solver.set("rlimit", _RLIMIT)
    counts = {key: z3.Int(f"c{number}", context) for number, key in enumerate(sorted(item_classes))}
    for key, count in counts.items():
        solver.add(count >= 0, count <= len(item_classes[key]))
    for resource in sorted({name for shape, _ in item_classes for name, n in shapes[shape].requests.items() if n > 0}):
        asked = {key: shapes[key[0]].requests.get(resource, 0) for key in counts}
        there = [max(each.get(resource, 0), 0) for each in left.values()]
        _add(solver, counts, asked, sum(there), 1)
        sizes = sorted({n for n in asked.values() if n > 1}, reverse=True)[:_PIECES]
        for size in sizes:
            _add(solver, counts, asked, sum(amount // size for amount in there), size)
    _groups(problem, solver, counts, context)
    found: dict[int, int] = {}
    for level in sorted({shapes[shape].priority for shape, _ in item_classes}, reverse=True):
        if late():
            break
        solver.push()
        wanted = [count for key, count in counts.items() if shapes[key[0]].priority >= level]
        goal = solver.maximize(z3.Sum(wanted))
        if solver.check() == z3.sat:
            upper = solver.upper(goal)
            if z3.is_int_value(upper):
                found[level] = upper.as_long()
        solver.pop()
    return found


def _left(problem: Problem) -> dict[str, dict[str, int]]:
    """What each node has for the pods that wait, with those gone who may be evicted."""
    shapes = {shape.name: shape for shape in problem.shapes}
    highest = max((shapes[pod.shape].priority for pod in problem.waiting), default=0)
    highest = max([highest, *(group.priority for group in problem.groups)])
    found = {node.name: dict(node.allocatable) for node in problem.nodes}
    for pod in problem.running:
        shape = shapes[pod.shape]
        if pod.terminating or (pod.movable and shape.priority < highest):
            continue
        for resource, amount in shape.requests.items():
            found[pod.node][resource] = found[pod.node].get(resource, 0) - amount
    return found


def _add(
    solver: z3.Optimize,
    counts: dict[tuple[str, str], z3.ArithRef],
    asked: dict[tuple[str, str], int],
    there: int,
    size: int,
) -> None:
    terms = [(amount // size) * counts[key] for key, amount in asked.items() if amount >= size]
    if terms:
        solver.add(z3.Sum(terms) <= there)


def _groups(
    problem: Problem, solver: z3.Optimize, counts: dict[tuple[str, str], z3.ArithRef], context: z3.Context
) -> None:
    running = Counter(pod.group for pod in problem.running)
    for number, group in enumerate(problem.groups):
        mine = [count for (_, name), count in counts.items() if name == group.name]
        needs = group.least - running[group.name]
        if mine and needs > 1:
            starts = z3.Bool(f"g{number}", context)
            total = z3.Sum(mine)
            solver.add(z3.Or(z3.And(starts, total >= needs), z3.And(z3.Not(starts), total == 0)))
