"""The older OpenAPI document in protobuf: kubectl asks for it before it sends a List, and to explain in the old form.

Of the paths only those that are patched are in it, with their kind and query parameters: that is how clients find out
which requests are validated.

Source: github.com/google/gnostic-models, openapiv2/OpenAPIv2.proto (field numbers); k8s.io/cli-runtime, pkg/resource/
query_param_verifier.go and k8s.io/kube-openapi, pkg/util/proto/document.go (what kubectl reads of it).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

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


def _any(value: Any) -> bytes:
    """A value of any form, as YAML."""
    return _field(2, json.dumps(value))


def _extension(name: str, value: Any) -> bytes:
    return _field(1, name) + _field(2, _any(value))


def _patch(resource: Resource) -> bytes:
    mark = _extension("x-kubernetes-group-version-kind", resource.type_meta)
    parameters = b"".join(_field(8, _parameter(name)) for name in _PARAMETERS)
    return _field(5, f"patch{resource.kind}") + parameters + _field(13, mark)


def _schema(schema: Mapping[str, Any]) -> bytes:
    """A schema, with what readers of types need: no bounds, patterns, or alternatives."""
    found = b""
    reference = schema.get("$ref")
    if reference is None and len(schema.get("allOf") or ()) == 1:
        reference = schema["allOf"][0].get("$ref")
    texts = ((1, reference), (2, schema.get("format")), (4, schema.get("description")))
    for number, text in texts:
        if text:
            found += _field(number, str(text))
    for name in schema.get("required") or ():
        found += _field(19, str(name))
    for value in schema.get("enum") or ():
        found += _field(20, _any(value))
    others = schema.get("additionalProperties")
    if isinstance(others, Mapping):
        found += _field(21, _field(1, _schema(others)))
    if schema.get("type"):
        found += _field(22, _field(1, str(schema["type"])))
    if isinstance(schema.get("items"), Mapping):
        found += _field(23, _field(1, _schema(schema["items"])))
    if isinstance(schema.get("properties"), Mapping):
        inner = b"".join(_named(name, each) for name, each in schema["properties"].items() if isinstance(each, Mapping))
        found += _field(25, inner)
    for name, value in schema.items():
        if name.startswith("x-"):
            found += _field(31, _extension(name, value))
    return found


def _named(name: str, schema: Mapping[str, Any]) -> bytes:
    return _field(1, _field(1, name) + _field(2, _schema(schema)))


def document(resources: Iterable[Resource], plain: Mapping[str, Any]) -> bytes:
    """The document.

    Args:
        resources: what is served.
        plain: the same document as JSON, for its version and definitions.
    """
    paths = b""
    for each in resources:
        if "patch" not in each.verbs:
            continue
        place = "/namespaces/{namespace}" if each.namespaced else ""
        item = _field(1, f"/{each.path}{place}/{each.plural}/{{name}}") + _field(2, _field(8, _patch(each)))
        paths += _field(2, item)
    info = _field(1, str(plain["info"]["title"])) + _field(2, str(plain["info"]["version"]))
    definitions = b"".join(_named(name, each) for name, each in plain["definitions"].items())
    return _field(1, "2.0") + _field(2, info) + _field(8, paths) + _field(9, definitions)
