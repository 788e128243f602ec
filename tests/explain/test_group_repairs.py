"""Repairs of pods that wait for their group: each was tried."""

from __future__ import annotations

from kubelogic.api import explain, load
from tests.explain.small import Document, node, spec, workload


def group(least: int) -> Document:
    return {
        "apiVersion": "scheduling.k8s.io/v1beta1",
        "kind": "PodGroup",
        "metadata": {"name": "train", "namespace": "default"},
        "spec": {"schedulingPolicy": {"gang": {"minCount": least}}},
    }


def web(replicas: int) -> Document:
    return workload("ReplicaSet", "web", spec("1", schedulingGroup={"podGroupName": "train"}), replicas=replicas)


def summaries(*documents: Document) -> list[str]:
    return [each.summary for each in explain(load(list(documents)), "rs/web").repairs]


def test_a_minimum_of_more_pods_than_there_are_is_lowered() -> None:
    assert summaries(node("n1"), group(5), web(3)) == ["make the group default/train anew with minCount 3 instead of 5"]


def test_the_group_that_is_not_there_is_made() -> None:
    assert summaries(node("n1"), web(3)) == ["create the group default/train with minCount 3"]


def test_fewer_pods_at_once_or_more_nodes_where_there_is_too_little_room() -> None:
    found = summaries(node("n1", cpu="3"), group(5), web(5))
    assert "make the group default/train anew with minCount 3 instead of 5 and set replicas to 3" in found
    assert any(each.startswith("add ") and "like n1" in each for each in found)
    assert not any("minCount" in each and "add" in each for each in found)
    assert "make the group default/train anew with minCount 3 instead of 5" not in found
