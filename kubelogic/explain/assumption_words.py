"""What assumptions of a conflict say beyond their fixed words: the pods that are in the way, and who demands it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kubelogic.explain.blockers import Blocker
from kubelogic.explain.filters import Relations
from kubelogic.explain.units import count, some
from kubelogic.placement.placement import Assumption
from kubelogic.placement.problem import Problem

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


def attached(problem: Problem, each: Assumption) -> str:
    """How many volumes of a driver the nodes of a class attach at most, and who is not alone in it; empty if unknown.

    Args:
        problem: the problem that the assumption is about.
        each: an assumption of the kind ``attach`` about a class of nodes and a driver.
    """
    name, driver = each.subjects
    limits = {
        node.name: node.attach_limits[driver]
        for node in problem.nodes
        if node.node_class == name and driver in node.attach_limits
    }
    if not limits:
        return ""
    first, most = min(limits), max(limits.values())
    who = first if len(limits) == 1 else f"each of the {len(limits)} nodes like {first}"
    return f"{who} attaches at most {count(most, 'volume')} of {driver}"


def witnessed(relations: Relations, each: Assumption, predicates: Collection[str], blockers: Sequence[Blocker]) -> str:
    """The sentence of a filter that says itself what it is about, of a node that it is about; empty without one.

    Args:
        relations: what the filter rules derive.
        each: an assumption about nodes of a class.
        predicates: those whose reasons it stands for.
        blockers: what is in the way of the pod that it is about.
    """
    nodes = {str(row[0]) for row in relations.matching("node_class", {1: each.subjects[-1]})} | {each.subjects[-1]}
    found = [one for one in blockers if one.predicate in predicates and one.node in nodes]
    alike: dict[str, list[Blocker]] = {}
    for one in found:
        alike.setdefault(one.gist, []).append(one)
    return "; ".join(
        group[0].detail if len(group) == 1 else f"{some(sorted(one.node for one in group))}: {gist}"
        for gist, group in alike.items()
    )
