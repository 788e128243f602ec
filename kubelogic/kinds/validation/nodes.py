"""Nodes, namespaces, configuration and accounts.

Source: Kubernetes API reference, core/v1; "Secrets", "ConfigMaps", "Taints and Tolerations".
"""

from __future__ import annotations

import base64
import json
import re

from kubelogic.kinds.validation import names, resources, scheduling
from kubelogic.kinds.validation.common import finalizer_name, metadata
from kubelogic.kinds.validation.problems import Report, Tree, quoted
from kubelogic.text.location import Path

_SIZE_LIMIT = 1024 * 1024
_FEATURE = re.compile(r"[A-Z][a-zA-Z0-9]*(/[a-zA-Z][a-zA-Z0-9]*)*", re.ASCII)
_NEEDED_KEYS = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_JSON_KEYS = (".dockercfg", ".dockerconfigjson")
_ACCOUNT = "kubernetes.io/service-account.name"


_SECURITY = "pod-security.kubernetes.io/"
_LEVELS = ("privileged", "baseline", "restricted")
_SECURITY_VERSION = re.compile(r"latest|v1\.(0|[1-9][0-9]*)")


def node(report: Report, tree: Tree) -> None:
    """Check a Node."""
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    spec, status = tree.get("spec", {}), tree.get("status", {})
    scheduling.taints(report, ("spec", "taints"), spec.get("taints", []))
    parts = ("capacity",) if status.get("allocatable") == status.get("capacity") else ("capacity", "allocatable")
    for part in parts:
        for name, value in status.get(part, {}).items():
            resources.amount(report, ("status", part, name), name, value)
    ranges = spec.get("podCIDRs", [])
    for index, value in enumerate(ranges):
        if wrong := names.cidr(value):
            path: Path = ("spec", "podCIDR") if value == spec.get("podCIDR") else ("spec", "podCIDRs", index)
            report.invalid(path, "KL132", value, wrong)
    if len(ranges) > 2 or (len(ranges) == 2 and (":" in ranges[0]) == (":" in ranges[1])):
        report.add(("spec", "podCIDRs"), "KL142", "may hold one range of each address family only")
    features = status.get("declaredFeatures", [])
    for index, feature in enumerate(features):
        if len(feature) > 253 or not _FEATURE.fullmatch(feature):
            report.invalid(("status", "declaredFeatures", index), "KL123", feature, "is no feature's name")
    if features != sorted(set(features)):
        report.add(("status", "declaredFeatures"), "KL143", "must be sorted and without repetition")


def namespace(report: Report, tree: Tree) -> None:
    """Check a Namespace."""
    metadata(report, tree, names.dns_label, namespaced=False)
    for index, finalizer in enumerate(tree.get("spec", {}).get("finalizers", ())):
        finalizer_name(report, ("spec", "finalizers", index), finalizer)
    labels = tree.get("metadata", {}).get("labels") or {}
    for mode in ("enforce", "audit", "warn"):
        level, version = f"{_SECURITY}{mode}", f"{_SECURITY}{mode}-version"
        if level in labels and labels[level] not in _LEVELS:
            report.unsupported(("metadata", "labels", level), labels[level], _LEVELS)
        if version in labels and not _SECURITY_VERSION.fullmatch(labels[version]):
            report.add(
                ("metadata", "labels", version), "KL121", f"{quoted(labels[version])} is neither latest nor v1.N"
            )


def service_account(report: Report, tree: Tree) -> None:
    """Check a ServiceAccount."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)


def _keys(report: Report, group: str, data: Tree) -> None:
    for key in data:
        if wrong := names.config_key(key):
            report.add((group, key), "KL123", f"the key {key!r} {wrong}", on_key=True)


def config_map(report: Report, tree: Tree) -> None:
    """Check a ConfigMap."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    data, binary = tree.get("data", {}), tree.get("binaryData", {})
    _keys(report, "data", data)
    _keys(report, "binaryData", binary)
    for key in data:
        if key in binary:
            report.add(("binaryData", key), "KL126", f"{key!r} is also in data", on_key=True)
    size = sum(len(value.encode(errors="surrogatepass")) for value in data.values())
    size += sum(_decoded_size(value) for value in binary.values())
    if size > _SIZE_LIMIT:
        report.too_long(("data",), size, _SIZE_LIMIT, "bytes")


def _decoded_size(text: str) -> int:
    return len(text) // 4 * 3 - text[-2:].count("=")


def secret(report: Report, tree: Tree) -> None:
    """Check a Secret."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    data, kind = tree.get("data", {}), tree.get("type", "")
    _keys(report, "data", data)
    size = sum(map(_decoded_size, data.values()))
    if size > _SIZE_LIMIT:
        report.too_long(("data",), size, _SIZE_LIMIT, "bytes")
    for key in _NEEDED_KEYS.get(kind, ()):
        if key not in data or (kind == "kubernetes.io/ssh-auth" and not data[key]):
            report.required(("data", key), f"a Secret of the type {kind} needs it")
        elif key in _JSON_KEYS and not _is_json_mapping(data[key]):
            report.add(("data", key), "KL143", "must be a JSON mapping, in base64")
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & set(data):
        report.required(("data", "username"), "a Secret of this type needs username or password")
    if kind == "kubernetes.io/service-account-token":  # noqa: SIM102
        if not tree.get("metadata", {}).get("annotations", {}).get(_ACCOUNT):
            report.required(("metadata", "annotations", _ACCOUNT), "it names the service account")


def _is_json_mapping(text: str) -> bool:
    try:
        value = json.loads(base64.b64decode(text))
    except (ValueError, RecursionError):
        return False
    return value is None or isinstance(value, dict)
