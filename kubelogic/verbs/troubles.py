"""What is not well at the end of a run: failed Jobs, pods that cannot run, namespaces that cannot end, and the like."""

from __future__ import annotations

from collections.abc import Iterable

from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.logic import Evaluation, Row, Rulebook
from kubelogic.reconcile.relations import Relations
from kubelogic.verbs.results import Trouble

TROUBLE = "trouble"
"""The predicate of ``rules/troubles.dl``."""


def troubles(book: Rulebook, before: Cluster, after: Cluster, relations: Evaluation) -> tuple[Trouble, ...]:
    """Everything that the rules call a trouble, by kind, key and reason.

    Args:
        book: the rules.
        before: the cluster as it was given; a trouble that it had already is not new.
        after: the cluster at the end, for the places of the objects.
        relations: what the rules derive at the end, for at least the goal ``trouble``.
    """
    found = _about(relations.rows(TROUBLE))
    if not found:
        return ()
    known = set(_about(Relations.of(book, State.of(before), [TROUBLE]).rows(TROUBLE)))
    told = []
    for kind, key, reason, message in found:
        obj = after.get(kind, key)
        place = obj.origin.locate(("metadata", "name")) if obj is not None and obj.origin is not None else None
        new = (kind, key, reason, message) not in known
        told.append(Trouble(kind=kind, key=key, reason=reason, message=message, new=new, location=place))
    return tuple(told)


def _about(rows: Iterable[Row]) -> list[tuple[str, str, str, str]]:
    return sorted((str(kind), str(key), str(reason), str(message)) for kind, key, reason, message in rows)
