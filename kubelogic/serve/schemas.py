"""Structural schemas of custom resources: fields that they do not have go, fields that are left out get their defaults.

Source: staging/src/k8s.io/apiextensions-apiserver, pkg/apiserver/schema/pruning and defaulting, Kubernetes 1.36.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
_PRESERVES = "x-kubernetes-preserve-unknown-fields"
_EMBEDDED = "x-kubernetes-embedded-resource"
_OWN = ("apiVersion", "kind", "metadata")


def conform(document: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[Json, tuple[str, ...]]:
    """A custom object as it is stored, and the paths of the fields that its schema does not have, sorted.

    Args:
        document: as it was sent.
        schema: the ``openAPIV3Schema`` of its version; an empty one keeps everything.
    """
    if not schema:
        return dict(document), ()
    unknown: list[str] = []
    found = _of(copy.deepcopy(dict(document)), schema, "", unknown, top=True)
    return found, tuple(sorted(unknown))


def _of(value: Any, schema: Mapping[str, Any], path: str, unknown: list[str], *, top: bool = False) -> Any:
    if isinstance(value, list):
        items: Mapping[str, Any] = schema.get("items") or {}
        return [_of(each, items, f"{path}[{index}]", unknown) for index, each in enumerate(value)]
    if not isinstance(value, dict):
        return value
    fields: Mapping[str, Any] = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    own = _OWN if top or schema.get(_EMBEDDED) else ()
    found: Json = {}
    for name, inner in value.items():
        where = f"{path}.{name}" if path else str(name)
        if name in own:
            found[name] = inner
        elif name in fields:
            found[name] = _of(inner, fields[name], where, unknown)
        elif isinstance(others, Mapping):
            found[name] = _of(inner, others, where, unknown)
        elif others or schema.get(_PRESERVES):
            found[name] = inner
        else:
            unknown.append(where)
    for name, field in fields.items():
        if "default" in field and found.get(name) is None and not (name in found and field.get("nullable")):
            found[name] = _of(copy.deepcopy(field["default"]), field, f"{path}.{name}" if path else name, [])
    return found
