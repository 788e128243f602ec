"""One pod has one verdict, in a plan and in its explanation, and the word is true."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from kubelogic.api import Options, explain, load, plan
from kubelogic.cli import main
from kubelogic.cluster import Cluster
from kubelogic.explain.company import company_words
from kubelogic.placement.placement import Placement, Unplaced
from kubelogic.placement.problem import Affinity, Node, Pod, Problem, Reach, Shape
from kubelogic.verbs.explain import Explanation


def node(name: str, *, cpu: int = 4, pods: int = 110, spec: str = "", labels: str = "", more: str = "") -> str:
    return (
        f"apiVersion: v1\nkind: Node\n"
        f"metadata: {{name: {name}, labels: {{kubernetes.io/hostname: {name}{labels}}}}}\nspec: {{{spec}}}\n"
        f'status: {{allocatable: {{cpu: "{cpu}", memory: 8Gi, pods: "{pods}"{more}}}, '
        f'conditions: [{{type: Ready, status: "True"}}]}}\n---\n'
    )


def tainted(name: str, key: str, *, value: str = "", effect: str = "NoSchedule", **more: Any) -> str:
    written = f', value: "{value}"' if value else ""
    return node(name, spec=f"taints: [{{key: {key}{written}, effect: {effect}}}]", **more)


def in_state(condition: str, status: str, text: str) -> str:
    """A node with another condition than that it is ready."""
    return text.replace('{type: Ready, status: "True"}', f'{{type: {condition}, status: "{status}"}}')


def pod(name: str, spec: str = "", *, cpu: str = "1", namespace: str = "default", labels: str = "") -> str:
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, labels: {{{labels}}}}}\n"
        f"spec: {{containers: [{{name: c, image: i, resources: {{requests: {{cpu: {cpu}}}}}}}]{spec}}}\n---\n"
    )


def near(app: str) -> str:
    term = f"{{labelSelector: {{matchLabels: {{app: {app}}}}}, topologyKey: kubernetes.io/hostname}}"
    return f", affinity: {{podAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: [{term}]}}}}"


CLAIM = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], storageClassName: attic, resources: {requests: {storage: 1Gi}}}
---
"""
LOCAL_CLASS = """\
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: attic}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
---
"""
CLAIMED = ", volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]"
FULL = node("full", cpu=1) + pod("there", ", nodeName: full")
UNINITIALIZED = "node.cloudprovider.kubernetes.io/uninitialized"


def replicas(name: str, *nodes: str, cpu: str = "0") -> str:
    """A ReplicaSet whose pods run already."""
    made = f"""\
apiVersion: apps/v1
kind: ReplicaSet
metadata: {{name: {name}, uid: {name}}}
spec:
  replicas: {len(nodes)}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: c, image: i, resources: {{requests: {{cpu: "{cpu}"}}}}}}]}}
---
"""
    for number, each in enumerate(nodes):
        made += f"""\
apiVersion: v1
kind: Pod
metadata:
  name: {name}-{number}
  uid: {name}-{number}
  labels: {{app: {name}}}
  ownerReferences:
  - {{apiVersion: apps/v1, kind: ReplicaSet, name: {name}, uid: {name}, controller: true, blockOwnerDeletion: true}}
spec: {{nodeName: {each}, containers: [{{name: c, image: i, resources: {{requests: {{cpu: "{cpu}"}}}}}}]}}
status: {{phase: Running, conditions: [{{type: Ready, status: "True"}}]}}
---
"""
    return made


def cluster(tmp_path: Path, text: str) -> Cluster:
    path = tmp_path / "all.yaml"
    path.write_text(text)
    return load([str(path)])


def judged(tmp_path: Path, text: str) -> Explanation:
    """The explanation of the pod p, whose verdict is that of the plan."""
    given = cluster(tmp_path, text)
    found = explain(given, "default/p")
    (planned,) = (each.verdict for each in plan(given).pending if each.pod == "default/p")
    assert planned == found.verdict
    return found


CASES = {
    # What stays: no node of the input, however empty and however long one waits.
    "too big for every node": (node("a") + node("b"), pod("p", cpu="9"), "never", ""),
    "a label that no node has": (node("a"), pod("p", ", nodeSelector: {disk: nvme}"), "never", ""),
    "a taint of a pool": (tainted("a", "pool", value="ml"), pod("p"), "never", ""),
    "too big, even for the node that comes back": (tainted("a", UNINITIALIZED), pod("p", cpu="9"), "never", ""),
    "a resource that no node has": (
        node("a"),
        pod("p").replace("cpu: 1", "cpu: 1, example.com/tpu: 2").replace("requests: {", "limits: {"),
        "never",
        "",
    ),
    # What people and controllers put on and take off.
    "a cordon": (node("a", spec="unschedulable: true"), pod("p"), "waiting", "a is cordoned"),
    "a cloud controller": (tainted("a", UNINITIALIZED, value="true"), pod("p"), "waiting", "a cloud controller"),
    "an agent": (tainted("a", "node.cilium.io/agent-not-ready"), pod("p"), "waiting", "network agent"),
    "an agent that evicts": (tainted("a", "x/y", effect="NoExecute"), pod("p"), "never", ""),
    "an autoscaler": (tainted("a", "ToBeDeletedByClusterAutoscaler"), pod("p"), "waiting", "autoscaler"),
    "Karpenter": (tainted("a", "karpenter.sh/disrupted"), pod("p"), "waiting", "Karpenter"),
    "a startup taint": (
        tainted("a", "startup-taint.cluster-autoscaler.kubernetes.io/gpu"),
        pod("p"),
        "waiting",
        "its agent takes it off",
    ),
    "disk pressure on one, full the other": (
        in_state("DiskPressure", "True", tainted("a", "node.kubernetes.io/disk-pressure")) + FULL,
        pod("p"),
        "waiting",
        "until the node has disk space again",
    ),
    "a device that comes with the node": (
        in_state("Ready", "False", tainted("a", "node.kubernetes.io/not-ready")),
        pod("p").replace("cpu: 1", "cpu: 1, nvidia.com/gpu: 1").replace("requests: {", "limits: {"),
        "waiting",
        "until the node is ready",
    ),
    "a cordoned node that would be full": (
        node("a", cpu=1, spec="unschedulable: true") + pod("there", ", nodeName: a"),
        pod("p"),
        "no-room",
        "",
    ),
    # Volumes and other pods.
    "a volume": (node("a") + LOCAL_CLASS + CLAIM, pod("p", CLAIMED), "waiting", "a volume of class attic"),
    "a claim": (node("a"), pod("p", CLAIMED), "waiting", "default/data, which does not exist"),
    "a volume, where the node is full": (FULL + LOCAL_CLASS + CLAIM, pod("p", CLAIMED), "waiting", "class attic"),
    "a claim, but too big": (node("a"), pod("p", CLAIMED, cpu="9"), "never", ""),
    "a pod to be with": (node("a"), pod("p", near("cache")), "waiting", "app=cache"),
    "a pod of another namespace": (
        node("a") + pod("cache", ", nodeName: a", namespace="data", labels="app: cache"),
        pod("p", near("cache")),
        "waiting",
        "data/cache matches the labels but not the namespace",
    ),
    "a gate": (node("a"), pod("p", ", schedulingGates: [{name: a/b}]"), "waiting", "the gate a/b"),
    "another scheduler": (node("a"), pod("p", ", schedulerName: mine"), "waiting", "the scheduler mine"),
    # Room.
    "other pods are there": (FULL, pod("p"), "no-room", ""),
    "a running pod may move": (
        node("a", cpu=4) + node("b", cpu=4) + replicas("web", "a", "b", cpu="2"),
        pod("p", cpu="3"),
        "movable",
        "",
    ),
    "there is too little in all": (
        node("a", cpu=4) + node("b", cpu=4) + replicas("web", "a", "b", "a", "b", cpu="2"),
        pod("p", cpu="3"),
        "no-room",
        "",
    ),
    # What is not known.
    "no node in the input": ("", pod("p"), "unknown", ""),
}


@pytest.mark.parametrize(("nodes", "asked", "verdict", "reason"), CASES.values(), ids=list(CASES))
def test_the_verdict(nodes: str, asked: str, verdict: str, reason: str, tmp_path: Path) -> None:
    found = judged(tmp_path, nodes + asked)
    assert found.verdict == verdict
    assert reason in "\n".join(member.text for member in found.waits_for)
    assert bool(found.waits_for) == (verdict == "waiting")


DAEMON_SET = """\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: ops, uid: d1}
spec:
  selector: {matchLabels: {app: agent}}
  template: {metadata: {labels: {app: agent}}, spec: {containers: [{name: app, image: "agent:1"}]}}
---
"""


@pytest.mark.parametrize(("room", "verdict"), [(3, "movable"), (2, "no-room")])
def test_a_pod_of_a_daemon_set(room: int, verdict: str, tmp_path: Path) -> None:
    text = node("oak", pods=2) + node("elm", pods=room) + DAEMON_SET + replicas("filler", "oak", "oak", "elm")
    given = cluster(tmp_path, text)
    (planned,) = plan(given).pending
    found = explain(given, planned.pod)
    assert planned.verdict == found.verdict == verdict


def test_a_company_names_its_own_passing_taints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "ours.dl").write_text("+ passing_taint('shop.example/warming-up', 'until the caches are warm')\n")
    path = tmp_path / "all.yaml"
    path.write_text(tainted("a", "shop.example/warming-up") + pod("p"))
    assert main(["explain", "default/p", str(path), "--rules", str(rules)]) == 1
    assert "a has the taint shop.example/warming-up:NoSchedule: until the caches are warm" in capsys.readouterr().out


GPU_CLASS = "apiVersion: resource.k8s.io/v1\nkind: DeviceClass\nmetadata: {name: gpu}\nspec: {%s}\n---\n"
WITH_DEVICES = ", resourceClaims: [{name: gpu, resourceClaimTemplateName: one}]"


IN_GROUP = ", schedulingGroup: {podGroupName: one}"


@pytest.mark.parametrize("verb", ["plan", "explain"])
def test_a_pod_waits_for_a_group_that_is_not_there(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(node("a") + pod("p", IN_GROUP))
    assert main([verb, *(["default/p"] if verb == "explain" else []), str(path)]) == 1
    assert 'waiting for pods\'s pod group "one" to appear in scheduling queue' in capsys.readouterr().out


def test_a_pod_that_runs_with_devices_is_where_it_is(tmp_path: Path) -> None:
    found = explain(cluster(tmp_path, node("a") + pod("p", WITH_DEVICES + ", nodeName: a")), "default/p")
    assert (found.verdict, found.node) == ("placed", "a")
    assert not found.notices


def test_a_pod_that_no_node_takes_is_refused_whatever_else_it_asks_for(tmp_path: Path) -> None:
    assert judged(tmp_path, node("a") + pod("p", WITH_DEVICES, cpu="9")).verdict == "never"


@pytest.mark.parametrize("resource", ["example.com/gpu", "deviceclass.resource.kubernetes.io/gpu"])
def test_a_resource_that_stands_for_devices_needs_devices(resource: str, tmp_path: Path) -> None:
    asked = pod("p").replace("cpu: 1", f"cpu: 1, {resource}: 1").replace("requests: {", "limits: {")
    found = judged(tmp_path, node("a") + GPU_CLASS % "extendedResourceName: example.com/gpu" + asked)
    assert found.verdict == "never"
    assert "1 cannot allocate all claims" in found.message


@pytest.mark.parametrize(
    ("scheduler", "friend", "verdict"),
    [("optimal", "", "placed"), ("kube", "", "no-room"), ("kube", ", priorityClassName: high, priority: 9", "placed")],
)
def test_kube_scheduler_evicts_nobody_where_company_would_have_to_stay(
    scheduler: Literal["optimal", "kube"], friend: str, verdict: str, tmp_path: Path
) -> None:
    """It tries a node without all pods of lower priority, and the company is one of them."""
    high = "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\nvalue: 9\n---\n"
    there = "".join(
        pod(name, f", nodeName: oak{more}", cpu=cpu, labels=f"app: {name}").replace(
            "namespace:", f"uid: {name}, namespace:"
        )
        for name, cpu, more in (("friend", "1", friend), ("other", "3", ""))
    )
    wants = pod("wants", f", priorityClassName: high{near('friend')}", cpu="2")
    given = cluster(tmp_path, node("oak") + node("elm") + high + there + wants)
    options = Options(scheduler=scheduler)
    planned, found = plan(given, options), explain(given, "default/wants", options)
    assert found.verdict == verdict
    assert [each.verdict for each in planned.pending] == ([verdict] if verdict != "placed" else [])
    said = "kube-scheduler, one pod at a time, would leave 1 of these pending." in planned.remarks
    assert said == (scheduler == "optimal")
    kept = "kube-scheduler evicts nobody for it on oak" in "".join(found.because)
    assert kept == (verdict == "no-room")


@pytest.mark.parametrize(("elsewhere", "kept"), [("elm", False), ("far", True)])
def test_company_in_the_domain_that_nobody_evicts_is_company(elsewhere: str, kept: bool) -> None:
    """Of a rule by zones, pods on other nodes of the zone stay, whatever goes from the node that is tried."""
    nodes = tuple(
        Node(name=name, node_class="c", allocatable={"cpu": 4}, topology={"zone": zone})
        for name, zone in (("oak", "a"), ("elm", "a"), ("far", "b"))
    )
    shapes = (Shape(name="big", priority=9, requests={"cpu": 2}), Shape(name="low", requests={"cpu": 3}))
    pods = (Pod(name="one", shape="low", node="oak"), Pod(name="two", shape="low", node=elsewhere))
    given = Problem(
        nodes=nodes,
        shapes=shapes,
        pods=(*pods, Pod(name="big", shape="big")),
        allowed=dict.fromkeys(("big", "low"), Reach(node_classes=frozenset({"c"}))),
        affinities=(Affinity(owner="big", key="zone", matches=frozenset({"low"})),),
    )
    waits = Placement(scheduler="optimal", unplaced=(Unplaced(pod="big", shape="big", verdict="waiting", node="oak"),))
    assert bool(company_words(given, waits, "big")) == kept
