"""What scheduling reads of a spec: equal specs are recognised, constants are canonical."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.facts.node_terms import integer
from kubelogic.facts.pod_specs import disks, fingerprint, merged_selector, pinned_node, read

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
BASE: dict[str, Any] = {"containers": [{"name": "main", "image": "a:1", "resources": {"requests": {"cpu": "1"}}}]}


def tails(spec: dict[str, Any], *, labels: dict[str, str] | None = None) -> set[tuple[str, tuple[str | int, ...]]]:
    return set(read(spec, pod="p", namespace="d", labels=labels or {}).tails)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"nodeName": "n1"}, True),
        ({"serviceAccountName": "other", "terminationGracePeriodSeconds": 5}, True),
        ({"volumes": [{"name": "kube-api-access-x7f2k", "projected": {"sources": []}}]}, True),
        ({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}, False),
        ({"tolerations": [{"operator": "Exists"}]}, False),
        ({"priority": 1}, False),
        ({"containers": [{"name": "main", "image": "a:2", "resources": {"requests": {"cpu": "1"}}}]}, False),
    ],
)
def test_specs_are_told_apart_by_what_scheduling_reads(change: dict[str, Any], same: bool) -> None:
    first = fingerprint(BASE, pod="p", labels={})
    assert (fingerprint({**BASE, **change}, pod="q", labels={"app": "x"}) == first) is same


def test_ephemeral_claims_and_match_label_keys_make_specs_the_pods_own() -> None:
    own = {**BASE, "volumes": [{"name": "tmp", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}]}
    assert fingerprint(own, pod="a", labels={}) != fingerprint(own, pod="b", labels={})
    assert ("shape_claim", ("d/p-tmp", "p-tmp")) in tails(own)
    spread = {"topologyKey": "zone", "maxSkew": 1, "matchLabelKeys": ["hash"], "labelSelector": {}}
    keyed = {**BASE, "topologySpreadConstraints": [spread]}
    assert fingerprint(keyed, pod="a", labels={"hash": "1"}) != fingerprint(keyed, pod="a", labels={"hash": "2"})
    assert fingerprint(keyed, pod="a", labels={"x": "1"}) == fingerprint(keyed, pod="a", labels={"x": "2"})


def test_match_label_keys_are_merged_once_and_absent_ones_ignored() -> None:
    labels = {"app": "web", "hash": "1"}
    given = {"matchLabels": {"app": "web"}}
    once = merged_selector(given, labels, match=["hash", "absent"], mismatch=["app"])
    assert once == "app=web,hash=1"
    merged = {**given, "matchExpressions": [{"key": "hash", "operator": "In", "values": ["1"]}]}
    assert merged_selector(merged, {"hash": "2"}, match=["hash"]) == once
    assert merged_selector(None, labels, match=["hash"]) == "<nothing>"
    assert merged_selector({}, labels, match=[], mismatch=["hash"]) == "hash notin (1)"


def test_host_ports_of_sidecars_count_and_those_of_init_containers_do_not() -> None:
    port = {"ports": [{"containerPort": 80, "hostPort": 8080}]}
    spec = {"initContainers": [{"name": "i", **port}, {"name": "s", "restartPolicy": "Always", **port}]}
    assert ("shape_host_port", ("0.0.0.0", "TCP", 8080)) in tails(spec)
    assert not any(name == "shape_host_port" for name, _ in tails({"initContainers": [{"name": "i", **port}]}))
    host = {"hostNetwork": True, "containers": [{"name": "c", "ports": [{"containerPort": 80}]}]}
    assert ("shape_host_port", ("0.0.0.0", "TCP", 80)) in tails(host)


@pytest.mark.parametrize(
    ("change", "needed"),
    [
        ({"hostNetwork": True}, []),
        ({"hostUsers": False}, []),
        ({"hostNetwork": True, "hostUsers": True}, []),
        ({"hostNetwork": True, "hostUsers": False}, ["UserNamespacesHostNetworkSupport"]),
        ({"containers": [{"name": "c", "restartPolicyRules": [{"action": "Restart"}]}]}, []),
        (
            {"initContainers": [{"name": "i", "restartPolicyRules": [{"action": "RestartAllContainers"}] * 2}]},
            ["RestartAllContainersOnContainerExits"],
        ),
    ],
)
def test_features_that_the_node_must_declare(change: dict[str, Any], needed: list[str]) -> None:
    spec = {**BASE, **change}
    assert sorted(columns[0] for name, columns in tails(spec) if name == "shape_feature") == needed
    assert (fingerprint(spec, pod="p", labels={}) == fingerprint(BASE, pod="p", labels={})) is (
        change == {"hostUsers": False}
    )


def test_a_limit_without_a_request_is_the_request() -> None:
    spec = {"containers": [{"name": "c", "resources": {"limits": {"cpu": "2"}, "requests": {"memory": "1Ki"}}}]}
    assert {row for name, row in tails(spec) if name == "container_request"} == {
        ("main-0", "cpu", 2000),
        ("main-0", "memory", 1024),
    }


def test_only_a_tie_to_one_node_by_name_is_a_pin() -> None:
    def affinity(*terms: dict[str, Any]) -> dict[str, Any]:
        return {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": list(terms)}}}}

    def named(*names: str) -> dict[str, Any]:
        return {"matchFields": [{"key": "metadata.name", "operator": "In", "values": list(names)}]}

    assert pinned_node(affinity(named("n1"))) == "n1"
    assert pinned_node(affinity(named("n1", "n2"))) == ""
    assert pinned_node(affinity(named("n1"), named("n2"))) == ""
    assert pinned_node({**affinity(named("n1")), "topologySpreadConstraints": [{}]}) == ""
    expressions = {"matchExpressions": [{"key": "a", "operator": "Exists"}]}
    assert pinned_node(affinity({**named("n1"), **expressions})) == ""
    assert pinned_node(BASE) == ""


@pytest.mark.parametrize(
    ("text", "number"), [("5", 5), ("-5", -5), ("+5", 5), ("5.0", None), ("", None), ("9" * 20, None)]
)
def test_numbers_of_labels(text: str, number: int | None) -> None:
    assert integer(text) == number


def test_disks_by_what_two_pods_could_quarrel_about() -> None:
    rbd = {"monitors": ["a", "b"], "image": "i", "readOnly": True}
    assert set(disks({"rbd": rbd})) == {("rbd a rbd/i", "read"), ("rbd b rbd/i", "read")}
    assert set(disks({"awsElasticBlockStore": {"volumeID": "v", "readOnly": True}})) == {("ebs v", "write")}
    assert set(disks({"gcePersistentDisk": {"pdName": "d", "readOnly": True}})) == {("gce d", "read")}
    assert set(disks({"iscsi": {"iqn": "q", "targetPortal": "x"}})) == {("iscsi q", "write")}
