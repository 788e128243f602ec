"""Pods that are admitted from a model come out as if each had been admitted on its own."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelogic.apiserver.reading import Reading, load
from kubelogic.kinds.validation import Admitter, admit
from kubelogic.kinds.validation.own import FORMS, RULES
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
    assert [change.document for change in many.changes] == [change.document for change in one.changes] == bare
    assert [obj.document for obj in many.objects] == [obj.document for obj in one.objects]


def a_slice(number: int, *endpoints: Any, kind: str = "IPv4") -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"web-{number}", "namespace": "shop"},
        "addressType": kind,
        "ports": [{"port": 80}],
        "endpoints": list(endpoints),
    }


def endpoint(address: str, **more: Any) -> dict[str, Any]:
    target = {"kind": "Pod", "name": f"web-{address}", "uid": address}
    return {"addresses": [address], "conditions": {"ready": True}, "nodeName": "n1", "targetRef": target, **more}


def some_endpoints(number: int, *addresses: Any, kind: str = "addresses") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": f"web-{number}", "namespace": "shop"},
        "subsets": [{kind: list(addresses), "ports": [{"port": 80}]}],
    }


def address(ip: Any, **more: Any) -> dict[str, Any]:
    return {"ip": ip, "nodeName": "n1", "targetRef": {"kind": "Pod", "name": f"web-{ip}", "uid": str(ip)}, **more}


RIGHT = [endpoint(f"10.0.0.{number}") for number in range(1, 6)]
WRONG: list[Any] = [
    *(endpoint(each) for each in ("127.0.0.1", "169.254.1.1", "10.0.0.01", "10.0.0.256", "fd00::1", "web.example", "")),
    endpoint("10.0.0.9", nodeName="Not_a_node"),
    endpoint("10.0.0.9", nodeName=None),
    endpoint("10.0.0.9", nodeName=4),
    endpoint("10.0.0.9", zone=None),
    endpoint("10.0.0.9", hostname="h_"),
    endpoint("10.0.0.9", zoned="x"),
    endpoint("10.0.0.9", targetRef={"name": 5}),
    {**endpoint("10.0.0.9"), "addresses": []},
    {**endpoint("10.0.0.9"), "addresses": ["10.0.0.9"] * 101},
    {"addresses": None},
    None,
    "x",
]
LISTS = [
    *(a_slice(number, *RIGHT[number:]) for number in range(5)),
    *(a_slice(9, *RIGHT[:2], each, *RIGHT[2:]) for each in WRONG),
    *(a_slice(9, *RIGHT, kind=kind) for kind in ("IPv6", "FQDN", "IPv5")),
    a_slice(9),
    a_slice(9, *RIGHT * 201),
    {**a_slice(9), "endpoints": "x"},
    {**a_slice(9), "addressType": []},
    *(some_endpoints(number, *(address(each["addresses"][0]) for each in RIGHT[number:])) for number in range(5)),
    *(some_endpoints(9, address("10.0.0.1"), each) for each in (None, "x", {}, address("127.0.0.1"), address(None))),
    *(some_endpoints(9, address("10.0.0.1"), address("10.0.0.2", hostname=each)) for each in ("a", "a_", None)),
    some_endpoints(9, address("10.0.0.1"), address("10.0.0.2"), kind="notReadyAddresses"),
    some_endpoints(9, address("10.0.0.1"), address("10.0.0.2"), kind="addreses"),
    {**some_endpoints(9), "subsets": [None, {"addresses": None}]},
    {**some_endpoints(9), "subsets": {"a": 1}},
]


@given(st.permutations(LISTS))
@settings(max_examples=20)
def test_lists_of_endpoints_are_equal_to_those_admitted_alone(lists: list[Any]) -> None:
    admitter = Admitter()
    for each in lists:
        before = copy.deepcopy(each)
        assert admitter.admit(each) == admit(each)
        assert each == before


@pytest.mark.parametrize("rule", FORMS)
@given(data=st.data())
def test_expressions_of_own_strings_take_nothing_that_the_rules_refuse(rule: str, data: st.DataObject) -> None:
    octet = st.sampled_from(["0", "00", "01", "9", "10", "99", "127", "169", "199", "224", "249", "255", "256", "1000"])
    texts = st.lists(octet, min_size=3, max_size=5).map(".".join) | st.text("ab-.0_A\\ \x1f~\x7fé", max_size=8)
    value = data.draw(texts | st.integers(60, 66).map("a".__mul__))
    fits = re.fullmatch(FORMS[rule] + b'"', value.encode() + b'"') is not None
    plain = value.isascii() and value.isprintable() and "\\" not in value
    assert fits == bool(plain and RULES[rule][0](value))


@pytest.mark.parametrize("kind", ["addresses", "notReadyAddresses", "endpoints"])
@pytest.mark.parametrize("odd", [None, *range(len(WRONG))])
def test_an_odd_entry_among_many_is_told_as_if_admitted_alone(kind: str, odd: int | None) -> None:
    """Lists are recognised as a whole once their entries are known: what is odd hides at each end, and within."""
    entry = endpoint if kind == "endpoints" else address
    many = [entry(f"10.0.{number}.9", nodeName=f"n{number % 3}") for number in range(20)]
    admitter = Admitter()
    for place in (None, None, 0, 10, 20):
        entries = many if place is None or odd is None else [*many[:place], WRONG[odd], *many[place:]]
        document = a_slice(1, *entries) if kind == "endpoints" else some_endpoints(1, *entries, kind=kind)
        assert admitter.admit(document) == admit(document)
    assert admitter._used[document["kind"]] >= len(many) - 1


def test_entries_of_more_forms_than_are_tried_at_once() -> None:
    admitter = Admitter()
    entries = [endpoint(f"10.0.0.{number}", zone=f"z{number % 40}") for number in range(1, 200)]
    for each in (entries, entries[::-1], [*entries, WRONG[0]]):
        assert admitter.admit(a_slice(1, *each)) == admit(a_slice(1, *each))
