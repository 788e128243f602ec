"""Claims of devices, their templates, the classes of devices and the slices that drivers publish.

Source: pkg/apis/resource/validation/validation.go of Kubernetes 1.36: ValidateResourceClaim,
ValidateResourceClaimTemplate, ValidateDeviceClass, ValidateResourceSlice; pkg/apis/resource/v1/defaults.go (a request
that says neither is for one device). Policies of shared capacity and status are not checked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from kubelogic.kinds.selector_checks import COSTLY, refused
from kubelogic.kinds.validation import api_words, names
from kubelogic.kinds.validation.common import label_key, metadata, required_name, template_metadata
from kubelogic.kinds.validation.problems import Report, Tree
from kubelogic.kinds.validation.resources import is_extended
from kubelogic.kinds.validation.scheduling import node_selector
from kubelogic.kinds.validation.volumes import csi_driver_name
from kubelogic.patterns import regex
from kubelogic.text.location import Path, dotted

_MOST, _MOST_CHOICES, _MOST_COUNTER_SETS, _LONGEST_EXPRESSION = 32, 8, 8, 10 * 1024
_MOST_DEVICES, _MOST_DETAILED_DEVICES, _MOST_TAINTS, _MOST_CONSUMED = 128, 64, 16, 2
_LONGEST_VALUE, _LONGEST_IDENTIFIER = 64, 32
_MODES = ("All", "ExactCount")
_EFFECTS = ("NoExecute", "NoSchedule", "None")
_OPERATORS = ("Equal", "Exists")
_IDENTIFIER = regex(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_NUMBER, _PRE = r"(?:0|[1-9]\d*)", r"(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_VERSION = regex(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_PRE}(?:\.{_PRE})*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?", re.ASCII
)
_SCALARS = ("bool", "int", "string", "version")
_LISTS = ("bools", "ints", "strings", "versions")
_WHERE = ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection")
_NO_REQUEST = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
_NO_IDENTIFIER = api_words.regex_error(
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric "
    "characters or '_'",
    "[A-Za-z_][A-Za-z0-9_]*",
    "my_name",
    "MY_NAME",
    "MyName",
)


def claim(report: Report, tree: Tree) -> None:
    """Check a ResourceClaim."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    _claim(report, ("spec", "devices"), (tree.get("spec") or {}).get("devices") or {})


def claim_template(report: Report, tree: Tree) -> None:
    """Check a ResourceClaimTemplate."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    spec: Tree = tree.get("spec") or {}
    template_metadata(report, ("spec", "metadata"), spec.get("metadata"))
    _claim(report, ("spec", "spec", "devices"), (spec.get("spec") or {}).get("devices") or {})


def device_class(report: Report, tree: Tree) -> None:
    """Check a DeviceClass."""
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    spec: Tree = tree.get("spec") or {}
    _selectors(report, ("spec", "selectors"), spec.get("selectors") or [])
    _configurations(report, ("spec", "config"), spec.get("config") or [], None)
    name = spec.get("extendedResourceName")
    if name is not None and not is_extended(name):
        words = "must be a valid extended resource name"
        report.invalid(("spec", "extendedResourceName"), "KL137", name, words, detail=words)


def resource_slice(report: Report, tree: Tree) -> None:
    """Check a ResourceSlice."""
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    spec: Tree = tree.get("spec") or {}
    path: Path = ("spec",)
    _driver(report, (*path, "driver"), spec.get("driver"))
    pool: Tree = spec.get("pool") or {}
    name = pool.get("name")
    if not name:
        report.required((*path, "pool", "name"))
    else:
        for part in name.split("/"):
            report.check((*path, "pool", "name"), "KL123", part, names.dns_subdomain)
    count, generation = pool.get("resourceSliceCount") or 0, pool.get("generation") or 0
    if count <= 0:
        detail = "must be greater than zero"
        report.wrong((*path, "pool", "resourceSliceCount"), "KL122", f"must be at least 1, is {count}", count, detail)
    if generation < 0:
        report.at_least(pool, "generation", (*path, "pool"))
    _nodes(report, path, spec, _WHERE, "is required")
    if (terms := (spec.get("nodeSelector") or {}).get("nodeSelectorTerms")) is not None and len(terms) != 1:
        words = "must have exactly one node selector term"
        report.invalid((*path, "nodeSelector", "nodeSelectorTerms"), "KL142", terms, words, detail=words)
    if spec.get("sharedCounters") is not None and spec.get("devices") is not None:
        words = "only one of `sharedCounters` or `devices` is allowed"
        report.wrong((*path, "sharedCounters"), "KL142", words, "", words, at="spec")
    devices = spec.get("devices") or []
    detailed = any(each.get("taints") or each.get("consumesCounters") or _has_lists(each) for each in devices)
    _unique(report, (*path, "devices"), devices, "name", _MOST_DETAILED_DEVICES if detailed else _MOST_DEVICES)
    for index, device in enumerate(devices):
        _device(report, (*path, "devices", index), device, per_device=bool(spec.get("perDeviceNodeSelection")))
    counters = spec.get("sharedCounters") or []
    _unique(report, (*path, "sharedCounters"), counters, "name", _MOST_COUNTER_SETS)
    for index, each in enumerate(counters):
        _counters(report, (*path, "sharedCounters", index), each, "name")


def _claim(report: Report, path: Path, devices: Tree) -> None:
    requests = devices.get("requests") or []
    _unique(report, (*path, "requests"), requests, "name", _MOST)
    for index, request in enumerate(requests):
        _request(report, (*path, "requests", index), request)
    known = {
        name: frozenset(each.get("name") for each in request.get("firstAvailable") or ())
        for request in requests
        if (name := request.get("name"))
    }
    constraints = devices.get("constraints") or []
    report.no_more((*path, "constraints"), constraints, _MOST)
    for index, constraint in enumerate(constraints):
        where = (*path, "constraints", index)
        _references(report, (*where, "requests"), constraint.get("requests") or [], known)
        given = [key for key in ("matchAttribute", "distinctAttribute") if constraint.get(key) is not None]
        report.present(where, given, "give matchAttribute or distinctAttribute", api="exactly one is required")
        for key in given:
            _qualified(report, (*where, key), constraint[key], domain=True)
    _configurations(report, (*path, "config"), devices.get("config") or [], known)


def _request(report: Report, path: Path, request: Tree) -> None:
    required_name(report, (*path, "name"), request.get("name"), names.dns_label)
    exactly, choices = request.get("exactly"), request.get("firstAvailable") or []
    words = "exactly one of `exactly` or `firstAvailable` is required"
    if exactly is None and not choices:
        report.required(path, "give either exactly or firstAvailable", api=words)
    elif exactly is not None and choices:
        detail = f"{words}, but multiple fields are set"
        report.wrong(path, "KL142", "exactly and firstAvailable exclude each other; give one", None, detail)
    elif exactly is not None:
        _wanted(report, (*path, "exactly"), exactly)
    else:
        _unique(report, (*path, "firstAvailable"), choices, "name", _MOST_CHOICES)
        for index, choice in enumerate(choices):
            where = (*path, "firstAvailable", index)
            required_name(report, (*where, "name"), choice.get("name"), names.dns_label)
            _wanted(report, where, choice)


def _wanted(report: Report, path: Path, wanted: Tree) -> None:
    """What a request and each of its choices say of the devices."""
    required_name(report, (*path, "deviceClassName"), wanted.get("deviceClassName"), names.dns_subdomain)
    _selectors(report, (*path, "selectors"), wanted.get("selectors") or [])
    mode, count = wanted.get("allocationMode") or "ExactCount", wanted.get("count") or 0
    if mode not in _MODES:
        report.unsupported((*path, "allocationMode"), mode, _MODES)
    elif mode == "All" and count:
        words = "must not be specified when allocationMode is 'All'"
        report.invalid((*path, "count"), "KL142", count, words, detail=words)
    elif count < 0:
        report.wrong((*path, "count"), "KL122", f"must be at least 1, is {count}", count, "must be greater than zero")
    for index, toleration in enumerate(wanted.get("tolerations") or ()):
        where = (*path, "tolerations", index)
        operator, value = toleration.get("operator") or "Equal", toleration.get("value") or ""
        if toleration.get("key"):
            label_key(report, (*where, "key"), toleration["key"])
        if operator not in _OPERATORS:
            report.unsupported((*where, "operator"), operator, _OPERATORS)
        elif operator == "Equal":
            report.check((*where, "value"), "KL125", value, names.label_value)
        elif value:
            text = "may not be set when the operator is Exists"
            report.invalid((*where, "value"), "KL135", value, text, detail="must be empty for operator `Exists`")
        if (effect := toleration.get("effect")) and effect not in _EFFECTS:
            report.unsupported((*where, "effect"), effect, _EFFECTS)


def _selectors(report: Report, path: Path, selectors: Sequence[Tree]) -> None:
    report.no_more(path, selectors, _MOST)
    for index, selector in enumerate(selectors):
        where = (*path, index, "cel")
        if selector.get("cel") is None:
            report.required(where)
            continue
        expression = selector["cel"].get("expression") or ""
        if len(expression) > _LONGEST_EXPRESSION:
            report.too_long((*where, "expression"), len(expression), _LONGEST_EXPRESSION)
        elif found := refused(expression):
            if found == COSTLY:
                report.forbidden((*where, "expression"), found)
            else:
                report.invalid((*where, "expression"), "KL143", expression, found, detail=found)


def _configurations(
    report: Report, path: Path, configurations: Sequence[Tree], known: Mapping[str, Collection[str]] | None
) -> None:
    report.no_more(path, configurations, _MOST)
    for index, each in enumerate(configurations):
        if known is not None:
            _references(report, (*path, index, "requests"), each.get("requests") or [], known)
        if (opaque := each.get("opaque")) is None:
            report.required((*path, index, "opaque"))
            continue
        _driver(report, (*path, index, "opaque", "driver"), opaque.get("driver"))
        if opaque.get("parameters") is None:
            report.required((*path, index, "opaque", "parameters"))


def _references(report: Report, path: Path, requests: Sequence[str], known: Mapping[str, Collection[str]]) -> None:
    for index, name in enumerate(requests):
        request, slash, choice = name.partition("/")
        if request not in known or (slash and choice not in known[request]):
            text = "is not the name of a request of this claim"
            report.invalid((*path, index), "KL128", name, text, detail=_NO_REQUEST)
        elif name in requests[:index]:
            report.duplicate((*path, index), name)


def _nodes(report: Report, path: Path, node: Tree, keys: Iterable[str], ending: str) -> None:
    """Exactly one of the ways to say on which nodes devices are."""
    quoted_keys = ", ".join(f"`{key}`" for key in keys)
    given = []
    for key in keys:
        value = node.get(key)
        if value is None:
            continue
        if value is False or value == "":
            text = f"must be either unset or {'true' if value is False else 'a name'}"
            report.invalid((*path, key), "KL142", value, text, detail=text)
            continue
        given.append(key)
        if key == "nodeName":
            report.check((*path, key), "KL123", value, names.dns_subdomain)
        elif key == "nodeSelector":
            node_selector(report, (*path, key), value)
    words = f"exactly one of {quoted_keys} {ending}"
    if not given:
        report.required(path, f"give exactly one of {', '.join(keys)}", api=words)
    elif len(given) > 1:
        report.add(path, "KL142", f"{' and '.join(given)} exclude each other; give one", api=f"Invalid value: {words}")


def _device(report: Report, path: Path, device: Tree, *, per_device: bool) -> None:
    required_name(report, (*path, "name"), device.get("name"), names.dns_label)
    attributes, capacity = device.get("attributes") or {}, device.get("capacity") or {}
    if (number := len(attributes) + len(capacity)) > _MOST:
        words = f"the total number of attributes and capacities must not exceed {_MOST}"
        report.invalid(path, "KL129", number, words, detail=words)
    for key, attribute in attributes.items():
        _qualified(report, (*path, "attributes", key), key, on_key=True)
        _attribute(report, (*path, "attributes", key), attribute)
    for key, amount in capacity.items():
        _qualified(report, (*path, "capacity", key), key, on_key=True)
        if amount.get("requestPolicy") is not None and not device.get("allowMultipleAllocations"):
            report.forbidden((*path, "capacity", key, "requestPolicy"), "allowMultipleAllocations must be true")
    taints = device.get("taints") or []
    report.no_more((*path, "taints"), taints, _MOST_TAINTS)
    for index, taint in enumerate(taints):
        where = (*path, "taints", index)
        label_key(report, (*where, "key"), taint.get("key") or "")
        report.check((*where, "value"), "KL125", taint.get("value") or "", names.label_value)
        report.one_of((*where, "effect"), taint.get("effect"), _EFFECTS)
    consumed = device.get("consumesCounters") or []
    _unique(report, (*path, "consumesCounters"), consumed, "counterSet", _MOST_CONSUMED)
    for index, each in enumerate(consumed):
        _counters(report, (*path, "consumesCounters", index), each, "counterSet")
    own = [key for key in _WHERE[:3] if device.get(key) is not None]
    if per_device:
        ending = "is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec"
        _nodes(report, path, device, _WHERE[:3], ending)
    elif own:
        words = "can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec"
        report.add((*path, own[0]), "KL142", words, api=f"Invalid value: null: {words}")


def _attribute(report: Report, path: Path, attribute: Tree) -> None:
    given = [key for key in (*_SCALARS, *_LISTS) if attribute.get(key) is not None]
    if len(given) != 1:
        words = "exactly one value must be specified"
        report.invalid(path, "KL142", attribute, f"has {len(given)} values: {words}", detail=words)
    for key in given:
        value = attribute[key]
        if key in _LISTS and not value:
            report.invalid((*path, key), "KL142", value, "must not be empty", detail="must not be empty if specified")
        for text in value if key in _LISTS else [value]:
            if key in ("version", "versions") and not _VERSION.fullmatch(text):
                words = "must be a string compatible with semver.org spec 2.0.0"
                report.invalid((*path, key), "KL143", text, words, detail=words)
            if isinstance(text, str) and len(text.encode()) > _LONGEST_VALUE:
                report.too_long((*path, key), len(text.encode()), _LONGEST_VALUE, "bytes")


def _has_lists(device: Tree) -> bool:
    return any(each.get(key) is not None for each in (device.get("attributes") or {}).values() for key in _LISTS)


def _counters(report: Report, path: Path, node: Tree, key: str) -> None:
    required_name(report, (*path, key), node.get(key), names.dns_label)
    counters = node.get("counters") or {}
    report.present((*path, "counters"), counters)
    for name in counters:
        report.check((*path, "counters", name), "KL123", name, names.dns_label)


def _driver(report: Report, path: Path, name: str | None) -> None:
    if not name:
        report.required(path)
    else:
        csi_driver_name(report, path, name)


def _qualified(report: Report, path: Path, name: str, *, domain: bool = False, on_key: bool = False) -> None:
    """A name of an attribute or a capacity: an identifier, with or without the domain of a driver before it."""
    parts = name.split("/")
    if domain and len(parts) == 1:
        words = "a fully qualified name must be a domain and a name separated by a slash"
        report.invalid(path, "KL123", name, words, detail=words, on_key=on_key)
    if len(parts) > 2:  # the API server does not look at these
        return
    if len(parts) == 2:
        if not parts[0]:
            report.invalid(path, "KL123", name, "must have a domain", detail="the domain must not be empty")
        else:
            csi_driver_name(report, path, parts[0])
    report.no_longer(path, parts[-1], _LONGEST_IDENTIFIER)
    if not _IDENTIFIER.fullmatch(parts[-1]):
        text = "must be an identifier: letters, digits and '_', no digit first"
        report.invalid(path, "KL123", parts[-1], text, detail=_NO_IDENTIFIER, on_key=on_key)


def _unique(report: Report, path: Path, items: Sequence[Tree], key: str, most: int) -> None:
    """A list that is a set by one of its fields, with no more than so many entries."""
    report.no_more(path, items, most)
    seen: set[str] = set()
    for index, item in enumerate(items):
        value = item.get(key)
        if value and value in seen:
            report.duplicate((*path, index, key), value, at=dotted((*path, index)))
        seen.add(str(value))
