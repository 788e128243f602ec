"""Plain changes of any object: fields that are set, and objects that are made of fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubelogic.apiserver.posting import change, post
from kubelogic.apiserver.transaction import Transaction
from kubelogic.logic import Row
from kubelogic.patterns import regex
from kubelogic.reconcile import object_actions
from kubelogic.reconcile.refusals import note_own, subject_of

_ITEM = regex(r"\[[0-9]{1,4}\]")


def set_field(tx: Transaction, action: object_actions.SetField) -> None:
    posted = change(tx, action.kind, action.key, nested(action.rows))
    if posted is not None:
        note_own(tx, posted, subject=subject_of(action))


def create_object(tx: Transaction, action: object_actions.CreateObject) -> None:
    if tx.get(action.kind, action.key) is not None:
        return
    document = nested(action.rows)
    version = str(document.get("apiVersion") or "v1")
    posted = post(tx, api_version=version, kind=action.kind, key=action.key, document=document)
    note_own(tx, posted, subject=subject_of(action))


def nested(rows: Iterable[Row]) -> dict[str, Any]:
    """The document of some fields, each by its JSON pointer through mappings.

    ``[N]`` is an item of a list, which is written as a whole.

    >>> nested([("/spec/replicas", 2), ("/metadata/annotations/a.io~1b", "c")])
    {'metadata': {'annotations': {'a.io/b': 'c'}}, 'spec': {'replicas': 2}}
    >>> nested([("/status/ingress/[0]/ip", "192.0.2.1")])
    {'status': {'ingress': [{'ip': '192.0.2.1'}]}}
    """
    document: dict[str, Any] = {}
    for pointer, value in sorted(rows):
        *path, last = [part.replace("~1", "/").replace("~0", "~") for part in str(pointer).split("/")[1:]]
        place = document
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    listed: dict[str, Any] = _with_lists(document)
    return listed


def _with_lists(value: Any) -> Any:
    """A tree in which mappings of ``[N]`` are lists."""
    if not isinstance(value, dict):
        return value
    items = {key: _with_lists(each) for key, each in value.items()}
    if items and all(_ITEM.fullmatch(key) for key in items):
        return [items[key] for key in sorted(items, key=lambda key: int(key[1:-1]))]
    return items
