"""Copies of shapes under other names: so that some of the pods of a shape can be told from the others."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kubelogic.placement.problem import Problem


def with_copies(problem: Problem, copies: Mapping[str, str]) -> Problem:
    """The problem with copies of shapes; every rule that concerns a shape concerns its copy just as well.

    Args:
        problem: sound, and without the names of the copies.
        copies: shape to the name of its copy.
    """
    if not copies:
        return problem

    def both(names: frozenset[str]) -> frozenset[str]:
        return names | {copies[name] for name in names if name in copies}

    replaced = msgspec.structs.replace
    shapes = {shape.name: shape for shape in problem.shapes}
    affinities = tuple(replaced(each, matches=both(each.matches)) for each in problem.affinities)
    spreads = tuple(replaced(each, matches=both(each.matches)) for each in problem.spreads)
    soft_spreads = tuple(replaced(each, matches=both(each.matches)) for each in problem.soft_spreads)
    soft_affinities = tuple(replaced(each, neighbours=both(each.neighbours)) for each in problem.soft_affinities)
    return replaced(
        problem,
        shapes=(*problem.shapes, *(replaced(shapes[name], name=copy) for name, copy in sorted(copies.items()))),
        allowed={**problem.allowed, **{copy: problem.allowed[name] for name, copy in copies.items()}},
        affinities=affinities
        + tuple(replaced(each, owner=copies[each.owner]) for each in affinities if each.owner in copies),
        spreads=spreads + tuple(replaced(each, owner=copies[each.owner]) for each in spreads if each.owner in copies),
        soft_spreads=soft_spreads
        + tuple(replaced(each, owner=copies[each.owner]) for each in soft_spreads if each.owner in copies),
        soft_affinities=soft_affinities
        + tuple(replaced(each, shape=copies[each.shape]) for each in soft_affinities if each.shape in copies),
        preferences=problem.preferences
        + tuple(replaced(each, shape=copies[each.shape]) for each in problem.preferences if each.shape in copies),
        denials=problem.denials
        + tuple(replaced(each, shape=copies[each.shape]) for each in problem.denials if each.shape in copies),
    )
