"""HorizontalPodAutoscalers, autoscaling/v1 and v2."""

from __future__ import annotations

from kubelogic.kinds import quantity
from kubelogic.kinds.validation import api_words, names, resources
from kubelogic.kinds.validation.common import check_name, metadata
from kubelogic.kinds.validation.problems import Report, Tree, listed, quoted
from kubelogic.text.location import Path, dotted

_KINDS = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_EITHER = {
    ("averageUtilization", True): ("must set either a target raw value or a target utilization", "averageUtilization"),
    ("value", True): ("must set either a target value for metric or a per-pod target", "averageValue"),
    ("value", False): ("must set either a target value or averageValue", "averageValue"),
}
_BOTH = {
    "averageUtilization": ("may not set both a target raw value and a target utilization", "averageValue"),
    "value": ("may not set both a target value for metric and a per-pod target", "value"),
}
_TO_ZERO = "0 needs the feature gate HPAScaleToZero, on by default from 1.37, and an Object or External metric"
_TARGETS = ("AverageValue", "Utilization", "Value")
_SELECT = ("Disabled", "Max", "Min")


def autoscaler(report: Report, tree: Tree) -> None:
    """Check an autoscaler of either version."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    path: Path = ("spec",)
    spec = tree.get("spec", {})
    low, high = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    if low == 0:
        words = "must be greater than or equal to 1"
        report.wrong((*path, "minReplicas"), "KL122", f"must be at least 1, is 0; {_TO_ZERO}", low, words)
    else:
        report.at_least(spec, "minReplicas", path, 1)
    if not high:
        told = ["Required value: must be set and greater than 0"]
        told += api_words.invalid(high, "must be greater than or equal to `minReplicas`") if low > 0 else ()
        report.add((*path, "maxReplicas"), "KL120", "is required: it must be at least 1", api=told)
    elif high < 0:
        words = "must be greater than or equal to 1"
        report.wrong((*path, "maxReplicas"), "KL122", f"must be at least 1, is {high}", high, words)
    if high and high < low:
        text = f"must be at least minReplicas ({low}), is {high}"
        report.wrong((*path, "maxReplicas"), "KL122", text, high, "must be greater than or equal to `minReplicas`")
    target_ref = spec.get("scaleTargetRef", {})
    _reference(report, (*path, "scaleTargetRef"), target_ref)
    version = target_ref.get("apiVersion", "")
    group, slash, _ = version.partition("/")
    if version.count("/") > 1:
        words = f"unexpected GroupVersion string: {version}"
        text = f"{quoted(version)} is no group and version"
        report.wrong((*path, "scaleTargetRef", "apiVersion"), "KL143", text, version, words)
    elif not (group and slash) and target_ref.get("kind") != "ReplicationController":
        text = "must name the API group, such as apps/v1"
        words = "apiVersion must specify API group"
        report.wrong((*path, "scaleTargetRef", "apiVersion"), "KL143", text, version, words)
    target = spec.get("targetCPUUtilizationPercentage")
    if target is not None and target < 1:
        text = f"must be at least 1, is {target}"
        at = "spec.metrics[0].resource.target.averageUtilization"
        report.wrong((*path, "targetCPUUtilizationPercentage"), "KL122", text, target, "must be greater than 0", at=at)
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
        detail = f"unexpected GroupVersion string: {version}"
        report.invalid((*path, "apiVersion"), "KL143", version, "must be GROUP/VERSION, such as apps/v1", detail=detail)


def _metric(report: Report, path: Path, metric: Tree) -> None:
    kind = metric.get("type", "")
    wrong = api_words.unsupported(kind, sorted(_KINDS))
    if not kind:
        where = f"{dotted(path)}.type"
        told = [(where, "Required value: must specify a metric source type"), (where, wrong)]
        report.add((*path, "type"), "KL120", f"is required: use {listed(tuple(_KINDS))}", told=told)
    else:
        report.one_of((*path, "type"), kind, tuple(_KINDS))
    wanted = _KINDS.get(kind, "")
    present = [key for key in ("object", "external", "pods", "resource", "containerResource") if key in metric]
    for key in present[:1]:
        if key == wanted or not wanted:
            _source(report, (*path, key), key, metric[key])
    if wanted and wanted not in metric:
        words = "must populate information for the given metric source"
        report.required((*path, wanted), f"a metric of the type {kind} needs it", api=words)
    if len(present) != 1:
        for key in present:
            if key != wanted:
                words = "must populate the given metric source only"
                report.forbidden((*path, key), f"may not be set for a metric of the type {kind}", api=words)
        if wanted in present[1:]:
            _source(report, (*path, wanted), wanted, metric[wanted])
    elif wanted and present != [wanted]:
        report.forbidden((*path, present[0]), f"may not be set for a metric of the type {kind}")


def _source(report: Report, path: Path, kind: str, source: Tree) -> None:
    target = source.get("target", {})
    _target(report, (*path, "target"), target)
    if kind in ("resource", "containerResource"):
        name = source.get("name", "")
        if not name:
            report.required((*path, "name"), api="must specify a resource name")
        elif kind == "containerResource":
            resources.check_name(report, (*path, "name"), name, resources.container_resource)
        if kind == "containerResource":
            container = source.get("container", "")
            if not container:
                report.required((*path, "container"), api="must specify a container")
            else:
                check_name(report, (*path, "container"), container, names.dns_label)
        _either(report, (*path, "target"), target, "averageUtilization", "averageValue", exclusive=True)
        return
    metric = source.get("metric", {}).get("name", "")
    if not metric:
        report.required((*path, "metric", "name"), api="must specify a metric name")
    else:
        check_name(report, (*path, "metric", "name"), metric, names.path_segment)
    if kind == "pods":
        if "averageValue" not in target:
            report.required((*path, "target", "averageValue"), api="must specify a positive target averageValue")
    else:
        _either(report, (*path, "target"), target, "value", "averageValue", exclusive=kind == "external")
    if kind == "object":
        _reference(report, (*path, "describedObject"), source.get("describedObject", {}))


def _either(report: Report, path: Path, target: Tree, first: str, second: str, *, exclusive: bool) -> None:
    if first not in target and second not in target:
        words, named = _EITHER[first, exclusive]
        report.required((*path, first), f"set it or {second}", api=words, at=f"{dotted(path)}.{named}")
    elif exclusive and first in target and second in target:
        words, named = _BOTH[first]
        text = f"{first} and {second} exclude each other"
        report.add((*path, second), "KL142", text, api=f"Forbidden: {words}", at=f"{dotted(path)}.{named}")


def _target(report: Report, path: Path, target: Tree) -> None:
    kind = target.get("type") or ""
    if kind not in _TARGETS:
        words: tuple[str, ...] = api_words.invalid(kind, "must be either Utilization, Value, or AverageValue")
        told = [(f"{dotted(path)}.type", each) for each in words]
        if not kind:
            told.insert(0, (f"{dotted(path)}.type", "Required value: must specify a metric target type"))
        text = (
            f"{quoted(kind)} is not supported: use {listed(_TARGETS)}"
            if kind
            else f"is required: use {listed(_TARGETS)}"
        )
        report.add((*path, "type"), "KL121" if kind else "KL120", text, told=told)
    for key in ("value", "averageValue"):
        if key in target and quantity.read(target[key]).nanos <= 0:
            shown, text = quantity.canonical(target[key]), f"must be greater than 0, is {target[key]}"
            report.wrong((*path, key), "KL138", text, shown, "must be positive")
    share = target.get("averageUtilization")
    if share is not None and share < 1:
        text = f"must be at least 1, is {share}"
        report.wrong((*path, "averageUtilization"), "KL122", text, share, "must be greater than 0")


def _rules(report: Report, path: Path, rules: Tree) -> None:
    window = rules.get("stabilizationWindowSeconds")
    if window is not None and not 0 <= window <= 3600:
        detail = "must be greater than or equal to zero" if window < 0 else "must be less than or equal to 3600"
        text = f"must be between 0 and 3600, is {window}"
        report.wrong((*path, "stabilizationWindowSeconds"), "KL122", text, window, detail)
    if "selectPolicy" in rules:
        report.one_of((*path, "selectPolicy"), rules["selectPolicy"], _SELECT)
    policies = rules.get("policies", [])
    report.present((*path, "policies"), policies, "give at least one policy", api="must specify at least one Policy")
    for index, policy in enumerate(policies):
        where = (*path, "policies", index)
        empty = api_words.unsupported("", ("Percent", "Pods"))
        report.one_of((*where, "type"), policy.get("type"), ("Percent", "Pods"), empty=empty)
        if policy.get("value", 0) <= 0:
            words = api_words.invalid(policy.get("value", 0), "must be greater than zero")
            report.add((*where, "value"), "KL122", f"must be greater than 0, is {policy.get('value', 0)}", api=words)
        period = policy.get("periodSeconds", 0)
        if not 1 <= period <= 1800:
            detail = "must be greater than zero" if period < 1 else "must be less than or equal to 1800"
            text = f"must be between 1 and 1800, is {period}"
            report.wrong((*where, "periodSeconds"), "KL122", text, period, detail)
    if "tolerance" in rules and quantity.read(rules["tolerance"]).nanos < 0:
        text = f"must be at least 0, is {rules['tolerance']}"
        detail = "must be greater than or equal to 0"
        report.wrong((*path, "tolerance"), "KL138", text, quantity.canonical(rules["tolerance"]), detail)
