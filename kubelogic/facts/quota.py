"""Resource quotas, and what the objects that they cover cost under them.

Costs are given only for namespaces that have a quota, and only for the resources that its quotas limit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.facts.base import Changes, Extractor, Fact, FactModule, Row, World
from kubelogic.facts.quota_costs import Amounts, add_amounts, costs, is_covered
from kubelogic.kinds.evidence import is_stored
from kubelogic.kinds.quantity import parse


def unit(resource: str) -> int:
    """How many units of a quota's resource rules count for one: CPU is counted in thousandths."""
    return 1000 if resource in ("cpu", "requests.cpu", "limits.cpu") else 1


def counted(resource: str, amount: Fraction) -> int:
    """An amount in the unit that rules count, rounded up."""
    scaled = amount * unit(resource)
    return -(-scaled.numerator // scaled.denominator)


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
        seen: Amounts = {}
        for obj in _inside(cluster, {quota.namespace}):
            if is_stored(obj.document) and is_covered(quota, obj):
                add_amounts(seen, costs(obj))
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
_COSTS = frozenset(
    {
        "spec",
        "status.phase",
        "status.allocatedResources",
        "status.currentVolumeAttributesClassName",
        "status.modifyVolumeStatus",
    }
)
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
