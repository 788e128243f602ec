"""Why a drain leaves a pod where it is: what its budget wants and has, and what of that only the cluster knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.apiserver.registry.eviction import budgets_of
from kubelogic.cluster import Object
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.pods import controller_reference, is_active, is_ready
from kubelogic.cluster.state import State
from kubelogic.explain.units import count, some
from kubelogic.kinds.table import lookup


class Blocked(msgspec.Struct, frozen=True, kw_only=True):
    """A pod that cannot be evicted within the time.

    Attributes:
        pod: its key.
        budget: key of the budget that protects it; empty where there are several.
        why: what the budget wants and has, at the end.
        always: whether the budget would allow no eviction even if all pods were healthy.
        unsure: whether only the cluster knows what the budget goes by: the scale of a custom resource.
    """

    pod: str
    budget: str
    why: str
    always: bool
    unsure: bool = False


def blocked(state: State, key: str) -> Blocked:
    """Why a pod was not evicted, at the end of a drain."""
    pod = state.cluster.objects("Pod")[key]
    budgets = budgets_of(state.cluster, pod)
    if metadata(pod).get("deletionTimestamp"):
        return Blocked(pod=key, budget="", why="it is terminating and does not end", always=False)
    if len(budgets) != 1:
        names = ", ".join(each.key for each in budgets)
        why = f"{len(budgets)} budgets cover it ({names}), and the API server refuses every eviction of such a pod"
        return Blocked(pod=key, budget="", why=why, always=True)
    status: Mapping[str, Any] = budgets[0].document.get("status") or {}
    wanted, there = int(status.get("desiredHealthy") or 0), int(status.get("expectedPods") or 0)
    healthy = int(status.get("currentHealthy") or 0)
    always = wanted >= there
    custom = some(_custom_scales(state, budgets[0].key))
    if words := sizeless(budgets[0], there):
        if custom:
            why = (
                f"budget {budgets[0].key} {words.partition(',')[0]}, which the scale of {custom} says: "
                "that of a custom resource is not modelled, and this budget's status has no number of pods from it"
            )
            return Blocked(pod=key, budget=budgets[0].key, why=why, always=False, unsure=True)
        return Blocked(pod=key, budget=budgets[0].key, why=f"budget {budgets[0].key} {words}", always=True)
    wants = f"budget {budgets[0].key} wants {count(wanted, 'healthy pod')}"
    waiting = some(unready(state, budgets[0].key), 3)
    why = (
        f"{wants} of {there}: it never lets one go"
        if always
        else f"{wants}, and {healthy} of {there} {'is' if healthy == 1 else 'are'}"
        + (f"; not ready: {waiting}" if waiting else "")
        + (f"; what {custom} makes in its place is not modelled" if custom else "")
    )
    return Blocked(pod=key, budget=budgets[0].key, why=why, always=always, unsure=bool(custom) and not always)


def sizeless(budget: Object, there: int) -> str:
    """What is wrong with a budget that goes by the sizes of controllers where there are none; empty for others.

    Source: pkg/controller/disruption/disruption.go, getExpectedPodCount and failSafe, of Kubernetes 1.36.
    """
    conditions: Sequence[Mapping[str, Any]] = (budget.document.get("status") or {}).get("conditions") or ()
    failed = next((str(each.get("message")) for each in conditions if each.get("reason") == "SyncFailed"), "")
    spec = budget.document.get("spec") or {}
    field = "maxUnavailable" if spec.get("maxUnavailable") is not None else "minAvailable"
    goes = f"goes by how many replicas there should be ({field}: {spec.get(field)})"
    if failed:
        return f"{goes}, which cannot be found out ({failed}): it never lets one go"
    return f"{goes}, and no controller of its pods says so: it never lets one go" if not there else ""


def _custom_scales(state: State, budget: str) -> list[str]:
    """The controllers of kinds that are not part of Kubernetes, of the pods that a budget covers.

    Source: pkg/controller/disruption/disruption.go, getScaleController, of Kubernetes 1.36, which asks for their scale.
    """
    found = set()
    for pod in state.cluster.objects("Pod").values():
        owner = controller_reference(pod)
        if owner is None or lookup(str(owner.get("apiVersion")), str(owner.get("kind"))) is not None:
            continue
        if any(each.key == budget for each in budgets_of(state.cluster, pod)):
            found.add(f"{owner.get('kind')} {pod.namespace}/{owner.get('name')}")
    return sorted(found)


def unready(state: State, budget: str) -> list[str]:
    """The pods that a budget covers and that are not ready, by key."""
    pods = state.cluster.objects("Pod").items()
    return sorted(
        key
        for key, pod in pods
        if is_active(pod) and not is_ready(pod) and any(each.key == budget for each in budgets_of(state.cluster, pod))
    )
