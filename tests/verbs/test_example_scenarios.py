"""The example scenarios come out as their first lines say."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from kubelogic.apiserver.reading import load
from kubelogic.cluster import Cluster
from kubelogic.reconcile.entries import Entry
from kubelogic.verbs.reconciled import Options
from kubelogic.verbs.scenario_file import read_scenario
from kubelogic.verbs.simulate import Simulation, SimulationOptions, simulate

EXAMPLES = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios"


@lru_cache(maxsize=16)
def run(name: str, manifest: str = "cluster") -> Simulation:
    cluster = Cluster.of(load([str(EXAMPLES / f"{manifest}.yaml")]).objects)
    scenario = read_scenario(str(EXAMPLES / f"{name}.scenario"), cluster=cluster)
    return simulate(cluster, scenario, SimulationOptions(options=Options(scheduler="kube")))


def entries(simulation: Simulation, action: str, /, **arguments: object) -> list[Entry]:
    return [
        entry
        for entry in simulation.run.timeline
        if entry.type == action and all(entry.arguments.get(name) == value for name, value in arguments.items())
    ]


def images(simulation: Simulation) -> list[str]:
    pods = simulation.run.state.cluster.objects("Pod").items()
    return sorted(p.document["spec"]["containers"][0]["image"] for key, p in pods if "/web-" in key)


def test_a_node_that_goes_silent_is_unknown_after_40_s_and_loses_its_pods_5_minutes_later() -> None:
    done = run("node-down")
    (unknown,) = entries(done, "SetCondition", kind="Node", key="n1", condition="Ready", status="Unknown")
    assert unknown.time == 60_000 + 40_000
    evicted = entries(done, "EvictPod")
    assert evicted
    assert {entry.time for entry in evicted} == {60_000 + 340_000}
    replacements = [entry for entry in entries(done, "BindPod") if entry.time >= 400_000]
    assert replacements
    assert all(entry.arguments["node"] != "n1" for entry in replacements)
    agents = [key for key in done.run.state.cluster.objects("Pod") if "/agent-" in key]
    assert len(agents) == 3, "daemon pods tolerate a silent node for ever"


def test_an_update_in_the_middle_of_the_first_rollout_drops_unready_pods_at_once() -> None:
    done = run("rollover")
    assert images(done) == ["web:2"] * 5
    gone = entries(done, "DeletePod")
    assert min(entry.time for entry in gone) == 10_000
    assert max(entry.time for entry in done.run.timeline if entry.type == "RemovePod") < 30_000


def test_a_stuck_rollout_misses_its_deadline_keeps_old_pods_and_can_be_undone() -> None:
    done = run("stuck-rollout")
    late = entries(done, "SetCondition", condition="Progressing", reason="ProgressDeadlineExceeded")
    assert [entry.time for entry in late] == [60_000 + 120_000]
    assert images(done) == ["web:1"] * 5
    assert all(rollout.complete for rollout in done.run.rollouts)


def test_a_statefulset_finds_its_claims_again() -> None:
    done = run("statefulset-claims")
    claims = done.run.state.cluster.objects("PersistentVolumeClaim")
    assert sorted(claims) == ["default/data-db-0", "default/data-db-1", "default/data-db-2"]
    assert len(entries(done, "CreatePersistentVolumeClaim")) == 3
    created = [entry.arguments["pod"] for entry in entries(done, "CreatePod", owner_kind="StatefulSet")]
    assert created == [f"default/db-{ordinal}" for ordinal in (0, 1, 2, 1, 2)]
    deleted = [entry.arguments["pod"] for entry in entries(done, "DeletePod")]
    assert deleted == ["default/db-2", "default/db-1"]


def test_a_daemonset_follows_the_nodes() -> None:
    done = run("daemonset-follows")
    pods = done.run.state.cluster.objects("Pod").items()
    nodes = sorted(pod.document["spec"]["nodeName"] for key, pod in pods if "/agent-" in key)
    assert nodes == ["n1", "n2", "n4"]


def test_a_liveness_probe_that_fails_restarts_containers_with_a_growing_back_off() -> None:
    done = run("liveness-fails", "probes")
    pod = next(entry.arguments["pod"] for entry in entries(done, "KillContainer"))
    assert entries(done, "KillContainer", pod=pod)[0].time == 120_000 + 20_000
    waits = [entry.arguments["message"] for entry in entries(done, "HoldContainer", pod=pod)]
    assert [wait.split()[1] for wait in waits] == ["40s", "1m20s", "2m40s", "5m0s"]
    assert {each.count for each in done.run.restarts} == {8}
    assert done.run.settled
    assert all(rollout.complete for rollout in done.run.rollouts)


def test_pods_that_do_not_get_ready_stop_a_rollout_which_is_then_undone() -> None:
    done = run("bad-readiness", "probes")
    created = [entry.arguments["pod"] for entry in entries(done, "CreatePod") if entry.time == 60_000]
    assert len(created) == 1, "maxSurge 1, and nothing more before that pod is available"
    assert not [entry for entry in entries(done, "DeletePod") if entry.time < 300_000], "maxUnavailable 0"
    late = entries(done, "SetCondition", condition="Progressing", reason="ProgressDeadlineExceeded")
    assert [entry.time for entry in late] == [60_000 + 120_000]
    assert images(done) == ["web:1"] * 3


def test_a_start_that_takes_longer_than_the_startup_probe_allows_is_begun_again() -> None:
    done = run("slow-start", "probes")
    (killed,) = entries(done, "KillContainer")
    assert (killed.time, killed.arguments["probe"]) == (60_000 + 60_000, "startup")
    assert images(done) == ["web:2"] * 3
    assert all(rollout.complete for rollout in done.run.rollouts)


def test_an_exit_code_restarts_a_container_of_a_job_in_place_and_another_one_fails_its_pod() -> None:
    done = run("job-retries", "probes")
    assert [entry.time for entry in entries(done, "StartContainer", container="report", restart=1)] == [20_000]
    assert [entry.time for entry in entries(done, "ReportPhase", phase="Failed")] == [40_200]
    sidecars = [entry.time for entry in entries(done, "EndContainer", container="proxy")]
    assert sidecars[0] == 40_200, "a sidecar does not keep its pod alive"
    assert entries(done, "SetCondition", kind="Job", condition="Complete", status="True")
