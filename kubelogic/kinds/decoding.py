"""A JSON body as the API server decodes it: unknown fields are dropped and told, a wrong type ends it with Go's words.

Source: staging/src/k8s.io/apimachinery, pkg/runtime/serializer/json (strict decoding); sigs.k8s.io/json,
internal/golang/encoding/json/decode.go (UnmarshalTypeError).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from kubelogic.kinds import quantity
from kubelogic.kinds.merging import code_of, element_type
from kubelogic.kinds.table import fields_of

QUANTITY_FORM = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


class Decoded(msgspec.Struct):
    """What came of a body.

    Attributes:
        document: without unknown fields and nulls.
        unknown: the paths of fields that the type does not have, in the order of the body.
        fault: why it cannot be decoded at all; empty if it can.
    """

    document: dict[str, Any]
    unknown: list[str] = msgspec.field(default_factory=list)
    fault: str = ""


class _WrongTypeError(Exception):
    """A value of a wrong type: the value, and what is wanted, where the words depend on who decodes."""

    def __init__(self, words: str, value: Any = None, code: str = "") -> None:
        super().__init__(words)
        self.value = value
        self.code = code


def fault_of_patched(document: Mapping[str, Any], type_name: str) -> str:
    """Why what a strategic merge patch made of an object cannot be decoded; empty if it can.

    >>> fault_of_patched({"spec": {"replicas": "x"}}, "Deployment")
    'unrecognized type: int32'

    Source: staging/src/k8s.io/apimachinery, pkg/runtime/converter.go, fromUnstructured.
    """
    try:
        _struct(document, type_name, "", Decoded(document={}))
    except _WrongTypeError as error:
        return _unconverted(error) if error.code else str(error)
    return ""


def _unconverted(error: _WrongTypeError) -> str:
    value, code = error.value, error.code
    given = _GO_KINDS.get(type(value), "map")
    match code[:1]:
        case "@":
            return f"cannot restore struct from: {given}"
        case "[":
            return f"cannot restore slice from {given}"
        case "{":
            return f"cannot restore map from {given}"
    wanted = _GO_TYPES.get(code, "string")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and ((code == "s" and isinstance(value, int)) or code in "il"):
        return f"cannot convert {given} to {wanted}"
    return f"unrecognized type: {wanted if code != 'y' else 'slice'}"


_GO_KINDS: Mapping[type, str] = {str: "string", bool: "bool", int: "int64", float: "float64", list: "slice"}


def decode(document: Mapping[str, Any], type_name: str) -> Decoded:
    """Decode the JSON tree of an object.

    >>> decode({"kind": "Pod", "spec": {"nodeNme": "n1"}}, "Pod").unknown
    ['spec.nodeNme']
    >>> decode({"kind": "ConfigMap", "data": {"a": 1}}, "ConfigMap").fault
    'json: cannot unmarshal number into Go struct field ConfigMap.data of type string'
    """
    found = Decoded(document={})
    try:
        found.document = _struct(document, type_name, "", found)
    except _WrongTypeError as error:
        found.fault = str(error)
    return found


_GO_TYPES = {"s": "string", "i": "int32", "l": "int64", "f": "float64", "b": "bool", "y": "[]uint8"}


def _struct(value: Any, type_name: str, path: str, found: Decoded) -> dict[str, Any]:
    known = fields_of(type_name)
    result: dict[str, Any] = {}
    for key, each in value.items():
        inside = f"{path}.{key}" if path else key
        if key not in known and not (key == "metadata" and not path) and key not in ("apiVersion", "kind"):
            found.unknown.append(inside)
            continue
        code = code_of(type_name, key)
        if each is None:
            continue
        result[key] = _value(each, code, inside, type_name, found)
    return result


def _value(value: Any, code: str, path: str, owner: str, found: Decoded) -> Any:
    head = code[:1]
    if head == "@":
        if not isinstance(value, dict):
            raise _wrong(value, owner, path, f"v1.{element_type(code).rsplit('.', 1)[-1]}", code=code)
        return _struct(value, element_type(code), path, found)
    if head == "[":
        if not isinstance(value, list):
            raise _wrong(value, owner, path, _go_type(code), code=code)
        items = []
        for number, each in enumerate(value):
            if each is None:
                continue
            items.append(_value(each, code[1:], f"{path}[{number}]", owner, found))
        return items
    if head == "{":
        if not isinstance(value, dict):
            raise _wrong(value, owner, path, _go_type(code), code=code)
        return {
            key: _value(each, code[1:], f"{path}.{key}" if code[1:2] in "@[{" else path, owner, found)
            for key, each in value.items()
            if each is not None
        }
    return _scalar(value, code, path, owner)


def _scalar(value: Any, code: str, path: str, owner: str) -> Any:
    match code:
        case "s" | "y" | "t" | "T" if not isinstance(value, str):
            if code in "tT":
                raise _WrongTypeError(f"json: cannot unmarshal {json_type(value)} into Go value of type string")
            raise _wrong(value, owner, path, _GO_TYPES[code], code=code)
        case "i" | "l":
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise _wrong(value, owner, path, _GO_TYPES[code], code=code)
            if isinstance(value, float):
                if not value.is_integer():
                    raise _wrong(value, owner, path, _GO_TYPES[code], told=f"number {value}", code=code)
                value = int(value)
            bound = 2**31 if code == "i" else 2**63
            if not -bound <= value < bound:
                raise _wrong(value, owner, path, _GO_TYPES[code], told=f"number {value}", code=code)
        case "b" if not isinstance(value, bool):
            raise _wrong(value, owner, path, "bool", code=code)
        case "q":
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise _WrongTypeError(QUANTITY_FORM)
            try:
                return quantity.read(value).text
            except quantity.QuantityError as error:
                raise _WrongTypeError(QUANTITY_FORM) from error
        case "x" if isinstance(value, bool) or not isinstance(value, str | int):
            raise _WrongTypeError(f"json: cannot unmarshal {json_type(value)} into Go value of type int32")
    return value


def _go_type(code: str) -> str:
    if code.startswith("["):
        return f"[]{_go_type(code[1:])}"
    if code.startswith("{"):
        return f"map[string]{_go_type(code[1:])}"
    if code.startswith("@"):
        return f"v1.{element_type(code).rsplit('.', 1)[-1]}"
    return _GO_TYPES.get(code, "string")


def json_type(value: Any) -> str:
    """What Go's decoder calls a value."""
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _wrong(value: Any, owner: str, path: str, wanted: str, *, told: str = "", code: str = "") -> _WrongTypeError:
    """Go names the innermost struct and the path of the fields from the outermost one, without indexes."""
    steps = re.sub(r"\[\d+\]", "", path)
    place = f"{owner.rsplit('.', 1)[-1]}.{steps}"
    words = f"json: cannot unmarshal {told or json_type(value)} into Go struct field {place} of type {wanted}"
    return _WrongTypeError(words, value, code)
