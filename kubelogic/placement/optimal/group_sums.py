"""Counts of pods under rows that any placement keeps to, with groups all or nothing: whether more can be had, by z3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import z3

_RLIMIT = 4_000_000


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """``count`` pods of a ``item_class`` in a ``group`` (empty: in none that counts), each ``worth`` so much."""

    item_class: int
    group: str
    count: int
    worth: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Pods at these ``prices`` by item class come to ``most`` at most, in every placement."""

    prices: tuple[int, ...]
    most: int

    def limit(self, items: Sequence[Item], unit: int) -> int:
        """What pods can be worth by this row alone, groups in part: those that pay best for their price."""
        total = self.most + sum(item.count * max(item.worth * unit - self.prices[item.item_class], 0) for item in items)
        return total // unit


def beyond(
    items: Sequence[Item], needs: Mapping[str, tuple[int, int]], rows: Sequence[Row], reached: int
) -> tuple[int, ...] | None:
    """Counts of the items that are worth more than what is reached and keep to all rows.

    Args:
        items: what there is to place.
        needs: by group, how many of its pods have to be placed for any to be, and how many there are.
        rows: what every placement keeps to.
        reached: what is in hand.

    Returns:
        None if there are none, which is proved; empty if that is not known.
    """
    context = z3.Context()
    solver = z3.SolverFor("QF_LIA", ctx=context)
    solver.set("rlimit", _RLIMIT)
    counts = [z3.Int(f"n{number}", context) for number in range(len(items))]
    for count, item in zip(counts, items, strict=True):
        solver.add(count >= 0, count <= item.count)
    for number, (name, (least, _)) in enumerate(sorted(needs.items())):
        total = z3.Sum([count for count, item in zip(counts, items, strict=True) if item.group == name])
        starts = z3.Bool(f"g{number}", context)
        solver.add(z3.Or(z3.And(starts, total >= least), z3.And(z3.Not(starts), total == 0)))
    for row in rows:
        parts = [row.prices[i.item_class] * c for c, i in zip(counts, items, strict=True) if row.prices[i.item_class]]
        if parts:
            solver.add(z3.Sum(parts) <= row.most)
    solver.add(z3.Sum([item.worth * count for count, item in zip(counts, items, strict=True)]) > reached)
    answer = solver.check()
    if answer == z3.unsat:
        return None
    if answer != z3.sat:
        return ()
    model = solver.model()
    return tuple(model.eval(count, model_completion=True).as_long() for count in counts)
