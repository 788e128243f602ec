"""Create, update, patch and delete.

Source: staging/src/k8s.io/apiserver, pkg/endpoints/handlers/{create,update,patch,delete}.go; pkg/registry/generic/
registry/store.go of Kubernetes 1.36.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from kubelogic.apiserver import serving
from kubelogic.apiserver.answers import misnamed
from kubelogic.apiserver.requests import Outcome
from kubelogic.apiserver.serving import Writing
from kubelogic.cluster import Object, naming
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.state import State
from kubelogic.kinds.decoding import decode, fault_of_patched, json_type
from kubelogic.serve import bodies
from kubelogic.serve.certificates import with_requester
from kubelogic.serve.cluster import Served
from kubelogic.serve.conforming import conforming, is_whole
from kubelogic.serve.custom import schema_of, unconverted
from kubelogic.serve.messages import Reply, Request
from kubelogic.serve.paths import Target
from kubelogic.serve.reading import shown
from kubelogic.serve.resources import Resource
from kubelogic.serve.schemas import conform
from kubelogic.serve.statuses import (
    MODIFIED,
    bad_request,
    cause,
    conflict,
    failure,
    invalid,
    not_found,
    nothing_called,
    of_answer,
)
from kubelogic.serve.versions import served_as

Json = dict[str, Any]

_PATCHES = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
}


def is_dry_run(request: Request, options: Mapping[str, Any] = MappingProxyType({})) -> bool:
    """Whether nothing may be stored.

    Args:
        request: its query may say so.
        options: what it sends may say so, too.

    Raises:
        RequestError: 422; the parameter has another value than ``All``.
    """
    value = request.query.get("dryRun", "")
    if value not in ("", "All"):
        words = f'Unsupported value: "{value}": supported values: "All"'
        raise invalid("", "CreateOptions", "", [cause("FieldValueNotSupported", words, "dryRun")])
    return value == "All" or list(options.get("dryRun") or ()) == ["All"]


def accepted(outcome: Outcome, where: Target, name: str = "") -> State:
    """The state after a request.

    Args:
        outcome: of the request.
        where: what it is about.
        name: of the object, where the path does not say it.

    Raises:
        RequestError: it is refused.
    """
    if not outcome.answer.accepted:
        raise of_answer(outcome.answer, where.resource, name or where.name)
    return outcome.state


def manager_of(request: Request) -> str:
    """Who writes: what the request says, else the program's name."""
    return request.query.get("fieldManager") or (request.agent.split("/")[0] or "unknown")[:128]


def checked(
    request: Request, resource: Resource, document: Mapping[str, Any], *, patch: bool = False
) -> tuple[Json, tuple[str, ...]]:
    """A document without unknown fields, and the warnings about them.

    Raises:
        RequestError: 400; it cannot be decoded, or has unknown fields and validation is strict.
    """
    handled = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}'
    kept, unknown = conform(document, schema_of(resource)) if not resource.type_name else ({}, ())
    if resource.type_name:
        found = decode(document, resource.type_name)
        if found.fault:
            raise bad_request(f"{handled}: {found.fault}")
        kept, unknown = found.document, tuple(found.unknown)
    mode = request.query.get("fieldValidation") or "Warn"
    words = tuple(f'unknown field "{path}"' for path in unknown)
    if words and mode == "Strict" and not patch:
        raise bad_request(f"{handled}: strict decoding error: {', '.join(words)}")
    return kept, words if mode != "Ignore" else ()


def create(served: Served, request: Request, where: Target) -> Reply:
    """POST to a collection."""
    from kubelogic.serve import reviews

    resource = where.resource
    dry = is_dry_run(request)
    document = bodies.document(request, resource)
    document, said = checked(request, resource, document)
    reply = reviews.answer(served, request, where, document)
    if reply is not None:
        return reply
    document = with_requester(resource, request, document)
    meta = document.setdefault("metadata", {})
    if resource.namespaced:
        if meta.get("namespace") and meta["namespace"] != where.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        if not where.namespace:
            raise bad_request("an empty namespace may not be set during creation")
        meta["namespace"] = where.namespace
    else:
        meta.pop("namespace", None)
    if not meta.get("name") and meta.get("generateName"):
        served.numbers += 1
        meta["name"] = naming.generated(str(meta["generateName"]), f"{served.revision}#{served.numbers}")
    if not meta.get("name"):
        words = "Required value: name or generateName is required"
        raise invalid(resource.group, resource.kind, "", [cause("FieldValueRequired", words, "metadata.name")])
    name = str(meta["name"])
    if resource.namespaced and served.cluster.get("Namespace", where.namespace) is None:
        raise nothing_called("namespaces", where.namespace)
    if meta.get("resourceVersion"):
        raise failure(500, "InternalError", "resourceVersion should not be set on objects to be created")
    state = now_of(served)
    writing = Writing(manager=manager_of(request), kind=resource.stored_kind, whole=is_whole(resource))
    state = accepted(serving.create(state, _stored(document, resource), writing=writing), where, name)
    key = f"{where.namespace}/{name}" if resource.namespaced else name
    return written(served, request, where, state, key, dry=dry, status=201, said=said)


def now_of(served: Served) -> State:
    """The state in which a request is carried out; without a running clock every request takes a moment."""
    if not served.control.clock.speed:
        served.control.clock.jump(1)
    return replace(served.control.present(), warned=frozenset())


def _stored(document: Mapping[str, Any], resource: Resource) -> Json:
    """A document in the version in which objects are kept."""
    found = served_as(document, resource.stored_as)
    return {**found, "apiVersion": resource.stored_as}


def written(
    served: Served,
    request: Request,
    where: Target,
    state: State,
    key: str,
    *,
    dry: bool,
    status: int = 200,
    said: tuple[str, ...] = (),
) -> Reply:
    """The object as it is after a request."""
    resource = where.resource
    if resource.custom is not None:
        state = conforming(resource, key, served.cluster, state)
    said = (*said, *(each.text for each in sorted(state.warned)))
    made = state.cluster.get(resource.stored_kind, key)
    if resource.kind == "CustomResourceDefinition" and made is not None and (note := unconverted(made.document)):
        said = (*said, note)
    if dry:
        if served.control.finish is not None:
            state = served.control.finish(served.control.state, state)
        found = state.cluster.get(resource.stored_kind, key)
        version = served.control.history.versions.get((resource.stored_kind, key), 0)
        assert found is not None
        return shown(served, request, resource, served.written(found, resource, version), status=status, warnings=said)
    served.control.commit(state)
    found = served.get(resource, key)
    if found is None:  # its last finalizer went with the request
        last = next(
            c for c in served.control.history.latest() if (c.obj.kind, c.obj.key) == (resource.stored_kind, key)
        )
        return shown(served, request, resource, served.written(last.obj, resource, last.revision), status=status)
    return shown(served, request, resource, served.written(found, resource), status=status, warnings=said)


def present(served: Served, where: Target) -> Object:
    """The object that a path names.

    Raises:
        RequestError: 404; it is not there.
    """
    obj = served.get(where.resource, where.key)
    if obj is None:
        raise not_found(where.resource, where.name)
    return obj


def check_same(where: Target, document: Mapping[str, Any]) -> None:
    """Refuse a document that is about another object than the path.

    Raises:
        RequestError: 400.
    """
    wrong = misnamed(document, name=where.name, namespace=where.namespace if where.resource.namespaced else "")
    if wrong:
        raise bad_request(wrong)


def check_version(served: Served, where: Target, obj: Object, document: Mapping[str, Any]) -> None:
    """Refuse a document of an older version, or of another object of the same name.

    Raises:
        RequestError: 409.
    """
    meta = document.get("metadata") or {}
    check_uid(where, obj, meta)
    version = str(meta.get("resourceVersion") or "")
    present_version = str(served.control.history.versions.get((obj.kind, obj.key), 0))
    if version and version not in ("0", present_version):
        raise conflict(where.resource, where.name, MODIFIED)


def check_uid(where: Target, obj: Object, given: Mapping[str, Any]) -> None:
    """Refuse metadata or preconditions of another object of the same name.

    Raises:
        RequestError: 409.
    """
    uid = metadata(obj).get("uid")
    if given.get("uid") and given["uid"] != uid:
        why = f"Precondition failed: UID in precondition: {given['uid']}, UID in object meta: {uid}"
        raise conflict(where.resource, where.name, why)


def update(served: Served, request: Request, where: Target, *, part: str = "") -> Reply:
    """PUT of an object, or of a part of it."""
    resource = where.resource
    dry = is_dry_run(request)
    document, said = checked(request, resource, bodies.document(request, resource))
    check_same(where, document)
    obj = present(served, where)
    check_version(served, where, obj, document)
    return _changed(served, request, where, obj, document, part=part, dry=dry, said=said)


def _changed(
    served: Served,
    request: Request,
    where: Target,
    obj: Object,
    document: Mapping[str, Any],
    *,
    part: str,
    dry: bool,
    said: tuple[str, ...],
    operation: str = "Update",
) -> Reply:
    state = now_of(served)
    writing = Writing(
        manager=manager_of(request),
        kind=where.resource.stored_kind,
        part=part,
        operation=operation,
        whole=is_whole(where.resource),
    )
    state = accepted(serving.update(state, obj, _stored(document, where.resource), writing=writing), where)
    return written(served, request, where, state, obj.key, dry=dry, said=said)


def patch(served: Served, request: Request, where: Target, *, part: str = "") -> Reply:
    """PATCH of an object, or of a part of it."""
    media = request.content_type.split(";")[0].strip()
    how = _PATCHES.get(media)
    if how is None or (how == "strategic" and not where.resource.type_name):
        allowed = [
            each for each in _PATCHES if each != "application/strategic-merge-patch+json" or where.resource.type_name
        ]
        message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(
            allowed
        )
        raise failure(415, "UnsupportedMediaType", message)
    dry = is_dry_run(request)
    change = bodies.parsed(request.body, yaml=how == "apply")
    if how == "apply":
        from kubelogic.serve import applying

        return applying.apply(served, request, where, change, dry=dry)
    obj = present(served, where)
    resource = where.resource
    _check_shape(change, how)
    shown_now = served.written(obj, resource)
    outcome = serving.patched(shown_now, change, how=how)
    if isinstance(outcome, serving.Unpatchable):
        raise _unpatchable(outcome)
    document = {**outcome, "apiVersion": outcome.get("apiVersion") or resource.api_version}
    if how == "strategic":
        change = _left_over(change)
        fault = fault_of_patched(document, resource.type_name)
        if fault:
            raise _unfit(change, fault)
    found, said = checked(request, resource, document, patch=True)
    said = tuple(sorted(said))
    if said and (request.query.get("fieldValidation") == "Strict"):
        raise _unfit(change, f"strict decoding error: {', '.join(said)}")
    check_same(where, found)
    check_version(served, where, obj, found)
    return _changed(served, request, where, obj, found, part=part, dry=dry, said=said)


def _unpatchable(found: serving.Unpatchable) -> Exception:
    match found.status:
        case 422:
            message = "the server rejected our request due to an error in our request"
            return failure(422, "Invalid", message, details={})
        case 500:
            return failure(500, "", found.message)
        case _:
            return failure(found.status, "BadRequest" if found.status == 400 else "UnsupportedMediaType", found.message)


def _check_shape(change: Any, how: str) -> None:
    """Refuse a patch that is no mapping, or no list of operations.

    Raises:
        RequestError: 400.
    """
    wanted, shape = ("[]interface {}", list) if how == "json" else ("map[string]interface {}", dict)
    if not isinstance(change, shape):
        words = f"json: cannot unmarshal {json_type(change)} into Go value of type {wanted}"
        raise bad_request(words if how == "strategic" else f"error decoding patch: {words}")


def _left_over(change: Any) -> Any:
    """What is left of a strategic merge patch once it is carried out: ordered lists were taken out of it."""
    if not isinstance(change, dict):
        return change
    gone = {key.partition("/")[2] for key in change if key.startswith("$")}
    return {
        key: _left_over(value) for key, value in change.items() if key not in gone and not key.startswith("$setElement")
    }


def _unfit(change: Any, why: str) -> Exception:
    words = f"Invalid value: {json.dumps(go_text(change), ensure_ascii=False)}: {why}"
    return failure(
        422,
        "Invalid",
        f' "" is invalid: patch: {words}',
        details={"causes": [cause("FieldValueInvalid", words, "patch")]},
    )


def go_text(value: Any) -> str:
    """A JSON tree as Go prints it with ``%+v``.

    >>> go_text({"b": [1, "x"], "a": {"c": None}})
    'map[a:map[c:<nil>] b:[1 x]]'
    """
    match value:
        case dict():
            return f"map[{' '.join(f'{key}:{go_text(value[key])}' for key in sorted(value))}]"
        case list():
            return f"[{' '.join(map(go_text, value))}]"
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
