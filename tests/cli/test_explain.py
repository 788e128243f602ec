"""``kubelogic explain`` on the shop: a verdict for each way of being stuck, and for pods that have a node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonpatch
import pytest

from kubelogic.apiserver.reading import load
from kubelogic.cli import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def explained(capsys: pytest.CaptureFixture[str], pod: str, *more: str, code: int = 1) -> dict[str, Any]:
    assert main(["explain", pod, "fixtures/shop", "-o", "json", *more]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (document["schemaVersion"], document["kind"]) == (1, "Explanation")
    return document


@pytest.mark.parametrize(
    ("pod", "verdict"),
    [
        ("shop/fraud", "no-room"),
        ("shop/ledger", "never"),
        ("shop/model-training", "never"),
        ("shop/warehouse-sync", "never"),
        ("shop/vault", "waiting"),
    ],
)
def test_pending_pods_have_a_verdict(capsys: pytest.CaptureFixture[str], pod: str, verdict: str) -> None:
    found = explained(capsys, pod)
    assert found["verdict"] == verdict
    assert found["message"].startswith("0/6 nodes are available: ")
    nodes = {blocker["node"] for blocker in found["blockers"]}
    assert "" in nodes or len(nodes) == 6


def test_a_conflict_names_the_lines_to_edit(capsys: pytest.CaptureFixture[str]) -> None:
    conflict = explained(capsys, "shop/model-training")["conflict"]
    request = next(member for member in conflict if "requests 4 of nvidia.com/gpu" in member["text"])
    line = Path(request["location"]["file"]).read_text().split("\n")[request["location"]["line"] - 1]
    assert "nvidia.com/gpu: 4" in line
    capacity = next(member for member in conflict if member["text"] == "gpu-1 can hold at most 2 of nvidia.com/gpu")
    assert capacity["object"] == "Node gpu-1"
    assert capacity["location"]["path"] == "status.allocatable[nvidia.com/gpu]"


def test_placed_pods_are_explained_too(capsys: pytest.CaptureFixture[str]) -> None:
    found = explained(capsys, "shop/recommendation", code=0)
    assert (found["verdict"], found["node"], found["feasible"]) == ("placed", "gpu-1", ["gpu-1"])
    assert {blocker["node"] for blocker in found["blockers"]} == {
        "general-1",
        "general-2",
        "general-3",
        "memory-1",
        "memory-2",
    }


def test_why_not_on_a_node(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "shop/recommendation", "fixtures/shop", "--node", "memory-1"]) == 0
    out = capsys.readouterr().out
    assert "Why not memory-1" in out
    assert "pool=memory:NoSchedule" in out
    line = next(each for each in out.splitlines() if "pool=memory:NoSchedule" in each)
    assert "[KL203]  fixtures/shop/" in line, "the place of the taint"
    assert "general-1" not in out
    assert main(["explain", "shop/recommendation", "fixtures/shop", "--node", "nowhere"]) == 2


@pytest.mark.parametrize(
    ("ready", "cordoned", "status"),
    [("True", False, "Ready"), ("False", False, "NotReady"), ("Unknown", True, "NotReady,SchedulingDisabled")],
)
def test_a_node_that_is_not_well_says_so_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ready: str, cordoned: bool, status: str
) -> None:
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "a"},
        "spec": {"unschedulable": cordoned},
        "status": {"allocatable": {"cpu": "4"}, "conditions": [{"type": "Ready", "status": ready}]},
    }
    (tmp_path / "node.json").write_text(json.dumps(node))
    main(["explain", "node/a", str(tmp_path)])
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("a has 0 pods" if status == "Ready" else f"a ({status}) has 0 pods")
    main(["explain", "node/a", str(tmp_path), "-o", "json"])
    assert json.loads(capsys.readouterr().out)["status"] == status


def test_a_pasted_line_is_mapped_to_nodes(capsys: pytest.CaptureFixture[str]) -> None:
    line = "0/6 nodes are available: 3 Insufficient cpu, 3 node(s) had untolerated taint(s)."
    assert main(["explain", "shop/warehouse-sync", "fixtures/shop", "--event", line]) == 1
    out = capsys.readouterr().out
    assert "3 node(s) had untolerated taint(s): gpu-1, memory-1, memory-2" in out
    for other in ("hello", " "):
        assert main(["explain", "shop/warehouse-sync", "fixtures/shop", "--event", other]) == 2
    line = "Warning  FailedScheduling  2m  default-scheduler  no nodes available to schedule pods"
    capsys.readouterr()
    assert main(["explain", "shop/warehouse-sync", "fixtures/shop", "--event", line]) == 1
    assert "the scheduler knew of no node; here it knows 6" in capsys.readouterr().out


def test_an_unknown_pod_gets_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "shop/frontent", "fixtures/shop"]) == 2
    assert "did you mean shop/frontend" in capsys.readouterr().err


@pytest.mark.parametrize(
    "pod", ["shop/fraud", "shop/ledger", "shop/model-training", "shop/warehouse-sync", "shop/vault"]
)
def test_repairs_work_when_they_are_made(capsys: pytest.CaptureFixture[str], tmp_path: Path, pod: str) -> None:
    """The JSON patches of every repair, made in the manifests, leave nothing of the workload pending."""
    repairs = explained(capsys, pod)["repairs"]
    assert repairs
    assert [repair["cost"] for repair in repairs] == sorted(repair["cost"] for repair in repairs)
    documents = [obj.document for obj in load(["fixtures/shop"]).objects]
    for number, repair in enumerate(repairs):
        changed = [_patched(document, repair["changes"]) for document in documents]
        changed += [change["create"] for change in repair["changes"] if "create" in change]
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": changed}))
        main(["plan", str(path), "-o", "json"])
        plan = json.loads(capsys.readouterr().out)
        assert pod not in {each["owner"].partition(" ")[2] for each in plan["pending"]}, repair["summary"]
        assert len(plan["pending"]) <= 4, "others may gain by it, and nobody loses"


def _patched(document: Any, changes: list[dict[str, Any]]) -> Any:
    metadata = document["metadata"]
    for change in changes:
        named = change.get("patch", {})
        same = (named.get("kind"), named.get("name"), named.get("namespace"))
        if same == (document["kind"], metadata["name"], metadata.get("namespace")):
            document = jsonpatch.apply_patch(document, change["jsonPatch"])
    return document


ABSENT = """\
apiVersion: v1
kind: Node
metadata: {name: elm, labels: {kubernetes.io/hostname: elm}}
spec: {taints: [{key: k, effect: NoExecute}]}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: LimitRange
metadata: {name: usual, namespace: default}
spec: {limits: [{type: Container, default: {cpu: "1"}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: refused}
spec: {containers: [{name: app, image: i, resources: {requests: {cpu: "3"}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: evicted, namespace: default, uid: u1}
spec: {nodeName: elm, containers: [{name: app, image: i}]}
status: {phase: Running}
"""


@pytest.mark.parametrize(
    ("pod", "verdict", "said"),
    [
        ("refused", "waiting", "must be less than or equal to cpu limit of 1"),
        (
            "pod/evicted",
            "gone",
            "it is not there any more; it was on elm.\n\nEVICTED\n  from elm at 0s: the taint",
        ),
    ],
)
def test_a_pod_of_the_input_that_is_not_there_at_the_end(
    pod: str, verdict: str, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "x.yaml").write_text(ABSENT)
    assert main(["explain", pod, str(tmp_path)]) == 1
    assert said in capsys.readouterr().out
    assert main(["explain", pod, str(tmp_path), "-o", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == verdict
