"""Budgets, priorities, quotas, limits, leases and runtimes.

Source: Kubernetes, "Specifying a Disruption Budget", "Pod Priority and Preemption", "Resource Quotas",
"Limit Ranges", "Runtime Class".
"""

from __future__ import annotations

from collections.abc import Mapping

from kubelogic.kinds import quantity
from kubelogic.kinds.validation import names, resources, scheduling
from kubelogic.kinds.validation.common import (
    label_key,
    labels,
    metadata,
    required_name,
    selector,
    unknown_operator,
)
from kubelogic.kinds.validation.problems import Report, Tree, listed, quoted
from kubelogic.kinds.validation.workloads import at_most_all, int_or_percent
from kubelogic.text.location import Path, dotted

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
_EXISTS_ONLY = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)
_NO_STORAGE = "either minimum or maximum storage value is required, but neither was provided"
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
        inner = spec.get("selector")
        shown = {
            "MinAvailable": spec["minAvailable"],
            "Selector": {key: inner[key] for key in ("matchLabels", "matchExpressions") if inner.get(key)}
            if inner
            else inner,
            "MaxUnavailable": spec["maxUnavailable"],
            "UnhealthyPodEvictionPolicy": spec.get("unhealthyPodEvictionPolicy"),
        }
        words = "minAvailable and maxUnavailable cannot be both set"
        text = "minAvailable and maxUnavailable exclude each other"
        report.wrong((*path, "maxUnavailable"), "KL142", text, shown, words, at="spec")
    for key in ("minAvailable", "maxUnavailable"):
        if key in spec:
            int_or_percent(report, (*path, key), spec[key])
            at_most_all(report, (*path, key), spec[key])
    selector(report, (*path, "selector"), spec.get("selector"))
    policy = spec.get("unhealthyPodEvictionPolicy")
    report.choice((*path, "unhealthyPodEvictionPolicy"), policy, ("AlwaysAllow", "IfHealthyBudget"))


def priority_class(report: Report, tree: Tree) -> None:
    """Check a PriorityClass."""
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    name, value = tree.get("metadata", {}).get("name", ""), tree.get("value", 0)
    if name.startswith("system-"):
        start = "Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: "
        where: Path = ("metadata", "name")
        if name not in SYSTEM_PRIORITIES:
            words = f"{start}{name} is not a known system priority class"
            report.add(where, "KL140", "names with 'system-' are reserved; choose another", api=words)
        elif value != SYSTEM_PRIORITIES[name]:
            words = f"{start}value of {name} PriorityClass must be {SYSTEM_PRIORITIES[name]}"
            text = f"must be {SYSTEM_PRIORITIES[name]} for {name}, is {value}"
            report.add(("value",), "KL140", text, api=words, at="metadata.name")
        elif tree.get("globalDefault"):
            words = f"{start}globalDefault of {name} PriorityClass must be false"
            report.add(("globalDefault",), "KL140", f"must be false for {name}", api=words, at="metadata.name")
    elif value > HIGHEST_PRIORITY:
        words = f"Forbidden: maximum allowed value of a user defined priority is {HIGHEST_PRIORITY}"
        report.add(("value",), "KL140", f"must be at most {HIGHEST_PRIORITY}, is {value}", api=words)
    if "preemptionPolicy" in tree:
        told = ("PreemptLowerPriority", "Never")
        report.one_of(("preemptionPolicy",), tree["preemptionPolicy"], _PREEMPTION, api=told)


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
        _scope(report, (*path, "scopes", index), scope, hard, at="spec.scopes", shown=scopes)
    _opposites(report, (*path, "scopes"), scopes, scopes)
    expressions = spec.get("scopeSelector", {}).get("matchExpressions", [])
    here = (*path, "scopeSelector", "matchExpressions")
    for index, expression in enumerate(expressions):
        scope, operator = expression.get("scopeName", ""), expression.get("operator", "")
        at = "spec.scopeSelector.matchExpressions"
        _scope(report, (*here, index, "scopeName"), scope, hard, at=at, shown=scope)
        if scope in _EXIST_ONLY and operator != "Exists":
            text = f"must be Exists for the scope {scope}"
            report.wrong((*here, index, "operator"), "KL135", text, operator, _EXISTS_ONLY, at=f"{at}.operator")
        _scope_values(report, (*here, index), operator, expression.get("values", []), at)
    _opposites(report, here, [expression.get("scopeName", "") for expression in expressions], scopes)


def _scope_values(report: Report, path: Path, operator: str, values: list[str], at: str) -> None:
    where = (*path, "values")
    if operator in ("In", "NotIn"):
        if not values:
            words = "Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            text = f"is required when the operator is {operator}"
            report.add(where, "KL135", text, api=words, at=f"{at}.values")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
            text = f"may not be set when the operator is {operator}; remove it"
            report.wrong(where, "KL135", text, values, detail, at=f"{at}.values")
    else:
        unknown_operator(report, path, operator, ("In", "NotIn", "Exists", "DoesNotExist"), at=f"{at}.operator")


def _scope(report: Report, path: Path, scope: str, hard: Mapping[str, str], *, at: str, shown: list[str] | str) -> None:
    if scope not in _SCOPES:
        field = at if isinstance(shown, list) else f"{at}.scopeName"
        words = "unsupported scope"
        report.wrong(path, "KL121", f"{quoted(scope)} is not supported: use {listed(_SCOPES)}", shown, words, at=field)
        return
    allowed = _SCOPE_RESOURCES.get(scope, ("pods", *_COMPUTE))
    for name in sorted(hard):
        standard = name in resources.QUOTA or name.startswith(("hugepages-", "requests.hugepages-"))
        if standard and name not in allowed:
            text = f"the scope {scope} cannot be used for {name}, only for {', '.join(allowed)}"
            report.wrong(path, "KL142", text, shown, "unsupported scope applied to resource", at=at)


def _opposites(report: Report, path: Path, scopes: list[str], shown: list[str]) -> None:
    for first, second in _OPPOSITES:
        if first in scopes and second in scopes:
            words = "conflicting scopes"
            report.wrong(path, "KL142", f"the scopes {first} and {second} exclude each other", shown, words)


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
        report.once((*path, "type"), kind, seen)
        _limit(report, path, item, kind)


def _limit(report: Report, path: Path, item: Tree, kind: str) -> None:
    rule = resources.container_resource if kind in ("Pod", "Container") else resources.resource_name
    parts: tuple[str, ...] = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
    if kind == "Pod":
        for part in ("default", "defaultRequest"):
            if item.get(part):
                words = "may not be specified when `type` is 'Pod'"
                report.forbidden((*path, part), "may not be set for the type Pod", api=words)
        parts = ("max", "min", "maxLimitRequestRatio")
    bounds = ("min" in item and "storage" in item["min"]) or ("max" in item and "storage" in item["max"])
    if kind == "PersistentVolumeClaim" and not bounds:
        report.required(path, "give min or max of storage", api=_NO_STORAGE, at=f"{dotted(path)}.limits")
    amounts: dict[str, dict[str, str]] = {part: item.get(part, {}) for part in parts}
    for part in parts:
        for name in amounts[part]:
            resources.check_name(report, (*path, part, name), name, rule)
    for name in sorted({name for part in parts for name in amounts[part]}):
        _bounds(report, path, {part: amounts[part][name] for part in parts if name in amounts[part]}, name)


_ORDER = (
    ("min", "max", "min", "min"),
    ("min", "defaultRequest", "defaultRequest", "defaultRequest"),
    ("defaultRequest", "max", "defaultRequest", "defaultRequest"),
    ("defaultRequest", "default", "defaultRequest", "defaultRequest"),
    ("min", "default", "default", "min"),
    ("default", "max", "default", "max"),
)
"""What must not be above what, which of them the API server names, and whose value it shows."""
_TOLD = {"defaultRequest": "default request", "default": "default"}


def _bounds(report: Report, path: Path, given: Mapping[str, str], name: str) -> None:
    nanos = {part: quantity.read(value).nanos for part, value in given.items()}
    own = {part: quantity.canonical(value) for part, value in given.items()}
    for low, high, named, quoting in _ORDER:
        if low in nanos and high in nanos and nanos[low] > nanos[high]:
            at = low if low in ("min", "defaultRequest") and high != "defaultRequest" else high
            above = "default limit" if (low, high) == ("defaultRequest", "default") else _TOLD.get(high, high)
            detail = f"{_TOLD.get(low, low)} value {own[low]} is greater than {above} value {own[high]}"
            text = f"{low} ({given[low]}) is above {high} ({given[high]})"
            report.wrong((*path, at, name), "KL136", text, own[quoting], detail, at=f"{dotted(path)}.{named}[{name}]")
    ratio = nanos.get("maxLimitRequestRatio")
    where = (*path, "maxLimitRequestRatio", name)
    if ratio is not None:
        if ratio < 10**9:
            shown = own["maxLimitRequestRatio"]
            text = f"must be at least 1, is {given['maxLimitRequestRatio']}"
            report.wrong(where, "KL138", text, shown, f"ratio {shown} is less than 1", at=resources.keyed(where))
        if nanos.get("min", 0) > 0 and "max" in nanos and ratio * nanos["min"] > nanos["max"] * 10**9:
            bound = nanos["max"] / nanos["min"]
            shown = own["maxLimitRequestRatio"]
            words = f"ratio {shown} is greater than max/min = {bound:f}"
            report.wrong(where, "KL138", f"is above max/min = {bound:.6g}", shown, words, at=resources.keyed(where))
    both = "default" in nanos and "defaultRequest" in nanos
    if both and not resources.can_overcommit(name) and nanos["default"] != nanos["defaultRequest"]:
        detail = f"default value {own['default']} must equal to defaultRequest value {own['defaultRequest']} in {name}"
        where = (*path, "defaultRequest", name)
        text = f"must be equal to default ({given['default']})"
        report.wrong(where, "KL136", text, own["defaultRequest"], detail, at=resources.keyed(where))


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
