"""Defaults of pods and of the templates that make them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kubelogic.kinds import quantity
from kubelogic.kinds.table import fields_of
from kubelogic.patterns import regex

Tree = dict[str, Any]

_PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_FILE_SOURCES = ("secret", "configMap", "downwardAPI", "projected")
_FILE_MODE = 0o644
_RBD = {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"}
_AZURE_DISK = {"cachingMode": "ReadWrite", "fsType": "ext4", "readOnly": False, "kind": "Shared"}
_SCALE_IO = {"storageMode": "ThinProvisioned", "fsType": "xfs"}
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DOMAIN = r"(?:[A-Za-z0-9.-]+|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_IMAGE = regex(
    rf"(?:{_DOMAIN}/)?{_PART}(?:/{_PART})*(?::(?P<tag>\w[\w.-]{{0,127}}))?(?:@(?P<digest>[\w+.-]+:[a-fA-F0-9]{{32,}}))?",
    re.ASCII,
)
POD_RESOURCES = ("cpu", "memory")
"""Resources that can be requested for a whole pod, besides huge pages."""


def _unset(tree: Tree, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if key not in tree:
            tree[key] = value


def _empty(tree: Tree, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if not tree.get(key):
            tree[key] = value


def resources(amounts: Tree | None) -> None:
    """Round every amount up to thousandths, as the API server stores them."""
    for name, value in (amounts or {}).items():
        canonical = quantity.canonical_milli(value)
        if canonical != value:
            amounts[name] = canonical  # type: ignore[index]


def pull_policy(image: str) -> str:
    """``Always`` for images without a fixed version.

    >>> pull_policy("app"), pull_policy("registry:5000/app:1"), pull_policy("App")
    ('Always', 'IfNotPresent', 'IfNotPresent')
    """
    match = _IMAGE.fullmatch(image)
    if match is None:
        return "IfNotPresent"
    tag = match["tag"] or ("" if match["digest"] else "latest")
    return "Always" if tag == "latest" else "IfNotPresent"


def _http(action: Tree | None) -> None:
    if action is not None:
        _empty(action, {"path": "/", "scheme": "HTTP"})


def _probe(probe: Tree) -> None:
    _empty(probe, _PROBE)
    _http(probe.get("httpGet"))
    if "grpc" in probe:
        probe["grpc"].setdefault("service", "")


def _field_ref(holder: Tree) -> None:
    if "fieldRef" in holder:
        _empty(holder["fieldRef"], {"apiVersion": "v1"})


def container(node: Tree) -> None:
    """Defaults of a container of any sort."""
    _empty(
        node,
        {
            "imagePullPolicy": pull_policy(node.get("image", "")),
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
        },
    )
    node.setdefault("resources", {})
    for port in node.get("ports", ()):
        _empty(port, {"protocol": "TCP"})
    for variable in node.get("env", ()):
        source = variable.get("valueFrom")
        if source is not None:
            _field_ref(source)
            if "fileKeyRef" in source:
                source["fileKeyRef"].setdefault("optional", False)
    resources(node["resources"].get("limits"))
    resources(node["resources"].get("requests"))
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        if kind in node:
            _probe(node[kind])
    for moment in ("postStart", "preStop"):
        _http(node.get("lifecycle", {}).get(moment, {}).get("httpGet"))


def volume(node: Tree) -> None:
    """Defaults of a volume: an empty directory unless it says something else."""
    if not any(key in node for key in fields_of("Volume") if key != "name"):
        node["emptyDir"] = {}
    for source in _FILE_SOURCES:
        if source in node:
            node[source].setdefault("defaultMode", _FILE_MODE)
    for item in node.get("downwardAPI", {}).get("items", ()):
        _field_ref(item)
    for part in node.get("projected", {}).get("sources", ()):
        for item in part.get("downwardAPI", {}).get("items", ()):
            _field_ref(item)
        if "serviceAccountToken" in part:
            part["serviceAccountToken"].setdefault("expirationSeconds", 3600)
    if "image" in node:
        _empty(node["image"], {"pullPolicy": pull_policy(node["image"].get("reference", ""))})
    disk(node)
    template = node.get("ephemeral", {}).get("volumeClaimTemplate")
    if template is not None:
        claim_spec(template.setdefault("spec", {}))


def disk(node: Tree) -> None:
    """Defaults of the sources that pods' volumes and persistent volumes share."""
    if "hostPath" in node:
        node["hostPath"].setdefault("type", "")
    if "iscsi" in node:
        _empty(node["iscsi"], {"iscsiInterface": "default"})
    if "rbd" in node:
        _empty(node["rbd"], _RBD)
    if "azureDisk" in node:
        _unset(node["azureDisk"], _AZURE_DISK)
    if "scaleIO" in node:
        _empty(node["scaleIO"], _SCALE_IO)


def claim_spec(spec: Tree) -> None:
    """Defaults of what a claim asks for; a data source is given in both of its spellings."""
    spec.setdefault("volumeMode", "Filesystem")
    for amounts in ("limits", "requests"):
        resources(spec.get("resources", {}).get(amounts))
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source is not None and reference is None:
        spec["dataSourceRef"] = dict(source)
    elif reference is not None and source is None and not reference.get("namespace"):
        group = reference.get("apiGroup", "")
        if (group, reference.get("kind")) in (
            ("", "PersistentVolumeClaim"),
            ("snapshot.storage.k8s.io", "VolumeSnapshot"),
        ):
            spec["dataSource"] = {key: reference[key] for key in reference if key != "namespace"}


def containers_of(spec: Tree) -> list[Tree]:
    """Init, main and ephemeral containers."""
    return [
        *spec.get("initContainers", ()),
        *spec.get("containers", ()),
        *spec.get("ephemeralContainers", ()),
    ]


def pod_spec(spec: Tree) -> None:
    """Defaults that templates and pods share."""
    _empty(
        spec,
        {"dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler"},
    )
    spec.setdefault("securityContext", {})
    spec.setdefault("terminationGracePeriodSeconds", 30)
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for node in spec.get("volumes", ()):
        volume(node)
    for node in containers_of(spec):
        container(node)
    resources(spec.get("overhead"))
    for amounts in ("limits", "requests"):
        resources(spec.get("resources", {}).get(amounts))


def template(node: Tree) -> None:
    """Defaults of a pod template."""
    node.setdefault("metadata", {})
    pod_spec(node.setdefault("spec", {}))


def pod_template_object(tree: Tree) -> None:
    """Defaults of the kind PodTemplate."""
    template(tree.setdefault("template", {}))


def aggregate(spec: Tree, which: str) -> dict[str, int]:
    """What the containers of a pod ask for together, in billionths: main containers and sidecars add up,
    init containers count where one of them alone is larger.

    Args:
        spec: a pod's spec.
        which: ``requests`` or ``limits``.
    """
    total: dict[str, int] = {}
    sidecars: dict[str, int] = {}
    peak: dict[str, int] = {}
    for node in spec.get("containers", ()):
        for name, value in node.get("resources", {}).get(which, {}).items():
            total[name] = total.get(name, 0) + quantity.read(value).nanos
    for node in spec.get("initContainers", ()):
        own = {name: quantity.read(value).nanos for name, value in node.get("resources", {}).get(which, {}).items()}
        if node.get("restartPolicy") == "Always":
            for name, nanos in own.items():
                total[name] = total.get(name, 0) + nanos
                sidecars[name] = sidecars.get(name, 0) + nanos
            own = dict(sidecars)
        else:
            own = {name: own.get(name, 0) + sidecars.get(name, 0) for name in {**own, **sidecars}}
        for name, nanos in own.items():
            peak[name] = max(peak.get(name, 0), nanos)
    return {name: max(total.get(name, 0), peak.get(name, 0)) for name in sorted({**total, **peak})}


def _pod_level(spec: Tree) -> None:
    """Requests of the whole pod where only limits are given, and limits of huge pages."""
    level = spec.get("resources")
    if level is None:
        return
    if level.get("limits") or level.get("requests"):
        for name, nanos in aggregate(spec, "limits").items():
            if name.startswith("hugepages-") and name not in level.get("requests", {}):
                level.setdefault("limits", {}).setdefault(name, quantity.written(nanos, like="1Mi"))
    if not level.get("limits"):
        return
    requests = dict(level.get("requests", {}))
    for name, nanos in aggregate(spec, "requests").items():
        if name in POD_RESOURCES and name not in requests:
            requests[name] = quantity.written(nanos, like=_first_amount(spec, name))
    for name, value in level["limits"].items():
        if name in POD_RESOURCES or name.startswith("hugepages-"):
            requests.setdefault(name, value)
    if requests:
        level["requests"] = requests


def _first_amount(spec: Tree, name: str) -> str:
    """An amount of the resource as a container writes it: sums keep its notation."""
    for node in [*spec.get("containers", ()), *spec.get("initContainers", ())]:
        value = node.get("resources", {}).get("requests", {}).get(name)
        if value is not None:
            return str(value)
    return "1"


def _requests_from_limits(spec: Tree) -> None:
    for node in [*spec.get("containers", ()), *spec.get("initContainers", ())]:
        amounts = node.get("resources", {})
        if "limits" in amounts:
            requests = {**amounts["limits"], **amounts.get("requests", {})}
            if requests != amounts.get("requests"):
                amounts["requests"] = requests
    _pod_level(spec)


def with_requests(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The spec of a pod that a controller made of its template: templates have no requests where limits are enough.

    Args:
        spec: of a template, with its own defaults. It stays as it is, and is the result if no limit is stated.

    Source: SetDefaults_Pod in pkg/apis/core/v1/defaults.go of Kubernetes 1.36.
    """
    holders = [spec, *(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    if not any((each.get("resources") or {}).get("limits") for each in holders):
        return spec
    copied = _with_own_resources(spec)
    for part in ("containers", "initContainers"):
        if spec.get(part):
            copied[part] = [_with_own_resources(node) for node in spec[part]]
    _requests_from_limits(copied)
    return copied


def _with_own_resources(node: Mapping[str, Any]) -> Tree:
    """A copy of a container or a spec whose amounts can be changed."""
    amounts = node.get("resources")
    if not amounts:
        return dict(node)
    return {**node, "resources": {k: dict(v) if isinstance(v, Mapping) else v for k, v in amounts.items()}}


def pod(tree: Tree) -> None:
    """Defaults of a pod, including those that only pods have and templates do not."""
    spec: Tree = tree.setdefault("spec", {})
    _requests_from_limits(spec)
    spec.setdefault("enableServiceLinks", True)
    if spec.get("hostNetwork"):
        for node in [*spec.get("containers", ()), *spec.get("initContainers", ())]:
            for port in node.get("ports", ()):
                if not port.get("hostPort") and port.get("containerPort"):
                    port["hostPort"] = port["containerPort"]
    pod_spec(spec)
    _match_label_keys(spec, tree.get("metadata", {}).get("labels", {}))


def _match_label_keys(spec: Tree, labels: Tree) -> None:
    """Turn ``matchLabelKeys`` into expressions of the selector, with the pod's own values."""
    affinity = spec.get("affinity", {})
    for direction in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(direction, {})
        for term in terms.get("requiredDuringSchedulingIgnoredDuringExecution", ()):
            _merge_keys(term, labels)
        for weighted in terms.get("preferredDuringSchedulingIgnoredDuringExecution", ()):
            _merge_keys(weighted.get("podAffinityTerm", {}), labels)
    for constraint in spec.get("topologySpreadConstraints", ()):
        _merge_keys(constraint, labels)


def _merge_keys(term: Tree, labels: Tree) -> None:
    selector = term.get("labelSelector")
    if selector is None:
        return
    for keys, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")):
        for key in term.get(keys, ()):
            if key in labels:
                expression = {"key": key, "operator": operator, "values": [labels[key]]}
                expressions = selector.setdefault("matchExpressions", [])
                if expression not in expressions:
                    expressions.append(expression)
