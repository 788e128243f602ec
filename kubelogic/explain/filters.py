"""The filter table of the rulebook: which predicates reject, in which order, with which words, and for which nodes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kubelogic.logic import Row, Rulebook, Value

GOALS: tuple[str, ...] = (
    "claim_turn",
    "filter",
    "reports_all",
    "reports_first",
    "node",
    "node_class",
    "node_topology",
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
    rejecting = {str(fact.terms[2]).strip("'") for fact in rulebook.facts if fact.predicate == "filter"}
    return sorted({*GOALS, *rejecting})


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Filter:
    """One row of the filter table (``rules/scheduling/feasibility.dl``)."""

    stage: int
    place: int
    plugin: str
    predicate: str
    scope: str
    words: str


def filters(relations: Relations) -> list[Filter]:
    """The filter table, in the scheduler's order."""
    return sorted(
        Filter(
            stage=int(stage),
            place=int(place),
            plugin=str(plugin),
            predicate=str(predicate),
            scope=str(scope),
            words=str(words),
        )
        for stage, plugin, predicate, scope, _, words, place in relations.rows("filter")
    )


def switched_off(relations: Relations, shape: str) -> frozenset[tuple[str, str]]:
    """The plugins that the profile of a shape goes without, each with the point at which it does."""
    return frozenset((str(row[1]), str(row[2])) for row in relations.matching("unfiltered", {0: shape}))


def point_of(each: Filter) -> str:
    """Where a filter acts."""
    return "preFilter" if each.scope in ("everywhere", "before") else "filter"


def filled(words: str, witness: Mapping[str, Value]) -> str:
    """A filter's words with the values of a witness in them."""
    for name, value in witness.items():
        words = words.replace("{" + name + "}", str(value))
    return words


def reached(relations: Relations, scope: str, witness: Mapping[str, Value], nodes: Sequence[str]) -> Iterable[str]:
    """The nodes that a rejection is about."""
    if scope == "all nodes":
        return nodes
    if scope == "domain":
        domain = {1: witness["Key"], 2: witness["Domain"]}
        return (str(row[0]) for row in relations.matching("node_topology", domain))
    if "NodeClass" in witness:
        return (str(row[0]) for row in relations.matching("node_class", {1: witness["NodeClass"]}))
    return (str(witness["Node"]),)
