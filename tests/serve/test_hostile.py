"""Hostile requests: whatever is sent, the answer is a refusal that says so, never a fault of the server's own."""

from __future__ import annotations

import json
import random
import string
from typing import Any

import pytest

from kubelogic.serve import bodies
from kubelogic.serve.resources import built_in
from tests.support.serving import Client, start

MEDIA = (
    "application/json",
    "application/yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
    "application/vnd.kubernetes.protobuf",
    "text/plain",
    "",
)
ACCEPT = ("application/json", "application/json;as=Table;v=v1;g=meta.k8s.io", "application/yaml", "*/*", "x;;=,")
QUERIES = (
    "limit=-1",
    "limit=x",
    "continue=%00",
    "continue=bm90IGpzb24",
    "labelSelector=a%20in%20(",
    "fieldSelector=spec.x=1",
    "fieldSelector==",
    "resourceVersion=x",
    "resourceVersion=99999999999999999999",
    "resourceVersionMatch=Exact",
    "dryRun=Some",
    "fieldManager=",
    "fieldValidation=Odd",
    "gracePeriodSeconds=x",
    "propagationPolicy=Odd",
    "force=true",
    "watch=1&resourceVersion=1&timeoutSeconds=x",
)
BODIES: tuple[bytes, ...] = (
    b"",
    b"null",
    b"[]",
    b"7",
    b'"x"',
    b"{",
    b"\xff\xfe\x00",
    b"k8s\x00",
    b"k8s\x00\x0a\xff\xff\xff\xff\x0f",
    b"k8s\x00\x0a\x02\x12\x01\x12\x04\x0a\x02\x0a\x63",
    b"a: &a [*a]",
    b"a: !!python/object/apply:os.system [true]",
    b'{"metadata": 3}',
    b'{"metadata": {"name": 3}}',
    b'{"metadata": {"name": "x", "labels": [1]}}',
    b'{"metadata": {"name": "x", "managedFields": [{"fieldsV1": 3}]}}',
    b'{"metadata": {"name": "x"}, "spec": []}',
    b'{"metadata": {"name": "x"}, "spec": {"containers": 3}}',
    b'{"metadata": {"name": "x"}, "spec": {"template": {"spec": null}, "selector": 3}}',
    b'{"kind": "List", "items": [null]}',
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
    b"[" * 100_000,
    b'[{"op": "replace", "path": "/metadata/name", "value": "y"}]',
    b'[{"op": "move", "from": "", "path": "/a/b"}]',
    b'[{"op": "test"}]',
    b'{"$patch": "delete"}',
    b'{"spec": {"$setElementOrder/containers": 3, "containers": [{"$patch": "odd"}]}}',
    b'{"spec": {"replicas": 99999999999999999999999}}',
    b'{"spec": {"replicas": 1e400}}',
    b'{"data": {"a": NaN}}',
    b'{"metadata": {"name": "\\ud800"}}',
)


@pytest.fixture(scope="module")
def client() -> Client:
    """One cluster with an object of several kinds, for all requests."""
    made = start()
    pod = {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": pod["spec"]}
    deployment = {"metadata": {"name": "x"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}
    space = "/api/v1/namespaces/default"
    assert made.send("POST", f"{space}/pods", pod).status == 201
    assert made.send("POST", "/apis/apps/v1/namespaces/default/deployments", deployment).status == 201
    assert made.send("POST", f"{space}/configmaps", {"metadata": {"name": "x"}, "data": {"a": "b"}}).status == 201
    return made


def _is_an_answer(reply: Any) -> bool:
    """Whether a reply is no fault of the server's own (500 is what the real one says of a resourceVersion in POST)."""
    if reply.status >= 500 and reply.status != 501:
        message = reply.body.get("message", "") if isinstance(reply.body, dict) else ""
        return "should not be set on objects to be created" in message or message.startswith("failed to create typed")
    return 200 <= reply.status < 600


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_bodies(client: Client, body: bytes) -> None:
    for path in ("/api/v1/namespaces/default/pods", "/apis/apps/v1/namespaces/default/deployments"):
        ways = (("POST", path), ("PUT", f"{path}/x"), ("PATCH", f"{path}/x?fieldManager=f"), ("DELETE", f"{path}/none"))
        for media in MEDIA[:-2]:
            for method, where in ways:
                reply = client.send(method, where, body, content_type=media)
                assert _is_an_answer(reply), (method, where, media, reply.body)
    assert client.get("/api/v1/namespaces/default/pods/x")["metadata"]["name"] == "x"


@pytest.mark.parametrize("query", QUERIES)
def test_queries(client: Client, query: str) -> None:
    for path in ("/api/v1/pods", "/api/v1/namespaces/default/configmaps", "/api/v1/namespaces/default/pods/none"):
        for accept in ACCEPT:
            reply = client.send("GET", f"{path}?{query}", accept=accept)
            assert _is_an_answer(reply), (path, reply.body)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            if method != "DELETE" or path.endswith("none"):
                assert _is_an_answer(client.send(method, f"{path}?{query}", {"metadata": {"name": "none"}}))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//",
        "/api/../../etc/passwd",
        "/api/v1/..",
        "/api/v1/namespaces/../pods",
        "/api/v1/namespaces/%2e%2e/pods",
        "/api/v1/namespaces//pods",
        "/api/v1/namespaces/default/pods/x/log/more/and/more",
        "/api/v1/namespaces/default/pods/x/unheard",
        "/api/v1/namespaces/" + "a" * 10_000 + "/pods",
        "/api/v1/namespaces/default/pods/\x00",
        "/apis/apps/v2/deployments",
        "/apis//v1/deployments",
        "/openapi/v3/../v2",
        "/kubelogic/v1/explain/default",
        "/kubelogic/v1/explain/../..",
        "/api/v1/watch/pods",
        "/api/v1/nodes/n1/proxy/metrics",
    ],
)
def test_paths(client: Client, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "ODD"):
        assert _is_an_answer(client.send(method, path, {"a": 1})), (method, path)


def test_a_body_that_is_too_large_is_refused(client: Client) -> None:
    most = {"metadata": {"name": "big"}, "data": {"a": "b" * (bodies.MOST_BYTES // 2)}}
    reply = client.send("POST", "/api/v1/namespaces/default/configmaps", most)
    assert reply.status in (413, 422)


def _value(dice: random.Random, depth: int) -> Any:
    names = (
        "metadata",
        "spec",
        "status",
        "name",
        "containers",
        "template",
        "selector",
        "matchLabels",
        "replicas",
        "data",
    )
    match dice.randrange(9 if depth else 6):
        case 0:
            return dice.choice([None, True, -1, 0, 1 << 70, 1.5])
        case 1 | 2 | 3:
            return "".join(dice.choices(string.printable + "é\u2028", k=dice.randrange(8)))
        case 4:
            return dice.choice(["100m", "25%", "2026-01-01T00:00:00Z", "a", "10.0.0.1", "IfNotPresent"])
        case 5:
            return []
        case 6:
            return [_value(dice, depth - 1) for _ in range(dice.randrange(3))]
        case _:
            return {dice.choice(names): _value(dice, depth - 1) for _ in range(dice.randrange(4))}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_made_up_requests(client: Client, seed: int) -> None:
    """Requests put together by chance: for every resource, in every form."""
    dice = random.Random(seed)
    resources = [each for each in built_in() if each.verbs]
    for _ in range(300):
        resource = dice.choice(resources)
        root = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
        place = "/namespaces/default" if resource.namespaced and dice.random() < 0.9 else ""
        path = f"{root}{place}/{resource.plural}"
        method = dice.choice(("GET", "POST", "PUT", "PATCH", "DELETE"))
        if method in ("PUT", "PATCH", "DELETE") or dice.random() < 0.3:
            path += f"/{dice.choice(('x', 'none', 'n1'))}"
        if resource.subresources and dice.random() < 0.3:
            path += f"/{dice.choice(resource.subresources).name}"
        if method == "DELETE" and path.endswith(resource.plural):
            continue
        body: Any = _value(dice, 5)
        if isinstance(body, dict) and dice.random() < 0.7:
            body = {**body, "apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": "x"}}
        query = dice.choice(("", "fieldManager=f", "dryRun=All", *QUERIES))
        if "watch=1" in query and method == "GET":
            continue
        sent = json.dumps(body).encode()
        reply = client.send(
            method, f"{path}?{query}", sent, content_type=dice.choice(MEDIA), accept=dice.choice(ACCEPT)
        )
        assert _is_an_answer(reply), (method, path, query, sent, reply.body)
