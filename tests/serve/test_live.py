"""A served cluster read through its API is the cluster of its files; what may not be read is unknown, not absent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from kubelogic.apiserver.reading import load
from kubelogic.cli.live import _live
from kubelogic.cluster import Cluster
from kubelogic.serve import api
from kubelogic.serve.messages import Request
from kubelogic.text import live
from kubelogic.text.live import Answer, LiveError, Wanted
from kubelogic.verbs.plan import plan
from kubelogic.verbs.snapshot import wanted
from tests.support.serving import Client, start

POD = Wanted(kind="Pod", plural="pods", api_versions=("v1",), namespaced=True)


@dataclass
class InProcess:
    """An API server without sockets; some paths are answered otherwise."""

    client: Client
    instead: Mapping[str, int] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        self.asked.append((path, dict(query)))
        if path in self.instead:
            status = self.instead[path]
            return Answer(status=status, body=json.dumps({"kind": "Status", "message": "because"}).encode())
        request = Request(method="GET", path=path, query=dict(query), body=b"")
        reply = asyncio.run(api.answer(self.client.served, request))
        return Answer(
            status=reply.status, body=reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        )


def deployment(replicas: int) -> dict[str, Any]:
    container = {"name": "c", "image": "x", "resources": {"requests": {"cpu": "1500m"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
        },
    }


@pytest.fixture(scope="module")
def served() -> Client:
    """Two nodes of 4 CPUs, and pods of 1.5 CPU: four fit of five."""
    client = start(deployment(5))
    client.settle(30)
    return client


def cluster_of(api_: InProcess, **more: str) -> Cluster:
    found = _live(live.read(api_, wanted(), name="c", **more))
    return Cluster.of(load([], texts=found.sources).objects, found.unread)


def test_the_plan_is_that_of_the_files(served: Client) -> None:
    found = cluster_of(InProcess(served))
    assert len(found.objects("Node")) == 2
    there = plan(found)
    files = plan(Cluster.of(each for each in served.served.cluster))
    assert [each.node for each in there.placements] == [each.node for each in files.placements] != []
    assert [(each.pod, each.message) for each in there.pending] == [(each.pod, each.message) for each in files.pending]
    assert len(there.pending) == 1
    assert there.unknown == ()


def test_pages_are_followed(served: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAGE", 2)
    asked = InProcess(served)
    found = live.read(asked, [POD], name="c")
    assert [each.name for each in found.sources] == ["c/pods/1", "c/pods/2", "c/pods/3"]
    assert [sorted(query) for _, query in asked.asked] == [["limit"], ["continue", "limit"], ["continue", "limit"]]
    assert len(Cluster.of(load([], texts=found.sources).objects).objects("Pod")) == 5


def test_a_list_that_is_too_old_by_the_next_page_is_read_as_a_whole(
    served: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PAGE", 2)

    class Forgetful(InProcess):
        def get(self, path: str, query: Mapping[str, str]) -> Answer:
            return Answer(status=410, body=b"{}") if "continue" in query else super().get(path, query)

    found = live.read(Forgetful(served), [POD], name="c")
    assert len(Cluster.of(load([], texts=found.sources).objects).objects("Pod")) == 5


def test_what_may_not_be_listed_is_unknown(served: Client) -> None:
    found = live.read(InProcess(served, {"/api/v1/pods": 403, "/api/v1/secrets": 403}), wanted(), name="c")
    assert live.told(found.unread)[0] == (
        "not in the input: pods, secrets, which may not be listed (403); whether there are any is not known; "
        "kubectl auth can-i list pods -A says who may"
    )
    cluster = cluster_of(InProcess(served, {"/api/v1/pods": 403}))
    assert cluster.unread == {"Pod"}
    assert plan(cluster).unknown[0] == ("Not all is known of the cluster: pods (they may take room) could not be read.")


def test_of_what_may_not_be_listed_everywhere_one_namespace_is_read(served: Client) -> None:
    denied = InProcess(served, {"/api/v1/pods": 403})
    found = live.read(denied, [POD], name="c", namespace="default")
    assert len(found.sources) == 1
    assert live.told(found.unread)[0].startswith(
        "not in the input: pods, but for those of namespace default, which may"
    )


def test_what_is_not_served_is_told_and_older_versions_are_tried(served: Client) -> None:
    scaler = next(each for each in wanted() if each.kind == "HorizontalPodAutoscaler")
    assert scaler.api_versions == ("autoscaling/v2", "autoscaling/v1")
    new, old = (f"/apis/{each}/horizontalpodautoscalers" for each in scaler.api_versions)
    found = live.read(InProcess(served, {new: 404}), [scaler], name="c")
    assert (len(found.sources), found.unread) == (1, ())
    found = live.read(InProcess(served, {new: 404, old: 404}), [scaler], name="c")
    assert live.told(found.unread) == [
        "not in the input: horizontalpodautoscalers.autoscaling, which the cluster does not serve (404)"
    ]
    assert _live(found).unread == frozenset()


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "does not know who asks (401): because"), (500, "answered with 500: because"), (200, "something else")],
)
def test_a_cluster_that_cannot_be_read_is_a_fault(served: Client, status: int, words: str) -> None:
    with pytest.raises(LiveError, match=words.replace("(", "\\(").replace(")", "\\)")):
        live.read(InProcess(served, {"/api/v1/pods": status}), [POD], name="c")
