"""Whether more pods can be had under rows and with groups all or nothing: against going through all counts."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from kubelogic.placement.optimal.group_sums import Item, Row, beyond


@pytest.mark.parametrize("seed", range(12))
def test_all_counts_gone_through_agree(seed: int) -> None:
    random = Random(seed)
    items = tuple(
        Item(item_class=random.randrange(3), group=random.choice(("", "a", "b")), count=random.randint(1, 3), worth=1)
        for _ in range(4)
    )
    sizes = {name: sum(item.count for item in items if item.group == name) for name in ("a", "b")}
    needs = {name: (random.randint(2, size), size) for name, size in sizes.items() if size > 1}
    rows = [
        Row(prices=tuple(random.randint(0, 4) for _ in range(3)), most=random.randint(4, 12))
        for _ in range(random.randint(1, 3))
    ]

    def right(counts: tuple[int, ...]) -> bool:
        for name, (least, _) in needs.items():
            if 0 < sum(n for n, item in zip(counts, items, strict=True) if item.group == name) < least:
                return False
        return all(
            sum(row.prices[item.item_class] * n for n, item in zip(counts, items, strict=True)) <= row.most
            for row in rows
        )

    every = [counts for counts in product(*(range(item.count + 1) for item in items)) if right(counts)]
    most = max(map(sum, every))
    assert beyond(items, needs, rows, most) is None
    if most:
        found = beyond(items, needs, rows, most - 1)
        assert found in every
        assert sum(found or ()) == most


def test_a_row_by_itself_limits_what_pods_are_worth() -> None:
    items = (Item(item_class=0, group="", count=5, worth=1), Item(item_class=1, group="", count=5, worth=1))
    assert Row(prices=(10, 0), most=30).limit(items, 10) == 3 + 5
    assert Row(prices=(0, 0), most=0).limit(items, 10) == 10
