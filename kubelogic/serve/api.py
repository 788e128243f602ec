"""The API: one request in, one reply out. Knows nothing of sockets.

Source: staging/src/k8s.io/apiserver, pkg/endpoints/handlers of Kubernetes 1.36.
"""

from __future__ import annotations

from kubelogic.serve import (
    about,
    access,
    deleting,
    discovering,
    metrics,
    openapi,
    parts,
    reading,
    steering,
    watching,
    writing,
)
from kubelogic.serve.cluster import Served
from kubelogic.serve.custom import check_conversion
from kubelogic.serve.messages import Reply, Request
from kubelogic.serve.paths import Target, is_true, target
from kubelogic.serve.statuses import NoSuchPathError, RequestError, failure, method_not_allowed, no_such_resource, told


async def answer(served: Served, request: Request) -> Reply:
    """Answer a request; what it may not ask, or asks in vain, is answered by a ``Status``."""
    try:
        return await _answer(served, request)
    except RequestError as error:
        if isinstance(error, NoSuchPathError):
            return Reply(status=error.code, body=b"404 page not found\n", content_type="text/plain; charset=utf-8")
        return told(error)


async def _answer(served: Served, request: Request) -> Reply:
    path = "/" + request.path.strip("/")
    access.check(served, request)
    if served.control.broken:
        raise failure(500, "InternalError", f"the store cannot be written: {served.control.broken}")
    found = discovering.answer(served, request, path) or about.answer(served, request, path)
    found = found or openapi.answer(served, request, path) or await steering.answer(served, request, path)
    if found is not None:
        return found
    if not path.startswith(("/api/", "/apis/")):
        raise no_such_resource()
    where = target(path, served.resources())
    return _on_target(served, request, where)


def _on_target(served: Served, request: Request, where: Target) -> Reply:
    verb = request.method
    check_conversion(where.resource)
    if where.resource.group == metrics.GROUP:
        return metrics.answer(served.control.present(), request, where)
    if where.part is not None:
        return parts.answer(served, request, where)
    verbs = where.resource.verbs
    match verb, bool(where.name):
        case "GET" | "HEAD", False if is_true(request.query, "watch"):
            return watching.watch(served, request, where)
        case "GET" | "HEAD", False if "list" in verbs:
            return reading.listing(served, request, where)
        case "GET" | "HEAD", True if "get" in verbs:
            if is_true(request.query, "watch"):
                return watching.watch(served, request, where)
            return reading.one(served, request, where)
        case "POST", False if "create" in verbs:
            return writing.create(served, request, where)
        case "PUT", True if "update" in verbs:
            return writing.update(served, request, where)
        case "PATCH", True if "patch" in verbs:
            return writing.patch(served, request, where)
        case "DELETE", True if "delete" in verbs:
            return deleting.delete(served, request, where)
        case "DELETE", False if "deletecollection" in verbs:
            return deleting.delete_collection(served, request, where)
    raise method_not_allowed(where.resource, _VERBS.get(verb, verb.lower()))


_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
