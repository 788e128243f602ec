"""Environment variables and what they can be read from."""

from __future__ import annotations

import re

from kubelogic.kinds import quantity
from kubelogic.kinds.validation import api_words, names
from kubelogic.kinds.validation.common import check_name, label_key, required_name
from kubelogic.kinds.validation.problems import Report, Tree, listed, nearest, quoted
from kubelogic.patterns import regex
from kubelogic.text.location import Path, dotted

VOLUME_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
_CONVERTIBLE = {
    *ENV_FIELDS,
    *VOLUME_FIELDS,
    "spec.host",
    "spec.hostNetwork",
    "spec.restartPolicy",
    "spec.schedulerName",
    "status.nominatedNodeName",
    "status.phase",
}
_SUBSCRIPTED = regex(r"(metadata\.(?:labels|annotations))\['(.*)'\]", re.DOTALL)
_CONTAINER_RESOURCES = tuple(
    f"{which}.{name}" for which in ("limits", "requests") for name in ("cpu", "memory", "ephemeral-storage")
)
_DIVIDED = {
    "cpu": "cpu resource",
    "memory": "memory resource",
    "ephemeral-storage": "local ephemeral storage resource",
}
_HUGE = ("requests.hugepages-", "limits.hugepages-")
_SIZES = ("1", *(f"1{unit}" for unit in "kMGTPE"), *(f"1{unit}i" for unit in "KMGTPE"))
_MORE_THAN_ONE = api_words.invalid("", "may not have more than one field specified at a time")
_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")


def field_ref(report: Report, path: Path, reference: Tree, allowed: tuple[str, ...]) -> None:
    """Check a reference to one of the pod's own fields."""
    field = reference.get("fieldPath", "")
    if not field:
        report.required((*path, "fieldPath"))
        return
    if reference.get("apiVersion") not in ("v1",):
        report.unsupported((*path, "apiVersion"), reference.get("apiVersion"), ("v1",))
        return
    match = _SUBSCRIPTED.fullmatch(field)
    if match:
        key = match[2].lower() if match[1].endswith("annotations") else match[2]
        label_key(report, (*path, "fieldPath"), key)
    elif field not in _CONVERTIBLE:
        detail = f"error converting fieldPath: field label not supported: {field}"
        near = nearest(field, allowed)
        hint = f" (did you mean {quoted(near)}?)" if near else ""
        text = f"{quoted(field)} is not supported: use {listed(allowed)}{hint}"
        report.wrong((*path, "fieldPath"), "KL121", text, field, detail)
    elif field not in allowed:
        report.unsupported((*path, "fieldPath"), field, allowed)


def resource_field_ref(report: Report, path: Path, reference: Tree, *, needs_container: bool) -> None:
    """Check a reference to a container's requests or limits."""
    resource = reference.get("resource", "")
    if needs_container and not reference.get("containerName"):
        report.required((*path, "containerName"))
    elif not resource:
        report.required((*path, "resource"))
    elif resource not in _CONTAINER_RESOURCES and not resource.startswith(_HUGE):
        report.unsupported((*path, "resource"), resource, _CONTAINER_RESOURCES)
    divisor = reference.get("divisor")
    if divisor is None or quantity.read(divisor).nanos == 0:
        return
    allowed = ("1m", "1") if resource.endswith(".cpu") else _SIZES
    if quantity.canonical(divisor) not in allowed and resource:
        what = _DIVIDED.get(resource.partition(".")[2], "hugepages resource")
        which = "1m and 1" if resource.endswith(".cpu") else ", ".join(_SIZES)
        words = f"only divisor's values {which} are supported with the {what}"
        text = f"{quoted(divisor)} is not supported: use {listed(allowed)}"
        report.wrong((*path, "divisor"), "KL121", text, resource, words)


def _key_ref(report: Report, path: Path, reference: Tree) -> None:
    name = reference.get("name") or ""
    if name:
        check_name(report, (*path, "name"), name, names.dns_subdomain)
    else:
        report.wrong((*path, "name"), "KL120", "is required", "", *api_words.dns_subdomain(""))
    key = reference.get("key", "")
    if not key:
        report.required((*path, "key"))
    else:
        report.check((*path, "key"), "KL123", key, names.config_key)


def _file_key_ref(report: Report, path: Path, reference: Tree) -> None:
    required_name(report, (*path, "key"), reference.get("key"), names.env_name)
    required_name(report, (*path, "volumeName"), reference.get("volumeName"), names.dns_label)
    file = reference.get("path", "")
    if not file:
        report.required((*path, "path"))
    else:
        report.check((*path, "path"), "KL133", file, names.no_backsteps)


def variables(report: Report, path: Path, items: list[Tree]) -> None:
    """Check environment variables."""
    seen: set[str] = set()
    for index, item in enumerate(items):
        where = (*path, index)
        name = item.get("name", "")
        required_name(report, (*where, "name"), name, names.env_name)
        if "valueFrom" in item:
            _value_from(report, (*where, "valueFrom"), item["valueFrom"], has_value=bool(item.get("value")))
        if name in seen and f"$({name})" not in item.get("value", ""):
            report.warn(where, "KL191", f"hides an earlier value of {name}")
        seen.add(name)


def _value_from(report: Report, path: Path, source: Tree, *, has_value: bool) -> None:
    kinds = [kind for kind in _SOURCES if kind in source]
    if "fieldRef" in source:
        field_ref(report, (*path, "fieldRef"), source["fieldRef"], ENV_FIELDS)
    if "resourceFieldRef" in source:
        resource_field_ref(report, (*path, "resourceFieldRef"), source["resourceFieldRef"], needs_container=False)
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if kind in source:
            _key_ref(report, (*path, kind), source[kind])
    if "fileKeyRef" in source:
        _file_key_ref(report, (*path, "fileKeyRef"), source["fileKeyRef"])
    if not kinds:
        *most, last = (f"`{kind}`" for kind in ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef"))
        words = f"must specify one of: {', '.join(most)}, {last} or `fileKeyRef`"
        report.wrong(path, "KL120", f"is required: set one of {', '.join(_SOURCES)}", "", words)
    elif has_value:
        words = "may not be specified when `value` is not empty"
        report.wrong(path, "KL142", "value and valueFrom exclude each other", "", words)
    elif len(kinds) > 1:
        report.add(path, "KL142", f"has more than one source: {', '.join(kinds)}", api=_MORE_THAN_ONE)


def variables_from(report: Report, path: Path, items: list[Tree]) -> None:
    """Check objects whose keys all become variables."""
    for index, item in enumerate(items):
        where = (*path, index)
        if item.get("prefix"):
            check_name(report, (*where, "prefix"), item["prefix"], names.env_name)
        kinds = [kind for kind in ("configMapRef", "secretRef") if kind in item]
        for kind in kinds:
            name = item[kind].get("name", "")
            required_name(report, (*where, kind, "name"), names.masked(name), names.dns_subdomain)
        if not kinds:
            words = "must specify one of: `configMapRef` or `secretRef`"
            report.wrong(where, "KL120", "is required: set configMapRef or secretRef", "", words, at=dotted(path))
        elif len(kinds) > 1:
            text = "configMapRef and secretRef exclude each other"
            report.add(where, "KL142", text, api=_MORE_THAN_ONE, at=dotted(path))
