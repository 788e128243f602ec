"""Custom resources: their definition is established, their schema gives defaults and refuses what it does not have."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.serve.schemas import conform
from tests.support.serving import Client

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer"},
                "color": {"type": "string", "default": "red"},
                "parts": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"n": {"type": "integer", "default": 1}}},
                },
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "raw": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "maybe": {"type": "string", "nullable": True, "default": "x"},
            },
        }
    },
}
HEAD = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "labels": {"a": "b"}}}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget", "singular": "widget", "listKind": "WidgetList"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}],
    },
}
PATH = "/apis/example.com/v1/namespaces/default/widgets"


@pytest.mark.parametrize(
    ("spec", "kept", "unknown"),
    [
        ({}, {"color": "red", "maybe": "x"}, ()),
        ({"size": 3, "weight": 1}, {"size": 3, "color": "red", "maybe": "x"}, ("spec.weight",)),
        ({"color": "blue", "maybe": None}, {"color": "blue", "maybe": None}, ()),
        ({"parts": [{}, {"n": 2, "m": 1}]}, {"parts": [{"n": 1}, {"n": 2}]}, ("spec.parts[1].m",)),
        ({"labels": {"x": "y"}, "raw": {"any": {"deep": 1}}}, {"labels": {"x": "y"}, "raw": {"any": {"deep": 1}}}, ()),
    ],
)
def test_a_schema_gives_defaults_and_takes_off_what_it_does_not_have(
    spec: dict[str, Any], kept: dict[str, Any], unknown: tuple[str, ...]
) -> None:
    found, said = conform({**HEAD, "spec": spec}, SCHEMA)
    assert found["metadata"] == HEAD["metadata"]
    assert {**found["spec"], **kept} == found["spec"]
    assert said == unknown


def test_without_a_schema_everything_stays() -> None:
    assert conform({**HEAD, "spec": {"x": {"y": 1}}}, {}) == ({**HEAD, "spec": {"x": {"y": 1}}}, ())


def test_a_definition_is_established_and_its_objects_have_defaults(client: Client) -> None:
    made = client.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", DEFINITION)
    assert made.status == 201
    definition = client.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com")
    conditions = {each["type"]: each["status"] for each in definition["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert client.send("POST", PATH, {**HEAD, "spec": {"size": 3}}).status == 201
    assert client.get(f"{PATH}/w")["spec"] == {"size": 3, "color": "red", "maybe": "x"}
    bad = {**HEAD, "metadata": {"name": "b"}, "spec": {"weight": 1}}
    assert client.send("POST", f"{PATH}?fieldValidation=Strict", bad).status == 400


STRICT: dict[str, Any] = {
    **DEFINITION,
    "spec": {
        **DEFINITION["spec"],
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "selectableFields": [{"jsonPath": ".spec.color"}],
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "required": ["spec"],
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {
                                    "size": {"type": "integer", "maximum": 10},
                                    "color": {"type": "string", "default": "red"},
                                },
                            },
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
}
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


def _strict(client: Client) -> None:
    client.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", STRICT)


def _widget(name: str, **spec: Any) -> dict[str, Any]:
    return {**HEAD, "metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize(
    ("widget", "words"),
    [
        (_widget("w", size=11), "spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10"),
        ({**HEAD}, "spec: Required value"),
        (_widget("Bad_Name"), 'metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain'),
    ],
)
def test_what_the_schema_refuses(client: Client, widget: dict[str, Any], words: str) -> None:
    _strict(client)
    answer = client.send("POST", PATH, widget)
    assert answer.status == 422
    assert words in answer.body["message"]
    assert answer.body["details"]["group"] == "example.com"


def test_a_patch_is_held_to_the_schema_whatever_its_kind(client: Client) -> None:
    _strict(client)
    assert client.send("POST", PATH, _widget("w", size=3)).status == 201
    wrong = {"spec": {"size": "x"}}
    assert client.send("PATCH", f"{PATH}/w", wrong, content_type=MERGE).status == 422
    change = [{"op": "replace", "path": "/spec/size", "value": 50}]
    assert client.send("PATCH", f"{PATH}/w", change, content_type="application/json-patch+json").status == 422
    applied = client.send("PATCH", f"{PATH}/w?fieldManager=a", {**HEAD, **wrong}, content_type=APPLY)
    assert applied.status in (409, 422)
    assert client.get(f"{PATH}/w")["spec"] == {"size": 3, "color": "red"}


def test_a_status_without_a_part_of_its_own_is_written_with_the_object(client: Client) -> None:
    _strict(client)
    assert client.send("POST", PATH, {**_widget("w"), "status": {"seen": 1}}).body["status"] == {"seen": 1}
    client.send("PATCH", f"{PATH}/w", {"status": {"seen": 2}}, content_type=MERGE)
    assert client.get(f"{PATH}/w")["status"] == {"seen": 2}


def test_managers_apply_custom_resources(client: Client) -> None:
    _strict(client)
    url = f"{PATH}/w?fieldManager="
    first = client.send("PATCH", f"{url}one", _widget("w", size=3), content_type=APPLY)
    assert first.status == 201
    assert first.body["spec"] == {"size": 3, "color": "red"}
    assert first.body["metadata"]["managedFields"][0]["fieldsV1"] == {"f:spec": {"f:size": {}}}
    clash = client.send("PATCH", f"{url}two", _widget("w", size=4), content_type=APPLY)
    assert clash.status == 409
    assert 'conflict with "one": .spec.size' in clash.body["message"]
    assert client.send("PATCH", f"{url}two&force=true", _widget("w", size=4), content_type=APPLY).status == 200
    blue = client.send("PATCH", f"{url}one", _widget("w", color="blue"), content_type=APPLY).body
    assert blue["spec"] == {"size": 4, "color": "blue"}
    odd = client.send("PATCH", f"{url}one", _widget("w", weight=4), content_type=APPLY)
    assert ".spec.weight: field not declared in schema" in odd.body["message"]


def test_fields_that_a_definition_lets_requests_select_by(client: Client) -> None:
    _strict(client)
    for name, color in (("a", "red"), ("b", "blue")):
        client.send("POST", PATH, _widget(name, color=color))
    found = client.get(f"{PATH}?fieldSelector=spec.color=blue")["items"]
    assert [each["metadata"]["name"] for each in found] == ["b"]
    assert client.send("GET", f"{PATH}?fieldSelector=spec.size=1").status == 400


def test_a_definition_has_its_defaults(client: Client) -> None:
    given = {**STRICT, "spec": {**STRICT["spec"], "names": {"plural": "widgets", "kind": "Widget"}}}
    made = client.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", given).body
    assert made["spec"]["names"] == {
        "plural": "widgets",
        "kind": "Widget",
        "singular": "widget",
        "listKind": "WidgetList",
    }
    assert made["spec"]["conversion"] == {"strategy": "None"}
    assert made["status"]["acceptedNames"] == made["spec"]["names"]


def _versioned(conversion: dict[str, Any] | None = None) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object"}}}}
    versions = [{"name": name, "served": True, "storage": name == "v1", "schema": schema} for name in ("v1", "v1beta1")]
    spec = {"group": "x.io", "scope": "Namespaced", "names": {"plural": "ws", "kind": "W"}, "versions": versions}
    return {"metadata": {"name": "ws.x.io"}, "spec": {**spec, **({"conversion": conversion} if conversion else {})}}


_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def test_versions_differ_in_their_name_only(client: Client) -> None:
    assert client.send("POST", _DEFINITIONS, _versioned()).status == 201
    made = {"apiVersion": "x.io/v1beta1", "kind": "W", "metadata": {"name": "a"}, "spec": {}}
    reply = client.send("POST", "/apis/x.io/v1beta1/namespaces/default/ws", made)
    assert (reply.status, reply.body["apiVersion"]) == (201, "x.io/v1beta1")
    assert client.get("/apis/x.io/v1/namespaces/default/ws/a")["apiVersion"] == "x.io/v1"
    definition = client.get(f"{_DEFINITIONS}/ws.x.io")
    for each in definition["spec"]["versions"]:
        each["storage"] = each["name"] == "v1beta1"
    reply = client.send("PUT", f"{_DEFINITIONS}/ws.x.io", definition)
    assert reply.body["status"]["storedVersions"] == ["v1", "v1beta1"]
    reply.body["spec"]["versions"] = [each for each in reply.body["spec"]["versions"] if each["name"] == "v1beta1"]
    refused = client.send("PUT", f"{_DEFINITIONS}/ws.x.io", reply.body)
    assert refused.status == 422
    assert 'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions' in refused.body["message"]


def test_what_a_webhook_would_convert_is_refused_and_told(client: Client) -> None:
    hook = {"conversionReviewVersions": ["v1"], "clientConfig": {"url": "https://a.b/c"}}
    reply = client.send("POST", _DEFINITIONS, _versioned({"strategy": "Webhook", "webhook": hook}))
    assert reply.status == 201
    assert reply.warnings == ("no webhooks are called here: only x.io/v1 is answered, in which objects are stored",)
    assert client.send("GET", "/apis/x.io/v1beta1/namespaces/default/ws").status == 501
    assert client.send("GET", "/apis/x.io/v1/namespaces/default/ws").status == 200


@pytest.mark.parametrize(
    ("conversion", "field"),
    [
        ({"strategy": "Magic"}, "spec.conversion.strategy"),
        ({"strategy": "Webhook"}, "spec.conversion.webhook.clientConfig"),
    ],
)
def test_odd_conversions_are_refused(client: Client, conversion: dict[str, Any], field: str) -> None:
    reply = client.send("POST", _DEFINITIONS, _versioned(conversion))
    assert reply.status == 422
    assert field in {each["field"] for each in reply.body["details"]["causes"]}


def test_priority_levels_and_flow_schemas_have_their_defaults(client: Client) -> None:
    flow = "/apis/flowcontrol.apiserver.k8s.io/v1"
    level = {"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {"queues": 16}}}}
    made = client.send("POST", f"{flow}/prioritylevelconfigurations", {"metadata": {"name": "a"}, "spec": level}).body
    assert made["spec"]["limited"] == {
        "nominalConcurrencyShares": 30,
        "lendablePercent": 0,
        "limitResponse": {"type": "Queue", "queuing": {"queues": 16, "handSize": 8, "queueLengthLimit": 50}},
    }
    exempt = {"metadata": {"name": "b"}, "spec": {"type": "Exempt", "exempt": {}}}
    made = client.send("POST", f"{flow}/prioritylevelconfigurations", exempt).body
    assert made["spec"]["exempt"] == {"nominalConcurrencyShares": 0, "lendablePercent": 0}
    schema = {"metadata": {"name": "c"}, "spec": {"priorityLevelConfiguration": {"name": "a"}}}
    assert client.send("POST", f"{flow}/flowschemas", schema).body["spec"]["matchingPrecedence"] == 1000
