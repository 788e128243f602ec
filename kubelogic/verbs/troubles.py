"""What is not well at the end of a run: failed Jobs, pods that cannot run, namespaces that cannot end, and the like."""

from __future__ import annotations

from collections.abc import Collection

from kubelogic.cluster import Cluster, Object
from kubelogic.kinds.evidence import is_stored
from kubelogic.logic import Evaluation, Row
from kubelogic.verbs.missing_owners import unprinted_target
from kubelogic.verbs.results import Trouble
from kubelogic.verbs.standing import STRANDED, stranded

TROUBLE = "trouble"
"""The predicate of ``rules/troubles.dl``."""
_LACKING = frozenset({STRANDED, "PodTerminating"})
"""Reasons for which a pod that is wanted is there for nobody: it is missed as a pending one is, new or not."""
_NO_SCALE = ("HorizontalPodAutoscaler", "FailedGetScale")


def troubles(known: Collection[Row], before: Cluster, after: Cluster, relations: Evaluation) -> tuple[Trouble, ...]:
    """Everything that the rules call a trouble, and pods on nodes that are not well, by kind, key and reason.

    Args:
        known: the troubles at the beginning; one that an object of a cluster had already is not new.
        before: the cluster as it was read.
        after: the cluster at the end, for the places of the objects.
        relations: what the rules derive at the end, for at least the goal ``trouble``.
    """
    told = []
    for kind, key, reason, message in sorted(tuple(map(str, row)) for row in relations.rows(TROUBLE)):
        obj, old = after.get(kind, key), before.get(kind, key)
        if (kind, reason) == _NO_SCALE and old is not None and unprinted_target(before, old):
            continue  # that is not known (``missing_targets``)
        place = obj.place() if obj is not None else None
        new = (kind, key, reason, message) not in known or not _is_printed(old)
        told.append(Trouble(kind=kind, key=key, reason=reason, message=message, new=new, location=place))
    named = {(each.kind, each.key) for each in told}
    told += (each for each in stranded(before, after) if (each.kind, each.key) not in named)
    return tuple(sorted(told, key=lambda each: (each.kind, each.key, each.reason, each.message)))


def counts(trouble: Trouble) -> bool:
    """Whether a trouble makes an answer no: it is new, or a pod is lacking for it."""
    return trouble.new or trouble.reason in _LACKING


def _is_printed(obj: Object | None) -> bool:
    """Whether a cluster printed an object, which then had its trouble there; nodes that people write have a status."""
    if obj is None or obj.kind != "Node":
        return obj is None or is_stored(obj.document)
    return is_stored({"metadata": obj.document.get("metadata")})
