"""What was deleted goes when nothing holds it: of namespaces their content and the finalizers of all parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubelogic.apiserver.reading import load
from kubelogic.apiserver.requests import patch
from kubelogic.apiserver.serving import finalize
from kubelogic.cluster import Cluster
from kubelogic.cluster.objects import as_object
from kubelogic.cluster.state import State
from kubelogic.verbs.reconciled import Options, reconcile

GOING = "{apiVersion: v1, kind: Namespace, metadata: {name: team, deletionTimestamp: '2024-01-01T00:00:00Z'%s}%s}"
KEPT = ", finalizers: [example.com/keep]"
EMPTIED = ", spec: {finalizers: [kubernetes, example.com/empty]}"
FREE: dict[str, Any] = {"metadata": {"finalizers": None}}
POD = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {
        "name": "one",
        "namespace": "default",
        "uid": "u",
        "deletionTimestamp": "2024-01-01T00:00:30Z",
        "deletionGracePeriodSeconds": 30,
    },
    "spec": {"containers": [{"name": "app", "image": "app:1"}], "nodeName": "oak"},
}


def settled(tmp_path: Path, meta: str, spec: str) -> tuple[State, bool]:
    """The state that controllers leave, and whether they come to rest."""
    file = tmp_path / "all.yaml"
    file.write_text(GOING % (meta, spec), encoding="utf-8")
    run = reconcile(Cluster.of(load([file]).objects), Options()).run
    return run.state, run.settled


@pytest.mark.parametrize(
    ("meta", "spec", "left"),
    [
        ("", "", None),
        (KEPT, "", []),
        ("", EMPTIED, ["example.com/empty"]),
        (KEPT, EMPTIED, ["example.com/empty"]),
    ],
)
def test_a_namespace_waits_for_all_that_holds_it_and_controllers_come_to_rest(
    tmp_path: Path, meta: str, spec: str, left: list[str] | None
) -> None:
    state, still = settled(tmp_path, meta, spec)
    assert still
    namespace = state.cluster.get("Namespace", "team")
    assert (namespace is None) is (left is None)
    if namespace is not None:
        assert (namespace.document["spec"].get("finalizers") or []) == left


def test_a_namespace_goes_with_the_last_finalizer(tmp_path: Path) -> None:
    state, _ = settled(tmp_path, KEPT, "")
    assert patch(state, "Namespace", "team", FREE).state.cluster.get("Namespace", "team") is None
    state, _ = settled(tmp_path, KEPT, EMPTIED)
    free = patch(state, "Namespace", "team", FREE).state
    namespace = free.cluster.get("Namespace", "team")
    assert namespace is not None
    assert finalize(free, namespace, []).state.cluster.get("Namespace", "team") is None


def test_a_change_of_a_pod_that_is_stopping_does_not_cut_its_grace_short() -> None:
    state = State(cluster=Cluster.of([as_object(POD)]))
    changed = patch(state, "Pod", "default/one", {"metadata": {"labels": {"seen": "yes"}}})
    assert changed.answer.accepted
    assert changed.state.cluster.get("Pod", "default/one") is not None
