"""Owners that were not printed: nothing goes for it, and the answer names them with what they own."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.api import load, plan

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
            "not in the input: Rollout shop/web, which owns ReplicaSet shop/web-1; taken to exist, and what operators "
            "make or change for it is not modelled",
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
