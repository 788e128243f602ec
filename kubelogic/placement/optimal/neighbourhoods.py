"""z3 on a few nodes at a time: is there a way to share them that lets in one pod more?

Kinds that heed no other pods leave a dozen nodes in thought and are dealt out again as integer counts, together with
one pod that was left over. The counts that z3 finds are the placement of these nodes; the others stay as they are. So
a search from any placement ends with nothing worse.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import z3

from kubelogic.placement.optimal.limits import Deadline
from kubelogic.placement.optimal.model import Ints
from kubelogic.placement.optimal.smt import smt_solver
from kubelogic.placement.optimal.state import State

_NODES = 12
"""Nodes of one question: most are answered in some milliseconds."""

_QUESTIONS = 120
"""Questions of one search; bounded by count, so that equal problems get equal answers."""

_SHARE = 0.04
"""Of z3's resource limit, for one question."""


def search(state: State, *, expired: Deadline) -> State:
    """``state``, or one with more pods in it: never fewer of any item class."""
    state = state.copy()
    asked = 0
    for item_class in _left(state):
        progress = True
        while progress and state.left[item_class] > 0:
            progress = False
            for nodes in _windows(state, item_class):
                if asked >= _QUESTIONS or expired():
                    return state
                asked += 1
                counts = _dealt(state, item_class, nodes, expired)
                if counts is not None:
                    _apply(state, nodes, counts)
                    progress = True
                    break
    return state


def _left(state: State) -> list[int]:
    """The item classes with pods left over that heed no others: high priority first, then small."""
    item_classes = [
        k for k, item_class in enumerate(state.model.item_classes) if state.left[k] > 0 and not item_class.coupled
    ]
    return sorted(item_classes, key=lambda k: (-state.model.item_classes[k].priority, state.size[k], k))


def _windows(state: State, item_class: int) -> Iterator[Ints]:
    """Sets of nodes to look at: the emptiest together, then those of each class, then steps through all of them."""
    model = state.model
    usable = np.flatnonzero(model.allowed[item_class] & ~state.pinned)
    by_slack = usable[np.argsort(-state.slack[usable], kind="stable")]
    shown: set[tuple[int, ...]] = set()

    def fresh(nodes: Ints) -> bool:
        key = tuple(sorted(nodes.tolist()))
        if not key or key in shown:
            return False
        shown.add(key)
        return True

    for start in range(0, len(by_slack), _NODES // 2):
        window = by_slack[start : start + _NODES]
        if fresh(window):
            yield window
    for members in (by_slack[model.node_class[by_slack] == c] for c in np.unique(model.node_class[by_slack])):
        if fresh(window := members[:_NODES]):
            yield window
    stride = max(1, len(by_slack) // _NODES)
    for start in range(stride):
        if fresh(window := by_slack[start::stride][:_NODES]):
            yield window


def _dealt(state: State, item_class: int, nodes: Ints, deadline: Deadline) -> Ints | None:
    """Counts of the free item classes on ``nodes`` with one more of ``item_class``, item classes by nodes; None if z3
    finds none.
    """
    model = state.model
    movable = [k for k, entry in enumerate(model.item_classes) if not entry.coupled and state.placed[k, nodes].any()]
    item_classes = sorted({*movable, item_class})
    # A context of its own: what z3 finds must not depend on what it was asked before.
    context = z3.Context()
    solver = smt_solver(context)
    cells = {
        (k, n): z3.Int(f"x{k}_{n}", context)
        for k in item_classes
        for n in nodes.tolist()
        if model.allowed[k, n] or state.placed[k, n]
    }
    for cell in cells.values():
        solver.add(cell >= 0)
    for k in item_classes:
        here = [cell for (owner, _), cell in cells.items() if owner == k]
        solver.add(z3.Sum(here) >= int(state.placed[k, nodes].sum()) + (k == item_class))
    for n in nodes.tolist():
        for r in range(len(model.resources)):
            asks = [
                (int(model.request[k, r]), cells[k, n]) for k in item_classes if (k, n) in cells and model.request[k, r]
            ]
            if asks:
                free = int(state.free[r, n] + sum(model.request[k, r] * state.placed[k, n] for k in item_classes))
                solver.add(z3.Sum([ask * cell for ask, cell in asks]) <= free)
    solver.set(**deadline.options(_SHARE))
    if solver.check() != z3.sat:
        return None
    values = solver.model()
    counts = np.zeros((len(model.item_classes), len(nodes)), dtype=np.int64)
    column = {n: i for i, n in enumerate(nodes.tolist())}
    for (k, n), cell in cells.items():
        counts[k, column[n]] = values.eval(cell, model_completion=True).as_long()
    return _no_more(state, item_class, nodes, counts)


def _no_more(state: State, item_class: int, nodes: Ints, counts: Ints) -> Ints:
    """The counts without pods beyond those that there are: z3 was asked for no fewer, not for no more."""
    for k in range(len(state.model.item_classes)):
        most = int(state.placed[k, nodes].sum()) + (int(state.left[k]) if k == item_class else 0)
        for column in range(len(nodes) - 1, -1, -1):
            extra = max(0, int(counts[k].sum()) - most)
            counts[k, column] -= min(extra, int(counts[k, column]))
    return counts


def _apply(state: State, nodes: Ints, counts: Ints) -> None:
    item_classes = [k for k, entry in enumerate(state.model.item_classes) if not entry.coupled]
    for node in nodes.tolist():
        for k in item_classes:
            for _ in range(int(state.placed[k, node])):
                state.take(k, node)
    for column, node in enumerate(nodes.tolist()):
        for k in item_classes:
            for _ in range(int(counts[k, column])):
                state.put(k, node)
    state.found = "counts by z3, on some nodes at a time"
