"""Pools of nodes in short form: what each part means, and every fault with its column."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.kinds.pools import DEFAULTS, is_pool, node_documents, parse


def only(text: str, number: int = 0) -> dict[str, Any]:
    pool, faults = parse(text)
    assert not faults
    assert pool is not None
    return list(node_documents([pool]))[number]


@pytest.mark.parametrize(
    ("text", "offers"),
    [
        ("1", {}),
        ("1:8cpu", {"cpu": "8"}),
        ("1:500mcpu:1.5Gi", {"cpu": "500m", "memory": "1.5Gi"}),
        ("1:64Gimemory", {"memory": "64Gi"}),
        ("1:4memory", {"memory": "4"}),
        ("1:200Gidisk:30pods", {"ephemeral-storage": "200Gi", "pods": "30"}),
        ("1:4nvidia.com/gpu", {"nvidia.com/gpu": "4"}),
        ("1:2Mihugepages-2Mi", {"hugepages-2Mi": "2Mi"}),
        ("1:2G:2cpu", {"memory": "2G", "cpu": "2"}),
    ],
)
def test_amounts(text: str, offers: dict[str, str]) -> None:
    node = only(text)
    assert node["status"]["allocatable"] == node["status"]["capacity"] == {**DEFAULTS, **offers}


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("1:zone=a", {"topology.kubernetes.io/zone": "a"}),
        (
            "1:region=eu:type=m5.large",
            {"topology.kubernetes.io/region": "eu", "node.kubernetes.io/instance-type": "m5.large"},
        ),
        ("1:pool=web:example.com/tier=", {"pool": "web", "example.com/tier": ""}),
        ("1:arch=arm64:os=windows", {"kubernetes.io/arch": "arm64", "kubernetes.io/os": "windows"}),
        ("1:topology.kubernetes.io/zone=b", {"topology.kubernetes.io/zone": "b"}),
    ],
)
def test_labels(text: str, labels: dict[str, str]) -> None:
    standard = {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", "kubernetes.io/hostname": "node-1"}
    assert only(text)["metadata"]["labels"] == {**standard, **labels}


@pytest.mark.parametrize(
    ("text", "taints"),
    [
        ("1:gpu=true!NoSchedule", [{"key": "gpu", "value": "true", "effect": "NoSchedule"}]),
        ("1:spot!NoExecute", [{"key": "spot", "effect": "NoExecute"}]),
        (
            "1:a=b!NoSchedule:a=b!NoExecute:example.com/x!PreferNoSchedule",
            [
                {"key": "a", "value": "b", "effect": "NoSchedule"},
                {"key": "a", "value": "b", "effect": "NoExecute"},
                {"key": "example.com/x", "effect": "PreferNoSchedule"},
            ],
        ),
    ],
)
def test_taints(text: str, taints: list[dict[str, str]]) -> None:
    assert only(text)["spec"]["taints"] == taints


@pytest.mark.parametrize(
    ("text", "columns", "words"),
    [
        ("0", [1], "from 1 to"),
        ("99999999:4cpu", [1], "from 1 to"),
        ("3:", [3], "nothing stands"),
        ("3::4cpu", [3], "nothing stands"),
        ("3:4", [3], "4 of what? Such as 4cpu or 4Gi"),
        ("3:16GB", [3], "did you mean 16Gi?"),
        ("3:16gi", [3], "did you mean 16Gi?"),
        ("3:500m", [3], "500m of what? Such as 500mcpu or 500Gi"),
        ("3:cpu=4", [3], "an amount is written 4cpu"),
        ("3:memory=16Gi", [3], "an amount is written 16Gi"),
        ("3:nvidia.com/gpu=2", [3], "an amount is written 2nvidia.com/gpu"),
        ("3:4cores", [3], "did you mean 4cpu?"),
        ("3:4cpus:2gpu", [3, 9], "did you mean 4cpu?"),
        ("3:0cpu", [3], "out of bounds"),
        ("3:9999999Ecpu", [3], "out of bounds"),
        ("3:4cpu:8cpu", [8], "cpu is there twice"),
        ("3:1.5pods", [3], "counted in whole numbers"),
        ("3:1.5nvidia.com/gpu", [3], "counted in whole numbers"),
        ("3:big", [3], "is no amount, no label KEY=VALUE and no taint KEY!EFFECT"),
        ("3:4cpu:a b=c", [8], "no key of a label"),
        ("3:a=b c", [5], "no value of a label"),
        ("3:zone=a:topology.kubernetes.io/zone=b", [10], "is there twice"),
        ("3:gpu=true!NoSchedul", [12], "did you mean NoSchedule?"),
        ("3:!NoSchedule", [3], "no key of a taint"),
        ("3:a!NoSchedule:a=b!NoSchedule", [16], "is there twice"),
        ("3:4zpu:x:y!Z", [3, 8, 12], "did you mean 4cpu?"),
    ],
)
def test_faults_say_where(text: str, columns: list[int], words: str) -> None:
    pool, faults = parse(text)
    assert pool is None
    assert [each.location.column for each in faults] == columns
    assert words in faults[0].message
    assert all((each.code, each.excerpt, each.caret) == ("KL118", text, each.location.column) for each in faults)


def test_names_are_numbered_through_all_pools_beside_what_is_there() -> None:
    pools = [pool for text in ("2:zone=a", "1:zone=b") if (pool := parse(text)[0])]
    found = list(node_documents(pools, {"node-2"}))
    assert [each["metadata"]["name"] for each in found] == ["node-1", "node-3", "node-4"]
    assert [each["metadata"]["labels"]["topology.kubernetes.io/zone"] for each in found] == ["a", "a", "b"]


def test_a_file_that_starts_with_a_number_is_named_with_its_folder() -> None:
    assert is_pool("3")
    assert is_pool("3:zz")
    assert not any(map(is_pool, ("./3", "nodes.yaml", "3.yaml", "-", "")))
