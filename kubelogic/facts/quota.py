"""Resource quotas, and what each object costs under them.

Costs are given only for namespaces that have a quota, and only for the resources that its quotas limit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.facts.base import Changes, Extractor, Fact, FactModule, Row, World
from kubelogic.facts.storage import claim_class
from kubelogic.kinds.evidence import is_stored
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


def unit(resource: str) -> int:
    """How many units of a quota's resource rules count for one: CPU is counted in thousandths."""
    return 1000 if resource in ("cpu", "requests.cpu", "limits.cpu") else 1


def counted(resource: str, amount: Fraction) -> int:
    """An amount in the unit that rules count, rounded up."""
    scaled = amount * unit(resource)
    return -(-scaled.numerator // scaled.denominator)


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
        _add(running, _amounts(container, field))
    sidecars: Amounts = {}
    for container in spec.get("initContainers") or ():
        needed = _amounts(container, field)
        if container.get("restartPolicy") == "Always":
            _add(sidecars, needed)
            _add(running, needed)
            needed = {}
        at_that_time = dict(sidecars)
        _add(at_that_time, needed)
        for name, amount in at_that_time.items():
            peak[name] = max(peak.get(name, Fraction(0)), amount)
    total = {
        name: max(running.get(name, Fraction(0)), peak.get(name, Fraction(0))) for name in sorted({*running, *peak})
    }
    for name, value in ((spec.get("resources") or {}).get(field) or {}).items():
        total[name] = parse(value)
    overhead = {name: parse(value) for name, value in (spec.get("overhead") or {}).items()}
    _add(total, overhead if field == "requests" else {k: v for k, v in overhead.items() if k in total})
    return total


def _amounts(container: Mapping[str, Any], field: str) -> Amounts:
    return {name: parse(value) for name, value in ((container.get("resources") or {}).get(field) or {}).items()}


def _add(total: Amounts, more: Mapping[str, Fraction]) -> None:
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
            kind = spec.get("type")
            ports = len(spec.get("ports") or ())
            if kind == "LoadBalancer":
                found["services.loadbalancers"] = Fraction(1)
            if kind == "NodePort" or (kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts", True)):
                found["services.nodeports"] = Fraction(ports)
        case "PersistentVolumeClaim":
            storage = parse(((spec.get("resources") or {}).get("requests") or {}).get("storage", 0))
            found["requests.storage"] = storage
            chosen = claim_class(obj.document)
            if chosen:
                found[f"{chosen}.storageclass.storage.k8s.io/requests.storage"] = storage
                found[f"{chosen}.storageclass.storage.k8s.io/persistentvolumeclaims"] = Fraction(1)
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
    """A pod that has ended costs nothing but its object."""
    if (obj.document.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return {}
    found: Amounts = {"pods": Fraction(1)}
    for name, amount in pod_total(spec, "requests").items():
        if name in COMPUTE:
            found[name] = amount
        found[f"requests.{name}"] = amount
    for name, amount in pod_total(spec, "limits").items():
        if name in COMPUTE:
            found[f"limits.{name}"] = amount
    return found


def scopes(obj: Object) -> Iterator[tuple[str, str]]:
    """The quota scopes that a pod is in, with a value for ``PriorityClass``."""
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    yield ("Terminating" if spec.get("activeDeadlineSeconds") is not None else "NotTerminating"), ""
    wants = any(
        name in ("cpu", "memory") and parse(value)
        for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
        for field in ("requests", "limits")
        for name, value in ((container.get("resources") or {}).get(field) or {}).items()
    )
    yield ("NotBestEffort" if wants else "BestEffort"), ""
    if spec.get("priorityClassName"):
        yield "PriorityClass", spec["priorityClassName"]


def scope_requirements(quota: Object) -> list[tuple[str, str, tuple[str, ...]]]:
    """What the scopes of a quota ask of a pod: scope, operator as in label selectors, values."""
    spec = quota.document.get("spec") or {}
    found: list[tuple[str, str, tuple[str, ...]]] = [(scope, "Exists", ()) for scope in spec.get("scopes") or ()]
    expressions = (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    for expression in expressions:
        values = tuple(expression.get("values") or ())
        found.append((expression["scopeName"], expression["operator"], values))
    return found


def is_covered(quota: Object, obj: Object) -> bool:
    """Whether an object is in the scopes of a quota. Quotas with scopes are about pods only."""
    wanted = scope_requirements(quota)
    if not wanted:
        return True
    if obj.kind != "Pod":
        return False
    have = dict(scopes(obj))
    for scope, operator, values in wanted:
        held = {
            "In": scope in have and have[scope] in values,
            "NotIn": scope not in have or have[scope] not in values,
            "Exists": scope in have,
            "DoesNotExist": scope not in have,
        }[operator]
        if not held:
            return False
    return True


def limits_of(quota: Object) -> dict[str, Any]:
    """What a quota allows, as written."""
    return dict((quota.document.get("spec") or {}).get("hard") or {})


def unprinted_use(cluster: Cluster) -> dict[tuple[str, str], int]:
    """What a cluster counts against its quotas beyond the objects that were read, by quota and resource.

    Often only some kinds, or the objects of some labels, were printed: the rest uses the quota all the same.
    """
    found: dict[tuple[str, str], int] = {}
    quotas = [obj for obj in cluster.objects(_KIND).values() if (obj.document.get("status") or {}).get("used")]
    for quota in quotas:
        seen: dict[str, Fraction] = {}
        for obj in _inside(cluster, {quota.namespace}):
            if is_stored(obj.document) and is_covered(quota, obj):
                _add(seen, costs(obj))
        for resource, used in quota.document["status"]["used"].items():
            beyond = counted(resource, parse(used)) - counted(resource, seen.get(resource, Fraction(0)))
            if resource in limits_of(quota) and beyond > 0:
                found[quota.key, resource] = beyond
    return found


def quota_facts(quota: Object) -> Iterator[Fact]:
    """What one quota allows, and what its status says."""
    key, status = quota.key, quota.document.get("status") or {}
    for resource, hard in limits_of(quota).items():
        yield "quota_limit", (key, resource, str(hard))
        yield "quota_cost", (key, resource, "", "", 0)
    for resource, hard in (status.get("hard") or {}).items():
        yield "quota_status_limit", (key, resource, str(hard))
    for resource, used in (status.get("used") or {}).items():
        yield "quota_status_used", (key, resource, counted(resource, parse(used)))


class CostStage:
    """Gives the costs of the objects that quotas cover."""

    def apply(self, changes: Changes) -> None:
        """See ``Stage``."""
        before, after = _quotas(changes.before), _quotas(changes.after)
        if not (before or after):
            return
        renewed = {quota.namespace for quotas in changes.changed(_SPEC, kinds=(_KIND,)) for quota in quotas}
        gone, come = changes.changed(_COSTS)
        for obj in (*_inside(changes.before, renewed), *(obj for obj in gone if obj.namespace not in renewed)):
            for row in _cost_rows(obj, before.get(obj.namespace, ())):
                changes.remove("quota_cost", row)
        for obj in (*_inside(changes.after, renewed), *(obj for obj in come if obj.namespace not in renewed)):
            for row in _cost_rows(obj, after.get(obj.namespace, ())):
                changes.add("quota_cost", row)


_KIND = "ResourceQuota"
_SPEC = frozenset({"spec"})
_COSTS = frozenset({"spec", "status.phase"})
"""What ``costs`` and ``scopes`` read."""


def _quotas(cluster: Cluster) -> dict[str, list[Object]]:
    """The quotas of each namespace."""
    found: dict[str, list[Object]] = {}
    for quota in cluster.objects(_KIND).values():
        found.setdefault(quota.namespace, []).append(quota)
    return found


def _inside(cluster: Cluster, namespaces: Collection[str]) -> Iterator[Object]:
    if not namespaces:
        return
    for kind in cluster.kinds():
        for obj in cluster.objects(kind).values():
            if obj.namespace in namespaces:
                yield obj


def _cost_rows(obj: Object, quotas: Iterable[Object]) -> Iterator[Row]:
    found = costs(obj) if quotas else {}
    for quota in quotas:
        limits = limits_of(quota)
        if is_covered(quota, obj):
            for resource, amount in found.items():
                if resource in limits and amount:
                    yield quota.key, resource, obj.kind, obj.key, counted(resource, amount)


def _traced(world: World) -> Mapping[str, Extractor]:
    quotas = _quotas(world.cluster)
    return {"*": lambda obj: (("quota_cost", row) for row in _cost_rows(obj, quotas.get(obj.namespace, ())))}


MODULE = FactModule(name="quota", extractors={_KIND: quota_facts}, stages=(CostStage,), traced=_traced)
