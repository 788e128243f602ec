"""Admission of many documents: pods, and nodes, that differ only in what is their own are checked once."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeGuard

import msgspec

from kubelogic.kinds.validation import names
from kubelogic.kinds.validation.admission import Admission, admit
from kubelogic.patterns import regex

_TIME = rb"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ"
_OWN_TIME = regex(_TIME.decode())
_OWN_STATUS = regex(
    rb'"(?:lastTransitionTime|startTime|startedAt|finishedAt)":"' + _TIME + rb'"'
    rb'|"(?:podIP|hostIP|ip|containerID|imageID|address|machineID|systemUUID|bootID)":"[^"\\]*"'
)
_TOKEN_VOLUME = regex(rb'"kube-api-access-[a-z0-9]{5}"')
_LABEL = regex(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_DROP = object()
_UNSET = object()
_OWN_FORMS = (("uid", None), ("resourceVersion", None), ("creationTimestamp", _OWN_TIME))
_OWN_METADATA = ("name", *(key for key, _ in _OWN_FORMS))
_HOST = "kubernetes.io/hostname"
_MANY = frozenset({"Node", "Pod"})
_SECTIONS = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})


_NOTHING: dict[str, Any] = {}
_Plan = dict[str | int, Any]
"""Where to change a tree: plans by step; None where the change is."""


class _Model(msgspec.Struct, frozen=True, kw_only=True):
    """An object that was admitted without a word, for others that are equal to it but for what is their own."""

    document: dict[str, Any]
    token: _Plan
    nulls: _Plan
    filled: dict[str, Any]
    """Fields of the status that admission fills in or writes otherwise: nothing in them is an object's own."""


class _Twin(msgspec.Struct, frozen=True, kw_only=True):
    """A pod that was admitted, for others that have the very same spec and status, which it keeps from being freed."""

    document: dict[str, Any]
    spec: Any
    status: Any


class Admitter(msgspec.Struct, kw_only=True):
    """Admits many documents as ``admit`` does, pods and nodes that differ only in what is their own at a tenth.

    A pod's own are its name, uid, version and times, its node, its token volume's name, and the addresses, ids and
    times of its status; a node's own is also the label with its name. Pods that wait and whose spec the reader has
    made one cost least. What it learns lives as long as it does: make one for each load.

    Attributes:
        namespace: where namespaced objects go that name no namespace.
        ip_families: the address families of the cluster's Services.
    """

    namespace: str = "default"
    ip_families: Collection[str] = ("IPv4",)
    _models: dict[tuple[bytes, bytes], _Model | None] = msgspec.field(default_factory=dict)
    _twins: dict[tuple[int, int, bytes], _Twin] = msgspec.field(default_factory=dict)

    def admit(self, document: Mapping[str, Any]) -> Admission:
        """The stored document, or all problems at once."""
        if document.get("kind") in _MANY and document.get("apiVersion") == "v1":
            return self._one_of_many(document)
        return self._one(document)

    def _one(self, document: Mapping[str, Any]) -> Admission:
        return admit(document, namespace=self.namespace, ip_families=self.ip_families)

    def _one_of_many(self, document: Mapping[str, Any]) -> Admission:
        metadata, status = document.get("metadata"), document.get("status")
        spec = document.get("spec", _NOTHING)
        if type(metadata) is not dict or type(spec) is not dict or not _usual(metadata, spec):
            return self._one(document)
        if status is not None and type(status) is not dict:
            return self._one(document)
        shared = metadata.copy()
        own = {key: shared.pop(key) for key in _OWN_METADATA if key in shared}
        labels = shared.get("labels")
        if document["kind"] == "Node" and _has_host(labels, own["name"]):
            shared["labels"] = {**labels, _HOST: ""}
            own["labels"] = labels
        if spec.get("nodeName") or document["kind"] != "Pod" or not document.keys() <= _SECTIONS:
            return self._modelled(document, shared, own)
        try:
            mark = id(spec), id(status), msgspec.json.encode((shared, list(own)))
        except (TypeError, ValueError, RecursionError):
            return self._one(document)
        twin = self._twins.get(mark)
        if twin is not None:
            metadata = {**twin.document["metadata"], **own}
            return Admission(document={**twin.document, "metadata": metadata}, problems=(), warnings=())
        admission = self._modelled(document, shared, own)
        if not admission.problems and not admission.warnings and not _has_own_claims(admission.document):
            self._twins[mark] = _Twin(document=dict(admission.document), spec=spec, status=status)
        return admission

    def _modelled(self, document: Mapping[str, Any], shared: Mapping[str, Any], own: Mapping[str, Any]) -> Admission:
        """The admission of an object by the model of those that are equal to it but for what is their own.

        Args:
            document: the whole object.
            shared: its metadata without what is its own.
            own: its own metadata.
        """
        spec, status = document.get("spec", _NOTHING), document.get("status")
        node = spec.get("nodeName")
        rest = {**document, "metadata": shared, "status": None}
        if node:
            rest["spec"] = {**spec, "nodeName": ""}
        try:
            asked = msgspec.json.encode((rest, sorted(own)))
            state = msgspec.json.encode(status)
        except (TypeError, ValueError, RecursionError):
            return self._one(document)
        token = match[0] if (match := _TOKEN_VOLUME.search(asked)) else b""
        key = asked.replace(token, b"") if token else asked, _OWN_STATUS.sub(b"", state)
        if key in self._models:
            model = self._models[key]
            return self._one(document) if model is None else _copy(model, own, node, token.decode()[1:-1], status)
        admission = self._one(document)
        self._models[key] = None
        if not admission.problems and not admission.warnings:
            self._models[key] = _model(admission.document, status, token.decode()[1:-1], asked.count(token))
        return admission


def _has_host(labels: Any, name: str) -> TypeGuard[dict[str, Any]]:
    """Whether the labels of a node name it, and hold nothing that is stored otherwise than it is written."""
    return type(labels) is dict and labels.get(_HOST) == name and None not in labels.values()


def _usual(metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> bool:
    """Whether what is a pod's own is as it should be, so that only the rest needs checks."""
    if not _is_text(metadata.get("name"), _LABEL):
        return False
    node = spec.get("nodeName", _UNSET)
    if not (node is _UNSET or _is_text(node, _LABEL) or (_is_text(node) and not names.dns_subdomain(node))):
        return False
    return all(_is_text(metadata[key], form) for key, form in _OWN_FORMS if key in metadata)


def _is_text(value: Any, form: re.Pattern[str] | None = None) -> bool:
    return type(value) is str and (form is None or form.fullmatch(value) is not None)


def _model(document: Mapping[str, Any], status: Any, token: str, uses: int) -> _Model | None:
    """The model for pods like this one; None if their status, claims or ``uses`` of the token need a look each."""
    nulls = _plan(status or {}, lambda value: value is None)
    if _within_lists(nulls):
        return None
    kept = _changed(status, nulls, _DROP) if nulls else status
    spec = document.get("spec", _NOTHING)
    stored = document.get("status")
    written = kept or _NOTHING
    filled = {name: value for name, value in (stored or _NOTHING).items() if written.get(name, _UNSET) != value}
    if filled and (
        document["kind"] != "Node" or not _are_alike([filled, {name: written.get(name) for name in filled}])
    ):
        return None
    if stored != ({**written, **filled} if filled else kept) or _has_own_claims(document):
        return None
    tokens = _plan(spec, lambda value: value == token) if token else {}
    if token and _size(tokens) != uses:
        return None
    return _Model(document=dict(document), token=tokens, nulls=nulls, filled=filled)


def _are_alike(fields: Any) -> bool:
    """Whether nothing in some fields of a status is an object's own."""
    return _OWN_STATUS.search(msgspec.json.encode(fields)) is None


def _has_own_claims(document: Mapping[str, Any]) -> bool:
    """Whether a pod has volumes whose claims are named after it."""
    return any("ephemeral" in volume for volume in document.get("spec", _NOTHING).get("volumes", ()))


def _copy(model: _Model, own: Mapping[str, Any], node: str | None, token: str, status: Any) -> Admission:
    document = model.document.copy()
    document["metadata"] = {**document["metadata"], **own}
    if model.token:
        document["spec"] = _changed(document["spec"], model.token, token)
    if node:
        document["spec"] = {**document["spec"], "nodeName": node}
    if status is not None:
        kept = _changed(status, model.nulls, _DROP) if model.nulls else status
        document["status"] = {**kept, **model.filled} if model.filled else kept
    return Admission(document=document, problems=(), warnings=())


def _plan(tree: Any, wanted: Callable[[Any], bool]) -> _Plan:
    """Where in a tree the wanted values are."""
    plan: _Plan = {}
    for step, value in tree.items() if type(tree) is dict else enumerate(tree):
        if type(value) is dict or type(value) is list:
            if inner := _plan(value, wanted):
                plan[step] = inner
        elif wanted(value):
            plan[step] = None
    return plan


def _within_lists(plan: _Plan) -> bool:
    """Whether a plan is about items of a list, which would move when one goes."""
    return any(_within_lists(inner) if inner else type(step) is int for step, inner in plan.items())


def _size(plan: _Plan) -> int:
    return sum(1 if inner is None else _size(inner) for inner in plan.values())


def _changed(tree: Any, plan: _Plan, value: Any) -> Any:
    """A tree with other values (or without them: ``_DROP``) where a plan says; the rest is shared."""
    copy = tree.copy()
    for step, inner in plan.items():
        if inner is not None:
            copy[step] = _changed(copy[step], inner, value)
        elif value is _DROP:
            del copy[step]
        else:
            copy[step] = value
    return copy
