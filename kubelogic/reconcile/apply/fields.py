"""Plain changes of any object: fields that are set, and objects that are made of fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from kubelogic.apiserver.posting import change, post
from kubelogic.apiserver.transaction import Transaction
from kubelogic.logic import Row
from kubelogic.reconcile.actions import Action
from kubelogic.reconcile.object_actions import CreateObject, SetField
from kubelogic.reconcile.refusals import note_own, subject_of


def set_fields(tx: Transaction, action: SetField) -> None:
    posted = change(tx, action.kind, action.key, nested(action.rows))
    if posted is not None:
        note_own(tx, posted, subject=subject_of(action))


def create_object(tx: Transaction, action: CreateObject) -> None:
    if tx.get(action.kind, action.key) is not None:
        return
    document = nested(action.rows)
    version = str(document.get("apiVersion") or "v1")
    posted = post(tx, api_version=version, kind=action.kind, key=action.key, document=document)
    note_own(tx, posted, subject=subject_of(action))


def nested(rows: Iterable[Row]) -> dict[str, Any]:
    """The document of some fields, each by its JSON pointer through mappings.

    >>> nested([("/spec/replicas", 2), ("/metadata/annotations/a.io~1b", "c")])
    {'metadata': {'annotations': {'a.io/b': 'c'}}, 'spec': {'replicas': 2}}
    """
    document: dict[str, Any] = {}
    for pointer, value in sorted(rows):
        *path, last = [part.replace("~1", "/").replace("~0", "~") for part in str(pointer).split("/")[1:]]
        place = document
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return document


APPLIERS: Mapping[type[Action], Callable[[Transaction, Any], None]] = MappingProxyType(
    {SetField: set_fields, CreateObject: create_object}
)
