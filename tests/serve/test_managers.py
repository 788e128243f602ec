"""Field managers: who owns what after updates, and conflicts of applies."""

from __future__ import annotations

from typing import Any

from tests.support.serving import Client

URL = "/apis/apps/v1/namespaces/default/deployments/web"
APPLY = "application/apply-patch+yaml"


def web(image: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "main", "image": image}]},
            },
            **spec,
        },
    }


def managers(client: Client) -> list[tuple[str, str, str]]:
    entries = client.get(URL)["metadata"]["managedFields"]
    return [(each["manager"], each["operation"], each.get("subresource", "")) for each in entries]


def test_what_is_created_belongs_to_its_maker(client: Client) -> None:
    url = "/api/v1/namespaces/default/configmaps?fieldManager=me"
    made = client.send("POST", url, {"metadata": {"name": "a", "labels": {"x": "y"}}, "data": {"k": "v"}}).body
    (entry,) = made["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"], entry["time"]) == ("me", "Update", "2026-11-02T00:00:00Z")
    assert entry["fieldsV1"] == {
        "f:data": {".": {}, "f:k": {}},
        "f:metadata": {"f:labels": {".": {}, "f:x": {}}},
    }


def test_an_apply_is_refused_where_another_manager_owns_a_field(client: Client) -> None:
    assert client.send("PATCH", f"{URL}?fieldManager=one", web("nginx:1"), content_type=APPLY).status == 201
    refused = client.send("PATCH", f"{URL}?fieldManager=two", web("nginx:2"), content_type=APPLY)
    assert refused.status == 409
    path = '.spec.template.spec.containers[name="main"].image'
    assert refused.body["message"] == f'Apply failed with 1 conflict: conflict with "one": {path}'
    assert refused.body["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": path}
    ]
    forced = client.send("PATCH", f"{URL}?fieldManager=two&force=true", web("nginx:2"), content_type=APPLY)
    assert forced.status == 200
    assert client.get(URL)["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:2"
    again = client.send("PATCH", f"{URL}?fieldManager=one", web("nginx:1"), content_type=APPLY)
    assert '"two"' in again.body["message"]


def test_scaling_owns_the_size(client: Client) -> None:
    client.send("PATCH", f"{URL}?fieldManager=one", web("nginx:1", replicas=0), content_type=APPLY)
    merge = "application/merge-patch+json"
    client.send("PATCH", f"{URL}/scale", {"spec": {"replicas": 2}}, content_type=merge, agent="kubectl/v1.36")
    assert ("kubectl", "Update", "scale") in managers(client)
    refused = client.send("PATCH", f"{URL}?fieldManager=one", web("nginx:1", replicas=0), content_type=APPLY)
    assert refused.body["message"] == (
        'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas'
    )


def test_emptied_managers_are_removed(client: Client) -> None:
    client.send("PATCH", f"{URL}?fieldManager=one", web("nginx:1"), content_type=APPLY)
    merge = "application/merge-patch+json"
    client.send("PATCH", URL, {"metadata": {"managedFields": [{}]}}, content_type=merge)
    assert "managedFields" not in client.get(URL)["metadata"]


def test_an_apply_that_changes_nothing_makes_no_version(client: Client) -> None:
    def apply(document: dict[str, Any], manager: str) -> tuple[str, list[str]]:
        reply = client.send("PATCH", f"{URL}?fieldManager={manager}", document, content_type=APPLY)
        assert reply.status in (200, 201), reply.body
        meta = client.get(URL)["metadata"]
        client.settle(2)
        return meta["resourceVersion"], [each["time"] for each in meta["managedFields"] if each["operation"] == "Apply"]

    apply(web("one"), "a")
    label = {**web("one"), "metadata": {"name": "web", "labels": {"tier": "x"}}}
    label.pop("spec")
    first = apply(label, "b")
    assert [apply(web("one"), "a")[1], apply(label, "b")[1]] == [first[1], first[1]]
    quiet = client.get(URL)["metadata"]["resourceVersion"]
    assert apply(label, "b")[0] == apply(web("one"), "a")[0] == quiet
    fewer, more = apply({**label, "metadata": {"name": "web"}}, "b"), apply(web("two"), "a")
    assert int(quiet) < int(fewer[0]) < int(more[0])
    assert first[1] != more[1]
