"""metrics.k8s.io: served once something is said, with what was said."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.serving import Client, start

ROOT = "/apis/metrics.k8s.io/v1beta1"
PERFORM = "/kubelogic/v1/perform"


def deployment() -> dict[str, Any]:
    containers = [{"name": "app", "image": "x"}, {"name": "side", "image": "x"}]
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


@pytest.fixture
def running() -> Client:
    client = start(deployment())
    client.settle(30)
    return client


def say(client: Client, **metric: Any) -> Any:
    return client.send("POST", PERFORM, {"step": {"metric": metric}})


def test_without_anything_said_there_is_no_such_api(running: Client) -> None:
    assert running.send("GET", f"{ROOT}/pods").status == 404
    assert "metrics.k8s.io" not in [each["name"] for each in running.get("/apis")["groups"]]


def test_what_is_said_is_served(running: Client) -> None:
    assert say(running, name="web", each="250m").status == 200
    assert say(running, name="web", resource="memory", each="64Mi").status == 200
    assert "metrics.k8s.io" in [each["name"] for each in running.get("/apis")["groups"]]
    assert [each["name"] for each in running.get(ROOT)["resources"]] == ["nodes", "pods"]
    pods = running.get(f"{ROOT}/namespaces/default/pods")["items"]
    assert len(pods) == 2
    usage = [{"cpu": "250m", "memory": "65536Ki"}, {"cpu": "0m", "memory": "0Ki"}]
    assert [each["usage"] for each in pods[0]["containers"]] == usage
    nodes = running.get(f"{ROOT}/nodes")["items"]
    assert sum(int(each["usage"]["cpu"].removesuffix("m")) for each in nodes) == 500
    name = pods[0]["metadata"]["name"]
    assert running.get(f"{ROOT}/namespaces/default/pods/{name}")["metadata"]["labels"]["app"] == "web"
    assert running.get(f"{ROOT}/pods?labelSelector=app=db")["items"] == []
    assert running.send("GET", f"{ROOT}/nodes/n9").status == 404
    assert running.send("DELETE", f"{ROOT}/nodes/n1").status == 405
    assert running.get("/openapi/v3")["paths"]


def test_of_a_container_and_a_total(running: Client) -> None:
    say(running, name="web", container="side", each="100m")
    say(running, name="web", container="app", total="1")
    pods = running.get(f"{ROOT}/pods")["items"]
    assert [[c["usage"]["cpu"] for c in pod["containers"]] for pod in pods] == [["500m", "100m"]] * 2


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"apply": "/etc/passwd"}, "step is one of exit, image, metric"),
        ({"metric": {"name": "none", "each": "1"}}, "Deployment default/none not found"),
        ({"metric": {"name": "web", "each": "much"}}, "much"),
        ([1], "step is one of"),
    ],
)
def test_what_makes_no_sense_is_refused(running: Client, step: Any, words: str) -> None:
    answer = running.send("POST", PERFORM, {"step": step})
    assert answer.status == (404 if "not found" in words else 400)
    assert words in answer.body["message"]
