"""Conditions of objects: one is set, the others stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object

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


def conditions_with(
    obj: Object, *, now: str, name: str, status: str, reason: str = "", message: str = ""
) -> list[Mapping[str, Any]]:
    """The conditions of an object with one set at ``now``, after the others."""
    present: list[Mapping[str, Any]] = list((obj.document.get("status") or {}).get("conditions") or ())
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
    if obj.kind in _TIMED:
        condition["lastUpdateTime"] = now
    if old is None:
        present.append(condition)
    else:
        present[present.index(old)] = condition
    return present
