"""Counts per kind and node as placements: pods that look at one another come in an order that allows them."""

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
    for kinds in _companies(model):
        wanted = int(np.minimum(counts[kinds].sum(axis=1), state.left[kinds]).sum())
        best: tuple[int, State] | None = None
        for order, seeds, in_turn in _orders(model, kinds):
            other = state.copy()
            left = counts.copy()
            for k, node in _seeds(other, counts) if seeds else ():
                if k in kinds and left[k, node] > 0 and other.left[k] > 0 and other.open(k)[node]:
                    other.put(k, node)
                    left[k, node] -= 1
            _follow(other, left, order, in_turn=in_turn)
            placed = int(state.left[kinds].sum() - other.left[kinds].sum())
            if best is None or placed > best[0]:
                best = placed, other
            if placed == wanted:
                break
        state = best[1] if best is not None else state
    others = tuple(k for k in range(len(model.kinds)) if not model.kinds[k].ordered)
    _follow(state, counts.copy(), others, in_turn=False)
    return state


def _companies(model: Model) -> list[list[int]]:
    """The ordered kinds, those together that look at one another by affinity or spread, or both have claims."""
    company = {k: {k} for k, kind in enumerate(model.kinds) if kind.ordered}
    index = {model.shapes[model.kinds[k].shapes[0]].name: k for k in company}
    near = [(rule.owner, *rule.matches) for rule in model.problem.affinities if not rule.anti]
    near += [(spread.owner, *spread.matches) for spread in model.problem.spreads]
    near.append(tuple(name for name, k in index.items() if model.shapes[model.kinds[k].shapes[0]].claims))
    for names in near:
        together = set[int]().union(*(company[index[name]] for name in names if name in index))
        for k in together:
            company[k] = together
    return [sorted(members) for k, members in sorted(company.items()) if k == min(members)]


def _orders(model: Model, kinds: list[int]) -> Iterator[tuple[tuple[int, ...], bool, bool]]:
    """In which order to place kinds, whether with seeds first, and whether one of each in turn."""
    names = {model.shapes[model.kinds[k].shapes[0]].name for k in kinds}
    seeds = any(rule.self_satisfied and not rule.anti and rule.owner in names for rule in model.problem.affinities)
    orders = list(permutations(kinds)) if len(kinds) <= 4 else [tuple(kinds), tuple(reversed(kinds))]
    for order in orders:
        for seeded in (True, False) if seeds else (False,):
            for in_turn in (True, False) if len(kinds) > 1 else (False,):
                yield order, seeded, in_turn


def _follow(state: State, left: Ints, kinds: tuple[int, ...], *, in_turn: bool) -> None:
    """Put what is ``left``, one of each ordered kind in turn or all of one before the next."""
    model = state.model
    progress = True
    while progress:
        progress = False
        for k in kinds:
            if not model.kinds[k].coupled:
                _at_once(state, k, left[k])
                continue
            while left[k].any():
                mask = state.open(k) & (left[k] > 0)
                if state.left[k] <= 0 or not mask.any():
                    break
                crowding = state.coupling.of(SpreadPart).crowding(model.kinds[k].shapes[0])
                mask &= crowding == crowding[mask].min()
                node = int(np.flatnonzero(mask)[0])
                state.put(k, node)
                left[k, node] -= 1
                progress = True
                if in_turn and model.kinds[k].ordered:
                    break


def _at_once(state: State, kind: int, wanted: Ints) -> None:
    """Put what fits of a kind that heeds no other pods, and of ``wanted`` nothing remains to be tried."""
    times = np.minimum(wanted, state.room_for(kind)) * state.model.allowed[kind]
    before = np.cumsum(times) - times
    times = np.clip(state.left[kind] - before, 0, times)
    state.put_many(np.array([kind], dtype=np.int64), times[None])
    wanted[:] = 0


def _seeds(state: State, counts: Ints) -> Iterator[tuple[int, int]]:
    """First pods of a group that needs its own kind, where nothing else in ``counts`` supports them."""
    model = state.model
    index = {model.shapes[kind.shapes[0]].name: k for k, kind in enumerate(model.kinds) if kind.ordered}
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
