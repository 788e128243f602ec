"""Requests of users: what the API server does when objects are created, patched, scaled, deleted or evicted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver import chain
from kubelogic.apiserver.answers import Status, invalid, misnamed, resource_name
from kubelogic.apiserver.patches import KUBECTL
from kubelogic.apiserver.patches.errors import PatchError
from kubelogic.apiserver.posting import admit_change
from kubelogic.apiserver.registry import immutable
from kubelogic.apiserver.registry.statuses import refuse_status, with_own_status
from kubelogic.apiserver.registry.strategies import is_decoded
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import merge_patch, metadata, with_document
from kubelogic.cluster.state import State
from kubelogic.facts.quota_costs import plural_of
from kubelogic.kinds.evidence import is_stored
from kubelogic.kinds.table import is_namespaced
from kubelogic.kinds.validation import admit
from kubelogic.text import documents
from kubelogic.text.origin import ItemOrigin

_ORPHANS_BY_DEFAULT = frozenset({"Job", "ReplicationController"})
"""Kinds whose dependents stay when they are deleted without a word. Source: rest.DefaultGarbageCollectionPolicy."""

_OF_THE_SERVER = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")
"""Metadata that no request sets."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The state after a request, and what the API server answered."""

    state: State
    answer: Status


def create(state: State, document: Mapping[str, Any], *, namespace: str = "default") -> Outcome:
    """POST an object.

    Args:
        state: before the request.
        document: as in a manifest.
        namespace: for namespaced objects that name none.
    """
    admitted = admit(document, namespace=namespace)
    if admitted.problems:
        return Outcome(state=state, answer=_invalid(document, admitted.faults))
    full = admitted.document
    kind, meta = str(full["kind"]), full["metadata"]
    tx = Transaction(state=state)
    spot = meta.get("namespace") or ""
    key = f"{spot}/{meta['name']}" if spot and is_namespaced(full["apiVersion"], kind) is not False else meta["name"]
    present = tx.get(kind, key)
    if present is not None:
        message = f'{resource_name(present)} "{present.name}" already exists'
        return Outcome(state=state, answer=Status(status=409, reason="AlreadyExists", message=message))
    obj = tx.create(api_version=full["apiVersion"], kind=kind, key=key, document=_owned(full, tx, spot))
    refusal = chain.on_create(tx, obj)
    if refusal is not None:
        return Outcome(state=state, answer=refusal)
    return Outcome(state=tx.finish(), answer=Status(status=201))


def trial(state: State) -> Transaction:
    """A transaction in which objects are only tried: what is sent in it counts for what is sent after it."""
    return Transaction(state=state)


def send(tx: Transaction, obj: Object) -> Status | None:
    """POST a complete object within a trial. None: accepted, and the transaction has it as it would be stored."""
    tx.put(obj)
    return chain.on_create(tx, obj)


def _owned(document: Mapping[str, Any], tx: Transaction, namespace: str) -> Mapping[str, Any]:
    """Fill in the uid of owners that are given by name only (``$ref``)."""
    meta = document["metadata"]
    references = []
    for reference in meta.get("ownerReferences") or ():
        if reference.get("uid") == "$ref":
            key = f"{namespace}/{reference['name']}" if namespace else reference["name"]
            owner = tx.get(reference["kind"], key)
            references.append({**reference, "uid": metadata(owner).get("uid") if owner else "absent"})
        else:
            references.append(reference)
    return {**document, "metadata": {**meta, "ownerReferences": references}} if references else document


def update(state: State, document: Mapping[str, Any], *, namespace: str = "default") -> Outcome:
    """PUT an object: the document replaces the one that is there, but for its status.

    Args:
        state: before the request.
        document: the whole object as it should become.
        namespace: for namespaced objects that name none.
    """
    kind, meta, key = str(document["kind"]), document["metadata"], _key(document, namespace)
    tx = Transaction(state=state)
    old = tx.get(kind, key)
    if old is None:
        return Outcome(state=state, answer=_answer(404, "NotFound", kind, key, "not found"))
    kept = {name: value for name, value in metadata(old).items() if name in _OF_THE_SERVER}
    whole = {**document, "metadata": {**meta, **kept}}
    if "status" in old.document:
        whole["status"] = old.document["status"]
    return _update(tx, old, whole, subresource="")


def patch(state: State, kind: str, key: str, change: Mapping[str, Any], *, subresource: str = "") -> Outcome:
    """PATCH an object with a JSON merge patch. A changed spec raises the generation.

    Args:
        state: before the request.
        kind: kind of the object.
        key: its key.
        change: the merge patch.
        subresource: ``status`` for the status alone.
    """
    tx = Transaction(state=state)
    obj = tx.get(kind, key)
    if obj is None:
        return Outcome(state=state, answer=_answer(404, "NotFound", kind, key, "not found"))
    document = merge_patch(obj.document, change)
    return _changed(tx, obj, document, subresource=subresource)


def strategic_patch(state: State, kind: str, key: str, change: Mapping[str, Any], *, subresource: str = "") -> Outcome:
    """PATCH an object with a strategic merge patch: lists of containers, ports and so on merge by key."""
    from kubelogic.apiserver.patches.strategic import strategic_merge

    return _patched(state, kind, key, lambda document: strategic_merge(document, change), subresource=subresource)


def json_patch(
    state: State, kind: str, key: str, operations: Sequence[Mapping[str, Any]], *, subresource: str = ""
) -> Outcome:
    """PATCH an object with a JSON patch: a list of operations."""
    from kubelogic.apiserver.patches.plain import json_patch

    return _patched(state, kind, key, lambda document: json_patch(document, operations), subresource=subresource)


def _patched(
    state: State, kind: str, key: str, change: Callable[[Mapping[str, Any]], Mapping[str, Any]], *, subresource: str
) -> Outcome:
    tx = Transaction(state=state)
    obj = tx.get(kind, key)
    if obj is None:
        return Outcome(state=state, answer=_answer(404, "NotFound", kind, key, "not found"))
    try:
        document = change(obj.document)
    except PatchError as error:
        return Outcome(state=state, answer=_malformed(error))
    return _changed(tx, obj, document, subresource=subresource)


def _changed(tx: Transaction, old: Object, document: Mapping[str, Any], *, subresource: str) -> Outcome:
    """A patch leaves the object what and where it is. Source: handlers/rest.go, checkName; store.go, Update."""
    meta = document.get("metadata")
    if not isinstance(meta, Mapping):
        return Outcome(state=tx.state, answer=invalid(old, [("metadata", "must be a mapping")]))
    if message := misnamed(document, name=old.name, namespace=old.namespace):
        return Outcome(state=tx.state, answer=Status(status=400, reason="BadRequest", message=message))
    own = metadata(old).get("uid")
    if own and meta.get("uid") not in (None, "", own):
        why = f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {own}"
        message = f'Operation cannot be fulfilled on {resource_name(old)} "{old.name}": {why}'
        return Outcome(state=tx.state, answer=Status(status=409, reason="Conflict", message=message))
    return _update(tx, old, document, subresource=subresource)


_REASONS = {400: "BadRequest", 409: "Conflict", 415: "UnsupportedMediaType", 422: "Invalid"}


def _malformed(error: PatchError) -> Status:
    return Status(status=error.status, reason=_REASONS.get(error.status, "BadRequest"), message=error.message)


def apply(
    state: State,
    document: Mapping[str, Any],
    *,
    namespace: str = "default",
    manager: str = KUBECTL,
    server_side: bool = True,
    last_applied: Mapping[str, Any] | None = None,
) -> Outcome:
    """Apply a manifest, as ``kubectl apply`` does: make the object, or change what the manifest says of it.

    Fields that an earlier apply of the same manager set and this one does not go; all others stay. What the earlier
    apply set is told by ``managedFields``, by kubectl's annotation, or by the manifest that the object was read from.

    Args:
        state: before the request.
        document: as in a manifest.
        namespace: for namespaced objects that name none.
        manager: who applies; a server-side apply keeps the fields of each manager apart.
        server_side: false for the patch of three documents that kubectl sends without ``--server-side``.
        last_applied: what the earlier apply set, where nothing else tells it.

    Source: staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go, applyPatcher; k8s.io/kubectl, pkg/cmd/apply.
    """
    from kubelogic.apiserver.patches import client_side
    from kubelogic.apiserver.patches import server_side as on_server

    meta, kind, key = document.get("metadata") or {}, str(document.get("kind") or ""), _key(document, namespace)
    if not meta.get("name") and meta.get("generateName"):
        message = f"from {meta['generateName']}: cannot use generate name with apply"
        return Outcome(state=state, answer=Status(status=400, reason="BadRequest", message=message))
    document = {field: value for field, value in document.items() if field != "status"}
    tx = Transaction(state=state)
    old = tx.get(kind, key)
    try:
        if old is None:
            new = on_server.noted(document, manager, tx.now) if server_side else client_side.annotated(document)
            return create(state, new, namespace=namespace)
        if old.api_version != document.get("apiVersion"):
            message = f"it is stored as {old.api_version}: write that apiVersion"
            raise PatchError(f'{resource_name(old)} "{old.name}": {message}')
        before = last_applied if last_applied is not None else _written_before(old)
        if server_side:
            applied = on_server.server_side_apply(old.document, document, manager=manager, before=before, now=tx.now)
            changed: Mapping[str, Any] = applied.document
        else:
            noted = client_side.last_applied(old.document)
            changed = client_side.client_side_apply(
                old.document, document, before=before if noted is None or last_applied is not None else noted
            )
    except PatchError as error:
        return Outcome(state=state, answer=_malformed(error))
    return _update(tx, old, changed, subresource="")


def _written_before(obj: Object) -> Mapping[str, Any] | None:
    """The manifest that an object was read from; None if it came from a cluster or nobody wrote it."""
    if not isinstance(obj.origin, ItemOrigin):
        return None
    written = documents.written(obj.origin)
    return written if isinstance(written, dict) and not is_stored(written) else None


def _invalid(document: Mapping[str, Any], faults: Sequence[tuple[str, str]]) -> Status:
    """422 with every fault and its field, in the API server's words."""
    name = str((document.get("metadata") or {}).get("name") or "")
    api_version, kind = str(document.get("apiVersion") or ""), str(document.get("kind") or "")
    subject = Object(api_version=api_version, kind=kind, namespace="", name=name, document=document)
    return invalid(subject, faults)


def replace_object(state: State, document: Mapping[str, Any], *, namespace: str = "default") -> Outcome:
    """PUT an object, as ``kubectl replace`` does: all but its status and the server's metadata is as in the document.

    Args:
        state: before the request.
        document: as in a manifest.
        namespace: for namespaced objects that name none.
    """
    kind, meta, key = str(document.get("kind") or ""), document.get("metadata") or {}, _key(document, namespace)
    tx = Transaction(state=state)
    old = tx.get(kind, key)
    if old is None:
        return Outcome(state=state, answer=_answer(404, "NotFound", kind, key, "not found"))
    kept = {name: value for name, value in metadata(old).items() if name not in _USERS_METADATA}
    given = {name: value for name, value in meta.items() if name in _USERS_METADATA}
    new = {name: value for name, value in document.items() if name != "status"}
    if "status" in old.document:
        new["status"] = old.document["status"]
    return _update(tx, old, {**new, "metadata": {**kept, **given}}, subresource="")


_WISHES = ("spec", "template", "webhooks")
"""Parts whose changes raise the generation: the spec, or what kinds without one have in its place."""
_USERS_METADATA = frozenset({"labels", "annotations", "finalizers", "ownerReferences"})
"""Metadata that a request may change."""


def _update(
    tx: Transaction, old: Object, document: Mapping[str, Any], *, subresource: str, whole: bool = False
) -> Outcome:
    if subresource == "status":
        document = {**old.document, "status": document.get("status") or {}}
        if (refused := refuse_status(old, document)) is not None:
            return Outcome(state=tx.state, answer=refused)
    else:
        admitted = admit(chain.prepared(old, document), namespace=old.namespace or "default")
        if admitted.problems:
            readable = is_decoded(admitted)
            frozen = tuple(immutable.faults(old, with_document(old, document))) if readable else ()
            told = (*frozen, *admitted.faults) if old.kind in immutable.TOLD_FIRST else (*admitted.faults, *frozen)
            return Outcome(state=tx.state, answer=_invalid(document, tuple(dict.fromkeys(told))))
        document = admitted.document if whole else with_own_status(old, admitted.document)
        changed = any((document.get(part) or None) != (old.document.get(part) or None) for part in _WISHES)
        if changed and old.kind not in ("Pod", "Node"):
            meta = {**document["metadata"], "generation": int(metadata(old).get("generation") or 1) + 1}
            document = {**document, "metadata": meta}
    new = with_document(old, document)
    tx.put(new)
    refusal = None if subresource else admit_change(tx, old, new)
    if refusal is not None:
        return Outcome(state=tx.state, answer=refusal)
    tx.finish_deletion(new.kind, new.key)
    return Outcome(state=tx.finish(), answer=Status(status=200))


def scale(state: State, kind: str, key: str, replicas: int) -> Outcome:
    """Set the number of replicas."""
    return patch(state, kind, key, {"spec": {"replicas": replicas}})


def delete(state: State, kind: str, key: str, *, propagation: str = "", grace: int | None = None) -> Outcome:
    """DELETE an object.

    Args:
        state: before the request.
        kind: kind of the object.
        key: its key.
        propagation: ``Background``, ``Foreground``, ``Orphan``; empty for the kind's default.
        grace: seconds for a pod to end; None for its own.
    """
    tx = Transaction(state=state)
    obj = tx.get(kind, key)
    if obj is None:
        return Outcome(state=state, answer=_answer(404, "NotFound", kind, key, "not found"))
    refusal = chain.on_delete(tx, obj)
    if refusal is not None:
        return Outcome(state=state, answer=refusal)
    chosen = propagation or ("Orphan" if kind in _ORPHANS_BY_DEFAULT else "")
    tx.delete(kind, key, propagation=chosen, grace=grace)
    return Outcome(state=tx.finish(), answer=Status(status=200))


def evict(state: State, key: str, *, grace: int | None = None) -> Outcome:
    """POST an eviction of a pod, as ``kubectl drain`` does: refused where a budget forbids it.

    Args:
        state: before the request.
        key: of the pod.
        grace: seconds for the pod to end; None for its own.
    """
    tx = Transaction(state=state)
    pod = tx.get("Pod", key)
    if pod is None:
        return Outcome(state=state, answer=_answer(404, "NotFound", "Pod", key, "not found"))
    refusal = chain.on_evict(tx, pod)
    if refusal is not None:
        return Outcome(state=state, answer=refusal)
    tx.delete("Pod", key, grace=grace)
    return Outcome(state=tx.finish(), answer=Status(status=201))


def replace_fields(state: State, kind: str, key: str, document: Mapping[str, Any]) -> Outcome:
    """PUT an object: the whole document is the new one. A changed spec raises the generation.

    Args:
        state: before the request.
        kind: kind of the object.
        key: its key.
        document: what it shall be.
    """
    tx = Transaction(state=state)
    obj = tx.get(kind, key)
    if obj is None:
        return Outcome(state=state, answer=_answer(404, "NotFound", kind, key, "not found"))
    return _update(tx, obj, document, subresource="", whole=True)


def replace_status(state: State, old: Object, status: Mapping[str, Any]) -> Outcome:
    """PUT the status of an object, and nothing else of it."""
    tx = Transaction(state=state)
    return _update(tx, old, {**old.document, "status": status}, subresource="status")


def cordon(state: State, node: str, *, unschedulable: bool) -> Outcome:
    """Let a node take new pods, or not."""
    return patch(state, "Node", node, {"spec": {"unschedulable": True if unschedulable else None}})


def at(state: State, moment: int) -> State:
    """The state with its clock at ``moment``, not earlier than it was."""
    return replace(state, now=max(moment, state.now))


def _key(document: Mapping[str, Any], namespace: str) -> str:
    """The key of the object that a document is about."""
    meta, kind = document.get("metadata") or {}, str(document.get("kind") or "")
    name = str(meta.get("name") or "")
    namespaced = is_namespaced(str(document.get("apiVersion") or ""), kind) is not False
    return f"{meta.get('namespace') or namespace}/{name}" if namespaced else name


def _answer(status: int, reason: str, kind: str, key: str, what: str) -> Status:
    name = key.rpartition("/")[2]
    return Status(status=status, reason=reason, message=f'{plural_of(kind)} "{name}" {what}')
