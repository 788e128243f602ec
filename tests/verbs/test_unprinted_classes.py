"""Classes that are named and that nobody printed: what is not in the input is unknown, never absent."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.api import load, plan
from tests.verbs.test_missing import node, pod, template

Document = dict[str, Any]


def deployment(field: str, name: str) -> Document:
    made = template("web")
    made["spec"][field] = name
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": made},
    }


def a_class(kind: str, name: str, uid: str = "") -> Document:
    api = {"PriorityClass": "scheduling.k8s.io/v1", "RuntimeClass": "node.k8s.io/v1"}[kind]
    own: Document = {"value": 7} if kind == "PriorityClass" else {"handler": "h"}
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, **({"uid": uid} if uid else {})}, **own}


RUNS = pod("ledger", priorityClassName="steady", priority=500, runtimeClassName="cage", overhead={"cpu": "250m"})
PRIORITY, RUNTIME = ("PriorityClass", "priorityClassName"), ("RuntimeClass", "runtimeClassName")


@pytest.mark.parametrize(
    ("objects", "of", "field", "value", "told"),
    [
        ([RUNS], PRIORITY, "priority", 500, "PriorityClass steady; what its pods say"),
        ([RUNS], RUNTIME, "overhead", {"cpu": "250m"}, "RuntimeClass cage; what its pods say"),
        ([pod("a")], PRIORITY, "priority", 0, "PriorityClass steady; taken to be there with the value 0"),
        ([pod("a")], RUNTIME, "overhead", None, "RuntimeClass cage; taken to be there without overhead"),
        ([RUNS, a_class("PriorityClass", "mine")], PRIORITY, "priority", 500, "PriorityClass steady; what its pods"),
    ],
)
def test_what_a_dump_lacks_is_taken_from_its_pods(
    objects: list[Document], of: tuple[str, str], field: str, value: object, told: str
) -> None:
    wanted = "steady" if of == PRIORITY else "cage"
    found = plan(load([node("oak"), *objects, deployment(of[1], wanted)]))
    made = [each for key, each in found.cluster.objects("Pod").items() if key.startswith("shop/web-")]
    assert [each.document["spec"].get(field) for each in made] == [value, value]
    assert len(found.placements) == len(made) + 1
    assert [each.message for each in found.notices if told in each.message and each.code == "KL195"]


@pytest.mark.parametrize(
    ("objects", "kind", "field"),
    [
        pytest.param([], *PRIORITY, id="manifests alone"),
        pytest.param([], *RUNTIME, id="manifests alone, RuntimeClass"),
        pytest.param(
            [pod("a"), a_class("PriorityClass", "other", "u")], *PRIORITY, id="the cluster's classes are there"
        ),
        pytest.param(
            [pod("a"), a_class("RuntimeClass", "other", "u")], *RUNTIME, id="the cluster's RuntimeClasses are"
        ),
    ],
)
def test_a_class_that_is_known_not_to_be_there_is_refused(objects: list[Document], kind: str, field: str) -> None:
    found = plan(load([node("oak"), *objects, deployment(field, "gone")]))
    assert [each.message for each in found.refusals if "gone" in each.message]
    assert not any(each.pod.startswith("shop/web") for each in found.placements)


SYSTEM = pod("a", priorityClassName="system-node-critical", priority=2000001000)


def test_classes_that_every_cluster_has_are_not_missing() -> None:
    found = plan(load([node("oak"), SYSTEM, deployment("priorityClassName", "system-cluster-critical")]))
    assert not [each for each in found.notices if "PriorityClass" in each.message]


@pytest.mark.parametrize(
    ("namespace", "told", "made"),
    [
        ([], "ServiceAccount shop/clerk is not in the input: Deployment shop/web refers to it", 2),
        ([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}], "", 0),
    ],
)
def test_an_account_is_told_where_nobody_knows_and_needed_where_all_are_known(
    namespace: list[Document], told: str, made: int
) -> None:
    found = plan(load([node("oak"), *namespace, deployment("serviceAccountName", "clerk")]))
    assert len(found.placements) == made
    said = [each.message for each in found.notices if each.code == "KL196"]
    assert [each for each in said if told in each] if told else not said
    assert bool(found.refusals) == (not made)


def test_pull_secrets_are_told_and_hold_nothing_up() -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    account: Document = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "clerk", "namespace": "shop"},
    }
    account["imagePullSecrets"] = [{"name": "registry"}]
    found = plan(load([node("oak"), namespace, account, deployment("serviceAccountName", "clerk")]))
    assert len(found.placements) == 2
    said = [each.message for each in found.notices if each.code == "KL196"]
    assert said == [
        "Secret shop/registry is not in the input: ServiceAccount shop/clerk refers to it, "
        "and private images cannot be pulled without it"
    ]


@pytest.mark.parametrize(
    "volume",
    [
        {"csi": {"driver": "d.example.com", "nodePublishSecretRef": {"name": "keys"}}},
        {"azureFile": {"secretName": "keys", "shareName": "s"}},
        {"flexVolume": {"driver": "example.com/d", "secretRef": {"name": "keys"}}},
        {
            "iscsi": {
                "targetPortal": "10.0.0.1",
                "iqn": "iqn.2001-04.com.example:a",
                "lun": 0,
                "secretRef": {"name": "keys"},
            }
        },
    ],
)
def test_secrets_with_which_volumes_are_mounted(volume: Document) -> None:
    spec = {"containers": [{"name": "a", "image": "a"}], "volumes": [{"name": "v", **volume}]}
    asks = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop"}, "spec": spec}
    found = plan(load([node("oak"), asks]))
    assert any(each.message.startswith("Secret shop/keys is not in the input: Pod shop/a") for each in found.notices)
