"""Addresses of pods: no two share one, none runs without one, and what is free again is given to who waits."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from kubelogic.facts.rulebook import builtin_rulebook, load_rulebook
from kubelogic.logic import Rulebook, Value
from kubelogic.reconcile.engine import reconciler
from kubelogic.reconcile.relations import Relations
from tests.support.lab import Lab, workload

TICKER = reconciler(builtin_rulebook(), scheduler="kube")
FULL = "no IP addresses available in range set: 10.9.0.1-10.9.0.6"  # of which pods get five


def node(name: str, *ranges: str, address: str = "") -> dict[str, Any]:
    room = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    listed = [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": address}] if address else []
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {"podCIDR": ranges[0], "podCIDRs": list(ranges)} if ranges else {},
        "status": {
            "allocatable": room,
            "capacity": room,
            "conditions": [{"type": "Ready", "status": "True"}],
            "addresses": listed,
        },
    }


def pod(name: str, **spec: Any) -> dict[str, Any]:
    full = {"containers": [{"name": "c", "image": "app:1"}], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": full}


def small(*ranges: str) -> Lab:
    """A cluster of one node with few addresses."""
    lab = Lab(TICKER, nodes=())
    lab.create(node("tiny", *(ranges or ("10.9.0.0/29",))))
    return lab


def addresses(lab: Lab) -> dict[str, list[str]]:
    """The addresses of the pods that have not ended, by name."""
    found = {}
    for each in lab.of("Pod"):
        status = each.document.get("status") or {}
        if status.get("phase") not in ("Succeeded", "Failed") and status.get("podIPs"):
            assert status["podIP"] == status["podIPs"][0]["ip"]
            found[each.name] = [given["ip"] for given in status["podIPs"]]
    return found


def assert_nothing_is_shared(lab: Lab) -> None:
    counts = Counter(address for given in addresses(lab).values() for address in given)
    assert not [address for address, count in counts.items() if count > 1]
    for each in lab.of("Pod"):
        if lab.conditions("Pod", each.name).get("Ready", "").startswith("True"):
            assert each.name in addresses(lab), "ready without an address"


def troubles(lab: Lab, book: Rulebook | None = None) -> set[tuple[Value, ...]]:
    relations = Relations.of(book or builtin_rulebook(), lab.state, ["trouble"])
    return {row[:3] for row in relations.rows("trouble")}


def waiting(lab: Lab, name: str) -> str:
    found = (lab.document("Pod", name).get("status") or {}).get("containerStatuses") or ()
    return " ".join(f"{w['reason']}: {w['message']}" for each in found if (w := (each["state"].get("waiting"))))


def test_a_pod_without_an_address_waits_until_one_is_free() -> None:
    lab = small()
    for letter in "abcdef":
        lab.create(pod(letter))
        lab.wait(2)
    assert sorted(addresses(lab)) == list("abcde")
    assert waiting(lab, "f").startswith("ContainerCreating: Failed to create pod sandbox: ")
    assert waiting(lab, "f").endswith(FULL)
    assert lab.status("Pod", "f")["phase"] == "Pending"
    assert troubles(lab) == {("Pod", "default/f", "FailedCreatePodSandBox")}
    lab.delete("Pod", "b")
    lab.wait(40)
    assert addresses(lab)["f"] == ["10.9.0.3"]
    assert lab.status("Pod", "f")["phase"] == "Running"
    assert_nothing_is_shared(lab)


@pytest.mark.parametrize("code", [0, 1])
def test_a_pod_that_has_ended_gives_its_address_back(code: int) -> None:
    lab = small()
    for letter in "abcdef":
        lab.create(pod(letter, restartPolicy="Never"))
        lab.wait(2)
    lab.finish("c", code=code)
    lab.wait(5)
    assert addresses(lab)["f"] == ["10.9.0.4"]
    assert_nothing_is_shared(lab)


def test_a_pod_that_terminates_has_its_address_until_it_is_gone() -> None:
    lab = small()
    lab.world(("image_ignores_stop", ("app:1",)))
    for letter in "abcdef":
        lab.create(pod(letter))
        lab.wait(2)
    lab.delete("Pod", "a", grace=20)
    lab.wait(10)
    assert "f" not in addresses(lab)
    lab.wait(15)
    assert addresses(lab)["f"] == ["10.9.0.2"]


def test_a_rollout_on_a_full_range_waits_as_a_cluster_does() -> None:
    lab = small()
    lab.create(workload("Deployment", "web", replicas=5))
    lab.wait(10)
    assert len(addresses(lab)) == 5
    lab.image("Deployment", "web", "app:2")  # one more than wanted at a time, for which there is no address
    lab.wait(60)
    assert_nothing_is_shared(lab)
    assert lab.status("Deployment", "web")["availableReplicas"] >= 4
    lab.wait(120)
    assert {each.document["spec"]["containers"][0]["image"] for each in lab.of("Pod")} == {"app:2"}
    assert_nothing_is_shared(lab)


def test_pods_of_a_cluster_that_was_read_keep_theirs_and_new_ones_get_others() -> None:
    lab = small()
    for letter, address in (("a", "10.9.0.2"), ("b", "10.9.0.4")):
        lab.create(pod(letter, nodeName="tiny"))
        lab.patch(
            "Pod",
            letter,
            {"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}},
            subresource="status",
        )
    for letter in "cdef":
        lab.create(pod(letter))
    lab.wait(10)
    assert len(addresses(lab)) == 5
    assert_nothing_is_shared(lab)


def test_an_address_that_a_pod_elsewhere_has_is_not_given_twice() -> None:
    lab = small()
    lab.create(node("other", "10.8.0.0/24"))
    lab.create(pod("stray", nodeName="other"))
    lab.patch(
        "Pod",
        "stray",
        {"status": {"phase": "Running", "podIP": "10.9.0.3", "podIPs": [{"ip": "10.9.0.3"}]}},
        subresource="status",
    )
    for letter in "abcde":
        lab.create(pod(letter, nodeSelector={"kubernetes.io/hostname": "tiny"}))
    lab.wait(10)
    assert len(addresses(lab)) == 5
    assert_nothing_is_shared(lab)
    lab.delete("Pod", "stray", grace=0)
    lab.wait(10)
    assert len(addresses(lab)) == 5
    assert_nothing_is_shared(lab)


def test_one_address_of_each_family() -> None:
    lab = small("10.9.0.0/29", "fd00:9::/64")
    for letter in "abcdef":
        lab.create(pod(letter))
        lab.wait(2)
    assert addresses(lab)["a"] == ["10.9.0.2", "fd00:9::2"]
    assert len(addresses(lab)) == 5
    assert_nothing_is_shared(lab)


def test_the_range_of_the_second_family_is_used_up_first() -> None:
    lab = small("10.9.0.0/24", "fd00:9::/126")  # of which pods get two
    for letter in "abcd":
        lab.create(pod(letter))
        lab.wait(2)
    assert sorted(addresses(lab)) == ["a", "b"]
    assert "fd00:9::1-fd00:9::3" in waiting(lab, "c")
    lab.delete("Pod", "a", grace=0)
    lab.wait(5)
    assert sorted(addresses(lab)) == ["b", "c"]
    assert_nothing_is_shared(lab)


def test_pods_on_the_host_network_have_the_address_of_their_node() -> None:
    lab = Lab(TICKER, nodes=())
    lab.create(node("n1", "10.9.0.0/30", address="192.168.0.7"))
    lab.create(node("n2"))
    lab.create(node("n3"))
    for name, on in (("a", "n1"), ("b", "n1"), ("c", "n2"), ("d", "n2"), ("e", "n3")):
        lab.create(pod(name, hostNetwork=True, nodeSelector={"kubernetes.io/hostname": on}))
    lab.create(pod("own", nodeSelector={"kubernetes.io/hostname": "n1"}))
    lab.wait(10)
    found = addresses(lab)
    assert found["a"] == found["b"] == ["192.168.0.7"]
    assert found["c"] == found["d"] != found["e"]
    assert found["own"] == ["10.9.0.2"]


def test_init_containers_run_in_the_same_sandbox() -> None:
    lab = small("10.9.0.0/30")
    lab.world(("image_exits", ("init:1", 30_000, 0)))
    lab.create(pod("first", initContainers=[{"name": "i", "image": "init:1"}]))
    lab.wait(5)
    lab.create(pod("second"))
    lab.wait(5)
    assert addresses(lab) == {"first": ["10.9.0.2"]}
    assert waiting(lab, "second").startswith("ContainerCreating")
    lab.wait(40)
    assert lab.status("Pod", "first")["phase"] == "Running"
    assert_nothing_is_shared(lab)


def test_more_nodes_than_ranges() -> None:
    book = load_rulebook(parameters={"cluster_cidr": "10.9.0.0/23"})
    lab = Lab(reconciler(book, scheduler="kube"), nodes=("n1", "n2", "n3"))
    lab.create(workload("DaemonSet", "agent"))
    lab.wait(10)
    assert len(addresses(lab)) == 2
    assert troubles(lab, book) == {("Node", "n3", "CIDRNotAvailable")}
    (late,) = (each.name for each in lab.of("Pod") if each.document["spec"]["nodeName"] == "n3")
    assert waiting(lab, late).endswith("node n3 has no range of addresses for its pods (spec.podCIDR)")
    lab.delete("Node", "n1")
    lab.wait(120)
    assert lab.document("Node", "n3")["spec"]["podCIDRs"] == ["10.9.0.0/24"]
    assert addresses(lab)[late] == ["10.9.0.3"]  # addresses go round, too


def test_a_network_plugin_that_needs_no_ranges_of_nodes() -> None:
    book = load_rulebook(parameters={"cluster_cidr": "10.9.0.0/29", "allocate_node_cidrs": 0})
    lab = Lab(reconciler(book, scheduler="kube"), nodes=("n1", "n2"))
    lab.state = replace(lab.state, rules=book)
    for letter in "abcdef":
        lab.create(pod(letter))
        lab.wait(2)
    assert len(addresses(lab)) == 5
    assert_nothing_is_shared(lab)
