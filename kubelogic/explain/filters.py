"""What explanations read of the registry of filters: predicates, words, and the nodes that a rejection is about."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from kubelogic.facts.filters import TABLES
from kubelogic.logic import Row, Rulebook, Value
from kubelogic.logic.terms import PLACEHOLDER

GOALS: tuple[str, ...] = (
    *TABLES,
    "assumption_words",
    "claim_turn",
    "decided_by",
    "holds_back",
    "last_resort",
    "moved_plugin",
    "searched",
    "reports_again",
    "reports_all",
    "reports_first",
    "node",
    "node_class",
    "node_topology",
    "pod_node",
    "pod_shape",
    "pod_pinned",
    "pod_nominated",
    "pod_gate",
    "pod_scheduler",
    "unfiltered",
)
"""The predicates that explanations read, beside those that ``filter`` names."""


class Relations(Protocol):
    """What rules derived. ``kubelogic.logic.Evaluation`` is one."""

    @property
    def rulebook(self) -> Rulebook:
        """The rules that derived it."""

    def rows(self, predicate: str) -> Collection[Row]:
        """All rows of a predicate."""

    def matching(self, predicate: str, values: Mapping[int, Value]) -> Collection[Row]:
        """The rows that have these values in these columns."""


def goals(rulebook: Rulebook) -> list[str]:
    """Every predicate that explanations read, for an evaluation."""
    rejecting = {str(fact.row[2]) for fact in rulebook.facts if fact.predicate == "filter"}
    return sorted({*GOALS, *rejecting})


def switched_off(relations: Relations, shape: str) -> frozenset[tuple[str, str]]:
    """The plugins that the profile of a shape goes without, each with the point at which it does."""
    return frozenset((str(row[1]), str(row[2])) for row in relations.matching("unfiltered", {0: shape}))


def moved(relations: Relations, shape: str) -> dict[tuple[str, str], int]:
    """The places of the plugins that the profile of a shape asks in another order, by plugin and point."""
    rows = relations.matching("moved_plugin", {0: shape})
    return {(str(plugin), str(point)): int(place) for _, plugin, point, place in rows}


def filled(words: str, witness: Mapping[str, Value]) -> str:
    """A filter's words with the values of a witness in them."""
    return PLACEHOLDER.sub(lambda part: str(witness.get(part[1], part[0])), words)


def reached(relations: Relations, scope: str, witness: Mapping[str, Value], nodes: Sequence[str]) -> Iterable[str]:
    """The nodes that a rejection is about."""
    if scope == "all nodes":
        return nodes
    if scope == "domain":
        domain = {1: witness["Key"], 2: witness["Domain"]}
        return (str(row[0]) for row in relations.matching("node_topology", domain))
    if scope == "node":
        return (str(witness["Node"]),)
    return (str(row[0]) for row in relations.matching("node_class", {1: witness["NodeClass"]}))


def fields(relations: Relations, predicate: str, kind: str) -> list[tuple[str, ...]]:
    """The paths of the fields of a Pod or Node that decide what a predicate says, in the order of the rule file."""
    rows = (fact.row for fact in relations.rulebook.facts if fact.predicate == "decided_by")
    return [tuple(str(path).split(".")) for name, of, path in rows if (name, of) == (predicate, kind)]
