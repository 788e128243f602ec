"""A problem as arrays: pods that are interchangeable for packing are put together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec
import numpy as np

from kubelogic.placement.constraints.every import coupled, ordered
from kubelogic.placement.optimal.model import Floats, ItemClass, Masks, Model
from kubelogic.placement.problem import Pod, Problem


def compile_problem(problem: Problem) -> Model:
    """``problem`` as arrays, independent of the order in which it lists things."""
    running, queue, (at, of) = problem.running, problem.waiting, problem.places
    nodes = tuple(sorted(problem.nodes, key=lambda node: node.name))
    shapes = tuple(sorted(problem.shapes, key=lambda shape: shape.name))
    shape_index = {shape.name: i for i, shape in enumerate(shapes)}
    node_index = {node.name: i for i, node in enumerate(nodes)}
    classes = tuple(sorted({node.node_class for node in nodes}))
    class_index = {name: i for i, name in enumerate(classes)}
    node_class = np.array([class_index[node.node_class] for node in nodes], dtype=np.int64)
    waiting: dict[int, list[Pod]] = defaultdict(list)
    for pod in queue:
        waiting[shape_index[pod.shape]].append(pod)
    resources = tuple(sorted({r for i in waiting for r, amount in shapes[i].requests.items() if amount > 0}))
    capacity = np.array([[node.allocatable.get(r, 0) for r in resources] for node in nodes], dtype=np.int64)
    capacity = capacity.reshape(len(nodes), len(resources))
    rows = np.array([[s.requests.get(r, 0) for r in resources] for s in shapes], dtype=np.int64)
    rows = rows.reshape(len(shapes), len(resources))
    free = np.ascontiguousarray(capacity.T)
    where = np.array([node_index[node.name] for node in problem.nodes], dtype=np.int64)[np.array(at, dtype=np.int64)]
    what = np.array([shape_index[shape.name] for shape in problem.shapes], dtype=np.int64)[np.array(of, dtype=np.int64)]
    for taken, asked in zip(free, rows.T, strict=True):  # one resource at a time, which numpy is quick with
        np.subtract.at(taken, where, asked[what])
    free = np.ascontiguousarray(free.T)
    problem = _sorted(problem)
    linked, in_order = coupled(problem), ordered(problem)
    masks = Masks(nodes, node_class, classes, node_index)
    worths = _worths(problem, masks)
    apart = linked | set(worths) | _wishful(problem)
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for i in sorted(waiting):
        shape = shapes[i]
        key: tuple[object, ...] = (shape.name,)
        if shape.name not in apart:
            reach = problem.allowed[shape.name]
            asks = tuple(sorted((r, a) for r, a in shape.requests.items() if a > 0))
            key = (shape.priority, shape.preempts, asks, reach)
        groups[key].append(i)
    members = sorted(groups.values(), key=lambda group: (-shapes[group[0]].priority, shapes[group[0]].name))
    item_classes = tuple(
        ItemClass(
            shapes=tuple(group),
            pods=tuple(sorted((p for i in group for p in waiting[i]), key=lambda p: (p.order, p.name))),
            priority=shapes[group[0]].priority,
            coupled=shapes[group[0]].name in linked,
            ordered=shapes[group[0]].name in in_order,
        )
        for group in members
    )
    firsts = [shapes[group[0]].name for group in members]
    allowed = np.zeros((len(item_classes), len(nodes)), dtype=np.bool_)
    worth = np.zeros((len(item_classes), len(nodes)), dtype=np.float64)
    for k, name in enumerate(firsts):
        allowed[k] = masks.of(problem.allowed[name])
        if name in worths:
            worth[k] = worths[name]
    return Model(
        problem=problem,
        nodes=nodes,
        shapes=shapes,
        shape_index=shape_index,
        node_index=node_index,
        resources=resources,
        classes=classes,
        node_class=node_class,
        capacity=capacity,
        free=free,
        item_classes=item_classes,
        request=rows[[group[0] for group in members]].reshape(len(item_classes), len(resources)),
        allowed=allowed,
        there=running,
        what=what,
        worth=worth,
    )


def _sorted(problem: Problem) -> Problem:
    return msgspec.structs.replace(
        problem,
        affinities=tuple(sorted(problem.affinities, key=lambda r: (r.owner, r.key, r.anti, sorted(r.matches)))),
        spreads=tuple(
            sorted(problem.spreads, key=lambda r: (r.owner, r.key, r.max_skew, r.min_domains, sorted(r.matches)))
        ),
        volumes=tuple(sorted(problem.volumes, key=lambda volume: volume.name)),
        claims=tuple(sorted(problem.claims, key=lambda claim: claim.name)),
        budgets=tuple(sorted(problem.budgets, key=lambda budget: budget.name)),
        soft_affinities=tuple(
            sorted(problem.soft_affinities, key=lambda w: (w.shape, w.key, w.weight, sorted(w.neighbours)))
        ),
        soft_spreads=tuple(sorted(problem.soft_spreads, key=lambda w: (w.owner, w.key, sorted(w.matches)))),
    )


def _names(rules: Iterable[tuple[str, frozenset[str]]]) -> set[str]:
    return {name for owner, matches in rules for name in (owner, *matches)}


def _wishful(problem: Problem) -> set[str]:
    found = _names((wish.shape, wish.neighbours) for wish in problem.soft_affinities)
    return found | _names((wish.owner, wish.matches) for wish in problem.soft_spreads)


def _worths(problem: Problem, masks: Masks) -> dict[str, Floats]:
    """What each node is worth to each shape with a preference, on the scale of the declared weights."""
    scorers = {(scorer.profile, scorer.name): scorer for scorer in problem.scorers}
    profiles = {shape.name: shape.profile for shape in problem.shapes}
    raw: dict[tuple[str, str], Floats] = {}
    for preference in sorted(problem.preferences, key=lambda p: (p.shape, p.scorer, p.value)):
        key = (preference.shape, preference.scorer)
        reach = masks.of(preference.reach)
        raw[key] = raw.get(key, np.zeros(len(reach))) + reach * float(preference.value)
    found: dict[str, Floats] = {}
    for (shape, name), values in sorted(raw.items()):
        scorer = scorers[profiles[shape], name]
        usable = masks.of(problem.allowed[shape])
        most = float(values[usable].max(initial=0.0))
        scaled = values * (100.0 / most) if scorer.normalize != "none" and most > 0 else values
        if scorer.normalize == "reversed":
            scaled = 100.0 - scaled
        found[shape] = found.get(shape, np.zeros(len(values))) + scorer.weight * scaled
    return found
