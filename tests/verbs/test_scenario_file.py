"""Scenario files: what they can say, and every fault at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.manifests.location import InputError
from kubelogic.reconcile.scenario import (
    Apply,
    Behave,
    Cordon,
    Delete,
    Drain,
    Evict,
    FailNode,
    Measure,
    Patch,
    Pause,
    Scale,
    SetImage,
    Taint,
    TellPod,
    Undo,
)
from kubelogic.verbs.scenario_file import read_scenario

EVERYTHING = """
horizon: 1h
steps:
- {at: 1m30s, fail: n1}
- {at: 2m, uncordon: n1}
- {at: 0, drain: n2}
- {at: 3, scale: {name: web, replicas: 5}}
- {at: 4, setImage: {kind: DaemonSet, name: agent, namespace: kube-system, image: "agent:2"}}
- {at: 5, undo: {name: web, revision: 2}}
- {at: 6, pause: {name: web}}
- {at: 7, delete: {kind: Node, name: n3}}
- {at: 8, evict: {name: web-1}}
- {at: 9, taint: {node: n1, key: gpu, value: "yes", effect: NoExecute}}
- {at: 10, image: {name: "web:2", pull: false, exitAfter: 2s, exitCode: 3}}
- {at: 11, pod: {name: web-1, ready: false}}
- {at: 12, patch: {kind: Service, name: web, patch: {spec: {type: NodePort}}}}
- {at: 12.5, metric: {name: web, each: 250m}}
- {at: 13, apply: more.yaml}
"""

MORE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: extra}
"""


def test_every_operation_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text(MORE, encoding="utf-8")
    (tmp_path / "s.yaml").write_text(EVERYTHING, encoding="utf-8")
    scenario = read_scenario(str(tmp_path / "s.yaml"), namespace="shop")
    assert scenario.horizon == 3_600_000
    found = [(event.at, event.operation) for event in scenario.events]
    applied = found.pop(-3)
    assert isinstance(applied[1], Apply)
    assert [str(obj) for obj in applied[1].objects] == ["ConfigMap shop/extra"]
    assert found == [
        (0, Drain(node="n2")),
        (3000, Scale(kind="Deployment", key="shop/web", replicas=5)),
        (4000, SetImage(kind="DaemonSet", key="kube-system/agent", image="agent:2")),
        (5000, Undo(key="shop/web", revision=2)),
        (6000, Pause(key="shop/web", paused=True)),
        (7000, Delete(kind="Node", key="n3")),
        (8000, Evict(key="shop/web-1")),
        (9000, Taint(node="n1", taint="gpu", value="yes", effect="NoExecute")),
        (10000, Behave(image="web:2", pull=False, exit_after=2000, exit_code=3)),
        (11000, TellPod(key="shop/web-1", ready=False)),
        (12000, Patch(kind="Service", key="shop/web", patch={"spec": {"type": "NodePort"}})),
        (12500, Measure(kind="Deployment", key="shop/web", metric="cpu", each=250)),
        (90000, FailNode(node="n1")),
        (120000, Cordon(node="n1", unschedulable=False)),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: 3\n", "s.yaml:1:8: steps: must be a list of steps [KL120]"),
        ("stepz: []\n", "s.yaml:1:1: stepz: unknown field; there are horizon and steps [KL112]"),
        ("horizon: soon\nsteps: []\n", "s.yaml:1:10: horizon: must be seconds or a duration such as 10m [KL110]"),
        (
            "steps:\n- at: 5\n  fial: n1\n",
            "s.yaml:3:3: steps[0].fial: unknown operation; did you mean fail? [KL112]",
        ),
        (
            "steps:\n- at: 1\n  fail: n1\n  heal: n2\n",
            "s.yaml:2:3: steps[0]: a step does one thing, this one fail and heal [KL142]",
        ),
        ("steps:\n- fail: n1\n", "s.yaml:2:3: steps[0]: at is needed: when the step happens [KL120]"),
        (
            "steps:\n- at: now\n  fail: n1\n",
            "s.yaml:2:7: steps[0].at: must be seconds or a duration such as 1m30s, is 'now' [KL110]",
        ),
        (
            "steps:\n- at: 1\n  scale: {name: web, replicas: -2}\n",
            "s.yaml:3:32: steps[0].scale.replicas: must be a whole number of at least 0, is -2 [KL110]",
        ),
        (
            "steps:\n- at: 1\n  metric: {name: web, total: lots}\n",
            "s.yaml:3:30: steps[0].metric.total: must be a quantity such as 250m, is 'lots' [KL110]",
        ),
        (
            "steps:\n- at: 1\n  metric: {name: web}\n",
            "s.yaml:3:11: steps[0].metric: needs one of each and total [KL110]",
        ),
        (
            "steps:\n- at: 1\n  taint: {node: n1, key: k, effect: NoRun}\n",
            "s.yaml:3:37: steps[0].taint.effect: must be one of NoSchedule, PreferNoSchedule, NoExecute, "
            "is 'NoRun' [KL121]",
        ),
    ],
)
def test_a_fault_is_named_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_scenario("s.yaml")
    assert str(caught.value) == message


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    text = "steps:\n- at: 1\n  fial: n1\n- at: 2\n- fail: n2\n"
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_scenario(str(tmp_path / "s.yaml"))
    assert len(caught.value.faults) == 3
