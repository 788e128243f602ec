"""Groups of pods that are scheduled together, and the workloads that they are made for.

Source: k8s.io/api/scheduling/v1alpha2/types.go of Kubernetes 1.36.2 and v1beta1/types.go of 1.37 (the checks that are
generated from them), pkg/apis/scheduling/validation/validation.go.
"""

from __future__ import annotations

from kubelogic.kinds.validation import names
from kubelogic.kinds.validation.common import check_name, label_key, metadata, required_name
from kubelogic.kinds.validation.policy import HIGHEST_PRIORITY
from kubelogic.kinds.validation.problems import Report, Tree
from kubelogic.text.location import Path

MODES = ("Pod", "PodGroup")
"""How pods of a group may be evicted, in v1alpha2: one by one, or all."""

_PREEMPTION = ("Never", "PreemptLowerPriority")
_MOST_TEMPLATES, _MOST_CLAIMS, _MOST_TOPOLOGIES = 8, 4, 1
_LEAST_PRIORITY = -(1 << 31)


def pod_group(report: Report, tree: Tree) -> None:
    """Check a PodGroup."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    spec: Tree = tree.get("spec", {})
    path: Path = ("spec",)
    reference = spec.get("podGroupTemplateRef")
    if reference is not None:
        workload = reference.get("workload")
        where: Path = (*path, "podGroupTemplateRef", "workload")
        if workload is None:
            report.required(where)
        else:
            required_name(report, (*where, "workloadName"), workload.get("workloadName"), names.dns_subdomain)
            template = workload.get("podGroupTemplateName")
            required_name(report, (*where, "podGroupTemplateName"), template, names.dns_label)
    if (reference := spec.get("workloadRef")) is not None:
        where = (*path, "workloadRef")
        required_name(report, (*where, "workloadName"), reference.get("workloadName"), names.dns_subdomain)
        required_name(report, (*where, "templateName"), reference.get("templateName"), names.dns_label)
    _group(report, path, spec)


def workload(report: Report, tree: Tree) -> None:
    """Check a Workload."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    spec: Tree = tree.get("spec", {})
    path: Path = ("spec",)
    controller = spec.get("controllerRef")
    if controller is not None:
        for key in ("kind", "name"):
            required_name(report, (*path, "controllerRef", key), controller.get(key), names.path_segment)
        if controller.get("apiGroup"):
            check_name(report, (*path, "controllerRef", "apiGroup"), controller["apiGroup"], names.dns_subdomain)
    templates = spec.get("podGroupTemplates", [])
    if not templates and not spec.get("compositePodGroupTemplates"):
        report.required((*path, "podGroupTemplates"), "give at least one template")
    report.no_more((*path, "podGroupTemplates"), templates, _MOST_TEMPLATES)
    seen: set[str] = set()
    for index, template in enumerate(templates):
        where = (*path, "podGroupTemplates", index)
        name = template.get("name")
        required_name(report, (*where, "name"), name, names.dns_label)
        report.once((*where, "name"), name, seen)
        _group(report, where, template)


def _group(report: Report, path: Path, spec: Tree) -> None:
    """What groups and their templates share."""
    policy = spec.get("schedulingPolicy", {})
    where = (*path, "schedulingPolicy")
    given = [key for key in ("basic", "gang") if policy.get(key) is not None]
    if not given:
        report.required(where, "give either basic or gang")
    elif len(given) > 1:
        report.add(where, "KL142", "basic and gang exclude each other; give one")
    if (gang := policy.get("gang")) is not None:
        if "minCount" not in gang:
            report.required((*where, "gang", "minCount"), "the number of pods without which none starts")
        else:
            report.at_least(gang, "minCount", (*where, "gang"), 1)
    topology = (spec.get("schedulingConstraints") or {}).get("topology", [])
    where = (*path, "schedulingConstraints", "topology")
    report.no_more(where, topology, _MOST_TOPOLOGIES)
    for index, each in enumerate(topology):
        if not each.get("key"):
            report.required((*where, index, "key"))
        else:
            label_key(report, (*where, index, "key"), each["key"])
    mode = spec.get("disruptionMode")
    if isinstance(mode, str):
        report.one_of((*path, "disruptionMode"), mode, MODES)
    elif isinstance(mode, dict) and sum(mode.get(key) is not None for key in ("single", "all")) != 1:
        report.add((*path, "disruptionMode"), "KL142", "give exactly one of single and all")
    if spec.get("preemptionPolicy") is not None:
        report.one_of((*path, "preemptionPolicy"), spec["preemptionPolicy"], _PREEMPTION)
    if spec.get("priorityClassName"):
        check_name(report, (*path, "priorityClassName"), spec["priorityClassName"], names.dns_subdomain)
    elif spec.get("priority") is not None:
        report.between(spec["priority"], (*path, "priority"), _LEAST_PRIORITY, HIGHEST_PRIORITY)
    _claims(report, (*path, "resourceClaims"), spec.get("resourceClaims", []))


def _claims(report: Report, path: Path, claims: list[Tree]) -> None:
    report.no_more(path, claims, _MOST_CLAIMS)
    seen: set[str] = set()
    for index, claim in enumerate(claims):
        name = claim.get("name")
        required_name(report, (*path, index, "name"), name, names.dns_label)
        if name in seen:
            report.duplicate((*path, index, "name"), name)
        seen.add(str(name))
        if bool(claim.get("resourceClaimName")) == bool(claim.get("resourceClaimTemplateName")):
            report.add((*path, index), "KL142", "give exactly one of resourceClaimName and resourceClaimTemplateName")
