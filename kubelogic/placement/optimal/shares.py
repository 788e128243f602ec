"""Even shares: how many pods of each item class each node class should get so that all classes fill alike. Proves
nothing.

Mirror descent: each class asks a price for each resource that rises steeply with how full it is, and each item class
moves its pods from classes that are dear to it to those that are cheap.
"""

from __future__ import annotations

import numpy as np

from kubelogic.placement.optimal.bounding import solo
from kubelogic.placement.optimal.model import Floats, Ints, Model

_STEPS = 120
_STEEPNESS = 16
"""The higher, the closer to the least possible load of the fullest class, and the more steps it takes."""
_RATE = 0.1


def even_shares(model: Model, free: Ints, counts: Ints) -> tuple[Floats, float]:
    """Quotas, item classes by classes, that place every pod, and how full the fullest class gets with them.

    Args:
        free: Free amounts, resources by nodes.
        counts: How many pods of each item class to place.

    Returns:
        The quotas, and the load of the fullest class: infinite if some item class has not enough room even alone.
    """
    classes, resources = len(model.classes), len(model.resources)
    room, capacity = np.zeros((len(counts), classes)), np.zeros((classes, resources))
    np.add.at(room.T, model.node_class, solo(model, free, counts).T)
    np.add.at(capacity, model.node_class, np.maximum(free.T, 0))
    if (room.sum(axis=1) < counts).any():
        return np.zeros_like(room), np.inf
    total = np.maximum(capacity.sum(axis=0), 1.0)
    request, capacity = model.request / total, np.maximum(capacity / total, 1e-12)
    quota = _spread_out(room, counts)
    best, least = quota, np.inf
    for _ in range(_STEPS):
        full = (quota.T @ request) / capacity
        fullest = float(full.max(initial=0.0))
        if fullest < least:
            best, least = quota, fullest
        if fullest <= 0:
            break
        cost = request @ ((full / fullest) ** _STEEPNESS / capacity).T
        usual = (quota * cost).sum(axis=1, keepdims=True) / np.maximum(counts, 1)[:, None]
        dear = np.maximum(cost / np.where(usual > 0, usual, 1.0), 1e-6)
        quota = _spread_out(quota * dear**-_RATE, counts)
    return best, least


def _spread_out(weights: Floats, counts: Ints) -> Floats:
    """The pods of each item class, in proportion to weights of item classes by classes."""
    total = weights.sum(axis=1)
    factor: Floats = np.divide(counts, total, out=np.zeros(len(counts)), where=total > 0)
    return weights * factor[:, None]
