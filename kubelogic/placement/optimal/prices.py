"""Refusals by prices: if the pods together are worth more than the nodes can earn with them, not all can be placed.

Prices come from a linear program over patterns (what one node can hold of each item class), so they see that half a
pod is no pod, which sums over nodes do not. What a node can earn at most is found by branch and bound in exact
integers: whatever the prices, what they refuse is refused.
"""

from __future__ import annotations

import msgspec
import numpy as np
from msgspec.structs import replace

from kubelogic.placement.optimal.bounding import upper_bounds
from kubelogic.placement.optimal.branching import branches
from kubelogic.placement.optimal.compile import compile_problem
from kubelogic.placement.optimal.fills import Fills
from kubelogic.placement.optimal.knapsack import Search
from kubelogic.placement.optimal.limits import Deadline
from kubelogic.placement.optimal.model import Ints, Mask, Model
from kubelogic.placement.optimal.patterns import Packables
from kubelogic.placement.optimal.simplex import Packing
from kubelogic.placement.optimal.tighten import packables, weigh
from kubelogic.placement.problem import Problem

_SCALE = 1 << 24
_LEAST, _MOST = 1000, 16_000
_ROUNDS, _CASES, _ROWS = 80, 9, 200
_POOL = 6_000


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """``needed``: the shapes that are worth something in a proof that not all can be placed; None without a proof.

    ``packable``: no prices can prove it, as fractions of patterns hold everything. Neither, if a limit was reached.
    """

    needed: frozenset[str] | None = None
    packable: bool = False


class Prices:
    """Refusals for subsets of one problem's constraints. What was learnt of one question serves the next."""

    def __init__(self, problem: Problem, *, deadline: Deadline) -> None:
        self._deadline = deadline
        self._names = sorted({pod.shape for pod in problem.pods if not pod.node})
        self._nodes: Ints = np.zeros(0, dtype=np.int64)
        self._patterns: Ints = np.zeros((0, len(self._names)), dtype=np.int64)
        self._seen: set[tuple[int, bytes]] = set()

    def refuse(self, problem: Problem, wanted: frozenset[str]) -> Priced:
        """Whether all pods of the ``wanted`` shapes can be placed; those of others may be placed or not."""
        if not wanted or len(problem.nodes) + len(self._names) > _ROWS:
            return Priced(packable=not wanted)
        model = compile_problem(problem)
        known = upper_bounds(model)
        asked = np.array(
            [model.shapes[item_class.shapes[0]].name in wanted for item_class in model.item_classes], dtype=np.bool_
        )
        needed: set[str] = set()
        weights = weigh(model, known)
        for case in branches(model, known, most=_CASES):
            items = packables(model, case, weights)
            gain = [*asked.astype(int).tolist(), *([0] * (len(items.gain) - len(asked)))]
            missing = int(model.counts[asked].sum()) - int(case.fixed[asked].sum())
            found = self._refuse(model, replace(items, gain=tuple(gain), base=0), missing)
            if found.needed is None:
                return found
            needed |= found.needed
        return Priced(needed=frozenset(needed))

    def _refuse(self, model: Model, items: Packables, missing: int) -> Priced:
        item_classes = np.flatnonzero(items.gain)
        names = [model.shapes[model.item_classes[k].shapes[0]].name for k in item_classes]
        count = np.array(items.count, dtype=np.int64)[item_classes]
        if int(count.sum()) < missing:
            whole = model.counts[item_classes] - count
            return Priced(needed=frozenset(name for name, short in zip(names, whole, strict=True) if short))
        program = _Program(items, item_classes)
        columns = [self._names.index(name) for name in names]
        program.add(*self._fitting(program, columns))
        price = program.refuse(self._deadline)
        self._learn(program, columns)
        if price is None:
            return Priced(packable=program.packable)
        return Priced(needed=frozenset(name for name, p in zip(names, price, strict=True) if p > 0))

    def _fitting(self, program: _Program, columns: list[int]) -> tuple[Ints, Ints]:
        """Known patterns that are right in this program, as far as they concern its item classes."""
        types = program.type_of[self._nodes]
        patterns = np.minimum(self._patterns[:, columns], program.room[types])
        fits = program.fits(types, patterns)
        both = np.concatenate([types[:, None], patterns], axis=1)[fits & (types >= 0)]
        if not len(both):
            return types[:0], patterns[:0]
        both = both[distinct(both)[0]]
        return both[:, 0], both[:, 1:]

    def _learn(self, program: _Program, columns: list[int]) -> None:
        types, patterns = program.used
        rows = np.zeros((len(types), len(self._names)), dtype=np.int64)
        rows[:, columns] = patterns
        nodes = program.first[types]
        fresh = []
        for i, (node, row) in enumerate(zip(nodes.tolist(), rows, strict=True)):
            key = (node, row.tobytes())
            if key not in self._seen:
                self._seen.add(key)
                fresh.append(i)
        self._nodes = np.concatenate([nodes[fresh], self._nodes])[:_POOL]
        self._patterns = np.concatenate([rows[fresh], self._patterns])[:_POOL]


class _Program:
    """Whether all pods of some item classes can be packed, as a linear program over patterns of node types."""

    def __init__(self, items: Packables, item_classes: Ints) -> None:
        self._count = np.array(items.count, dtype=np.int64)[item_classes]
        self._request: Ints = items.request[item_classes]
        self._conflict: Mask = items.conflict[np.ix_(item_classes, item_classes)]
        where = {int(k): i for i, k in enumerate(item_classes)}
        links = [link for link in items.links if link.item_class in where]
        self._linked = [where[link.item_class] for link in links]
        self._limits: Ints = np.array([max(link.limit, 0) for link in links], dtype=np.int64)
        factors = np.array([link.factors for link in links], dtype=np.int64).reshape(len(links), items.free.shape[1])
        # More than all pods together ask for is no limit; smaller numbers, fewer types.
        most = (self._request * self._count[:, None]).sum(axis=0)
        free = np.minimum(np.maximum(items.free, 0), most[:, None])
        rows = np.concatenate([free, items.room[item_classes], factors]).T
        self.first, self.type_of = distinct(rows)
        alike = rows[self.first]
        resources, many = items.free.shape[0], len(item_classes)
        self._sizes = np.bincount(self.type_of, minlength=len(alike)).astype(np.int64)
        self._free: Ints = alike[:, :resources].astype(np.int64)
        self.room: Ints = np.minimum(alike[:, resources : resources + many], self._count).astype(np.int64)
        self._factors: Ints = alike[:, resources + many :].T.astype(np.int64)
        self._fills = Fills(self._request, self._free, self._conflict)
        bounds = [*self._count.tolist(), *self._sizes.tolist(), *self._limits.tolist()]
        self._master = Packing(np.array(bounds, dtype=np.float64))
        self._types: Ints = np.zeros(0, dtype=np.int64)
        self._patterns: Ints = np.zeros((0, many), dtype=np.int64)
        self._seen: set[tuple[int, tuple[int, ...]]] = set()

    @property
    def packable(self) -> bool:
        """Whether the patterns found so far, used in parts, hold everything."""
        return float(self._master.levels @ self._patterns.sum(axis=1)) > int(self._count.sum()) - 1e-6

    @property
    def used(self) -> tuple[Ints, Ints]:
        """Types and patterns that are in the program."""
        return self._types, self._patterns

    def fits(self, types: Ints, patterns: Ints) -> Mask:
        """Which of some patterns nodes of these types can hold."""
        found: Mask = np.asarray((patterns @ self._request <= self._free[types]).all(axis=1) & patterns.any(axis=1))
        for i, j in zip(*np.nonzero(np.triu(self._conflict)), strict=True):
            found &= (patterns[:, i] == 0) | (patterns[:, j] == 0)
        return found

    def add(self, types: Ints, patterns: Ints) -> int:
        """More columns; how many of them are new."""
        keys = list(zip(types.tolist(), map(tuple, patterns.tolist()), strict=True))
        fresh = [i for i, key in enumerate(keys) if key not in self._seen]
        if not fresh:
            return 0
        self._seen.update(keys)
        types, patterns = types[fresh], patterns[fresh]
        many, rows = len(self._count), len(self._count) + len(self._sizes)
        columns = np.zeros((len(types), rows + len(self._linked)))
        columns[:, :many] = patterns
        columns[np.arange(len(types)), many + types] = 1.0
        columns[:, rows:] = patterns[:, self._linked] * self._factors[:, types].T
        self._types = np.concatenate([self._types, types])
        self._patterns = np.concatenate([self._patterns, patterns])
        self._master.add(columns, patterns.sum(axis=1).astype(np.float64))
        return len(types)

    def refuse(self, expired: Deadline) -> Ints | None:
        """What a pod of each item class is worth in a proof that not all can be packed; None if there is none."""
        many, rows = len(self._count), len(self._count) + len(self._sizes)
        effort = _LEAST
        for _ in range(_ROUNDS):
            self._master.run(400)
            if self.packable or expired():
                return None
            prices = np.maximum(np.rint(self._master.prices * _SCALE).astype(np.int64), 0)
            earned: Ints = np.maximum(_SCALE - prices[:many], 0)
            profit: Ints = np.repeat(earned[None], len(self._sizes), axis=0)
            for item_class, price, factor in zip(self._linked, prices[rows:].tolist(), self._factors, strict=True):
                profit[:, item_class] -= price * factor
            floor = prices[many:rows]
            if self._note(self._fills.best(profit, self.room, floor)):
                continue
            # Together the pods are worth this much; what links allow and nodes earn may be less.
            worth, linked = int(earned @ self._count), int(prices[rows:] @ self._limits)
            spare = worth - 1 - linked - int(floor @ self._sizes)
            search = Search(profit, self._request, self._free, self.room, self._conflict)
            floor = floor + max(spare, 0) // max(int(self._sizes.sum()), 1)
            effort = max(_LEAST, effort // 4)
            fresh = 0
            while not fresh and effort <= _MOST and search.unsure.any():
                search.run(floor=floor, most=effort)
                if linked + int(search.tops @ self._sizes) < worth:
                    return earned
                fresh = self._note(search.found)
                effort *= 4
            if not fresh:
                return None
        return None

    def _note(self, found: list[tuple[int, tuple[int, ...]]]) -> int:
        if not found:
            return 0
        types = np.array([t for t, _ in found], dtype=np.int64)
        return self.add(types, np.array([pattern for _, pattern in found], dtype=np.int64))


def distinct(rows: Ints) -> tuple[Ints, Ints]:
    """Where each different row stands first, in the order of the rows, and for every row which of those it is.

    ``numpy.unique`` says the same, but loads ``numpy.ma`` for it, which takes longer than all the rest.

    >>> first, which = distinct(np.array([[2, 1], [1, 9], [2, 1]]))
    >>> first.tolist(), which.tolist()
    ([1, 0], [1, 0, 1])
    """
    order = np.lexsort(rows.T[::-1]) if rows.size else np.arange(len(rows))
    ranked = rows[order]
    new = np.ones(len(rows), dtype=np.bool_)
    new[1:] = (ranked[1:] != ranked[:-1]).any(axis=1)
    which = np.empty(len(rows), dtype=np.int64)
    which[order] = np.cumsum(new) - 1
    return order[new].astype(np.int64), which
