"""Server-side apply over HTTP. Source: apiserver, pkg/endpoints/handlers/patch.go (applyPatcher) of Kubernetes 1.36."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from kubelogic.apiserver import requests, serving
from kubelogic.apiserver.patches import KUBECTL, managing
from kubelogic.kinds.decoding import decode
from kubelogic.serve.cluster import Served
from kubelogic.serve.conforming import is_whole
from kubelogic.serve.custom import schema_of
from kubelogic.serve.messages import Reply, Request
from kubelogic.serve.paths import Target, is_true
from kubelogic.serve.schemas import conform
from kubelogic.serve.statuses import bad_request, cause, failure, invalid


def apply(served: Served, request: Request, where: Target, manifest: Any, *, dry: bool) -> Reply:
    """PATCH with what a manager wants of an object, which is made if it is not there.

    Raises:
        RequestError: it is refused.
    """
    from kubelogic.serve import writing

    resource = where.resource
    if not isinstance(manifest, dict):
        raise bad_request("the body of an apply request is an object")
    if not request.query.get("fieldManager"):
        words = "Required value: is required for apply patch"
        raise invalid("meta.k8s.io", "PatchOptions", "", [cause("FieldValueRequired", words, "fieldManager")])
    _check(where, manifest)
    state = writing.now_of(served)
    obj = served.get(resource, where.key)
    if obj is not None:
        found = managing.conflicts(obj.document, manifest, request.query["fieldManager"])
        taken_over = request.query["fieldManager"] == KUBECTL and managing.are_from_last_apply(obj.document, found)
        if found and not taken_over and not is_true(request.query, "force"):
            causes = [
                cause("FieldManagerConflict", f"conflict with {each.manager}", managing.shown(each.path))
                for each in found
            ]
            raise failure(409, "Conflict", managing.told(found), details={"causes": causes})
        if found:
            state = serving.released(state, obj, found)
    manager = request.query["fieldManager"]
    wanted = {**manifest, "apiVersion": resource.stored_as}
    if resource.custom is None:
        outcome = requests.apply(state, wanted, namespace=where.namespace or "default", manager=manager)
    else:
        place = {"name": where.name, **({"namespace": where.namespace} if where.namespace else {})}
        wanted["metadata"] = {**(manifest.get("metadata") or {}), **place}
        how = serving.Writing(manager=manager, kind=resource.stored_kind, operation="Apply", whole=is_whole(resource))
        outcome = serving.apply_custom(state, obj, wanted, key=where.key, writing=how)
    state = writing.accepted(outcome, where)
    return writing.written(served, request, where, state, where.key, dry=dry, status=outcome.answer.status)


def _check(where: Target, manifest: Mapping[str, Any]) -> None:
    """Refuse what is about another object, or has fields that the schema does not know."""
    resource = where.resource
    for field in ("kind", "apiVersion"):
        if not isinstance(manifest.get(field), str) or not manifest[field]:
            shown = msgspec.json.encode(manifest).decode()[:1000]
            raise bad_request(f"Object '{field[:1].upper()}{field[1:]}' is missing in '{shown}'")
    meta = manifest.get("metadata") or {}
    if not isinstance(meta, dict):
        raise bad_request("metadata is a mapping")
    if (manifest["apiVersion"], manifest["kind"]) != (resource.api_version, resource.kind):
        given = f"{manifest['apiVersion']} {manifest['kind']}"
        raise bad_request(f"the object is {given}, the URL is of {resource.api_version} {resource.kind}")
    if resource.type_name and (fault := decode(manifest, resource.type_name).fault):
        raise bad_request(f"failed to create typed patch object: {fault}")
    if meta.get("name") not in (None, where.name):
        raise bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL ({where.name})")
    if resource.type_name or schema_of(resource):
        unknown = (
            decode(manifest, resource.type_name).unknown
            if resource.type_name
            else conform(manifest, schema_of(resource))[1]
        )
        if unknown:
            identity = f"{where.namespace}/{where.name}" if where.namespace else f"/{where.name}"
            words = [f".{path}: field not declared in schema" for path in _first_of_each(unknown)]
            told = words[0] if len(words) == 1 else "errors:\n" + "\n".join(f"  {each}" for each in words)
            kind = f"{resource.api_version}, Kind={resource.kind}"
            raise failure(500, "", f"failed to create typed patch object ({identity}; {kind}): {told}")


def _first_of_each(paths: Iterable[str]) -> list[str]:
    """The unknown fields that are told: a mapping is not read on behind the first one.

    >>> _first_of_each(["spec.b", "spec.template.x", "spec.a", "kind2"])
    ['kind2']
    >>> _first_of_each(["spec.replicsa", "spec.template.spec.containers[0].imagee"])
    ['spec.replicsa']
    """
    told: list[str] = []
    ends: list[tuple[tuple[str, ...], str]] = []
    for steps in sorted(tuple(path.split(".")) for path in paths):
        if not any(steps[: len(inside)] == inside and steps[len(inside)] > last for inside, last in ends):
            told.append(".".join(steps))
            ends.append((steps[:-1], steps[-1]))
    return told
