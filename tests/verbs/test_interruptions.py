"""Services through rollouts, rollouts that go no further, and why a pod is no endpoint."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from kubelogic.api import load
from kubelogic.cluster import Object
from kubelogic.verbs.about import ServiceExplanation, explain_any
from kubelogic.verbs.reconciled import Options
from kubelogic.verbs.rollout_words import rollout_words

NODES = """
apiVersion: v1
kind: Node
metadata: {name: oak, labels: {kubernetes.io/hostname: oak}}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
"""
POD = "spec: {containers: [{name: app, image: i, resources: {requests: {cpu: %s}}}]}"
SHAPE = "selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, %s}"


def _explained(kind: str, spec: str, cpu: str = "1") -> ServiceExplanation:
    body = f"apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: web}}\nspec: {{{spec}{SHAPE % (POD % cpu)}}}\n"
    found = explain_any(load(NODES + body), "svc/web", Options())
    assert isinstance(found, ServiceExplanation)
    return found


@pytest.mark.parametrize(
    ("kind", "spec", "least", "helps"),
    [
        ("Deployment", "replicas: 1, strategy: {type: Recreate}, ", 0, "maxSurge: 1, maxUnavailable: 0"),
        ("Deployment", "replicas: 1, ", 1, ""),
        ("Deployment", "replicas: 4, ", 3, ""),
        ("StatefulSet", "replicas: 1, ", 0, "spec.replicas: 2"),
        ("StatefulSet", "replicas: 2, ", 1, ""),
        ("DaemonSet", "", 0, "maxSurge: 1, maxUnavailable: 0"),
    ],
)
def test_a_moment_without_an_endpoint(kind: str, spec: str, least: int, helps: str) -> None:
    (rolled,) = _explained(kind, spec).rolled
    assert (rolled.workload, rolled.least) == (f"{kind} default/web", least)
    assert (rolled.gap > 0) is (least == 0)
    assert helps in rolled.helps
    assert bool(rolled.helps) is bool(helps)
    assert rolled.finished


def test_help_is_offered_only_where_it_works() -> None:
    # A second pod of 3 cpu finds no room beside the first: with a surge the rollout would never finish.
    (rolled,) = _explained("Deployment", "replicas: 1, strategy: {type: Recreate}, ", "3").rolled
    assert (rolled.least, rolled.helps) == (0, "")


@pytest.mark.parametrize(
    "spec", ["replicas: 0, ", "replicas: 1, paused: true, "], ids=["nothing to interrupt", "nothing rolls"]
)
def test_what_does_not_roll_is_not_told(spec: str) -> None:
    assert _explained("Deployment", spec).rolled == ()


def _deployment(strategy: dict[str, Any], status: dict[str, int], *, revision: str = "1") -> Object:
    spec, status = {"replicas": 3, "strategy": strategy}, {"observedGeneration": 1, **status}
    annotations = {"deployment.kubernetes.io/revision": revision}
    meta = {"name": "web", "generation": 1, "annotations": annotations}
    document = {"metadata": meta, "spec": spec, "status": status}
    return Object(api_version="apps/v1", kind="Deployment", namespace="default", name="web", document=document)


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        (
            {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": "25%"}},
            "maxUnavailable 25% of 3, rounded down, is 0: no old",
        ),
        (
            {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}},
            "maxSurge 25% of 3, rounded up, is 1: 4 pods at most",
        ),
        ({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "10%"}}, "is 0; as both come to 0, one pod may be away"),
        ({}, "maxSurge 25% of 3, rounded up, is 1"),
        ({"type": "Recreate"}, "no new pod is made before all old ones are gone"),
    ],
)
def test_what_the_numbers_of_a_rollout_allow(strategy: dict[str, Any], said: str) -> None:
    found = rollout_words(_deployment(strategy, {"replicas": 4, "updatedReplicas": 1, "availableReplicas": 3}))
    assert any(said in each for each in found), found


def test_a_finished_rollout_is_not_told() -> None:
    assert rollout_words(_deployment({}, {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3})) == ()


def test_a_rollout_that_fails_is_told_the_way_back() -> None:
    obj = _deployment({}, {"replicas": 4, "updatedReplicas": 1, "availableReplicas": 3}, revision="2")
    back = "kubectl rollout undo deployment/web -n default goes back to the template before this one"
    assert rollout_words(obj, unwell={"CrashLoopBackOff"})[-1] == back
    assert back not in rollout_words(obj)
    held = rollout_words(obj, unwell={"FailedAttachVolume"})
    assert "the old pod holds the volume until it goes: strategy Recreate" in held[-1]
    first = _deployment({}, {"replicas": 4, "updatedReplicas": 1, "availableReplicas": 3})
    assert back not in rollout_words(first, unwell={"CrashLoopBackOff"})


@pytest.mark.parametrize(
    ("kind", "strategy", "updated", "said"),
    [
        ("StatefulSet", {"rollingUpdate": {"partition": 2}}, 1, "partition 2: 1 of 3 pods have the present template"),
        ("StatefulSet", {"rollingUpdate": {"partition": 2}}, 3, ""),
        ("StatefulSet", {"type": "OnDelete"}, 0, "OnDelete: 0 of 3 pods have the present template"),
        ("DaemonSet", {"type": "OnDelete"}, 2, "OnDelete: 2 of 3 pods have the present template"),
        ("DaemonSet", {"type": "OnDelete"}, 3, ""),
    ],
)
def test_what_a_strategy_leaves_alone(kind: str, strategy: dict[str, Any], updated: int, said: str) -> None:
    status = (
        {"desiredNumberScheduled": 3, "updatedNumberScheduled": updated, "numberAvailable": 3}
        if kind == "DaemonSet"
        else {"replicas": 3, "readyReplicas": 3, "updatedReplicas": updated}
    )
    document = {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "db", "namespace": "default"},
        "spec": {"replicas": 3, "updateStrategy": strategy},
        "status": {"observedGeneration": 1, **status},
    }
    obj = Object(api_version="apps/v1", kind=kind, namespace="default", name="db", document=document)
    found = rollout_words(obj)
    assert found == () if not said else found[0].startswith(said), found


def test_a_paused_rollout_says_what_lets_it_go_on() -> None:
    obj = _deployment({}, {"replicas": 3, "updatedReplicas": 1, "availableReplicas": 3})
    paused = replace(obj, document={**obj.document, "spec": {**obj.document["spec"], "paused": True}})
    (said,) = rollout_words(paused)
    assert said.startswith("it is paused; pods of its present template: 1 of 3, and it makes no more; kubectl rollout")
