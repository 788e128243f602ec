"""Label and field selectors of requests.

Source: staging/src/k8s.io/apimachinery, pkg/labels/selector.go (Parse) and pkg/fields/selector.go; the
AddFieldLabelConversionFunc of each kind under pkg/apis of Kubernetes 1.36.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from kubelogic.patterns import regex
from kubelogic.serve.resources import Resource
from kubelogic.serve.statuses import bad_request

Document = Mapping[str, Any]

_TOKEN = regex(r"\s*(?:(?P<op>==|!=|=|!|,|\(|\)|<|>)|(?P<word>[^\s=!,()<>]+))")


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """One condition on a label or a field."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, Any]) -> bool:
        """Whether labels meet it."""
        present = labels.get(self.key)
        match self.operator:
            case "exists":
                return present is not None
            case "!":
                return present is None
            case "in":
                return present is not None and str(present) in self.values
            case "notin":
                return present is None or str(present) not in self.values
            case _:
                return _compares(str(present or ""), self.operator, self.values[0])


def _compares(present: str, operator: str, bound: str) -> bool:
    if not re.fullmatch(r"-?\d+", present) or not re.fullmatch(r"-?\d+", bound):
        return False
    return int(present) > int(bound) if operator == ">" else int(present) < int(bound)


def parse_labels(text: str) -> tuple[Requirement, ...]:
    """The conditions of a label selector.

    >>> [(r.key, r.operator, r.values) for r in parse_labels("a=b,c in (d, e),!f,g")]
    [('a', 'in', ('b',)), ('c', 'in', ('d', 'e')), ('f', '!', ()), ('g', 'exists', ())]

    Raises:
        RequestError: 400; it is no label selector.
    """
    tokens = _tokens(text)
    found: list[Requirement] = []
    place = 0

    def peek() -> str:
        return tokens[place] if place < len(tokens) else ""

    while place < len(tokens):
        negated = peek() == "!"
        place += negated
        key = peek()
        if not key or key in "=!,()<>" or key in ("==", "!="):
            raise _unparsable(text, f"found '{key}', expected: identifier")
        place += 1
        operator = peek()
        if negated or operator in ("", ","):
            found.append(Requirement(key=key, operator="!" if negated else "exists"))
        elif operator in ("=", "==", "!=", "<", ">"):
            place += 1
            value = "" if peek() in ("", ",") else peek()
            place += bool(value)
            name = {"=": "in", "==": "in", "!=": "notin"}.get(operator, operator)
            found.append(Requirement(key=key, operator=name, values=(value,)))
        elif operator in ("in", "notin"):
            place += 1
            if peek() != "(":
                raise _unparsable(text, f"found '{peek()}' expected: '('")
            place += 1
            values: list[str] = []
            while peek() not in ("", ")"):
                if peek() != ",":
                    values.append(peek())
                place += 1
            if peek() != ")":
                raise _unparsable(text, f"found '{peek()}', expected: ',' or ')'")
            place += 1
            found.append(Requirement(key=key, operator=operator, values=tuple(values)))
        else:
            raise _unparsable(text, f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")
        if place < len(tokens):
            if peek() != ",":
                raise _unparsable(text, f"found '{peek()}', expected: ',' or 'end of string'")
            place += 1
            if place == len(tokens):
                raise _unparsable(text, "found '', expected: identifier after ','")
    return tuple(found)


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    place = 0
    while place < len(text.rstrip()):
        match = _TOKEN.match(text, place)
        if match is None:
            break
        found.append(match["op"] or match["word"])
        place = match.end()
    return found


def _unparsable(text: str, why: str) -> Exception:
    del text
    return bad_request(f"unable to parse requirement: {why}")


def parse_fields(text: str) -> tuple[Requirement, ...]:
    """The conditions of a field selector: ``field=value``, ``field==value``, ``field!=value``.

    Raises:
        RequestError: 400; it is no field selector.
    """
    found = []
    for part in filter(None, re.split(r"(?<!\\),", text)):
        match = re.match(r"((?:[^=!\\]|\\.)*)(==|!=|=)(.*)", part, re.DOTALL)
        if match is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        value = re.sub(r"\\(.)", r"\1", match[3])
        found.append(Requirement(key=match[1], operator="notin" if match[2] == "!=" else "in", values=(value,)))
    return tuple(found)


_FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Pod": (
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ),
        "Node": ("spec.unschedulable",),
        "Namespace": ("status.phase",),
        "ReplicationController": ("status.replicas",),
        "ReplicaSet": ("status.replicas",),
        "Secret": ("type",),
        "Service": ("spec.clusterIP", "spec.type"),
        "Job": ("status.successful",),
        "CertificateSigningRequest": ("spec.signerName",),
        "ResourceSlice": ("spec.nodeName", "spec.driver"),
        "Event": (
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ),
    }
)
"""Fields that requests may select by, beside name and namespace."""


def selectable(resource: Resource) -> tuple[str, ...]:
    """The fields of a custom resource by which its definition lets requests select."""
    fields = resource.definition.get("selectableFields") or ()
    return tuple(str(each.get("jsonPath") or "").lstrip(".") for each in fields)


def field_values(document: Document, resource: Resource) -> dict[str, str]:
    """The fields of an object by which requests may select, as text."""
    kind = resource.kind
    meta = document.get("metadata") or {}
    found = {"metadata.name": str(meta.get("name") or ""), "metadata.namespace": str(meta.get("namespace") or "")}
    for path in selectable(resource) if resource.custom is not None else _FIELDS.get(kind, ()):
        found[path] = _text_at(document, path, kind)
    return found


def _text_at(document: Document, path: str, kind: str) -> str:
    value: Any = document
    if kind == "Event" and path == "source":
        return str((document.get("source") or {}).get("component") or document.get("reportingComponent") or "")
    if kind == "Job":
        path = "status.succeeded"
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "false" if path in ("spec.unschedulable", "spec.hostNetwork") else "0" if "replicas" in path else ""
    return str(value)


def checked_fields(fields: tuple[Requirement, ...], resource: Resource) -> tuple[Requirement, ...]:
    """Field conditions that the resource knows.

    Raises:
        RequestError: 400; it does not know one.
    """
    known = {"metadata.name", "metadata.namespace", *_FIELDS.get(resource.kind, ())}
    if resource.custom is not None:
        known = {"metadata.name", "metadata.namespace", *selectable(resource)}
    for each in fields:
        if each.key not in known:
            raise bad_request(f"field label not supported: {each.key}")
    return fields


Matcher = Callable[[Document], bool]


def matcher(labels: str, fields: str, resource: Resource) -> Matcher | None:
    """Whether an object is selected; None if all are.

    Raises:
        RequestError: 400; a selector cannot be read.
    """
    wanted = parse_labels(labels) if labels else ()
    chosen = checked_fields(parse_fields(fields), resource) if fields else ()
    if not wanted and not chosen:
        return None

    def selects(document: Document) -> bool:
        given = (document.get("metadata") or {}).get("labels") or {}
        if not all(each.holds(given) for each in wanted):
            return False
        if not chosen:
            return True
        values = field_values(document, resource)
        return all(each.holds(values) for each in chosen)

    return selects
