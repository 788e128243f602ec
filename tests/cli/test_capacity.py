"""``kubelogic capacity``: how many more of a pod fit, one by one and jointly, and the fewest nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubelogic.cli import main

ROOT = Path(__file__).resolve().parents[2]


def node(name: str, *, cpu: int, pool: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "pool": pool}},
        "status": {"allocatable": {"cpu": str(cpu), "memory": "64Gi", "pods": "110"}},
    }


def pod(name: str, *, cpu: int, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "app:1", "resources": {"requests": {"cpu": str(cpu)}}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container], **spec}}


def write(path: Path, *documents: dict[str, Any]) -> str:
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents)}))
    return str(path)


def ask(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert main(["capacity", *arguments, "-o", "json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (found["schemaVersion"], found["kind"]) == (1, "Capacity")
    return found


def test_what_fits_now_and_the_fewest_nodes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = write(
        tmp_path / "cluster.json",
        node("a-1", cpu=4, pool="small"),
        node("a-2", cpu=4, pool="small"),
        node("b-1", cpu=16, pool="large"),
        *(pod(f"runs-{n}", cpu=2, nodeName=name) for n, name in enumerate(("a-1", "a-1", "a-2"))),
    )
    more = write(tmp_path / "more.json", pod("more", cpu=3))
    found = ask(capsys, cluster, "--pod", more)
    # Two cores are left on a small node, sixteen on the large one.
    assert found["fits"] == {"optimal": 5, "kube": 5}
    assert found["most"] == 5
    # Three twos and a three are nine cores: one large node.
    assert found["nodesNeeded"] == {"large": 1}
    assert found["leastNodes"] == 1


def test_the_exit_code_says_whether_so_many_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = write(tmp_path / "cluster.json", node("a-1", cpu=4, pool="small"))
    more = write(tmp_path / "more.json", pod("more", cpu=2))
    assert ask(capsys, cluster, "--pod", more, "--replicas", "2")["nodesNeeded"] == {"small": 1}
    found = ask(capsys, cluster, "--pod", more, "--replicas", "3", code=1)
    assert found["fits"] == {"optimal": 2, "kube": 2}
    assert found["nodesNeeded"] == {"small": 2}


def test_nobody_is_evicted_for_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    high = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "high"},
        "value": 1000,
    }
    cluster = write(tmp_path / "cluster.json", node("a-1", cpu=4, pool="small"), high, pod("low", cpu=3))
    more = write(tmp_path / "more.json", pod("more", cpu=2, priorityClassName="high"))
    assert ask(capsys, cluster, "--pod", more, code=1)["fits"] == {"optimal": 0, "kube": 0}


def test_anti_affinity_allows_one_a_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    term = {"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": "kubernetes.io/hostname"}
    single = pod(
        "more", cpu=1, affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    )
    single["metadata"]["labels"] = {"app": "x"}
    cluster = write(tmp_path / "cluster.json", *(node(f"a-{n}", cpu=8, pool="small") for n in range(3)))
    found = ask(capsys, cluster, "--pod", write(tmp_path / "more.json", single), "--replicas", "3")
    assert found["fits"] == {"optimal": 3, "kube": 3}
    assert found["nodesNeeded"] == {"small": 3}


def test_a_workload_of_the_shop_and_what_no_node_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    found = ask(capsys, "fixtures/shop", "--pod", "fixtures/shop/cart.yaml")
    assert found["fits"]["optimal"] >= found["fits"]["kube"] > 0
    assert found["leftOut"]
    assert sum(found["nodesNeeded"].values()) >= found["leastNodes"] > 0


def test_a_file_without_a_pod_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = write(tmp_path / "cluster.json", node("a-1", cpu=4, pool="small"))
    other = write(tmp_path / "other.json", node("a-2", cpu=4, pool="small"))
    assert main(["capacity", cluster, "--pod", other]) == 2
    assert "there is no pod and no workload in it" in capsys.readouterr().err
    assert main(["capacity", cluster, "--pod", str(tmp_path / "absent.json")]) == 2
    assert "no such file" in capsys.readouterr().err
