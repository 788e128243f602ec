"""Objects that the system makes for itself pass the chain of admission, and are tried again where they are refused."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.reconcile.engine import reconciler
from tests.support.lab import Lab, workload

TICKER = reconciler(builtin_rulebook(), scheduler="kube")


def quota(resource: str, most: str = "0") -> dict[str, Any]:
    name = f"count/{resource}"
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {name: most}}}


SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}


@pytest.mark.parametrize(
    ("resource", "kind", "first"),
    [
        ("endpointslices.discovery.k8s.io", "EndpointSlice", SERVICE),
        ("controllerrevisions.apps", "ControllerRevision", workload("StatefulSet", "db")),
    ],
)
def test_a_quota_keeps_them_out_until_it_has_room(resource: str, kind: str, first: dict[str, Any]) -> None:
    lab = Lab(TICKER, nodes=("n1",))
    lab.create(quota(resource))
    lab.wait(1)
    lab.create(first)
    lab.wait(3)
    assert lab.names(kind) == []
    assert any(topic == "own object refusals" for topic, _ in lab.state.memory)
    lab.patch("ResourceQuota", "q", {"spec": {"hard": {f"count/{resource}": "9"}}})
    lab.wait(30)
    assert len(lab.names(kind)) == 1
    assert not any(topic.startswith("own object") for topic, _ in lab.state.memory)


def test_in_a_namespace_that_ends_nothing_new_is_made() -> None:
    lab = Lab(TICKER, nodes=("n1",))
    lab.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    lab.wait(1)
    lab.delete("Namespace", "shop")
    document = {**SERVICE, "metadata": {"name": "web", "namespace": "shop"}}
    assert lab.create(document).reason == "Forbidden"
    lab.wait(30)
    assert not lab.state.cluster.get("Namespace", "shop")
