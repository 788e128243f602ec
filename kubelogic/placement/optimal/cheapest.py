"""The cheapest nodes to add so that every waiting pod finds a place, and a cost below which there is no way.

What patterns of whole nodes call for (``market``) is placed with all constraints, by the joint scheduler where the
patterns themselves do not do; more is bought where constraints ask for more, and less where that does as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np

from kubelogic.placement.check import check
from kubelogic.placement.optimal.bounding import most_alone, upper_bounds
from kubelogic.placement.optimal.compile import compile_problem
from kubelogic.placement.optimal.limits import Clock, Deadline, Limits
from kubelogic.placement.optimal.market import Layout, Market, room_alone
from kubelogic.placement.optimal.model import Ints
from kubelogic.placement.optimal.offers import Cap, Offer, cost_of, extended, within
from kubelogic.placement.optimal.replay import replay
from kubelogic.placement.optimal.result import result
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Problem

_QUIET = Limits()
_SWAPS = 40
_PROOF = 0.4
"""Of the time, for what is proved before anything is bought."""

_TRIAL = 0.02
"""Of the time and of z3's resource limit, for one attempt to place everything on what is bought."""


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes to add, by name of their offer, with which ``placement`` holds everything, at ``cost`` in all.

    ``least``: nothing that holds everything costs less, proved. ``enough`` is False if no way was found to hold
    everything; ``placement`` then leaves pods out.
    """

    nodes: Mapping[str, int]
    cost: int
    least: int
    enough: bool
    placement: Placement


def cheapest_nodes(
    problem: Problem,
    offers: Sequence[Offer],
    *,
    caps: Sequence[Cap] = (),
    limits: Limits = _QUIET,
    clock: Clock | None = None,
) -> Purchase:
    """Which nodes to add, at the lowest cost that can be found, so that every waiting pod is placed.

    Args:
        problem: its own nodes are used first, and cost nothing; it may have none. ``allowed`` covers the classes of
            the offers.
        offers: what can be had.
        caps: what offers may come to together.
        limits: when to stop looking.
        clock: seconds from any origin, monotonic.
    """
    offers = tuple(sorted(offers, key=lambda offer: offer.node.name))
    deadline = Deadline(limits, clock)
    market = Market(problem, offers, caps)
    market.prove(Deadline(msgspec.structs.replace(limits, timeout=_PROOF * limits.timeout), clock))
    best: tuple[int, tuple[int, ...], Placement] | None = None
    short: tuple[tuple[int, ...], Placement] | None = None
    seen: set[tuple[int, ...]] = set()
    trial = msgspec.structs.replace(limits, timeout=_TRIAL * limits.timeout, rlimit=int(_TRIAL * limits.rlimit))
    most: tuple[int, ...] = (0,) * len(offers)

    def attempt(counts: tuple[int, ...], layout: Layout | None = None) -> bool:
        nonlocal best, short
        if (
            counts in seen
            or not within(caps, offers, counts)
            or (best is not None and cost_of(offers, counts) >= best[0])
        ):
            return False
        seen.add(counts)
        whole = extended(problem, offers, counts)
        placement = _laid_out(whole, layout) if layout is not None else None
        if placement is None and _lacks_room(whole) is not None:
            return False
        if placement is None:
            placement = solve(whole, limits=trial, clock=clock)
        if not placement.unplaced:
            best = (cost_of(offers, counts), counts, placement)
            return True
        if short is None or len(placement.unplaced) < len(short[1].unplaced):
            short = (counts, placement)
        return False

    for layout in market.layouts(deadline):
        if not attempt(layout.counts, layout):
            most = _with_room(problem, offers, layout.counts, deadline, caps)
            attempt(most)
        if best is not None and (best[0] <= market.least or deadline()):
            break
    while best is None and short is not None and not deadline():
        before = short
        for counts in _grown(problem, offers, *before):
            if attempt(counts) or short is not before:
                break
        if best is None and short is before:
            break
    swaps = 0
    while best is not None and best[0] > market.least and swaps < _SWAPS and not deadline():
        swaps += 1
        if not any(attempt(counts) for counts in _cheaper(offers, best[1]) if not deadline()):
            break
    if best is None:
        most = most if within(caps, offers, most) else (0,) * len(offers)
        counts, placement = short or (most, solve(extended(problem, offers, most), limits=trial, clock=clock))
        return _purchase(offers, counts, market.least, placement)
    return _purchase(offers, best[1], market.least, best[2])


def _lacks_room(whole: Problem) -> Ints | None:
    """How many pods of each item class have no room even if all other item classes are gone; None if all have.

    Cheap, where a placement that cannot be whole is searched for at length.
    """
    model = compile_problem(whole)
    short: Ints = np.maximum(model.counts - most_alone(upper_bounds(model)), 0)
    return short if short.any() else None


def _with_room(
    problem: Problem, offers: Sequence[Offer], counts: tuple[int, ...], deadline: Deadline, caps: Sequence[Cap]
) -> tuple[int, ...]:
    """The purchase with more nodes until each item class by itself has room, as far as some node brings it any."""
    short = _lacks_room(extended(problem, offers, counts))
    while short is not None and not deadline():
        gains = []
        for t, offer in enumerate(offers):
            more = tuple(n + (i == t) for i, n in enumerate(counts))
            if more[t] <= offer.most and within(caps, offers, more):
                left = _lacks_room(extended(problem, offers, more))
                gain = int(short.sum()) - (int(left.sum()) if left is not None else 0)
                gains.append((gain / max(offer.price, 1), -t, more, left))
        best, _, counts_then, left = max(gains, default=(0.0, 0, counts, short), key=lambda entry: entry[:2])
        if best <= 0:
            return counts
        counts, short = counts_then, left
    return counts


def _laid_out(whole: Problem, layout: Layout) -> Placement | None:
    """The placement of a layout, if constraints between pods let all of it be."""
    model = compile_problem(whole)
    counts = np.zeros((len(model.item_classes), len(model.nodes)), dtype=np.int64)
    for name, pattern in layout.holds:
        counts[:, model.node_index[name]] += np.array(pattern, dtype=np.int64)
    state = replay(model, counts)
    if state.left.any():
        return None
    state.found = "patterns of whole nodes"
    placement = result(model, state, most={}, conflicts=(), statistics={})
    return None if check(whole, placement) else placement


def _purchase(offers: Sequence[Offer], counts: Sequence[int], least: int, placement: Placement) -> Purchase:
    return Purchase(
        nodes={offer.node.name: n for offer, n in zip(offers, counts, strict=True)},
        cost=cost_of(offers, counts),
        least=least,
        enough=not placement.unplaced,
        placement=placement,
    )


def _grown(
    problem: Problem, offers: Sequence[Offer], counts: tuple[int, ...], placement: Placement
) -> Iterator[tuple[int, ...]]:
    """A few more nodes of one offer: that which takes most of what was left out for its price first."""
    model = compile_problem(extended(problem, offers, [1] * len(offers)))
    left = {entry.shape for entry in placement.unplaced}
    room = room_alone(model)
    wanted = [
        k
        for k, item_class in enumerate(model.item_classes)
        if any(model.shapes[s].name in left for s in item_class.shapes)
    ]
    columns = [model.node_index[f"{offer.node.name}-00000"] for offer in offers]
    gains = [int(room[wanted, column].sum()) for column in columns]
    ranked = sorted(range(len(offers)), key=lambda t: (-gains[t] / max(offers[t].price, 1), t))
    for number in (1, 3):
        for t in ranked:
            if gains[t] and counts[t] + number <= offers[t].most:
                yield tuple(n + number * (i == t) for i, n in enumerate(counts))


def _cheaper(offers: Sequence[Offer], counts: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The purchase with one node less, or with one of a cheaper offer instead of another; what saves most first."""
    found = []
    for t in range(len(offers)):
        if counts[t]:
            found.append((offers[t].price, tuple(n - (i == t) for i, n in enumerate(counts))))
            for s in range(len(offers)):
                if offers[s].price < offers[t].price and counts[s] < offers[s].most:
                    swapped = tuple(n - (i == t) + (i == s) for i, n in enumerate(counts))
                    found.append((offers[t].price - offers[s].price, swapped))
    for saved, fewer in sorted(found, key=lambda entry: (-entry[0], entry[1])):
        if saved:
            yield fewer
