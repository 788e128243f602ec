"""Requests and replies, without sockets."""

from __future__ import annotations

from typing import Any

from tests.support.serving import Client

PODS = "/api/v1/namespaces/default/pods"


def pod(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "main", "image": "nginx:1.27"}], **spec},
    }


def test_a_pod_is_made_runs_and_goes(client: Client) -> None:
    made = client.send("POST", PODS, pod("web"))
    assert made.status == 201
    assert made.body["status"]["phase"] == "Pending"
    client.settle(5)
    assert client.table(PODS) == [["web", "1/1", "Running", "0", "5s", "10.244.0.2", "n1", "<none>", "<none>"]]
    gone = client.send("DELETE", f"{PODS}/web", {"gracePeriodSeconds": 0})
    assert gone.status == 200
    assert client.get(PODS)["items"] == []
    assert client.send("GET", f"{PODS}/web").body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'pods "web" not found',
        "reason": "NotFound",
        "details": {"name": "web", "kind": "pods"},
        "code": 404,
    }


def test_nodes_are_a_table(client: Client) -> None:
    first = client.table("/api/v1/nodes")[0]
    assert first == ["n1", "Ready", "<none>", "0s", "v1.36.2", "<none>", "<none>", "Linux", "6.6 (amd64)", "<unknown>"]


def test_every_change_has_a_version(client: Client) -> None:
    before = int(client.get(PODS)["metadata"]["resourceVersion"])
    made = client.send("POST", PODS, pod("a")).body
    assert int(made["metadata"]["resourceVersion"]) == before + 1
    late = {**made, "metadata": {**made["metadata"], "labels": {"a": "b"}, "resourceVersion": str(before)}}
    answer = client.send("PUT", f"{PODS}/a", late)
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")
    now = {**late, "metadata": {**late["metadata"], "resourceVersion": made["metadata"]["resourceVersion"]}}
    assert client.send("PUT", f"{PODS}/a", now).body["metadata"]["labels"] == {"a": "b"}


def test_unknown_fields_are_refused_told_or_dropped(client: Client) -> None:
    wrong = pod("a", nodeNme="n1")
    strict = client.send("POST", f"{PODS}?fieldValidation=Strict", wrong)
    assert strict.status == 400
    assert strict.body["message"] == (
        'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.nodeNme"'
    )
    warned = client.send("POST", f"{PODS}?fieldValidation=Warn&dryRun=All", wrong)
    assert (warned.status, warned.warnings) == (201, ('unknown field "spec.nodeNme"',))
    assert client.get(PODS)["items"] == []
    assert client.send("POST", f"{PODS}?fieldValidation=Ignore", wrong).warnings == ()


def test_lists_come_in_pages_of_one_version(client: Client) -> None:
    for name in "abc":
        client.send("POST", PODS, pod(name))
    first = client.get(f"{PODS}?limit=2")
    assert [each["metadata"]["name"] for each in first["items"]] == ["a", "b"]
    assert first["metadata"]["remainingItemCount"] == 1
    client.send("DELETE", f"{PODS}/c", {"gracePeriodSeconds": 0})
    rest = client.get(f"{PODS}?limit=2&continue={first['metadata']['continue']}")
    assert [each["metadata"]["name"] for each in rest["items"]] == ["c"]
    assert rest["metadata"] == {"resourceVersion": first["metadata"]["resourceVersion"]}


def test_what_is_not_served_is_not_found(client: Client) -> None:
    for path in ("/nothing", "/api/v1/namespaces/default/nothing", "/apis/none.example.com/v1", "/api/v1/pods/a/b/c/d"):
        assert client.send("GET", path).status == 404


def test_what_says_that_it_is_immutable_is(client: Client) -> None:
    url = "/api/v1/namespaces/default/configmaps"
    client.send("POST", url, {"metadata": {"name": "frozen"}, "immutable": True, "data": {"a": "1"}})
    merge = "application/merge-patch+json"
    refused = client.send("PATCH", f"{url}/frozen", {"data": {"a": "2"}}, content_type=merge)
    assert refused.status == 422
    assert refused.body["message"] == (
        'ConfigMap "frozen" is invalid: data: Forbidden: field is immutable when `immutable` is set'
    )
    assert client.send("PATCH", f"{url}/frozen", {"metadata": {"labels": {"a": "b"}}}, content_type=merge).status == 200


def test_faults_of_containers_are_told_in_the_words_of_the_api_server(client: Client) -> None:
    wrong = pod("p", restartPolicy="Sometimes")
    mount = {"name": "none", "mountPath": "/m"}
    wrong["spec"]["containers"] = [{"name": "a", "image": "x"}, {"name": "a", "image": "x", "volumeMounts": [mount]}]
    causes = client.send("POST", PODS, wrong).body["details"]["causes"]
    assert {(each["field"], each["message"], each["reason"]) for each in causes} == {
        ("spec.containers[1].name", 'Duplicate value: "a"', "FieldValueDuplicate"),
        ("spec.containers[1].volumeMounts[0].name", 'Not found: "none"', "FieldValueNotFound"),
        (
            "spec.restartPolicy",
            'Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
            "FieldValueNotSupported",
        ),
    }
