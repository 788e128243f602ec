"""The eviction subresource: a pod may go if its disruption budget has room.

Source: pkg/registry/core/pod/storage/eviction.go of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.conditions import put_condition
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import edited, metadata
from kubelogic.facts.selectors import matches, requirements

_SEVERAL = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
_DENIED = "Cannot evict pod as it would violate the pod's disruption budget."


def decide_eviction(tx: Transaction, pod: Object) -> Status | None:
    """Refuse an eviction, or charge it to the pod's budget and mark the pod as a target of disruption."""
    if not _is_free(pod):
        budgets = budgets_of(tx, pod)
        if len(budgets) > 1:
            return Status(status=500, message=_SEVERAL)
        if budgets:
            refusal = _charge(tx, budgets[0], pod)
            if refusal is not None:
                return refusal
    if not metadata(pod).get("deletionTimestamp"):
        reason, message = "EvictionByEvictionAPI", "Eviction API: evicting"
        put_condition(tx, pod, name="DisruptionTarget", status="True", reason=reason, message=message)
    return None


def budgets_of(tx: Transaction, pod: Object) -> list[Object]:
    """The budgets that cover a pod, by name."""
    labels = metadata(pod).get("labels") or {}
    found = tx.state.cluster.objects("PodDisruptionBudget")
    return [
        found[key] for key in sorted(found) if found[key].namespace == pod.namespace and _selects(found[key], labels)
    ]


def _selects(budget: Object, labels: Mapping[str, str]) -> bool:
    selector = (budget.document.get("spec") or {}).get("selector")
    return selector is not None and matches(requirements(selector), labels)


def _is_free(pod: Object) -> bool:
    """Whether budgets do not matter: the pod has ended, has not started, or is going anyway."""
    phase = (pod.document.get("status") or {}).get("phase") or "Pending"
    return phase in ("Succeeded", "Failed", "Pending") or bool(metadata(pod).get("deletionTimestamp"))


def _is_ready(pod: Object) -> bool:
    conditions = (pod.document.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _charge(tx: Transaction, budget: Object, pod: Object) -> Status | None:
    spec: Mapping[str, Any] = budget.document.get("spec") or {}
    status: dict[str, Any] = dict(budget.document.get("status") or {})
    healthy, desired = int(status.get("currentHealthy") or 0), int(status.get("desiredHealthy") or 0)
    if not _is_ready(pod):
        if spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
            return None
        if healthy >= desired > 0:
            return None
    allowed = int(status.get("disruptionsAllowed") or 0)
    if allowed == 0:
        return Status(status=429, reason="TooManyRequests", message=_DENIED, causes=(_why(budget, healthy, desired),))
    disrupted = {**(status.get("disruptedPods") or {}), pod.name: tx.now}
    tx.put(edited(budget, ["status"], {"disruptionsAllowed": allowed - 1, "disruptedPods": disrupted}))
    if allowed == 1:
        set_disruption_condition(tx, budget.key)
    return None


def _why(budget: Object, healthy: int, desired: int) -> str:
    conditions = (budget.document.get("status") or {}).get("conditions") or ()
    found: Mapping[str, Any] = next((c for c in conditions if c.get("type") == "DisruptionAllowed"), {})
    start = f"The disruption budget {budget.name} "
    if found.get("status") == "False" and found.get("reason") == "SyncFailed" and found.get("message"):
        return f"{start}does not allow evicting pods currently because it failed sync: {found['message']}"
    if healthy <= desired:
        return f"{start}needs {desired} healthy pods and has {healthy} currently"
    return f"{start}does not allow evicting pods currently"


def set_disruption_condition(tx: Transaction, key: str) -> None:
    """Make the condition of a budget say what its status says."""
    budget = tx.get("PodDisruptionBudget", key)
    if budget is None:
        return
    allowed = int((budget.document.get("status") or {}).get("disruptionsAllowed") or 0)
    status, reason = ("True", "SufficientPods") if allowed else ("False", "InsufficientPods")
    put_condition(tx, budget, name="DisruptionAllowed", status=status, reason=reason)
