"""Bodies in protobuf, which some kubectl commands send: read by the field numbers of ``kinds/wire.json``.

Source: k8s.io/apimachinery, pkg/runtime/serializer/protobuf/protobuf.go (the envelope); the protobuf encoding.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.cluster.clock import timestamp
from kubelogic.kinds.merging import code_of, element_type
from kubelogic.kinds.wire import numbers_of
from kubelogic.serve.resources import Resource
from kubelogic.serve.statuses import bad_request

_MAGIC = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DEEPEST = 100
_OPTIONS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, str]]] = {
    "DeleteOptions": (
        {
            "1": "gracePeriodSeconds",
            "2": "preconditions",
            "3": "orphanDependents",
            "4": "propagationPolicy",
            "5": "dryRun",
        },
        {
            "gracePeriodSeconds": "l",
            "preconditions": "@Preconditions",
            "orphanDependents": "b",
            "propagationPolicy": "s",
            "dryRun": "[s",
        },
    ),
    "TokenRequest": ({"2": "spec"}, {"spec": "@TokenRequestSpec"}),
    "TokenRequestSpec": (
        {"1": "audiences", "3": "boundObjectRef", "4": "expirationSeconds"},
        {"audiences": "[s", "boundObjectRef": "@BoundObjectReference", "expirationSeconds": "l"},
    ),
    "BoundObjectReference": (
        {"1": "kind", "2": "apiVersion", "3": "name", "4": "uid"},
        {"kind": "s", "apiVersion": "s", "name": "s", "uid": "s"},
    ),
    "Preconditions": ({"1": "uid", "2": "resourceVersion"}, {"uid": "s", "resourceVersion": "s"}),
}
"""Types of requests, that are no objects: numbers and codes."""


class _MalformedError(Exception):
    pass


def decoded(body: bytes, resource: Resource) -> dict[str, Any]:
    """The object in a body.

    Raises:
        RequestError: 400; the body is malformed, or of another kind.
    """
    return {**decoded_type(body, resource.type_name), "apiVersion": resource.api_version, "kind": resource.kind}


def decoded_type(body: bytes, type_name: str) -> dict[str, Any]:
    """The value of a type in an envelope.

    Raises:
        RequestError: 400; the body is malformed.
    """
    if not body.startswith(_MAGIC):
        raise bad_request("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    try:
        raw = next((value for number, value in _fields(body[4:]) if number == 2), b"")
        return message(raw if isinstance(raw, bytes) else b"", type_name)
    except (_MalformedError, UnicodeDecodeError, IndexError, struct.error) as error:
        raise bad_request(f"the protobuf body cannot be decoded: {error}") from error


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of every field of a message."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, place = _varint(data, place)
            yield number, value
        elif wire == _BYTES:
            size, place = _varint(data, place)
            if place + size > len(data):
                raise _MalformedError("unexpected EOF")
            yield number, data[place : place + size]
            place += size
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
            yield number, data[place : place + size]
            place += size
        else:
            raise _MalformedError(f"illegal wire type {wire}")


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if shift > 63 or place >= len(data):
            raise _MalformedError("unexpected EOF")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7


def message(data: bytes, type_name: str, depth: int = 0) -> dict[str, Any]:
    """A message as the JSON tree of its type."""
    if depth > _DEEPEST:
        raise _MalformedError("nested too deeply")
    numbers, codes = _OPTIONS.get(type_name, (numbers_of(type_name), {}))
    if numbers is None:
        raise _MalformedError(f"{type_name} has no protobuf form")
    found: dict[str, Any] = {}
    _read(data, numbers, type_name, codes, found, depth)
    return found


def _read(  # noqa: PLR0917 - one caller beside itself
    data: bytes,
    numbers: Mapping[str, Any],
    type_name: str,
    codes: Mapping[str, str],
    found: dict[str, Any],
    depth: int,
) -> None:
    for number, value in _fields(data):
        name = numbers.get(str(number))
        if isinstance(name, Mapping):
            if not isinstance(value, bytes):
                raise _MalformedError("a struct is no message")
            _read(value, name, type_name, codes, found, depth)
        elif name is not None:
            code = codes.get(name) or code_of(type_name, name)
            _put(found, name, _value(value, code, depth), code)
    for name in [name for name, value in found.items() if value is _UNSET]:
        del found[name]


_UNSET: Any = object()
_PLAIN = frozenset(
    {"generation", "hostIPC", "hostNetwork", "hostPID", "hostPort", "minReadySeconds", "paused", "readOnly"}
    | {"stdin", "stdinOnce", "tty"}
)
"""Fields that are no pointers in Go: protobuf always has them, and false or 0 means that nothing was said."""


def _put(found: dict[str, Any], name: str, value: Any, code: str) -> None:
    if code.startswith("["):
        found.setdefault(name, []).extend(value if isinstance(value, list) else [value])
    elif code.startswith("{"):
        found.setdefault(name, {}).update(value)
    else:
        is_unset = value == "" or (name in _PLAIN and not value)
        if not is_unset or name not in found:
            found[name] = _UNSET if is_unset else value


def _value(value: int | bytes, code: str, depth: int) -> Any:
    head = code[:1]
    if head == "[":
        return _value(value, code[1:], depth)
    if isinstance(value, int):
        return _number(value, code)
    match head:
        case "{":
            return _entry(value, code[1:], depth)
        case "@":
            return message(value, element_type(code), depth + 1)
        case "s":
            return value.decode()
        case "y":
            return base64.b64encode(value).decode()
        case "q":
            return next(
                (text.decode() for number, text in _fields(value) if number == 1 and isinstance(text, bytes)), "0"
            )
        case "x":
            return _int_or_text(value)
        case "t" | "T":
            seconds = next((each for number, each in _fields(value) if number == 1 and isinstance(each, int)), None)
            return _UNSET if seconds is None else timestamp(_signed(seconds) * 1000)
        case "f":
            return struct.unpack("<d", value)[0]
        case _:
            return _raw(value)


def _number(value: int, code: str) -> Any:
    return bool(value) if code.lstrip("[{") == "b" else _signed(value)


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _entry(value: bytes, code: str, depth: int) -> dict[str, Any]:
    key: Any = ""
    inside: Any = {"s": "", "q": "0", "[": [], "@": {}}.get(code[:1], "")
    for number, each in _fields(value):
        if number == 1 and isinstance(each, bytes):
            key = each.decode()
        elif number == 2:
            if code.startswith("[") and isinstance(each, bytes):
                inside = [part.decode() for n, part in _fields(each) if n == 1 and isinstance(part, bytes)]
            else:
                inside = _value(each, code, depth)
    return {key: inside}


def _int_or_text(value: bytes) -> Any:
    parts = dict(_fields(value))
    if parts.get(1):
        text = parts.get(3, b"")
        return text.decode() if isinstance(text, bytes) else ""
    number = parts.get(2, 0)
    return _signed(number) if isinstance(number, int) else 0


def _raw(value: bytes) -> Any:
    """A value of any form: JSON within a message."""
    import json

    raw = next((each for number, each in _fields(value) if number == 1 and isinstance(each, bytes)), b"null")
    try:
        return json.loads(raw)
    except ValueError as error:
        raise _MalformedError(str(error)) from error
