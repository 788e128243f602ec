"""Which strings of an object are its own: it may differ in them from others that are checked with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from kubelogic.kinds.defaults.pods import pull_policy
from kubelogic.kinds.validation import names
from kubelogic.patterns import regex
from kubelogic.text.alike import Own
from kubelogic.text.location import Path

_SECOND = r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
_TIME = regex(_SECOND + "Z", re.ASCII)
_MICRO_TIME = regex(_SECOND + r"\.\d{6}Z", re.ASCII)
_TOKEN = regex(r"kube-api-access-[a-z0-9]{5}")
_LABEL = regex(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LABEL_VALUE = regex(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
_PREFIX = regex(r"[a-z0-9](?:[a-z0-9-]{0,50})-")
_IS_LIST = regex(r"<list \d+>")
_AROUND = frozenset({"endpoints", "subsets"})
_CHANGED = "endpoints.kubernetes.io/last-change-trigger-time"
_OCTETS = frozenset(map(str, range(256)))
_SPECIAL = frozenset({"0", "127", "169", "224"})
"""How unspecified, loopback, link-local and multicast addresses begin."""

_NUMBERS = 4
_NODE_LIMIT = 63
"""Characters that a node's name may have to be the value of a label, too."""

MANY = frozenset({("v1", "Node"), ("v1", "Pod"), ("coordination.k8s.io/v1", "Lease")})
"""Kinds of which a cluster has many alike."""

APPLIED = frozenset({("apps/v1", "Deployment"), ("apps/v1", "ReplicaSet"), ("v1", "Service"), ("v1", "Pod")})
"""Kinds of which many are alike but for what an application is called: labels, owners, images."""

LISTS = frozenset({("v1", "Endpoints"), ("discovery.k8s.io/v1", "EndpointSlice")})
"""Kinds that list endpoints."""

_LISTING = frozenset(kind for _, kind in LISTS)
LIST = "<list {}>"
"""What stands for a list of endpoints where the strings of what is around it are looked for."""

_HOST = "kubernetes.io/hostname"
_NETWORK = "cni.projectcalico.org/"
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_MADE: Mapping[str, str] = MappingProxyType({"uid": "some", "resourceVersion": "some", "creationTimestamp": "time"})
_STATUS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("finishedAt", "lastHeartbeatTime", "lastProbeTime", "lastTransitionTime"), "time"),
        **dict.fromkeys(("lastUpdateTime", "startTime", "startedAt"), "time"),
        **dict.fromkeys(("podIP", "hostIP", "ip", "containerID", "imageID", "address"), "text"),
        **dict.fromkeys(("machineID", "systemUUID", "bootID"), "text"),
    }
)
_APPLIED_STATUS: Mapping[str, str] = MappingProxyType(
    {**_STATUS, "image": "text", "message": "literal", "name": "name"}
)
_ENTRY: Mapping[Path, str] = MappingProxyType(
    {
        ("ip",): "address",
        ("nodeName",): "node",
        ("targetRef", "name"): "text",
        ("targetRef", "namespace"): "text",
        ("targetRef", "uid"): "text",
        ("targetRef", "resourceVersion"): "text",
    }
)


def _is_address(value: str) -> bool:
    """Whether a text is an IPv4 address that is surely none for a special purpose."""
    octets = value.split(".")
    return len(octets) == _NUMBERS and _OCTETS.issuperset(octets) and octets[0] not in _SPECIAL


def _is_node(value: str) -> bool:
    return len(value) <= _NODE_LIMIT and not names.dns_subdomain(value)


def _is_fixed(value: str) -> bool:
    """Whether a text is an image that is pulled where it is not there: its default does not depend on which it is."""
    plain = value.isascii() and value.isprintable() and " " not in value
    return bool(value) and plain and pull_policy(value) == "IfNotPresent"


Test = Callable[[str], object]

RULES: Mapping[str, tuple[Test, str]] = MappingProxyType(
    {
        "name": (_LABEL.fullmatch, "own-{}"),
        "node": (_is_node, "node-{}"),
        "token": (_TOKEN.fullmatch, "kube-api-access-{:05}"),
        "time": (_TIME.fullmatch, "2001-01-01T00:00:{:02}Z"),
        "micro time": (_MICRO_TIME.fullmatch, "2001-01-01T00:00:00.{:06}Z"),
        "address": (_is_address, "10.0.0.{}"),
        "service": (_is_address, "10.0.0.{}"),
        "text": (str.isascii, "10.0.0.{}"),
        "some": (len, "10.0.0.{}"),
        "image": (_is_fixed, "own/image-{}:1"),
        "literal": (str.isascii, "literal {}"),
        "label": (_LABEL_VALUE.fullmatch, "label_{}"),
        "selected": (_LABEL_VALUE.fullmatch, "selected_{}"),
        "prefix": (_PREFIX.fullmatch, "own-{}-"),
        "list": (str.isascii, LIST),
    }
)
"""What strings of an object's own have to be, and how one is invented."""

_OCTET = rb"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
FORMS: Mapping[str, bytes] = MappingProxyType(
    {
        "address": rb"(?!(?:%s)\.)%s(?:\.%s){3}" % ("|".join(sorted(_SPECIAL)).encode(), _OCTET, _OCTET),
        "node": rb"(?=[^\"]{1,%d}\")%s" % (_NODE_LIMIT, names.SUBDOMAIN.encode()),
        "text": rb"[ !#-\[\]-~]*+",
    }
)
"""Expressions of what strings of a list's entries have to be, before the quote that ends them and without escapes."""

REPEATED = frozenset({"name", "node", "token", "service", "selected"})
"""Rules by which equal strings of one object are equal in all objects."""

JSON = frozenset({"list", "literal"})
"""Rules of what is recognised as JSON: a list, or a string that may have escapes."""

UNCHECKED = frozenset({"text", *JSON})
"""Rules that hold for everything that they are asked about."""

UNIQUE = frozenset({"name", "some", "micro time", "address", "service"})
"""Rules of which hardly any string is seen twice."""


def own_of(document: Mapping[str, Any], *, applied: bool = False) -> list[Own]:
    """The strings of an object that are its own, in the order in which they are written.

    Args:
        document: it was admitted without a word.
        applied: also those that are its application's: labels, owners, images, messages.
    """
    found = [each for each in _own_of(document, applied=applied) if each.rule]
    return [each for each in found if type(each.value) is str and RULES[each.rule][0](each.value)]


def _own_of(document: Mapping[str, Any], *, applied: bool) -> Iterator[Own]:
    kind, name = document["kind"], document["metadata"].get("name")
    spec = document.get("spec") or _NOTHING
    node = spec.get("nodeName") if kind == "Pod" else None
    tokens = {volume["name"] for volume in spec.get("volumes") or () if _TOKEN.fullmatch(volume["name"])}
    token = tokens.pop() if len(tokens) == 1 else None
    named = "name" if kind in ("Pod", "Service") else "node"
    status = _APPLIED_STATUS if applied else _STATUS
    for section, fields in document.items():
        for field, value in fields.items() if type(fields) is dict and section in ("metadata", "spec") else ():
            path = section, field
            match path:
                case ("metadata", "name") | ("spec", "holderIdentity" | "hostname") if value == name:
                    yield Own(path=path, value=value, rule=named)
                case ("spec", "nodeName") if value == node:
                    yield Own(path=path, value=value, rule="node")
                case ("spec", "acquireTime" | "renewTime"):
                    yield Own(path=path, value=value, rule="micro time")
                case ("metadata", _) if field in _MADE and value is not None:
                    yield Own(path=path, value=value, rule=_MADE[field])
                case ("metadata", "generateName") if applied or kind in _LISTING:
                    yield Own(path=path, value=value, rule="prefix")
                case ("metadata", "ownerReferences" | "labels") if applied or kind in _LISTING:
                    for inner, text in _strings(value, path):
                        if field == "labels" or inner[-1] in ("name", "uid"):
                            yield Own(path=inner, value=text, rule="label" if field == "labels" else "name")
                case ("metadata", "managedFields" | "annotations" | "labels"):
                    for inner, text in _strings(value, path):
                        if inner[-1] == _HOST and kind == "Node" and text == name:
                            yield Own(path=inner, value=text, rule=named)
                        elif field == "annotations" and str(inner[-1]).startswith(_NETWORK):
                            yield Own(path=inner, value=text, rule="text")
                        elif inner[3:] == ("time",) if field == "managedFields" else inner[-1] == _CHANGED:
                            yield Own(path=inner, value=text, rule="time")
                case ("spec", "affinity") if node:
                    for inner, text in _strings(value, path):
                        if text == node and "matchFields" in inner:
                            yield Own(path=inner, value=text, rule="node")
                case ("spec", "volumes" | "containers" | "initContainers" | "ephemeralContainers") if applied or token:
                    for inner, text in _strings(value, path):
                        if text == token and inner[-1] == "name" and inner[-3] in ("volumes", "volumeMounts"):
                            yield Own(path=inner, value=text, rule="token")
                        elif applied:
                            yield Own(path=inner, value=text, rule=_of_pod(inner[1:], spec))
                case ("spec", "selector" | "template" | "clusterIP" | "clusterIPs") if applied:
                    for inner, text in _strings({field: value}, ("spec",)):
                        yield Own(path=inner, value=text, rule=_of_spec(inner[1:], spec))
        if section == "status" and type(fields) is dict:
            for inner, text in _strings(fields, ("status",)):
                yield Own(path=inner, value=text, rule=status.get(str(inner[-1]), ""))
        if section in _AROUND and kind in _LISTING:
            for inner, text in _strings({section: fields}, ()):
                if _IS_LIST.fullmatch(text):
                    yield Own(path=inner, value=text, rule="list")


def _of_spec(path: Path, spec: Mapping[str, Any]) -> str:
    """By which rule a string of a Service's or a workload's spec is its application's; empty if it is not."""
    match path:
        case ("selector", "matchLabels", _) | ("template", "metadata", "labels", _):
            return "" if (spec.get("selector") or _NOTHING).get("matchExpressions") else "selected"
        case ("selector", _):
            return "label"
        case ("clusterIP",) | ("clusterIPs", _):
            return "service"
        case ("template", "spec", *rest):
            return _of_pod(tuple(rest), spec["template"]["spec"])
        case _:
            return ""


def _of_pod(path: Path, spec: Mapping[str, Any]) -> str:
    """The same for a string of a pod's spec."""
    match path:
        case (str(group), _, "image") if group in _CONTAINERS:
            return "image"
        case (_, _, "env", _, "value") | (_, _, "args" | "command", _):
            return "literal"
        case (str(group), _, "name") if group in _CONTAINERS:  # containers of one pod have names that differ
            return "name" if sum(len(spec.get(each) or ()) for each in _CONTAINERS) == 1 else ""
        case ("volumes", _, "persistentVolumeClaim", "claimName"):  # a pod makes claims of its own for others
            return "" if any("ephemeral" in volume for volume in spec["volumes"]) else "some"
        case _:
            return ""


def own_of_entry(entry: Mapping[str, Any]) -> list[Own]:
    """The strings of an address of Endpoints, or an endpoint of an EndpointSlice, that are its own."""
    found = []
    for path, text in _strings(entry, ()):
        rule = "address" if path[0] == "addresses" else _ENTRY.get(path)
        if rule and RULES[rule][0](text):
            found.append(Own(path=path, value=text, rule=rule))
    return found


def _strings(tree: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """All strings of a tree that are no keys, in the order of its text."""
    for step, value in tree.items() if type(tree) is dict else enumerate(tree or ()):
        if type(value) is str:
            yield (*path, step), value
        elif type(value) is dict or type(value) is list:
            yield from _strings(value, (*path, step))
