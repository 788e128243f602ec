"""What steps may leave out, name shortly or say in another form; how far a run comes in its time."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from kubelogic.cluster import Cluster, Object
from kubelogic.reconcile.expectations import measured, told
from kubelogic.report.simulation import entries_told, render_simulation, simulation_document
from kubelogic.text.location import InputError
from kubelogic.verbs.reconciled import Options
from kubelogic.verbs.scenario_file import read_scenario
from kubelogic.verbs.simulate import SimulationOptions, simulate
from tests.support.scenario_shop import entries, moments, play, shop, steps


def test_a_patch_names_its_kind_shortly_or_means_a_deployment(tmp_path: Path) -> None:
    text = """
- {at: 0, patch: {name: web, patch: {metadata: {labels: {one: "1"}}}}}
- {at: 0, patch: {name: sts/db, patch: {metadata: {labels: {two: "2"}}}}}
- {at: 0, patch: {name: no/n1, patch: {metadata: {labels: {three: "3"}}}}}
- {at: 0, delete: {name: cm/settings}}
"""
    done = play(text, tmp_path, "1s")
    assert not [each for each in done.not_well if each.kind == "Step"]
    found = done.run.state.cluster
    for kind, key, label in (
        ("Deployment", "default/web", "one"),
        ("StatefulSet", "default/db", "two"),
        ("Node", "n1", "three"),
    ):
        obj = found.get(kind, key)
        assert obj is not None
        assert label in obj.document["metadata"]["labels"]
    assert found.get("ConfigMap", "default/settings") is None


def test_force_removes_a_pod_that_stays_terminating(tmp_path: Path) -> None:
    text = """
- {at: 10s, fail: n1}
- {at: 11s, delete: {of: web, node: n1, count: all}}
- {at: 20s, delete: {of: web, node: n1, count: all}}
- {at: 30s, delete: {of: web, node: n1, count: all, force: true}}
"""
    done = play(text, tmp_path, "31s")
    asked = [(each.time, each.arguments["key"]) for each in entries(done, "Delete") if not each.refused]
    first = [key for time, key in asked if time == 11_000]
    assert first
    assert set(first) < {key for time, key in asked if time == 30_000}
    assert all(done.run.state.cluster.get("Pod", key) is None for key in first)


def test_an_eviction_that_is_refused_names_its_pod_and_the_budget(tmp_path: Path) -> None:
    done = play("- {at: 1s, stop: scheduler}\n- {at: 2s, evict: {of: web, count: all}}\n", tmp_path, "3s")
    refused = [each.message for each in done.not_well if each.kind == "Step"]
    assert refused
    assert refused[0].startswith("Evict of default/web-")
    assert "The disruption budget web does not allow evicting pods currently" in refused[0]


@pytest.mark.parametrize(
    ("said", "held"),
    [
        ("ready: {atLeast: 1, atMost: 3}", [True, True]),
        ("ready: {atLeast: 4, atMost: 9}", [False, True]),
        ('ready: "> 2"', [True]),
        ('ready: "< 3"', [False]),
    ],
)
def test_ranges_and_signs(said: str, held: list[bool], tmp_path: Path) -> None:
    done = play(f"- {{at: 9s, expect: {{name: web, {said}}}}}", tmp_path, "10s")
    assert [each.held for each in done.run.expected] == held


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        (
            "{at: 1m, expect: {name: web, ready: {atLeast: 3, atMost: 2}}}",
            "3:39: steps[0].expect.ready: nothing is at least 3 and at most 2 [KL142]",
        ),
        (
            "{at: 1m, fail: {zone: a, for: 3m}}",
            "3:28: steps[0].fail.for: stands beside fail, not in it [KL112]",
        ),
        ("{at: 1m, evict: web}", "3:19: steps[0].evict: must be a mapping, such as {name: web} [KL110]"),
        ('{at: 1m, expect: {name: web, ready: "< 0"}}', "3:39: steps[0].expect.ready: nothing is below 0 [KL142]"),
        (
            "{at: 1m, expect: {name: hpb/web, exists: true}}",
            "3:27: steps[0].expect.name: must be a kind such as Deployment, is 'hpb' [KL121]",
        ),
        (
            "{at: 1m, expect: {name: hpa/web, replicas: 3}}",
            "3:36: steps[0].expect.replicas: a HorizontalPodAutoscaler has no replicas; Deployment, StatefulSet, "
            "ReplicaSet, ReplicationController have [KL142]",
        ),
        (
            "{at: 1m30, cordon: n1}",
            "3:8: steps[0].at: must be seconds, a duration such as 1m30s or a moment such as "
            "2026-11-02T08:00Z, is "
            "'1m30' [KL110]",
        ),
    ],
)
def test_what_can_never_be_is_refused(step: str, fault: str, tmp_path: Path) -> None:
    path = steps(f"- {step}", tmp_path)
    with pytest.raises(InputError) as caught:
        read_scenario(path, cluster=shop())
    assert str(caught.value).removeprefix(f"{path}:") == fault


def test_phases_of_claims_and_namespaces() -> None:
    claim, space = (
        Object(api_version="v1", kind=kind, namespace=where, name="d", document={"metadata": {"name": "d"}})
        for kind, where in (("PersistentVolumeClaim", "shop"), ("Namespace", ""))
    )
    cluster = Cluster.of([claim, space])
    assert measured(cluster, "PersistentVolumeClaim", "shop/d", "phase") == "Pending"
    assert measured(cluster, "Namespace", "d", "phase") == "Active"


def test_a_step_is_repeated_up_to_the_horizon_of_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "s.scenario"
    path.write_text(
        "- {at: 1.5m, repeat: {every: 500ms}, restart: {name: web}}\n- {at: 2m, cordon: n1}\n", encoding="utf-8"
    )
    read = read_scenario(str(path), cluster=shop(), horizon=91_000)
    assert [event.at for event in read.events] == [90_000, 90_500, 91_000, 120_000]
    with pytest.raises(InputError, match="needs times or until"):
        read_scenario(str(path), cluster=shop())
    assert moments("- {at: 0, repeat: {every: 4m}, restart: {name: web}}\n", tmp_path, horizon=300_000) == [
        (0, "Restart"),
        (240, "Restart"),
    ]


def test_what_the_time_does_not_suffice_for_is_unknown_and_what_was_found_is_told(tmp_path: Path) -> None:
    text = """
- {at: 1s, expect: {name: web, ready: 0}}
- {at: 5m, scale: {name: web, replicas: 5}}
- {at: 6m, expect: {name: web, ready: 5}}
- {always: true, until: 4m, expect: {pending: 0}}
"""
    scenario = read_scenario(steps(text, tmp_path), cluster=shop())
    clock = count()
    options = Options(scheduler="kube", clock=lambda: float(next(clock)), deadline=15.0)
    done = simulate(shop(), scenario, SimulationOptions(options=options))
    assert done.run.given_up is not None
    assert done.run.given_up.left == 1
    assert done.run.given_up.first is not None
    assert done.run.given_up.first.line == 5
    assert not done.run.settled
    assert [(each.held, each.reached) for each in done.run.expected][1:] == [(False, False), (True, True)]
    assert told(done.run.expected[1]).endswith("the run ended before")
    assert not any(each.kind == "Expectation" for each in done.not_well if "ended before" in each.message)
    assert "was over at" in render_simulation(done).partition("\n")[0]
    assert simulation_document(done)["givenUp"]["stepsLeft"] == 1


@pytest.mark.parametrize("value", [[1], 3, "x", {"template": [1]}, {"selector": 3}, {"template": {"spec": [3]}}])
def test_a_patch_of_a_wrong_type_is_refused_by_every_kind_with_fields_that_stay(value: object, tmp_path: Path) -> None:
    names = ("web", "sts/db", "ds/agent", "svc/web")
    patches = [f"- {{at: 1s, patch: {{name: {name}, type: merge, patch: {{spec: {value!r}}}}}}}" for name in names]
    told_of = [each.message for each in play("\n".join(patches), tmp_path, "2s").not_well if each.kind == "Step"]
    assert all(" is refused: " in each for each in told_of)
    assert len(told_of) >= 3


def test_the_slice_about_an_autoscaler_has_what_it_scales_and_that_about_a_config_map_its_steps(tmp_path: Path) -> None:
    text = "- {at: 1s, delete: {name: cm/settings}}\n- {at: 2s, scale: {name: web, replicas: 2}}\n"
    about = {
        kind: [entry.type for entry in entries_told(play(text, tmp_path, "3s", about=kind))]
        for kind in ("hpa/web", "configmap/settings")
    }
    assert "Scale" in about["hpa/web"]
    assert "Delete" not in about["hpa/web"]
    assert about["configmap/settings"] == ["Delete"]
