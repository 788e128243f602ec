"""Plain changes of any object: fields that are set, and objects that are made of fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.posting import Posted, change, submit
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.logic import Row
from kubelogic.patterns import regex
from kubelogic.reconcile import object_actions
from kubelogic.reconcile.refusals import note_own, subject_of

_ITEM = regex(r"\[[0-9]{1,4}\]")


def set_field(tx: Transaction, action: object_actions.SetField) -> None:
    """Change fields of an object that may be gone by now."""
    try:
        posted = change(tx, action.kind, action.key, nested(action.rows))
    except PointerError as error:
        posted = _malformed(tx, action, error)
    if posted is not None:
        note_own(tx, posted, subject=subject_of(action))


def create_object(tx: Transaction, action: object_actions.CreateObject) -> None:
    """Make an object; it is refused where it is there."""
    try:
        document = nested(action.rows)
    except PointerError as error:
        posted = _malformed(tx, action, error)
    else:
        version = str(document.get("apiVersion") or "v1")
        posted = submit(tx, api_version=version, kind=action.kind, key=action.key, document=document)
    note_own(tx, posted, subject=subject_of(action))


def _malformed(tx: Transaction, action: object_actions.SetField, error: PointerError) -> Posted:
    namespace, _, name = action.key.rpartition("/")
    obj = Object(api_version="", kind=action.kind, namespace=namespace, name=name, document={})
    tx.undone = True
    return Posted(obj=obj, refusal=Status(status=400, reason="BadRequest", message=str(error)))


class PointerError(ValueError):
    """A path that is no JSON pointer, or that leads into what another path gives a value."""


def nested(rows: Iterable[Row]) -> dict[str, Any]:
    """The document of some fields, each by its JSON pointer through mappings.

    ``[N]`` is an item of a list, which is written as a whole.

    >>> nested([("/spec/replicas", 2), ("/metadata/annotations/a.io~1b", "c")])
    {'metadata': {'annotations': {'a.io/b': 'c'}}, 'spec': {'replicas': 2}}
    >>> nested([("/status/ingress/[0]/ip", "192.0.2.1")])
    {'status': {'ingress': [{'ip': '192.0.2.1'}]}}

    Raises:
        PointerError: a path is none, or two of them cannot both be.
    """
    document: dict[str, Any] = {}
    for pointer, value in sorted(rows, key=lambda row: (str(row[0]), str(row[1]))):
        if not str(pointer).startswith("/"):
            raise PointerError(f"the path {str(pointer)!r} is no JSON pointer: it begins with /, as in /spec/replicas")
        *path, last = [part.replace("~1", "/").replace("~0", "~") for part in str(pointer).split("/")[1:]]
        place = document
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise PointerError(f"the path {str(pointer)!r} leads into what another path gives a value")
        if last in place:
            raise PointerError(f"the path {str(pointer)!r} is given two values")
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
