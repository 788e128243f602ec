"""Resource quotas at admission: what a new object costs must fit in what is left of every quota that covers it.

As in the source, the status of the quota is what counts; it is charged at once, and put right by the quota controller
when objects go.

Source: staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from kubelogic.apiserver.answers import Obstacle, Status, forbidden
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import edited
from kubelogic.facts.quota import limits_of
from kubelogic.facts.quota_costs import costs, is_covered
from kubelogic.kinds.quantity import canonical, parse, written

READS = frozenset({"ResourceQuota"})
"""The kinds of objects that the plugin reads."""

_NANO = 10**9

_CHARGED_ON_CHANGE = frozenset({"PersistentVolumeClaim", "Service"})
"""Kinds of which an object may come to cost more later. Source: the evaluators' Handles."""

_DEMANDED = ("cpu", "memory")
"""Compute resources that containers have to name if a quota limits them. Source: validationSet of the pod evaluator."""


def validate(tx: Transaction, obj: Object, old: Object | None) -> Status | None:
    """Charge a new object, or what a changed one costs more than before, to the quotas of its namespace."""
    if old is not None and obj.kind not in _CHARGED_ON_CHANGE:
        return None
    quotas = _quotas(tx, obj)
    if not quotas:
        return None
    cost = _costs(tx, obj)
    if old is not None:
        before = costs(old)
        cost = {
            name: amount - before.get(name, Fraction(0))
            for name, amount in cost.items()
            if amount > before.get(name, Fraction(0))
        }
    return _charge(tx, obj, quotas, cost)


def _costs(tx: Transaction, obj: Object) -> Mapping[str, Fraction]:
    """What an object costs; new pods of one template cost the same."""
    if obj.kind != "Pod":
        return costs(obj)
    spec, status = obj.document.get("spec"), obj.document.get("status") or {}
    return tx.alike(("costs", status.get("phase")), (spec,), lambda: costs(obj))


def _charge(tx: Transaction, obj: Object, quotas: Sequence[Object], cost: Mapping[str, Fraction]) -> Status | None:
    charged: list[Object] = []
    covering = [(quota, limits_of(quota)) for quota in quotas if is_covered(quota, obj)]
    for quota, hard in covering:  # of all quotas before any is charged
        missing = _unspecified(obj, hard)
        if missing:
            remedy = f"name {missing} in the template of the pod, or let a LimitRange give a default"
            return forbidden(
                obj,
                f"failed quota: {quota.name}: must specify {missing}",
                obstacles=(Obstacle(kind=quota.kind, key=quota.key, path=("spec", "hard"), remedy=remedy),),
            )
    for quota, hard in covering:
        requested = {name: cost[name] for name in sorted(hard) if cost.get(name)}
        used = (quota.document.get("status") or {}).get("used") or {}
        new = {name: amount + parse(used.get(name, 0)) for name, amount in requested.items()}
        exceeded = [name for name, amount in new.items() if amount > parse(hard[name])]
        if exceeded:
            asked = ",".join(f"{name}={_text(requested[name], str(hard[name]))}" for name in exceeded)
            taken = ",".join(f"{name}={_text(parse(used.get(name, 0)), str(hard[name]))}" for name in exceeded)
            limit = ",".join(f"{name}={canonical(hard[name])}" for name in exceeded)
            why = f"exceeded quota: {quota.name}, requested: {asked}, used: {taken}, limited: {limit}"
            room = tuple(_more_room(quota, name, _text(new[name], str(hard[name]))) for name in exceeded)
            return forbidden(obj, why, obstacles=room)
        if new:
            texts = {name: _text(amount, str(hard[name])) for name, amount in new.items()}
            charged.append(edited(quota, ["status"], {"used": {**used, **texts}}))
    for quota in charged:
        tx.put(quota)
    return None


def _more_room(quota: Object, name: str, needed: str) -> Obstacle:
    remedy = f"raise {name} to {needed} or more for the next one, or ask for less"
    return Obstacle(kind=quota.kind, key=quota.key, path=("spec", "hard", name), remedy=remedy)


def _quotas(tx: Transaction, obj: Object) -> list[Object]:
    stored = tx.state.cluster.objects("ResourceQuota")
    if not stored:
        return []
    found = [tx.get("ResourceQuota", key) for key in sorted(stored)]
    return [quota for quota in found if quota is not None and quota.namespace == obj.namespace]


def _text(amount: Fraction, like: str) -> str:
    return written(int(amount * _NANO), like=like)


def _unspecified(obj: Object, hard: Mapping[str, Any]) -> str:
    """The compute resources that the containers of a pod have to name, because a quota limits them.

    A pod that states any of them for itself as a whole need not. Source: Constraints of the pod evaluator.
    """
    if obj.kind != "Pod":
        return ""
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    whole = spec.get("resources") or {}
    if any(whole.get(field) for field in ("requests", "limits")):
        return ""
    parts: list[str] = []
    for name in sorted(hard):
        field, _, resource = name.rpartition(".") if "." in name else ("requests", "", name)
        if field not in ("requests", "limits") or resource not in _DEMANDED:
            continue
        lacking = [
            container["name"]
            for part in ("containers", "initContainers")
            for container in spec.get(part) or ()
            if resource not in ((container.get("resources") or {}).get(field) or {})
        ]
        if lacking:
            parts.append(f"{name} for: {','.join(sorted(lacking))}")
    return "; ".join(parts)
