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
