"""Changing documents without touching the old ones: what changes is copied, the rest is shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from kubelogic.cluster.objects import Document, Object

_GONE = object()


def with_fields(document: Document, path: Sequence[str], fields: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``document`` in which the mapping at ``path`` (made if absent) has ``fields``; None removes one.

    >>> with_fields({"spec": {"a": 1, "b": 2}}, ["spec"], {"a": 3, "b": None})
    {'spec': {'a': 3}}
    """
    result = part = dict(document)
    for step in path:
        present = part.get(step)
        inner = dict(present) if isinstance(present, dict) else {}
        part[step] = inner
        part = inner
    for name, value in fields.items():
        if value is None:
            part.pop(name, None)
        else:
            part[name] = value
    return result


def merge_patch(document: Any, patch: Any) -> Any:
    """JSON merge patch. Source: RFC 7386.

    >>> merge_patch({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": 3}})
    {'a': {'c': 2, 'd': 3}}
    """
    if not isinstance(patch, Mapping):
        return patch
    result = dict(document) if isinstance(document, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name, _GONE), value)
    return result


def with_document(obj: Object, document: Document) -> Object:
    """The object with another document of the same identity."""
    return replace(obj, document=document)


def edited(obj: Object, path: Sequence[str], fields: Mapping[str, Any]) -> Object:
    """The object with ``fields`` set in the mapping at ``path`` of its document; None removes a field."""
    return replace(obj, document=with_fields(obj.document, path, fields))


def metadata(obj: Object) -> Mapping[str, Any]:
    """The metadata of an object's document."""
    found: Mapping[str, Any] = obj.document.get("metadata") or {}
    return found


def uid_of(obj: Object) -> str:
    """The uid of an object, or a stand-in that is unique among living objects if its document has none."""
    return str(metadata(obj).get("uid") or f"{obj.kind}:{obj.key}")


def is_being_deleted(obj: Object) -> bool:
    """Whether an object waits for its grace period or finalizers to go."""
    return bool(metadata(obj).get("deletionTimestamp"))
