"""The chain of admission: what every object passes before it is stored, whoever sends it.

``PLUGINS`` are in kube-apiserver's own order. All of them may first change the object (``admit``); the API server
fills in and validates it; then all may refuse what came of it (``validate``). Quotas are charged last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.apiserver.admission import (
    default_storage_class,
    default_toleration_seconds,
    limit_ranger,
    mutating_admission_policy,
    namespace_lifecycle,
    persistent_volume_claim_resize,
    pod_preset,
    pod_security,
    priority,
    resource_quota,
    runtime_class,
    service_account,
    storage_object_in_use_protection,
    taint_nodes_by_condition,
    validating_admission_policy,
)
from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.registry import strategies
from kubelogic.apiserver.transaction import Rounds, Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import metadata, with_document

Admit = Callable[[Transaction, Object, Object | None], Status | None]
"""Looks at an object in the transaction, given as it was before or None if it is new; may change or refuse it."""


class Plugin(msgspec.Struct, frozen=True, kw_only=True):
    """One admission plugin.

    Attributes:
        name: as in ``--enable-admission-plugins``.
        admit: may change the object, or refuse it (the mutating half).
        validate: may refuse what came of it (the validating half).
    """

    name: str
    admit: Admit | None = None
    validate: Admit | None = None


PLUGINS: tuple[Plugin, ...] = (
    Plugin(name="NamespaceLifecycle", admit=namespace_lifecycle.admit),
    Plugin(name="PodPreset", admit=pod_preset.admit),
    Plugin(name="LimitRanger", admit=limit_ranger.admit, validate=limit_ranger.validate),
    Plugin(name="ServiceAccount", admit=service_account.admit),
    Plugin(name="TaintNodesByCondition", admit=taint_nodes_by_condition.admit),
    Plugin(name="PodSecurity", validate=pod_security.validate),
    Plugin(name="Priority", admit=priority.admit, validate=priority.validate),
    Plugin(name="DefaultTolerationSeconds", admit=default_toleration_seconds.admit),
    Plugin(name="DefaultStorageClass", admit=default_storage_class.admit),
    Plugin(name="StorageObjectInUseProtection", admit=storage_object_in_use_protection.admit),
    Plugin(name="PersistentVolumeClaimResize", validate=persistent_volume_claim_resize.validate),
    Plugin(name="RuntimeClass", admit=runtime_class.admit, validate=runtime_class.validate),
    Plugin(name="MutatingAdmissionPolicy", admit=mutating_admission_policy.admit),
    Plugin(name="ValidatingAdmissionPolicy", validate=validating_admission_policy.validate),
    Plugin(name="ResourceQuota", validate=resource_quota.validate),
)
"""Those that are on by default and modelled. Source: AllOrderedPlugins in pkg/kubeapiserver/options/plugins.go.

PodPreset went with 1.20; it stands where it stood in 1.19.
"""

_MUTATING = tuple(plugin.admit for plugin in PLUGINS if plugin.admit is not None)
_VALIDATING = tuple(plugin.validate for plugin in PLUGINS if plugin.validate is not None)

_PERSONAL = ("MutatingAdmissionPolicy", "PodPreset")
"""Kinds of what looks at more of a pod than its spec and namespace."""

_JUDGING = ("ResourceQuota", "ValidatingAdmissionPolicy")
"""Kinds of what looks at each object anew before it is taken."""


def on_create(tx: Transaction, obj: Object) -> Status | None:
    """Admit a new object that is in the transaction already. None: accepted."""
    return mutate(tx, obj) or _prepared(tx, obj) or validate(tx, obj)


def on_update(tx: Transaction, old: Object, new: Object) -> Status | None:
    """Admit a changed object that is in the transaction already and has passed validation. None: accepted."""
    present = tx.get(new.kind, new.key)
    if present is None:
        return None
    return strategies.prepare_changed(tx, old, present) or validate(tx, new, old)


def on_delete(tx: Transaction, obj: Object) -> Status | None:
    """Decide whether an object may be deleted. None: granted."""
    refusal = namespace_lifecycle.admit_deletion(obj)
    return refusal or validating_admission_policy.judge(tx, obj, obj, "DELETE")


def on_evict(tx: Transaction, pod: Object) -> Status | None:
    """Decide about an eviction. None: granted."""
    from kubelogic.apiserver.registry.eviction import decide_eviction

    return decide_eviction(tx, pod)


def prepared(old: Object, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A changed document before it is validated: without what its old state had and its new one cannot have."""
    return strategies.without_lost(old, document)


def mutate(tx: Transaction, obj: Object, old: Object | None = None) -> Status | None:
    """Let all plugins change an object that is in the transaction.

    What becomes of a new pod depends on its spec and namespace alone, if no policy and no preset looks at more: pods
    that share a spec share what becomes of it. What policies change is seen by all plugins once more.
    """
    is_mirror = service_account.MIRROR in (metadata(obj).get("annotations") or ())
    shared = obj.kind == "Pod" and old is None and not is_mirror and not any(map(tx.state.cluster.objects, _PERSONAL))
    spec = obj.document.get("spec")
    if shared:
        known = tx.known(("mutated", obj.namespace), spec)
        if known is not None:
            tx.put(with_document(obj, {**obj.document, "spec": known}))
            return None
    tx.rounds = Rounds()
    refusal = _pass(tx, obj, old, _MUTATING)
    if refusal is None and tx.rounds.changed:
        tx.rounds.again = True
        refusal = _pass(tx, obj, old, [half for half in _MUTATING if half is not pod_preset.admit])
    if shared and refusal is None:
        present = tx.get(obj.kind, obj.key)
        if present is not None:
            tx.keep(("mutated", obj.namespace), spec, present.document.get("spec"))
    return refusal


def validate(tx: Transaction, obj: Object, old: Object | None = None) -> Status | None:
    """Let the API server and all plugins refuse an object that is in the transaction.

    Where no policy and no quota looks at each, what is said of a new pod depends on its spec, its namespace and whether
    it has a controller: one that shares them with another that was taken without a word is taken.
    """
    alike = None if old is not None or any(map(tx.state.cluster.objects, _JUDGING)) else _likeness(obj)
    if alike is not None and tx.known(alike, obj.document.get("spec")):
        return None
    warned = len(tx.warned)
    refusal = strategies.validate_new(tx, obj) if old is None else None
    refusal = refusal or _pass(tx, obj, old, _VALIDATING)
    if alike is not None and refusal is None and len(tx.warned) == warned:
        tx.keep(alike, obj.document.get("spec"), True)
    return refusal


def spec_of_alike(tx: Transaction, obj: Object) -> Any:
    """The spec that a new pod has once it is stored, if one like it was changed and taken without a word (see
    ``mutate``, ``validate``); None if nothing is known."""
    spec = obj.document.get("spec")
    alike = _likeness(obj)
    known = tx.known(("mutated", obj.namespace), spec) if alike is not None else None
    return known if known is not None and tx.known(alike, known) else None


def _likeness(obj: Object) -> tuple[str, str, bool] | None:
    """What, with its spec, decides whether a new pod is taken; None for other kinds, and where annotations may, too."""
    about = metadata(obj)
    if obj.kind != "Pod" or about.get("annotations"):
        return None
    return "validated", obj.namespace, any(each.get("controller") for each in about.get("ownerReferences") or ())


def _prepared(tx: Transaction, obj: Object) -> Status | None:
    present = tx.get(obj.kind, obj.key)
    return strategies.prepare_new(tx, present) if present is not None else None


def _pass(tx: Transaction, obj: Object, old: Object | None, halves: Sequence[Admit]) -> Status | None:
    for half in halves:
        present = tx.get(obj.kind, obj.key)
        if present is None:
            return None
        refusal = half(tx, present, old)
        if refusal is not None:
            return refusal
    return None
