"""Repairs of pods that wait for their group: each was tried."""

from __future__ import annotations

from kubelogic.api import explain, load
from tests.explain.small import Document, node, pod, spec, workload


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


HIGH: Document = {
    "apiVersion": "scheduling.k8s.io/v1",
    "kind": "PriorityClass",
    "metadata": {"name": "high"},
    "value": 1000,
}


def test_the_priority_of_pods_does_not_count_for_their_group() -> None:
    members = workload("ReplicaSet", "web", spec("3", schedulingGroup={"podGroupName": "train"}), replicas=1)
    members["spec"]["template"]["spec"]["priorityClassName"] = "high"
    small = pod("low", spec("3"), on="n1")
    found = explain(load([node("n1"), HIGH, group(1), small, members]), "rs/web")
    assert found.because == (
        "Others make room for a group by its own priority: default/train has 0, and the 1000 of its pods does not "
        "count (priorityClassName of the PodGroup).",
    )
    assert any(
        each.summary == "make the group default/train anew with the PriorityClass high, as its pods have it; "
        "it then preempts default/low"
        for each in found.repairs
    )
    ranked = group(1)
    ranked["spec"]["priorityClassName"] = "high"
    assert explain(load([node("n1"), HIGH, ranked, small, members]), "rs/web").node == "n1"


def test_members_that_are_not_there_are_counted() -> None:
    mine = pod("a", spec("1", schedulingGroup={"podGroupName": "train"}))
    other = pod("b", spec("1", schedulingGroup={"podGroupName": "train"}, schedulerName="other"))
    assert explain(load([node("n1"), group(4), mine, {**mine, "metadata": {"name": "c"}}]), "default/a").because == (
        "The group default/train starts with 4 pods, and there are 2.",
    )
    assert explain(load([node("n1"), group(2), mine, other]), "default/a").because == (
        "The group default/train starts with 2 pods, and there is 1; default/b of another scheduler does not count.",
    )
    three = [{**mine, "metadata": {"name": name}} for name in ("a", "c")]
    found = explain(load([node("n1"), group(3), *three, other]), "default/a")
    assert [each.summary for each in found.repairs] == [
        "make the group default/train anew with minCount 2 instead of 3"
    ]
