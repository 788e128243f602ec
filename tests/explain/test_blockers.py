"""Blockers: every reason against every node, with the numbers of both sides; and what documents keep of very many."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from kubelogic.api import explain, load, plan
from kubelogic.cluster import Cluster
from kubelogic.explain.blockers import Blocker
from kubelogic.report.documents import first_of_each, plan_document, reasons_document
from kubelogic.report.plan import blocker_lines
from tests.explain.small import apart, node, pod, spec, workload

NODES = """\
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {kubernetes.io/hostname: n1, disk: ssd}}
status: {allocatable: {cpu: "2", memory: 8Gi, pods: "20"}}
---
apiVersion: v1
kind: Node
metadata: {name: n2, labels: {kubernetes.io/hostname: n2}}
spec: {taints: [{key: gpu, value: a100, effect: NoSchedule}]}
status: {allocatable: {cpu: "8", memory: 8Gi, pods: "20"}}
---
apiVersion: v1
kind: Pod
metadata: {name: there}
spec:
  nodeName: n1
  containers: [{name: c, image: i, resources: {requests: {cpu: 700m}}, ports: [{containerPort: 1, hostPort: 80}]}]
---
"""


def cluster(tmp_path: Path, spec: str) -> Cluster:
    path = tmp_path / "all.yaml"
    path.write_text(f"{NODES}apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {spec}\n")
    return load([str(path)])


def requesting(cpu: str, more: str = "") -> str:
    return f"{{containers: [{{name: c, image: i, resources: {{requests: {{cpu: {cpu}}}}}{more}}}]}}"


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        (
            requesting("2"),
            [
                ("n1", "KL206", "Insufficient cpu", "default/p requests 2 of cpu, and n1 has 1.3 free"),
                ("n2", "KL203", "node(s) had untolerated taint(s)", "n2 has the taint gpu=a100:NoSchedule"),
            ],
        ),
        (
            requesting("9"),
            [
                ("n1", "KL206", "Insufficient cpu", "default/p requests 9 of cpu, and n1 has 1.3 free"),
                ("n2", "KL203", "node(s) had untolerated taint(s)", "n2 has the taint gpu=a100:NoSchedule"),
                ("n2", "KL206", "Insufficient cpu", "default/p requests 9 of cpu, and n2 has 8 free"),
            ],
        ),
        (
            "{nodeSelector: {disk: ssd}, " + requesting("1", ", ports: [{containerPort: 1, hostPort: 80}]")[1:],
            [
                ("n1", "KL205", "node(s) didn't have free ports for the requested pod ports", "80"),
                ("n2", "KL203", "node(s) had untolerated taint(s)", "gpu=a100"),
                ("n2", "KL204", "node(s) didn't match Pod's node affinity/selector", "disk=ssd"),
            ],
        ),
    ],
    ids=["a taint hides no shortage that is none", "all filters are asked", "ports and labels"],
)
def test_every_reason_of_every_node(spec: str, wanted: list[tuple[str, str, str, str]], tmp_path: Path) -> None:
    found = explain(cluster(tmp_path, spec), "default/p").blockers
    assert [(each.node, each.code, each.reason) for each in found] == [each[:3] for each in wanted]
    for blocker, (_, _, _, part) in zip(found, wanted, strict=True):
        assert part in blocker.detail


def test_a_gist_is_equal_for_nodes_that_are_alike(tmp_path: Path) -> None:
    found = explain(cluster(tmp_path, requesting("9")), "default/p").blockers
    taint = next(each for each in found if each.code == "KL203")
    assert "n2" not in taint.gist
    assert taint.gist.startswith("the node has the taint")


def shortage(node: str, free: int) -> Blocker:
    return Blocker(
        node=node,
        code="KL206",
        reason="Insufficient cpu",
        detail=f"p requests 4 of cpu, and {node} has {free} free",
        gist="",
        plugin="NodeResourcesFit",
        predicate="rejects_fit",
        witness={"Resource": "cpu", "Requested": 4, "Free": free},
    )


def taint(node: str) -> Blocker:
    return Blocker(
        node=node,
        code="KL203",
        reason="taint",
        detail="",
        gist="g",
        plugin="TaintToleration",
        predicate="rejects_taint",
    )


MANY = tuple(each for n in range(100) for each in (shortage(f"n{n:03}", n % 50), taint(f"n{n:03}")))


def test_documents_keep_some_of_each_reason_and_the_closest_nodes() -> None:
    kept = first_of_each(MANY, 6)
    assert [(each.node, each.code) for each in kept] == [
        ("n000", "KL203"),
        ("n001", "KL203"),
        ("n002", "KL203"),
        ("n048", "KL206"),
        ("n049", "KL206"),
        ("n099", "KL206"),
    ]
    assert first_of_each(MANY, 200) == MANY


def test_documents_count_all_reasons() -> None:
    assert reasons_document((*MANY, shortage("other", 1))) == [
        {"code": "KL206", "reason": "Insufficient cpu", "nodes": 101},
        {"code": "KL203", "reason": "taint", "nodes": 100},
    ]


def test_lines_say_who_comes_closest_without_another_bar() -> None:
    (first, second) = blocker_lines([shortage("n1", 3), shortage("n2", 2), taint("n1")])
    assert (
        first
        == "p requests 4 of cpu, and n2 has 2 free, the most of those that nothing else bars; 2 nodes lack it [KL206]"
    )
    assert second.endswith("[KL203]")


def test_nodes_that_are_equally_short_are_one_line() -> None:
    short = [msgspec.structs.replace(shortage(name, 0), gist="the node has 0 free") for name in ("n1", "n2")]
    assert blocker_lines(short) == ["n1, n2: the node has 0 free [KL206]"]


def test_a_plan_of_many_pending_pods_stays_readable(tmp_path: Path) -> None:
    nodes = "".join(
        f"apiVersion: v1\nkind: Node\nmetadata: {{name: n{n:03}}}\n"
        'status: {allocatable: {cpu: "1", memory: 8Gi, pods: "20"}}\n---\n'
        for n in range(60)
    )
    pods = "".join(
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p{n:03}}}\nspec: {requesting('2')}\n---\n" for n in range(400)
    )
    path = tmp_path / "all.yaml"
    path.write_text(nodes + pods)
    pending = plan_document(plan(load([str(path)])))["pending"]
    assert len(pending) == 400
    for each in pending:
        assert (len(each["blockers"]), each["blockersLeftOut"]) == (50, 10)
        assert each["reasons"] == [{"code": "KL206", "reason": "Insufficient cpu", "nodes": 60}]


def test_of_bare_pods_that_are_alike_the_one_in_the_way_is_named() -> None:
    away = {"affinity": apart({"app": "web"}, "kubernetes.io/hostname")}
    hermits = [pod(f"hermit-{name}", spec(**away), on=name, labels={"app": "hermit"}) for name in ("oak", "elm")]
    found = explain(load([node("oak"), node("elm"), *hermits, workload("Deployment", "web", spec("1"))]), "default/web")
    assert {each.node: each.other for each in found.blockers} == {
        name: f"default/hermit-{name}" for name in ("oak", "elm")
    }
