"""The older OpenAPI document in protobuf, which kubectl asks for before it sends a List: which requests are validated.

Only paths that are patched are in it, with their kind and query parameters.

Source: github.com/google/gnostic-models, openapiv2/OpenAPIv2.proto (field numbers); k8s.io/cli-runtime, pkg/resource/
query_param_verifier.go (what kubectl reads of it).
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from kubelogic.serve.resources import Resource

MEDIA = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
"""What clients ask for; ``@`` is not allowed in the type of an answer, so that has another."""

ANSWER = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force")


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _field(number: int, value: bytes | str) -> bytes:
    """A field whose value is text or a message."""
    raw = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def _parameter(name: str) -> bytes:
    query = _field(2, "query") + _field(4, name) + _field(6, "string")
    return _field(1, _field(2, _field(3, query)))


def _patch(resource: Resource) -> bytes:
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    mark = _field(1, "x-kubernetes-group-version-kind") + _field(2, _field(2, json.dumps(kind)))
    parameters = b"".join(_field(8, _parameter(name)) for name in _PARAMETERS)
    return _field(5, f"patch{resource.kind}") + parameters + _field(13, mark)


def document(resources: Iterable[Resource], version: str) -> bytes:
    """The document."""
    paths = b""
    for each in resources:
        if "patch" not in each.verbs:
            continue
        root = f"/apis/{each.group}/{each.version}" if each.group else f"/api/{each.version}"
        place = "/namespaces/{namespace}" if each.namespaced else ""
        item = _field(1, f"{root}{place}/{each.plural}/{{name}}") + _field(2, _field(8, _patch(each)))
        paths += _field(2, item)
    info = _field(1, "Kubernetes") + _field(2, version)
    return _field(1, "2.0") + _field(2, info) + _field(8, paths)
