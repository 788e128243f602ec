"""What assumptions of a conflict say beyond their fixed words: the pods that are in the way, and who demands it."""

from __future__ import annotations

from collections.abc import Sequence

from kubelogic.explain.blockers import Blocker
from kubelogic.explain.filters import Relations
from kubelogic.explain.units import some
from kubelogic.placement.placement import Assumption

_APART = frozenset({"rejects_anti_affinity", "rejects_existing_anti_affinity"})


def beside(each: Assumption, blockers: Sequence[Blocker], subject: str) -> str:
    """Which pods are in the way of anti-affinity, by the workloads that they are of; empty where none is there yet."""
    if each.kind != "anti_affinity":
        return ""
    key = each.subjects[1]
    found = [one for one in blockers if one.predicate in _APART and one.witness["Key"] == key]
    others = sorted({one.other or str(one.witness["Other"]) for one in found})
    return f"pods of {subject} must not share their {key} with pods of {some(others)}" if others else ""


_DEMANDED = {"anti_affinity": ("demands_apart", 2), "spread": ("demands_spread", 2)}
"""By kind of assumption, the relation by which rules of one's own ask for it, and the column of its topology key."""


def is_demanded(relations: Relations, each: Assumption, shape: str) -> bool:
    """Whether rules of one's own ask for what an assumption about a shape says."""
    name, column = _DEMANDED.get(each.kind, ("", 0))
    return bool(name) and bool(relations.matching(name, {0: shape, column: each.subjects[1]}))


def witnessed(relations: Relations, each: Assumption, blockers: Sequence[Blocker]) -> str:
    """The sentence of a filter that has no words of its own for conflicts, of a node that it is about."""
    nodes = {str(row[0]) for row in relations.matching("node_class", {1: each.subjects[-1]})} | {each.subjects[-1]}
    found = [one for one in blockers if one.predicate == each.kind and one.node in nodes]
    if not found:
        return ""
    alike: dict[str, list[Blocker]] = {}
    for one in found:
        alike.setdefault(one.gist, []).append(one)
    return "; ".join(
        group[0].detail if len(group) == 1 else f"{gist} ({', '.join(sorted(one.node for one in group))})"
        for gist, group in alike.items()
    )
