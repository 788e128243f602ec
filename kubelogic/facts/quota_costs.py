"""What each object costs under resource quotas, and which quotas cover it.

Source: pkg/quota/v1/evaluator/core of Kubernetes 1.36: pods.go, services.go, persistent_volume_claims.go,
resource_claims.go; staging/src/k8s.io/apiserver/pkg/quota/v1/generic/evaluator.go for all other kinds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import ceil
from typing import Any

from kubelogic.cluster import Object
from kubelogic.facts.storage import claim_class
from kubelogic.kinds.qos import qos_class
from kubelogic.kinds.quantity import parse

Amounts = dict[str, Fraction]

COMPUTE = ("cpu", "memory", "ephemeral-storage")
"""Resources whose requests a quota may limit by their plain name too."""

LEGACY_COUNTS = {
    "Pod": "pods",
    "Service": "services",
    "ReplicationController": "replicationcontrollers",
    "ResourceQuota": "resourcequotas",
    "Secret": "secrets",
    "ConfigMap": "configmaps",
    "PersistentVolumeClaim": "persistentvolumeclaims",
}
"""Kinds that a quota may count by their plain name too."""

_OF_CLASS = ".storageclass.storage.k8s.io/"
_MOST_DEVICES = 32
"""What the allocation of one claim can hold. Source: pkg/apis/resource/types.go, AllocationResultsMaxSize."""


def pod_total(spec: Mapping[str, Any], field: str) -> dict[str, Fraction]:
    """What a pod needs at most at any time: the sum of its containers, or an init container if that is more.

    Args:
        spec: the pod's spec.
        field: ``requests`` or ``limits``.

    Source: k8s.io/component-helpers/resource, PodRequests and PodLimits.
    """
    running: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("containers") or ():
        add_amounts(running, _amounts(container, field))
    sidecars: Amounts = {}
    for container in spec.get("initContainers") or ():
        needed = _amounts(container, field)
        if container.get("restartPolicy") == "Always":
            add_amounts(sidecars, needed)
            add_amounts(running, needed)
            needed = {}
        at_that_time = dict(sidecars)
        add_amounts(at_that_time, needed)
        for name, amount in at_that_time.items():
            peak[name] = max(peak.get(name, Fraction(0)), amount)
    total = {
        name: max(running.get(name, Fraction(0)), peak.get(name, Fraction(0))) for name in sorted({*running, *peak})
    }
    for name, value in ((spec.get("resources") or {}).get(field) or {}).items():
        total[name] = parse(value)
    overhead = {name: parse(value) for name, value in (spec.get("overhead") or {}).items()}
    add_amounts(total, overhead if field == "requests" else {k: v for k, v in overhead.items() if k in total})
    return total


def _amounts(container: Mapping[str, Any], field: str) -> Amounts:
    return {name: parse(value) for name, value in ((container.get("resources") or {}).get(field) or {}).items()}


def add_amounts(total: Amounts, more: Mapping[str, Fraction]) -> None:
    """Add amounts to others, name by name."""
    for name, amount in more.items():
        total[name] = total.get(name, Fraction(0)) + amount


def costs(obj: Object) -> Amounts:
    """What an object costs, by every name that a quota may use for it.

    Source: pkg/quota/v1/evaluator/core of Kubernetes 1.36.
    """
    group = obj.api_version.rpartition("/")[0]
    plural = plural_of(obj.kind)
    found: Amounts = {f"count/{plural}.{group}" if group else f"count/{plural}": Fraction(1)}
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    if not group and obj.kind in LEGACY_COUNTS and obj.kind != "Pod":
        found[LEGACY_COUNTS[obj.kind]] = Fraction(1)
    match obj.kind:
        case "Pod":
            found.update(_pod_costs(obj, spec))
        case "Service":
            found.update(_service_costs(spec))
        case "PersistentVolumeClaim":
            found.update(_claim_costs(obj))
        case "ResourceClaim":
            found.update(_device_costs(spec))
        case _:
            pass
    return found


def plural_of(kind: str) -> str:
    """The plural by which the API calls a kind.

    >>> [plural_of(kind) for kind in ("Pod", "Endpoints", "NetworkPolicy", "StorageClass")]
    ['pods', 'endpoints', 'networkpolicies', 'storageclasses']
    """
    lower = kind.lower()
    if lower == "endpoints":
        return lower
    if lower.endswith("y"):
        return f"{lower[:-1]}ies"
    return f"{lower}es" if lower.endswith(("s", "x")) else f"{lower}s"


def _pod_costs(obj: Object, spec: Mapping[str, Any]) -> Amounts:
    """A pod that has ended costs nothing but its object. One that should have ended is for the rules to judge."""
    if (obj.document.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return {}
    found: Amounts = {"pods": Fraction(1)}
    for name, amount in pod_total(spec, "requests").items():
        if name in COMPUTE or name.startswith("hugepages-"):
            found[name] = amount
        found[f"requests.{name}"] = amount
    for name, amount in pod_total(spec, "limits").items():
        if name in COMPUTE:
            found[f"limits.{name}"] = amount
    return found


def _service_costs(spec: Mapping[str, Any]) -> Amounts:
    """Ports of a load balancer that gets no node ports cost one where they name it themselves."""
    kind, ports = spec.get("type"), spec.get("ports") or ()
    found: Amounts = {}
    if kind == "LoadBalancer":
        found["services.loadbalancers"] = Fraction(1)
        if not spec.get("allocateLoadBalancerNodePorts", True):
            ports = [port for port in ports if port.get("nodePort")]
    if kind in ("NodePort", "LoadBalancer"):
        found["services.nodeports"] = Fraction(len(ports))
    return found


def _claim_costs(obj: Object) -> Amounts:
    """Storage counts in whole bytes: what is asked for, or what is allocated if that is more."""
    spec, status = obj.document.get("spec") or {}, obj.document.get("status") or {}
    chosen = claim_class(obj.document)
    found: Amounts = {f"{chosen}{_OF_CLASS}persistentvolumeclaims": Fraction(1)} if chosen else {}
    asked = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if asked is None:
        return found
    allocated = (status.get("allocatedResources") or {}).get("storage", 0)
    storage = Fraction(ceil(max(parse(asked), parse(allocated))))
    found["requests.storage"] = storage
    if chosen:
        found[f"{chosen}{_OF_CLASS}requests.storage"] = storage
    return found


def _device_costs(spec: Mapping[str, Any]) -> Amounts:
    """Devices by class: as many as are asked for exactly, all that a claim can get, or the dearest alternative."""
    found: Amounts = {}
    for request in (spec.get("devices") or {}).get("requests") or ():
        dearest: Amounts = {}
        for choice in request.get("firstAvailable") or (request.get("exactly") or request,):
            if not choice.get("deviceClassName"):
                continue
            name = f"{choice['deviceClassName']}.deviceclass.resource.k8s.io/devices"
            every = choice.get("allocationMode") == "All"
            count = Fraction(_MOST_DEVICES if every else int(choice.get("count") or 1))
            dearest[name] = max(dearest.get(name, Fraction(0)), count)
        add_amounts(found, dearest)
    return found


def scopes(obj: Object) -> Iterator[tuple[str, str]]:
    """The quota scopes that a pod or a claim is in, with a value for those that go by a name.

    Source: podMatchesScopeFunc, usesCrossNamespacePodAffinity, getReferencedVolumeAttributesClassNames.
    """
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    if obj.kind == "PersistentVolumeClaim":
        for name in sorted(_attributes_classes(obj)):
            yield "VolumeAttributesClass", name
    if obj.kind != "Pod":
        return
    yield ("Terminating" if spec.get("activeDeadlineSeconds") is not None else "NotTerminating"), ""
    yield ("BestEffort" if qos_class(spec) == "BestEffort" else "NotBestEffort"), ""
    if spec.get("priorityClassName"):
        yield "PriorityClass", spec["priorityClassName"]
    if any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in _pod_terms(spec)):
        yield "CrossNamespacePodAffinity", ""


def _attributes_classes(obj: Object) -> set[str]:
    """The VolumeAttributesClasses that a claim asks for, has, or is on its way to."""
    spec, status = obj.document.get("spec") or {}, obj.document.get("status") or {}
    target = (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName")
    named = (spec.get("volumeAttributesClassName"), status.get("currentVolumeAttributesClassName"), target)
    return {str(name) for name in named if name}


def _pod_terms(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The terms of pod affinity and anti-affinity, required and preferred."""
    affinity = spec.get("affinity") or {}
    for rules in (affinity.get("podAffinity") or {}, affinity.get("podAntiAffinity") or {}):
        yield from rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        for preference in rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
            yield preference.get("podAffinityTerm") or {}


_KNOWN_SCOPES = {"PersistentVolumeClaim": frozenset({"VolumeAttributesClass"})}
"""The scopes that are about objects other than pods: all others are about pods only."""


def scope_requirements(quota: Object) -> list[tuple[str, str, tuple[str, ...]]]:
    """What the scopes of a quota ask of an object: scope, operator as in label selectors, values."""
    spec = quota.document.get("spec") or {}
    found: list[tuple[str, str, tuple[str, ...]]] = [(scope, "Exists", ()) for scope in spec.get("scopes") or ()]
    expressions = (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    for expression in expressions:
        values = tuple(expression.get("values") or ())
        found.append((expression["scopeName"], expression["operator"], values))
    return found


def is_covered(quota: Object, obj: Object) -> bool:
    """Whether an object is in all scopes of a quota; what no scope can be about is in quotas without any."""
    wanted = scope_requirements(quota)
    if not wanted:
        return True
    if obj.kind not in ("Pod", *_KNOWN_SCOPES):
        return False
    have: dict[str, set[str]] = {}
    for scope, value in scopes(obj):
        have.setdefault(scope, set()).add(value)
    for scope, operator, values in wanted:
        if obj.kind in _KNOWN_SCOPES and scope not in _KNOWN_SCOPES[obj.kind]:
            return False
        if obj.kind == "Pod" and scope == "VolumeAttributesClass":
            return False
        named = have.get(scope, set())
        held = {
            "In": any(name in values for name in named),
            "NotIn": not named or any(name not in values for name in named),
            "Exists": bool(named),
            "DoesNotExist": not named,
        }[operator]
        if not held:
            return False
    return True
