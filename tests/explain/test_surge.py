"""Repairs of a rollout whose new pods find no room beside the old ones."""

from __future__ import annotations

from typing import Any

from kubelogic.api import explain, load
from tests.explain.small import node

LABELS = {"app": "web"}


def test_fewer_replicas_by_no_more_than_it_takes() -> None:
    """Three nodes of one pod each, three old pods, two new ones beside them: with two replicas old ones go in time."""
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2, "maxUnavailable": 0}}
    nodes = [node(f"n{n}", cpu="1") for n in range(3)]
    old = [_pod(n) for n in range(3)]
    rolling = _made("Deployment", "web", "u1", _template("x:2", LABELS), LABELS, strategy=strategy)
    hashed = {**LABELS, "pod-template-hash": "abc"}
    former = _made("ReplicaSet", "web-abc", "u2", _template("x:1", hashed), hashed, owner=("Deployment", "web", "u1"))
    found = explain(load([*nodes, rolling, former, *old]), "web")
    assert "2 replicas instead of 3" in [each.summary for each in found.repairs]


def _template(image: str, labels: dict[str, str]) -> dict[str, Any]:
    container = {"name": "c", "image": image, "resources": {"requests": {"cpu": "700m"}}}
    return {"metadata": {"labels": labels}, "spec": {"containers": [container]}}


def _meta(name: str, uid: str, labels: dict[str, str], owner: tuple[str, str, str] | None) -> dict[str, Any]:
    made = {"name": name, "namespace": "default", "uid": uid, "labels": labels}
    if owner is None:
        return made
    kind, above, known = owner
    reference = {"apiVersion": "apps/v1", "kind": kind, "name": above, "uid": known, "controller": True}
    return {**made, "ownerReferences": [reference]}


def _made(
    kind: str,
    name: str,
    uid: str,
    template: dict[str, Any],
    labels: dict[str, str],
    *,
    owner: tuple[str, str, str] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    wanted = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": _meta(name, uid, labels, owner), "spec": wanted}


def _pod(number: int) -> dict[str, Any]:
    labels = {**LABELS, "pod-template-hash": "abc"}
    running = {"name": "c", "image": "x:1", "ready": True, "restartCount": 0, "state": {"running": {}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _meta(f"web-abc-{number}", f"p{number}", labels, ("ReplicaSet", "web-abc", "u2")),
        "spec": {**_template("x:1", labels)["spec"], "nodeName": f"n{number}"},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [running],
        },
    }
