"""Custom resources against schemas: what is refused, in which words; what is ratcheted; rules in CEL."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.kinds.validation.structural import faults

INTEGER = {"type": "integer"}
TEXT = {"type": "string"}
OBJECT = {"type": "object"}


def told(value: Any, schema: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    """The faults of a document whose field ``a`` has a value."""
    whole = {"type": "object", "properties": {"a": schema}}
    found = faults({"a": value}, whole) if old is None else faults({"a": value}, whole, old)
    return [f"{each.path}: {each.words}" for each in found]


@pytest.mark.parametrize(
    ("value", "schema", "wanted"),
    [
        (3, INTEGER, []),
        (3.0, INTEGER, []),
        (3.5, INTEGER, ['a: Invalid value: "number": a in body must be of type integer: "number"']),
        (True, INTEGER, ['a: Invalid value: "boolean": a in body must be of type integer: "boolean"']),
        (3, {"type": "number"}, []),
        (3, {"type": "boolean"}, ['a: Invalid value: "integer": a in body must be of type boolean: "integer"']),
        (None, TEXT, ['a: Invalid value: "null": a in body must be of type string: "null"']),
        (None, {**TEXT, "nullable": True}, []),
        ("x", {"x-kubernetes-int-or-string": True}, []),
        (11, {**INTEGER, "maximum": 10}, ["a: Invalid value: 11: a in body should be less than or equal to 10"]),
        (
            10,
            {**INTEGER, "maximum": 10, "exclusiveMaximum": True},
            ["a: Invalid value: 10: a in body should be less than 10"],
        ),
        (
            0.5,
            {"type": "number", "minimum": 0.75},
            ["a: Invalid value: 0.5: a in body should be greater than or equal to 0.75"],
        ),
        (1, {**INTEGER, "minimum": 1e6}, ["a: Invalid value: 1: a in body should be greater than or equal to 1e+06"]),
        (7, {**INTEGER, "multipleOf": 2}, ["a: Invalid value: 7: a in body should be a multiple of 2"]),
        ("abc", {**TEXT, "maxLength": 2}, ["a: Too long: may not be more than 2 bytes"]),
        ("", {**TEXT, "minLength": 1}, ['a: Invalid value: "": a in body should be at least 1 chars long']),
        ("A", {**TEXT, "pattern": "^[a-z]$"}, ["a: Invalid value: \"A\": a in body should match '^[a-z]$'"]),
        ("b", {**TEXT, "enum": ["a", "c"]}, ['a: Unsupported value: "b": supported values: "a", "c"']),
        ("2026-11-28T10:00:00Z", {**TEXT, "format": "date-time"}, []),
        (
            "now",
            {**TEXT, "format": "date-time"},
            ['a: Invalid value: "now": a in body must be of type date-time: "now"'],
        ),
        (
            "10.0.0.300",
            {**TEXT, "format": "ipv4"},
            ['a: Invalid value: "10.0.0.300": a in body must be of type ipv4: "10.0.0.300"'],
        ),
        ("anything", {**TEXT, "format": "unheard-of"}, []),
        (
            [1],
            {"type": "array", "items": INTEGER, "minItems": 2},
            ["a: Invalid value: 1: a in body should have at least 2 items"],
        ),
        ([1, 2, 3], {"type": "array", "items": INTEGER, "maxItems": 2}, ["a: Too many: 3: must have at most 2 items"]),
        (
            [1, "b"],
            {"type": "array", "items": INTEGER},
            ['a[1]: Invalid value: "string": a[1] in body must be of type integer: "string"'],
        ),
        (
            {"k": "v"},
            {**OBJECT, "additionalProperties": INTEGER},
            ['a.k: Invalid value: "string": a.k in body must be of type integer: "string"'],
        ),
        ({}, {**OBJECT, "minProperties": 1}, ["a: Invalid value: 0: a in body should have at least 1 properties"]),
        ({}, {**OBJECT, "required": ["b"]}, ["a.b: Required value"]),
        ([1, 1], {"type": "array", "items": INTEGER, "x-kubernetes-list-type": "set"}, ["a[1]: Duplicate value: 1"]),
        (
            [{"n": "x", "v": 1}, {"n": "x", "v": 2}],
            {"type": "array", "items": OBJECT, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"]},
            ['a[1]: Duplicate value: {"n":"x"}'],
        ),
        (
            {},
            {**OBJECT, "oneOf": [{"required": ["b"]}, {"required": ["c"]}]},
            [
                '<nil>: Invalid value: "": "a" must validate one and only one schema (oneOf). Found none valid',
                "a.b: Required value",
            ],
        ),
        (
            {"b": 1, "c": 1},
            {**OBJECT, "oneOf": [{"required": ["b"]}, {"required": ["c"]}]},
            ['<nil>: Invalid value: "": "a" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
        ),
        ("x", {**TEXT, "not": {"enum": ["x"]}}, ['<nil>: Invalid value: "": "a" must not validate the schema (not)']),
        ("y", {**TEXT, "anyOf": [{"enum": ["x"]}, {"enum": ["y"]}]}, []),
    ],
)
def test_words_of_a_schema(value: Any, schema: dict[str, Any], wanted: list[str]) -> None:
    assert told(value, schema) == wanted


def rule(text: str, **more: Any) -> dict[str, Any]:
    properties = {"n": INTEGER, "m": INTEGER}
    return {**OBJECT, "properties": properties, "x-kubernetes-validations": [{"rule": text, **more}]}


@pytest.mark.parametrize(
    ("value", "schema", "wanted"),
    [
        ({"n": 1, "m": 2}, rule("self.n < self.m"), []),
        ({"n": 3, "m": 2}, rule("self.n < self.m"), ["a: Invalid value: failed rule: self.n < self.m"]),
        ({"n": 3}, rule("self.n < 2", message=" too many "), ["a: Invalid value: too many"]),
        ({"n": 3}, rule("self.n < 2", messageExpression="'n is ' + string(self.n)"), ["a: Invalid value: n is 3"]),
        (
            {"n": 3},
            rule("self.n < 2", message="no", fieldPath=".n", reason="FieldValueForbidden"),
            ["a.n: Forbidden: no"],
        ),
        ({"n": 3}, rule("self.n == oldSelf.n"), []),
        (
            {"n": "x"},
            rule("self.n < 2"),
            [
                'a.n: Invalid value: "string": a.n in body must be of type integer: "string"',
                "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; "
                "correct the existing errors to complete validation",
            ],
        ),
        (
            5,
            {**INTEGER, "x-kubernetes-validations": [{"rule": "self < 2", "message": "no"}]},
            ["a: Invalid value: 5: no"],
        ),
    ],
)
def test_rules(value: Any, schema: dict[str, Any], wanted: list[str]) -> None:
    assert told(value, schema) == wanted


def test_a_transition_rule_compares_with_the_value_before() -> None:
    immutable = rule("self.n == oldSelf.n", message="n stays")
    assert told({"n": 2}, immutable, {"a": {"n": 1}}) == ["a: Invalid value: n stays"]
    assert told({"n": 1, "m": 3}, immutable, {"a": {"n": 1}}) == []


def test_what_has_not_changed_is_not_looked_at_again() -> None:
    schema = {**OBJECT, "properties": {"n": {**INTEGER, "maximum": 3}, "m": INTEGER}}
    assert told({"n": 9, "m": 1}, schema, {"a": {"n": 9}}) == []
    assert told({"n": 8, "m": 1}, schema, {"a": {"n": 9}}) != []
    items = {"type": "array", "items": {**OBJECT, "properties": {"k": TEXT, "n": {**INTEGER, "maximum": 3}}}}
    mapped = {**items, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]}
    before, after = [{"k": "x", "n": 9}], [{"k": "y", "n": 1}, {"k": "x", "n": 9}]
    assert told(after, mapped, {"a": before}) == []
    assert told(after, items, {"a": before}) != []
