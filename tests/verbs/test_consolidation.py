"""Which nodes can go: tried one after the other, with budgets, and proved where no more can."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kubelogic.apiserver.reading import load
from kubelogic.cluster import Cluster
from kubelogic.cluster.objects import as_object
from kubelogic.report.consolidation import render_consolidation
from kubelogic.verbs.autoscaler_holds import held_by_autoscalers
from kubelogic.verbs.consolidation import Consolidation, consolidation
from kubelogic.verbs.reconciled import Options

IDLE = Path(__file__).resolve().parents[2] / "fixtures" / "pools" / "idle.yaml"


def asked(path: Path, **options: object) -> Consolidation:
    cluster = Cluster.of(load([str(path)]).objects)
    return consolidation(cluster, Options(scheduler="kube", **options))  # type: ignore[arg-type]


def test_half_of_the_nodes_can_go_and_no_more() -> None:
    found = asked(IDLE)
    assert (found.nodes, len(found.goes), found.least, len(found.stays)) == (4, 2, 2, 2)
    assert all("would find no other node" in each.why for each in found.stays)
    assert render_consolidation(found).startswith("2 of 4 nodes can go: 2 nodes of these types are needed")


def test_what_the_input_lacks_is_a_paragraph_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "owned.yaml"
    owner = "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web, uid: u, controller: true}"
    file.write_text(
        f"""{IDLE.read_text(encoding="utf-8")}
---
apiVersion: v1
kind: Pod
metadata: {{name: web-1, ownerReferences: [{owner}]}}
spec: {{nodeName: n1, containers: [{{name: a, image: a}}]}}
status: {{phase: Running, conditions: [{{type: Ready, status: "True"}}]}}
"""
    )
    found = asked(file)
    assert "\n\nNOT IN THE INPUT\n" in render_consolidation(found)


def test_pods_that_nothing_makes_anew_do_not_move() -> None:
    told = render_consolidation(asked(IDLE.parents[1] / "groups" / "sixteen-gpus.yaml"))
    assert "--force: default/served-1: nothing makes them anew" in told
    assert "pod moves" not in told


def test_a_budget_that_lets_nobody_go_keeps_its_nodes(tmp_path: Path) -> None:
    strict = tmp_path / "strict.yaml"
    text = (
        IDLE.read_text(encoding="utf-8")
        .replace("maxUnavailable: 1", "maxUnavailable: 0")
        .replace("replicas: 6", "replicas: 2")
    )
    strict.write_text(text, encoding="utf-8")
    found = asked(strict)
    assert len(found.goes) == 2, "two nodes are empty"
    assert all("it never lets one go" in each.why for each in found.stays)


def test_without_time_nothing_is_said_of_nodes() -> None:
    ticks = iter(range(10**6))
    found = asked(IDLE, timeout=1.0, clock=lambda: float(next(ticks)))
    assert found.untried
    assert "there was no time" in render_consolidation(found)


_SAFE = "cluster-autoscaler.kubernetes.io/safe-to-evict"
_LOCAL: dict[str, Any] = {
    "volumes": [{"name": "cache", "emptyDir": {}}, {"name": "fast", "emptyDir": {"medium": "Memory"}}]
}


@pytest.mark.parametrize(
    ("meta", "spec", "held"),
    [
        ({}, {}, ()),
        ({"annotations": {_SAFE: "false"}}, {}, (f"cluster-autoscaler: default/web-1 says {_SAFE}: false",)),
        ({}, _LOCAL, ("cluster-autoscaler: default/web-1 has local storage (cache)",)),
        ({"annotations": {_SAFE: "true"}}, _LOCAL, ()),
        ({"annotations": {f"{_SAFE}-local-volumes": "cache"}}, _LOCAL, ()),
        ({}, {**_LOCAL, "priority": -11}, ()),
        ({"ownerReferences": []}, {}, ("cluster-autoscaler: nothing makes default/web-1 anew",)),
        (
            {"namespace": "kube-system"},
            {},
            ("cluster-autoscaler: kube-system/web-1 is of kube-system, without a budget",),
        ),
        (
            {"annotations": {"karpenter.sh/do-not-disrupt": "true"}},
            _LOCAL,
            (
                "cluster-autoscaler: default/web-1 has local storage (cache)",
                "Karpenter: default/web-1 says karpenter.sh/do-not-disrupt: true",
            ),
        ),
        (
            {"annotations": {"kubernetes.io/config.mirror": "x"}, "ownerReferences": []},
            {},
            (),
        ),
    ],
)
def test_what_autoscalers_leave_is_told(
    meta: Mapping[str, Any], spec: Mapping[str, Any], held: tuple[str, ...]
) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u", "controller": True}
    about = {"name": "web-1", "namespace": "default", "ownerReferences": [owner], **meta}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": {"nodeName": "n1", **spec}}
    assert held_by_autoscalers(Cluster.of([as_object(pod)]), "n1") == held


def test_a_node_may_say_itself_that_it_stays() -> None:
    disabled = "cluster-autoscaler.kubernetes.io/scale-down-disabled"
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "annotations": {disabled: "true"}}}
    assert held_by_autoscalers(Cluster.of([as_object(node)]), "n1") == (
        f"cluster-autoscaler: it says {disabled}: true",
    )


def test_nodes_that_can_go_and_are_left_are_listed(tmp_path: Path) -> None:
    held = tmp_path / "held.yaml"
    template = f'metadata: {{labels: {{app: web}}, annotations: {{{_SAFE}: "false"}}}}'
    held.write_text(
        IDLE.read_text(encoding="utf-8").replace("metadata: {labels: {app: web}}", template), encoding="utf-8"
    )
    found = asked(held)
    assert {each.node for each in found.goes} >= found.held.keys() > set()
    title = "AUTOSCALERS LEAVE"
    assert title in render_consolidation(found)
    assert title not in render_consolidation(asked(IDLE))


def test_pods_that_go_with_their_nodes_make_no_contradiction() -> None:
    found = Consolidation(nodes=2, goes=asked(IDLE).goes[:1], stays=(), least=2)
    assert render_consolidation(found).startswith(
        "1 of 2 nodes can go; with the pods that go with them and that nothing makes anew, 2 nodes of these types are "
        "needed."
    )
