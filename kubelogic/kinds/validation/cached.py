"""Admission of many documents: running pods that differ only in what is their own are checked once."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from kubelogic.kinds.validation import names
from kubelogic.kinds.validation.admission import Admission, admit
from kubelogic.patterns import regex

_TIME = rb"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ"
_OWN_TIME = regex(_TIME.decode())
_OWN_STATUS = regex(
    rb'"(?:lastTransitionTime|startTime|startedAt|finishedAt)":"' + _TIME + rb'"'
    rb'|"(?:podIP|hostIP|ip|containerID|imageID)":"[^"\\]*"'
)
_TOKEN_VOLUME = regex(rb'"kube-api-access-[a-z0-9]{5}"')
_LABEL = regex(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_DROP = object()
_UNSET = object()
_OWN_FORMS = (("uid", None), ("resourceVersion", None), ("creationTimestamp", _OWN_TIME))
_OWN_METADATA = ("name", *(key for key, _ in _OWN_FORMS))


_Plan = dict[str | int, Any]
"""Where to change a tree: plans by step; None where the change is."""


class _Model(msgspec.Struct, frozen=True, kw_only=True):
    """A pod that was admitted without a word, for others that are equal to it but for what is their own."""

    document: dict[str, Any]
    token: _Plan
    nulls: _Plan


class Admitter(msgspec.Struct, kw_only=True):
    """Admits many documents as ``admit`` does, pods that differ only in what is their own at a tenth of the price.

    A pod's own are its name, uid, version and times, its node, its token volume's name, and the addresses, ids and
    times of its status. What it learns lives as long as it does: make one for each load.

    Attributes:
        namespace: where namespaced objects go that name no namespace.
        ip_families: the address families of the cluster's Services.
    """

    namespace: str = "default"
    ip_families: Collection[str] = ("IPv4",)
    _models: dict[tuple[bytes, bytes], _Model | None] = msgspec.field(default_factory=dict)

    def admit(self, document: Mapping[str, Any]) -> Admission:
        """The stored document, or all problems at once."""
        if document.get("kind") == "Pod" and document.get("apiVersion") == "v1":
            return self._pod(document)
        return self._one(document)

    def _one(self, document: Mapping[str, Any]) -> Admission:
        return admit(document, namespace=self.namespace, ip_families=self.ip_families)

    def _pod(self, document: Mapping[str, Any]) -> Admission:
        metadata, spec, status = document.get("metadata"), document.get("spec"), document.get("status")
        if type(metadata) is not dict or type(spec) is not dict or not _usual(metadata, spec):
            return self._one(document)
        if status is not None and type(status) is not dict:
            return self._one(document)
        shared = metadata.copy()
        own = {key: shared.pop(key) for key in _OWN_METADATA if key in shared}
        node = spec.get("nodeName")
        rest = {**document, "metadata": shared, "spec": {**spec, "nodeName": ""} if node else spec, "status": None}
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
    spec = document["spec"]
    if document.get("status") != kept or any("ephemeral" in volume for volume in spec.get("volumes", ())):
        return None
    tokens = _plan(spec, lambda value: value == token) if token else {}
    if token and _size(tokens) != uses:
        return None
    return _Model(document=dict(document), token=tokens, nulls=nulls)


def _copy(model: _Model, own: Mapping[str, Any], node: str | None, token: str, status: Any) -> Admission:
    document = model.document.copy()
    document["metadata"] = {**document["metadata"], **own}
    if model.token:
        document["spec"] = _changed(document["spec"], model.token, token)
    if node:
        document["spec"] = {**document["spec"], "nodeName": node}
    if status is not None:
        document["status"] = _changed(status, model.nulls, _DROP) if model.nulls else status
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
