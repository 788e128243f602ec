"""What is not well at the end of a run: failed Jobs, pods that cannot run, namespaces that cannot end, and the like."""

from __future__ import annotations

from collections.abc import Collection

from kubelogic.cluster import Cluster
from kubelogic.logic import Evaluation, Row
from kubelogic.verbs.results import Trouble

TROUBLE = "trouble"
"""The predicate of ``rules/troubles.dl``."""


def troubles(known: Collection[Row], after: Cluster, relations: Evaluation) -> tuple[Trouble, ...]:
    """Everything that the rules call a trouble, by kind, key and reason.

    Args:
        known: the troubles at the beginning; one that was there already is not new.
        after: the cluster at the end, for the places of the objects.
        relations: what the rules derive at the end, for at least the goal ``trouble``.
    """
    told = []
    for kind, key, reason, message in sorted(tuple(map(str, row)) for row in relations.rows(TROUBLE)):
        obj = after.get(kind, key)
        place = obj.origin.locate(("metadata", "name")) if obj is not None and obj.origin is not None else None
        new = (kind, key, reason, message) not in known
        told.append(Trouble(kind=kind, key=key, reason=reason, message=message, new=new, location=place))
    return tuple(told)
