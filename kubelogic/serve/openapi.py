"""OpenAPI documents from the tables of kinds: types, merge keys, list types, enumerations; descriptions where they are
installed (``descriptions``).

Source: the form of k8s.io/kube-openapi, pkg/builder3; of the documents of Kubernetes 1.36 under api/openapi-spec/v3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from kubelogic.kinds.enumerations import values_of
from kubelogic.kinds.merging import element_type, patch_rule, topology
from kubelogic.kinds.table import fields_of
from kubelogic.kinds.wire import package_of
from kubelogic.serve import openapi_v2
from kubelogic.serve.cluster import Served
from kubelogic.serve.custom import schema_of
from kubelogic.serve.descriptions import Described, described, with_values
from kubelogic.serve.messages import Reply, Request
from kubelogic.serve.resources import Resource, built_in
from kubelogic.serve.statuses import no_such_resource

Json = dict[str, Any]

_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_SCALARS: Mapping[str, Json] = {
    "s": {"type": "string"},
    "i": {"type": "integer", "format": "int32"},
    "l": {"type": "integer", "format": "int64"},
    "f": {"type": "number", "format": "double"},
    "b": {"type": "boolean"},
    "y": {"type": "string", "format": "byte"},
    "o": {"type": "object"},
    "*": {"type": "object"},
}
_NAMED: Mapping[str, tuple[str, Json]] = {
    "q": ("io.k8s.apimachinery.pkg.api.resource.Quantity", {"oneOf": [{"type": "string"}, {"type": "number"}]}),
    "x": (
        "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
        {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
    ),
    "t": (f"{_META}.Time", {"type": "string", "format": "date-time"}),
    "T": (f"{_META}.MicroTime", {"type": "string", "format": "date-time"}),
}
_EXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1"
_RAW = "io.k8s.apimachinery.pkg.runtime.RawExtension"
_OPAQUE: Mapping[tuple[str, str], str] = {
    ("AllocatedDeviceStatus", "data"): _RAW,
    ("ControllerRevision", "data"): _RAW,
    ("CustomResourceSubresources", "status"): f"{_EXTENSIONS}.CustomResourceSubresourceStatus",
    ("JSONSchemaProps", "additionalItems"): f"{_EXTENSIONS}.JSONSchemaPropsOrBool",
    ("JSONSchemaProps", "additionalProperties"): f"{_EXTENSIONS}.JSONSchemaPropsOrBool",
    ("JSONSchemaProps", "default"): f"{_EXTENSIONS}.JSON",
    ("JSONSchemaProps", "dependencies"): f"{_EXTENSIONS}.JSONSchemaPropsOrStringArray",
    ("JSONSchemaProps", "enum"): f"{_EXTENSIONS}.JSON",
    ("JSONSchemaProps", "example"): f"{_EXTENSIONS}.JSON",
    ("JSONSchemaProps", "items"): f"{_EXTENSIONS}.JSONSchemaPropsOrArray",
    ("ManagedFieldsEntry", "fieldsV1"): f"{_META}.FieldsV1",
    ("OpaqueDeviceConfiguration", "parameters"): _RAW,
}
"""The types of fields whose fields are in no table."""


def answer(served: Served, request: Request, path: str) -> Reply | None:
    """The reply to a question for an OpenAPI document; None if it is another question."""
    if request.method not in ("GET", "HEAD") or not path.startswith("/openapi/"):
        return None
    known = served.resources()
    if path == "/openapi/v3":
        return Reply(body=_index(known))
    if path == "/openapi/v2" and openapi_v2.MEDIA in request.accept:
        return Reply(body=openapi_v2.document(known, version_2(known)), content_type=openapi_v2.ANSWER)
    if path == "/openapi/v2":
        return Reply(body=version_2(known))
    if path.startswith("/openapi/v3/"):
        name = path.removeprefix("/openapi/v3/")
        if name in _groups(known):
            return Reply(body=_document(name, known))
    raise no_such_resource()


def _groups(resources: Iterable[Resource]) -> list[str]:
    return sorted({each.path for each in resources})


def _index(resources: Sequence[Resource]) -> Json:
    paths = {}
    for name in _groups(resources):
        mark = hashlib.sha512(msgspec.json.encode(_document(name, resources))).hexdigest().upper()
        paths[name] = {"serverRelativeURL": f"/openapi/v3/{name}?hash={mark}"}
    return {"paths": paths}


def _document(name: str, resources: Sequence[Resource]) -> Json:
    mine = tuple(each for each in resources if each.path == name)
    return _built_in_document(name) if all(each.custom is None for each in mine) else _made(name, mine)


@cache
def _built_in_document(name: str) -> Json:
    return _made(name, [each for each in built_in() if each.path == name])


_INFO = {"title": "Kubernetes", "version": "v1.36.2"}


def _made(name: str, resources: Sequence[Resource]) -> Json:
    paths = {path: found for each in resources for path, found in _paths(name, each)}
    schemas = _schemas(resources, "#/components/schemas/")
    return {"openapi": "3.0.0", "info": _INFO, "paths": paths, "components": {"schemas": schemas}}


def version_2(resources: Sequence[Resource]) -> Json:
    """The definitions in the older form, in one document."""
    return {"swagger": "2.0", "info": _INFO, "paths": {}, "definitions": _schemas(resources, "#/definitions/")}


def _schemas(resources: Iterable[Resource], root: str) -> Json:
    """The schemas of resources and of all that they hold, by name; ``root`` is where references find them."""
    found: Json = {}
    for each in resources:
        name = schema_name(each)
        _collect(each.type_name or "ObjectMeta", found, root)
        made = found[name] if each.custom is None else _custom(each, root)
        found[name] = {**made, "x-kubernetes-group-version-kind": [each.type_meta]}
    return {name: found[name] for name in sorted(found)}


def schema_name(resource: Resource) -> str:
    """The name of a resource's schema."""
    if resource.custom is not None:
        parts = ".".join(reversed(resource.group.split(".")))
        return f"{parts}.{resource.version}.{resource.kind}"
    return _name(resource.type_name)


def _name(type_name: str) -> str:
    return f"{package_of(type_name)}.{type_name.rsplit('.', 1)[-1]}"


def _collect(type_name: str, schemas: Json, root: str) -> None:
    """Add the schema of a type, and of all that it holds."""
    name = _name(type_name)
    if name in schemas:
        return
    schemas[name] = {}
    properties: Json = {}
    said = described(name)
    for field, code in sorted(fields_of(type_name).items()):
        about = said.properties.get(field, Described()).description
        properties[field] = {
            **_described(about),
            **_schema(code, schemas, root, opaque=_OPAQUE.get((type_name, field), "")),
            **_marks(type_name, field, code),
        }
        if values := values_of(type_name, field):
            (properties[field]["items"] if code.startswith("[") else properties[field])["enum"] = list(values)
            properties[field]["description"] = with_values(about, values)
    schemas[name] = {**_described(said.description), "type": "object", "properties": properties}
    if said.required:
        schemas[name]["required"] = list(said.required)


def _described(text: str) -> Json:
    return {"description": text} if text else {}


def _schema(code: str, schemas: Json, root: str, *, opaque: str) -> Json:
    head = code[:1]
    if head == "[":
        return {"type": "array", "items": _schema(code[1:], schemas, root, opaque=opaque)}
    if head == "{":
        return {"type": "object", "additionalProperties": _schema(code[1:], schemas, root, opaque=opaque)}
    if head == "@":
        inner = element_type(code)
        _collect(inner, schemas, root)
        return {"allOf": [{"$ref": root + _name(inner)}]}
    if code in _NAMED or opaque:
        name, schema = _NAMED.get(code) or (opaque, {} if code == "*" else {"type": "object"})
        schemas.setdefault(name, {**_described(described(name).description), **schema})
        return {"allOf": [{"$ref": root + name}]}
    return dict(_SCALARS.get(code, {}))


def _marks(type_name: str, field: str, code: str) -> Json:
    """What merging says of a field."""
    found: Json = {}
    rule = patch_rule(type_name, field)
    if rule.strategy or rule.retain_keys:
        strategies = [each for each in (rule.strategy, "retainKeys" if rule.retain_keys else "") if each]
        found["x-kubernetes-patch-strategy"] = ",".join(strategies)
        if rule.merge_key:
            found["x-kubernetes-patch-merge-key"] = rule.merge_key
    shape = topology(type_name, field)
    if code.startswith("["):
        found["x-kubernetes-list-type"] = shape.shape if shape.shape in ("map", "set") else "atomic"
        if shape.shape == "map":
            found["x-kubernetes-list-map-keys"] = list(shape.keys)
    return found


def _custom(resource: Resource, root: str) -> Json:
    """The schema of a custom resource, with what every object has.

    Source: k8s.io/apiextensions-apiserver, pkg/controller/openapi/builder/builder.go.
    """
    schema = dict(schema_of(resource)) or {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    properties = dict(schema.get("properties") or {})
    said = described("io.k8s.api.apps.v1.Deployment").properties
    for field in ("apiVersion", "kind", "metadata"):
        about = _described(said.get(field, Described()).description)
        reference = {"allOf": [{"$ref": f"{root}{_META}.ObjectMeta"}]}
        properties[field] = {**about, **(reference if field == "metadata" else {"type": "string"})}
    return {**schema, "properties": properties}


_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")
_OF_ALL = {"get": "list", "post": "create"}
_OF_ONE = {"get": "get", "put": "update", "patch": "patch", "delete": "delete"}
"""Methods on a collection and on one object, and the verbs that they stand for."""


def _paths(name: str, resource: Resource) -> Iterator[tuple[str, Json]]:
    base = f"/{name}/namespaces/{{namespace}}" if resource.namespaced else f"/{name}"
    collection = f"{base}/{resource.plural}"
    for path, methods in ((collection, _OF_ALL), (f"{collection}/{{name}}", _OF_ONE)):
        found: Json = {
            method: _operation(method, resource) for method, verb in methods.items() if verb in resource.verbs
        }
        if not found:
            continue
        steps = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        found["parameters"] = [
            {"name": step, "in": "path", "required": True, "schema": {"type": "string"}} for step in steps
        ]
        yield path, found


def _operation(verb: str, resource: Resource) -> Json:
    found: Json = {
        "operationId": f"{verb}{_capitals(resource)}{resource.kind}",
        "x-kubernetes-action": verb,
        "x-kubernetes-group-version-kind": resource.type_meta,
        "responses": {"200": {"description": "OK"}, "401": {"description": "Unauthorized"}},
    }
    if verb in ("post", "put", "patch"):
        found["parameters"] = [
            {"name": each, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for each in _PARAMETERS
        ]
    return found


def _capitals(resource: Resource) -> str:
    return f"{resource.group.split('.')[0].capitalize()}{resource.version.capitalize()}"
