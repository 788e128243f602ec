"""Failures that papers and post-mortems describe, found from plain manifests, each with its shortest run.

Sources: Kubernetes documentation and issues on topology spread, descheduler, autoscaling and volumes; the papers on
model checking of cluster managers that collect them. The manifests say what goes wrong.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.api import Options, Verification, load, plan, scenario, simulate, verify
from kubelogic.reconcile.scenario import Apply, Cordon, Drain, Event, FailNode
from kubelogic.testing import never_fewer_ready_than, no_service_interrupted, world

ROOT = Path(__file__).parents[2] / "fixtures"
HERE = ROOT / "literature"


def broken(found: Verification) -> str:
    assert found.verdict == "broken", found.to_text()
    assert found.counterexample is not None
    return "\n".join(each.message for each in found.counterexample.violations)


@pytest.mark.parametrize(
    ("file", "name"),
    [("surge-and-anti-affinity.yaml", "web"), ("read-write-once-and-surge.yaml", "db")],
)
def test_a_rollout_that_never_ends(file: str, name: str) -> None:
    found = verify(load(HERE / file), during_rollout=f"deploy/{name}")
    assert f'deployment "{name}" exceeded its progress deadline' in broken(found)
    assert found.counterexample is not None
    assert len(found.counterexample.steps) == 1


def test_two_spreads_strand_the_sixth_pod() -> None:
    found = verify(load(ROOT / "two-spreads"), any_order=True)
    assert "finds no node after 5 others" in broken(found)
    assert found.counterexample is not None
    assert len(found.counterexample.told) == 6


def test_imbalance_after_drain_uncordon_and_a_failure() -> None:
    """Neither step alone interrupts the Service; the three of them do."""
    one = world(str(HERE / "drain-uncordon-failure.yaml"))
    drain = Event(at=0, operation=Drain(node="n1"))
    back = Event(at=600_000, operation=Cordon(node="n1", unschedulable=False))
    fail = Event(at=1_200_000, operation=FailNode(node="n2"))
    holds = no_service_interrupted()
    assert one.run([drain, back, fail], [holds]).violations
    assert not one.run([drain, back], [holds]).violations
    assert not one.run([fail], [holds]).violations


def test_a_pod_that_names_its_node_is_evicted_for_ever() -> None:
    found = plan(load(HERE / "no-execute-and-node-name.yaml"))
    assert not found.settled
    assert {each.action.type for each in found.cycle} >= {"CreatePod", "EvictPod"}


def test_the_descheduler_and_the_scheduler_never_agree() -> None:
    cluster = load(HERE / "descheduler.yaml")
    assert plan(cluster).settled
    found = plan(cluster, Options(rules=[HERE / "descheduler.dl"]))
    assert not found.settled
    assert {each.action.type for each in found.cycle} >= {"CreatePod", "EvictPod", "BindPod"}


def test_replicas_that_are_left_out_fall_to_one() -> None:
    manifest = str(HERE / "replicas-and-autoscaler.deployment.yaml")
    one = world([str(HERE / "replicas-and-autoscaler.yaml"), manifest], Options(horizon=300_000))
    (deployment,) = (each for each in load(manifest) if each.kind == "Deployment")
    assert one.base.cluster.objects("Deployment")["default/web"].document["spec"]["replicas"] == 4
    holds = never_fewer_ready_than("4")
    replaced = Event(at=0, operation=Apply(objects=(deployment,), replace=True))
    assert "has 1 ready pod, 4 are the least" in one.run([replaced], [holds]).violations[0].message
    assert not one.run([], [holds]).violations


def test_what_is_found_replays() -> None:
    cluster = load(HERE / "surge-and-anti-affinity.yaml")
    found = verify(cluster, during_rollout="deploy/web")
    assert found.counterexample is not None
    run = simulate(cluster, scenario(found.counterexample.steps)).run
    assert [each.complete for each in run.rollouts] == [False]
