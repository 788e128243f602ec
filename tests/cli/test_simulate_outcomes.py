"""Exit codes and reasons of ``kubelogic simulate``: drains, refused steps, patches, Jobs, the clock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from kubelogic.cli import main

NODES = """
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {kubernetes.io/hostname: n1}}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2, labels: {kubernetes.io/hostname: n2}}
status: {allocatable: {cpu: "3", memory: 8Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
"""


def workload(kind: str = "Deployment", spec: str = "replicas: 1", pod: str = "") -> str:
    return f"""
---
apiVersion: apps/v1
kind: {kind}
metadata: {{name: web}}
spec:
  {spec}
  selector: {{matchLabels: {{app: web, tier: x}}}}
  template:
    metadata: {{labels: {{app: web, tier: x}}}}
    spec:
      {pod}
      containers:
      - {{name: app, image: "web:1", resources: {{requests: {{cpu: 300m}}}}}}
      - {{name: side, image: "side:1", resources: {{requests: {{cpu: 500m}}}}}}
"""


def budget(name: str, selector: str, limit: str) -> str:
    return f"""
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: {name}}}
spec: {{{limit}, selector: {{matchLabels: {{{selector}}}}}}}
"""


BARE = """
---
apiVersion: v1
kind: Pod
metadata: {name: bare}
spec: {nodeName: n1, containers: [{name: app, image: "app:1"}]}
status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
"""
SOLO = NODES + workload() + budget("solo", "app: web", "minAvailable: 1")
PAIR = NODES + workload(spec="replicas: 2") + budget("a", "app: web", "maxUnavailable: 1")
CRON = (
    NODES
    + """
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: dump}
spec:
  schedule: "0 2 * * *"
  timeZone: Europe/London
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: app, image: "dump:1"}]}}}}
"""
)
FAILS = "- {at: 0, image: {name: 'dump:1', exitAfter: 2s, exitCode: %d}}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    cluster: str
    steps: str
    code: int
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


CASES = {
    "a drain that a budget blocks": Case(
        cluster=SOLO,
        steps="- {at: 1m, drain: n1}\n",
        code=1,
        says=("the drain of node n1 is not done", "PodDisruptionBudget default/solo", "needs 1 healthy pods and has 1"),
    ),
    "its tries are told once": Case(
        cluster=SOLO,
        steps="- {at: 1m, drain: n1}\n",
        arguments=("--horizon", "10m"),
        code=1,
        says=("after 109 tries",),
        never=("goes on with",),
    ),
    "it gets through when there is another pod": Case(
        cluster=SOLO,
        steps="- {at: 1m, drain: n1}\n- {at: 30m, scale: {name: web, replicas: 2}}\n",
        code=0,
        says=("the drain of node n1 goes on with default/web-", "Nothing more happens after 30m"),
    ),
    "a budget with room": Case(cluster=PAIR, steps="- {at: 1m, drain: n1}\n", code=0, never=("NOT WELL",)),
    "two budgets end the drain": Case(
        cluster=PAIR + budget("b", "tier: x", "maxUnavailable: 1"),
        steps="- {at: 1m, drain: n1}\n",
        code=1,
        says=("more than one PodDisruptionBudget", "after 1 try", "default/a, PodDisruptionBudget default/b"),
    ),
    "a bare pod is not evicted": Case(
        cluster=NODES + BARE,
        steps="- {at: 1m, drain: n1}\n",
        code=1,
        says=("cannot delete Pods that declare no controller (use --force to override): default/bare", "1 pod placed"),
    ),
    "unless it is forced": Case(
        cluster=NODES + BARE, steps="- {at: 1m, drain: {node: n1, force: true}}\n", code=0, says=("0 pods placed",)
    ),
    "nor is what has local storage": Case(
        cluster=NODES + workload(pod="volumes: [{name: tmp, emptyDir: {}}]"),
        steps="- {at: 1m, drain: n1}\n",
        code=1,
        says=("cannot delete Pods with local storage (use --delete-emptydir-data to override): default/web-",),
    ),
    "unless its data may go": Case(
        cluster=NODES + workload(pod="volumes: [{name: tmp, emptyDir: {}}]"),
        steps="- {at: 1m, drain: {node: n1, deleteEmptyDirData: true}}\n",
        code=0,
    ),
    "pods of DaemonSets stay": Case(
        cluster=NODES + workload("DaemonSet", "{}").replace("  {}\n", ""), steps="- {at: 1m, drain: n1}\n", code=0
    ),
    "unless they are not ignored": Case(
        cluster=NODES + workload("DaemonSet", "{}").replace("  {}\n", ""),
        steps="- {at: 1m, drain: {node: n1, ignoreDaemonSets: false}}\n",
        code=1,
        says=("DaemonSet-managed Pods (use --ignore-daemonsets to ignore)",),
    ),
    "a JSON patch": Case(
        cluster=NODES + workload(),
        steps="- {at: 1m, patch: {kind: Deployment, name: web, type: json, patch: "
        "[{op: replace, path: /spec/replicas, value: 3}]}}\n",
        code=0,
        says=("3 pods placed",),
    ),
    "a refusal has all its fields": Case(
        cluster=NODES + workload(),
        steps="- {at: 1m, patch: {kind: Deployment, name: web, patch: {spec: {replicas: -2, minReadySeconds: -5}}}}\n",
        code=1,
        says=(
            'Deployment.apps "web" is invalid: [spec.replicas: Invalid value: -2: must be greater than or equal to 0, ',
            "spec.minReadySeconds: Invalid value: -5: ",
            "the step at 1m, Patch of Deployment default/web, is refused",
        ),
    ),
    "a pod that is deleted by force": Case(
        cluster=NODES + workload("StatefulSet", "serviceName: web"),
        steps="- {at: 1m, fail: n1}\n- {at: 10m, delete: {kind: Pod, name: web-0, force: true}}\n",
        code=0,
        says=("pod default/web-0 is bound to n2",),
    ),
    "a pod that waits on a silent node": Case(
        cluster=NODES + workload("StatefulSet", "serviceName: web"),
        steps="- {at: 1m, fail: n1}\n",
        code=1,
        says=("Pod default/web-0 is still terminating: nothing is heard of node n1",),
    ),
    "a Job that fails": Case(
        cluster=CRON,
        steps=FAILS % 1,
        arguments=("--horizon", "4h"),
        code=1,
        says=("has failed: BackoffLimitExceeded",),
    ),
    "a run every night in its zone": Case(
        cluster=CRON,
        steps=FAILS % 0,
        code=0,
        says=("goes round every 24h", "2h0.1s  CronJob default/dump starts", "(2026-11-02T02:00:00Z)"),
    ),
    "in summer it is an hour earlier": Case(
        cluster=CRON,
        steps=FAILS % 0,
        arguments=("--start", "2026-07-01T00:00Z", "--horizon", "26h"),
        code=0,
        says=("1h0.1s  CronJob default/dump starts", "(2026-07-01T01:00:00Z)", "Wednesday, 2026-07-01"),
    ),
    "pods that keep an old template until they are deleted": Case(
        cluster=NODES + workload("DaemonSet", "updateStrategy: {type: OnDelete}"),
        steps="- {at: 1m, setImage: {kind: DaemonSet, name: web, container: app, image: 'web:2'}}\n",
        code=0,
        says=("DaemonSet default/web, OnDelete: 0 of 2 pods have the present template",),
    ),
    "pods below a partition": Case(
        cluster=NODES
        + workload(
            "StatefulSet",
            "replicas: 2\n  serviceName: web\n  updateStrategy: {rollingUpdate: {partition: 1}}",
        ),
        steps="- {at: 1m, setImage: {kind: StatefulSet, name: web, container: app, image: 'web:2'}}\n",
        code=0,
        says=("StatefulSet default/web, partition 1: 1 of 2 pods have the present template",),
    ),
    "one thing in several steps of a moment": Case(
        cluster=NODES + workload(spec="replicas: 0"),
        steps="[]\n",
        code=0,
        says=("the rollout of Deployment default/web is complete",),
        never=("2 rollouts",),
    ),
    "a Deployment that is paused": Case(
        cluster=NODES + workload(),
        steps="- {at: 1m, pause: {name: web}}\n- {at: 2m, setImage: {name: web, container: app, image: 'web:2'}}\n",
        code=1,
        says=(
            "Deployment default/web is paused; pods of its present template: 0 of 1",
            "rollout resume deployment/web",
        ),
    ),
    "runs that pile up end at a stated horizon": Case(
        cluster=CRON, steps="[]\n", code=0, says=("Looked ahead up to 168h, the default; --horizon changes it.",)
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_outcome(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    case = CASES[name]
    (tmp_path / "c.yaml").write_text(case.cluster, encoding="utf-8")
    (tmp_path / "s.yaml").write_text(case.steps, encoding="utf-8")
    arguments = [str(tmp_path / "c.yaml"), "--scenario", str(tmp_path / "s.yaml"), "--scheduler", "kube"]
    code = main(["simulate", *arguments, *case.arguments])
    out, err = capsys.readouterr()
    assert code == case.code, out + err
    assert [text for text in case.says if text not in out] == []
    assert [text for text in case.never if text in out] == []


REFUSED = {
    "drain: n9": "there is no Node n9",
    "drain: {node: n1, forse: true}": "unknown field; did you mean force?",
    "scale: {name: wed, replicas: 2}": "there is no Deployment wed; did you mean default/web?",
    "metric: {name: web, each: 90m}": "no autoscaler reads cpu of Deployment default/web",
    "delete: {kind: Deployment, name: web, grace: 0}": "only pods have a grace period, not a Deployment",
    "patch: {kind: Deployment, name: web, type: json, patch: {}}": "must be a list of operations",
}


def test_steps_that_mean_nothing_are_refused_all_at_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(NODES + workload(), encoding="utf-8")
    (tmp_path / "s.yaml").write_text("".join(f"- {{at: 1, {step}}}\n" for step in REFUSED), encoding="utf-8")
    assert main(["simulate", str(tmp_path / "c.yaml"), "--scenario", str(tmp_path / "s.yaml")]) == 2
    err = capsys.readouterr().err
    for line, message in enumerate(REFUSED.values(), 1):
        assert any(f"s.yaml:{line}:" in told and message in told for told in err.splitlines()), (message, err)
