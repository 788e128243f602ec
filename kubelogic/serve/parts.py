"""Subresources: parts of objects with requests of their own.

Source: pkg/registry/core/pod/storage, pkg/registry/core/serviceaccount/storage/token.go, pkg/registry/apps/*/storage
(ScaleREST); staging/src/k8s.io/apiextensions-apiserver, pkg/registry/customresource (scale) of Kubernetes 1.36.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from kubelogic.apiserver import requests, serving
from kubelogic.cluster import Object
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.pods import node_of
from kubelogic.kinds.wire import whole_second
from kubelogic.reconcile.actions import BindPod, Cause
from kubelogic.reconcile.apply.carry_out import carry_out
from kubelogic.serve import bodies
from kubelogic.serve.cluster import Served
from kubelogic.serve.conforming import conforming
from kubelogic.serve.messages import Reply, Request
from kubelogic.serve.paths import Target
from kubelogic.serve.reading import formed, included, shown
from kubelogic.serve.resources import Resource
from kubelogic.serve.statuses import (
    about,
    bad_request,
    cause,
    failure,
    invalid,
    method_not_allowed,
    nothing_called,
)
from kubelogic.serve.tables import SCALES
from kubelogic.serve.tables.common import labels_text, selector_text
from kubelogic.serve.writing import (
    accepted,
    check_same,
    check_version,
    is_dry_run,
    manager_of,
    now_of,
    patch,
    present,
    update,
    written,
)

_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_SHORTEST, _USUAL = 600, 3600
"""Seconds that a token lasts at least, and unless asked. Source: pkg/apis/authentication/validation."""


def answer(served: Served, request: Request, where: Target) -> Reply:
    """The reply to a request for a part of an object.

    Raises:
        RequestError: it is refused.
    """
    part = where.part
    assert part is not None
    if _VERBS.get(request.method) not in part.verbs:
        raise method_not_allowed(where.resource, _VERBS.get(request.method, request.method.lower()))
    if part.name in ("status", "ephemeralcontainers", "resize", "approval"):
        return _shared(served, request, where)
    return _PARTS[part.name](served, request, where)


def _shared(served: Served, request: Request, where: Target) -> Reply:
    """A part that is read and written as the whole object."""
    name = where.part.name if where.part is not None else ""
    obj = present(served, where)
    if request.method in ("GET", "HEAD"):
        return shown(served, request, where.resource, served.written(obj, where.resource))
    kind = "status" if name in ("status", "approval") else name
    change = patch if request.method == "PATCH" else update
    return change(served, request, where, part=kind)


# -- scale --------------------------------------------------------------------------------------------------------


def _scale_of(served: Served, obj: Object, resource: Resource) -> dict[str, Any]:
    document = served.written(obj, resource)
    meta = document["metadata"]
    spec, status = document.get("spec") or {}, document.get("status") or {}
    selector: Any = spec.get("selector")
    if resource.custom is not None:
        from kubelogic.serve.jsonpath import find

        paths = _scale_paths(resource)
        wanted = (find(document, str(paths.get("specReplicasPath"))) or [0])[0]
        now = (find(document, str(paths.get("statusReplicasPath"))) or [0])[0]
        text = (find(document, str(paths.get("labelSelectorPath") or ".none")) or [""])[0]
    else:
        wanted, now = spec.get("replicas", 0), status.get("replicas", 0)
        text = labels_text(selector) if resource.kind == "ReplicationController" else selector_text(selector)
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    told: dict[str, Any] = {"replicas": now}
    if text and text != "<none>":
        told["selector"] = text
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: meta[key] for key in kept if key in meta},
        "spec": {"replicas": wanted} if wanted else {},
        "status": told,
    }


def _scale_paths(resource: Resource) -> Mapping[str, Any]:
    return (resource.definition.get("subresources") or {}).get("scale") or {}


def _scale(served: Served, request: Request, where: Target) -> Reply:
    obj = present(served, where)
    scale = _scale_of(served, obj, where.resource)
    if request.method in ("GET", "HEAD"):
        form = bodies.wanted(request.accept)
        as_table = form.kind == "Table"
        return Reply(body=formed(served, SCALES, scale, form, included(request.query)) if as_table else scale)
    dry = is_dry_run(request)
    if request.method == "PUT":
        wanted = bodies.parsed(request.body, yaml=True)
        if not isinstance(wanted, dict):
            raise bad_request("the body is no Scale")
    else:
        media = request.content_type.split(";")[0].strip()
        how = "json" if media == "application/json-patch+json" else "merge"
        found = serving.patched(scale, bodies.parsed(request.body), how=how)
        if isinstance(found, serving.Unpatchable):
            raise bad_request(found.message)
        wanted = found
    check_same(where, wanted)
    check_version(served, where, obj, wanted)
    number = (wanted.get("spec") or {}).get("replicas", 0)
    if not isinstance(number, int) or isinstance(number, bool):
        raise bad_request("json: cannot unmarshal string into Go struct field ScaleSpec.spec.replicas of type int32")
    if number < 0:
        words = f"Invalid value: {number}: must be greater than or equal to 0"
        raise invalid("autoscaling", "Scale", where.name, [cause("FieldValueInvalid", words, "spec.replicas")])
    change = _replicas(where.resource, number)
    state = accepted(serving.scale(now_of(served), obj, change, manager=manager_of(request)), where)
    if where.resource.custom is not None:
        conforming(where.resource, obj.key, served.cluster, state)
    if dry:
        return Reply(body=_scale_of(served, state.cluster.get(obj.kind, obj.key) or obj, where.resource))
    served.control.commit(state)
    return Reply(body=_scale_of(served, served.get(where.resource, where.key) or obj, where.resource))


def _replicas(resource: Resource, number: int) -> dict[str, Any]:
    steps = ["spec", "replicas"]
    if resource.custom is not None:
        steps = str(_scale_paths(resource).get("specReplicasPath") or ".spec.replicas").strip(".").split(".")
    found: Any = number
    for step in reversed(steps):
        found = {step: found}
    made: dict[str, Any] = found
    return made


# -- pods ---------------------------------------------------------------------------------------------------------


def _eviction(served: Served, request: Request, where: Target) -> Reply:
    options = bodies.mapping(request).get("deleteOptions") or {}
    pod = present(served, where)
    check_version(served, where, pod, {"metadata": options.get("preconditions") or {}})
    state = accepted(requests.evict(now_of(served), pod.key, grace=options.get("gracePeriodSeconds")), where)
    if not is_dry_run(request, options):
        served.control.commit(state)
    return Reply(status=201, body=_MADE)


def _binding(served: Served, request: Request, where: Target) -> Reply:
    sent = bodies.mapping(request)
    pod = present(served, where)
    node = str((sent.get("target") or {}).get("name") or "")
    if not node:
        words = "Required value: target.name is required"
        raise invalid("", "Binding", where.name, [cause("FieldValueRequired", words, "target.name")])
    bound = node_of(pod)
    if bound:
        message = (
            f'Operation cannot be fulfilled on pods/binding "{where.name}": pod {where.name} is already assigned to '
            f'node "{bound}"'
        )
        raise failure(409, "Conflict", message, details={"name": where.name, "kind": "pods/binding"})
    action = BindPod(cause=Cause(predicate="pod_awaits_scheduling", row=(pod.key,)), pod=pod.key, node=node)
    state = carry_out(now_of(served), [action]).state
    if not is_dry_run(request):
        served.control.commit(state)
    return Reply(status=201, body=_MADE)


_MADE: Mapping[str, Any] = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Success",
    "code": 201,
}
"""The answer to what was made and is not shown."""


def _log(served: Served, request: Request, where: Target) -> Reply:
    """Containers are simulated: there is nothing that they write."""
    pod = present(served, where)
    spec = pod.document.get("spec") or {}
    names = [str(c.get("name")) for part in ("initContainers", "containers") for c in spec.get(part) or ()]
    asked = request.query.get("container", "")
    if asked and asked not in names:
        raise bad_request(f"container {asked} is not valid for pod {where.name}")
    if not asked and len(spec.get("containers") or ()) > 1:
        told = f"a container name must be specified for pod {where.name}, choose one of: [{' '.join(names)}]"
        raise bad_request(told)
    if not spec.get("nodeName"):
        return Reply(body=b"", content_type="text/plain")
    raise _no_kubelet(where, "logs")


def _stream(served: Served, request: Request, where: Target) -> Reply:
    del request
    pod = present(served, where)
    if not node_of(pod):
        raise bad_request(f"pod {where.name} does not have a host assigned")
    assert where.part is not None
    raise _no_kubelet(where, where.part.name)


def _no_kubelet(where: Target, what: str) -> Exception:
    message = f"{what}: the containers of this cluster are simulated, there is no kubelet that could be asked"
    return failure(501, "NotImplemented", message, details=about(where.resource, where.name))


def _proxy(served: Served, request: Request, where: Target) -> Reply:
    del served, request
    raise _no_kubelet(where, "proxy")


# -- others -------------------------------------------------------------------------------------------------------


def _token(served: Served, request: Request, where: Target) -> Reply:
    media = request.content_type.split(";")[0].strip()
    if media == bodies.PROTOBUF:
        from kubelogic.serve.protobuf import decoded_type

        given: Mapping[str, Any] = decoded_type(request.body, "TokenRequest")
    else:
        given = bodies.mapping(request)
    account = present(served, where)
    spec = dict(given.get("spec") or {})
    _check_bound(served, where, spec.get("boundObjectRef") or {})
    seconds = int(spec.get("expirationSeconds") or _USUAL)
    if seconds < _SHORTEST:
        words = f"Invalid value: {seconds}: may not specify a duration less than 10 minutes"
        found = [cause("FieldValueInvalid", words, "spec.expirationSeconds")]
        raise invalid("authentication.k8s.io", "TokenRequest", "", found)
    until = served.now + seconds * 1000
    claims = {
        "aud": spec.get("audiences") or ["https://kubernetes.default.svc"],
        "exp": until // 1000,
        "iat": served.now // 1000,
        "sub": f"system:serviceaccount:{where.namespace}:{where.name}",
    }
    parts = [json.dumps(each).encode() for each in ({"alg": "none", "typ": "JWT"}, claims)]
    token = ".".join(base64.urlsafe_b64encode(each).decode().rstrip("=") for each in parts)
    token = f"{token}.{secrets.token_urlsafe(32)}"
    served.accounts[token] = account.key
    body = {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {
            "name": where.name,
            "namespace": where.namespace,
            "creationTimestamp": whole_second(timestamp(served.now)),
        },
        "spec": {
            "audiences": claims["aud"],
            "expirationSeconds": seconds,
            "boundObjectRef": spec.get("boundObjectRef"),
        },
        "status": {"token": token, "expirationTimestamp": whole_second(timestamp(until))},
    }
    return Reply(status=201, body=body)


_BOUND = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}
"""The kinds that a token may be bound to."""


def _check_bound(served: Served, where: Target, bound: Mapping[str, Any]) -> None:
    """Refuse a token that is bound to what is not there.

    Raises:
        RequestError: 404, or 400 for a kind that no token is bound to.
    """
    if not bound:
        return
    kind, name = str(bound.get("kind") or ""), str(bound.get("name") or "")
    if kind not in _BOUND:
        given = f"{bound.get('apiVersion') or ''}, Kind={kind}"
        raise bad_request(f"cannot bind token to object of type {given}")
    if served.cluster.get(kind, name if kind == "Node" else f"{where.namespace}/{name}") is None:
        raise nothing_called(_BOUND[kind], name)


def _finalize(served: Served, request: Request, where: Target) -> Reply:
    sent = bodies.mapping(request)
    obj = present(served, where)
    wanted = (sent.get("spec") or {}).get("finalizers")
    state = accepted(serving.finalize(now_of(served), obj, wanted or ()), where)
    return written(served, request, replace(where, part=None), state, obj.key, dry=is_dry_run(request))


_PARTS: Mapping[str, Callable[[Served, Request, Target], Reply]] = {
    "scale": _scale,
    "eviction": _eviction,
    "binding": _binding,
    "log": _log,
    "exec": _stream,
    "attach": _stream,
    "portforward": _stream,
    "proxy": _proxy,
    "token": _token,
    "finalize": _finalize,
}
