"""Custom resources against the schema of their definition: every value that it refuses, in the API server's words.

On an update what has not changed is not looked at again (ratcheting). Not modelled: ``definitions``, ``dependencies``
and lists of item schemas, which structural schemas may not have.

Source: k8s.io/kube-openapi, pkg/validation/validate and pkg/validation/errors; k8s.io/apiextensions-apiserver,
pkg/apiserver/validation/validation.go (kubeOpenAPIResultToFieldErrors), pkg/apiserver/schema/listtype, pkg/registry/
customresource/strategy.go of Kubernetes 1.36.
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kubelogic.kinds.validation import schema_rules
from kubelogic.kinds.validation.schema_rules import Wrong, absent, shown

Schema = Mapping[str, Any]

_BLOCKING = ("Required value", "Unsupported value", "Too long", "Too many")
_UNCHECKED = (
    "some validation rules were not checked because the object was invalid; correct the existing errors to complete "
    "validation"
)


def faults(document: Mapping[str, Any], schema: Schema, old: Any = absent) -> tuple[Wrong, ...]:
    """What the schema refuses of a document, in the order of fields.

    Args:
        document: the custom resource, pruned and with its defaults.
        schema: the ``openAPIV3Schema`` of its version.
        old: the resource before an update.

    >>> size = {"type": "integer", "minimum": 1}
    >>> schema = {"type": "object", "required": ["size"], "properties": {"size": size}}
    >>> [(each.path, each.words) for each in faults({"size": 0}, schema)]
    [('size', 'Invalid value: 0: size in body should be greater than or equal to 1')]
    >>> [(each.path, each.words) for each in faults({"size": "a"}, schema)]
    [('size', 'Invalid value: "string": size in body must be of type integer: "string"')]
    >>> [(each.path, each.words) for each in faults({}, schema)]
    [('size', 'Required value')]
    """
    found = [*_of(document, schema, "", old), *_lists(document, schema, "")]
    if not schema_rules.are_in(schema):
        return tuple(found)
    if any(each.words.startswith(_BLOCKING) or each.is_type for each in found):
        return (*found, Wrong(path="<nil>", words=f"Invalid value: null: {_UNCHECKED}"))
    return (*found, *schema_rules.faults(document, schema, "", old))


def _of(value: Any, schema: Schema, path: str, old: Any) -> Iterator[Wrong]:
    if old is not absent and schema_rules.same(value, old):
        return
    wrong_type = next(_type(value, schema, path), None)
    if wrong_type is not None:
        yield wrong_type
    if value is not None:
        yield from _alternatives(value, schema, path)
        match value:
            case str():
                yield from _text(value, schema, path)
            case bool():
                pass
            case int() | float():
                yield from _number(value, schema, path)
            case list():
                yield from _array(value, schema, path, old)
    if "enum" in schema and not any(schema_rules.same(value, each) for each in schema["enum"]):
        allowed = ", ".join(shown(each if isinstance(each, str) else json.dumps(each)) for each in schema["enum"])
        yield Wrong(path=path, words=f"Unsupported value: {shown(value)}: supported values: {allowed}")
    if isinstance(value, dict):
        yield from _object(value, schema, path, old)


def _type(value: Any, schema: Schema, path: str) -> Iterator[Wrong]:
    wanted = (
        ["integer", "string"]
        if schema.get("x-kubernetes-int-or-string")
        else [schema["type"]]
        if "type" in schema
        else []
    )
    if not wanted or (value is None and schema.get("nullable")):
        return
    given = _type_of(value)
    integer_number = given == "number" and "integer" in wanted and float(value).is_integer()
    if given in wanted or integer_number or (given == "integer" and "number" in wanted):
        return
    yield _typed(path, ",".join(wanted), given)


def _typed(path: str, wanted: str, given: str) -> Wrong:
    words = f"Invalid value: {shown(given)}: {_named(path)} must be of type {wanted}: {shown(given)}"
    return Wrong(path=path or "<nil>", words=words, is_type=True)


def _type_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _named(path: str) -> str:
    return f"{path} in body" if path else " in body"


def _invalid(path: str, value: Any, words: str) -> Wrong:
    return Wrong(path=path or "<nil>", words=f"Invalid value: {shown(value)}: {_named(path)} {words}")


def _alternatives(value: Any, schema: Schema, path: str) -> Iterator[Wrong]:
    def tried(part: str) -> list[list[Wrong]]:
        return [list(_of(value, each, path, absent)) for each in schema.get(part) or ()]

    def said(words: str) -> Wrong:
        return Wrong(path="<nil>", words=f'Invalid value: "": "{path}" must {words}')

    if (found := tried("anyOf")) and all(found):
        yield said("validate at least one schema (anyOf)")
        yield from min(found, key=len)
    if (found := tried("oneOf")) and (fits := sum(not each for each in found)) != 1:
        told = f"Found {fits} valid alternatives" if fits else "Found none valid"
        yield said(f"validate one and only one schema (oneOf). {told}")
        if not fits:
            yield from min(found, key=len)
    if (found := tried("allOf")) and any(found):
        yield from (each for some in found for each in some)
        yield said(f"validate all the schemas (allOf){'. None validated' if all(found) else ''}")
    if "not" in schema and not list(_of(value, schema["not"], path, absent)):
        yield said("not validate the schema (not)")


def _text(value: str, schema: Schema, path: str) -> Iterator[Wrong]:
    if (most := schema.get("maxLength")) is not None and len(value) > most:
        yield Wrong(path=path, words=f"Too long: may not be more than {most} {'byte' if most == 1 else 'bytes'}")
    elif (least := schema.get("minLength")) is not None and len(value) < least:
        yield _invalid(path, value, f"should be at least {least} chars long")
    elif (pattern := schema.get("pattern")) and not _matches(pattern, value):
        yield _invalid(path, value, f"should match '{pattern}'")
    reads = _FORMATS.get(str(schema.get("format")))
    if reads is not None and not reads(value):
        words = f"{_named(path)} must be of type {schema['format']}: {shown(value)}"
        yield Wrong(path=path, words=f"Invalid value: {shown(value)}: {words}", is_type=True)


def _matches(pattern: str, value: str) -> bool:
    """Whether a text has a match of a pattern; one that Python cannot read refuses nothing."""
    try:
        return re.search(pattern, value) is not None
    except re.error:
        return True


def _number(value: float, schema: Schema, path: str) -> Iterator[Wrong]:
    if (factor := schema.get("multipleOf")) and not math.isclose(value / factor, round(value / factor), rel_tol=1e-12):
        yield _invalid(path, value, f"should be a multiple of {_go(factor)}")
    if (least := schema.get("minimum")) is not None:
        if schema.get("exclusiveMinimum") and value <= least:
            yield _invalid(path, value, f"should be greater than {_go(least)}")
        elif value < least:
            yield _invalid(path, value, f"should be greater than or equal to {_go(least)}")
    if (most := schema.get("maximum")) is not None:
        if schema.get("exclusiveMaximum") and value >= most:
            yield _invalid(path, value, f"should be less than {_go(most)}")
        elif value > most:
            yield _invalid(path, value, f"should be less than or equal to {_go(most)}")
    bits = {"int32": 31, "int64": 63}.get(str(schema.get("format")))
    if bits is not None and schema.get("type") == "integer" and not -(1 << bits) <= value < 1 << bits:
        words = f"Checked value must be of type integer with format {schema['format']}"
        yield Wrong(path="<nil>", words=f'Invalid value: "": {words}')


def _go(value: float) -> str:
    """A number as Go's ``%v`` writes a float64.

    >>> _go(10), _go(0.5), _go(65535), _go(1e6)
    ('10', '0.5', '65535', '1e+06')
    """
    number = float(value)
    if number and not 1e-5 < abs(number) < 1e21:
        return repr(number)
    if number and abs(number) >= 1e6:
        head, _, power = f"{number:.17e}".partition("e")
        digits = repr(float(head)).removesuffix(".0")
        return f"{digits}e{power}"
    return repr(number).removesuffix(".0")


def _array(value: list[Any], schema: Schema, path: str, old: Any) -> Iterator[Wrong]:
    items = schema.get("items")
    if isinstance(items, Mapping):
        for number, each in enumerate(value):
            before = schema_rules.counterpart(each, old, schema)
            yield from _of(each, items, f"{path}[{number}]", before)
    if (least := schema.get("minItems")) is not None and len(value) < least:
        yield _invalid(path, len(value), f"should have at least {least} items")
    if (most := schema.get("maxItems")) is not None and len(value) > most:
        yield Wrong(path=path, words=f"Too many: {len(value)}: must have at most {most} items")
    if schema.get("uniqueItems") and len({json.dumps(each, sort_keys=True) for each in value}) < len(value):
        yield _invalid(path, "", "shouldn't contain duplicates")


def _object(value: Mapping[str, Any], schema: Schema, path: str, old: Any) -> Iterator[Wrong]:
    properties: Schema = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    if (least := schema.get("minProperties")) is not None and len(value) < least:
        yield _invalid(path, len(value), f"should have at least {least} properties")
    if (most := schema.get("maxProperties")) is not None and len(value) > most:
        yield Wrong(path=path, words=f"Too many: {len(value)}: must have at most {most} items")
    before: Any = old if isinstance(old, Mapping) else {}
    for name in sorted({*value, *(schema.get("required") or ())}):
        where = f"{path}.{name}" if path else name
        inner = properties.get(name, others if isinstance(others, Mapping) else None)
        if name not in value:
            yield Wrong(path=where, words="Required value")
        elif inner is not None:
            yield from _of(value[name], inner, where, before.get(name, absent))


def _lists(value: Any, schema: Schema, path: str) -> Iterator[Wrong]:
    """Items that a set, or a list that is a map, has twice."""
    if isinstance(value, list):
        kind = schema.get("x-kubernetes-list-type")
        keys = schema.get("x-kubernetes-list-map-keys") or ()
        seen: set[str] = set()
        for number, each in enumerate(value):
            where = f"{path}[{number}]"
            if kind in ("set", "map"):
                told = (
                    {key: each[key] for key in keys if key in each}
                    if kind == "map" and isinstance(each, dict)
                    else each
                )
                mark = json.dumps(told, sort_keys=True)
                if mark in seen:
                    yield Wrong(path=where, words=f"Duplicate value: {shown(told)}")
                seen.add(mark)
            if isinstance(schema.get("items"), Mapping):
                yield from _lists(each, schema["items"], where)
    elif isinstance(value, dict):
        others = schema.get("additionalProperties")
        for name in sorted(value):
            inner = (schema.get("properties") or {}).get(name, others if isinstance(others, Mapping) else None)
            if isinstance(inner, Mapping):
                yield from _lists(value[name], inner, f"{path}.{name}" if path else name)


def _reads(read: Callable[[str], object]) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        try:
            read(text)
        except ValueError:
            return False
        return True

    return fits


def _like(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


_DAY = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_FORMATS: Mapping[str, Callable[[str], bool]] = {
    "date": _like(_DAY),
    "date-time": _like(rf"{_DAY}[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]\d\d:\d\d)"),
    "duration": _like(r"[+-]?(\d+(\.\d*)?|\.\d+)\s*(ns|us|µs|ms|s|m|h|d|w|seconds?|minutes?|hours?|days?)(.*)|0"),
    "byte": _like(r"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"),
    "email": _like(r"[^@\s]+@[^@\s]+"),
    "ipv4": _reads(ipaddress.IPv4Address),
    "ipv6": _reads(ipaddress.IPv6Address),
    "cidr": _reads(lambda text: ipaddress.ip_network(text, strict=False)),
    "uuid": _like(r"(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"),
    "mac": _like(r"(?i)([0-9a-f]{2}[:-]){5}[0-9a-f]{2}"),
}
"""Formats of text that are checked. Source: k8s.io/kube-openapi, pkg/validation/strfmt."""
