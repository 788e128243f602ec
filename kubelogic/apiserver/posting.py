"""What controllers send to make, change or delete an object: done in the transaction and admitted, or undone again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.apiserver import chain, policies
from kubelogic.apiserver.answers import Status, invalid, resource_name
from kubelogic.apiserver.registry import immutable
from kubelogic.apiserver.registry.immutable import refuse_change
from kubelogic.apiserver.registry.strategies import is_decoded
from kubelogic.apiserver.transaction import Denied, Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import merge_patch, metadata, with_document
from kubelogic.kinds.defaults.pods import with_requests
from kubelogic.kinds.table import did_you_mean, is_namespaced, lookup, served
from kubelogic.kinds.validation import admit


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """An object that was sent, and the answer.

    Attributes:
        obj: as it was sent.
        refusal: why it was not taken; None if it is there.
    """

    obj: Object
    refusal: Status | None


def change(tx: Transaction, kind: str, key: str, fields: Mapping[str, Any]) -> Posted | None:
    """PATCH an object within a transaction with a merge patch; None if it is not there, or is so already.

    What is refused changes nothing: also what is no valid object, where it was one before. A changed spec raises the
    generation.
    """
    old = tx.get(kind, key)
    if old is None:
        return None
    document = merge_patch(old.document, fields)
    if document == old.document:
        return None
    if (refusal := _invalid_change(old, document)) is not None:
        tx.undone = True
        return Posted(obj=with_document(old, document), refusal=refusal)
    if document.get("spec") != old.document.get("spec") and kind not in ("Pod", "Node"):
        meta = {**document["metadata"], "generation": int(metadata(old).get("generation") or 1) + 1}
        document = {**document, "metadata": meta}
    new, before = with_document(old, document), dict(tx.changed)
    tx.put(new)
    refusal = None if fields.keys() == {"status"} else admit_change(tx, old, new)
    if refusal is not None:
        tx.changed = before
        tx.undone = True
    return Posted(obj=new, refusal=refusal)


def _invalid_change(old: Object, document: Mapping[str, Any]) -> Status | None:
    """422 for a document with faults that the object did not have."""
    space = old.namespace or "default"
    admitted = admit(document, namespace=space)
    known = admit(old.document, namespace=space).faults if admitted.faults else ()
    faults = [each for each in admitted.faults if each not in known]
    if faults and is_decoded(admitted):
        faults += immutable.faults(old, with_document(old, document))
    return invalid(old, faults) if faults else None


def admit_change(tx: Transaction, old: Object, new: Object) -> Status | None:
    """Admit a changed object that is in the transaction already. None: accepted."""
    refusal = chain.mutate(tx, new, old)
    present = tx.get(new.kind, new.key) or new
    return refusal or refuse_change(old, present) or chain.on_update(tx, old, present)


def post(
    tx: Transaction,
    *,
    api_version: str,
    kind: str,
    key: str,
    document: Mapping[str, Any],
    owner: Object | None = None,
) -> Posted:
    """POST an object within a transaction; what is refused leaves no trace in it.

    Args:
        tx: what there is by now.
        api_version: group and version.
        kind: kind.
        key: ``namespace/name`` or ``name``.
        document: the rest; ``metadata`` may hold labels, annotations, finalizers and so on.
        owner: the object that becomes its controller.
    """
    spec = document.get("spec")
    if kind == "Pod" and spec:
        document = {**document, "spec": tx.alike("requests of limits", (spec,), lambda: with_requests(spec))}
    made = tx.create(api_version=api_version, kind=kind, key=key, document=document, owner=owner)
    refusal = chain.on_create(tx, made)
    if refusal is not None:
        tx.changed.pop((kind, key))
        tx.undone = True
    return Posted(obj=made, refusal=refusal)


def submit(tx: Transaction, *, api_version: str, kind: str, key: str, document: Mapping[str, Any]) -> Posted:
    """POST what nobody has checked, such as what a rule says: it is validated and gets its defaults, as a manifest.

    Args:
        tx: what there is by now.
        api_version: group and version.
        kind: kind.
        key: ``namespace/name`` or ``name``.
        document: the rest.
    """
    namespace, _, name = key.rpartition("/")
    meta = {**(document.get("metadata") or {}), "name": name, **({"namespace": namespace} if namespace else {})}
    whole = {**document, "apiVersion": api_version, "kind": kind, "metadata": meta}
    sent = Object(api_version=api_version, kind=kind, namespace=namespace, name=name, document=whole)
    refusal = _misplaced(sent)
    if refusal is None and tx.get(kind, key) is not None:
        message = f'{resource_name(sent)} "{name}" already exists'
        refusal = Status(status=409, reason="AlreadyExists", message=message)
    admitted = admit(whole, namespace=namespace)
    if refusal is None and admitted.faults:
        refusal = invalid(sent, admitted.faults)
    if refusal is not None:
        tx.undone = True
        return Posted(obj=sent, refusal=refusal)
    return post(tx, api_version=api_version, kind=kind, key=key, document=admitted.document)


def _misplaced(sent: Object) -> Status | None:
    """A kind that the API server does not know, or a namespace where none belongs, or the other way round."""
    version, kind = sent.api_version, sent.kind
    if lookup(version, kind) is None and any(version == each for each, _ in served()):
        near = did_you_mean(version, kind)
        hint = f"; did you mean {near.kind} in {near.api_version}?" if near is not None else ""
        message = f'no matches for kind "{kind}" in version "{version}"{hint}'
        return Status(status=404, reason="NotFound", message=message)
    spaced = is_namespaced(version, kind)
    if spaced is not None and spaced != bool(sent.namespace):
        wanted = "NAMESPACE/NAME" if spaced else "NAME alone"
        message = f'the key of a {kind} is {wanted}, not "{sent.key}"'
        return Status(status=400, reason="BadRequest", message=message)
    return None


def amend(tx: Transaction, kind: str, key: str, path: Sequence[str], fields: Mapping[str, Any]) -> bool:
    """PATCH some fields of an object that may be gone by now; what a policy denies changes nothing.

    Only admission policies look at such changes of controllers, so nobody is asked where there are none. A status is
    written by a request of its own, which policies of the object itself are not about.

    Args:
        tx: what there is by now.
        kind: kind of the object.
        key: its key.
        path: where the fields are.
        fields: their values; None removes one.

    Returns:
        Whether nothing denied it.
    """
    if path[:1] == ["status"] or not policies.present(tx):
        tx.edit(kind, key, path, fields)
        return True
    before, old = dict(tx.changed), tx.get(kind, key)
    tx.edit(kind, key, path, fields)
    new = tx.get(kind, key)
    if old is None or new is None:
        return False
    refusal = None if new.document == old.document else admit_change(tx, old, new)
    if refusal is not None:
        tx.changed = before
        tx.undone = True
        tx.denied.append(Denied(verb="change", kind=kind, key=key, answer=refusal))
    return refusal is None


def erase(tx: Transaction, kind: str, key: str, *, propagation: str = "", grace: int | None = None) -> bool:
    """DELETE an object that may be gone by now; what a policy denies leaves it as it is.

    Args:
        tx: what there is by now.
        kind: kind of the object.
        key: its key.
        propagation: ``Background``, ``Foreground``, ``Orphan``, or empty for the default.
        grace: seconds for a pod to end; None for its own.

    Returns:
        Whether the request was granted.

    Source: staging/src/k8s.io/apiserver/pkg/endpoints/handlers/delete.go; registry/generic/registry/store.go, Delete.
    """
    obj = tx.get(kind, key)
    if obj is None:
        return True
    refusal = chain.on_delete(tx, obj) if policies.present(tx) else None
    if refusal is not None:
        tx.undone = True
        tx.denied.append(Denied(verb="delete", kind=kind, key=key, answer=refusal))
        return False
    tx.delete(kind, key, propagation=propagation, grace=grace)
    return True
