"""What objects cost under quotas, and which quotas are about them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from kubelogic.cluster.objects import as_object
from kubelogic.facts.quota_costs import costs, is_covered


def pod(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "d"}, "spec": spec}


def made(kind: str, spec: dict[str, Any], status: dict[str, Any] | None = None, group: str = "v1") -> dict[str, Any]:
    meta = {"name": "x", "namespace": "d"}
    return {"apiVersion": group, "kind": kind, "metadata": meta, "spec": spec, "status": status or {}}


def claim(asked: str, allocated: str = "") -> dict[str, Any]:
    status = {"allocatedResources": {"storage": allocated}} if allocated else {}
    spec = {"storageClassName": "gold", "resources": {"requests": {"storage": asked}}}
    return made("PersistentVolumeClaim", spec, status)


def devices(*requests: dict[str, Any]) -> dict[str, Any]:
    return made("ResourceClaim", {"devices": {"requests": list(requests)}}, group="resource.k8s.io/v1")


def gpu(count: int = 1, **more: Any) -> dict[str, Any]:
    return {"deviceClassName": "gpu", "count": count, **more}


PORTS = [{"port": 80}, {"port": 81, "nodePort": 30081}]
GPUS = "gpu.deviceclass.resource.k8s.io/devices"
OF_GOLD = "gold.storageclass.storage.k8s.io/requests.storage"
PAGES = {"requests": {"hugepages-2Mi": "4Mi", "example.com/gpu": "2"}}


@pytest.mark.parametrize(
    ("document", "name", "amount"),
    [
        (pod(containers=[{"resources": PAGES}]), "hugepages-2Mi", 4 * 2**20),
        (pod(containers=[{"resources": PAGES}]), "requests.hugepages-2Mi", 4 * 2**20),
        (pod(containers=[{"resources": PAGES}]), "requests.example.com/gpu", 2),
        (pod(containers=[{"resources": PAGES}]), "example.com/gpu", None),
        (made("Service", {"type": "LoadBalancer", "ports": PORTS}), "services.nodeports", 2),
        (
            made("Service", {"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False, "ports": PORTS}),
            "services.nodeports",
            1,
        ),
        (made("Service", {"type": "ClusterIP", "ports": PORTS}), "services.nodeports", None),
        (claim("1Gi"), "requests.storage", 2**30),
        (claim("1Gi", "3Gi"), OF_GOLD, 3 * 2**30),
        (claim("3Gi", "1Gi"), OF_GOLD, 3 * 2**30),
        (claim("1500m"), "requests.storage", 2),
        (devices({"name": "a", "exactly": gpu(3)}, {"name": "b", "exactly": gpu()}), GPUS, 4),
        (devices({"name": "a", "exactly": gpu(allocationMode="All")}), GPUS, 32),
        (devices({"name": "a", "firstAvailable": [{"name": "x", **gpu(2)}, {"name": "y", **gpu(5)}]}), GPUS, 5),
        (devices({"name": "a", "exactly": gpu()}), "count/resourceclaims.resource.k8s.io", 1),
    ],
)
def test_costs(document: dict[str, Any], name: str, amount: int | None) -> None:
    assert costs(as_object(document)).get(name) == (None if amount is None else Fraction(amount))


def affinity(**term: Any) -> dict[str, Any]:
    rule = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}, **term}
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": rule}]}}


def of_class(asked: str = "", current: str = "") -> dict[str, Any]:
    return made(
        "PersistentVolumeClaim", {"volumeAttributesClassName": asked}, {"currentVolumeAttributesClassName": current}
    )


@pytest.mark.parametrize(
    ("scope", "operator", "values", "document", "covered"),
    [
        ("CrossNamespacePodAffinity", "Exists", [], pod(affinity=affinity(namespaces=["x"])), True),
        ("CrossNamespacePodAffinity", "Exists", [], pod(affinity=affinity(namespaceSelector={})), True),
        ("CrossNamespacePodAffinity", "Exists", [], pod(affinity=affinity()), False),
        ("CrossNamespacePodAffinity", "Exists", [], pod(), False),
        ("BestEffort", "Exists", [], pod(containers=[{}]), True),
        ("BestEffort", "Exists", [], pod(containers=[{}], resources={"requests": {"cpu": "1"}}), False),
        ("NotBestEffort", "Exists", [], pod(containers=[{}], resources={"requests": {"cpu": "1"}}), True),
        ("PriorityClass", "NotIn", ["high"], pod(containers=[{}]), True),
        ("PriorityClass", "In", ["high"], pod(priorityClassName="high"), True),
        ("VolumeAttributesClass", "In", ["fast"], of_class("fast"), True),
        ("VolumeAttributesClass", "In", ["fast"], of_class("slow", "fast"), True),
        ("VolumeAttributesClass", "In", ["fast"], of_class(), False),
        ("VolumeAttributesClass", "DoesNotExist", [], of_class(), True),
        ("VolumeAttributesClass", "DoesNotExist", [], pod(), False),
        ("PriorityClass", "DoesNotExist", [], of_class("fast"), False),
        ("BestEffort", "Exists", [], made("Service", {}), False),
    ],
)
def test_scopes(scope: str, operator: str, values: list[str], document: dict[str, Any], covered: bool) -> None:
    chosen = {"scopeName": scope, "operator": operator, "values": values}
    quota = as_object(made("ResourceQuota", {"hard": {}, "scopeSelector": {"matchExpressions": [chosen]}}))
    assert is_covered(quota, as_object(document)) is covered
