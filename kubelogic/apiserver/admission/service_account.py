"""The account that a pod runs under has to be there.

Source: plugin/pkg/admission/serviceaccount/admission.go of Kubernetes 1.36. The volume with the token is written where
a cluster is served (``serve.finishing``); who holds which token is for rules (``rules/identity/bound_tokens.dl``).
"""

from __future__ import annotations

from typing import Any

from kubelogic.apiserver.answers import Obstacle, Status, forbidden
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import edited, metadata

DEFAULT = "default"
"""The account of pods that name none; a controller makes it in every namespace."""

MIRROR = "kubernetes.io/config.mirror"
"""The annotation of pods that stand for what a kubelet runs from its own files."""

_PATH = ("spec", "serviceAccountName")


def admit(tx: Transaction, pod: Object, old: Object | None) -> Status | None:
    """Give a new pod its account, and what that account brings, or refuse it if the account is known to be missing."""
    if pod.kind != "Pod" or old is not None:
        return None
    spec = pod.document.get("spec") or {}
    name = spec.get("serviceAccountName") or spec.get("serviceAccount") or ""
    if MIRROR in (metadata(pod).get("annotations") or {}):
        return forbidden(pod, "a mirror pod may not reference service accounts", path=_PATH) if name else None
    chosen = name or DEFAULT
    account = tx.get("ServiceAccount", f"{pod.namespace}/{chosen}")
    was_there = (pod.namespace, chosen) in tx.state.world.get("account_seen", ())
    is_known = was_there or pod.namespace not in tx.state.unseen_accounts
    if account is None and chosen != DEFAULT and is_known:
        why = f'error looking up service account {pod.namespace}/{chosen}: serviceaccount "{chosen}" not found'
        missing = Obstacle(kind="ServiceAccount", key=f"{pod.namespace}/{chosen}", path=(), remedy="create it")
        return forbidden(pod, why, obstacles=(missing,), path=_PATH)
    fields: dict[str, Any] = {"serviceAccountName": chosen}
    brought = account.document.get("imagePullSecrets") if account is not None else None
    if brought and not spec.get("imagePullSecrets"):
        fields["imagePullSecrets"] = brought
    tx.put(edited(pod, ["spec"], fields))
    return None
