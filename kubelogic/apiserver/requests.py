"""Requests of users: what the API server does when objects are created, patched, scaled, deleted or evicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kubelogic.apiserver import chain
from kubelogic.apiserver.answers import Status, resource_name
from kubelogic.apiserver.registry.immutable import refuse_change
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import merge_patch, metadata, with_document
from kubelogic.cluster.naming import HASH_LABEL, REVISION
from kubelogic.cluster.state import State
from kubelogic.facts.quota import plural_of
from kubelogic.kinds.table import is_namespaced
from kubelogic.kinds.validation import admit

_ORPHANS_BY_DEFAULT = frozenset({"Job", "ReplicationController"})
"""Kinds whose dependents stay when they are deleted without a word. Source: rest.DefaultGarbageCollectionPolicy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
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
        first = admitted.problems[0]
        return Outcome(state=state, answer=Status(status=422, reason="Invalid", message=first.message))
    full = admitted.document
    kind, meta = str(full["kind"]), full["metadata"]
    tx = Transaction(state=state)
    spot = meta.get("namespace") or ""
    key = f"{spot}/{meta['name']}" if spot and is_namespaced(full["apiVersion"], kind) is not False else meta["name"]
    present = tx.get(kind, key)
    if present is not None:
        message = f'{resource_name(present)} "{present.name}" already exists'
        return Outcome(state=state, answer=Status(status=409, reason="AlreadyExists", message=message))
    if spot and spot not in state.cluster.objects("Namespace") and "default" in state.cluster.objects("Namespace"):
        return Outcome(state=state, answer=_answer(404, "NotFound", "Namespace", spot, "not found"))
    obj = tx.create(api_version=full["apiVersion"], kind=kind, key=key, document=_owned(full, tx, spot))
    refusal = chain.on_create(tx, obj)
    if refusal is not None:
        return Outcome(state=state, answer=refusal)
    return Outcome(state=tx.finish(), answer=Status(status=201))


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
    return _update(state, tx, obj, document, subresource=subresource)


def strategic_patch(state: State, kind: str, key: str, change: Mapping[str, Any], *, subresource: str = "") -> Outcome:
    """PATCH an object with a strategic merge patch: lists of conditions, containers, ports and so on merge by key."""
    tx = Transaction(state=state)
    obj = tx.get(kind, key)
    if obj is None:
        return Outcome(state=state, answer=_answer(404, "NotFound", kind, key, "not found"))
    return _update(state, tx, obj, _strategic(obj.document, change), subresource=subresource)


_MERGE_KEYS: Mapping[str, str] = {
    "conditions": "type",
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "taints": "key",
    "addresses": "type",
    "ports": "port",
}


def _strategic(old: Any, change: Any, field: str = "") -> Any:
    if isinstance(change, Mapping):
        result = dict(old) if isinstance(old, Mapping) else {}
        for name, value in change.items():
            if value is None:
                result.pop(name, None)
            else:
                result[name] = _strategic(result.get(name), value, name)
        return result
    merge_key = _MERGE_KEYS.get(field)
    if isinstance(change, list) and isinstance(old, list) and merge_key:
        merged = list(old)
        for item in change:
            position = next((i for i, o in enumerate(merged) if o.get(merge_key) == item.get(merge_key)), None)
            if position is None:
                merged.append(item)
            else:
                merged[position] = _strategic(merged[position], item)
        return merged
    return change


def _update(state: State, tx: Transaction, old: Object, document: Mapping[str, Any], *, subresource: str) -> Outcome:
    if subresource == "status":
        document = {**old.document, "status": document.get("status") or {}}
    elif document.get("spec") != old.document.get("spec") and old.kind != "Pod":
        meta = {**document["metadata"], "generation": int(metadata(old).get("generation") or 1) + 1}
        document = {**document, "metadata": meta}
    if not subresource:
        admitted = admit(chain.prepared(old, document), namespace=old.namespace or "default")
        if admitted.problems:
            first = admitted.problems[0]
            return Outcome(state=state, answer=Status(status=422, reason="Invalid", message=first.message))
        document = admitted.document
    new = with_document(old, document)
    tx.put(new)
    refusal = (None if subresource else refuse_change(old, new)) or chain.on_update(tx, old, new)
    if refusal is not None:
        return Outcome(state=state, answer=refusal)
    kept = tx.get(new.kind, new.key)
    if kept is not None and metadata(kept).get("deletionTimestamp") and not metadata(kept).get("finalizers"):
        tx.delete(new.kind, new.key, grace=0)
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
    if tx.get(kind, key) is None:
        return Outcome(state=state, answer=_answer(404, "NotFound", kind, key, "not found"))
    chosen = propagation or ("Orphan" if kind in _ORPHANS_BY_DEFAULT else "")
    tx.delete(kind, key, propagation=chosen, grace=grace)
    return Outcome(state=tx.finish(), answer=Status(status=200))


def evict(state: State, key: str) -> Outcome:
    """POST an eviction of a pod, as ``kubectl drain`` does: refused where a budget forbids it."""
    tx = Transaction(state=state)
    pod = tx.get("Pod", key)
    if pod is None:
        return Outcome(state=state, answer=_answer(404, "NotFound", "Pod", key, "not found"))
    refusal = chain.on_evict(tx, pod)
    if refusal is not None:
        return Outcome(state=state, answer=refusal)
    tx.delete("Pod", key)
    return Outcome(state=tx.finish(), answer=Status(status=201))


def undo(state: State, deployment: str, revision: int = 0) -> Outcome:
    """Put the template of an earlier revision back, as ``kubectl rollout undo`` does.

    Args:
        state: before the request.
        deployment: key of the Deployment.
        revision: its number; 0 for the one before the present.
    """
    target = revision_template(state, deployment, revision)
    if target is None:
        return Outcome(state=state, answer=_answer(404, "NotFound", "Deployment", deployment, "has no such revision"))
    obj = state.cluster.get("Deployment", deployment)
    assert obj is not None
    tx = Transaction(state=state)
    spec = {**obj.document["spec"], "template": target}
    return _update(state, tx, obj, {**obj.document, "spec": spec}, subresource="")


def revision_template(state: State, deployment: str, revision: int) -> Mapping[str, Any] | None:
    """The pod template of a revision of a Deployment, without its hash label; None if there is no such revision."""
    obj = state.cluster.get("Deployment", deployment)
    if obj is None:
        return None
    numbered: dict[int, Object] = {}
    for candidate in state.cluster.objects("ReplicaSet").values():
        owners = metadata(candidate).get("ownerReferences") or ()
        number = str((metadata(candidate).get("annotations") or {}).get(REVISION) or "")
        if number.isdigit() and candidate.namespace == obj.namespace and _is_owned(owners, obj):
            numbered[int(number)] = candidate
    order: Sequence[int] = sorted(numbered)
    wanted = revision or (order[-2] if len(order) > 1 else 0)
    if wanted not in numbered:
        return None
    template: Mapping[str, Any] = numbered[wanted].document["spec"]["template"]
    meta = template.get("metadata") or {}
    labels = {name: value for name, value in (meta.get("labels") or {}).items() if name != HASH_LABEL}
    return {**template, "metadata": {**meta, "labels": labels}}


def _is_owned(owners: Sequence[Mapping[str, Any]], owner: Object) -> bool:
    return any(r.get("controller") and r.get("kind") == owner.kind and r.get("name") == owner.name for r in owners)


def cordon(state: State, node: str, *, unschedulable: bool) -> Outcome:
    """Let a node take new pods, or not."""
    return patch(state, "Node", node, {"spec": {"unschedulable": True if unschedulable else None}})


def at(state: State, moment: int) -> State:
    """The state with its clock at ``moment``, not earlier than it was."""
    return replace(state, now=max(moment, state.now))


def _answer(status: int, reason: str, kind: str, key: str, what: str) -> Status:
    name = key.rpartition("/")[2]
    return Status(status=status, reason=reason, message=f'{plural_of(kind)} "{name}" {what}')
