"""Proposals about spread constraints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubelogic.explain.proposals.case import Candidate, Case, Document, Edit, Operation, by_app, labels_of, taints_of
from kubelogic.explain.proposals.patches import dig, put, remove
from kubelogic.explain.units import count

_CONSTRAINTS = ("spec", "topologySpreadConstraints")
_BY_AFFINITY = ("rejects_node_selector", "rejects_node_affinity", "rejects_empty_term")
"""What makes a node one that a constraint does not count, unless it ignores the affinity to nodes."""


def spread(case: Case) -> Iterator[Candidate]:
    """Let a constraint count other nodes, allow more, know fewer domains, or be a wish."""
    kinds = ("rejects_spread", "rejects_spread_key", "rejects_spread_promised")
    found = [blocker for kind in kinds for blocker in case.about(kind)]
    constraints = dig(case.pod.document, _CONSTRAINTS) or ()
    for index in sorted({int(blocker.witness["Index"]) for blocker in found}):
        if index >= len(constraints):  # one of the cluster's own constraints: nobody wrote it
            continue
        constraint = constraints[index]
        which = _which(constraint, index)
        if constraint.get("nodeAffinityPolicy", "Honor") != "Honor" and case.outside(*_BY_AFFINITY):
            what = f"let {which} count only nodes that the pod asks for (nodeAffinityPolicy: Honor)"
            yield by_app("affinity policy", 2, what, put((*_CONSTRAINTS, index, "nodeAffinityPolicy"), "Honor"))
        if constraint.get("nodeTaintsPolicy", "Ignore") != "Honor" and _is_tainted(case):
            what = f"let {which} leave out nodes with taints (nodeTaintsPolicy: Honor)"
            yield by_app("taints policy", 2, what, put((*_CONSTRAINTS, index, "nodeTaintsPolicy"), "Honor"))
        yield from _fewer_domains(case, constraint, index)
        yield from _more_skew(found, constraint, index)
        yield by_app("spread", 4, f"make {which} a wish (ScheduleAnyway)", _as_a_wish(index), subject=str(index))


def _which(constraint: Any, index: int) -> str:
    return f"spread constraint {index} ({constraint['topologyKey']})"


def _is_tainted(case: Case) -> bool:
    return any(
        taint.get("effect") in ("NoSchedule", "NoExecute") for _, node in case.nodes() for taint in taints_of(node)
    )


def _fewer_domains(case: Case, constraint: Any, index: int) -> Iterator[Candidate]:
    """Ask for as many domains as there are on the nodes that count."""
    least = int(constraint.get("minDomains") or 1)
    uncounted = case.outside(*_BY_AFFINITY) if constraint.get("nodeAffinityPolicy", "Honor") == "Honor" else set()
    if constraint.get("nodeTaintsPolicy", "Ignore") == "Honor":
        uncounted |= case.outside("rejects_taint")
    labels = [labels_of(node) for name, node in case.nodes() if name not in uncounted]
    there = {each[key] for each in labels if (key := constraint["topologyKey"]) in each}
    if 0 < len(there) < least:
        what = f"let {_which(constraint, index)} ask for {count(len(there), 'domain')} instead of {least} (minDomains)"
        yield by_app("domains", 3, what, put((*_CONSTRAINTS, index, "minDomains"), len(there)))


def _more_skew(found: Any, constraint: Any, index: int) -> Iterator[Candidate]:
    now = int(constraint["maxSkew"])
    needed = sorted(
        {
            int(blocker.witness["Count"]) + 1 - int(blocker.witness["Least"])
            for blocker in found
            if "Count" in blocker.witness and int(blocker.witness["Index"]) == index
        }
    )
    for skew in sorted({now + 1, *needed})[:3]:
        if skew > now:
            yield by_app(
                "skew",
                3 + (skew > now + 1),
                f"allow a skew of {skew} instead of {now} in {_which(constraint, index)}",
                put((*_CONSTRAINTS, index, "maxSkew"), skew),
                subject=str(index),
            )


def _as_a_wish(index: int) -> Edit:
    """ScheduleAnyway; a number of domains goes only with DoNotSchedule. Source: validateMinDomains."""

    def edit(document: Document) -> list[Operation]:
        path = (*_CONSTRAINTS, index)
        if dig(document, path) is None:
            return []
        operations: list[Operation] = []
        if dig(document, (*path, "minDomains")) is not None:
            operations.append(remove((*path, "minDomains")))
        return [*operations, *put((*path, "whenUnsatisfiable"), "ScheduleAnyway")(document)]

    return edit
