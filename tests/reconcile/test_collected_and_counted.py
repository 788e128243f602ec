"""What the garbage collector takes, and what the quota controller counts, when something is not as it should be."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.cluster.edit import uid_of
from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.reconcile.engine import reconciler
from tests.support.lab import Lab, workload

TICKER = reconciler(builtin_rulebook(), scheduler="kube")


def config(name: str, *owners: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "ownerReferences": list(owners)}}


@pytest.mark.parametrize(
    ("change", "stays"),
    [
        ({}, True),
        ({"name": "another"}, False),
        ({"apiVersion": "v1", "kind": "Secret"}, False),
        ({"apiVersion": "apps/v1", "kind": "ConfigMap"}, True),
        ({"uid": "nobody"}, False),
    ],
)
def test_an_owner_is_found_by_kind_and_name_and_has_to_have_the_uid(change: dict[str, str], stays: bool) -> None:
    """An apiVersion and kind that the API does not have is an error that is tried again for ever."""
    lab = Lab(TICKER, nodes=("n1",))
    lab.create(config("owner"))
    owner = lab.object("ConfigMap", "owner")
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid_of(owner), **change}
    lab.create(config("kid", reference))
    lab.wait(5)
    assert ("kid" in lab.names("ConfigMap")) is stays


def test_a_pod_that_is_stuck_on_a_lost_node_does_not_use_up_the_quota_for_ever() -> None:
    """It is evicted after 5 minutes, and should be gone 30 s later: at the next full count it costs nothing."""
    lab = Lab(TICKER)
    hard = {"pods": "1", "count/pods": "2"}
    lab.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard}})
    lab.wait(1)
    lab.create(workload("Deployment", "web", replicas=1))
    lab.wait(10)
    (node,) = lab.nodes_of()
    lab.silence(node)
    lab.wait(360)
    assert lab.nodes_of() == {node: 1}
    lab.wait(600)
    assert lab.pods() == ["app:1 Running ready", "app:1 Running terminating"]
    assert lab.document("ResourceQuota", "q")["status"]["used"] == {"count/pods": "2", "pods": "1"}
    lab.heal(node)
    lab.wait(60)
    assert lab.pods() == ["app:1 Running ready"]
    assert lab.document("ResourceQuota", "q")["status"]["used"] == {"count/pods": "1", "pods": "1"}
