"""Which fields a manager owns, as ``managedFields`` writes it.

A set of fields is a mapping: ``f:NAME`` for a field, ``k:{...}`` for the item of a list with these keys, ``v:...`` for
a value of a set, ``.`` for the thing itself; each holds the set below it.

Source: sigs.k8s.io/structured-merge-diff, typed/tofieldset.go, fieldpath/serialize.go; k8s.io/client-go,
util/csaupgrade/upgrade.go of Kubernetes 1.36.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubelogic.apiserver.patches.client_side import LAST_APPLIED
from kubelogic.apiserver.patches.errors import PatchError
from kubelogic.kinds.merging import Topology, code_of, element_type, is_atomic, key_default, topology, type_of

FieldSet = dict[str, Any]

MEMBER = "."
_ATOMIC = Topology(shape="atomic")
_GRANULAR = Topology(shape="granular")
DEDUCED = "?"
"""The code of what no table describes: mappings merge field by field, lists are replaced."""

_CUSTOM = "?object"
_CLIENT_SIDE = "kubectl-client-side-apply"
_NOTE = f"f:{LAST_APPLIED}"
_IDENTITY = frozenset({"f:apiVersion", "f:kind"})


def code_of_object(document: Mapping[str, Any]) -> str:
    """The code of a whole object; of one of a kind that no table has, it is deduced but for the metadata.

    >>> code_of_object({"apiVersion": "v1", "kind": "Pod"}), code_of_object({"apiVersion": "a.io/v1", "kind": "B"})
    ('@Pod', '?object')
    """
    found = type_of(document)
    return f"@{found}" if found else _CUSTOM


def shape_of(code: str) -> Topology:
    """How a value merges that is an item of a list or mapping: what its type says."""
    if code.startswith("@"):
        return _ATOMIC if is_atomic(element_type(code)) else _GRANULAR
    return _GRANULAR if code.startswith(("{", DEDUCED)) else _ATOMIC


def inner(code: str, key: str) -> tuple[str, Topology]:
    """What a field of a mapping holds, and how it merges."""
    if code.startswith(DEDUCED):
        return ("@ObjectMeta" if code == _CUSTOM and key == "metadata" else DEDUCED), _GRANULAR
    if code.startswith("{"):
        return code[1:], shape_of(code[1:])
    type_name = element_type(code)
    return code_of(type_name, key), topology(type_name, key)


def elements(items: Sequence[Any], code: str, shape: Topology, *, strict: bool) -> list[tuple[str, Any]]:
    """The items of a list, each with its name in a set of fields.

    Args:
        items: of a list of shape ``map`` or ``set``.
        code: what the list holds.
        shape: of the list.
        strict: refuse items that have no name or have it twice; else these are told apart by nothing.

    Raises:
        PatchError: strict, and an item lacks all keys, or two have the same name.
    """
    found: list[tuple[str, Any]] = []
    seen: set[str] = set()
    for index, item in enumerate(items):
        name = _name(item, code, shape)
        if name is None:
            if strict:
                keys = ", ".join(shape.keys)
                message = f"element {index}: associative list with keys has an element that omits {keys}"
                raise PatchError(message, status=422)
            name = f"i:{index}"
        if strict and name in seen:
            raise PatchError(f"duplicate entries for key {name[2:]}", status=422)
        seen.add(name)
        found.append((name, item))
    return found


def _name(item: Any, code: str, shape: Topology) -> str | None:
    if shape.shape == "set":
        return None if isinstance(item, dict | list) else "v:" + _text(item)
    if not isinstance(item, dict):
        return None
    type_name = element_type(code)
    keys = {}
    for key in shape.keys:
        value = item.get(key)
        if value is None:
            value = key_default(type_name, key)
        if value is not None:
            keys[key] = value
    return "k:" + _text(keys) if keys else None


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def field_set(document: Mapping[str, Any], code: str) -> FieldSet:
    """The fields that an applied document sets: all but its identity.

    >>> field_set({"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}}, "@ConfigMap")
    {'f:data': {'f:x': {}}}
    """
    found = _below(document, code, _GRANULAR)
    for name in _IDENTITY:
        found.pop(name, None)
    about = {key: value for key, value in found.pop("f:metadata", {}).items() if key not in ("f:name", "f:namespace")}
    if about:
        found["f:metadata"] = about
    return {name: found[name] for name in sorted(found)}


def _below(value: Any, code: str, shape: Topology) -> FieldSet:
    found: FieldSet = {}
    if shape.shape == "granular" and isinstance(value, dict):
        for key, each in value.items():
            inside, its = inner(code, key)
            child = _below(each, inside, its)
            if child or its.shape not in ("map", "set") or each is None:
                found[f"f:{key}"] = child
    elif shape.shape in ("map", "set") and isinstance(value, list):
        for name, each in elements(value, code, shape, strict=False):
            child = _below(each, code[1:], shape_of(code[1:]))
            found[name] = {MEMBER: {}, **child} if child else {}
    return {name: found[name] for name in sorted(found)}


def joined(left: FieldSet, right: FieldSet) -> FieldSet:
    """The union of two sets of fields."""
    result = dict(left)
    for name, below in right.items():
        result[name] = joined(result[name], below) if name in result else below
    return result


def managers(live: Mapping[str, Any], manager: str) -> tuple[FieldSet | None, FieldSet]:
    """What a manager has applied, and what the others own, by the object's ``managedFields``.

    Owned by kubectl is also what its client-side apply has set. The first is None if nothing tells.
    """
    mine: FieldSet | None = None
    others: FieldSet = {}
    for entry in _entries(live):
        fields = entry["fieldsV1"]
        if _is_mine(entry, fields, manager):
            mine = joined(mine or {}, _without_note(fields))
        else:
            others = joined(others, fields)
    return mine, others


def _without_note(fields: Mapping[str, Any]) -> FieldSet:
    """A set of fields without kubectl's annotation, which the server itself keeps up to date."""
    about = dict(fields.get("f:metadata") or {})
    annotations = {key: below for key, below in about.pop("f:annotations", {}).items() if key != _NOTE}
    if set(annotations) - {MEMBER}:
        about["f:annotations"] = annotations
    rest = {name: below for name, below in fields.items() if name != "f:metadata"}
    return {**rest, "f:metadata": about} if about else rest


def _entries(live: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for entry in (live.get("metadata") or {}).get("managedFields") or ():
        if isinstance(entry, Mapping) and isinstance(entry.get("fieldsV1"), Mapping):
            yield entry


def _is_mine(entry: Mapping[str, Any], fields: Mapping[str, Any], manager: str) -> bool:
    if entry.get("subresource"):
        return False
    if entry.get("operation") == "Apply":
        return bool(entry.get("manager") == manager)
    annotations = (fields.get("f:metadata") or {}).get("f:annotations") or {}
    migrated = entry.get("manager") == _CLIENT_SIDE or _NOTE in annotations
    return manager == "kubectl" and migrated
