"""Pods that wait for what no choice of nodes can give: what is said, where it stands, what helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.api import explain, load, plan
from kubelogic.cluster import Cluster
from kubelogic.explain.repairs import Patch
from kubelogic.verbs.explain import Explanation
from tests.explain import small

NODES = """\
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {kubernetes.io/hostname: n1}}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "20"}, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2, labels: {kubernetes.io/hostname: n2}}
spec: {unschedulable: true}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "20"}, conditions: [{type: Ready, status: "True"}]}
---
"""


def pod(name: str, spec: str) -> str:
    head = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n"
    return f"{head}spec: {{containers: [{{name: c, image: i}}], {spec}}}\n---\n"


@pytest.fixture
def cluster(tmp_path: Path, request: pytest.FixtureRequest) -> Cluster:
    path = tmp_path / "all.yaml"
    path.write_text(NODES + request.param)
    return load([str(path)])


def said(found: Explanation) -> list[tuple[str, int]]:
    return [(member.text, member.location.line if member.location else 0) for member in found.waits_for]


def summaries(found: Explanation) -> list[str]:
    return [repair.summary for repair in found.repairs]


@pytest.mark.parametrize("cluster", [pod("p", "schedulingGates: [{name: a/b}, {name: c/d}]")], indirect=True)
def test_gates(cluster: Cluster) -> None:
    found = explain(cluster, "default/p")
    assert found.verdict == "waiting"
    assert said(found) == [("the gate a/b holds default/p back", 15), ("the gate c/d holds default/p back", 15)]
    assert summaries(found) == ["remove the scheduling gates a/b, c/d"]


@pytest.mark.parametrize("cluster", [pod("p", "schedulerName: mine")], indirect=True)
def test_another_scheduler(cluster: Cluster) -> None:
    found = explain(cluster, "default/p")
    assert (found.verdict, found.message) == ("waiting", "")
    assert said(found) == [("default/p waits for the scheduler mine", 15)]
    assert summaries(found) == ["leave it to the default scheduler"]


CLAIMED = "volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]"
CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteMany], resources: {requests: {storage: 5Gi}}, storageClassName: manual}
---
"""
CLASS = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast}
provisioner: example.com/disk
---
"""


@pytest.mark.parametrize("cluster", [pod("p", CLAIMED), pod("p", CLAIMED) + CLASS], indirect=True)
def test_a_claim_that_does_not_exist(cluster: Cluster) -> None:
    found = explain(cluster, "default/p")
    assert said(found) == [("default/p uses the claim default/data, which does not exist", 15)]
    how = "of the class fast" if cluster.objects("StorageClass") else "and a volume for it"
    assert summaries(found) == [f"create the claim default/data (1Gi {how})"]


@pytest.mark.parametrize("cluster", [CLAIM + pod("p", CLAIMED)], indirect=True)
def test_a_claim_without_a_volume(cluster: Cluster) -> None:
    found = explain(cluster, "default/p")
    assert [(text.split(" ")[0], line) for text, line in said(found)] == [("default/data", 15)]
    assert summaries(found) == ["create a volume of 5Gi for the claim default/data"]


PORT = "hostNetwork: false, nodeSelector: {}"


def ported(name: str) -> str:
    ports = "ports: [{containerPort: 80, hostPort: 80}, {containerPort: 81, hostPort: 81}]"
    return pod(name, PORT).replace("image: i", f"image: i, {ports}")


@pytest.mark.parametrize("cluster", [ported("a") + ported("b")], indirect=True)
def test_a_port_of_the_node_that_another_pod_has(cluster: Cluster) -> None:
    (waiting,) = (each.pod for each in plan(cluster).pending)
    found = explain(cluster, waiting)
    assert found.verdict == "waiting", "the cordoned node has that port free"
    assert said(found) == [("n2 is cordoned: until the node is uncordoned", 9)]
    assert summaries(found)[0] == "uncordon n2", "the taint that a cordoned node gets goes with it"
    assert not any("unschedulable" in summary for summary in summaries(found))
    details = [blocker.detail for blocker in found.blockers if blocker.predicate == "rejects_port"]
    assert all(detail.endswith(f"which {waiting} needs") for detail in details), "not the name of its twin"


def test_two_tolerations_are_one_patch_after_another(tmp_path: Path) -> None:
    """Where a pair of edits is needed, both are made to what the one before left."""
    path = tmp_path / "all.yaml"
    taints = "[{key: gpu, effect: NoSchedule}, {key: team, value: a, effect: NoExecute}]"
    nodes = NODES.replace("spec: {unschedulable: true}", f"spec: {{taints: {taints}}}").replace(
        "metadata: {name: n1, labels: {kubernetes.io/hostname: n1}}\n",
        "metadata: {name: n1}\nspec: {taints: [{key: x, effect: NoSchedule}]}\n",
    )
    path.write_text(nodes + pod("p", "nodeSelector: {kubernetes.io/hostname: n2}"))
    found = explain(load([str(path)]), "default/p")
    assert "gpu:NoSchedule" in summaries(found)[0]
    assert "team=a:NoExecute" in summaries(found)[0]
    first, second = (change for change in found.repairs[0].changes if isinstance(change, Patch))
    assert first.operations[0]["path"] == "/spec/tolerations/-" or first.operations[0]["path"] == "/spec/tolerations"
    assert second.operations[0]["path"] == "/spec/tolerations/-"


@pytest.mark.parametrize("cluster", [pod("p", "nodeName: n9")], indirect=True)
def test_a_pod_of_a_node_that_does_not_exist_is_gone_with_a_reason(cluster: Cluster) -> None:
    (gone,) = plan(cluster).gone
    assert (gone.pod, gone.node, gone.reason) == ("default/p", "n9", "PodGC: node no longer exists")


@pytest.mark.parametrize("cluster", [pod("p", "nodeName: n9")], indirect=True)
def test_nobody_starts_a_pod_of_a_node_that_does_not_exist(cluster: Cluster) -> None:
    assert "StartContainer" not in {each.action.type for each in plan(cluster).actions}


@pytest.mark.parametrize(
    ("claim", "told"),
    [
        (
            {"resourceClaimTemplateName": "ones"},
            'pod "default/p": ResourceClaim not created yet; no ResourceClaimTemplate default/ones is in the input '
            "(did you mean one?)",
        ),
        ({"resourceClaimTemplateName": "x"}, "not created yet; no ResourceClaimTemplate default/x is in the input"),
        ({"resourceClaimName": "mine"}, 'could not find ResourceClaim "default/mine"'),
    ],
)
def test_a_claim_on_devices_that_nobody_makes(claim: dict[str, str], told: str) -> None:
    template = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": "one"},
        "spec": {"spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "gpu"}}]}}},
    }
    asks = small.pod("p", small.spec(resourceClaims=[{"name": "c", **claim}]))
    cluster = load([small.node("n1"), template, asks])
    found = explain(cluster, "default/p")
    (member,) = found.waits_for
    assert found.verdict == "waiting"
    assert member.text.startswith("default/p waits for a claim on devices: ")
    assert member.text.endswith(told)
    assert found.message == told.partition(";")[0] or found.message.endswith("not created yet")
    (pending,) = plan(cluster).pending
    assert (pending.verdict, pending.message) == (found.verdict, found.message)


@pytest.mark.parametrize("volumes", [[], [small.volume("other")]], ids=["no volume is printed", "another is"])
def test_a_lost_claim_is_lost_whatever_was_printed(volumes: list[small.Document]) -> None:
    """Its cluster has looked for the volume: it was taken to be there where no volume at all was printed."""
    lost = {**small.claim("data", bound="d1"), "status": {"phase": "Lost"}}
    given = small.pod("p", small.spec("1", volumes=small.uses("data")), uid="uid-p")
    found = explain(load([small.node("n1"), *volumes, lost, given]), "default/p")
    assert found.verdict == "waiting"
    assert found.message.startswith('0/1 nodes are available: persistentvolumeclaim "data" bound to non-existent')
    assert not any("PersistentVolume d1" in each.message for each in found.lacking.notices)


def test_without_nodes_the_line_is_that_of_the_dump() -> None:
    """That there is no node is said of the input, not of the cluster, whose scheduler has seen some."""
    told = "0/2 nodes are available: 2 Insufficient cpu."
    given = small.pod("p", small.spec("1"), uid="uid-p")
    given["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": told}],
    }
    assert explain(load([given]), "default/p").message == told


def test_who_has_a_claim_for_one_pod_is_told_with_its_node() -> None:
    """The claim bars all nodes, and the pod that has it is on one."""
    modes = ["ReadWriteOncePod"]
    there = [small.claim("data", bound="d1", modes=modes), small.volume("d1", claim="data", modes=modes)]
    pods = [
        small.pod(name, small.spec("1", volumes=small.uses("data")), on=on) for name, on in (("a", "n1"), ("b", ""))
    ]
    found = explain(load([small.node("n1"), small.node("n2"), *there, *pods]), "default/b")
    assert {each.gist for each in found.blockers} == {
        "default/data is for a single pod, and default/a on n1 uses it already"
    }


def test_a_node_that_a_volume_names_and_nobody_has_is_told() -> None:
    local = small.volume("d1", claim="data")
    term = {"matchExpressions": [{"key": small.HOST, "operator": "In", "values": ["ash"]}]}
    local["spec"]["nodeAffinity"] = {"required": {"nodeSelectorTerms": [term]}}
    given = small.pod("p", small.spec("1", volumes=small.uses("data")))
    found = explain(load([small.node("n1"), local, small.claim("data", bound="d1"), given]), "default/p")
    assert {each.detail for each in found.blockers} == {
        "there is no node ash in the input, and d1 of default/data cannot be used on n1"
    }


@pytest.mark.parametrize("status", [{}, {"conditions": small.READY}], ids=["no status", "conditions only"])
def test_a_node_that_tells_no_amounts_may_yet_have_room(status: small.Document) -> None:
    """It was "never": a kubelet tells its amounts when it comes, and what was left out of the input is not nothing."""
    cluster = load([{**small.node("n1"), "status": status}, small.pod("p", small.spec("1"))])
    found = explain(cluster, "default/p")
    assert [each.verdict for each in plan(cluster).pending] == [found.verdict] == ["waiting"]
    (text,) = [member.text for member in found.waits_for]
    assert text.startswith("n1 tells nothing of what it holds: until its kubelet tells")


def test_a_node_that_tells_of_nothing_has_nothing() -> None:
    none = {"cpu": "0", "memory": "0", "pods": "110"}
    empty = {**small.node("n1"), "status": {"allocatable": none, "capacity": none, "conditions": small.READY}}
    assert explain(load([empty, small.pod("p", small.spec("1"))]), "default/p").verdict == "never"
