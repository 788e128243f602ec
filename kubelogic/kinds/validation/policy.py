"""Budgets, priorities, quotas, limits, leases and runtimes.

Source: Kubernetes, "Specifying a Disruption Budget", "Pod Priority and Preemption", "Resource Quotas",
"Limit Ranges", "Runtime Class".
"""

from __future__ import annotations

from collections.abc import Mapping

from kubelogic.kinds import quantity
from kubelogic.kinds.validation import names, resources, scheduling
from kubelogic.kinds.validation.common import (
    expression_values,
    label_key,
    labels,
    metadata,
    required_name,
    selector,
    unknown_operator,
)
from kubelogic.kinds.validation.problems import Report, Tree
from kubelogic.kinds.validation.workloads import at_most_all, int_or_percent
from kubelogic.text.location import Path

SYSTEM_PRIORITIES = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}
"""The classes that every cluster has."""

HIGHEST_PRIORITY = 1_000_000_000
"""The highest value that a user may give."""

_PREEMPTION = ("Never", "PreemptLowerPriority")
_SCOPES = (
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
)
_EXIST_ONLY = ("BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity")
_COMPUTE = ("cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory")
_SCOPE_RESOURCES = {
    "BestEffort": ("pods",),
    "VolumeAttributesClass": ("persistentvolumeclaims", "requests.storage"),
}
_OPPOSITES = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))


def disruption_budget(report: Report, tree: Tree) -> None:
    """Check a PodDisruptionBudget."""
    metadata(report, tree, names.path_segment, namespaced=True)
    spec = tree.get("spec", {})
    path: Path = ("spec",)
    if "minAvailable" in spec and "maxUnavailable" in spec:
        report.add((*path, "maxUnavailable"), "KL142", "minAvailable and maxUnavailable exclude each other")
    for key in ("minAvailable", "maxUnavailable"):
        if key in spec:
            int_or_percent(report, (*path, key), spec[key])
            at_most_all(report, (*path, key), spec[key])
    selector(report, (*path, "selector"), spec.get("selector"))
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in ("AlwaysAllow", "IfHealthyBudget"):
        report.unsupported((*path, "unhealthyPodEvictionPolicy"), policy, ("AlwaysAllow", "IfHealthyBudget"))


def priority_class(report: Report, tree: Tree) -> None:
    """Check a PriorityClass."""
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    name, value = tree.get("metadata", {}).get("name", ""), tree.get("value", 0)
    if name.startswith("system-"):
        if name not in SYSTEM_PRIORITIES:
            report.add(("metadata", "name"), "KL140", "names with 'system-' are reserved; choose another")
        elif value != SYSTEM_PRIORITIES[name]:
            report.add(("value",), "KL140", f"must be {SYSTEM_PRIORITIES[name]} for {name}, is {value}")
        elif tree.get("globalDefault"):
            report.add(("globalDefault",), "KL140", f"must be false for {name}")
    elif value > HIGHEST_PRIORITY:
        report.add(("value",), "KL140", f"must be at most {HIGHEST_PRIORITY}, is {value}")
    if "preemptionPolicy" in tree:
        report.one_of(("preemptionPolicy",), tree["preemptionPolicy"], _PREEMPTION)


def resource_quota(report: Report, tree: Tree) -> None:
    """Check a ResourceQuota."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    spec = tree.get("spec", {})
    path: Path = ("spec",)
    hard: Mapping[str, str] = spec.get("hard", {})
    for name, value in hard.items():
        where = (*path, "hard", name)
        resources.check_name(report, where, name, resources.quota_resource)
        resources.amount(report, where, name, value)
    scopes = spec.get("scopes", [])
    for index, scope in enumerate(scopes):
        _scope(report, (*path, "scopes", index), scope, hard)
    _opposites(report, (*path, "scopes"), scopes)
    expressions = spec.get("scopeSelector", {}).get("matchExpressions", [])
    here = (*path, "scopeSelector", "matchExpressions")
    for index, expression in enumerate(expressions):
        scope, operator = expression.get("scopeName", ""), expression.get("operator", "")
        _scope(report, (*here, index, "scopeName"), scope, hard)
        expression_values(report, (*here, index), operator, expression.get("values", []))
        if operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
            unknown_operator(report, (*here, index), operator, ("In", "NotIn", "Exists", "DoesNotExist"))
        elif scope in _EXIST_ONLY and operator != "Exists":
            report.add((*here, index, "operator"), "KL135", f"must be Exists for the scope {scope}")
    _opposites(report, here, [expression.get("scopeName", "") for expression in expressions])


def _scope(report: Report, path: Path, scope: str, hard: Mapping[str, str]) -> None:
    if scope not in _SCOPES:
        report.unsupported(path, scope, _SCOPES)
        return
    allowed = _SCOPE_RESOURCES.get(scope, ("pods", *_COMPUTE))
    for name in sorted(hard):
        standard = name in resources.QUOTA or name.startswith(("hugepages-", "requests.hugepages-"))
        if standard and name not in allowed:
            report.add(path, "KL142", f"the scope {scope} cannot be used for {name}, only for {', '.join(allowed)}")


def _opposites(report: Report, path: Path, scopes: list[str]) -> None:
    for first, second in _OPPOSITES:
        if first in scopes and second in scopes:
            report.add(path, "KL142", f"the scopes {first} and {second} exclude each other")


def limit_range(report: Report, tree: Tree) -> None:
    """Check a LimitRange."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    seen: set[str] = set()
    for index, item in enumerate(tree.get("spec", {}).get("limits", ())):
        path: Path = ("spec", "limits", index)
        kind = item.get("type", "")
        label_key(report, (*path, "type"), kind)
        if kind and "/" not in kind and kind not in ("Container", "PersistentVolumeClaim", "Pod"):
            report.unsupported((*path, "type"), kind, ("Container", "PersistentVolumeClaim", "Pod"))
        if kind in seen:
            report.duplicate((*path, "type"), kind)
        seen.add(kind)
        _limit(report, path, item, kind)


def _limit(report: Report, path: Path, item: Tree, kind: str) -> None:
    rule = resources.container_resource if kind in ("Pod", "Container") else resources.resource_name
    parts: tuple[str, ...] = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
    if kind == "Pod":
        for part in ("default", "defaultRequest"):
            if item.get(part):
                report.forbidden((*path, part), "may not be set for the type Pod")
        parts = ("max", "min", "maxLimitRequestRatio")
    bounds = ("min" in item and "storage" in item["min"]) or ("max" in item and "storage" in item["max"])
    if kind == "PersistentVolumeClaim" and not bounds:
        report.required(path, "give min or max of storage")
    amounts: dict[str, dict[str, str]] = {part: item.get(part, {}) for part in parts}
    for part in parts:
        for name in amounts[part]:
            resources.check_name(report, (*path, part, name), name, rule)
    for name in sorted({name for part in parts for name in amounts[part]}):
        _bounds(report, path, {part: amounts[part][name] for part in parts if name in amounts[part]}, name)


_ORDER = (
    ("min", "max"),
    ("min", "defaultRequest"),
    ("defaultRequest", "max"),
    ("defaultRequest", "default"),
    ("min", "default"),
    ("default", "max"),
)


def _bounds(report: Report, path: Path, given: Mapping[str, str], name: str) -> None:
    nanos = {part: quantity.read(value).nanos for part, value in given.items()}
    for low, high in _ORDER:
        if low in nanos and high in nanos and nanos[low] > nanos[high]:
            at = low if low in ("min", "defaultRequest") and high != "defaultRequest" else high
            report.add((*path, at, name), "KL136", f"{low} ({given[low]}) is above {high} ({given[high]})")
    ratio = nanos.get("maxLimitRequestRatio")
    where = (*path, "maxLimitRequestRatio", name)
    if ratio is not None:
        if ratio < 10**9:
            report.add(where, "KL138", f"must be at least 1, is {given['maxLimitRequestRatio']}")
        if nanos.get("min", 0) > 0 and "max" in nanos and ratio * nanos["min"] > nanos["max"] * 10**9:
            report.add(where, "KL138", f"is above max/min = {nanos['max'] / nanos['min']:.6g}")
    both = "default" in nanos and "defaultRequest" in nanos
    if both and not resources.can_overcommit(name) and nanos["default"] != nanos["defaultRequest"]:
        report.add((*path, "defaultRequest", name), "KL136", f"must be equal to default ({given['default']})")


def lease(report: Report, tree: Tree) -> None:
    """Check a Lease."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    spec = tree.get("spec", {})
    report.at_least(spec, "leaseDurationSeconds", ("spec",), 1)
    report.at_least(spec, "leaseTransitions", ("spec",))
    strategy = spec.get("strategy")
    if strategy is not None and "/" not in strategy and strategy != "OldestEmulationVersion":
        report.unsupported(("spec", "strategy"), strategy, ("OldestEmulationVersion",))
    if spec.get("preferredHolder") and not strategy:
        report.forbidden(("spec", "preferredHolder"), "may only be set with a strategy")


def runtime_class(report: Report, tree: Tree) -> None:
    """Check a RuntimeClass."""
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    required_name(report, ("handler",), tree.get("handler"), names.dns_label)
    fixed = tree.get("overhead", {}).get("podFixed")
    if fixed:
        for name, value in fixed.items():
            where = ("overhead", "podFixed", name)
            resources.check_name(report, where, name, resources.container_resource)
            resources.amount(report, where, name, value)
    where_to = tree.get("scheduling", {})
    labels(report, ("scheduling", "nodeSelector"), where_to.get("nodeSelector"))
    scheduling.tolerations(report, ("scheduling", "tolerations"), where_to.get("tolerations", []), unique=True)
