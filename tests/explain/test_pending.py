"""Pods that stay pending, in a plan: the verdict on each, the scheduler's line, and reasons that pods share."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.api import load, plan
from kubelogic.explain.filter_verdicts import Verdict, Verdicts
from kubelogic.explain.pending import PendingPod
from kubelogic.verbs.reconciled import Options

NODE = """\
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {kubernetes.io/hostname: n1}}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "20"}}
---
"""


def pod(name: str, cpu: int, more: str = "") -> str:
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n"
        f"spec: {{containers: [{{name: c, image: i, resources: {{requests: {{cpu: {cpu}}}}}}}]{more}}}\n---\n"
    )


def pending(tmp_path: Path, *parts: str, options: Options = Options()) -> dict[str, PendingPod]:  # noqa: B008
    path = tmp_path / "all.yaml"
    path.write_text("".join(parts))
    return {each.pod: each for each in plan(load([str(path)]), options).pending}


def test_what_other_pods_leave_no_room_for_has_none(tmp_path: Path) -> None:
    found = pending(tmp_path, NODE, pod("a", 3), pod("b", 3))
    (one,) = found.values()
    assert one.verdict == "no-room"
    assert one.message.startswith("0/1 nodes are available: 1 Insufficient cpu.")


def test_what_a_scheduler_does_not_decide_waits(tmp_path: Path) -> None:
    gated = pod("gated", 1, ", schedulingGates: [{name: a/b}]")
    unclaimed = pod("unclaimed", 1, ", volumes: [{name: v, persistentVolumeClaim: {claimName: gone}}]")
    found = pending(tmp_path, NODE, gated, unclaimed, pod("other", 1, ", schedulerName: mine"))
    assert {name: each.verdict for name, each in found.items()} == {
        "default/gated": "waiting",
        "default/other": "waiting",
        "default/unclaimed": "waiting",
    }
    assert found["default/other"].message == ""
    assert 'persistentvolumeclaim "gone" not found' in found["default/unclaimed"].message


def test_no_room_is_said_of_the_cluster_as_it_stands(tmp_path: Path) -> None:
    """Where the first two went one by one, there is no room for the third any more; jointly all fit."""
    small, big = pod("a", 2), pod("b", 4)
    two = NODE + NODE.replace("n1", "n2")
    kube = pending(tmp_path, two, small, pod("aa", 2), big, options=Options(scheduler="kube"))
    assert {name: each.verdict for name, each in kube.items()} == {"default/b": "no-room"}
    assert pending(tmp_path, two, small, pod("aa", 2), big) == {}


def test_pods_that_are_alike_share_their_reasons(tmp_path: Path) -> None:
    replicas = """\
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 9}}}]}
"""
    found = list(pending(tmp_path, NODE, replicas).values())
    assert len(found) == 3
    assert all(each.blockers is found[0].blockers for each in found)
    assert {each.owner for each in found} == {"ReplicaSet default/web"}


def test_a_placed_cluster_has_none(tmp_path: Path) -> None:
    assert pending(tmp_path, NODE, pod("a", 1)) == {}


def test_pods_that_are_alike_are_judged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of replicas may be pending. One that names another node, or is gated, is told apart."""
    judged: list[str] = []
    original = Verdicts.of

    def counted(verdicts: Verdicts, key: str) -> Verdict:
        judged.append(key)
        return original(verdicts, key)

    monkeypatch.setattr(Verdicts, "of", counted)
    gated = pod("gated", 9, ", schedulingGates: [{name: a/b}]")
    found = pending(tmp_path, NODE, *(pod(f"p{number}", 9) for number in range(20)), gated)
    assert judged == ["default/gated", "default/p0"]
    assert found["default/p19"].message == found["default/p0"].message != found["default/gated"].message
