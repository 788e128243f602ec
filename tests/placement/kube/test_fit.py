"""What is found of nodes one by one, in Python's numbers, is what arrays find of all of them at once."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kubelogic.placement.kube.fit import _FEW, Fit
from kubelogic.placement.problem import Scorer, Shape

NODES = 12
RESOURCES = ("cpu", "memory", "gpu", "disk")
SCORERS = {
    "least_allocated": (),
    "most_allocated": (),
    "requested_to_capacity": ((0, 2), (40, 9), (90, 1)),
}


def state(draw: random.Random) -> Any:
    """A state of nodes that have, lack or have given too much of each resource, up to amounts of 54 bits."""
    most = draw.choice((10, 1_000, 10**7, 1 << 54))

    def amounts(least: int = 0) -> Any:
        rows = [[draw.choice((0, draw.randint(least, most))) for _ in range(NODES)] for _ in RESOURCES]
        return np.array(rows, dtype=np.int64)

    numbers = {name: number for number, name in enumerate(RESOURCES)}
    tables = SimpleNamespace(
        size=NODES,
        resource_number=numbers,
        allocatable=amounts(),
        scored=amounts(),
        by_devices={2} if draw.random() < 0.5 else set(),
        shape_number={"s": 0},
    )
    return SimpleNamespace(tables=tables, free=amounts(-most // 4), assumed=amounts(), touched=[])


@pytest.mark.parametrize("kind", SCORERS)
@pytest.mark.parametrize("seed", range(20))
def test_nodes_one_by_one_are_as_all_at_once(kind: str, seed: int) -> None:
    draw = random.Random(seed)
    nodes = state(draw)
    asked = {name: draw.randint(1, 1 << draw.choice((3, 20))) for name in RESOURCES if draw.random() < 0.7}
    scorers = (
        Scorer(name="use", kind=kind, resources=RESOURCES[:2], points=SCORERS[kind]),  # type: ignore[arg-type]
        Scorer(name="balance", kind="balanced_allocation", resources=RESOURCES[: draw.randint(1, 4)]),
    )
    shape = Shape(name="s", requests=asked)
    nodes.tables.checked = [[(RESOURCES.index(name), amount) for name, amount in sorted(asked.items())]]
    slow = Fit(nodes, shape, scorers=scorers)
    nodes.free[:], nodes.assumed[:] = state(draw).free, state(draw).assumed
    for first in range(0, NODES, _FEW):
        nodes.touched.extend(range(first, min(first + _FEW, NODES)))
        slow.refresh()
    quick = Fit(nodes, shape, scorers=scorers)
    for one, other in ((slow.fits, quick.fits), (slow.used, quick.used), (slow.balanced, quick.balanced)):
        assert one.tolist() == other.tolist()
