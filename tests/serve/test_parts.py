"""Subresources, reviews, events and OpenAPI."""

from __future__ import annotations

from typing import Any

from tests.support.serving import Client

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
PODS = "/api/v1/namespaces/default/pods"


def deployment(replicas: int, image: str = "nginx:1.27") -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "main", "image": image}]},
            },
        },
    }


def test_a_deployment_is_scaled_and_tells_events(client: Client) -> None:
    assert client.send("POST", DEPLOYMENTS, deployment(2)).status == 201
    client.settle(5)
    scale = client.get(f"{DEPLOYMENTS}/web/scale")
    assert (scale["spec"], scale["status"]) == ({"replicas": 2}, {"replicas": 2, "selector": "app=web"})
    patch = {"spec": {"replicas": 3}}
    merge = "application/merge-patch+json"
    assert client.send("PATCH", f"{DEPLOYMENTS}/web/scale", patch, content_type=merge).body["spec"] == patch["spec"]
    client.settle(5)
    assert client.table(DEPLOYMENTS)[0][:4] == ["web", "3/3", 3, 3]
    told = [(e["reason"], e["message"].rpartition(" set ")[2][-11:]) for e in client.get("/api/v1/events")["items"]]
    assert ("ScalingReplicaSet", "from 0 to 2") in told
    assert ("ScalingReplicaSet", "from 2 to 3") in told
    chosen = client.get("/api/v1/events?fieldSelector=reason%3DScheduled".replace("%3D", "="))["items"]
    assert len(chosen) == 3
    assert chosen[0]["reportingComponent"] == "default-scheduler"


def test_an_eviction_heeds_the_budget(client: Client) -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web"},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}},
    }
    client.send("POST", DEPLOYMENTS, deployment(2))
    client.send("POST", "/apis/policy/v1/namespaces/default/poddisruptionbudgets", budget)
    client.settle(5)
    pod = client.get(PODS)["items"][0]["metadata"]["name"]
    refused = client.send("POST", f"{PODS}/{pod}/eviction", {"apiVersion": "policy/v1", "kind": "Eviction"})
    assert refused.status == 429
    assert refused.body["details"]["causes"] == [
        {
            "reason": "DisruptionBudget",
            "message": "The disruption budget web needs 2 healthy pods and has 2 currently",
        }
    ]


def test_what_needs_a_kubelet_is_refused_clearly(client: Client) -> None:
    client.send("POST", PODS, {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "x"}]}})
    assert client.send("GET", f"{PODS}/a/log").body == b""
    unbound = client.send("POST", f"{PODS}/a/exec?command=ls")
    assert (unbound.status, unbound.body["message"]) == (400, "pod a does not have a host assigned")
    client.settle(5)
    assert "no kubelet" in client.send("GET", f"{PODS}/a/log").body["message"]


def test_others_may_do_what_roles_say(client: Client) -> None:
    jane: dict[str, Any] = {"user": "jane", "groups": ("system:authenticated",)}
    refused = client.send("GET", PODS, **jane)
    assert refused.body["message"] == (
        'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"'
    )
    binding = {
        "metadata": {"name": "jane"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}],
    }
    made = client.send("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", binding)
    assert made.status == 201
    assert client.send("GET", PODS, **jane).status == 200
    assert client.send("GET", "/api/v1/pods", **jane).status == 403
    review = {"spec": {"resourceAttributes": {"verb": "delete", "resource": "pods", "namespace": "default"}}}
    asked = client.send("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review, **jane)
    assert asked.body["status"] == {"allowed": False}


def test_openapi_says_how_lists_merge(client: Client) -> None:
    index = client.get("/openapi/v3")["paths"]
    assert index["apis/apps/v1"]["serverRelativeURL"].startswith("/openapi/v3/apis/apps/v1?hash=")
    schemas = client.get("/openapi/v3/apis/apps/v1")["components"]["schemas"]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    kinds = schemas["io.k8s.api.apps.v1.Deployment"]["x-kubernetes-group-version-kind"]
    assert kinds == [{"group": "apps", "version": "v1", "kind": "Deployment"}]


def test_containers_do_what_their_commands_say(client: Client) -> None:
    for name, image, command in (("ok", "busybox", ["true"]), ("no", "busybox", ["false"]), ("gone", "missing/x", [])):
        container = {"name": "c", "image": image, "command": command}
        client.send("POST", PODS, {"metadata": {"name": name}, "spec": {"containers": [container], **_ONCE}})
    client.settle(5)
    assert [row[:3] for row in client.table(PODS)] == [
        ["gone", "0/1", "ImagePullBackOff"],
        ["no", "0/1", "Error"],
        ["ok", "0/1", "Completed"],
    ]


_ONCE = {"restartPolicy": "Never"}


def test_the_older_openapi_document_says_which_requests_are_validated(client: Client) -> None:
    media = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    reply = client.send("GET", "/openapi/v2", accept=media)
    assert reply.content_type == media.replace("@", ".")
    assert b"/api/v1/namespaces/{name}" in reply.body
    assert b"fieldValidation" in reply.body


def test_a_token_lasts_ten_minutes_at_least(client: Client) -> None:
    url = "/api/v1/namespaces/default/serviceaccounts"
    client.settle(1)
    inner = b"\x20\xac\x02"  # expirationSeconds, field 4: 300
    raw = b"\x12" + bytes([len(inner)]) + inner
    body = b"k8s\x00\x12" + bytes([len(raw)]) + raw
    media = "application/vnd.kubernetes.protobuf"
    refused = client.send("POST", f"{url}/default/token", body, content_type=media)
    assert refused.status == 422
    assert refused.body["message"].endswith("Invalid value: 300: may not specify a duration less than 10 minutes")
    assert client.send("POST", f"{url}/default/token", {"spec": {}}).body["status"]["token"].count(".") == 2


def test_a_token_is_bound_to_what_is_there(client: Client) -> None:
    url = "/api/v1/namespaces/default/serviceaccounts/default/token"
    client.settle(1)
    bound = {"spec": {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "none"}}}
    answer = client.send("POST", url, bound)
    assert (answer.status, answer.body["message"]) == (404, 'pods "none" not found')
    bound["spec"]["boundObjectRef"]["kind"] = "Service"
    assert client.send("POST", url, bound).status == 400
    bound["spec"]["boundObjectRef"] = {"kind": "Node", "apiVersion": "v1", "name": "n1"}
    assert client.send("POST", url, bound).status == 201


def test_a_resize_takes_nothing_but_resources(client: Client) -> None:
    """A merge patch replaces the list of containers; what it lacks besides resources stays as it was."""
    asks = {"requests": {"cpu": "100m", "memory": "64Mi"}}
    first = {"name": "c", "image": "nginx", "env": [{"name": "A", "value": "b"}], "resources": asks}
    second = {"name": "d", "image": "nginx", "resources": asks}
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [first, second]}}
    assert client.send("POST", PODS, pod).status == 201
    client.settle(5)

    def resize(*containers: dict[str, Any]) -> Any:
        merge = "application/merge-patch+json"
        patch = {"metadata": {"labels": {"no": "label"}}, "spec": {"containers": containers, "nodeName": "n9"}}
        return client.send("PATCH", f"{PODS}/p/resize", patch, content_type=merge)

    more = {"requests": {"cpu": "200m", "memory": "64Mi"}}
    reply = resize({"name": "c", "image": "other", "resources": more}, {"name": "d", "resources": asks})
    assert reply.status == 200, reply.body
    spec = client.get(f"{PODS}/p")["spec"]
    found = [(each["name"], each["image"], each["resources"]) for each in spec["containers"]]
    assert found == [("c", "nginx", more), ("d", "nginx", asks)]
    assert [each.get("env") for each in spec["containers"]] == [first["env"], None]
    assert spec["nodeName"] in ("n1", "n2")
    for containers, words in (
        ([{"name": "c", "resources": asks}, {"name": "d"}], "spec.containers[1].resources.requests: Forbidden"),
        ([{"name": "c", "resources": asks}], "spec.containers: Forbidden: containers may not be added or removed"),
        ([{"name": "d", "resources": asks}, {"name": "c", "resources": asks}], "may not be renamed or reordered"),
    ):
        refused = resize(*containers)
        assert refused.status == 422
        assert words in refused.body["message"]
