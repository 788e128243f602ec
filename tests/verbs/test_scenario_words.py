"""Every word of the scenario language: its example can be read, and does what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.report.scenario_reference import reference
from kubelogic.text.location import InputError
from kubelogic.verbs.scenario_file import read_scenario
from kubelogic.verbs.scenario_words import WORDS
from tests.support.scenario_shop import entries, moments, play, pod, shop, steps


@pytest.mark.parametrize("word", WORDS)
def test_the_example_of_a_word_can_be_read_and_uses_it(word: str, tmp_path: Path) -> None:
    scenario = read_scenario(steps(WORDS[word].example, tmp_path), cluster=shop())
    assert scenario.events
    assert f" {word}: " in WORDS[word].example


@pytest.mark.slow
@pytest.mark.parametrize("word", WORDS)
def test_no_step_of_an_example_is_refused(word: str, tmp_path: Path) -> None:
    done = play(WORDS[word].example, tmp_path)
    assert [each.message for each in done.not_well if each.kind == "Step"] == []


# -- whom a step is about ----------------------------------------------------------------------------------------


def test_several_nodes_a_zone_and_single_pods_are_found_when_the_step_comes(tmp_path: Path) -> None:
    text = """
- {at: 1m, fail: zone=a}
- {at: 2m, heal: [n1, n2]}
- {at: 3m, delete: {of: web}}
- {at: 4m, evict: {of: sts/db, node: n3}}
- {at: 5m, pod: {selector: {app: web}, count: all, ready: false}}
"""
    done = play(text, tmp_path, "6m")
    assert [each.arguments["node"] for each in entries(done, "FailNode")] == ["n1", "n2"]
    assert [each.arguments["node"] for each in entries(done, "HealNode")] == ["n1", "n2"]
    (deleted,) = entries(done, "Delete")
    assert deleted.arguments["key"].startswith("default/web-")
    told = [each.arguments["key"] for each in entries(done, "TellPod")]
    assert len(told) == 3
    assert told == sorted(told)


def test_a_choice_that_finds_nobody_is_refused_and_not_well(tmp_path: Path) -> None:
    done = play("- {at: 1s, cordon: n1}\n- {at: 2s, evict: {of: gated, node: n2}}\n", tmp_path, "3s")
    (where,) = {each.arguments["node"] for each in entries(done, "BindPod") if "/gated-" in each.arguments["pod"]}
    told = [each.message for each in done.not_well if each.kind == "Step"]
    assert told == ([] if where == "n2" else ["Evict is refused: there are no pods of Deployment default/gated on n2"])


# -- nodes, components -------------------------------------------------------------------------------------------


def test_a_reboot_ends_the_containers_and_a_node_that_reports_not_ready_is_tainted(tmp_path: Path) -> None:
    text = "- {at: 1m, reboot: {node: n3, takes: 20s}}\n- {at: 5m, for: 30s, report: {node: n1, ready: false}}\n"
    done = play(text, tmp_path, "8m")
    ended = entries(done, "EndContainer", exit_code=255)
    assert {each.time for each in ended} == {80_000}
    assert {each.arguments["pod"] for each in ended} == {
        each.arguments["pod"] for each in entries(done, "BindPod", node="n3")
    }
    taint = entries(done, "AddTaint", node="n1", taint="node.kubernetes.io/not-ready")
    assert taint
    assert min(each.time for each in taint) == 300_000
    assert max(each.time for each in entries(done, "SetCondition", kind="Node", key="n1", status="True")) == 330_000


def test_a_node_that_never_reports_gets_no_pods(tmp_path: Path) -> None:
    done = play("- {at: 1m, apply: {files: extra-node.yaml, silent: true}}\n", tmp_path, "4m")
    unknown = entries(done, "SetCondition", kind="Node", key="n4", condition="Ready", status="Unknown")
    assert [each.arguments["reason"] for each in unknown] == ["NodeStatusNeverUpdated"]
    assert not [each for each in entries(done, "BindPod", node="n4") if "agent" not in each.arguments["pod"]]


def test_while_the_scheduler_is_down_pods_wait_and_while_a_controller_is_nothing_is_made(tmp_path: Path) -> None:
    text = """
- {at: 1m, for: 1m, stop: scheduler}
- {at: 90s, scale: {name: web, replicas: 4}}
- {at: 3m, for: 1m, stop: replicaset}
- {at: 200s, scale: {name: web, replicas: 5}}
- {at: 5m, stop: controller-manager}
- {at: 5m, delete: {of: web, grace: 0}}
"""
    done = play(text, tmp_path, "6m")
    web = [each for each in entries(done, "CreatePod") if "/web-" in each.arguments["pod"]]
    assert [each.time for each in web][3:] == [90_000, 240_000]
    bound = [each.time for each in entries(done, "BindPod") if "/web-" in each.arguments["pod"]]
    assert bound[3:] == [120_000, 240_000]
    down = [each for each in done.not_well if each.kind == "Component"]
    assert [(each.key, each.message) for each in down] == [("kube-controller-manager", "is down since 5m")]


def test_containers_that_run_out_of_memory_say_so(tmp_path: Path) -> None:
    done = play("- {at: 1m, exit: {name: sts/db, oomKilled: true}}\n", tmp_path, "2m")
    (status,) = pod(done, "default/db-0")["status"]["containerStatuses"]
    assert status["lastState"]["terminated"]["reason"] == "OOMKilled"
    assert status["lastState"]["terminated"]["exitCode"] == 137
    assert status["restartCount"] == 1


# -- requests ----------------------------------------------------------------------------------------------------


def test_a_patch_is_about_the_object_or_its_status(tmp_path: Path) -> None:
    text = """
- {at: 1m, patch: {kind: Node, name: n1, subresource: status, patch: {status: {allocatable: {pods: "7"}}}}}
- {at: 2m, patch: {kind: Node, name: n1, patch: {metadata: {labels: {a: b}}, status: {allocatable: {pods: "9"}}}}}
- {at: 3m, patch: {kind: Node, name: n1, subresource: status, patch: {status: {allocatable: {pods: x}}}}}
"""
    done = play(text, tmp_path, "4m")
    node = done.run.state.cluster.objects("Node")["n1"].document
    assert (node["metadata"]["labels"]["a"], node["status"]["allocatable"]["pods"]) == ("b", "7")
    (refused,) = (each.message for each in done.not_well if each.kind == "Step")
    assert 'status.allocatable.pods: "x" is no quantity' in refused
    with pytest.raises(InputError, match="changes nothing: a status takes `subresource: status`"):
        read_scenario(steps("- {at: 1m, patch: {name: web, patch: {status: {}}}}\n", tmp_path), cluster=shop())


def test_a_restart_and_an_undo_of_a_stateful_set_roll_its_pods(tmp_path: Path) -> None:
    text = """
- {at: 1m, restart: {name: sts/db}}
- {at: 3m, setImage: {name: sts/db, image: "db:2"}}
- {at: 5m, undo: {name: sts/db}}
"""
    done = play(text, tmp_path)
    gone = [each.time // 60_000 for each in entries(done, "DeletePod") if "/db-" in each.arguments["pod"]]
    assert gone == [1, 1, 3, 3, 5, 5]
    assert pod(done, "default/db-0")["spec"]["containers"][0]["image"] == "db:1"
    assert not [each for each in done.not_well if each.kind == "Step"]


REFUSED = {
    "undo: {name: ds/agent}": "no last revision to roll back to",
    "undo: {name: sts/db, revision: 7}": "unable to find specified revision 7 in history",
    "setImage: {name: web, container: nosuch, image: 'web:2'}": 'unable to find container named "nosuch"',
    "setResources: {name: web, container: nosuch, limits: {cpu: 1}}": "unable to find container named nosuch",
    "resume: {name: web}": 'deployments.apps "web" is not paused',
    "untaint: {node: n1, key: k, effect: NoSchedule}": 'taint "k:NoSchedule" not found',
    "autoscale: {name: web, max: 3}": 'horizontalpodautoscalers.autoscaling "web" already exists',
    "start: scheduler": "kube-scheduler is not down",
}


def test_a_request_that_kubectl_or_the_api_server_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    done = play("\n".join(f"- {{at: 10s, {step}}}" for step in REFUSED), tmp_path, "11s")
    told = [each for each in done.not_well if each.kind == "Step"]
    assert [each.message.partition(" is refused: ")[2] for each in told] == list(REFUSED.values())
    assert [each.location.line for each in told if each.location] == [3 + number for number in range(len(REFUSED))]


def test_a_job_of_a_cron_job_an_autoscaler_and_resources(tmp_path: Path) -> None:
    text = """
- {at: 1m, runCronJob: {name: nightly, job: by-hand}}
- {at: 1m, autoscale: {name: sts/db, min: 2, max: 4, cpu: 70}}
- {at: 2m, setResources: {name: web, requests: {cpu: 200m}, limits: {memory: 1Gi}}}
"""
    done = play(text, tmp_path, "3m")
    cluster = done.run.state.cluster
    job = cluster.get("Job", "default/by-hand")
    assert job is not None
    assert job.document["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual"
    scaler = cluster.get("HorizontalPodAutoscaler", "default/db")
    assert scaler is not None
    assert scaler.document["spec"]["minReplicas"] == 2
    web = cluster.get("Deployment", "default/web")
    assert web is not None
    (container,) = web.document["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {"requests": {"cpu": "200m"}, "limits": {"memory": "1Gi"}}


# -- times -------------------------------------------------------------------------------------------------------


def test_a_step_lasts_for_a_while_is_repeated_and_comes_at_a_moment_of_the_calendar(tmp_path: Path) -> None:
    assert moments("- {at: 1m, for: 10s, repeat: {every: 1m, times: 2}, fail: n1}\n", tmp_path) == [
        (60, "FailNode"),
        (70, "HealNode"),
        (120, "FailNode"),
        (130, "HealNode"),
    ]
    assert moments("- {at: 0, repeat: {every: 4m}, evict: {of: web}}\n", tmp_path) == [
        (0, "Evict"),
        (240, "Evict"),
        (480, "Evict"),
    ]
    assert moments("- {at: 2026-11-02T00:05Z, cordon: n1}\n", tmp_path) == [(300, "Cordon")]
    assert moments('- {at: "2026-11-02T01:05:30+01:00", cordon: n1}\n', tmp_path) == [(330, "Cordon")]


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ("{at: 11m, cordon: n1}", "3:8: steps[0].at: never comes: the horizon is 600s [KL142]"),
        (
            "{at: 2026-11-01T23:00Z, cordon: n1}",
            "3:8: steps[0].at: 2026-11-01T23:00Z is before the clock starts, at 2026-11-02T00:00:00Z; "
            "--start changes that [KL110]",
        ),
        (
            "{at: 1m, for: 10s, scale: {name: web, replicas: 1}}",
            "3:12: steps[0].for: goes with fail, cordon, taint, report, machine (stopped), shutdown, stop and "
            "pause: nothing undoes this [KL142]",
        ),
        (
            "{at: 1m, for: 1m, repeat: {every: 1m, times: 2}, fail: n1}",
            "3:17: steps[0].for: is not over when the step is repeated [KL122]",
        ),
        (
            "{at: 1m, fail: zone=z}",
            "3:18: steps[0].fail: there are no nodes with zone=z; there are zone=a, zone=b [KL128]",
        ),
        ("{at: 1m, drain: [n1, n9]}", "3:19: steps[0].drain: there is no Node n9 [KL128]"),
        ("{at: 1m, evict: {of: nosuch}}", "3:24: steps[0].evict.of: there is no Deployment nosuch [KL128]"),
        (
            "{at: 1m, delete: {kind: Pod, name: web}}",
            "3:38: steps[0].delete.name: there is no Pod default/web; a pod of web without its name is {of: web} "
            "[KL128]",
        ),
        (
            "{at: 1m, delete: {kind: Service, name: wbe}}",
            "3:42: steps[0].delete.name: there is no Service wbe; did you mean default/web? [KL128]",
        ),
        (
            "{at: 1m, image: {name: 'web:9', pull: false}}",
            "3:26: steps[0].image.name: no container has the image web:9 [KL128]",
        ),
        (
            "{at: 1m, image: {name: 'web:1'}}",
            "3:19: steps[0].image: needs something that is different from now on [KL142]",
        ),
        ("{at: 1m, pod: {of: web}}", "3:17: steps[0].pod: needs ready or exitCode [KL142]"),
        (
            "{at: 1m, metric: {external: nosuch, value: 3}}",
            "3:31: steps[0].metric.external: no autoscaler reads nosuch in default from outside; they read "
            "queue-length [KL128]",
        ),
        (
            "{at: 1m, metric: {object: {kind: Service, name: web}, resource: rps, value: 3}}",
            "3:67: steps[0].metric.resource: no autoscaler reads rps of Service default/web; they read requests "
            "[KL128]",
        ),
        (
            "{at: 1m, undo: {name: job/x}}",
            "3:25: steps[0].undo.name: must be one of Deployment, StatefulSet, DaemonSet, is job [KL121]",
        ),
        (
            "{at: 1m, repeat: {times: 3}, cordon: n1}",
            "3:20: steps[0].repeat: must be {every, times} or {every, until}, is {'times': 3} [KL110]",
        ),
        ("{at: 1m, always: true, cordon: n1}", "3:12: steps[0].always: goes with expect only [KL142]"),
    ],
)
def test_a_step_that_means_nothing_is_refused_at_its_place(step: str, fault: str, tmp_path: Path) -> None:
    path = steps(f"- {step}", tmp_path)
    with pytest.raises(InputError) as caught:
        read_scenario(path, cluster=shop())
    assert str(caught.value).removeprefix(f"{path}:") == fault


def test_the_reference_page_is_written_from_the_words() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "scenarios.md"
    assert page.read_text(encoding="utf-8") == reference(), "python -m kubelogic.report.scenario_reference"


def test_nodes_that_are_drained_together_take_no_pods_of_each_other(tmp_path: Path) -> None:
    done = play("- {at: 1m, drain: zone=a}\n", tmp_path, "2m")
    later = [each.arguments["node"] for each in entries(done, "BindPod") if each.time >= 60_000]
    assert later
    assert set(later) == {"n3"}
