"""Proposals about claims on devices: ask for what there is, ask for less, or free what others hold.

What a claim or a template asks for cannot be changed: a claim is made anew, a template gets another name and the pods
name that one. Whether a change helps is not worked out here: every candidate is tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import uid_of
from kubelogic.explain.proposals.case import (
    Candidate,
    Case,
    Change,
    Create,
    Delete,
    Document,
    Patch,
    by_app,
    by_platform,
)
from kubelogic.explain.proposals.patches import dig, put, remove, replace
from kubelogic.explain.proposals.workloads import HOSTNAME
from kubelogic.explain.remade import remade
from kubelogic.kinds import quantity
from kubelogic.patterns import regex

_EQUAL = regex(r"""device\.attributes\[["']([^"']+)["']\]\.(\w+)\s*==\s*["']([^"']*)["']""")
_DRIVER = regex(r"""device\.driver\s*==\s*["']([^"']*)["']""")
_AT_LEAST = regex(
    r"""device\.capacity\[["']([^"']+)["']\]\.(\w+)\.compareTo\(quantity\(["']([^"']+)["']\)\)\s*>=?\s*0"""
)
_MOST_VALUES = 3
_API = "resource.k8s.io/v1"


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a pod for a claim, the object that says what it asks for, and that part of it with its path."""

    index: int
    name: str
    source: Object
    path: tuple[str, ...]
    devices: Mapping[str, Any]

    @property
    def is_template(self) -> bool:
        """Whether a claim is made for each pod."""
        return self.source.kind == "ResourceClaimTemplate"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A request of a claim, or one of its alternatives: its path within ``devices`` and what it says."""

    path: tuple[str | int, ...]
    name: str
    says: Mapping[str, Any]


def ask_otherwise(case: Case) -> Iterator[Candidate]:
    """Claims that ask for devices that are there: fewer, of another class or model, with tolerations."""
    for ask in asks(case.cluster, case.pod):
        for part in parts(ask.devices):
            for kind, cost, what, changed in _changes(case, part):
                devices = _with(ask.devices, part.path, changed)
                words = f"{what} (request {part.name} of {ask.name})"
                unless = frozenset({"device selector"} if kind == "without selector" else ())
                yield from _anew(case, ask, kind, cost, words, devices, unless=unless)
        for number, constraint in enumerate(ask.devices.get("constraints") or ()):
            attribute = constraint.get("matchAttribute") or constraint.get("distinctAttribute")
            rest = [each for at, each in enumerate(ask.devices["constraints"]) if at != number]
            devices = {**ask.devices, "constraints": rest}
            same = "the same" if constraint.get("matchAttribute") else "different"
            words = f"do without devices of {same} {attribute} ({ask.name})"
            yield from _anew(case, ask, "device constraint", 4, words, devices)


def other_classes(case: Case) -> Iterator[Candidate]:
    """Classes that take devices which are there: with other values in their selectors, or with fewer of these."""
    said = [part.says for ask in asks(case.cluster, case.pod) for part in parts(ask.devices)]
    for name in sorted({str(each.get("deviceClassName")) for each in said}):
        found = case.cluster.get("DeviceClass", name)
        selectors = dig(found.document, ("spec", "selectors")) or () if found is not None else ()
        for number, selector in enumerate(selectors):
            path = ("spec", "selectors", number)
            expression = str(dig(selector, ("cel", "expression")) or "")
            ways = [
                ("class selector", 5, words, replace((*path, "cel", "expression"), other))
                for words, other in _other_values(case, expression)
            ]
            ways.append(("without class selector", 7, f"do without the selector {expression}", remove(path)))
            for kind, cost, words, operation in ways:
                unless = frozenset({"class selector"} if kind == "without class selector" else ())
                changes = (Patch(target=found, operations=(operation,)),) if found is not None else ()
                what = f"let the DeviceClass {name} {words}"
                yield by_platform(kind, cost, what, subject=name, unless=unless, changes=changes)


def free_devices(case: Case) -> Iterator[Candidate]:
    """Claims that have devices which nobody uses, and pods alone whose claims have devices."""
    for key, claim in sorted(case.cluster.objects("ResourceClaim").items()):
        if not dig(claim.document, ("status", "allocation")) or uid_of(case.pod) in _owners(claim):
            continue
        users = [str(each.get("name")) for each in dig(claim.document, ("status", "reservedFor")) or ()]
        pods = [case.cluster.get("Pod", f"{claim.namespace}/{name}") for name in users]
        there = [pod for pod in pods if pod is not None]
        if not there:
            what = f"free the claim {key}, which has devices and no pod (delete it)"
            yield by_platform("free claim", 4, what, changes=(Delete(target=claim),))
        elif len(there) == 1 and not _owners(there[0]):
            yield by_platform(
                "free claim of pod",
                8,
                f"free the claim {key}: delete pod {there[0].key}, which uses it",
                changes=(Delete(target=there[0]), *_claim_of(claim, there[0])),
                evicts=frozenset({there[0].key}),
            )


def nodes_with_devices(case: Case) -> Iterator[Candidate]:
    """A node like one that is there, with devices like those of that one, and all of them free."""
    if case.workload.kind == "DaemonSet":
        return
    slices: dict[object, list[Object]] = {}
    for _, each in sorted(case.cluster.objects("ResourceSlice").items()):
        slices.setdefault(dig(each.document, ("spec", "nodeName")), []).append(each)
    seen: set[str] = set()
    for name, node in case.nodes():
        mine = slices.get(name, [])
        look = repr([[_look(d) for d in dig(each.document, ("spec", "devices")) or ()] for each in mine])
        if not mine or look in seen:
            continue
        seen.add(look)
        fresh = f"{name}-new"
        if case.cluster.get("Node", fresh) is not None:
            continue
        labels = {**(dig(node.document, ("metadata", "labels")) or {}), HOSTNAME: fresh}
        made = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": fresh, "labels": labels},
            "spec": {k: v for k, v in (node.document.get("spec") or {}).items() if k == "taints"},
            "status": {
                "allocatable": dig(node.document, ("status", "allocatable")) or {},
                "capacity": dig(node.document, ("status", "capacity")) or {},
                "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            },
        }
        changes: list[Change] = [Create(document=made)]
        changes += [Create(document=_slice_for(each, name, fresh)) for each in mine]
        yield by_platform(
            "node with devices", 9, f"add a node like {name}, with devices like its own", changes=tuple(changes)
        )


def _slice_for(slice_: Object, node: str, fresh: str) -> Document:
    document: dict[str, Any] = deepcopy(dict(remade(slice_.document)))
    spec = document["spec"]
    document["metadata"] = {"name": f"{slice_.name}-new"}
    spec["nodeName"] = fresh
    pool = spec.get("pool") or {}
    spec["pool"] = {**pool, "name": fresh if pool.get("name") == node else f"{pool.get('name')}-new"}
    for device in spec.get("devices") or ():
        device.pop("taints", None)
    return document


def _look(device: Mapping[str, Any]) -> object:
    return device.get("attributes"), device.get("capacity")


def _owners(obj: Object) -> set[str]:
    return {str(each.get("uid")) for each in dig(obj.document, ("metadata", "ownerReferences")) or ()}


def _claim_of(claim: Object, pod: Object) -> tuple[Change, ...]:
    """A claim that its pod owns goes with it; another one would keep its devices."""
    return () if uid_of(pod) in _owners(claim) else (Delete(target=claim),)


# -- what a claim asks for -------------------------------------------------------------------------------------


def asks(cluster: Cluster, pod: Object) -> Iterator[Ask]:
    """What a pod's claims ask for, where the objects that say it are there."""
    for index, entry in enumerate(dig(pod.document, ("spec", "resourceClaims")) or ()):
        namespace = pod.namespace
        template, claim = entry.get("resourceClaimTemplateName"), entry.get("resourceClaimName")
        kind, name = ("ResourceClaimTemplate", template) if template else ("ResourceClaim", claim)
        source = cluster.get(kind, f"{namespace}/{name}")
        path = ("spec", "spec", "devices") if template else ("spec", "devices")
        devices = dig(source.document, path) if source is not None else None
        if source is not None and isinstance(devices, Mapping):
            name = f"claim {entry.get('name')}"
            yield Ask(index=index, name=name, source=source, path=path, devices=devices)


def parts(devices: Mapping[str, Any]) -> Iterator[Part]:
    """The requests of a claim, and of those that have alternatives each of them."""
    for number, request in enumerate(devices.get("requests") or ()):
        name = str(request.get("name"))
        if isinstance(request.get("exactly"), Mapping):
            yield Part(path=("requests", number, "exactly"), name=name, says=request["exactly"])
        for turn, each in enumerate(request.get("firstAvailable") or ()):
            path = ("requests", number, "firstAvailable", turn)
            yield Part(path=path, name=f"{name}/{each.get('name')}", says=each)


_Changed = tuple[str, int, str, Mapping[str, Any]]
"""Kind, cost, words, and the request as it would be."""


def _changes(case: Case, part: Part) -> Iterator[_Changed]:
    says = part.says
    yield from _fewer(says)
    for number, selector in enumerate(says.get("selectors") or ()):
        expression = str((selector.get("cel") or {}).get("expression") or "")
        for words, other in _other_values(case, expression):
            selectors = list(says["selectors"])
            selectors[number] = {"cel": {"expression": other}}
            yield "device selector", 3, words, {**says, "selectors": selectors}
        selectors = [each for at, each in enumerate(says["selectors"]) if at != number]
        yield "without selector", 5, f"do without the selector {expression}", {**says, "selectors": selectors}
    for name in sorted(case.cluster.objects("DeviceClass")):
        if name != says.get("deviceClassName"):
            yield "device class", 4, f"ask for {name}", {**says, "deviceClassName": name}
    for taint in _taints(case):
        toleration = {key: taint[key] for key in ("key", "value", "effect") if taint.get(key)}
        toleration["operator"] = "Equal" if taint.get("value") else "Exists"
        words = f"tolerate the taint {_told(taint)} of devices"
        yield "device toleration", 2, words, {**says, "tolerations": [*(says.get("tolerations") or ()), toleration]}


def _fewer(says: Mapping[str, Any]) -> Iterator[_Changed]:
    count = int(says.get("count") or 1)
    if says.get("allocationMode") == "All":
        one = {**says, "allocationMode": "ExactCount", "count": 1}
        yield "device count", 3, "ask for one device instead of all", one
        return
    for fewer in sorted({count - 1, count // 2, 1} - {0, count}, reverse=True):
        if fewer < count:
            words = f"ask for count {fewer} instead of {count}"
            yield "device count", 3 + (count - fewer), words, {**says, "count": fewer}
    for name, amount in sorted(((says.get("capacity") or {}).get("requests") or {}).items()):
        requests = {**says["capacity"]["requests"]}
        del requests[name]
        words = f"do without asking for {amount} of {name}"
        yield "device capacity", 4, words, {**says, "capacity": {"requests": requests}}


def _devices(case: Case) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for _, each in sorted(case.cluster.objects("ResourceSlice").items()):
        driver = str(dig(each.document, ("spec", "driver")) or "")
        for device in dig(each.document, ("spec", "devices")) or ():
            yield driver, device


def _named(values: Mapping[str, Any] | None, driver: str, domain: str, key: str) -> Any:
    """An attribute or capacity of a device; a name without a domain belongs to the driver."""
    found = (values or {}).get(f"{domain}/{key}")
    return (values or {}).get(key) if found is None and domain == driver else found


def _other_values(case: Case, expression: str) -> Iterator[tuple[str, str]]:
    """A selector with the value that other devices have of what it compares, and what that is in words."""
    for match in _EQUAL.finditer(expression):
        domain, key, value = match.groups()
        found = (_named(device.get("attributes"), driver, domain, key) for driver, device in _devices(case))
        there = {str(each["string"]) for each in found if isinstance(each, Mapping) and "string" in each}
        for other in sorted(there - {value})[:_MOST_VALUES]:
            yield f"ask for {key} {other} instead of {value}", _spliced(expression, match, 3, other)
    for match in _DRIVER.finditer(expression):
        for other in sorted({driver for driver, _ in _devices(case)} - {match[1]})[:_MOST_VALUES]:
            yield f"ask for the driver {other} instead of {match[1]}", _spliced(expression, match, 1, other)
    for match in _AT_LEAST.finditer(expression):
        domain, key, value = match.groups()
        found = (_named(device.get("capacity"), driver, domain, key) for driver, device in _devices(case))
        sizes = {str(each["value"]) for each in found if isinstance(each, Mapping) and "value" in each}
        less = {size for size in sizes if quantity.read(size).nanos < quantity.read(value).nanos}
        for other in sorted(less, key=lambda size: -quantity.read(size).nanos)[:_MOST_VALUES]:
            yield f"ask for {other} of {key} instead of {value}", _spliced(expression, match, 3, other)


def _spliced(text: str, match: re.Match[str], group: int, value: str) -> str:
    return text[: match.start(group)] + value + text[match.end(group) :]


def _taints(case: Case) -> list[Mapping[str, Any]]:
    found = {_told(taint): taint for _, device in _devices(case) for taint in device.get("taints") or ()}
    return [found[words] for words in sorted(found)][:_MOST_VALUES]


def _told(taint: Mapping[str, Any]) -> str:
    return f"{taint.get('key')}={taint.get('value') or ''}:{taint.get('effect')}"


def _with(devices: Mapping[str, Any], path: Sequence[str | int], changed: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = deepcopy(dict(devices))
    part: Any = found
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = dict(changed)
    return found


def _anew(  # noqa: PLR0917  what to do, and with what
    case: Case,
    ask: Ask,
    kind: str,
    cost: int,
    words: str,
    devices: Mapping[str, Any],
    *,
    unless: frozenset[str] = frozenset(),
) -> Iterator[Candidate]:
    """The claim made anew, or a template of another name that the pods name."""
    source = ask.source
    if ask.is_template:
        name = _fresh(case, source)
        spec = {**source.document["spec"], "spec": {**source.document["spec"]["spec"], "devices": devices}}
        made = {
            "apiVersion": _API,
            "kind": source.kind,
            "metadata": {"name": name, "namespace": source.namespace},
            "spec": spec,
        }
        yield by_app(
            kind,
            cost,
            f"{words}: with a claim template {name}",
            put(("spec", "resourceClaims", ask.index, "resourceClaimTemplateName"), name),
            subject=ask.name,
            unless=unless,
            changes=(Create(document=made),),
        )
        return
    if dig(source.document, ("status", "allocation")):
        return
    document = {**remade(source.document), "spec": {**source.document["spec"], "devices": devices}}
    yield by_app(
        kind,
        cost,
        f"{words}: delete the claim {source.key} and make it anew",
        subject=ask.name,
        unless=unless,
        changes=(Delete(target=source), Create(document=document)),
    )


def _fresh(case: Case, template: Object) -> str:
    number = 2
    while case.cluster.get(template.kind, f"{template.namespace}/{template.name}-{number}") is not None:
        number += 1
    return f"{template.name}-{number}"
