"""Moves: each step passes all filters for the pod that moves, and the recipe works when followed to the letter."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.api import load, plan
from kubelogic.verbs.moves import MovePlan
from tests.explain.small import apart, cordoned, node, pod, spec

OWNED = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "rs1", "controller": True}
ML = [{"key": "pool", "value": "ml", "effect": "NoSchedule"}]
LEAVING = [{"key": "pool", "value": "ml", "effect": "NoExecute"}]


def running(name: str, on: str, **more: Any) -> dict[str, Any]:
    return pod(name, spec("2", **more), on=on, ownerReferences=[OWNED], labels={"app": "web"})


def moves(*objects: dict[str, Any]) -> MovePlan:
    found = plan(load([*objects, pod("big", spec("3"))]), allow_moves=2).moves
    assert found is not None
    return found


def test_a_recipe_uncordons_and_can_be_typed() -> None:
    found = moves(node("oak"), node("elm"), running("web-1", "oak"), running("web-2", "elm"))
    assert found.verdict == "enough"
    (move,) = found.moves
    assert found.placements == (("default/big", move.source),)
    assert found.commands[0] == f"kubectl cordon {move.source}"
    assert found.commands[-1] == f"kubectl uncordon {move.source}"
    assert f"/api/v1/namespaces/default/pods/{move.pod.partition('/')[2]}/eviction" in found.commands[1]


@pytest.mark.parametrize(
    "other",
    [
        node("elm", taints=ML, cpu="8"),
        node("elm", taints=LEAVING, cpu="8"),
        cordoned(node("elm", cpu="8")),
    ],
    ids=["taint", "NoExecute", "cordon"],
)
def test_no_step_leads_where_the_pod_is_not_taken(other: dict[str, Any]) -> None:
    found = moves(node("oak"), other, running("web-1", "oak"))
    assert (found.moves, found.commands) == ((), ())
    assert "default/big" not in {pod for pod, _ in found.placements}


def test_a_node_selector_holds_for_the_pod_that_moves() -> None:
    held = running("web-1", "oak", nodeSelector={"disk": "nvme"})
    found = moves(node("oak", labels={"disk": "nvme"}), node("elm", taints=ML), held)
    assert found.moves == ()


def test_pods_that_keep_apart_are_not_moved() -> None:
    rule = apart({"app": "web"}, "kubernetes.io/hostname")
    found = moves(
        node("oak"), node("elm"), running("web-1", "oak", affinity=rule), running("web-2", "elm", affinity=rule)
    )
    assert found.moves == ()


def test_a_pod_without_a_controller_is_not_moved() -> None:
    found = moves(node("oak"), node("elm"), pod("a", spec("2"), on="oak"), pod("b", spec("2"), on="elm"))
    assert found.moves == ()
    assert found.staying == {"without a controller to make it anew": 2}
