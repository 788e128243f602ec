"""What nearly fits is told: tolerations that miss, volumes that a claim might have, what is reserved of a node."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.api import explain, load
from tests.explain.small import ZONE, claim, csi_node, node, pod, spec, storage_class, uses, volume, workload

GPU = [{"key": "gpu", "value": "true", "effect": "NoSchedule"}]
ROLE = "node-role.kubernetes.io"


@pytest.mark.parametrize(
    ("taint", "toleration", "words"),
    [
        (
            GPU,
            {"key": "gpu", "effect": "NoSchedule"},
            ": it tolerates gpu:NoSchedule without a value (operator: Exists",
        ),
        (GPU, {"key": "gpu"}, ": it tolerates gpu with any effect without a value (operator: Exists takes any)"),
        (GPU, {"key": "gpu", "value": "yes", "effect": "NoSchedule"}, ": it tolerates gpu=yes:NoSchedule"),
        (GPU, {"key": "gpu", "value": "yes"}, ": it tolerates gpu=yes with any effect"),
        (
            GPU,
            {"key": "gpu", "operator": "Exists", "effect": "NoExecute"},
            ": it tolerates gpu:NoExecute with any value",
        ),
        (
            [{"key": f"{ROLE}/control-plane", "effect": "NoSchedule"}],
            {"key": f"{ROLE}/master", "operator": "Exists"},
            f": it tolerates {ROLE}/master with any value and effect",
        ),
    ],
)
def test_a_toleration_that_misses(taint: list[dict[str, Any]], toleration: dict[str, Any], words: str) -> None:
    found = explain(load([node("oak", taints=taint), pod("p", spec(tolerations=[toleration]))]), "p")
    (detail,) = [each.detail for each in found.blockers if each.predicate == "rejects_taint"]
    assert f"which default/p does not tolerate{words}" in detail


@pytest.mark.parametrize("key", ["gpu", "node.kubernetes.io/unreachable"])
def test_none_is_near(key: str) -> None:
    taint = [{"key": key, "effect": "NoSchedule"}]
    found = explain(load([node("oak", taints=taint), pod("p", spec(tolerations=[{"key": "team"}]))]), "p")
    assert not [each for each in found.blockers if "it tolerates" in each.detail]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"disk": "sdd"}, "a lacks the label disk=sdd, which default/p selects: it has disk=ssd"),
        ({"dsk": "ssd"}, "a lacks the label dsk=ssd, which default/p selects: it has disk=ssd"),
        ({"failure-domain.beta.kubernetes.io/zone": "a"}, "zone=a, as this label is called now"),
        ({"disk": "hdd1"}, "a lacks the label disk=hdd1, which default/p selects"),
        ({"pool": "ssd"}, "a lacks the label pool=ssd, which default/p selects"),
    ],
)
def test_a_label_that_is_meant_perhaps(asked: dict[str, str], words: str) -> None:
    found = explain(load([node("a", labels={"disk": "ssd", ZONE: "a"}), pod("p", spec(nodeSelector=asked))]), "p")
    assert [each.detail.endswith(words) for each in found.blockers] == [True]


def _waits(*objects: dict[str, Any], **of: Any) -> str:
    static = {**storage_class(provisioner="kubernetes.io/no-provisioner"), "volumeBindingMode": "Immediate"}
    mine = claim("data", **of)
    found = explain(load([node("oak"), static, *objects, mine, pod("p", spec(volumes=uses("data")))]), "p")
    (member,) = found.waits_for
    return member.text.partition("; ")[2]


def test_a_volume_that_fails_a_claim_for_one_thing() -> None:
    block = volume("d2")
    block["spec"]["volumeMode"] = "Block"
    kept = volume("d2", claim="data")
    kept["spec"]["claimRef"]["uid"] = "before"
    small = volume("d2")
    small["spec"]["capacity"] = {"storage": "1Mi"}
    classless = volume("d2")
    classless["spec"]["storageClassName"] = ""
    assert _waits(block) == "d2 has the volumeMode Block"
    assert _waits(kept) == "d2 is kept for the claim default/data that it had before"
    assert _waits(small) == "d2 has 1Mi only"
    assert _waits(classless) == "d2 has no class"
    assert _waits(volume("d2"), of="") == "d2 is of class disk"
    assert _waits(volume("d2"), modes=["ReadWriteMany"]) == "d2 has the access modes ReadWriteOnce"


def test_volumes_of_others_and_those_that_fail_for_more_are_not_told() -> None:
    other = [volume("d1", claim="mine"), claim("mine", bound="d1")]
    assert _waits(*other, volume("d2"), of="", modes=["ReadWriteMany"]) == ""


@pytest.mark.parametrize(
    ("asked", "words"),
    [("4", "oak can hold at most 3.9 of cpu; 4 is its capacity, of which 0.1 is kept for the system"), ("5", "")],
)
def test_what_is_reserved_of_a_node(asked: str, words: str) -> None:
    oak = node("oak", cpu="3900m")
    oak["status"]["capacity"] = {**oak["status"]["capacity"], "cpu": "4"}
    found = explain(load([oak, workload("Deployment", "web", spec(asked))]), "default/web")
    said = [each.text for each in found.conflict]
    assert any(words == each if words else each == "oak can hold at most 3.9 of cpu" for each in said), said


def test_what_a_kubelet_says_of_its_node_is_told() -> None:
    oak = node("oak", taints=[{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}])
    oak["status"]["conditions"] = [{"type": "Ready", "status": "False", "message": "cni plugin not initialized"}]
    found = explain(load([oak, pod("p")]), "p")
    (member,) = found.waits_for
    assert member.text.endswith("until the node is ready; it says: cni plugin not initialized")


def test_where_a_class_makes_volumes_is_told() -> None:
    rows = [{"matchLabelExpressions": [{"key": ZONE, "values": ["x", "y"]}]}]
    picky = {**storage_class(), "allowedTopologies": rows}
    cluster = load([node("oak", labels={ZONE: "a"}), picky, claim("data"), pod("p", spec(volumes=uses("data")))])
    (member,) = explain(cluster, "p").waits_for
    assert member.text.endswith(
        "none can be made there; the class makes volumes only where topology.kubernetes.io/zone=x, y"
    )


def test_no_volume_is_made_for_a_claim_with_a_selector() -> None:
    asked = claim("data")
    asked["spec"]["selector"] = {"matchLabels": {"disk": "fast"}}
    at_once = {**storage_class(), "volumeBindingMode": "Immediate"}
    cluster = load([node("oak"), at_once, asked, pod("p", spec(volumes=uses("data")))])
    (member,) = explain(cluster, "p").waits_for
    assert "; it has a selector, and for such a claim no volume is made: one that is there" in member.text


def test_who_keeps_a_claim_that_is_being_deleted_is_told() -> None:
    going = claim("data", bound="d1")
    going["metadata"] |= {
        "deletionTimestamp": "2026-05-01T10:00:00Z",
        "deletionGracePeriodSeconds": 0,
        "finalizers": ["kubernetes.io/pvc-protection"],
    }
    old = pod("old", spec(volumes=uses("data")), on="oak")
    objects = [node("oak"), storage_class(), volume("d1", claim="data"), going, old, pod("other", on="oak")]
    (member,) = explain(load([*objects, pod("p", spec(volumes=uses("data")))]), "p").waits_for
    assert member.text.endswith("is being deleted; it goes when no pod uses it any more, and default/old does")


def test_one_volume_more_is_one() -> None:
    held = [volume(f"d{i}", claim=f"c{i}") for i in (1, 2)] + [claim(f"c{i}", bound=f"d{i}") for i in (1, 2)]
    objects = [node("oak"), csi_node("oak", 1), storage_class(), *held, pod("old", spec(volumes=uses("c1")), on="oak")]
    found = explain(load([*objects, pod("p", spec(volumes=uses("c2")))]), "p")
    assert [each.detail for each in found.blockers] == [
        "default/p needs 1 more volume of disk.example.com on oak, which has 1 of at most 1"
    ]


@pytest.mark.parametrize(
    ("held", "asked", "words"),
    [
        ("nvidia.com/gpu", "nvidia.com/gpus", "and oak has 0 free: it has nvidia.com/gpu"),
        ("nvidia.com/mig-1g.5gb", "nvidia.com/gpu", "and oak has 0 free: it has nvidia.com/mig-1g.5gb"),
        ("amd.com/gpu", "example.com/tpu", "and oak has 0 free"),
    ],
)
def test_a_resource_that_goes_by_another_name(held: str, asked: str, words: str) -> None:
    resources = {"limits": {asked: "1"}}
    given = pod("p", {"containers": [{"name": "c", "image": "i", "resources": resources}]})
    (blocker,) = explain(load([node("oak", **{held: "4"}), given]), "p").blockers
    assert blocker.detail.endswith(words)
