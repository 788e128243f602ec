"""Pods and pod templates.

Source: Kubernetes, "Pods", API reference of Pod v1.
"""

from __future__ import annotations

from collections.abc import Collection

from kubelogic.kinds import quantity
from kubelogic.kinds.defaults.pods import aggregate
from kubelogic.kinds.validation import containers, names, resources, scheduling, security, volumes
from kubelogic.kinds.validation.common import (
    check_annotations,
    check_name,
    label_key,
    labels,
    metadata,
    required_name,
)
from kubelogic.kinds.validation.port_warnings import shared_ports
from kubelogic.kinds.validation.problems import Report, Tree
from kubelogic.text.location import Path, dotted

_GATED = "cannot be set until all schedulingGates have been cleared"
_NO_EPHEMERAL = "ephemeral containers not allowed in pod template"
_RESTARTS = ("Always", "Never", "OnFailure")
_RESTARTS_TOLD = ("Always", "OnFailure", "Never")
_DNS_TOLD = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_DNS = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
_PREEMPTION = ("Never", "PreemptLowerPriority")
_MIRROR = "kubernetes.io/config.mirror"
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_MAX_INT32 = 2**31 - 1


def pod(report: Report, tree: Tree) -> None:
    """Check a Pod."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    meta, spec = tree.get("metadata", {}), tree.get("spec", {})
    _annotations(report, ("metadata", "annotations"), meta, spec)
    pod_spec(report, ("spec",), spec, meta)
    if spec.get("ephemeralContainers") and not meta.get("uid"):
        # A pod with an identity was read from a cluster, where they can have been added since.
        report.forbidden(
            ("spec", "ephemeralContainers"), "may not be set when a pod is created", api="cannot be set on create"
        )
    if spec.get("nodeName") and spec.get("schedulingGates"):
        report.forbidden(("spec", "nodeName"), "may not be set while the pod has schedulingGates", api=_GATED)
    is_mirror = "kubernetes.io/config.mirror" in meta.get("annotations", {})
    if is_mirror and not spec.get("serviceAccountName"):  # admission gives all other pods the account "default" first
        for index, volume in enumerate(spec.get("volumes", ())):
            for number, part in enumerate(volume.get("projected", {}).get("sources", ())):
                if "serviceAccountToken" in part:
                    report.forbidden(
                        ("spec", "volumes", index, "projected", "sources", number, "serviceAccountToken"),
                        "may only be set when serviceAccountName is set",
                        api="must not be specified when serviceAccountName is not set",
                    )
    if names.dns_label(meta.get("name", "x")):
        report.warn(("metadata", "name"), "KL191", "is no DNS label, which pods' host names should be")


def pod_template_object(report: Report, tree: Tree) -> None:
    """Check an object of the kind PodTemplate."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    template(report, ("template",), tree.get("template", {}))


def template(report: Report, path: Path, node: Tree, claimed: Collection[str] = ()) -> None:
    """Check the pod that a controller makes.

    Args:
        report: where problems go.
        path: of the template.
        node: the template.
        claimed: names of volumes that the controller adds (a StatefulSet's claims).
    """
    meta, spec = node.get("metadata", {}), node.get("spec", {})
    labels(report, (*path, "metadata", "labels"), meta.get("labels"))
    check_annotations(report, (*path, "metadata", "annotations"), meta.get("annotations"))
    _annotations(report, (*path, "metadata", "annotations"), meta, spec)
    pod_spec(report, (*path, "spec"), spec, None, claimed)
    if spec.get("ephemeralContainers"):
        report.forbidden((*path, "spec", "ephemeralContainers"), "may not be set in a template", api=_NO_EPHEMERAL)


def _annotations(report: Report, path: Path, meta: Tree, spec: Tree) -> None:
    found = meta.get("annotations", {})
    if _MIRROR in found and not spec.get("nodeName"):
        words = "must set spec.nodeName if mirror pod annotation is set"
        report.wrong((*path, _MIRROR), "KL142", "a mirror pod needs spec.nodeName", found[_MIRROR], words)
    cost = found.get(_DELETION_COST)
    if cost is not None and not _is_int32(cost):
        report.invalid(
            (*path, _DELETION_COST), "KL143", cost, "must be a 32-bit integer", detail="must be a 32bit integer"
        )


def _is_int32(text: str) -> bool:
    digits = text.removeprefix("-")
    plain = digits.isascii() and digits.isdigit() and (digits == "0" or not digits.startswith("0"))
    return plain and text != "-0" and len(digits) < 11 and -_MAX_INT32 - 1 <= int(text) <= _MAX_INT32


def pod_spec(report: Report, path: Path, spec: Tree, meta: Tree | None, claimed: Collection[str] = ()) -> None:
    """Check what a pod runs.

    Args:
        report: where problems go.
        path: of the spec.
        spec: the spec, with defaults filled in.
        meta: the pod's metadata; None in a template.
        claimed: names of volumes that a controller adds.
    """
    claims = _claims(report, (*path, "resourceClaims"), spec.get("resourceClaims", []))
    found = volumes.volumes(report, (*path, "volumes"), spec.get("volumes", []), meta, is_pod=meta is not None)
    around = containers.Surroundings(
        volumes={**found, **dict.fromkeys(claimed, "persistentVolumeClaim")},
        claims=claims,
        grace=spec.get("terminationGracePeriodSeconds", 30),
        restart_policy=spec.get("restartPolicy", ""),
        host_users=spec.get("hostUsers", True),
        host_network=spec.get("hostNetwork", False),
        is_pod=meta is not None,
    )
    mains, inits = spec.get("containers", []), spec.get("initContainers", [])
    containers.main(report, (*path, "containers"), mains, around)
    containers.init(report, (*path, "initContainers"), inits, mains, around)
    _pod_resources(report, path, spec, claims)
    report.one_of((*path, "restartPolicy"), spec.get("restartPolicy"), _RESTARTS, api=_RESTARTS_TOLD)
    report.one_of((*path, "dnsPolicy"), spec.get("dnsPolicy"), _DNS, api=_DNS_TOLD)
    labels(report, (*path, "nodeSelector"), spec.get("nodeSelector"))
    containers.host_network(report, (*path, "containers"), mains, around)
    security.pod(report, path, spec)
    shared_ports(report, path, spec)
    if "affinity" in spec:
        scheduling.affinity(report, (*path, "affinity"), spec["affinity"])
    _dns(report, path, spec)
    for index, gate in enumerate(spec.get("readinessGates", ())):
        label_key(report, (*path, "readinessGates", index, "conditionType"), gate.get("conditionType", ""))
    scheduling.scheduling_gates(report, (*path, "schedulingGates"), spec.get("schedulingGates", []))
    scheduling.spread_constraints(
        report, (*path, "topologySpreadConstraints"), spec.get("topologySpreadConstraints", [])
    )
    security.host_users(report, path, spec)
    _identity(report, path, spec)
    _classes(report, path, spec)
    if (group := spec.get("schedulingGroup")) is not None:
        named = group.get("podGroupName")
        required_name(report, (*path, "schedulingGroup", "podGroupName"), named, names.dns_subdomain)
    security.operating_system(
        report,
        path,
        spec,
        [((*path, "containers", index), node) for index, node in enumerate(mains)]
        + [((*path, "initContainers", index), node) for index, node in enumerate(inits)],
    )
    _file_keys(report, path, spec, around)


def _classes(report: Report, path: Path, spec: Tree) -> None:
    if spec.get("priorityClassName"):
        check_name(report, (*path, "priorityClassName"), spec["priorityClassName"], names.dns_subdomain)
    if "runtimeClassName" in spec:
        check_name(report, (*path, "runtimeClassName"), spec["runtimeClassName"], names.dns_subdomain)
    if "preemptionPolicy" in spec:
        told = ("PreemptLowerPriority", "Never")
        report.one_of((*path, "preemptionPolicy"), spec["preemptionPolicy"], _PREEMPTION, api=told)
    if "overhead" in spec:
        amounts = {"limits": spec["overhead"]}
        inner = Report()
        resources.requirements(inner, path, amounts, resources.container_resource)
        for problem in inner.problems:
            where = (*path, "overhead", *problem.path[len(path) + 1 :])
            faults = [(field.replace(".limits", ".overhead.limits", 1), words) for field, words in problem.faults]
            report.add(where, problem.code, problem.message, on_key=problem.on_key, told=faults)


def _identity(report: Report, path: Path, spec: Tree) -> None:
    for key in ("serviceAccountName", "nodeName"):
        if spec.get(key):
            check_name(report, (*path, key), spec[key], names.dns_subdomain)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None:
        report.between(deadline, (*path, "activeDeadlineSeconds"), 1, _MAX_INT32)
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        report.warn((*path, "terminationGracePeriodSeconds"), "KL191", "is negative, which counts as 1")
    for key in ("hostname", "subdomain"):
        if spec.get(key):
            check_name(report, (*path, key), spec[key], names.dns_label)
    scheduling.tolerations(report, (*path, "tolerations"), spec.get("tolerations", []))
    override = spec.get("hostnameOverride")
    if override is not None:
        where = (*path, "hostnameOverride")
        for key in ("setHostnameAsFQDN", "hostNetwork"):
            if spec.get(key):
                report.forbidden(where, f"may not be set when {key} is true")
        report.no_longer(where, override, 64)
        check_name(report, where, override, names.dns_subdomain)
    for index, alias in enumerate(spec.get("hostAliases", ())):
        where = (*path, "hostAliases", index)
        report.check((*where, "ip"), "KL132", alias.get("ip", ""), names.ip_address)
        for number, host in enumerate(alias.get("hostnames", ())):
            check_name(report, (*where, "hostnames", number), host, names.dns_subdomain)


def _dns(report: Report, path: Path, spec: Tree) -> None:
    config = spec.get("dnsConfig")
    here = (*path, "dnsConfig")
    if spec.get("dnsPolicy") == "None" and not (config or {}).get("nameservers"):
        detail = "at least one DNS nameserver" if config is not None else "`dnsConfig`"
        text = "dnsPolicy None needs at least one name server"
        words = f"must provide {detail} when `dnsPolicy` is None"
        report.required((*here, "nameservers"), text, api=words, at=dotted(here) if config is None else "")
        further = Report()
        _dns_config(further, here, config or {})
        report.beyond(further)
    elif config is not None:
        _dns_config(report, here, config)


def _dns_config(report: Report, here: Path, config: Tree) -> None:
    servers, searches = config.get("nameservers", []), config.get("searches", [])
    if len(servers) > 3:
        text = f"has {len(servers)} entries; at most 3 are allowed"
        report.wrong((*here, "nameservers"), "KL129", text, servers, "must not have more than 3 nameservers")
    for index, server in enumerate(servers):
        report.check((*here, "nameservers", index), "KL132", server, names.ip_address)
    if len(searches) > 32:
        text = f"has {len(searches)} entries; at most 32 are allowed"
        report.wrong((*here, "searches"), "KL129", text, searches, "must not have more than 32 search paths")
    if len(" ".join(searches)) > 2048:
        detail = "must not have more than 2048 characters (including spaces) in the search list"
        text = f"has {len(' '.join(searches)):,} characters; at most 2,048 are allowed"
        report.wrong((*here, "searches"), "KL129", text, searches, detail)
    for index, search in enumerate(searches):
        if search != ".":
            name = search.removesuffix(".")
            check_name(report, (*here, "searches", index), name, names.dns_subdomain_underscored)
    for index, option in enumerate(config.get("options", ())):
        if not option.get("name"):
            at = dotted((*here, "options", index))
            report.required((*here, "options", index, "name"), api="must not be empty", at=at)


def _claims(report: Report, path: Path, items: list[Tree]) -> set[str]:
    found: set[str] = set()
    for index, item in enumerate(items):
        where = (*path, index)
        name = item.get("name", "")
        required_name(report, (*where, "name"), name, names.dns_label)
        report.once((*where, "name"), name, found)
        kinds = [key for key in ("resourceClaimName", "resourceClaimTemplateName") if key in item]
        if len(kinds) != 1:
            both = "resourceClaimName", "resourceClaimTemplateName"
            value = {
                "Name": name,
                "ResourceClaimName": item.get(both[0]),
                "ResourceClaimTemplateName": item.get(both[1]),
            }
            detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            if kinds:
                detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            text = "set either resourceClaimName or resourceClaimTemplateName"
            report.wrong(where, "KL142", text, value, detail)
        for key in kinds:
            check_name(report, (*where, key), item[key], names.dns_subdomain)
    return found - {""}


def _pod_resources(report: Report, path: Path, spec: Tree, claims: set[str]) -> None:
    level = spec.get("resources")
    if level is None:
        return
    here = (*path, "resources")
    if level.get("claims"):
        report.forbidden(
            (*here, "claims"), "may not be set for a whole pod", api="claims may not be set for Resources at pod-level"
        )
    resources.requirements(report, here, level, resources.pod_resource, claims)
    for name, nanos in aggregate(spec, "requests").items():
        own = level.get("requests", {}).get(name)
        if own is not None and nanos > quantity.read(own).nanos:
            total = quantity.written(nanos, like=own)
            words = f"must be greater than or equal to aggregate container requests of {quantity.canonical(total)}"
            text = f"is {own}, but the containers ask for {total} together"
            at = f"{dotted(here)}.requests[{name}]"
            report.wrong((*here, "requests", name), "KL136", text, quantity.canonical(own), words, at=at)
    for name, nanos in aggregate(spec, "limits").items():
        own = level.get("limits", {}).get(name)
        if own is not None and name.startswith("hugepages-") and nanos > quantity.read(own).nanos:
            total = quantity.written(nanos, like=own)
            words = f"must be greater than or equal to aggregate container limits of {quantity.canonical(total)}"
            text = f"is {own}, but the containers' limits are {total} together"
            at = f"{dotted(here)}.limits[{name}]"
            report.wrong((*here, "limits", name), "KL136", text, quantity.canonical(own), words, at=at)
    for index, node in enumerate(spec.get("containers", ())):
        for name, value in node.get("resources", {}).get("limits", {}).items():
            own = level.get("limits", {}).get(name)
            if own is not None and quantity.read(value).nanos > quantity.read(own).nanos:
                where = (*path, "containers", index, "resources", "limits", name)
                detail = f"must be less than or equal to pod limits of {quantity.canonical(own)}"
                text = f"is {value}, must not be above the pod's {name} limit of {own}"
                report.wrong(
                    where, "KL136", text, quantity.canonical(value), detail, at=f"{dotted(where[:-1])}[{name}]"
                )


def _file_keys(report: Report, path: Path, spec: Tree, around: containers.Surroundings) -> None:
    for group in ("containers", "initContainers"):
        for index, node in enumerate(spec.get(group, ())):
            for number, variable in enumerate(node.get("env", ())):
                name = variable.get("valueFrom", {}).get("fileKeyRef", {}).get("volumeName")
                where = (*path, group, index, "env", number, "valueFrom", "fileKeyRef", "volumeName")
                if name and name not in around.volumes:
                    report.not_found(where, name, "a volume of this pod")
                elif name and around.volumes[name] != "emptyDir":
                    report.add(where, "KL142", f"the volume {name} must be an emptyDir")
