"""The OpenAPI documents: every built-in kind has its types, descriptions, required fields and values."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.serve import openapi, openapi_v2
from kubelogic.serve.descriptions import described
from kubelogic.serve.resources import built_in

pytest.importorskip("kubernetes_validate")


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    return openapi.version_2(tuple(built_in()))


def test_types_and_fields_are_those_that_are_published(plain: dict[str, Any]) -> None:
    """But for a version of a kind that a later release has; each description is the published one."""
    for name, schema in plain["definitions"].items():
        if "v1beta1" in name:
            continue
        published = described(name)
        assert schema.get("description", "") == published.description
        assert set(schema.get("properties", {})) == set(published.properties), name
        for field, about in schema.get("properties", {}).items():
            assert about.get("description", "").startswith(published.properties[field].description)
    pod = plain["definitions"]["io.k8s.api.core.v1.PodSpec"]["properties"]
    assert all(each["description"] for each in pod.values())


def test_values_and_required_fields(plain: dict[str, Any]) -> None:
    port = plain["definitions"]["io.k8s.api.core.v1.ContainerPort"]
    assert port["required"] == ["containerPort"]
    assert port["properties"]["protocol"]["enum"] == ["SCTP", "TCP", "UDP"]
    assert port["properties"]["protocol"]["description"].endswith('values:\n - `"SCTP"`\n - `"TCP"`\n - `"UDP"`')
    modes = plain["definitions"]["io.k8s.api.core.v1.PersistentVolumeClaimSpec"]["properties"]["accessModes"]
    assert "ReadWriteOncePod" in modes["items"]["enum"]
    assert "enum" not in modes


def test_the_older_document_holds_the_definitions(plain: dict[str, Any]) -> None:
    raw = openapi_v2.document(tuple(built_in()), plain)
    assert _numbers(raw) == {1, 2, 8, 9}
    named = _messages(raw, 9)[0]
    names = [_messages(each, 1)[0].decode() for each in _messages(named, 1)]
    assert names == sorted(plain["definitions"])
    port = next(each for each in _messages(named, 1) if _messages(each, 1) == [b"io.k8s.api.core.v1.ContainerPort"])
    schema = _messages(port, 2)[0]
    assert _messages(schema, 19) == [b"containerPort"]
    assert b"represents a network port" in _messages(schema, 4)[0]


def _fields(raw: bytes) -> list[tuple[int, bytes]]:
    """The fields of a message that has only texts and messages."""
    found, at = [], 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        assert tag & 7 == 2
        length, at = _varint(raw, at)
        found.append((tag >> 3, raw[at : at + length]))
        at += length
    return found


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        value |= (raw[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not raw[at - 1] & 0x80:
            return value, at


def _numbers(raw: bytes) -> set[int]:
    return {number for number, _ in _fields(raw)}


def _messages(raw: bytes, number: int) -> list[bytes]:
    return [value for found, value in _fields(raw) if found == number]
