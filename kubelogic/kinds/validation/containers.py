"""Containers, init containers and ephemeral containers.

Source: Kubernetes, "Containers", "Configure Liveness, Readiness and Startup Probes", "Sidecar Containers".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from kubelogic.kinds.validation import api_words, environment, names, resources, security
from kubelogic.kinds.validation.common import required_name
from kubelogic.kinds.validation.problems import Report, Tree, quoted
from kubelogic.text.location import Path, dotted

PROTOCOLS = ("SCTP", "TCP", "UDP")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_RESTARTS = ("Always", "Never", "OnFailure")
_RESTART_ACTIONS = ("Restart", "RestartAllContainers")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_COUNTS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
_NO_SIDECAR = "may not be set for init containers without restartPolicy=Always"
_BIDIRECTIONAL = "Bidirectional mount propagation is available only to privileged containers"
_NO_PROPAGATION = "may only be specified when mountPropagation is None or not specified"
_READ_ONLY = ("Disabled", "Enabled", "IfPossible")


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a container's checks need to know of its pod."""

    volumes: Mapping[str, str]
    claims: Collection[str]
    grace: int
    restart_policy: str
    host_users: bool
    host_network: bool
    is_pod: bool


def port_number_or_name(report: Report, path: Path, value: int | str) -> None:
    """Check a port that may be given by number or name."""
    if isinstance(value, int):
        report.between(value, path, 1, 65535, "KL131")
    else:
        report.check(path, "KL131", value, names.port_name)


def _ports(report: Report, path: Path, items: list[Tree]) -> None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        where = (*path, index)
        name = item.get("name", "")
        if name:
            if not report.check((*where, "name"), "KL131", name, names.port_name):
                pass
            elif name in seen:
                report.duplicate((*where, "name"), name, "is there twice; ports of a container need different names")
            seen.add(name)
        number, host = item.get("containerPort", 0), item.get("hostPort", 0)
        if not number:
            report.required((*where, "containerPort"))
        else:
            report.between(number, (*where, "containerPort"), 1, 65535, "KL131")
        if host:
            report.between(host, (*where, "hostPort"), 1, 65535, "KL131")
        report.one_of((*where, "protocol"), item.get("protocol"), PROTOCOLS)


def host_ports(report: Report, path: Path, nodes: list[Tree], *, first: int = 0) -> None:
    """Check that no host port is taken twice."""
    seen: set[tuple[str, str, int]] = set()
    for index, node in enumerate(nodes, first):
        for number, port in enumerate(node.get("ports", ())):
            host = port.get("hostPort", 0)
            if not host:
                continue
            identity = (port.get("protocol", ""), port.get("hostIP", ""), host)
            if identity in seen:
                where = (*path, index, "ports", number, "hostPort")
                shown = api_words.shown("/".join(map(str, identity)))
                report.duplicate(where, host, f"is taken twice for {identity[0]} by this pod", api=shown)
            seen.add(identity)


def _handler(report: Report, path: Path, node: Tree, grace: int) -> None:
    kinds = [kind for kind in _HANDLERS if kind in node]
    if not kinds:
        report.required(path, "set one of exec, httpGet, tcpSocket or grpc", api="must specify a handler type")
        return
    for extra in kinds[1:]:
        api = "Forbidden: may not specify more than 1 handler type"
        report.add((*path, extra), "KL142", f"only one action is allowed, and {kinds[0]} is set already", api=api)
    kind, action = kinds[0], node[kinds[0]]
    where = (*path, kind)
    if kind == "exec" and not action.get("command"):
        report.required((*where, "command"))
    elif kind == "sleep":
        seconds = action.get("seconds", 0)
        if not 0 <= seconds <= grace:
            text = f"must be between 0 and the pod's terminationGracePeriodSeconds ({grace}), is {seconds}"
            words = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
            report.wrong(where, "KL122", text, seconds, words)
    elif kind in ("httpGet", "tcpSocket", "grpc"):
        port_number_or_name(report, (*where, "port"), action.get("port", 0))
    if kind == "httpGet":
        report.one_of((*where, "scheme"), action.get("scheme"), ("HTTP", "HTTPS"))
        for index, header in enumerate(action.get("httpHeaders", ())):
            here = (*where, "httpHeaders", index, "name")
            report.check(here, "KL143", header.get("name", ""), names.header_name, at=f"{dotted(where)}.httpHeaders")


def _probe(report: Report, path: Path, kind: str, node: Tree, grace: int) -> None:
    _handler(report, path, node, grace)
    for key in _COUNTS:
        report.at_least(node, key, path)
    own = node.get("terminationGracePeriodSeconds")
    if own is not None:
        if own <= 0:
            text = f"must be greater than 0, is {own}"
            report.wrong((*path, "terminationGracePeriodSeconds"), "KL122", text, own, "must be greater than 0")
        if kind == "readinessProbe":
            words = "must not be set for readinessProbes"
            text = "may not be set for a readiness probe"
            report.wrong((*path, "terminationGracePeriodSeconds"), "KL127", text, own, words)
    if kind != "readinessProbe" and node.get("successThreshold", 1) != 1:
        text = f"must be 1, is {node['successThreshold']}"
        report.wrong((*path, "successThreshold"), "KL122", text, node["successThreshold"], "must be 1")


def _running(report: Report, path: Path, node: Tree, pod: Surroundings) -> None:
    """Probes and hooks, which only containers that keep running have."""
    for kind in _PROBES:
        if kind in node:
            _probe(report, (*path, kind), kind, node[kind], pod.grace)
    lifecycle = node.get("lifecycle", {})
    for moment in ("postStart", "preStop"):
        if moment in lifecycle:
            _handler(report, (*path, "lifecycle", moment), lifecycle[moment], pod.grace)


def _mounts(report: Report, path: Path, node: Tree, pod: Surroundings) -> None:
    devices = {item.get("name", ""): item.get("devicePath", "") for item in node.get("volumeDevices", ())}
    privileged = bool(node.get("securityContext", {}).get("privileged"))
    seen: set[str] = set()
    for index, item in enumerate(node.get("volumeMounts", ())):
        where = (*path, "volumeMounts", index)
        name, target = item.get("name", ""), item.get("mountPath", "")
        if not name:
            report.required((*where, "name"))
        elif name not in pod.volumes:
            report.not_found((*where, "name"), name, "a volume of this pod; add it to volumes")
        report.present((*where, "mountPath"), target)
        if target in seen:
            text = f"{quoted(target)} is mounted twice in this container"
            report.wrong((*where, "mountPath"), "KL126", text, target, "must be unique")
        seen.add(target)
        if name in devices:
            words = "must not already exist in volumeDevices"
            report.wrong((*where, "name"), "KL142", f"{name} is a device of this container already", name, words)
        if target in devices.values():
            words = "must not already exist as a path in volumeDevices"
            report.wrong((*where, "mountPath"), "KL142", f"{target} is the path of a device already", target, words)
        for key in ("subPath", "subPathExpr"):
            if key == "subPathExpr" and item.get("subPath") and item.get("subPathExpr"):
                words = "subPathExpr and subPath are mutually exclusive"
                text = "subPath and subPathExpr exclude each other"
                report.wrong((*where, "subPathExpr"), "KL142", text, item["subPathExpr"], words)
            if item.get(key):
                at = f"{dotted((*path, 'volumeMounts'))}.{key}"
                report.check((*where, key), "KL133", item[key], names.local_path, at=at)
        _mount_modes(report, where, item, privileged=privileged)


def _mount_modes(report: Report, path: Path, item: Tree, *, privileged: bool) -> None:
    propagation = item.get("mountPropagation")
    report.choice((*path, "mountPropagation"), propagation, _PROPAGATIONS)
    if propagation == "Bidirectional" and not privileged:
        report.forbidden((*path, "mountPropagation"), "Bidirectional needs a privileged container", api=_BIDIRECTIONAL)
    mode = item.get("recursiveReadOnly")
    where = (*path, "recursiveReadOnly")
    if mode in ("Enabled", "IfPossible"):
        if not item.get("readOnly"):
            report.forbidden(
                where, "may only be set when readOnly is true", api="may only be specified when readOnly is true"
            )
        if propagation not in (None, "None"):
            report.forbidden(where, "may only be set when mountPropagation is None or unset", api=_NO_PROPAGATION)
    elif mode is not None and mode != "Disabled":
        report.unsupported(where, mode, _READ_ONLY)


def _devices(report: Report, path: Path, node: Tree, pod: Surroundings) -> None:
    mounts = {item.get("name", ""): item.get("mountPath", "") for item in node.get("volumeMounts", ())}
    seen: set[str] = set()
    paths: set[str] = set()
    for index, item in enumerate(node.get("volumeDevices", ())):
        where = (*path, "volumeDevices", index)
        name, target = item.get("name", ""), item.get("devicePath", "")
        if not name:
            report.required((*where, "name"))
        elif name not in pod.volumes:
            report.not_found((*where, "name"), name, "a volume of this pod; add it to volumes")
        elif pod.volumes[name] not in ("persistentVolumeClaim", "ephemeral"):
            detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            text = "only persistentVolumeClaim and ephemeral volumes can be devices"
            report.wrong((*where, "name"), "KL127", text, name, detail)
        if name in seen:
            text = f"{quoted(name)} is there twice; each may appear once"
            report.wrong((*where, "name"), "KL126", text, name, "must be unique")
        seen.add(name)
        if not target:
            report.required((*where, "devicePath"))
        else:
            report.check((*where, "devicePath"), "KL133", target, names.no_backsteps)
        if target in paths:
            text = f"{quoted(target)} is there twice; each may appear once"
            report.wrong((*where, "devicePath"), "KL126", text, target, "must be unique")
        paths.add(target)
        if name in mounts:
            words = "must not already exist in volumeMounts"
            report.wrong((*where, "name"), "KL142", f"{name} is mounted by this container already", name, words)
        if target in mounts.values():
            words = "must not already exist as a path in volumeMounts"
            report.wrong((*where, "devicePath"), "KL142", f"{target} is a mount path already", target, words)
        if not pod.host_users:
            at = f"{dotted(path)}.volumeDevices"
            said = "when `hostUsers` is false"
            report.forbidden(where, "devices may not be used when hostUsers is false", api=said, at=at)


def _resize(report: Report, path: Path, node: Tree, pod: Surroundings) -> None:
    seen: set[str] = set()
    for index, item in enumerate(node.get("resizePolicy", ())):
        where = (*path, "resizePolicy", index)
        name, policy = item.get("resourceName", ""), item.get("restartPolicy", "")
        report.once((*where, "resourceName"), name, seen)
        report.one_of((*where, "resourceName"), name, ("cpu", "memory"))
        report.one_of((*where, "restartPolicy"), policy, ("NotRequired", "RestartContainer"))
        if pod.restart_policy == "Never" and policy != "NotRequired":
            text = "must be NotRequired in a pod that never restarts"
            words = "must be 'NotRequired' when pod `restartPolicy` is 'Never'"
            report.wrong((*where, "restartPolicy"), "KL142", text, policy, words, at=dotted(path))


def _restart(report: Report, path: Path, node: Tree) -> None:
    policy, rules = node.get("restartPolicy"), node.get("restartPolicyRules", [])
    if policy is None:
        if rules:
            words = "must specify restartPolicy when restart rules are used"
            report.required((*path, "restartPolicy"), "restartPolicyRules need it", api=words)
    elif policy not in _RESTARTS:
        report.unsupported((*path, "restartPolicy"), policy, _RESTARTS)
    report.no_more((*path, "restartPolicyRules"), rules, 20)
    for index, rule in enumerate(rules):
        where = (*path, "restartPolicyRules", index)
        report.one_of((*where, "action"), rule.get("action"), _RESTART_ACTIONS)
        if "exitCodes" not in rule:
            report.required((*where, "exitCodes"))
            continue
        codes = rule["exitCodes"]
        report.one_of((*where, "exitCodes", "operator"), codes.get("operator"), ("In", "NotIn"))
        report.no_more((*where, "exitCodes", "values"), codes.get("values", ()), 255)


def _common(report: Report, path: Path, node: Tree, pod: Surroundings) -> None:
    required_name(report, (*path, "name"), node.get("name"), names.dns_label)
    image = node.get("image", "")
    if not image:
        report.required((*path, "image"))
    elif pod.is_pod and image.strip() != image:
        detail = "must not have leading or trailing whitespace"
        report.invalid((*path, "image"), "KL143", image, "must not have blanks around it", detail=detail)
    report.one_of(
        (*path, "terminationMessagePolicy"),
        node.get("terminationMessagePolicy"),
        ("File", "FallbackToLogsOnError"),
    )
    if "ports" in node:
        _ports(report, (*path, "ports"), node["ports"])
    if "env" in node:
        environment.variables(report, (*path, "env"), node["env"])
    if "envFrom" in node:
        environment.variables_from(report, (*path, "envFrom"), node["envFrom"])
    if "volumeMounts" in node:
        _mounts(report, path, node, pod)
    if "volumeDevices" in node:
        _devices(report, path, node, pod)
    report.one_of((*path, "imagePullPolicy"), node.get("imagePullPolicy"), _PULL_POLICIES)
    resources.requirements(
        report, (*path, "resources"), node.get("resources"), resources.container_resource, pod.claims
    )
    if "resizePolicy" in node:
        _resize(report, path, node, pod)
    if "securityContext" in node:
        security.container(report, (*path, "securityContext"), node["securityContext"], host_users=pod.host_users)


def main(report: Report, path: Path, nodes: list[Tree], pod: Surroundings) -> None:
    """Check the main containers."""
    if not nodes:
        report.required(path, "a pod needs at least one container")
        return
    seen: set[str] = set()
    for index, node in enumerate(nodes):
        where = (*path, index)
        _common(report, where, node, pod)
        _unique(report, where, node, seen)
        _running(report, where, node, pod)
        _restart(report, where, node)
    host_ports(report, path, nodes)


def _unique(report: Report, path: Path, node: Tree, seen: set[str]) -> None:
    name = node.get("name", "")
    if name and name in seen:
        report.duplicate((*path, "name"), name, "is there twice; containers of a pod need different names")
    seen.add(name)


def host_network(report: Report, path: Path, nodes: list[Tree], pod: Surroundings) -> None:
    """Check that containers of a pod on the host's network take the host's ports as they are."""
    for index, node in enumerate(nodes if pod.host_network else ()):
        _host_network(report, (*path, index, "ports"), node.get("ports", []), pod)


def _host_network(report: Report, path: Path, ports: list[Tree], pod: Surroundings) -> None:
    for index, port in enumerate(ports):
        host, number = port.get("hostPort", 0), port.get("containerPort", 0)
        if (pod.is_pod or host) and host != number:
            text = f"must be the containerPort ({number}) when hostNetwork is true, is {host}"
            words = "must match `containerPort` when `hostNetwork` is true"
            report.wrong((*path, index, "hostPort"), "KL142", text, host, words)


def init(report: Report, path: Path, nodes: list[Tree], mains: list[Tree], pod: Surroundings) -> None:
    """Check the init containers; those that always restart are sidecars and may have probes."""
    seen = {node.get("name", "") for node in mains}
    for index, node in enumerate(nodes):
        where = (*path, index)
        _common(report, where, node, pod)
        _restart(report, where, node)
        _unique(report, where, node, seen)
        host_ports(report, path, [node], first=index)
        if node.get("restartPolicy") == "Always":
            _running(report, where, node, pod)
            continue
        for key in ("lifecycle", *_PROBES):
            if key in node:
                report.forbidden(
                    (*where, key), "may only be set for init containers with restartPolicy: Always", api=_NO_SIDECAR
                )
        for number, item in enumerate(node.get("resizePolicy", ())):
            if item.get("restartPolicy") == "RestartContainer":
                report.forbidden(
                    (*where, "resizePolicy", number, "restartPolicy"),
                    "an init container that ends cannot restart for a resize",
                )
