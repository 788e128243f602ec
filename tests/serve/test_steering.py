"""The clock, failing nodes and explanations of a served cluster."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from kubelogic.cluster.objects import as_object
from kubelogic.serve.server import Settings, prepare
from kubelogic.verbs.reconciled import Options
from tests.support.serving import BEGIN, OPTIONS, Client, node

CLOCK = "/kubelogic/v1/clock"
PODS = "/api/v1/namespaces/default/pods"


def test_time_passes_when_told(client: Client) -> None:
    assert client.get(CLOCK)["now"] == "2026-11-02T00:00:00Z"
    moved = client.send("POST", CLOCK, {"step": "5m"}).body
    assert moved == {"now": "2026-11-02T00:05:00Z", "speed": 0, "paused": False}
    assert client.served.now == BEGIN + 300_000


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"step": "soon"}, "must be seconds or a duration"),
        ({"step": "90000h"}, "year"),
        ({"speed": -1}, "speed is a number"),
        ({"stop": True}, "step, speed and paused, not stop"),
        ({"paused": "yes"}, "true or false"),
    ],
)
def test_the_clock_refuses_nonsense(client: Client, wanted: dict[str, Any], words: str) -> None:
    answer = client.send("POST", CLOCK, wanted)
    assert answer.status == 400
    assert words in answer.body["message"]


def test_a_node_falls_silent_and_comes_back(client: Client) -> None:
    assert client.send("POST", "/kubelogic/v1/perform", {"operation": "fail", "node": "n1"}).status == 200
    client.settle(60)
    assert client.table("/api/v1/nodes")[0][1] == "NotReady"
    client.send("POST", "/kubelogic/v1/perform", {"operation": "heal", "node": "n1"})
    client.settle(60)
    assert client.table("/api/v1/nodes")[0][1] == "Ready"
    assert client.send("POST", "/kubelogic/v1/perform", {"operation": "fail", "node": "n9"}).status == 404
    assert client.send("POST", "/kubelogic/v1/perform", {"operation": "burn", "node": "n1"}).status == 400


def test_a_pending_pod_is_explained(client: Client) -> None:
    requests = {"requests": {"cpu": "64"}}
    container = {"name": "c", "image": "x", "resources": requests}
    client.send("POST", PODS, {"metadata": {"name": "big"}, "spec": {"containers": [container]}})
    client.settle(5)
    found = client.get("/kubelogic/v1/explain/default/big")
    assert found["message"].startswith("0/2 nodes are available: 2 Insufficient cpu.")
    event = client.get("/api/v1/events?fieldSelector=reason=FailedScheduling")["items"][0]
    assert event["message"].startswith("0/2 nodes are available: 2 Insufficient cpu.")
    assert client.send("GET", "/kubelogic/v1/explain/default/none").status == 404


def test_workloads_nodes_and_services_are_explained_by_their_names(client: Client) -> None:
    container = {"name": "c", "image": "x"}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    client.send("POST", "/apis/apps/v1/namespaces/default/deployments", {"metadata": {"name": "web"}, "spec": spec})
    client.settle(5)
    root = "/kubelogic/v1/explain/default"
    for named in ("deploy/web", "web"):
        assert client.get(f"{root}/{named}")["workload"]["name"] == "Deployment default/web"
    assert client.get(f"{root}/node/n1")["node"] == "n1"
    text = client.send("GET", f"{root}/deploy/web", accept="text/plain").body
    assert text.startswith(b"Deployment default/web: 2 of 2 pods placed.")
    near = client.send("GET", f"{root}/deploy/wep")
    assert (near.status, "did you mean" in near.body["message"]) == (404, True)


def test_explanations_know_the_rules_that_the_cluster_runs_with(tmp_path: Path) -> None:
    policy = tmp_path / "policy.dl"
    policy.write_text(
        "#! title: Nothing on n1\n#! source: operations\n"
        "rejects_policy(Shape, NodeClass, 'n1 is closed') <= (\n"
        "    considered(Shape) & class_label(NodeClass, 'kubernetes.io/hostname', 'n1'))\n"
    )
    options = replace(OPTIONS, rules=[policy])
    settings = Settings(options=options, speed=0, begin=BEGIN, kubeconfig=Path("unused"))
    client = Client(prepare([as_object(node("n1"))], settings)[0])
    client.send("POST", PODS, {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "x"}]}})
    client.settle(5)
    found = client.get("/kubelogic/v1/explain/default/a")
    assert (found["verdict"], "n1 is closed" in found["message"]) == ("never", True)


def test_a_server_decides_as_well_when_it_has_run_longer_than_a_question_may_take() -> None:
    """The limit of a command is that of all its questions; a server's is that of each."""
    outcomes = [_preempted(time.monotonic() + left) for left in (3600.0, -1.0)]
    assert outcomes[0] == outcomes[1]


def _preempted(deadline: float) -> list[tuple[str, str]]:
    """Which pods have which node after two that matter more came."""
    options = Options(horizon=0, clock=time.monotonic, deadline=deadline)
    settings = Settings(options=options, speed=0, begin=BEGIN, kubeconfig=Path("unused"))
    client = Client(prepare([as_object(node(f"n{number}")) for number in range(3)], settings)[0])
    classes = "/apis/scheduling.k8s.io/v1/priorityclasses"
    for name, value in (("low", 1), ("high", 1000)):
        assert client.send("POST", classes, {"metadata": {"name": name}, "value": value}).status == 201
    sizes = [*(("low", "1900m") for _ in range(5)), ("low", "200m"), ("high", "2500m"), ("high", "2500m")]
    for number, (priority, cpu) in enumerate(sizes):
        container = {"name": "c", "image": "x", "resources": {"requests": {"cpu": cpu}}}
        spec = {"priorityClassName": priority, "containers": [container]}
        assert client.send("POST", PODS, {"metadata": {"name": f"p{number}"}, "spec": spec}).status == 201
        client.settle(10)
    client.settle(60)
    pods = client.get(PODS)["items"]
    return [(each["metadata"]["name"], each["spec"].get("nodeName", "")) for each in pods]


def test_faults_are_told_in_the_words_of_the_api_server(client: Client) -> None:
    wrong = {
        "metadata": {"name": "web"},
        "spec": {
            "replicas": -1,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}},
        },
    }
    answer = client.send("POST", "/apis/apps/v1/namespaces/default/deployments", wrong)
    assert answer.body["details"]["causes"] == [
        {
            "reason": "FieldValueInvalid",
            "message": "Invalid value: -1: must be greater than or equal to 0",
            "field": "spec.replicas",
        },
        {
            "reason": "FieldValueInvalid",
            "message": 'Invalid value: {"app":"x"}: `selector` does not match template `labels`',
            "field": "spec.template.metadata.labels",
        },
    ]


def test_health_says_when_the_control_loops_have_ended(client: Client) -> None:
    assert client.send("GET", "/readyz").body == b"ok"
    client.served.control.failure = "ValueError: x"
    ended = client.send("GET", "/readyz")
    assert (ended.status, ended.body) == (500, b"[-]control loops ended: ValueError: x\n")
