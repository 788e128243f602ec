"""HorizontalPodAutoscalers, autoscaling/v1 and v2."""

from __future__ import annotations

from kubelogic.kinds import quantity
from kubelogic.kinds.validation import names, resources
from kubelogic.kinds.validation.common import check_name, metadata
from kubelogic.kinds.validation.problems import Report, Tree, quoted
from kubelogic.text.location import Path

_KINDS = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_TARGETS = ("AverageValue", "Utilization", "Value")
_SELECT = ("Disabled", "Max", "Min")


def autoscaler(report: Report, tree: Tree) -> None:
    """Check an autoscaler of either version."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    path: Path = ("spec",)
    spec = tree.get("spec", {})
    low, high = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    report.at_least(spec, "minReplicas", path, 1)
    if not high:
        report.required((*path, "maxReplicas"), "it must be at least 1")
    elif high < 0:
        report.add((*path, "maxReplicas"), "KL122", f"must be at least 1, is {high}")
    if high and high < low:
        report.add((*path, "maxReplicas"), "KL122", f"must be at least minReplicas ({low}), is {high}")
    target_ref = spec.get("scaleTargetRef", {})
    _reference(report, (*path, "scaleTargetRef"), target_ref)
    version = target_ref.get("apiVersion", "")
    group, slash, _ = version.partition("/")
    if version.count("/") > 1:
        report.add((*path, "scaleTargetRef", "apiVersion"), "KL143", f"{quoted(version)} is no group and version")
    elif not (group and slash) and target_ref.get("kind") != "ReplicationController":
        report.add((*path, "scaleTargetRef", "apiVersion"), "KL143", "must name the API group, such as apps/v1")
    target = spec.get("targetCPUUtilizationPercentage")
    if target is not None and target < 1:
        report.add((*path, "targetCPUUtilizationPercentage"), "KL122", f"must be at least 1, is {target}")
    for index, metric in enumerate(spec.get("metrics", ())):
        _metric(report, (*path, "metrics", index), metric)
    for direction in ("scaleUp", "scaleDown"):
        rules = spec.get("behavior", {}).get(direction)
        if rules is not None:
            _rules(report, (*path, "behavior", direction), rules)


def _reference(report: Report, path: Path, reference: Tree) -> None:
    for key in ("kind", "name"):
        value = reference.get(key)
        if not value:
            report.required((*path, key))
        else:
            check_name(report, (*path, key), value, names.path_segment)
    version = reference.get("apiVersion", "")
    if version.count("/") > 1:
        report.invalid((*path, "apiVersion"), "KL143", version, "must be GROUP/VERSION, such as apps/v1")


def _metric(report: Report, path: Path, metric: Tree) -> None:
    kind = metric.get("type", "")
    report.one_of((*path, "type"), kind, tuple(_KINDS))
    wanted = _KINDS.get(kind, "")
    if wanted and wanted not in metric:
        report.required((*path, wanted), f"a metric of the type {kind} needs it")
    for key in _KINDS.values():
        if key in metric:
            if key != wanted and wanted:
                report.forbidden((*path, key), f"may not be set for a metric of the type {kind}")
            else:
                _source(report, (*path, key), key, metric[key])


def _source(report: Report, path: Path, kind: str, source: Tree) -> None:
    target = source.get("target", {})
    _target(report, (*path, "target"), target)
    if kind in ("resource", "containerResource"):
        name = source.get("name", "")
        if not name:
            report.required((*path, "name"))
        elif kind == "containerResource":
            resources.check_name(report, (*path, "name"), name, resources.container_resource)
        if kind == "containerResource":
            container = source.get("container", "")
            if not container:
                report.required((*path, "container"))
            else:
                check_name(report, (*path, "container"), container, names.dns_label)
        _either(report, (*path, "target"), target, "averageUtilization", "averageValue", exclusive=True)
        return
    metric = source.get("metric", {}).get("name", "")
    if not metric:
        report.required((*path, "metric", "name"))
    else:
        check_name(report, (*path, "metric", "name"), metric, names.path_segment)
    if kind == "pods":
        if "averageValue" not in target:
            report.required((*path, "target", "averageValue"))
    else:
        _either(report, (*path, "target"), target, "value", "averageValue", exclusive=kind == "external")
    if kind == "object":
        _reference(report, (*path, "describedObject"), source.get("describedObject", {}))


def _either(report: Report, path: Path, target: Tree, first: str, second: str, *, exclusive: bool) -> None:
    if first not in target and second not in target:
        report.required((*path, first), f"set it or {second}")
    elif exclusive and first in target and second in target:
        report.add((*path, second), "KL142", f"{first} and {second} exclude each other")


def _target(report: Report, path: Path, target: Tree) -> None:
    report.one_of((*path, "type"), target.get("type"), _TARGETS)
    for key in ("value", "averageValue"):
        if key in target and quantity.read(target[key]).nanos <= 0:
            report.add((*path, key), "KL138", f"must be greater than 0, is {target[key]}")
    report.at_least(target, "averageUtilization", path, 1)


def _rules(report: Report, path: Path, rules: Tree) -> None:
    window = rules.get("stabilizationWindowSeconds")
    if window is not None:
        report.between(window, (*path, "stabilizationWindowSeconds"), 0, 3600)
    if "selectPolicy" in rules:
        report.one_of((*path, "selectPolicy"), rules["selectPolicy"], _SELECT)
    policies = rules.get("policies", [])
    if not policies:
        report.required((*path, "policies"), "give at least one policy")
    for index, policy in enumerate(policies):
        where = (*path, "policies", index)
        report.one_of((*where, "type"), policy.get("type"), ("Percent", "Pods"))
        if policy.get("value", 0) <= 0:
            report.add((*where, "value"), "KL122", f"must be greater than 0, is {policy.get('value', 0)}")
        report.between(policy.get("periodSeconds", 0), (*where, "periodSeconds"), 1, 1800)
    if "tolerance" in rules and quantity.read(rules["tolerance"]).nanos < 0:
        report.add((*path, "tolerance"), "KL138", f"must be at least 0, is {rules['tolerance']}")
