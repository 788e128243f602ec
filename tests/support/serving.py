"""A small cluster that is served without sockets: requests are function calls."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from pathlib import Path
from typing import Any

from kubelogic.cluster.objects import as_object
from kubelogic.serve import api
from kubelogic.serve.cluster import Served
from kubelogic.serve.messages import Reply, Request
from kubelogic.serve.server import Settings, prepare
from kubelogic.verbs.reconciled import Engine, Options, engine

BEGIN = 1_793_577_600_000


def node(name: str) -> dict[str, Any]:
    """A node with 4 CPUs that is ready."""
    room = {"cpu": "4", "memory": "8Gi", "pods": "110"}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": "2026-11-02T00:00:00Z"}
    info = {"kubeletVersion": "v1.36.2", "osImage": "Linux", "kernelVersion": "6.6", "architecture": "amd64"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {
            "capacity": room,
            "allocatable": room,
            "conditions": [{**ready, "lastTransitionTime": "2026-11-02T00:00:00Z"}],
            "nodeInfo": info,
        },
    }


class Client:
    """Sends requests to a served cluster whose clock stands still."""

    def __init__(self, served: Served) -> None:
        self.served = served

    def send(self, method: str, url: str, body: Any = None, **more: Any) -> Reply:
        """One request; a body is sent as JSON."""
        path, _, text = url.partition("?")
        query = dict(part.partition("=")[::2] for part in text.split("&") if part)
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        more.setdefault("content_type", "application/json")
        return asyncio.run(
            api.answer(self.served, Request(method=method, path=path, query=query, body=content, **more))
        )

    def get(self, url: str, **more: Any) -> Any:
        """The body of a GET that succeeds; lists, which come as text, are read."""
        reply = self.send("GET", url, **more)
        assert reply.status == 200, reply.body
        is_text = isinstance(reply.body, bytes) and reply.body.startswith(b'{"kind":"')
        return json.loads(reply.body) if is_text else reply.body

    def table(self, url: str) -> list[list[Any]]:
        """The cells that ``kubectl get`` prints."""
        found = self.get(url, accept="application/json;as=Table;v=v1;g=meta.k8s.io")
        return [row["cells"] for row in found["rows"]]

    def settle(self, seconds: float = 0) -> None:
        """Let the control plane work, and time pass."""
        asyncio.run(self.served.control.pass_time(int(seconds * 1000)))


OPTIONS = Options(horizon=0)


@cache
def shared_engine() -> Engine:
    """One engine for all tests: what a tick does depends on nothing but the state."""
    return engine(OPTIONS)


def start(*documents: dict[str, Any]) -> Client:
    """A cluster of two nodes and what is given."""
    settings = Settings(options=OPTIONS, speed=0, begin=BEGIN, kubeconfig=Path("unused"))
    given = [as_object(each) for each in (node("n1"), node("n2"), *documents)]
    served, refused = prepare(given, settings, shared_engine())
    assert not refused
    return Client(served)
