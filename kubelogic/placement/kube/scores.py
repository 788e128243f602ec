"""How much better one node is than another, in kube-scheduler's own arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from kubelogic.placement.kube.fit import MOST, Fit
from kubelogic.placement.kube.rules import Rules
from kubelogic.placement.kube.tables import Floats, Ints
from kubelogic.placement.problem import Scorer

Nodes = NDArray[np.intp]


def scores(
    scorers: tuple[Scorer, ...], rules: Rules, fit: Fit, nodes: Nodes, devices: Ints | None = None
) -> Iterator[tuple[Scorer, Ints | int]]:
    """What each scorer that takes part gives each of the feasible nodes, not weighted yet.

    Args:
        scorers: all of them.
        rules: of the shape.
        fit: of its requests, caught up.
        nodes: the numbers of all feasible nodes; normalisation is over these.
        devices: how good the devices are that each of them has, for a pod that asks for some.

    Yields:
        Scorer and score per node, or one number that all nodes get.
    """
    for scorer in scorers:
        found: Ints | int | None
        match scorer.kind:
            case "least_allocated" | "most_allocated" | "requested_to_capacity":
                found = fit.used[nodes]
            case "balanced_allocation":
                found = None if fit.stands_aside else fit.balanced[nodes]
            case "soft_spread":
                found = _spread(rules, nodes)
            case "soft_affinity":
                found = _affinity(rules, nodes)
            case "devices":
                found = _devices(devices)
            case "preference":
                found = _preference(scorer, rules, nodes)
        if found is None and scorer.always:
            found = 0
        if found is not None:
            yield scorer, found


def _devices(raw: Ints | None) -> Ints | None:
    """Source: kube-scheduler, DynamicResources (Score and NormalizeScore)."""
    if raw is None or not (most := int(raw.max())):
        return None
    scaled: Ints = raw * MOST // most
    return scaled


def _preference(scorer: Scorer, rules: Rules, nodes: Nodes) -> Ints | int | None:
    """Source: kube-scheduler, DefaultNormalizeScore."""
    empty = MOST if scorer.normalize == "reversed" else 0
    if scorer.name not in rules.wishes:
        return empty if scorer.always else None
    raw = rules.wishes[scorer.name]
    if raw is None:
        return empty
    found = raw[nodes]
    if scorer.normalize == "none":
        return found
    most = int(found.max())
    if most == 0:
        return empty
    scaled = found * MOST // most
    return MOST - scaled if scorer.normalize == "reversed" else scaled


def _spread(rules: Rules, nodes: Nodes) -> Ints | None:
    """Source: kube-scheduler, PodTopologySpread (Score and NormalizeScore)."""
    if not rules.soft_spreads:
        return None
    within = rules.spread_within[nodes]
    all_within = bool(within.all())
    inside = nodes if all_within else nodes[within]
    if not len(inside):
        return np.zeros(len(nodes), dtype=np.int64)
    raw: Floats = np.zeros(len(inside), dtype=np.float64)
    for rule in rules.soft_spreads:
        domain = rule.topology.domain[inside]
        domains = len(inside) if rule.spread.per_node else int(np.count_nonzero(np.bincount(domain)))
        worth = rule.counter.counts.astype(np.float64) * math.log(domains + 2) + float(rule.spread.max_skew - 1)
        has = rule.has[inside]
        raw += worth[domain] if has.all() else np.where(has, worth[domain], 0.0)
    whole = np.floor(raw)
    rounded = (whole + (raw - whole >= 0.5)).astype(np.int64)
    most, least = int(rounded.max()), int(rounded.min())
    scaled: Ints = np.full(len(inside), MOST) if most == 0 else MOST * (most + least - rounded) // most
    if all_within:
        return scaled
    found = np.zeros(len(nodes), dtype=np.int64)
    found[within] = scaled
    return found


def _affinity(rules: Rules, nodes: Nodes) -> Ints | None:
    """Source: kube-scheduler, InterPodAffinity (Score and NormalizeScore)."""
    taking_part = [counter for counter in rules.soft_affinities if counter.touches]
    if not taking_part:
        return None
    raw: Ints = np.zeros(len(nodes), dtype=np.int64)
    for counter in taking_part:
        raw += counter.at(nodes)
    least, most = int(raw.min()), int(raw.max())
    if most == least:
        return np.zeros(len(nodes), dtype=np.int64)
    scaled: Ints = (float(MOST) * ((raw - least) / float(most - least))).astype(np.int64)
    return scaled
