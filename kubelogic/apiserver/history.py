"""``kubectl rollout undo`` of a StatefulSet or DaemonSet: the template that a ControllerRevision remembers is put back.

Source: staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollback.go, StatefulSetRollbacker.Rollback,
DaemonSetRollbacker.Rollback, findHistory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.apiserver import requests
from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.patches.strategic import strategic_merge
from kubelogic.apiserver.requests import Outcome
from kubelogic.cluster import Object
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.cluster.state import State
from kubelogic.facts.quota_costs import plural_of


def undo_revision(state: State, kind: str, key: str, revision: int = 0) -> Outcome:
    """Put the template of an earlier revision back.

    Args:
        state: before the request.
        kind: ``StatefulSet`` or ``DaemonSet``.
        key: its key.
        revision: its number; 0 for the second newest.

    Returns:
        The state after it. Refused, in kubectl's words, if there is no such revision; nothing is changed, and the
        answer says so, if the template is the present one.
    """
    obj = state.cluster.get(kind, key)
    if obj is None:
        message = f'{plural_of(kind)} "{key.rpartition("/")[2]}" not found'
        return Outcome(state=state, answer=Status(status=404, reason="NotFound", message=message))
    history = sorted(
        (each for each in state.cluster.objects("ControllerRevision").values() if _is_of(each, obj)), key=_number
    )
    if revision == 0 and len(history) <= 1:
        return _refused(state, "no last revision to roll back to")
    found = history[-2] if revision == 0 else next((each for each in history if _number(each) == revision), None)
    if found is None:
        return _refused(state, f"unable to find specified revision {revision} in history")
    change: Mapping[str, Any] = found.document.get("data") or {}
    if strategic_merge(obj.document, change) == obj.document:
        message = f"skipped rollback (current template already matches revision {revision})"
        return Outcome(state=state, answer=Status(status=200, message=message))
    return requests.strategic_patch(state, kind, key, change)


def _number(revision: Object) -> int:
    return int(revision.document.get("revision") or 0)


def _is_of(revision: Object, owner: Object) -> bool:
    return any(
        reference.get("controller") and reference.get("uid") == uid_of(owner)
        for reference in metadata(revision).get("ownerReferences") or ()
    )


def _refused(state: State, message: str) -> Outcome:
    return Outcome(state=state, answer=Status(status=400, reason="BadRequest", message=message))
