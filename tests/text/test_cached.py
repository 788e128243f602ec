"""Pods that are admitted from a model come out as if each had been admitted on its own."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelogic.kinds.validation import Admitter, admit

TIME = "2026-01-01T00:00:00Z"


def running(number: int) -> dict[str, Any]:
    """A pod as ``kubectl get -o json`` shows it, with everything that differs from pod to pod."""
    token = f"kube-api-access-{number:05}"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"web-{number}",
            "generateName": "web-",
            "namespace": "shop",
            "uid": f"uid-{number}",
            "resourceVersion": str(number),
            "creationTimestamp": TIME,
            "labels": {"app": "web"},
        },
        "spec": {
            "nodeName": f"node-{number}.example.test",
            "containers": [
                {
                    "name": "c",
                    "image": "example.test/web:1",
                    "resources": {"requests": {"cpu": "0.1"}},
                    "volumeMounts": [{"name": token, "mountPath": "/run/token"}, {"name": "tmp", "mountPath": "/tmp"}],
                }
            ],
            "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": token, "projected": {"sources": []}}],
        },
        "status": {
            "phase": "Running",
            "podIP": f"10.0.0.{number}",
            "podIPs": [{"ip": f"10.0.0.{number}"}],
            "startTime": TIME,
            "conditions": [{"type": "Ready", "status": "True", "lastProbeTime": None, "lastTransitionTime": TIME}],
        },
    }


def put(document: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    document = copy.deepcopy(document)
    inside: Any = document
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    return document


CHANGES: list[tuple[tuple[str | int, ...], Any]] = [
    (("metadata", "name"), "Not_a_name"),
    (("metadata", "name"), 7),
    (("metadata", "name"), "x" * 70),
    (("metadata", "uid"), 7),
    (("metadata", "creationTimestamp"), "yesterday"),
    (("metadata", "creationTimestamp"), "2026-02-31T00:00:00Z"),
    (("metadata", "creationTimestamp"), None),
    (("metadata", "namespace"), "Shop"),
    (("metadata", "labels"), {"app": "not a label"}),
    (("metadata", "labels"), {"kube-api-access-00001": "x"}),
    (("metadata", "labels"), {"app": "kube-api-access-00001"}),
    (("metadata", "ownerReferences"), [{"kind": "ReplicaSet"}]),
    (("spec", "nodeName"), "Not_a_node"),
    (("spec", "nodeName"), ""),
    (("spec", "nodeName"), 3),
    (("spec", "hostname"), "kube-api-access-00001"),
    (("spec", "containers", 0, "image"), "example.test/kube-api-access-00001"),
    (("spec", "containers", 0, "volumeMounts", 0, "name"), "kube-api-access-99999"),
    (("spec", "volumes", 0), {"name": "tmp", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}),
    (("spec", "replicas"), 2),
    (("status", "podIP"), 7),
    (("status", "podIP"), "nowhere"),
    (("status", "startTime"), "2026-13-01T00:00:00Z"),
    (("status", "conditions", 0, "lastTransitionTime"), "then"),
    (("status", "conditions"), [None]),
    (("status", "phaze"), "Running"),
    (("status",), None),
    (("status",), "fine"),
    (("spec",), None),
    (("metadata",), None),
]
PODS = [running(number) for number in range(1, 5)]
PODS += [put(pod, path, value) for path, value in CHANGES for pod in PODS[:2]]


def test_running_pods_are_equal_to_those_admitted_alone() -> None:
    admitter = Admitter(namespace="shop")
    for pod in PODS:
        before = copy.deepcopy(pod)
        assert admitter.admit(pod) == admit(pod, namespace="shop")
        assert pod == before


@given(st.permutations(PODS))
def test_what_was_seen_before_does_not_matter(pods: list[dict[str, Any]]) -> None:
    admitter = Admitter()
    for pod in pods:
        assert admitter.admit(pod) == admit(pod)


@given(st.lists(st.sampled_from(CHANGES), max_size=3), st.lists(st.integers(1, 3), min_size=2, max_size=4))
def test_several_changes_at_once(changes: list[tuple[tuple[str | int, ...], Any]], numbers: list[int]) -> None:
    admitter = Admitter()
    for number in numbers:
        pod = running(number)
        for path, value in changes:
            try:
                pod = put(pod, path, value)
            except (TypeError, KeyError, IndexError):
                continue
        assert admitter.admit(pod) == admit(pod)


@pytest.mark.parametrize("kind", ["Node", "Namespace"])
def test_other_kinds_are_admitted_one_by_one(kind: str) -> None:
    document = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}}
    assert Admitter().admit(document) == admit(document)


def test_pods_share_what_is_equal() -> None:
    admitter = Admitter()
    first, second = (admitter.admit(running(number)).document for number in (1, 2))
    assert first["spec"]["containers"][0]["resources"] is second["spec"]["containers"][0]["resources"]
    assert second["spec"]["containers"][0]["volumeMounts"][0]["name"] == "kube-api-access-00002"
    assert "lastProbeTime" not in second["status"]["conditions"][0]
