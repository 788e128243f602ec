"""Every named invariant: a cluster that breaks it, and one like it that keeps it."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.api import Verification, load, verify
from kubelogic.verify.invariants import NAMED, UnknownInvariantError, named

Document = dict[str, Any]
ZONE = "topology.kubernetes.io/zone"


def node(name: str, zone: str, cpu: str = "4", taints: list[Document] | None = None) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, ZONE: zone}},
        "spec": {"taints": taints or []},
        "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "110"}},
    }


def web(replicas: int, cpu: str = "1", **spec: Any) -> Document:
    template = spec.pop("template", {})
    resources = {"requests": {"cpu": cpu}}
    pod = {"containers": [{"name": "app", "image": "web:1", "resources": resources}], **template}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod},
            **spec,
        },
    }


SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}
BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "web"},
    "spec": {"selector": {"matchLabels": {"app": "web"}}, "minAvailable": 2},
}
NODES = [node("ash", "a"), node("elm", "b"), node("oak", "c")]
TWO = NODES[:2]
IN_A: Document = {"template": {"nodeSelector": {ZONE: "a"}}}
STUCK: Document = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}
MOVING: Document = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}

NODE: Document = {"survive": "node:1"}
ROLLOUT: Document = {"during_rollout": "deploy/web"}

CASES: dict[str, tuple[Document, list[Document], str, list[Document]]] = {
    # question, what breaks it, what is said of it, what keeps it
    "every_pod_placed": (NODE, [*TWO, web(2, "3")], "lacks 1 pod on nodes (1 now", [*NODES, web(2, "3")]),
    "every_service_has_an_endpoint": (
        NODE,
        [*TWO, web(1, **IN_A), SERVICE],
        "Service default/web has no ready endpoint (1 before)",
        [*TWO, web(1), SERVICE],
    ),
    "no_service_interrupted": (
        NODE,
        [*TWO, web(1), SERVICE],
        "Service default/web has no ready endpoint (1 before)",
        [*TWO, web(2, "3"), SERVICE],
    ),
    "budget_respected": (
        NODE,
        [*NODES, web(2, "3"), BUDGET],
        "PodDisruptionBudget default/web has 1 healthy pod, it wants 2",
        [*NODES, web(3, "3"), BUDGET],
    ),
    "no_pod_pending_longer_than=5m": (NODE, [*TWO, web(2, "3")], "waits for a node since", [*NODES, web(2, "3")]),
    "never_fewer_ready_than=2": (
        NODE,
        [*NODES, web(2, "3")],
        "Deployment default/web has 1 ready pod, 2 are the least (2 before)",
        [*NODES, web(3, "3")],
    ),
    "never_fewer_ready_than=60%": (
        NODE,
        [*NODES, web(2, "3")],
        "has 1 ready pod, 2 are the least (2 before)",
        [*NODES, web(3, "3")],
    ),
    "replicas_spread_over=zone": (
        NODE,
        # Without elm both are in zone a: zone c has no room.
        [node("ash", "a", "8"), node("elm", "b", "2"), node("oak", "c", "1"), web(2, "2")],
        "all pods of Deployment default/web are in zone a",
        [*NODES, web(2, "3")],
    ),
    "rollouts_complete": (
        ROLLOUT,
        [*TWO, web(2, "3", **STUCK)],
        "Deployment default/web",
        [*TWO, web(2, "3", **MOVING)],
    ),
}


def asked(documents: list[Document], question: Document, name: str) -> Verification:
    return verify(load(documents), **question, invariants=[name])


@pytest.mark.parametrize("name", CASES)
def test_what_breaks_it(name: str) -> None:
    question, breaks, message, _ = CASES[name]
    found = asked(breaks, question, name)
    assert found.verdict == "broken", found.to_text()
    assert found.counterexample is not None
    assert found.counterexample.replayed
    assert message in found.counterexample.violations[0].message
    assert {each.invariant for each in found.counterexample.violations} == {name}


@pytest.mark.parametrize("name", CASES)
def test_what_keeps_it(name: str) -> None:
    question, _, _, keeps = CASES[name]
    found = asked(keeps, question, name)
    assert found.verdict == "holds", found.to_text()


def test_all_are_here() -> None:
    assert {name.partition("=")[0] for name in CASES} == {*NAMED}


def test_more_than_all_pods_is_no_share() -> None:
    with pytest.raises(UnknownInvariantError, match="a share up to 100%, not 500%"):
        named("never_fewer_ready_than=500%")
    assert named("never_fewer_ready_than=100%").always
