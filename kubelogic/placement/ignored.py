"""What a problem comes to when shapes ignore constraints, for readers that know no such exceptions."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kubelogic.placement.problem import Affinity, Problem, Shape

_EMPTY: tuple[str, ...] = ("ports", "exclusive", "attaches", "claims")
"""Constraints that are fields of a shape."""


def without_ignored(problem: Problem) -> Problem:
    """The same problem without what shapes ignore; the very same one if they ignore nothing.

    Where some shapes ignore a constraint and others heed it, pods of the former do not count for the latter any more,
    save for affinity and spread.
    """
    if not any(shape.unchecked or shape.ignores for shape in problem.shapes):
        return problem
    free = {name: {shape.name for shape in problem.shapes if name in shape.ignores} for name in ("affinity", "spread")}
    return msgspec.structs.replace(
        problem,
        shapes=tuple(map(_plain, problem.shapes)),
        affinities=tuple(_left(problem, free["affinity"])),
        spreads=tuple(spread for spread in problem.spreads if spread.owner not in free["spread"]),
    )


def _plain(shape: Shape) -> Shape:
    if not (shape.unchecked or shape.ignores):
        return shape
    return msgspec.structs.replace(
        shape,
        requests={name: amount for name, amount in shape.requests.items() if name not in shape.unchecked},
        unchecked=frozenset(),
        ignores=frozenset(),
        **{name: () for name in _EMPTY if name in shape.ignores},
    )


def _left(problem: Problem, free: set[str]) -> Iterator[Affinity]:
    """The affinities without those of some shapes, and without what keeps their pods away."""
    for affinity in problem.affinities:
        if affinity.owner in free and not affinity.anti:
            continue
        if affinity.anti and (free & {affinity.owner, *affinity.matches}):
            if affinity.owner in free:
                continue
            affinity = msgspec.structs.replace(affinity, matches=affinity.matches - free)  # noqa: PLW2901
        yield affinity
