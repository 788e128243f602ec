"""Which strings of an object are its own: it may differ in them from others that are checked with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

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

LISTS = frozenset({("v1", "Endpoints"), ("discovery.k8s.io/v1", "EndpointSlice")})
"""Kinds that list endpoints."""

_LISTING = frozenset(kind for _, kind in LISTS)
LIST = "<list {}>"
"""What stands for a list of endpoints where the strings of what is around it are looked for."""

_HOST = "kubernetes.io/hostname"
_NETWORK = "cni.projectcalico.org/"
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_MADE: Mapping[str, str] = MappingProxyType({"uid": "text", "resourceVersion": "text", "creationTimestamp": "time"})
_STATUS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("finishedAt", "lastHeartbeatTime", "lastProbeTime", "lastTransitionTime"), "time"),
        **dict.fromkeys(("lastUpdateTime", "startTime", "startedAt"), "time"),
        **dict.fromkeys(("podIP", "hostIP", "ip", "containerID", "imageID", "address"), "text"),
        **dict.fromkeys(("machineID", "systemUUID", "bootID"), "text"),
    }
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


RULES: Mapping[str, tuple[Callable[[str], object], str]] = MappingProxyType(
    {
        "name": (_LABEL.fullmatch, "own-{}"),
        "node": (_is_node, "node-{}"),
        "token": (_TOKEN.fullmatch, "kube-api-access-{:05}"),
        "time": (_TIME.fullmatch, "2001-01-01T00:00:{:02}Z"),
        "micro time": (_MICRO_TIME.fullmatch, "2001-01-01T00:00:00.{:06}Z"),
        "address": (_is_address, "10.0.0.{}"),
        "text": (str.isascii, "10.0.0.{}"),
        "label": (_LABEL_VALUE.fullmatch, "label_{}"),
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

REPEATED = frozenset({"name", "node", "token"})
"""Rules by which equal strings of one object are equal in all objects."""

UNCHECKED = frozenset({"text", "list"})
"""Rules that hold for everything that they are asked about."""

UNIQUE = frozenset({"name", "micro time", "address"})
"""Rules of which hardly any string is seen twice."""


def own_of(document: Mapping[str, Any]) -> list[Own]:
    """The strings of an object that are its own, in the order in which they are written."""
    return [each for each in _own_of(document) if type(each.value) is str and RULES[each.rule][0](each.value)]


def _own_of(document: Mapping[str, Any]) -> Iterator[Own]:
    kind, name = document["kind"], document["metadata"].get("name")
    spec = document.get("spec") or _NOTHING
    node = spec.get("nodeName") if kind == "Pod" else None
    tokens = {volume["name"] for volume in spec.get("volumes") or () if _TOKEN.fullmatch(volume["name"])}
    token = tokens.pop() if len(tokens) == 1 else None
    named = "name" if kind == "Pod" else "node"
    for section, fields in document.items():
        for field, value in fields.items() if type(fields) is dict and section in ("metadata", "spec") else ():
            path = section, field
            match path:
                case ("metadata", "name") | ("spec", "holderIdentity") if value == name:
                    yield Own(path=path, value=value, rule=named)
                case ("spec", "nodeName") if value == node:
                    yield Own(path=path, value=value, rule="node")
                case ("spec", "acquireTime" | "renewTime"):
                    yield Own(path=path, value=value, rule="micro time")
                case ("metadata", _) if field in _MADE and value is not None:
                    yield Own(path=path, value=value, rule=_MADE[field])
                case ("metadata", "generateName") if kind in _LISTING:
                    yield Own(path=path, value=value, rule="prefix")
                case ("metadata", "ownerReferences" | "labels") if kind in _LISTING:
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
                case ("spec", "volumes" | "containers" | "initContainers" | "ephemeralContainers") if token:
                    for inner, text in _strings(value, path):
                        if text == token and inner[-1] == "name" and inner[-3] in ("volumes", "volumeMounts"):
                            yield Own(path=inner, value=text, rule="token")
        if section == "status" and type(fields) is dict:
            for inner, text in _strings(fields, ("status",)):
                rule = _STATUS.get(str(inner[-1]))
                if rule:
                    yield Own(path=inner, value=text, rule=rule)
        if section in _AROUND and kind in _LISTING:
            for inner, text in _strings({section: fields}, ()):
                if _IS_LIST.fullmatch(text):
                    yield Own(path=inner, value=text, rule="list")


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
