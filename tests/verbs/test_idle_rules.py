"""Anti-affinity over a label that no node has keeps no pods apart: plan, explain and check tell it."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.api import check, explain_any, load, plan
from tests.explain.small import node, spec, workload

TOLD = "Deployment default/web: no node of the input has the label rack, so its anti-affinity keeps no pods apart"


def web(key: str, how: str = "requiredDuringSchedulingIgnoredDuringExecution") -> dict[str, Any]:
    term: dict[str, Any] = {"topologyKey": key, "labelSelector": {"matchLabels": {"app": "web"}}}
    if how.startswith("preferred"):
        term = {"weight": 1, "podAffinityTerm": term}
    return workload("Deployment", "web", spec("1", affinity={"podAntiAffinity": {how: [term]}}))


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
        pytest.param([node("n1"), web("rack", "preferredDuringSchedulingIgnoredDuringExecution")], id="only a wish"),
    ],
)
def test_where_it_keeps_pods_apart_nothing_is_told(documents: list[dict[str, Any]]) -> None:
    assert not [each for each in plan(load(documents)).notices if each.code == "KL417"]
