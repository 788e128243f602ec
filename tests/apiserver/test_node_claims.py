"""Nodes that are on their way: which NodeClaims count, and that pods go there before anything is bought."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubelogic.apiserver.node_types import read_node_types
from kubelogic.apiserver.reading import load
from kubelogic.cluster import Cluster
from kubelogic.verbs.pools import cheapest_pools, expecting

Document = dict[str, Any]
AMOUNTS = {"cpu": "4", "memory": "8Gi", "pods": "110"}
TYPE: Document = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "big"},
    "status": {"capacity": AMOUNTS, "allocatable": AMOUNTS},
}


def claim(name: str, *, taints: list[Document] | None = None, **status: Any) -> Document:
    spec = {"taints": taints, "startupTaints": [{"key": "starting", "effect": "NoSchedule"}]} if taints else {}
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {"name": name, "labels": {"karpenter.sh/nodepool": "web"}},
        "spec": spec,
        "status": status,
    }


def pods(number: int) -> list[Document]:
    container = {"name": "main", "image": "main:1", "resources": {"requests": {"cpu": "3"}}}
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{each}"}, "spec": {"containers": [container]}}
        for each in range(number)
    ]


def written(path: Path, *documents: Document) -> str:
    path.write_text(json.dumps({"kind": "List", "apiVersion": "v1", "items": documents}), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("claims", "bought", "said"),
    [
        ([], 2, []),
        ([claim("a", capacity=AMOUNTS)], 1, ["NodeClaim a is on its way"]),
        ([claim("a", capacity=AMOUNTS), claim("b", capacity=AMOUNTS)], 0, ["NodeClaim a is", "NodeClaim b is"]),
        ([claim("a")], 2, ["NodeClaim a is not launched yet"]),
        ([claim("a", capacity=AMOUNTS, conditions=[{"type": "Registered", "status": "True"}])], 2, []),
        ([claim("a", capacity=AMOUNTS, nodeName="there")], 2, ["NodeClaim a is on its way"]),
        (
            [claim("a", capacity=AMOUNTS, taints=[{"key": "gpu", "effect": "NoSchedule"}])],
            2,
            ["NodeClaim a is on its way"],
        ),
    ],
    ids=["none", "one", "two", "not launched", "joined", "there by its name", "tainted"],
)
def test_pods_go_to_nodes_that_are_coming_first(
    tmp_path: Path, claims: list[Document], bought: int, said: list[str]
) -> None:
    read = read_node_types([written(tmp_path / "pools.json", TYPE, *claims)])
    there = {**TYPE, "metadata": {"name": "there"}, "spec": {"unschedulable": True}}
    cluster = Cluster.of(load([written(tmp_path / "pods.json", there, *pods(2))]).objects)
    found = cheapest_pools(expecting(cluster, read.coming), read.types, pools=read.pools)
    assert sum(each.nodes for each in found.bought) == bought
    assert found.enough
    assert len(read.notices) == len(said)
    assert all(notice.message.startswith(words) for notice, words in zip(read.notices, said, strict=True))


def test_faults_of_what_is_coming_are_told(tmp_path: Path) -> None:
    from kubelogic.text.location import InputError

    with pytest.raises(InputError, match="KL113"):
        read_node_types([written(tmp_path / "pools.json", TYPE, claim("a", capacity={"cpu": "many"}))])
