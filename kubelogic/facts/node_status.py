"""Nodes as the node controllers see them: conditions, taints, zone. What scheduling reads of them is in ``nodes``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from kubelogic.cluster import Object
from kubelogic.cluster.clock import milliseconds
from kubelogic.facts.base import Changes, Extractor, Fact, FactModule, World, reader

EXCLUDED_FROM_DISRUPTION = "node.kubernetes.io/exclude-disruption"
"""The label of nodes that do not count when a zone's health is judged."""

_REGION = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
_ZONE = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")


def zone_of(labels: Mapping[str, str]) -> str:
    """The constant of a node's zone, region included; empty for a node without either.

    >>> zone_of({"topology.kubernetes.io/region": "eu", "topology.kubernetes.io/zone": "a"}), zone_of({})
    ('eu/a', '')
    """
    region = next((labels[key] for key in _REGION if labels.get(key)), "")
    zone = next((labels[key] for key in _ZONE if labels.get(key)), "")
    return f"{region}/{zone}" if region or zone else ""


def node_facts(obj: Object) -> Iterator[Fact]:
    """The facts of one node."""
    name = obj.key
    metadata = obj.document.get("metadata") or {}
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    labels = metadata.get("labels") or {}
    yield "node_zone", (name, zone_of(labels))
    if EXCLUDED_FROM_DISRUPTION in labels:
        yield "node_excluded_from_disruption", (name,)
    if spec.get("unschedulable"):
        yield "node_unschedulable", (name,)
    for each in spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else ()):
        yield "node_pod_range", (name, each)
    for taint in spec.get("taints") or ():
        yield "node_tainted", (name, taint["key"], taint.get("value") or "", taint["effect"])
    for condition in (obj.document.get("status") or {}).get("conditions") or ():
        yield "node_condition", (name, condition["type"], condition["status"], condition.get("reason") or "")
        if condition["type"] == "Ready":
            changed = condition.get("lastTransitionTime")
            yield "node_ready_changed", (name, milliseconds(changed) if changed else 0)


def toleration_list(tolerations: list[Mapping[str, Any]]) -> str:
    """The constant of a list of tolerations, in its order.

    >>> toleration_list([{"key": "gpu", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}])
    'gpu Exists  NoExecute 5'
    """
    return _constant(msgspec.json.encode(tolerations)) if tolerations else ""


@lru_cache(maxsize=4096)
def _constant(encoded: bytes) -> str:
    """The same from JSON: many pods have equal lists."""
    return "; ".join(
        " ".join(
            (
                toleration.get("key") or "",
                toleration.get("operator") or "Equal",
                toleration.get("value") or "",
                toleration.get("effect") or "",
                "" if toleration.get("tolerationSeconds") is None else str(toleration["tolerationSeconds"]),
            )
        )
        for toleration in msgspec.json.decode(encoded)
    )


def toleration_facts(obj: Object) -> Iterator[Fact]:
    """What one pod tolerates, as the taint eviction controller reads it."""
    constant = toleration_list((obj.document.get("spec") or {}).get("tolerations") or [])
    yield "pod_tolerations", (obj.key, constant)
    yield "toleration_list", (constant,)


class TolerationStage:
    """Gives the tolerations of each list once, however many pods have it."""

    def apply(self, changes: Changes) -> None:
        """See ``Stage``."""
        for (constant,) in changes.went("toleration_list"):
            for predicate, row in _tolerations(str(constant)):
                changes.remove(predicate, row)
        for (constant,) in changes.came("toleration_list"):
            for predicate, row in _tolerations(str(constant)):
                changes.add(predicate, row)


def _tolerations(constant: str) -> Iterator[Fact]:
    for index, text in enumerate(constant.split("; ") if constant else ()):
        key, operator, value, effect, seconds = text.split(" ")
        yield "listed_toleration", (constant, index, key, operator, value, effect)
        if seconds:
            yield "listed_toleration_seconds", (constant, index, int(seconds))


def _traced(world: World) -> Mapping[str, Extractor]:
    def facts(pod: Object) -> Iterator[Fact]:
        text = toleration_list((pod.document.get("spec") or {}).get("tolerations") or [])
        for (constant,) in [row[1:] for row in world.rows("pod_tolerations", {0: pod.key})]:
            for predicate, row in _tolerations(text):
                yield predicate, (constant, *row[1:])

    return {"Pod": facts}


MODULE = FactModule(
    name="node_status",
    extractors={"Node": node_facts, "Pod": (reader(toleration_facts, "spec.tolerations", by=["spec.tolerations"]),)},
    shared=frozenset({"toleration_list"}),
    stages=(TolerationStage,),
    traced=_traced,
)
