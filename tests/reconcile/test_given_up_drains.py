"""Drains that give up, sets whose pods are replaced by hand, machines that do not come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.cluster import Object
from kubelogic.reconcile.rollouts import is_up_to_date, rollout_of
from kubelogic.reconcile.times import go_duration
from tests.support.scenario_shop import play


@pytest.mark.parametrize("timeout", [12, 30, 600])
def test_a_drain_that_nothing_lets_through_gives_up_when_its_time_is_over(timeout: int, tmp_path: Path) -> None:
    text = f"""
- {{at: 1m, patch: {{name: pdb/web, patch: {{spec: {{minAvailable: "100%"}}}}}}}}
- {{at: 2m, drain: {{selector: kubernetes.io/hostname, timeout: {timeout}}}}}
"""
    drains = [each for each in play(text, tmp_path, "20m").not_well if each.kind == "Drain"]
    assert drains
    for each in drains:
        assert f"global timeout reached: {go_duration(1000 * timeout)}" in each.message
        assert f"after {1 + timeout // 5} tries" in each.message
        assert each.location is not None


def workload(kind: str, updated: int, ready: int) -> Object:
    status = {
        "DaemonSet": {"desiredNumberScheduled": 2, "updatedNumberScheduled": updated, "numberAvailable": ready},
        "StatefulSet": {"updatedReplicas": updated, "readyReplicas": ready},
    }[kind]
    document = {
        "metadata": {"name": "w", "generation": 1},
        "spec": {"replicas": 2, "updateStrategy": {"type": "OnDelete"}},
        "status": {"observedGeneration": 1, **status},
    }
    return Object(api_version="apps/v1", kind=kind, namespace="d", name="w", document=document)


@pytest.mark.parametrize("kind", ["DaemonSet", "StatefulSet"])
@pytest.mark.parametrize(
    ("updated", "ready", "complete", "current"), [(2, 2, True, True), (1, 2, True, False), (2, 1, False, False)]
)
def test_with_on_delete_old_pods_are_no_rollout_but_not_up_to_date(
    kind: str, updated: int, ready: int, complete: bool, current: bool
) -> None:
    obj = workload(kind, updated, ready)
    rollout = rollout_of(obj)
    assert rollout is not None
    assert rollout.complete == complete
    assert is_up_to_date(obj) == current


@pytest.mark.parametrize("state", ["gone", "stopped"])
def test_a_machine_that_is_off_is_not_heard_of_after_a_reboot_or_by_healing(state: str, tmp_path: Path) -> None:
    text = f"""
- {{at: 1m, reboot: n1}}
- {{at: 90s, machine: {{node: n1, state: {state}}}}}
- {{at: 3m, heal: n1}}
- {{at: 5m, expect: {{kind: Node, name: n1, ready: false}}}}
- {{at: 6m, machine: {{node: n1, state: running}}}}
- {{at: 8m, expect: {{kind: Node, name: n1, ready: true}}}}
"""
    done = play(text, tmp_path)
    refused = [each.message for each in done.not_well if each.kind == "Step"]
    assert [each.partition(",")[0] for each in refused] == ["EndReboot of node n1", "HealNode of node n1"]
    assert all(f"is {state}: only machine" in each for each in refused)
    assert all(each.held for each in done.run.expected)
