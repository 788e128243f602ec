"""What is held by finalizers and then gone, pods that were deleted when their node reboots, metrics that go away."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.reconcile.entries import Entry
from kubelogic.reconcile.times import go_duration
from kubelogic.report.simulation import render_simulation, unsaid
from kubelogic.report.step_words import measured
from kubelogic.report.style import PLAIN
from kubelogic.report.timeline import timeline
from tests.support.scenario_shop import entries, play


def test_a_pod_that_was_deleted_is_not_ready_again_when_its_node_is_up_again(tmp_path: Path) -> None:
    done = play("- {at: 1m, reboot: {node: n1, takes: 15m}}", tmp_path, "30m")
    evicted = {each.arguments["pod"] for each in entries(done, "EvictPod")}
    assert evicted
    back = [each for each in done.run.timeline if each.time >= 16 * 60_000]
    for pod in evicted:
        about = [each for each in back if pod in (each.arguments.get("pod"), each.arguments.get("key"))]
        assert [each.arguments["exit_code"] for each in about if each.type == "EndContainer"] == [255]
        assert not [each for each in about if each.time == 960_000 and each.arguments.get("status") == "True"]
        assert "RemovePod" in [each.type for each in about]


@pytest.mark.parametrize("how", ["json", "merge"])
def test_what_only_a_finalizer_holds_is_told_when_it_is_gone(how: str, tmp_path: Path) -> None:
    held = "{metadata: {finalizers: [example.com/hold]}}"
    freed = {
        "json": "type: json, patch: [{op: remove, path: /metadata/finalizers}]",
        "merge": "type: merge, patch: {metadata: {finalizers: null}}",
    }[how]
    done = play(
        f"- {{at: 1m, patch: {{name: cm/settings, patch: {held}}}}}\n"
        "- {at: 2m, delete: {name: cm/settings}}\n"
        f"- {{at: 3m, patch: {{name: cm/settings, {freed}}}}}",
        tmp_path,
    )
    assert [(each.time, each.arguments["key"]) for each in entries(done, "Gone")] == [(180_000, "default/settings")]
    assert "ConfigMap default/settings is gone" in render_simulation(done)


def test_what_goes_when_it_is_deleted_is_told_once(tmp_path: Path) -> None:
    assert entries(play("- {at: 1m, delete: {name: cm/settings}}", tmp_path), "Gone") == []


def test_an_autoscaler_without_its_metric_is_told_once(tmp_path: Path) -> None:
    target = '{type: AverageValue, averageValue: "20"}'
    only = f"{{type: External, external: {{metric: {{name: queue-length}}, target: {target}}}}}"
    done = play(
        f"- {{at: 0, patch: {{name: hpa/web, type: merge, patch: {{spec: {{metrics: [{only}]}}}}}}}}\n"
        '- {at: 1m, metric: {external: queue-length, value: "40"}}\n'
        "- {at: 5m, metric: {external: queue-length, gone: true}}",
        tmp_path,
    )
    assert "HorizontalPodAutoscaler" in [each.kind for each in done.not_well]
    assert not [each for each in unsaid(done) if each.startswith("HorizontalPodAutoscaler")]
    assert "the external metric queue-length is now not measured any more" in render_simulation(done)


def test_durations_are_those_of_kubectl() -> None:
    assert [go_duration(1000 * each) for each in (5, 60, 90, 3725)] == ["5s", "1m0s", "1m30s", "1h2m5s"]
    assert measured({"metric": "cpu", "gone": True}) == "not measured any more"


def test_why_containers_wait_to_be_made_is_in_the_timeline() -> None:
    message = 'Multi-Attach error for volume "pv" Volume is already used by pod(s) a'
    arguments = {"pod": "d/b", "container": "app", "reason": "ContainerCreating", "message": message}
    lines = timeline([Entry(time=0, type="HoldContainer", arguments=arguments)], PLAIN)
    assert lines == [f"{'0s':>9}  container app of d/b waits: ContainerCreating: {message}"]
