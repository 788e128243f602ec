"""Conditions of objects: one is set, the others stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object

NOT_READY = "ContainersNotReady"

Wanted = tuple[str, str, str]
"""A condition's type, status and reason."""

INITIALIZING: tuple[Wanted, ...] = (
    ("PodReadyToStartContainers", "True", ""),
    ("Initialized", "False", "ContainersNotInitialized"),
    ("ContainersReady", "False", NOT_READY),
)
"""What a kubelet says of a pod whose init containers work."""

STARTED: tuple[Wanted, ...] = (
    ("PodReadyToStartContainers", "True", ""),
    ("Initialized", "True", ""),
    ("ContainersReady", "False", NOT_READY),
)
"""What a kubelet says of a pod whose containers start."""

_TIMED = frozenset({"Deployment"})
"""Kinds whose conditions say when they were last updated."""


def put_condition(tx: Transaction, obj: Object, *, name: str, status: str, reason: str = "", message: str = "") -> None:
    """Set a condition of an object, which is as it is by now."""
    conditions = conditions_after(tx, obj, name=name, status=status, reason=reason, message=message)
    tx.set_status(obj, {"conditions": conditions})


def conditions_after(
    tx: Transaction, obj: Object, *, name: str, status: str, reason: str = "", message: str = ""
) -> Sequence[Mapping[str, Any]]:
    """The conditions of an object with one set now; objects with the very same ones share them."""
    return tx.alike(
        (name, status, reason, message, obj.kind),
        ((obj.document.get("status") or {}).get("conditions"),),
        lambda: conditions_with(obj, now=tx.now, name=name, status=status, reason=reason, message=message),
    )


def pod_conditions(
    tx: Transaction, present: Sequence[Mapping[str, Any]] | None, wanted: Sequence[Wanted]
) -> Sequence[Mapping[str, Any]]:
    """The conditions of a pod with several set now, as a kubelet does; pods with the very same ones share them.

    Args:
        tx: says what time it is.
        present: the conditions of the pod by now.
        wanted: what is set.

    Source: pkg/kubelet/status/generate.go.
    """

    def made() -> list[Mapping[str, Any]]:
        found = list(present or ())
        for name, status, reason in wanted:
            found = _with(found, now=tx.now, name=name, status=status, reason=reason)
        return found

    return tx.alike((tuple(wanted), "Pod"), (present,), made)


def conditions_with(
    obj: Object, *, now: str, name: str, status: str, reason: str = "", message: str = ""
) -> list[Mapping[str, Any]]:
    """The conditions of an object with one set at ``now``, after the others."""
    present: list[Mapping[str, Any]] = list((obj.document.get("status") or {}).get("conditions") or ())
    timed = obj.kind in _TIMED
    return _with(present, now=now, name=name, status=status, reason=reason, message=message, timed=timed)


def _with(
    present: list[Mapping[str, Any]],
    *,
    now: str,
    name: str,
    status: str,
    reason: str = "",
    message: str = "",
    timed: bool = False,
) -> list[Mapping[str, Any]]:
    old = next((c for c in present if c.get("type") == name), None)
    condition: dict[str, Any] = {
        "type": name,
        "status": status,
        "lastTransitionTime": old["lastTransitionTime"]
        if old and old.get("status") == status and old.get("lastTransitionTime")
        else now,
    }
    if reason:
        condition["reason"] = reason
    if message:
        condition["message"] = message
    if timed:
        condition["lastUpdateTime"] = now
    if old is None:
        present.append(condition)
    else:
        present[present.index(old)] = condition
    return present
