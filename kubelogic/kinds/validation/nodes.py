"""Nodes, namespaces, configuration and accounts.

Source: Kubernetes API reference, core/v1; "Secrets", "ConfigMaps", "Taints and Tolerations".
"""

from __future__ import annotations

import base64
import json
import re

from kubelogic.kinds.validation import api_words, names, resources, scheduling
from kubelogic.kinds.validation.common import finalizer_name, metadata
from kubelogic.kinds.validation.problems import Report, Tree
from kubelogic.patterns import regex
from kubelogic.text.location import Path

_SIZE_LIMIT = 1024 * 1024
_FEATURE = regex(r"[A-Z][a-zA-Z0-9]*(/[a-zA-Z][a-zA-Z0-9]*)*", re.ASCII)
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
_SECURITY_VERSION = regex(r"latest|v1\.(0|[1-9][0-9]*)")


def node(report: Report, tree: Tree) -> None:
    """Check a Node."""
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    spec, status = tree.get("spec", {}), tree.get("status", {})
    scheduling.taints(report, ("spec", "taints"), spec.get("taints", []))
    for part in ("capacity", "allocatable"):
        for name, value in status.get(part, {}).items():
            inner = Report()
            resources.amount(inner, ("status", part, name), name, value)
            for problem in inner.problems:
                told = [(f"status.{part}.{name}", words) for _, words in problem.faults]
                report.add(problem.path, problem.code, problem.message, told=told)
    ranges = spec.get("podCIDRs", [])
    for index, value in enumerate(ranges):
        if wrong := names.cidr(value):
            path: Path = ("spec", "podCIDR") if value == spec.get("podCIDR") else ("spec", "podCIDRs", index)
            at = f"spec.podCIDRs[{index}]"
            report.invalid(path, "KL132", value, wrong, detail=api_words.cidr(value), at=at)
    if len(ranges) > 2 or (len(ranges) == 2 and (":" in ranges[0]) == (":" in ranges[1])):
        words = "may specify no more than one CIDR for each IP family"
        report.wrong(("spec", "podCIDRs"), "KL142", "may hold one range of each address family only", ranges, words)
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
            said = f"must be one of {', '.join(_LEVELS)}"
            report.invalid(("metadata", "labels", level), "KL121", labels[level], said, detail=said)
        if version in labels and not _SECURITY_VERSION.fullmatch(labels[version]):
            said = 'must be "latest" or "v1.x"'
            report.invalid(("metadata", "labels", version), "KL121", labels[version], said, detail=said)


def service_account(report: Report, tree: Tree) -> None:
    """Check a ServiceAccount."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)


def _keys(report: Report, group: str, data: Tree) -> None:
    for key in data:
        if wrong := names.config_key(key):
            words = api_words.invalid(key, *api_words.config_key(key))
            report.add((group, key), "KL123", f"the key {key!r} {wrong}", on_key=True, api=words, at=f"{group}[{key}]")


def config_map(report: Report, tree: Tree) -> None:
    """Check a ConfigMap."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    data, binary = tree.get("data", {}), tree.get("binaryData", {})
    _keys(report, "data", data)
    for key in data:
        if key in binary:
            words = api_words.invalid(key, "duplicate of key present in binaryData")
            report.add(
                ("binaryData", key), "KL126", f"{key!r} is also in data", on_key=True, api=words, at=f"data[{key}]"
            )
    _keys(report, "binaryData", binary)
    size = sum(len(value.encode(errors="surrogatepass")) for value in data.values())
    size += sum(_decoded_size(value) for value in binary.values())
    if size > _SIZE_LIMIT:
        report.too_long(("data",), size, _SIZE_LIMIT, "bytes", at="[]")


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
            report.required(("data", key), f"a Secret of the type {kind} needs it", at=f"data[{key}]")
        elif key in _JSON_KEYS and not _is_json_mapping(data[key]):
            words = api_words.invalid("<secret contents redacted>", _unmarshal(data[key]))
            report.add(("data", key), "KL143", "must be a JSON mapping, in base64", api=words, at=f"data[{key}]")
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & set(data):
        told = [("data[username]", "Required value"), ("data[password]", "Required value")]
        text = "is required: a Secret of this type needs username or password"
        report.add(("data", "username"), "KL120", text, told=told)
    if kind == "kubernetes.io/service-account-token":  # noqa: SIM102
        if not tree.get("metadata", {}).get("annotations", {}).get(_ACCOUNT):
            report.required(("metadata", "annotations", _ACCOUNT), "it names the service account")


def _unmarshal(text: str) -> str:
    """What Go's decoder says of a text that is no JSON mapping."""
    try:
        value = json.loads(base64.b64decode(text))
    except (ValueError, RecursionError):
        found = base64.b64decode(text).decode(errors="replace").lstrip()
        if not found:
            return "unexpected end of JSON input"
        return f"invalid character {found[0]!r} looking for beginning of value"
    kind = {list: "array", str: "string", bool: "bool"}.get(type(value), "number")
    return f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"


def _is_json_mapping(text: str) -> bool:
    try:
        value = json.loads(base64.b64decode(text))
    except (ValueError, RecursionError):
        return False
    return value is None or isinstance(value, dict)
