"""Requests as they come over HTTP: documents that were decoded before, with who sends them.

What ``requests`` does for manifests and scenarios, this does for clients: the same chain, strategies and deletion, and
beside them what only a client sees (managers of fields, status that is not taken from a request, patches that fail).

Source: staging/src/k8s.io/apiserver, pkg/registry/generic/registry/store.go; pkg/endpoints/handlers/patch.go; the
strategies of each kind under pkg/registry of Kubernetes 1.36.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.apiserver import chain, requests
from kubelogic.apiserver.allocators.pod_addresses import sandbox_addresses
from kubelogic.apiserver.answers import Status, invalid
from kubelogic.apiserver.patches import managing
from kubelogic.apiserver.patches.errors import PatchError
from kubelogic.apiserver.patches.plain import json_patch, merge_patch
from kubelogic.apiserver.patches.server_side import noted, server_side_apply
from kubelogic.apiserver.patches.strategic import strategic_merge
from kubelogic.apiserver.registry import definitions, strategies
from kubelogic.apiserver.registry.pod_parts import resized, with_debuggers
from kubelogic.apiserver.requests import Outcome
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.edit import edited, with_document
from kubelogic.cluster.state import State
from kubelogic.kinds import defaults
from kubelogic.kinds.merging import type_of
from kubelogic.kinds.table import lookup
from kubelogic.kinds.validation import admit

Json = dict[str, Any]

_KEEP_STATUS = frozenset({"Node", "Namespace", "Event", "CustomResourceDefinition", "APIService", "ComponentStatus"})
"""Kinds whose status a client may send with the object: a kubelet registers its node with what it has."""


class Writing(msgspec.Struct, frozen=True, kw_only=True):
    """How a document is written.

    Attributes:
        manager: who writes.
        kind: by which name the state keeps the kind.
        part: the subresource; empty for the object itself.
        operation: ``Update`` or ``Apply``, for the note of who owns which field.
        whole: whether the status is written with the object: a custom resource whose definition has no such part.
    """

    manager: str
    kind: str
    part: str = ""
    operation: str = "Update"
    whole: bool = False


class Unpatchable(msgspec.Struct, frozen=True, kw_only=True):
    """Why a patch cannot be carried out."""

    status: int
    message: str


def create(state: State, document: Mapping[str, Any], *, writing: Writing) -> Outcome:
    """POST an object.

    Args:
        state: before the request.
        document: decoded, with its name.
        writing: see ``Writing``.
    """
    kind = str(document["kind"])
    meta = {k: v for k, v in document["metadata"].items() if k not in _SERVERS_OWN}
    given = {**document, "metadata": meta}
    _track(None, given, state, writing)
    custom = lookup(str(document["apiVersion"]), kind) is None
    if not writing.whole if custom else kind not in _KEEP_STATUS:
        given.pop("status", None)
    if custom:
        return _create_custom(state, given, writing)
    if kind == "CustomResourceDefinition":
        named = copy.deepcopy(given)
        defaults.fill(named)
        given["status"] = definitions.established(named, state.now)
    refusal = strategies.refuse_early(state, given)
    if refusal is not None:
        return Outcome(state=state, answer=refusal)
    return requests.create(state, given, namespace=str(meta.get("namespace") or "default"))


def _track(before: Mapping[str, Any] | None, given: Json, state: State, writing: Writing) -> None:
    """Note in a document who owns what."""
    now = timestamp(state.now - state.now % 1000)
    full = copy.deepcopy(given)
    defaults.fill(full)
    if given.get("kind") == "Service":  # what is handed out from ranges belongs to nobody
        asked = given.get("spec") or {}
        full["spec"] = {name: each for name, each in full["spec"].items() if name in asked or name not in _HANDED_OUT}
    entries = managing.tracked(before, full, manager=writing.manager, now=now, part=writing.part)
    meta = {key: value for key, value in given["metadata"].items() if key != "managedFields"}
    given["metadata"] = {**meta, "managedFields": entries} if entries else meta


_HANDED_OUT = frozenset({"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"})
_SERVERS_OWN = frozenset(
    {"uid", "resourceVersion", "creationTimestamp", "generation", "selfLink"}
    | {"deletionTimestamp", "deletionGracePeriodSeconds"}
)


def _create_custom(state: State, document: Mapping[str, Any], writing: Writing) -> Outcome:
    """POST a custom resource: the chain of admission, and nothing of its own."""
    meta = document["metadata"]
    key = f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else str(meta["name"])
    tx = Transaction(state=state)
    if tx.get(writing.kind, key) is not None:
        message = f'{naming_of(document)} "{meta["name"]}" already exists'
        return Outcome(state=state, answer=Status(status=409, reason="AlreadyExists", message=message))
    obj = tx.create(api_version=str(document["apiVersion"]), kind=writing.kind, key=key, document=document)
    refusal = chain.on_create(tx, obj)
    if refusal is not None:
        return Outcome(state=state, answer=refusal)
    return Outcome(state=tx.finish(), answer=Status(status=201))


def naming_of(document: Mapping[str, Any]) -> str:
    """The resource of a custom object as messages name it."""
    from kubelogic.facts.quota_costs import plural_of

    group = str(document["apiVersion"]).rpartition("/")[0]
    return f"{plural_of(str(document['kind']))}.{group}"


def update(state: State, old: Object, document: Mapping[str, Any], *, writing: Writing) -> Outcome:
    """PUT an object, or what a patch made of it.

    Args:
        state: before the request.
        old: the object as it is.
        document: decoded, whole.
        writing: see ``Writing``.
    """
    given: Json = dict(document)
    present = old.document.get("metadata") or {}
    sent = managing.without_own(given.get("metadata") or {})
    meta = {k: v for k, v in sent.items() if k not in _SERVERS_OWN}
    kept = {k: v for k, v in present.items() if k in _SERVERS_OWN and k != "resourceVersion"}
    if writing.part == "status":
        return requests.replace_status(state, old, given.get("status") or {})
    if writing.part in _POD_PARTS:
        return _part_of_pod(state, old, given, writing)
    given["metadata"] = {**meta, **kept}
    _track(old.document, given, state, writing)
    if not writing.whole:
        given.pop("status", None)
    if not writing.whole and "status" in old.document:
        given["status"] = old.document["status"]
    if old.kind == "CustomResourceDefinition":
        given["status"] = definitions.with_stored_version(given)
        refusal = definitions.refuse_lost_versions(old, given)
        if refusal is not None:
            return Outcome(state=state, answer=refusal)
    return requests.replace_fields(state, writing.kind, old.key, given)


_POD_PARTS: Mapping[str, Callable[[Json, Json], tuple[Json, list[tuple[str, str]]]]] = {
    "ephemeralcontainers": with_debuggers,
    "resize": resized,
}


def _part_of_pod(state: State, old: Object, given: Json, writing: Writing) -> Outcome:
    """PUT a part of a pod: nothing else of it changes."""
    before = dict(old.document.get("spec") or {})
    spec, told = _POD_PARTS[writing.part](before, given.get("spec") or {})
    document: Json = {**old.document, "spec": spec}
    faults = (*admit(document, namespace=old.namespace).faults, *told)
    if faults:
        return Outcome(state=state, answer=invalid(old, faults))
    _track(old.document, document, state, writing)
    return Outcome(state=written_by_the_system(state, [(old, document)], []), answer=Status(status=200))


def patched(document: Mapping[str, Any], change: Any, *, how: str) -> Json | Unpatchable:
    """A document with a patch.

    Args:
        document: as the client sees it.
        change: the patch.
        how: ``json``, ``merge`` or ``strategic``.
    """
    try:
        match how:
            case "json":
                return json_patch(document, change)
            case "merge":
                return merge_patch(document, change)
            case _:
                return strategic_merge(document, change)
    except PatchError as error:
        return Unpatchable(status=error.status, message=error.message)


def apply_custom(
    state: State, old: Object | None, manifest: Mapping[str, Any], *, key: str, writing: Writing
) -> Outcome:
    """PATCH a custom resource with what a manager wants of it; made if it is not there.

    Args:
        state: before the request.
        old: the object; None if there is none.
        manifest: decoded, with its name and namespace.
        key: of the object.
        writing: see ``Writing``.
    """
    now = timestamp(state.now - state.now % 1000)
    given = {name: each for name, each in manifest.items() if writing.whole or name != "status"}
    try:
        if old is None:
            return _create_custom(state, noted(given, writing.manager, now), writing)
        applied = server_side_apply(old.document, given, manager=writing.manager, now=now)
    except PatchError as error:
        return Outcome(state=state, answer=Status(status=error.status, reason="Invalid", message=error.message))
    return requests.replace_fields(state, writing.kind, key, applied.document)


def delete(state: State, obj: Object, *, propagation: str = "", grace: int | None = None) -> Outcome:
    """DELETE an object; see ``requests.delete``."""
    return requests.delete(state, obj.kind, obj.key, propagation=propagation, grace=grace)


def record(state: State, document: Mapping[str, Any]) -> State:
    """POST an event, which no admission plugin looks at; the state stays as it was where its namespace ends."""
    meta = document["metadata"]
    tx = Transaction(state=state)
    namespace = tx.get("Namespace", str(meta["namespace"]))
    if namespace is not None and (namespace.document.get("metadata") or {}).get("deletionTimestamp"):
        return state
    tx.create(api_version="v1", kind="Event", key=f"{meta['namespace']}/{meta['name']}", document=document)
    return tx.finish()


def scale(state: State, obj: Object, change: Mapping[str, Any], *, manager: str) -> Outcome:
    """PATCH the size of an object through its scale subresource."""
    outcome = requests.patch(state, obj.kind, obj.key, change)
    scaled = outcome.state.cluster.get(obj.kind, obj.key)
    if not outcome.answer.accepted or scaled is None or not type_of(scaled.document):
        return outcome
    now = timestamp(state.now - state.now % 1000)
    entries = managing.tracked(obj.document, scaled.document, manager=manager, now=now, part="scale")
    tx = Transaction(state=outcome.state)
    tx.put(edited(scaled, ["metadata"], {"managedFields": entries}))
    return Outcome(state=tx.finish(), answer=outcome.answer)


def sandbox(state: State, pod: Object) -> Mapping[str, Any]:
    """The fields of a pod's status that say its address, once its sandbox is there; none if there is none to give."""
    return sandbox_addresses(Transaction(state=state), pod) or {}


def written_by_the_system(
    state: State, changed: Sequence[tuple[Object, Mapping[str, Any]]], made: Sequence[Mapping[str, Any]]
) -> State:
    """The state with what the API server and kubelets write by themselves, which nothing refuses.

    Args:
        state: before.
        changed: objects and what becomes of them.
        made: objects that come, with their namespace.
    """
    tx = Transaction(state=state)
    for obj, document in changed:
        tx.put(with_document(obj, document))
    for document in made:
        meta = document["metadata"]
        key = f"{meta['namespace']}/{meta['name']}"
        tx.create(api_version=str(document["apiVersion"]), kind=str(document["kind"]), key=key, document=document)
    return tx.finish()


def released(state: State, obj: Object, found: Sequence[managing.Conflict]) -> State:
    """The state in which the owners of fields have lost what an apply takes from them."""
    tx = Transaction(state=state)
    tx.put(edited(obj, ["metadata"], {"managedFields": managing.released(obj.document, found) or None}))
    return tx.finish()


def finalize(state: State, namespace: Object, finalizers: Sequence[str]) -> Outcome:
    """Set what a namespace waits for beside its content and its metadata; without any of them it goes.

    Source: FinalizeREST in pkg/registry/core/namespace/storage/storage.go.
    """
    tx = Transaction(state=state)
    tx.edit(namespace.kind, namespace.key, ["spec"], {"finalizers": [*finalizers] or None})
    tx.finish_deletion(namespace.kind, namespace.key)
    return Outcome(state=tx.finish(), answer=Status(status=200))
