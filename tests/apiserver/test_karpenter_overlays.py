"""What NodeOverlays change of the types of nodes of NodePools, and which are refused or do nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubelogic.apiserver.node_types import NodeTypes, read_node_types
from kubelogic.text.location import InputError

Document = dict[str, Any]


def pool(name: str, *kinds: str, **labels: str) -> Document:
    requirements = [{"key": "node.kubernetes.io/instance-type", "operator": "In", "values": list(kinds)}]
    if labels.pop("both", ""):
        capacity_types = {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand", "spot"]}
        requirements.append(capacity_types)
    template = {"metadata": {"labels": labels}, "spec": {"requirements": requirements}}
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": name},
        "spec": {"template": template},
    }


def machine(name: str, price: str) -> Document:
    amounts = {"cpu": "4", "memory": "8Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"node.kubernetes.io/instance-type": name},
            "annotations": {"kubelogic.dev/price": price},
        },
        "status": {"capacity": amounts, "allocatable": amounts},
    }


def overlay(name: str, *requirements: tuple[str, str, list[str]], **spec: Any) -> Document:
    asked = [{"key": key, "operator": operator, "values": values} for key, operator, values in requirements]
    return {
        "apiVersion": "karpenter.sh/v1alpha1",
        "kind": "NodeOverlay",
        "metadata": {"name": name},
        "spec": {"requirements": asked, **spec},
    }


KIND, TYPE = "node.kubernetes.io/instance-type", "karpenter.sh/capacity-type"
BASE = [pool("web", "small", "big", both="yes", team="shop"), machine("small", "1"), machine("big", "3")]
SMALL = (KIND, "In", ["small"])


def read(tmp_path: Path, *overlays: Document) -> NodeTypes:
    path = tmp_path / "pools.json"
    path.write_text(json.dumps({"kind": "List", "apiVersion": "v1", "items": [*BASE, *overlays]}), encoding="utf-8")
    return read_node_types([str(path)])


def prices(found: NodeTypes) -> dict[str, float]:
    return {each.node.name.removeprefix("web-"): float(each.price) for each in found.types}


@pytest.mark.parametrize(
    ("overlays", "expected"),
    [
        ([], {"big": 3, "big-2": 3, "small": 1, "small-2": 1}),
        ([overlay("a", SMALL, price="0.25")], {"big": 3, "big-2": 3, "small": 0.25, "small-2": 0.25}),
        (
            [overlay("a", (TYPE, "In", ["spot"]), priceAdjustment="-70%")],
            {"big": 3, "big-2": 0.9, "small": 1, "small-2": 0.3},
        ),
        (
            [overlay("a", ("team", "In", ["shop"]), priceAdjustment="+0.5")],
            {"big": 3.5, "big-2": 3.5, "small": 1.5, "small-2": 1.5},
        ),
        ([overlay("a", ("team", "NotIn", ["shop"]), price="9")], {"big": 3, "big-2": 3, "small": 1, "small-2": 1}),
        ([overlay("a", SMALL, priceAdjustment="-2")], {"big": 3, "big-2": 3, "small": 0, "small-2": 0}),
        (
            [overlay("low", weight=1, price="7"), overlay("high", SMALL, weight=2, price="5")],
            {"big": 7, "big-2": 7, "small": 5, "small-2": 5},
        ),
        (
            [overlay("a", price="7"), overlay("b", SMALL, price="5")],
            {"big": 3, "big-2": 3, "small": 5, "small-2": 5},
        ),
    ],
    ids=["none", "price", "offerings", "labels of the pool", "not in", "not below zero", "weights", "a conflict"],
)
def test_prices(tmp_path: Path, overlays: list[Document], expected: dict[str, float]) -> None:
    assert prices(read(tmp_path, *overlays)) == expected


def test_resources_come_to_all_offerings_of_a_machine_and_higher_weights_count(tmp_path: Path) -> None:
    spot = (TYPE, "In", ["spot"])
    found = read(
        tmp_path,
        overlay("low", SMALL, capacity={"example.com/fuse": "10", "example.com/slot": "1"}),
        overlay("high", SMALL, spot, weight=3, capacity={"example.com/fuse": "2"}),
    )
    for each in found.types:
        allocatable = each.node.document["status"]["allocatable"]
        has = {name: str(amount) for name, amount in allocatable.items() if name.startswith("example.com/")}
        small = each.node.name.startswith("web-small")
        assert has == ({"example.com/fuse": "2", "example.com/slot": "1"} if small else {})


def test_what_does_nothing_is_told(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        overlay("a", price="7"),
        overlay("b", SMALL, price="5"),
        overlay("c", (KIND, "In", ["huge"]), price="5"),
        overlay("d", capacity={"example.com/slot": "1"}),
    )
    assert [notice.message for notice in found.notices] == [
        "NodeOverlay a is not applied: it is in conflict with NodeOverlay b, which has the same weight",
        "NodeOverlay c is for none of the types of nodes that NodePools take",
    ]
    assert all("example.com/slot" in each.node.document["status"]["capacity"] for each in found.types)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"price": "1", "priceAdjustment": "+1"}, "cannot be set together with price"),
        ({"price": "-1"}, "spec.price: is text such as 0.25"),
        ({"price": 1}, "spec.price: is text such as 0.25, not 1"),
        ({"price": "9999999999"}, "spec.price: is below 1,000,000,000"),
        ({"priceAdjustment": "10%"}, "spec.priceAdjustment: is text such as -10%"),
        ({"priceAdjustment": "-101%"}, "spec.priceAdjustment: is text such as -10%"),
        ({"weight": 0}, "spec.weight: is a whole number from 1 to 10,000"),
        ({"weight": True}, "spec.weight: is a whole number"),
        ({"capacity": {"cpu": "1"}}, "adds extended resources only"),
        ({"capacity": {"example.com/slot": "x"}}, "'x' is no quantity"),
        ({"capacity": []}, None),
        ({"capacity": [1]}, "spec.capacity: is a mapping"),
        ({"requirements": None}, "spec.requirements: is a list of requirements"),
        (
            {"requirements": [{"key": "a", "operator": "in", "values": ["b"]}]},
            r"spec.requirements\[0\].operator: is one of",
        ),
        ({"requirements": [{"key": "a", "operator": "In"}]}, "has at least one value for In"),
        ({"requirements": [{"key": "a", "operator": "Gte", "values": ["x"]}]}, "is one whole number for Gte"),
        ({"requirements": ["a"]}, r"spec.requirements\[0\]: has a key, an operator and values"),
    ],
)
def test_faults_are_told_where_they_are(tmp_path: Path, spec: Document, message: str | None) -> None:
    if message is None:
        assert read(tmp_path, overlay("a", **spec)).types
        return
    with pytest.raises(InputError, match=message):
        read(tmp_path, overlay("a", **spec))
