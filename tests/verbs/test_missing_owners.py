"""Owners that were not printed: nothing goes for it, and the answer names them with what they own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubelogic.api import explain, explain_any, load, plan
from kubelogic.apiserver.reading import load as read
from kubelogic.cli import main
from kubelogic.verbs.about import WorkloadExplanation
from kubelogic.verbs.targets import UnknownPodError

Document = dict[str, Any]


def owned(api: str, kind: str, name: str, owner: tuple[str, str, str], **parts: Any) -> Document:
    """An object as a cluster printed it, with its owner."""
    reference = {"apiVersion": owner[0], "kind": owner[1], "name": owner[2], "uid": f"uid-{owner[2]}"}
    controlled = {**reference, "controller": True, "blockOwnerDeletion": True}
    about = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "ownerReferences": [controlled]}
    return {"apiVersion": api, "kind": kind, "metadata": about, **parts}


def template(**labels: str) -> Document:
    return {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}}


REPLICA_SET = {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template(a="b")}
JOB = {
    "suspend": True,
    "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "uid-night-1"}},
    "template": {
        **template(**{"batch.kubernetes.io/controller-uid": "uid-night-1"}),
        "spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a:1"}]},
    },
}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": ""}
DEPLOYMENT, ROLLOUT = ("apps/v1", "Deployment", "web"), ("argoproj.io/v1alpha1", "Rollout", "web")
SERVICE, SET = ("v1", "Service", "web"), ("apps/v1", "StatefulSet", "db")
SLICE = {"addressType": "IPv4", "endpoints": [], "ports": []}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            owned("apps/v1", "ReplicaSet", "web-1", DEPLOYMENT, spec=REPLICA_SET),
            "not in the input: Deployment shop/web, which owns ReplicaSet shop/web-1; taken to exist, but what it "
            "would make or change is not known; kubectl get deployments -A -o yaml brings it",
        ),
        (
            owned("batch/v1", "Job", "night-1", ("batch/v1", "CronJob", "night"), spec=JOB),
            "not in the input: CronJob shop/night, which owns Job shop/night-1; taken to exist, but what it would make "
            "or change is not known; kubectl get cronjobs -A -o yaml brings it",
        ),
        (
            owned("v1", "PersistentVolumeClaim", "data-db-0", SET, spec=CLAIM),
            "not in the input: StatefulSet shop/db, which owns PersistentVolumeClaim shop/data-db-0; taken to exist, "
            "but what it would make or change is not known; kubectl get statefulsets -A -o yaml brings it",
        ),
        (
            owned("discovery.k8s.io/v1", "EndpointSlice", "web-x", SERVICE, **SLICE),
            "not in the input: Service shop/web, which owns EndpointSlice shop/web-x; taken to exist, but what it "
            "would make or change is not known; kubectl get services -A -o yaml brings it",
        ),
        (
            owned("apps/v1", "ControllerRevision", "db-7", SET, revision=1, data={}),
            "not in the input: StatefulSet shop/db, which owns ControllerRevision shop/db-7; taken to exist, but what "
            "it would make or change is not known; kubectl get statefulsets -A -o yaml brings it",
        ),
        (
            owned("apps/v1", "ReplicaSet", "web-1", ROLLOUT, spec=REPLICA_SET),
            "not modelled: what operators make or change for Rollout shop/web, which owns ReplicaSet shop/web-1; it is "
            "taken to exist",
        ),
    ],
)
def test_an_owner_that_was_not_printed_is_named(document: Document, said: str) -> None:
    found = plan(load([document]))
    assert said in [each.message for each in found.notices if each.code == "KL195"]
    assert found.gone == ()


def test_several_are_one_notice() -> None:
    sets = [
        owned("apps/v1", "ReplicaSet", f"{name}-1", ("apps/v1", "Deployment", name), spec=REPLICA_SET)
        for name in ("a", "b", "c", "d")
    ]
    said = [each for each in plan(load(sets)).notices if each.code == "KL195"]
    assert [(each.count, each.message.partition("; taken")[0]) for each in said] == [
        (
            4,
            "not in the input: Deployment shop/a, shop/b, shop/c and 1 more, which own ReplicaSet shop/a-1, "
            "ReplicaSet shop/b-1, ReplicaSet shop/c-1 and 1 more",
        )
    ]


@pytest.mark.parametrize(
    "document",
    [
        owned("v1", "ConfigMap", "made", ("example.com/v1", "Recipe", "cake"), data={}),
        owned("v1", "Pod", "static", ("v1", "Node", "oak"), spec={"containers": [{"name": "a", "image": "a:1"}]}),
    ],
    ids=["what no pod hangs on", "a static pod"],
)
def test_owners_of_which_nothing_hangs_are_not_told(document: Document) -> None:
    said = [each.message for each in plan(load([document])).notices if each.code == "KL195"]
    assert [each for each in said if "which owns" in each] == []


def test_owners_that_are_there_and_those_of_manifests_are_not_told() -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "uid-web"},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template(a="b")},
    }
    printed = owned("apps/v1", "ReplicaSet", "web-1", DEPLOYMENT, spec=REPLICA_SET)
    written = owned("apps/v1", "ReplicaSet", "web-2", ("apps/v1", "Deployment", "other"), spec=REPLICA_SET)
    del written["metadata"]["uid"]
    assert [each for each in plan(load([deployment, printed, written])).notices if each.code == "KL195"] == []


def autoscaler(**about: Any) -> Document:
    target = {"type": "Utilization", "averageUtilization": 9}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "maxReplicas": 3,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    about = {"name": "web", "namespace": "shop", **about}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": about, "spec": spec}


def deployment(name: str, **about: Any) -> Document:
    spec = {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template(a="b")}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, **about}, "spec": spec}


def test_a_target_that_was_not_printed_is_told_and_no_trouble() -> None:
    found = plan(load([autoscaler(uid="u")]))
    assert found.troubles == ()
    assert [each.message for each in found.notices if each.code == "KL195"] == [
        "not in the input: Deployment shop/web, which HorizontalPodAutoscaler shop/web scales; to how many is not "
        "known; kubectl get deployments -A -o yaml brings it"
    ]


@pytest.mark.parametrize(
    "documents",
    [[autoscaler()], [autoscaler(uid="u"), deployment("other", namespace="shop", uid="o")]],
    ids=["of a manifest", "where the other Deployments were printed"],
)
def test_a_target_that_is_not_there_is_a_trouble(documents: list[Document]) -> None:
    assert [each.reason for each in plan(load(documents)).troubles] == ["FailedGetScale"]


def claimant(**about: Any) -> Document:
    volumes = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]
    spec = {"containers": [{"name": "a", "image": "a:1"}], "volumes": volumes}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop", **about}, "spec": spec}


NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "oak"},
    "status": {"allocatable": {"cpu": "4", "pods": "9"}, "conditions": [{"type": "Ready", "status": "True"}]},
}
OTHER_CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "other", "namespace": "shop", "uid": "c"},
    "spec": CLAIM,
}


def test_the_claim_of_a_waiting_pod_that_was_not_printed_may_be_there() -> None:
    found = explain(load([NODE, claimant(uid="p")]), "shop/p")
    assert found.lacking.remarks == (
        "Whether claim shop/data is bound, and which nodes can use its volume, is not known: PersistentVolumeClaims "
        "are not in the input.",
    )
    assert (found.verdict, found.node, found.blockers) == ("unknown", "oak", ())


@pytest.mark.parametrize(
    "documents", [[claimant()], [claimant(uid="p"), OTHER_CLAIM]], ids=["of a manifest", "others were printed"]
)
def test_the_claim_of_a_waiting_pod_that_is_not_there(documents: list[Document]) -> None:
    found = explain(load([NODE, *documents]), "shop/p")
    assert "which does not exist" in found.blockers[0].detail


def dumped(document: Document) -> bytes:
    return json.dumps(document).encode()


def test_without_nodes_nothing_is_repaired() -> None:
    found = explain(load([claimant(uid="p")]), "shop/p")
    assert (found.verdict, found.repairs) == ("unknown", ())


def test_a_static_pod_belongs_to_its_node() -> None:
    about = {"name": "s-oak", "namespace": "shop", "uid": "s", "annotations": {"kubernetes.io/config.mirror": "x"}}
    owner = {"apiVersion": "v1", "kind": "Node", "name": "oak", "uid": "oak", "controller": True}
    pod = {**claimant(), "metadata": {**about, "ownerReferences": [owner]}}
    pod["spec"] = {"containers": pod["spec"]["containers"], "nodeName": "oak"}
    assert [each.owner for each in plan(load([NODE, pod])).placements] == ["Node oak"]


@pytest.mark.parametrize(
    ("hook", "said"), [("test", "helm test alone runs it"), ("pre-install", "before or after the release")]
)
def test_a_hook_of_helm_is_told(hook: str, said: str) -> None:
    document = deployment("web", annotations={"helm.sh/hook": hook})
    told = [each.message for each in read(["-"], stdin=dumped(document)).notices if each.code == "KL191"]
    assert len(told) == 1
    assert f"is '{hook}'" in told[0]
    assert said in told[0]
    document["metadata"]["uid"] = "u"
    assert not [each for each in read(["-"], stdin=dumped(document)).notices if each.code == "KL191"]


def test_events_are_read_by_explain() -> None:
    about = {"name": "e", "namespace": "shop", "uid": "e"}
    event = {"apiVersion": "v1", "kind": "Event", "metadata": about, "involvedObject": {"kind": "Pod", "name": "p"}}
    assert "kubelogic explain --event" in read(["-"], stdin=dumped(event)).notices[0].message


def bound_by_hand(**about: Any) -> Document:
    spec = {"nodeName": "ghost", "containers": [{"name": "a", "image": "a:1"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop", **about}, "spec": spec}


def test_pods_that_name_a_node_which_is_not_in_the_input() -> None:
    made = deployment("web", namespace="shop")
    made["spec"]["replicas"] = 2
    made["spec"]["template"]["spec"]["nodeName"] = "ghost"
    for document, said in ((bound_by_hand(), "1 pod names"), (made, "2 pods name")):
        found = plan(load([NODE, document]))
        assert [each.partition(" the node ghost (spec.nodeName)")[0] for each in found.unknown] == [said]
    assert not any("spec.nodeName" in each for each in plan(load([NODE, bound_by_hand(uid="p")])).unknown)


def test_a_namespace_that_the_cluster_does_not_have() -> None:
    spaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "uid": name}} for name in ("default", "db")
    ]
    told = [each.message for each in plan(load([*spaces, claimant()])).notices if each.code == "KL196"]
    assert [each for each in told if each.startswith("Namespace")] == [
        "Namespace shop is not among those of the cluster: without it the API server refuses Pod shop/p "
        '(namespaces "shop" not found); kubectl create namespace shop'
    ]
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "db"}}
    for others in ([], [{**spaces[0], "metadata": {"name": "shop", "uid": "s"}}], [manifest], [spaces[1]]):
        told = [each.message for each in plan(load([*others, claimant()])).notices if each.code == "KL196"]
        assert not [each for each in told if each.startswith("Namespace")]


def test_a_namespace_that_every_cluster_makes_for_itself_is_no_lack() -> None:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "uid": "s"}}
    agent = claimant()
    agent["metadata"]["namespace"] = "kube-system"
    told = [each.message for each in plan(load([space, agent])).notices if each.code == "KL196"]
    assert not [each for each in told if each.startswith("Namespace")]


def pod_of(owner: tuple[str, str, str], *, controls: bool = True) -> Document:
    """A running pod that names its owner."""
    spec = {"nodeName": "n1", "containers": [{"name": "a", "image": "a:1"}]}
    made = owned("v1", "Pod", "db-0", owner, spec=spec, status={"phase": "Running"})
    made["metadata"]["ownerReferences"][0]["controller"] = controls
    return made


@pytest.mark.parametrize("asked", ["sts/db", "statefulset/db", "shop/db", "db"])
def test_a_workload_that_only_its_pods_name_is_told_as_that(
    asked: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "dump.yaml"
    path.write_text(yaml.safe_dump_all([NODE, pod_of(SET)]))
    assert main(["explain", asked, "-n", "shop", str(path)]) == 3
    text = capsys.readouterr().out
    assert text.startswith(
        "StatefulSet shop/db: 1 pod placed, how many it wants is not known, as it is not in the input."
    )
    assert "kubectl get statefulsets -A -o yaml brings it" in text
    assert main(["explain", asked, "-n", "shop", "-o", "json", str(path)]) == 3
    assert json.loads(capsys.readouterr().out)["workload"]["absent"] is True


@pytest.mark.parametrize("asked", ["rollout/web", "rollouts/web", "rollouts.argoproj.io/shop/web"])
def test_the_kind_of_a_custom_resource_that_pods_name_is_known(asked: str) -> None:
    found = explain_any(load([NODE, pod_of(ROLLOUT)]), asked, namespace="shop")
    assert isinstance(found, WorkloadExplanation)
    assert (found.workload, found.absent) == ("Rollout shop/web", True)


def test_an_owner_that_is_no_controller_is_told_too() -> None:
    told = "though Pod shop/db-0 names it as owner: kubectl get statefulsets -A -o yaml brings it"
    with pytest.raises(UnknownPodError, match=told):
        explain_any(load([NODE, pod_of(SET, controls=False)]), "sts/db", namespace="shop")
