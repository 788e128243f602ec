"""Rules over a label that no node has: those that do nothing are told, by every verb about such pods."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.api import capacity, check, explain_any, load, plan
from kubelogic.apiserver.node_types import read_node_types
from kubelogic.verbs.pools import cheapest_pools
from tests.explain.small import node, spec, spread, workload

SOFT = "preferredDuringSchedulingIgnoredDuringExecution"
ANYWAY = {"maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "ScheduleAnyway"}
TOLD = "Deployment default/web: no node of the input has the label rack, so its anti-affinity keeps no pods apart"


def web(key: str, how: str = "requiredDuringSchedulingIgnoredDuringExecution") -> dict[str, Any]:
    term: dict[str, Any] = {"topologyKey": key, "labelSelector": {"matchLabels": {"app": "web"}}}
    if how.startswith("preferred"):
        term = {"weight": 1, "podAffinityTerm": term}
    return workload("Deployment", "web", spec("1", affinity={"podAntiAffinity": {how: [term]}}))


def wishes(**rules: Any) -> dict[str, Any]:
    return workload("Deployment", "web", spec("1", **rules))


def near_nodes(key: str, operator: str) -> dict[str, Any]:
    term = {"weight": 1, "preference": {"matchExpressions": [{"key": key, "operator": operator}]}}
    return {"nodeAffinity": {SOFT: [term]}}


def test_it_is_told_by_all_of_them() -> None:
    cluster = load([node("n1"), node("n2"), web("rack")])
    assert [each.message for each in plan(cluster).notices if each.code == "KL417"] == [TOLD]
    assert [each.message for each in explain_any(cluster, "deploy/web").lacking.notices if each.code == "KL417"] == [
        TOLD
    ]
    found = [each for each in check(cluster).findings if each.code == "KL417"]
    assert [(each.severity, each.message, each.key) for each in found] == [("warning", TOLD, "default/web")]
    assert found[0].helps.startswith("Name a label that nodes have")


@pytest.mark.parametrize(
    "documents",
    [
        pytest.param([node("n1"), web("kubernetes.io/hostname")], id="every node has it"),
        pytest.param([node("n1"), node("n2", labels={"rack": "a"}), web("rack")], id="one node has it"),
        pytest.param([web("rack")], id="there is no node"),
        pytest.param([node("n1"), wishes(topologySpreadConstraints=spread("web", "rack"))], id="it keeps pods out"),
        pytest.param([node("n1"), wishes(affinity=near_nodes("rack", "DoesNotExist"))], id="every node is preferred"),
    ],
)
def test_where_it_keeps_pods_apart_nothing_is_told(documents: list[dict[str, Any]]) -> None:
    assert not [each for each in plan(load(documents)).notices if each.code == "KL417"]


def test_capacity_tells_it_as_plan_does() -> None:
    nodes, told = [node("n1"), node("n2")], [TOLD]
    alone, beside = load(nodes), load([*nodes, web("rack")])
    asked = next(iter(load([web("rack")])))
    for found in (capacity(alone, asked), capacity(beside, asked), capacity(beside, None)):
        assert [each.message for each in found.notices if each.code == "KL417"] == told
    assert not [each for each in capacity(alone, asked).notices if each.code == "KL195"]


def test_types_of_nodes_that_have_the_label_count() -> None:
    cluster = load([node("n1"), web("rack")])
    for types, told in (("1:4cpu:16Gi", [TOLD]), ("1:4cpu:16Gi:rack=a", [])):
        found = cheapest_pools(cluster, read_node_types([types], "").types)
        assert [each.message for each in found.notices if each.code == "KL417"] == told, types


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (
            web("rack", SOFT),
            "its preferred anti-affinity keeps no pods apart",
        ),
        (
            wishes(affinity={"podAffinity": {SOFT: [{"weight": 1, "podAffinityTerm": {"topologyKey": "rack"}}]}}),
            "its preferred affinity brings no pods together",
        ),
        (
            wishes(topologySpreadConstraints=[ANYWAY]),
            "none of its constraints with ScheduleAnyway spreads pods",
        ),
        (
            wishes(affinity=near_nodes("rack", "Exists")),
            "that preferred node affinity prefers no node",
        ),
    ],
)
def test_wishes_over_such_a_label_are_told(document: dict[str, Any], told: str) -> None:
    message = f"Deployment default/web: no node of the input has the label rack, so {told}"
    for found in (plan(load([node("n1"), document])).notices, check(load([node("n1"), document])).findings):
        assert [each.message for each in found if each.code == "KL417"] == [message]
    there = plan(load([node("n1", labels={"rack": "a"}), document])).notices
    assert not [each for each in there if each.code == "KL417"]
