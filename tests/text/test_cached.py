"""Pods that are admitted from a model come out as if each had been admitted on its own."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelogic.apiserver.reading import Reading, load
from kubelogic.kinds.validation import Admitter, admit
from kubelogic.text.location import InputError
from kubelogic.text.sources import Source

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
    (("status", "podIPs"), None),
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


SPEC = {"containers": [{"name": "c", "image": "example.test/web:1"}], "volumes": None}
CLAIMING = {**SPEC, "volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}]}
STATUS = {"phase": "Pending"}
METADATA: list[dict[str, Any]] = [
    {},
    {"uid": "u"},
    {"uid": 7},
    {"labels": {"app": "web"}},
    {"labels": {"app": "not a label"}},
    {"annotations": {"a/b/c": "x"}},
    {"namespace": "Shop"},
    {"creationTimestamp": None},
    {"finalizers": None},
]


@st.composite
def waiting(draw: st.DrawFn) -> dict[str, Any]:
    """A pod that waits; its spec and status are the very same as those of others, as the reader gives them."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": draw(st.sampled_from(["a", "b", "x" * 60]))}}
    pod["metadata"] |= draw(st.sampled_from(METADATA))
    pod["spec"] = draw(st.sampled_from([SPEC, CLAIMING, {}]))
    pod |= draw(st.sampled_from([{}, {}, {"status": STATUS}, {"status": {}}, {"status": None}, {"state": 1}]))
    return pod


@given(st.lists(waiting(), min_size=2, max_size=6))
def test_waiting_pods_with_one_spec_are_equal_to_those_admitted_alone(pods: list[dict[str, Any]]) -> None:
    admitter = Admitter(namespace="shop")
    for pod in pods:
        before = copy.deepcopy(pod)
        assert admitter.admit(pod) == admit(pod, namespace="shop")
        assert pod == before


def a_node(number: int, **labels: Any) -> dict[str, Any]:
    """A node as ``kubectl get -o json`` shows it, with what differs from node to node."""
    ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": TIME, "lastTransitionTime": TIME}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": f"n{number}",
            "uid": f"u{number}",
            "labels": {"kubernetes.io/hostname": f"n{number}", "pool": "a", **labels},
        },
        "spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]},
        "status": {
            "capacity": {"cpu": "4000m", "memory": "1.5"},
            "allocatable": {"cpu": "4"},
            "conditions": [ready],
            "addresses": [{"type": "InternalIP", "address": f"10.0.0.{number}"}],
            "nodeInfo": {"machineID": f"m{number}", "kubeletVersion": "v1.36.0"},
        },
    }


NODES = [a_node(number) for number in range(1, 5)]
NODES += [
    a_node(5, pool="b"),
    a_node(6, pool="no label"),
    a_node(7, pool=None),
    a_node(8, pool=None),
    a_node(9, pool=3),
]
NODES += [put(a_node(number), ("metadata", "labels", "kubernetes.io/hostname"), "n_X!") for number in (1, 2)]
NODES += [put(a_node(number), ("spec", "podCIDR"), "10.0.0/24") for number in (1, 2)]
NODES += [put(a_node(number), ("status", "capacity", "cpu"), "much") for number in (1, 2)]
NODES += [put(a_node(number), ("metadata", "name"), f"Node_{number}") for number in (1, 2)]
NODES += [put(a_node(number), ("spec",), None) for number in (1, 2)]


@given(st.permutations(NODES))
def test_nodes_are_equal_to_those_admitted_alone(nodes: list[dict[str, Any]]) -> None:
    admitter = Admitter()
    for node in nodes:
        assert admitter.admit(node) == admit(node)


def test_nodes_and_waiting_pods_share_what_is_equal() -> None:
    admitter = Admitter()
    first, second = (admitter.admit(a_node(number)).document for number in (1, 2))
    assert first["spec"] is second["spec"]
    assert second["metadata"]["labels"] == a_node(2)["metadata"]["labels"]
    pods = [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": SPEC} for name in "ab"]
    first, second = (admitter.admit(pod).document for pod in pods)
    assert first["spec"] is second["spec"]


@pytest.mark.parametrize("section", ["metadata", "spec", "status"])
@pytest.mark.parametrize("kind", ["Pod", "Lease"])
def test_a_field_that_is_null_is_as_if_admitted_alone(kind: str, section: str) -> None:
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "n", "namespace": "kube-node-lease", "uid": "u", "creationTimestamp": TIME},
        "spec": {"holderIdentity": "n", "acquireTime": None, "renewTime": "2026-01-01T00:00:00.000001Z"},
    }
    whole = running(1) if kind == "Pod" else lease
    for field in whole.get(section, {}):
        document = put(whole, (section, field), None)
        assert Admitter().admit(document) == admit(document), field


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


def long_list(objects: list[Any], indent: int | None = None) -> bytes:
    """A list that is so long that its items are read one by one."""
    filler = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "long"}, "data": {"x": "x" * 1_000_000}}
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [*objects, filler]}, indent=indent).encode()


def read(*texts: bytes) -> Reading:
    sources = [Source(name=f"{number}.json", data=data) for number, data in enumerate(texts)]
    return load([], texts=sources, namespace="shop", keep_going=True)


def told(reading: Reading) -> list[tuple[str, str]]:
    """What is said of a reading, but for places."""
    said = [*reading.notices, *reading.refused]
    return sorted((each.code, re.sub(r"\d+\.json:\S+", "there", each.message)) for each in said)


@pytest.mark.parametrize("indent", [None, 4])
def test_objects_of_a_long_list_are_those_of_as_many_files(indent: int | None) -> None:
    objects = [*PODS, *NODES, *(put(pod, ("status", "startTime"), None) for pod in PODS[:2])]
    expected = read(*(json.dumps(each).encode() for each in objects))
    found = read(long_list(objects, indent))
    assert told(found) == told(expected)
    documents = {str(obj): obj.document for obj in expected.objects}
    assert {str(obj): obj.document for obj in found.objects if obj.kind != "ConfigMap"} == documents


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"", b"", ""),
        (b'"uid": "uid-2"', b'"uid": "uid-2", "uid": "uid-2"', "KL101"),
        (b'"uid": "uid-2"', b'"uid": "\\ud800"', ""),
        (b'"name": "web-2"', b'"name": "web_2"', "KL123"),
        (b'"podIP": "10.0.0.2"', b'"podIP": 10', "KL110"),
    ],
)
def test_what_is_wrong_with_one_of_many_is_told(old: bytes, new: bytes, code: str) -> None:
    data = long_list([running(1), running(2), running(3)]).replace(old, new)
    reading = read(data)
    assert [said for said, _ in told(reading) if said != "KL109"] == ([code] if code else [])
    assert {obj.key for obj in reading.objects if obj.kind == "Pod"} >= {"shop/web-1", "shop/web-3"}


@pytest.mark.parametrize("new", [b'"uid": "\t"', b'"uid": "\\x"', b'"uid": ', b'"uid": "uid-2'])
def test_one_of_many_that_is_no_json_is_told(new: bytes) -> None:
    with pytest.raises(InputError) as caught:
        read(long_list([running(1), running(2), running(3)]).replace(b'"uid": "uid-2"', new))
    assert [fault.code for fault in caught.value.faults] == ["KL100"]


def test_a_manifest_of_a_pod_that_a_cluster_printed_is_applied_as_it_was_written() -> None:
    bare = [{**running(number), "status": None} for number in (1, 2, 3)]
    for pod in bare:
        pod["metadata"] = {"name": pod["metadata"]["name"], "namespace": "shop", "labels": {"new": "label"}}
        del pod["spec"]["nodeName"]
    printed = [running(number) for number in (1, 2, 3)]
    one, many = read(long_list(printed), *(json.dumps(each).encode() for each in bare)), read(long_list(printed + bare))
    written = [{name: value for name, value in pod.items() if name != "status"} for pod in bare]
    assert [change.document for change in many.changes] == [change.document for change in one.changes] == written
    assert [obj.document for obj in many.objects] == [obj.document for obj in one.objects]
