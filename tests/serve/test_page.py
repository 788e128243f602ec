"""The page at ``/``: what a browser gets, under which policy, and that the server answers all that it asks."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from typing import Any

import pytest

from kubelogic.serve.app import application
from kubelogic.serve.page import page
from tests.report.test_pages import Reader
from tests.support.serving import Client, start

SCRIPT = page()[0].decode().partition("<script>")[2].partition("</script>")[0]
PLACES = re.findall(r'["`](/(?:api|apis|kubelogic)/[^"`?]*)', SCRIPT)


def get(client: Client, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """One request through the ASGI application."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "https",
        "server": ("127.0.0.1", 1),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(application(client.served, "secret")(scope, receive, send))
    named = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], named, b"".join(each.get("body", b"") for each in sent[1:])


def test_a_browser_gets_the_page_and_clients_what_they_are_used_to(client: Client) -> None:
    status, headers, body = get(client, "/", accept="text/html,*/*")
    assert (status, body) == (200, page()[0])
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in headers["content-security-policy"]
    assert "connect-src 'self'" in headers["content-security-policy"]
    assert get(client, "/", accept="application/json")[0] == 401
    assert b"/apis/apps" in get(client, "/", authorization="Bearer secret")[2]
    assert get(client, "/api/v1/pods", accept="text/html")[0] == 401


def test_the_page_is_well_formed_and_asks_no_other_host() -> None:
    found = Reader(page()[0].decode().replace('<link rel="icon" href="data:,">', "").replace("<input", "<br"))
    assert found.tags["script"] == found.tags["h1"] == 1
    assert [name for name, _ in found.attributes if name.startswith("on")] == []
    labelled = {value for name, value in found.attributes if name == "for"}
    assert labelled == {"token", "speed", "by"}
    assert "http://" not in SCRIPT
    assert "https://" not in SCRIPT
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", SCRIPT)


def test_what_it_lists_is_served(client: Client) -> None:
    lists = [each for each in PLACES if "$" not in each and not each.startswith("/kubelogic")]
    assert len(lists) == 5
    for each in lists:
        assert client.get(each)["metadata"]["resourceVersion"]
    assert client.get("/kubelogic/v1/clock")["speed"] == 0


def test_what_its_buttons_send_is_done() -> None:
    labels = {"app": "web"}
    spec = {"containers": [{"name": "c", "image": "x"}]}
    web = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}}
    client = start({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": web})
    client.settle(10)
    path = "/apis/apps/v1/namespaces/default/deployments/web/scale"
    assert "scale`" in SCRIPT
    merge = "application/merge-patch+json"
    assert client.send("PATCH", path, {"spec": {"replicas": 3}}, content_type=merge).body["spec"]["replicas"] == 3
    client.settle(10)
    pods = client.get("/api/v1/pods")["items"]
    assert len(pods) == 3
    for operation in ("fail", "heal", "cordon", "uncordon"):
        assert f'perform("{operation}")' in SCRIPT
        done = client.send("POST", "/kubelogic/v1/perform", {"operation": operation, "node": "n1"})
        assert done.status == 200
    name = pods[0]["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "default"}}
    assert client.send("POST", f"/api/v1/namespaces/default/pods/{name}/eviction", eviction).status == 201


@pytest.mark.parametrize("steps", [1, 3])
def test_steps_and_the_loop_do_not_think_at_once(steps: int) -> None:
    """Rules are asked by one at a time: a step from the page comes while the loop is thinking."""
    pod = {"containers": [{"name": "c", "image": "x"}]}
    client = start(*({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{n}"}, "spec": pod} for n in range(4)))
    control = client.served.control
    at_once: list[int] = []
    inside = [0]
    ticked = control.ticker.tick

    class Counting:
        def tick(self, state: Any) -> Any:
            inside[0] += 1
            at_once.append(inside[0])
            try:
                return ticked(state)
            finally:
                inside[0] -= 1

    control.ticker = Counting()

    async def both() -> None:
        loop = asyncio.create_task(control.run())
        for _ in range(steps):
            control.wake()
            await asyncio.gather(control.pass_time(5000), control.pass_time(5000))
        loop.cancel()

    asyncio.run(both())
    assert max(at_once) == 1
    assert [row[2] for row in client.table("/api/v1/namespaces/default/pods")] == ["Running"] * 4
