"""Who may go where now: all filters over all nodes, or over some, at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from msgspec.structs import replace

from kubelogic.placement.kube.filter import Reason
from kubelogic.placement.kube.rules import Rules
from kubelogic.placement.kube.tables import Mask, Select


def feasible(rules: Rules, select: Select, fits: Mask) -> Mask:
    """Which of some nodes pass all filters.

    Args:
        rules: of the shape.
        select: the nodes asked about.
        fits: which of them have room for the requests.
    """
    found = rules.allowed[select] & fits
    for each in rules.filters:
        found &= each.open(select)
    return found


def reasons(rules: Rules, select: Select) -> Iterator[tuple[Reason, Mask]]:
    """Every reason of every filter against some nodes, with the nodes it turns away."""
    moved = rules.shape.moved
    for reason, mask in _every(rules, select):
        place = moved.get(reason.filter) if reason.stage >= 0 else None
        yield reason if place is None else replace(reason, stage=place), mask


def _every(rules: Rules, select: Select) -> Iterator[tuple[Reason, Mask]]:
    yield from _denied(rules, select)
    for each in rules.filters:
        yield from each.reasons(select)


def _denied(rules: Rules, select: Select) -> Iterator[tuple[Reason, Mask]]:
    explained = np.zeros_like(rules.allowed[select])
    for denial, mask in rules.denials:
        explained |= mask[select]
        reason = Reason(
            stage=denial.stage,
            place=0,
            filter=denial.filter or denial.reason,
            reason=denial.reason,
            resolvable=denial.resolvable,
        )
        yield reason, mask[select]
    rest = ~rules.allowed[select] & ~explained
    yield Reason(stage=0, place=1, filter="allowed", reason="allowed", resolvable=False), rest
