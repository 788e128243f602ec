"""The eviction subresource: a pod may go if its disruption budget has room.

Source: pkg/registry/core/pod/storage/eviction.go of Kubernetes 1.36. Decided by ``rules/admission/eviction.dl``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kubelogic.apiserver.answers import Status, forbidden
from kubelogic.apiserver.conditions import put_condition
from kubelogic.apiserver.deciding import IT, decide
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import edited, metadata
from kubelogic.facts.base import Fact
from kubelogic.facts.selectors import matches, requirements

_SEVERAL = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
_DENIED = "Cannot evict pod as it would violate the pod's disruption budget."
_GOALS = ("refuses_eviction", "charges_eviction")

_FORBIDDEN = {
    "negative": "pdb disruptions allowed is negative",
    "unconfirmed evictions": "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
}
"""The API server's words for what should not be, by the reason that the rules give."""


def decide_eviction(tx: Transaction, pod: Object) -> Status | None:
    """Refuse an eviction, or charge it to the pod's budget and mark the pod as a target of disruption."""
    budgets = {each.key: each for each in budgets_of(tx.state.cluster, pod)}
    answer = decide(tx, tuple(_asked(pod, budgets.values())), _GOALS)
    for _, key, reason in answer["refuses_eviction"]:
        return _refusal(budgets[str(key)], str(reason))
    for _, key in answer["charges_eviction"]:
        _charge(tx, budgets[str(key)], pod)
    if not metadata(pod).get("deletionTimestamp"):
        reason, message = "EvictionByEvictionAPI", "Eviction API: evicting"
        put_condition(tx, pod, name="DisruptionTarget", status="True", reason=reason, message=message)
    return None


def _asked(pod: Object, budgets: Iterable[Object]) -> Iterator[Fact]:
    """What the rules have to know of an eviction."""
    status: Mapping[str, Any] = pod.document.get("status") or {}
    yield "asks_to_evict", (IT, status.get("phase") or "Pending")
    if metadata(pod).get("deletionTimestamp"):
        yield "asks_to_evict_ending", (IT,)
    if any(c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or ()):
        yield "asks_to_evict_ready", (IT,)
    for budget in budgets:
        told: Mapping[str, Any] = budget.document.get("status") or {}
        numbers = (int(told.get(name) or 0) for name in ("disruptionsAllowed", "currentHealthy", "desiredHealthy"))
        yield "asks_under_budget", (IT, budget.key)
        yield "asked_budget", (budget.key, *numbers)
        policy = (budget.document.get("spec") or {}).get("unhealthyPodEvictionPolicy")
        if policy:
            yield "asked_budget_policy", (budget.key, policy)
        if told.get("observedGeneration") is not None:
            seen = int(told["observedGeneration"]), int(metadata(budget).get("generation") or 0)
            yield "asked_budget_seen", (budget.key, *seen)
        yield "asked_budget_evictions", (budget.key, len(told.get("disruptedPods") or ()))


def budgets_of(cluster: Cluster, pod: Object) -> list[Object]:
    """The budgets that cover a pod, by name."""
    labels = metadata(pod).get("labels") or {}
    found = cluster.objects("PodDisruptionBudget")
    return [
        found[key] for key in sorted(found) if found[key].namespace == pod.namespace and _selects(found[key], labels)
    ]


def _selects(budget: Object, labels: Mapping[str, str]) -> bool:
    selector = (budget.document.get("spec") or {}).get("selector")
    return selector is not None and matches(requirements(selector), labels)


def _charge(tx: Transaction, budget: Object, pod: Object) -> None:
    status: Mapping[str, Any] = budget.document.get("status") or {}
    left = int(status.get("disruptionsAllowed") or 0) - 1
    disrupted = {**(status.get("disruptedPods") or {}), pod.name: tx.now}
    tx.put(edited(budget, ["status"], {"disruptionsAllowed": left, "disruptedPods": disrupted}))
    if not left:
        set_disruption_condition(tx, budget.key)


def _refusal(budget: Object, reason: str) -> Status:
    """The API server's answer."""
    if reason == "several budgets":
        return Status(status=500, message=_SEVERAL)
    if reason in _FORBIDDEN:
        return forbidden(budget, _FORBIDDEN[reason])
    processed = f"The disruption budget {budget.name} is still being processed by the server."
    cause = processed if reason == "still processed" else _why(budget)
    return Status(status=429, reason="TooManyRequests", message=_DENIED, causes=(cause,))


def _why(budget: Object) -> str:
    status: Mapping[str, Any] = budget.document.get("status") or {}
    healthy, desired = int(status.get("currentHealthy") or 0), int(status.get("desiredHealthy") or 0)
    conditions = status.get("conditions") or ()
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
