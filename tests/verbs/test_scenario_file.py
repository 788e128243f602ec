"""Scenario files: what they can say, and every fault at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.apiserver.reading import load
from kubelogic.cluster import Cluster
from kubelogic.reconcile.scenario import (
    Apply,
    Behave,
    Cordon,
    Delete,
    Drain,
    Event,
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
from kubelogic.reconcile.troubles import ExitContainers, FailProbe, GiveCondition, HealProbe, Target
from kubelogic.text.location import InputError
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
        (
            "horizon: soon\nsteps: []\n",
            "s.yaml:1:10: horizon: must be seconds or a duration such as 1m30s, is 'soon' [KL110]",
        ),
        (
            "steps:\n- at: 5\n  fial: n1\n",
            "s.yaml:3:3: steps[0].fial: unknown operation; did you mean fail? [KL112]",
        ),
        (
            "steps:\n- {at: 1, label: n1}\n",
            "s.yaml:2:11: steps[0].label: unknown operation; did you mean patch? [KL112]",
        ),
        (
            "steps:\n- {at: 1, create: a}\n",
            "s.yaml:2:11: steps[0].create: unknown operation; did you mean apply? [KL112]",
        ),
        (
            "steps:\n- {at: 1, delete: {kind: Pods, name: a}}\n",
            "s.yaml:2:26: steps[0].delete.kind: must be a kind such as Deployment, is 'Pods'; did you mean Pod? "
            "[KL121]",
        ),
        (
            "steps:\n- at: 1\n  fail: n1\n  heal: n2\n",
            "s.yaml:2:3: steps[0]: a step does one thing, this one fail and heal [KL142]",
        ),
        (
            "steps:\n- {at: 1, delete: no/oak}\n",
            "s.yaml:2:19: steps[0].delete: must be a mapping, such as {kind: Node, name: oak} [KL110]",
        ),
        (
            "steps:\n- {at: 1, delete: web-1}\n",
            "s.yaml:2:19: steps[0].delete: must be a mapping, such as {kind: Pod, name: web-1} [KL110]",
        ),
        (
            "steps:\n- {at: 1, scale: sts/db}\n",
            "s.yaml:2:18: steps[0].scale: must be a mapping, such as {kind: StatefulSet, name: db, replicas: 4} "
            "[KL110]",
        ),
        (
            "steps:\n- {at: 1, evict: deploy/web}\n",
            "s.yaml:2:18: steps[0].evict: must be a mapping, such as {of: deploy/web} [KL110]",
        ),
        (
            "steps:\n- {at: 1, delete: [a]}\n",
            "s.yaml:2:19: steps[0].delete: must be a mapping, such as {of: web} [KL110]",
        ),
        (
            "steps:\n- {at: 1, delete: {node: oak}}\n",
            "s.yaml:2:19: steps[0].delete: kind is needed: {kind: Node, name: oak} is the node; pods on it take of or "
            "selector besides [KL120]",
        ),
        (
            "steps:\n- {at: 1, delete: {kind: pod, name: a}}\n",
            "s.yaml:2:26: steps[0].delete.kind: must be a kind such as Deployment, is 'pod'; did you mean Pod? [KL121]",
        ),
        ("steps:\n- fail: n1\n", "s.yaml:2:3: steps[0]: at is needed: when the step happens [KL120]"),
        (
            "steps:\n- at: now\n  fail: n1\n",
            "s.yaml:2:7: steps[0].at: must be seconds, a duration such as 1m30s or a moment such as "
            "2026-11-02T08:00Z, is 'now' [KL110]",
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
            "steps:\n- at: 1\n  metric: {name: web, each: -250m}\n",
            "s.yaml:3:29: steps[0].metric.each: must be at least 0, is '-250m' [KL110]",
        ),
        (
            "steps:\n- at: 1\n  shutdown: {node: n1}\n",
            "s.yaml:3:13: steps[0].shutdown: needs one of grace and byPriority, has none [KL142]",
        ),
        (
            "steps:\n- at: 1\n  shutdown: {node: n1, grace: 5s, criticalGrace: 6s}\n",
            "s.yaml:3:50: steps[0].shutdown.criticalGrace: is a part of grace, and cannot be longer [KL142]",
        ),
        (
            "steps:\n- at: 1\n  shutdown: {node: n1, grace: 0}\n",
            "s.yaml:3:31: steps[0].shutdown.grace: leaves no pod any time: that is machine with state stopped [KL142]",
        ),
        (
            "steps:\n- at: 1\n  shutdown: {node: n1, byPriority: {low: 5s}}\n",
            "s.yaml:3:37: steps[0].shutdown.byPriority.low: must be a priority, is 'low' [KL110]",
        ),
        (
            "steps:\n- at: 1\n  shutdown: {node: n1, byPriority: {0: soon}}\n",
            "s.yaml:3:40: steps[0].shutdown.byPriority.0: must be seconds or a duration such as 1m30s, "
            "is 'soon' [KL110]",
        ),
        (
            "steps:\n- at: 1\n  machine: {node: n1}\n",
            "s.yaml:3:12: steps[0].machine: needs state or inZone [KL142]",
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


def test_what_is_wrong_around_the_steps_is_named_with_all_else(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("horizon: soon\nfoo: 1\nsteps:\n- {at: 1, fial: n1}\n", encoding="utf-8")
    (tmp_path / "t.yaml").write_text("bar: 1\nsteps: {}\n", encoding="utf-8")
    for name, places in (("s.yaml", ["horizon", "foo", "steps[0].fial"]), ("t.yaml", ["bar", "steps"])):
        with pytest.raises(InputError) as caught:
            read_scenario(str(tmp_path / name))
        assert [each.location.path for each in caught.value.faults if each.location] == places


PROBES = """
steps:
- {at: 1, fail: {probe: liveness, name: web, status: 503}}
- {at: 2, fail: {probe: readiness, kind: StatefulSet, name: db, namespace: data, container: db, refused: true}}
- {at: 3, fail: {probe: startup, selector: {tier: a, app: web}, exitCode: 2}}
- {at: 4, fail: {probe: liveness, image: "web:2", timeout: true}}
- {at: 5, fail: {probe: liveness, kind: Pod, name: p}}
- {at: 6, heal: {probe: liveness, name: web}}
- {at: 7, exit: {name: web, container: app, code: 3}}
- {at: 8, condition: {selector: {app: web}, type: example.com/lb}}
- {at: 9, condition: {kind: Job, name: j, type: example.com/lb, status: false}}
"""


def test_steps_about_containers_can_mean_them_in_several_ways(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(PROBES, encoding="utf-8")
    web = Target(kind="Deployment", key="shop/web")
    db = Target(kind="StatefulSet", key="data/db", container="db")
    labels = Target(labels=(("app", "web"), ("tier", "a")), namespace="shop")
    assert [event.operation for event in read_scenario(str(tmp_path / "s.yaml"), namespace="shop").events] == [
        FailProbe(target=web, probe="liveness", answer="status", number=503),
        FailProbe(target=db, probe="readiness", answer="refused"),
        FailProbe(target=labels, probe="startup", answer="exit code", number=2),
        FailProbe(target=Target(image="web:2"), probe="liveness", answer="timeout"),
        FailProbe(target=Target(kind="Pod", key="shop/p"), probe="liveness"),
        HealProbe(target=web, probe="liveness"),
        ExitContainers(target=Target(kind="Deployment", key="shop/web", container="app"), code=3),
        GiveCondition(
            target=Target(labels=(("app", "web"),), namespace="shop"), condition="example.com/lb", status="True"
        ),
        GiveCondition(target=Target(kind="Job", key="shop/j"), condition="example.com/lb", status="False"),
    ]


MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: app, image: "web:1", livenessProbe: {httpGet: {port: 80}}, readinessProbe: {exec: {command: [ok]}}}
      - {name: log, image: "log:1"}
"""


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (
            "fail: {probe: liveness, name: wep}",
            "s.yaml:3:33: steps[0].fail.name: there is no Deployment default/wep [KL128]",
        ),
        (
            "fail: {probe: startup, name: web}",
            "s.yaml:3:17: steps[0].fail.probe: none of the containers app, log has a startup probe [KL128]",
        ),
        (
            "fail: {probe: liveness, name: web, container: log}",
            "s.yaml:3:17: steps[0].fail.probe: container log has no liveness probe [KL128]",
        ),
        (
            "heal: {probe: liveness, name: web, container: lok}",
            "s.yaml:3:49: steps[0].heal.container: there is no container lok; there are app, log [KL128]",
        ),
        (
            "fail: {probe: readiness, name: web, status: 500}",
            "s.yaml:3:39: steps[0].fail.status: the readiness probe asks by a command [KL128]",
        ),
        (
            "fail: {probe: liveness, image: 'web:2'}",
            "s.yaml:3:34: steps[0].fail.image: no container has the image web:2 [KL128]",
        ),
        (
            "exit: {selector: {app: shop}, code: 1}",
            "s.yaml:3:20: steps[0].exit.selector: there are no pods of default with app=shop [KL128]",
        ),
        (
            "condition: {name: web, type: example.com/lb}",
            "s.yaml:3:32: steps[0].condition.type: Deployment default/web has no readiness gate example.com/lb [KL128]",
        ),
        (
            "fail: {probe: live, name: web}",
            "s.yaml:3:17: steps[0].fail.probe: must be one of liveness, readiness, startup, is 'live' [KL121]",
        ),
        (
            "fail: {probe: liveness, name: web, status: 500, timeout: true}",
            "s.yaml:3:9: steps[0].fail: a probe has one answer, this one status and timeout [KL142]",
        ),
        (
            "fail: {probe: liveness, name: web, status: 42}",
            "s.yaml:3:46: steps[0].fail.status: must be an HTTP status from 100 to 599, is 42 [KL110]",
        ),
        (
            "fail: {probe: liveness, name: web, image: 'web:1'}",
            "s.yaml:3:9: steps[0].fail: needs one of name, of, selector and image, has name and image [KL142]",
        ),
        (
            "fail: {probe: liveness, selector: web}",
            "s.yaml:3:37: steps[0].fail.selector: must be labels such as {app: web}, is 'web' [KL110]",
        ),
        (
            "fail: 3",
            "s.yaml:3:9: steps[0].fail: must be the name of a node, a list of names, or labels such as "
            "zone=a, is 3 [KL110]",
        ),
        (
            "restart: {name: sts/web}",
            "s.yaml:3:19: steps[0].restart.name: there is no StatefulSet web; "
            "there is a Deployment of this name [KL128]",
        ),
        (
            "exit: {name: web, code: 256}",
            "s.yaml:3:27: steps[0].exit.code: must be at most 255, is 256 [KL122]",
        ),
    ],
)
def test_a_step_that_means_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("web.yaml").write_text(MANIFEST, encoding="utf-8")
    Path("s.yaml").write_text(f"steps:\n- at: 1\n  {step}\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_scenario("s.yaml", cluster=Cluster.of(load(["web.yaml"]).objects))
    assert str(caught.value) == message


def test_an_image_that_comes_later_has_the_probes_of_its_container(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(MANIFEST, encoding="utf-8")
    steps = (
        "steps:\n"
        "- {at: 1, fail: {probe: liveness, image: 'web:2'}}\n"
        "- {at: 2, setImage: {name: web, container: app, image: 'web:2'}}\n"
    )
    (tmp_path / "s.yaml").write_text(steps, encoding="utf-8")
    cluster = Cluster.of(load([str(tmp_path / "web.yaml")]).objects)
    assert len(read_scenario(str(tmp_path / "s.yaml"), cluster=cluster).events) == 2


def test_the_steps_alone_are_a_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.json").write_text('[{"at": "1m", "fail": "n1"}]', encoding="utf-8")
    scenario = read_scenario("s.json")
    assert [event.at for event in scenario.events] == [60_000]
    assert scenario.horizon is None
    Path("s.json").write_text('[{"at": "1m", "fial": "n1"}]', encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_scenario("s.json")
    assert [fault.location.column for fault in caught.value.faults] == [15]


NODES = "\n---\n".join(
    f"{{apiVersion: v1, kind: Node, metadata: {{name: {name}, labels: {{topology.kubernetes.io/zone: {zone}}}}}, "
    "status: {allocatable: {cpu: '4', memory: 8Gi, pods: '10'}, "
    f"conditions: [{{type: Ready, status: '{ready}', lastTransitionTime: '2026-11-01T00:00:00Z'}}]}}}}"
    for name, zone, ready in (("n1", "a", "True"), ("n2", "a", "True"), ("n3", "b", "Unknown"))
)


@pytest.mark.parametrize(
    ("steps", "refused"),
    [
        ("- {at: 1, heal: n1}", "s.yaml:1:17: [0].heal: node n1 is heard of: nothing makes it silent before [KL142]"),
        ("- {at: 2, fail: n1}\n- {at: 1, heal: n1}", "node n1 is heard of"),
        ("- {at: 1, fail: n2}\n- {at: 2, heal: [n1, n2]}", ""),
        ("- {at: 1, fail: n3}\n- {at: 2, heal: zone=a}", "all of nodes with zone=a are heard of"),
        ("- {at: 1, fail: zone=a}\n- {at: 2, heal: n2}", ""),
        ("- {at: 1, fail: zone=b}\n- {at: 2, heal: n2}", "node n2 is heard of"),
        ("- {at: 1, cordon: zone=a}\n- {at: 2, heal: n2}", "node n2 is heard of"),
        ("- {at: 1, heal: n3}", ""),
        ("- {at: 1, for: 5, fail: n1}\n- {at: 3, heal: n1}", ""),
        ("- {at: 1, reboot: n1}\n- {at: 3, heal: n1}", ""),
        ("- {at: 1, machine: {node: n1, state: stopped}}\n- {at: 3, heal: n1}", ""),
        ("- {at: 1, machine: {node: n1, state: running}}\n- {at: 3, heal: n1}", "node n1 is heard of"),
    ],
)
def test_what_nothing_did_cannot_be_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: str, refused: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nodes.yaml").write_text(NODES, encoding="utf-8")
    Path("s.yaml").write_text(steps, encoding="utf-8")
    cluster = Cluster.of(load(["nodes.yaml"]).objects)
    try:
        read_scenario("s.yaml", cluster=cluster)
        said = ""
    except InputError as error:
        said = str(error)
    assert refused in said
    assert bool(refused) == bool(said)


def test_a_node_that_the_command_line_fails_can_be_healed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nodes.yaml").write_text(NODES, encoding="utf-8")
    Path("s.yaml").write_text("- {at: 2, heal: n1}", encoding="utf-8")
    cluster = Cluster.of(load(["nodes.yaml"]).objects)
    besides = [Event(at=1000, operation=FailNode(node="n1"))]
    assert len(read_scenario("s.yaml", cluster=cluster, besides=besides).events) == 1
