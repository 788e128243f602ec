"""Rules of schemas in CEL (``x-kubernetes-validations``), and what checks of schemas share.

Costs are not counted, and a rule that the engine cannot evaluate is told as one that failed to evaluate.

Source: k8s.io/apiextensions-apiserver, pkg/apiserver/schema/cel/validation.go (validateExpressions), Kubernetes 1.36;
k8s.io/apimachinery, pkg/util/validation/field/errors.go (ErrorBody).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from kubelogic.kinds.expressions import evaluate
from kubelogic.kinds.failed import Failed
from kubelogic.patterns import regex

Schema = Mapping[str, Any]

RULES = "x-kubernetes-validations"

absent: Any = object()
"""What stands for a value that is not there, since null may be one."""

_OLD = regex(r"\boldSelf\b")


class Wrong(msgspec.Struct, frozen=True, kw_only=True):
    """One value that is refused.

    Attributes:
        path: of the field; ``<nil>`` if it is told of none.
        words: kind of fault, value and why, as the API server says it.
        is_type: whether it is of another type than the schema wants.
    """

    path: str
    words: str
    is_type: bool = False


def shown(value: Any) -> str:
    """A value as messages show it.

    >>> shown("a"), shown(3), shown({"a": 1}), shown(None)
    ('"a"', '3', '{"a":1}', 'null')
    """
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def same(one: Any, other: Any) -> bool:
    """Whether two values of JSON are equal; ``true`` is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def counterpart(item: Any, old: Any, schema: Schema) -> Any:
    """The item of an old list that has the same keys; ``absent`` if none has, or the list is no map."""
    keys = schema.get("x-kubernetes-list-map-keys")
    if schema.get("x-kubernetes-list-type") != "map" or not keys or not isinstance(old, list):
        return absent
    if not isinstance(item, dict):
        return absent
    mine = [item.get(key) for key in keys]
    found = (each for each in old if isinstance(each, dict) and [each.get(key) for key in keys] == mine)
    return next(found, absent)


def are_in(schema: Any) -> bool:
    """Whether a schema has rules anywhere."""
    if isinstance(schema, Mapping):
        return bool(schema.get(RULES)) or any(are_in(each) for each in schema.values())
    return isinstance(schema, list) and any(are_in(each) for each in schema)


def faults(value: Any, schema: Schema, path: str, old: Any = absent) -> Iterator[Wrong]:
    """The rules that a value does not keep.

    Args:
        value: what is looked at.
        schema: of it.
        path: to it.
        old: the value before an update.
    """
    if value is None:
        return
    unchanged = old is not absent and same(value, old)
    for rule in schema.get(RULES) or ():
        yield from _told(rule, value, schema, path, old, unchanged=unchanged)
    if isinstance(value, dict):
        others = schema.get("additionalProperties")
        before: Any = old if isinstance(old, Mapping) else {}
        for name in sorted(value):
            inner = (schema.get("properties") or {}).get(name, others if isinstance(others, Mapping) else None)
            if isinstance(inner, Mapping):
                where = f"{path}.{name}" if path else name
                yield from faults(value[name], inner, where, before.get(name, absent))
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        for number, each in enumerate(value):
            yield from faults(each, schema["items"], f"{path}[{number}]", counterpart(each, old, schema))


def _told(
    rule: Mapping[str, Any], value: Any, schema: Schema, path: str, old: Any, *, unchanged: bool
) -> Iterator[Wrong]:
    text = str(rule.get("rule") or "").strip()
    of_change = _OLD.search(text) is not None
    if not text or (of_change and old is absent) or (unchanged and not of_change):
        return
    variables = {"self": value} if old is absent else {"self": value, "oldSelf": old}
    found = evaluate(text, variables)
    said = str(rule.get("message") or "").strip()
    if isinstance(found, Failed):
        words = f"{found.why} evaluating rule: {said or text}"
        yield Wrong(path=path or "<nil>", words=f"Invalid value: {shown(schema.get('type', ''))}: {words}")
        return
    if found is True:
        return
    where = path + (_child(str(rule["fieldPath"])) if rule.get("fieldPath") else "")
    detail = said or f"failed rule: {text}"
    if rule.get("messageExpression"):
        made = evaluate(str(rule["messageExpression"]), variables)
        detail = made if isinstance(made, str) and made.strip() else detail
    yield Wrong(path=where.lstrip(".") or "<nil>", words=_words(rule.get("reason"), value, schema, detail))


def _words(reason: object, value: Any, schema: Schema, detail: str) -> str:
    given = "" if schema.get("type") in ("object", "array") else f" {shown(value)}:"
    match reason:
        case "FieldValueForbidden":
            return f"Forbidden: {detail}"
        case "FieldValueRequired":
            return f"Required value: {detail}"
        case "FieldValueDuplicate":
            return f"Duplicate value:{given}".rstrip(":")
        case _:
            return f"Invalid value:{given} {detail}"


def _child(path: str) -> str:
    return path if path.startswith((".", "[")) else f".{path}"
