"""Zones and hints of EndpointSlices."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.reconcile.engine import reconciler
from tests.support.lab import Lab, workload

TICKER = reconciler(builtin_rulebook(), scheduler="kube")
ZONE = "topology.kubernetes.io/zone"
MODE = "service.kubernetes.io/topology-mode"


def opened(**spec: Any) -> Lab:
    lab = Lab(TICKER, nodes=())
    lab.add_node("n1", labels={ZONE: "east"})
    lab.create(workload("Deployment", "web", replicas=1))
    service = {"selector": {"app": "web"}, "ports": [{"port": 80}], **spec}
    lab.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": service})
    lab.wait(5)
    return lab


def endpoint(lab: Lab) -> dict[str, Any]:
    (found,) = lab.of("EndpointSlice")
    (only,) = found.document["endpoints"]
    return dict(only)


def zones(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


@pytest.mark.parametrize(
    ("preference", "hints"),
    [
        ("PreferClose", {"forZones": zones("east")}),
        ("PreferSameZone", {"forZones": zones("east")}),
        ("PreferSameNode", {"forZones": zones("east"), "forNodes": zones("n1")}),
    ],
)
def test_endpoints_are_hinted_as_the_service_prefers(preference: str, hints: dict[str, Any]) -> None:
    lab = opened(trafficDistribution=preference)
    assert endpoint(lab)["zone"] == "east"
    assert endpoint(lab)["hints"] == hints


def test_hints_come_and_go_with_an_edit_of_the_service() -> None:
    lab = opened()
    assert "hints" not in endpoint(lab)
    lab.patch("Service", "web", {"spec": {"trafficDistribution": "PreferClose"}})
    lab.wait(2)
    assert endpoint(lab)["hints"] == {"forZones": zones("east")}
    lab.patch("Service", "web", {"spec": {"trafficDistribution": None}})
    lab.wait(2)
    assert "hints" not in endpoint(lab)


def test_an_endpoint_that_is_not_ready_has_no_hint() -> None:
    lab = opened(trafficDistribution="PreferClose")
    lab.ready(*lab.names("Pod"), is_ready=False)
    lab.wait(30)
    assert not endpoint(lab)["conditions"]["ready"]
    assert "hints" not in endpoint(lab)


def test_hints_by_annotation_are_left_alone() -> None:
    lab = opened(trafficDistribution="PreferClose")
    lab.patch("Service", "web", {"metadata": {"annotations": {MODE: "Auto"}, "labels": {"new": "yes"}}})
    lab.wait(2)
    (found,) = lab.of("EndpointSlice")
    assert found.document["metadata"]["labels"]["new"] == "yes"
    assert endpoint(lab)["hints"] == {"forZones": zones("east")}
