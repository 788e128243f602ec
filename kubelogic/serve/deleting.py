"""Delete: of one object, or of all that are selected.

Source: staging/src/k8s.io/apiserver, pkg/endpoints/handlers/delete.go of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.apiserver import serving
from kubelogic.apiserver.admission.namespace_lifecycle import IMMORTAL
from kubelogic.apiserver.requests import Outcome
from kubelogic.cluster import Object
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.state import State
from kubelogic.serve import bodies
from kubelogic.serve.cluster import Served
from kubelogic.serve.messages import Reply, Request
from kubelogic.serve.paths import Target
from kubelogic.serve.reading import as_read, list_text, shown
from kubelogic.serve.selectors import matcher
from kubelogic.serve.statuses import cause, conflict, failure, invalid, success
from kubelogic.serve.writing import accepted, check_uid, is_dry_run, now_of, present


def delete(served: Served, request: Request, where: Target) -> Reply:
    """DELETE of an object."""
    given = bodies.options(request)
    dry = is_dry_run(request, given)
    obj = present(served, where)
    _preconditions(served, where, obj, given)
    _protected(where)
    state = accepted(_deleted(now_of(served), obj, given), where)
    left = state.cluster.get(obj.kind, obj.key)
    resource = where.resource
    before = served.written(obj, resource)
    if not dry:
        served.control.commit(state)
    if left is not None:
        version = None if not dry else served.control.history.versions.get((obj.kind, obj.key), 0)
        return shown(served, request, resource, served.written(left, resource, version))
    if resource.kind in ("Pod", "Service", "PersistentVolume", "PersistentVolumeClaim") and resource.group == "":
        return shown(served, request, resource, before)
    return Reply(body=success(resource, where.name, str(metadata(obj).get("uid") or "")))


def _protected(where: Target) -> None:
    if where.resource.kind == "Namespace" and where.name in IMMORTAL:
        message = f'namespaces "{where.name}" is forbidden: this namespace may not be deleted'
        raise failure(403, "Forbidden", message, details={"name": where.name, "kind": "namespaces"})


def _deleted(state: State, obj: Object, given: Mapping[str, Any]) -> Outcome:
    grace = given.get("gracePeriodSeconds")
    propagation = str(given.get("propagationPolicy") or "")
    if not propagation and given.get("orphanDependents") is not None:
        propagation = "Orphan" if given["orphanDependents"] else "Background"
    if propagation not in ("", "Foreground", "Background", "Orphan"):
        words = f'Unsupported value: "{propagation}": supported values: "Background", "Foreground", "Orphan"'
        raise invalid("meta.k8s.io", "DeleteOptions", "", [cause("FieldValueNotSupported", words, "propagationPolicy")])
    return serving.delete(state, obj, propagation=propagation, grace=None if grace is None else int(grace))


def _preconditions(served: Served, where: Target, obj: Object, given: Mapping[str, Any]) -> None:
    wanted = given.get("preconditions") or {}
    check_uid(where, obj, wanted)
    version = str(served.control.history.versions.get((obj.kind, obj.key), 0))
    if wanted.get("resourceVersion") and wanted["resourceVersion"] != version:
        why = (
            f"Precondition failed: ResourceVersion in precondition: {wanted['resourceVersion']}, "
            f"ResourceVersion in object meta: {version}"
        )
        raise conflict(where.resource, where.name, why)


def delete_collection(served: Served, request: Request, where: Target) -> Reply:
    """DELETE of a collection: of all that is selected."""
    given = bodies.options(request)
    dry = is_dry_run(request, given)
    query, resource = request.query, where.resource
    selects = matcher(query.get("labelSelector", ""), query.get("fieldSelector", ""), resource)
    objects = served.objects(resource)
    state = now_of(served)
    gone = []
    for key in served.keys(objects, resource.stored_kind, where.namespace):
        if selects is not None and not selects(as_read(objects[key], resource)):
            continue
        gone.append(served.text(objects[key], resource))
        obj = state.cluster.get(objects[key].kind, key)
        if obj is not None:
            state = _deleted(state, obj, given).state
    if not dry:
        served.control.commit(state)
    meta = {"resourceVersion": str(served.revision)}
    return Reply(body=list_text(resource, gone, meta))
