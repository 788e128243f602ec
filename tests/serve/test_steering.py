"""The clock, failing nodes and explanations of a served cluster."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.serving import BEGIN, Client

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
