"""The player of traces: operations that recordings may have, on traces made up here."""

from __future__ import annotations

from typing import Any

from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.engine import reconciler
from tests.support.phases import START, last_heard, start_of
from tests.support.recorded import Recorded
from tests.support.traces import Played, Replay

TICKER = reconciler(load_rulebook(), scheduler="kube")


def node(name: str) -> dict[str, Any]:
    room = {"cpu": "4", "memory": "8Gi", "pods": "110"}
    meta = {"name": name, "labels": {"kubernetes.io/hostname": name}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "status": {"allocatable": room, "capacity": room}}


def config(name: str, **meta: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **meta}, "data": {}}


def trace(*steps: dict[str, Any], events: tuple[dict[str, Any], ...] = (), initial: Any = ()) -> dict[str, Any]:
    times = [5.0 * i for i in range(len(steps) + 1)]
    return {
        "name": "made up",
        "kubelet_rules": {},
        "initial_objects": [node("n1"), *initial],
        "steps": [{"step": i + 1, "at": times[i], "do": do} for i, do in enumerate(steps)],
        "settled": [{"t": time, "state": {"EndpointSlice": {}, "Pod": {}}} for time in times],
        "events": list(events),
    }


def play(case: dict[str, Any]) -> tuple[Replay, list[Played]]:
    replay = Replay(case, TICKER)
    return replay, list(replay.play())


def test_a_reference_by_name_in_a_patch_gets_the_uid_of_the_live_object() -> None:
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "$ref"}
    patch = {"metadata": {"ownerReferences": [reference]}}
    replay, played = play(
        trace(
            {"op": "create", "object": config("owner")},
            {"op": "create", "object": config("owned")},
            {"op": "patch", "kind": "ConfigMap", "name": "owned", "patch": patch},
            {"op": "delete", "kind": "ConfigMap", "name": "owner"},
            {"op": "wait", "seconds": 1},
        )
    )
    assert [each.answer.status for each in played if each.answer] == [201, 201, 200, 200]
    assert "default/owned" not in replay.state.cluster.objects("ConfigMap")


def test_a_node_that_never_reports_is_made_silent() -> None:
    replay, _ = play(trace({"op": "create", "object": node("n2"), "silent": True}, {"op": "wait", "seconds": 70}))
    assert [row[0] for row in replay.state.world["node_silent_since"]] == ["n2"]


def test_a_slice_is_meant_by_its_service_and_letter() -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    _, played = play(
        trace(
            {"op": "create", "object": service},
            {"op": "delete", "kind": "EndpointSlice", "name": "web~a"},
            {"op": "delete", "kind": "EndpointSlice", "name": "none~a"},
        )
    )
    assert [each.answer.status for each in played if each.answer] == [201, 200, 404]


def test_the_last_heartbeat_is_that_which_makes_a_node_unknown_when_it_was() -> None:
    unknown = {"t": 104.9, "kind": "Node", "name": "n1", "change": "modified", "what": {"ready": "Unknown/x"}}
    case = {
        **trace(events=(unknown,)),
        "flags": {"kube-controller-manager": ["--node-monitor-grace-period=6s"]},
    }
    assert last_heard(case, "n1", START + 100_000, START) == START + 98_900
    assert last_heard(case, "n1", START + 96_000, START) == START + 96_000, "a lease period is the most"
    assert last_heard(case, "n2", START + 100_000, START) == START + 100_000


def test_the_pod_collector_comes_by_when_it_did() -> None:
    collected = {
        "t": 55.1,
        "kind": "Pod",
        "name": "p",
        "change": "modified",
        "what": {"DisruptionTarget": "True/DeletionByPodGC"},
    }
    assert (start_of(trace(events=(collected,))) + 55_100) % 20_000 == 0


def test_among_equally_good_nodes_a_pod_gets_the_recorded_one() -> None:
    def pod(name: str) -> dict[str, Any]:
        spec = {"containers": [{"name": "c", "image": "a:1"}]}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}

    events = tuple(
        {"step": 1, "seq": 1, "t": 0.1, "kind": "Pod", "name": "p", "change": change, "what": {"node": where}}
        for change, where in (("added", None), ("modified", "n3"))
    )
    case = trace({"op": "create", "object": pod("p")}, initial=(node("n2"), node("n3")), events=events)
    found = []
    for recorded in (Recorded(case), None):
        replay = Replay(case, reconciler(load_rulebook(), scheduler="kube", choice=recorded), recorded)
        assert list(replay.play())
        (placed,) = replay.state.cluster.objects("Pod").values()
        found.append(placed.document["spec"]["nodeName"])
    assert found == ["n3", "n1"]
