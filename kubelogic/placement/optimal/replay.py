"""Counts per item class and node as placements: pods that look at one another come in an order that allows them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from kubelogic.placement.constraints.spread import SpreadPart
from kubelogic.placement.optimal.model import Ints, Model
from kubelogic.placement.optimal.state import State


def replay(model: Model, counts: Ints) -> State:
    """As much of ``counts`` as some order allows, of the orders that are tried; the emptiest domains come first.

    Kinds that do not look at one another are placed one after the other, so few orders have to be tried.
    """
    state = State(model)
    for item_classes in _companies(model):
        wanted = int(np.minimum(counts[item_classes].sum(axis=1), state.left[item_classes]).sum())
        best: tuple[int, State] | None = None
        for order, seeds, in_turn in _orders(model, item_classes):
            other = state.copy()
            left = counts.copy()
            for k, node in _seeds(other, counts) if seeds else ():
                if k in item_classes and left[k, node] > 0 and other.left[k] > 0 and other.open(k)[node]:
                    other.put(k, node)
                    left[k, node] -= 1
            _follow(other, left, order, in_turn=in_turn)
            placed = int(state.left[item_classes].sum() - other.left[item_classes].sum())
            if best is None or placed > best[0]:
                best = placed, other
            if placed == wanted:
                break
        state = best[1] if best is not None else state
    others = tuple(k for k in range(len(model.item_classes)) if not model.item_classes[k].ordered)
    _follow(state, counts.copy(), others, in_turn=False)
    return state


def _companies(model: Model) -> list[list[int]]:
    """The ordered item classes, those together that look at one another by affinity or spread, or both have claims."""
    company = {k: {k} for k, item_class in enumerate(model.item_classes) if item_class.ordered}
    index = {model.shapes[model.item_classes[k].shapes[0]].name: k for k in company}
    near = [(rule.owner, *rule.matches) for rule in model.problem.affinities if not rule.anti]
    near += [(spread.owner, *spread.matches) for spread in model.problem.spreads]
    near.append(tuple(name for name, k in index.items() if model.shapes[model.item_classes[k].shapes[0]].claims))
    for names in near:
        together = set[int]().union(*(company[index[name]] for name in names if name in index))
        for k in together:
            company[k] = together
    return [sorted(members) for k, members in sorted(company.items()) if k == min(members)]


def _orders(model: Model, item_classes: list[int]) -> Iterator[tuple[tuple[int, ...], bool, bool]]:
    """In which order to place item classes, whether with seeds first, and whether one of each in turn."""
    names = {model.shapes[model.item_classes[k].shapes[0]].name for k in item_classes}
    seeds = any(rule.self_satisfied and not rule.anti and rule.owner in names for rule in model.problem.affinities)
    orders = (
        list(permutations(item_classes))
        if len(item_classes) <= 4
        else [tuple(item_classes), tuple(reversed(item_classes))]
    )
    for order in orders:
        for seeded in (True, False) if seeds else (False,):
            for in_turn in (True, False) if len(item_classes) > 1 else (False,):
                yield order, seeded, in_turn


def _follow(state: State, left: Ints, item_classes: tuple[int, ...], *, in_turn: bool) -> None:
    """Put what is ``left``, one of each ordered item class in turn or all of one before the next."""
    model = state.model
    progress = True
    while progress:
        progress = False
        for k in item_classes:
            if not model.item_classes[k].coupled:
                _at_once(state, k, left[k])
                continue
            while left[k].any():
                mask = state.open(k) & (left[k] > 0)
                if state.left[k] <= 0 or not mask.any():
                    break
                crowding = state.coupling.of(SpreadPart).crowding(model.item_classes[k].shapes[0])
                mask &= crowding == crowding[mask].min()
                node = int(np.flatnonzero(mask)[0])
                state.put(k, node)
                left[k, node] -= 1
                progress = True
                if in_turn and model.item_classes[k].ordered:
                    break


def _at_once(state: State, item_class: int, wanted: Ints) -> None:
    """Put what fits of an item class that heeds no other pods, and of ``wanted`` nothing remains to be tried."""
    times = np.minimum(wanted, state.room_for(item_class)) * state.model.allowed[item_class]
    before = np.cumsum(times) - times
    times = np.clip(state.left[item_class] - before, 0, times)
    state.put_many(np.array([item_class], dtype=np.int64), times[None])
    wanted[:] = 0


def _seeds(state: State, counts: Ints) -> Iterator[tuple[int, int]]:
    """First pods of a group that needs its own kind, where nothing else in ``counts`` supports them."""
    model = state.model
    index = {
        model.shapes[item_class.shapes[0]].name: k
        for k, item_class in enumerate(model.item_classes)
        if item_class.ordered
    }
    for rule in model.problem.affinities:
        owner = index.get(rule.owner, -1)
        if rule.anti or not rule.self_satisfied or owner < 0:
            continue
        domain, many = model.domain(rule.key)
        has = domain >= 0
        support = np.zeros(many, dtype=np.int64)
        for name in rule.matches - {rule.owner}:
            if name in index:
                np.add.at(support, domain[has], counts[index[name]][has])
        alone = np.flatnonzero(has & (counts[owner] > 0) & (support[domain] == 0))
        yield from ((owner, int(n)) for n in alone[:1])
