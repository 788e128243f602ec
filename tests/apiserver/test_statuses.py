"""Patches of a status: validated as the API server does, and nothing that a patch of the object itself changes."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.apiserver import requests
from kubelogic.cluster import Cluster
from kubelogic.cluster.objects import as_object
from kubelogic.cluster.state import State

TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
SPEC = {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}


def there() -> State:
    state = State(cluster=Cluster())
    for document in (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}},
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "w"}, "spec": SPEC},
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": "w"},
            "spec": {**SPEC, "serviceName": "w"},
        },
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "w"}, "spec": {}},
    ):
        outcome = requests.create(state, document)
        assert outcome.answer.accepted, outcome.answer.message
        state = outcome.state
    return state


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [
        ("Deployment", {"replicas": "x"}, "status.replicas: must be a whole number"),
        ("Deployment", {"nonsense": 1}, 'status.nonsense: unknown field "nonsense"'),
        ("Deployment", {"conditions": {"type": "Available"}}, "status.conditions: must be a list"),
        ("Deployment", {"replicas": -1}, "status.replicas: Invalid value: -1: must be greater than or equal to 0"),
        (
            "Deployment",
            {"replicas": 2, "readyReplicas": 3},
            "status.readyReplicas: Invalid value: 3: cannot be greater than status.replicas",
        ),
        (
            "Deployment",
            {"replicas": 2, "readyReplicas": 1, "availableReplicas": 2},
            "status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas",
        ),
        (
            "StatefulSet",
            {"replicas": 1, "currentReplicas": 2},
            "status.currentReplicas: Invalid value: 2: cannot be greater than status.replicas",
        ),
        ("PodDisruptionBudget", {"currentHealthy": -2}, "status.currentHealthy: Invalid value: -2: must be greater"),
        ("Node", {"allocatable": {"cpu": "4x"}}, 'status.allocatable.cpu: "4x" is no quantity'),
        ("Deployment", {"replicas": 3, "readyReplicas": 2, "availableReplicas": 2}, ""),
        ("Node", {"allocatable": {"cpu": "4"}}, ""),
    ],
)
@pytest.mark.parametrize("how", ["merge", "strategic", "json", "put"])
def test_a_status_is_validated(how: str, kind: str, status: dict[str, Any], told: str) -> None:
    state, key = there(), "n" if kind == "Node" else "default/w"
    match how:
        case "merge":
            outcome = requests.patch(state, kind, key, {"status": status}, subresource="status")
        case "strategic":
            outcome = requests.strategic_patch(state, kind, key, {"status": status}, subresource="status")
        case "json":
            operations = [{"op": "add", "path": "/status", "value": status}]
            outcome = requests.json_patch(state, kind, key, operations, subresource="status")
        case _:
            outcome = requests.replace_status(state, state.cluster.objects(kind)[key], status)
    found = outcome.state.cluster.objects(kind)[key].document.get("status") or {}
    if not told:
        assert outcome.answer.accepted, outcome.answer.message
        assert status.items() <= found.items()
        return
    assert (outcome.answer.status, outcome.answer.reason) == (422, "Invalid")
    assert told in outcome.answer.message
    assert not status.items() <= found.items()


def test_what_was_wrong_before_is_no_fault_of_a_change() -> None:
    """A node of an older cluster may have fields that are gone."""
    document = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": {"phased": "out"}}
    state = State(cluster=Cluster.of([as_object(document)]))
    outcome = requests.patch(state, "Node", "n", {"status": {"allocatable": {"cpu": "4"}}}, subresource="status")
    assert outcome.answer.accepted, outcome.answer.message
    assert outcome.state.cluster.objects("Node")["n"].document["status"]["allocatable"] == {"cpu": "4"}


def test_a_patch_of_the_object_leaves_its_status() -> None:
    state = requests.patch(there(), "Node", "n", {"status": {"allocatable": {"cpu": "4"}}}, subresource="status").state
    change = {"metadata": {"labels": {"a": "b"}}, "status": {"allocatable": {"cpu": "8"}}}
    outcome = requests.patch(state, "Node", "n", change)
    assert outcome.answer.accepted
    document = outcome.state.cluster.objects("Node")["n"].document
    assert (document["metadata"]["labels"]["a"], document["status"]["allocatable"]) == ("b", {"cpu": "4"})
    wrong = requests.patch(state, "Deployment", "default/w", {"status": {"replicas": "x"}})
    assert "status.replicas: must be a whole number" in wrong.answer.message
