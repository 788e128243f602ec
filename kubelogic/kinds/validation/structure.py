"""The shape of documents: types, known fields, and the forms of numbers that the API server accepts.

Decoding gives a new tree in which every known field has its right type: whole floats become integers,
quantities become their text, nulls are gone (the API server treats null as absent).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from kubelogic.kinds import quantity
from kubelogic.kinds.table import fields_of
from kubelogic.kinds.validation.problems import NO_SUCH_FIELD, Report, Tree, nearest, quoted
from kubelogic.patterns import regex
from kubelogic.text.location import Path

MISSING = object()
"""What a decoder returns for a value that is not usable."""

_MAX_DEPTH = 250
_AFTER_DASH = "put a space after the '-'"
_KEY = regex(r"[A-Za-z][\w./-]*")
_TIME = regex(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_BOUNDS = {"i": ("a 32-bit", 2**31), "l": ("a 64-bit", 2**63)}

Decoder = Callable[[Any, Path, Report], Any]


def _what(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return f"the boolean {'true' if value else 'false'}"
        case int() | float():
            return f"the number {quoted(value)}"
        case str():
            return f"the text {quoted(value)}"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a mapping"
        case _:
            return f"a {type(value).__name__}"


def _wrong(report: Report, path: Path, value: Any, wanted: str, advice: str = "") -> Any:
    report.add(path, "KL110", f"must be {wanted}, is {_what(value)}{'; ' + advice if advice else ''}")
    return MISSING


def _without_space(value: Any, fields: Mapping[str, str] | None = None) -> str:
    """What to do about a text that would be an entry of a mapping if it had a space after its colon.

    ``fields`` are those that the mapping may have, if not any.
    """
    key, colon, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
    known = key in fields if fields is not None else bool(_KEY.fullmatch(key))
    return "put a space after the ':'" if known and colon and rest[:1] not in ("", "/") else ""


def _text(value: Any, path: Path, report: Report) -> Any:
    if type(value) is str:
        return value
    advice = "put it in quotes" if isinstance(value, bool | int | float) else ""
    return _wrong(report, path, value, "text", advice)


def _integer(code: str) -> Decoder:
    name, bound = _BOUNDS[code]

    def decode(value: Any, path: Path, report: Report) -> Any:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int:
            advice = "remove the quotes" if isinstance(value, str) and value.lstrip("-").isdigit() else ""
            return _wrong(report, path, value, "a whole number", advice)
        if not -bound <= value < bound:
            report.add(path, "KL111", f"{value} does not fit {name} integer; the largest is {bound - 1}")
            return MISSING
        return value

    return decode


def _number(value: Any, path: Path, report: Report) -> Any:
    if type(value) is int or (type(value) is float and value == value and abs(value) != float("inf")):  # noqa: PLR0124
        return value
    return _wrong(report, path, value, "a number")


def _boolean(value: Any, path: Path, report: Report) -> Any:
    if type(value) is bool:
        return value
    advice = "remove the quotes" if value in ("true", "false") else ""
    return _wrong(report, path, value, "true or false", advice)


def _quantity(value: Any, path: Path, report: Report) -> Any:
    if not isinstance(value, str | int | float):
        return _wrong(report, path, value, "a quantity such as 100m or 1Gi")
    try:
        return quantity.read(value).text
    except quantity.QuantityError as error:
        report.add(path, "KL113", f"{quoted(value)} {error}")
        return MISSING


def _int_or_text(value: Any, path: Path, report: Report) -> Any:
    if type(value) is str:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _integer("i")(value, path, report)
    return _wrong(report, path, value, "a whole number or text")


def _time(value: Any, path: Path, report: Report) -> Any:
    if type(value) is not str:
        return _wrong(report, path, value, "a time such as 2026-01-31T12:00:00Z")
    match = _TIME.fullmatch(value)
    try:
        if match is None:
            raise ValueError(value)
        moment = datetime.fromisoformat(f"{match[1]}T{match[2]}")
    except ValueError:
        report.add(path, "KL114", f"{quoted(value)} must be a time such as 2026-01-31T12:00:00Z")
        return MISSING
    if moment == datetime.min and match[4] == "Z" and not (match[3] or "").strip(".0"):  # noqa: DTZ901 - Go's zero time: not yet
        return MISSING
    return value


def _micro_time(value: Any, path: Path, report: Report) -> Any:
    decoded = _time(value, path, report)
    match = _TIME.fullmatch(value) if decoded is not MISSING else None
    if match and len(match[3] or "") != 7:
        report.add(path, "KL114", f"{quoted(value)} must have microseconds, as in 2026-01-31T12:00:00.000000Z")
        return MISSING
    return decoded


def _bytes(value: Any, path: Path, report: Report) -> Any:
    if type(value) is not str:
        return _text(value, path, report)
    try:
        base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        report.add(path, "KL115", f"{quoted(value)} must be base64; write plain text under stringData if there is one")
        return MISSING
    return value


def _anything(value: Any, _path: Path, _report: Report) -> Any:
    return value


_SCALARS: Mapping[str, Decoder] = {
    "s": _text,
    "i": _integer("i"),
    "l": _integer("l"),
    "f": _number,
    "b": _boolean,
    "q": _quantity,
    "x": _int_or_text,
    "t": _time,
    "T": _micro_time,
    "y": _bytes,
    "*": _anything,
    "o": _anything,
}
_ZERO: Mapping[str, Any] = {"s": "", "i": 0, "l": 0, "f": 0, "b": False, "q": "0", "y": "", "x": 0}


@cache
def decoder(code: str) -> Decoder:
    """The decoder for a type code (see ``kinds.fields_of``)."""
    match code[0]:
        case "[":
            return _list_of(code[1:])
        case "{":
            return _mapping_of(code[1:])
        case "@":
            return _object_of(code[1:])
        case _:
            return _SCALARS[code]


def _zero(code: str) -> Any:
    """What a null item of a list or mapping stands for; None where it stays null."""
    if code[0] == "@":
        return {}
    return [] if code[0] == "[" else {} if code[0] == "{" else _ZERO.get(code)


def _list_of(code: str) -> Decoder:
    plain = code == "s"

    def decode(value: Any, path: Path, report: Report) -> Any:
        if not isinstance(value, list | tuple):
            advice = "put a '-' before the entry" if isinstance(value, Mapping) else ""
            if plain and isinstance(value, str):
                advice = f"write [{value}]"
            keys = list(value) if isinstance(value, Mapping) else [value]
            if keys and all(str(key)[:1] == "-" for key in keys):
                advice = _AFTER_DASH
            return _wrong(report, path, value, "a list", advice)
        if plain and all(type(item) is str for item in value):
            return list(value)
        item_decoder = decoder(code)
        out = []
        for index, item in enumerate(value):
            decoded = _zero(code) if item is None else item_decoder(item, (*path, index), report)
            out.append(_zero(code) if decoded is MISSING else decoded)
        return out

    return decode


def _mapping_of(code: str) -> Decoder:
    plain = code == "s"

    def decode(value: Any, path: Path, report: Report) -> Any:
        if not isinstance(value, Mapping):
            advice = "write its entries without '-'" if isinstance(value, list) else _without_space(value)
            return _wrong(report, path, value, "a mapping", advice)
        if plain and all(type(item) is str and type(key) is str for key, item in value.items()):
            return dict(value)
        item_decoder = decoder(code)
        out: Tree = {}
        for key, item in value.items():
            name = key if type(key) is str else str(key)
            decoded = _zero(code) if item is None else item_decoder(item, (*path, name), report)
            if decoded is not MISSING:
                out[name] = decoded
        return out

    return decode


def _of_list(value: Sequence[Any], fields: Mapping[str, str]) -> str:
    """What to do about a list where a mapping should be: it may be what the mapping's only field holds."""
    for name, code in fields.items() if len(fields) == 1 else ():
        inside = fields_of(code[2:]) if code.startswith("[@") else {}
        if all(isinstance(each, Mapping) and each.keys() <= inside.keys() for each in value):
            return f"put the list under {name}"
    return "write it without '-'"


def _object_of(type_name: str) -> Decoder:
    fields = fields_of(type_name)
    decoders: dict[str, Decoder] = {}

    def decode(value: Any, path: Path, report: Report) -> Any:
        if not isinstance(value, Mapping):
            advice = _of_list(value, fields) if isinstance(value, list) else _without_space(value, fields)
            return _wrong(report, path, value, "a mapping", advice)
        if len(path) > _MAX_DEPTH:
            report.add(path, "KL116", f"is nested more than {_MAX_DEPTH} levels deep")
            return MISSING
        out: Tree = {}
        for key, item in value.items():
            if item is None and key in fields:
                continue
            decode_field = decoders.get(key)
            if decode_field is None:
                code = fields.get(key) if type(key) is str else None
                if code is None:
                    _unknown_field(key, path, fields, report)
                    continue
                decode_field = decoders[key] = decoder(code)
            decoded = decode_field(item, (*path, key), report)
            if decoded is not MISSING:
                out[key] = decoded
        return out

    return decode


def _unknown_field(key: Any, path: Path, fields: Mapping[str, str], report: Report) -> None:
    near = nearest(str(key), fields)
    hint = f"did you mean {quoted(near)}?" if near else NO_SUCH_FIELD
    if str(key).startswith("-"):
        hint = _AFTER_DASH
    report.add((*path, str(key)), "KL112", f"unknown field {quoted(str(key))}; {hint}", on_key=True)
