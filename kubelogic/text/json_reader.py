"""JSON text to JSON trees: msgspec's decoder, with duplicate keys refused.

A decoder keeps the last of two equal keys, so only a text without duplicates is byte for byte what its tree
encodes to once the white space is gone. That comparison runs in C; where it fails (a duplicate, or only an
unusual escape or number) the text is read again, slowly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from kubelogic.patterns import regex
from kubelogic.text import json_positions
from kubelogic.text.pieces import MAX_DEPTH, TOO_DEEP, Trouble
from kubelogic.text.titles import title

_LONG = 1_000_000
_KEPT = 1_000
_BLANK = regex(rb"[ \t\r\n]*")
_AT_BYTE = regex(r"(?:JSON is malformed: )?(.*?) \(byte (\d+)\)", re.DOTALL)
_BETWEEN = regex(rb"[ \t\r\n,]*")
_KEY = regex(rb'[ \t\r\n,{]*"(?:[^"\\]|\\.)*"[ \t\r\n]*:[ \t\r\n]*')
_STRING = rb'"[^"\\]*+"'
_FLAT = rb'(?:%b|\{(?:%b|[^"{}\[\]])*+\}|[^"{}\[\],]++)' % (_STRING, _STRING)
_FIELD = rb"\s*+%b\s*+:\s*+%b\s*+" % (_STRING, _FLAT)
_BEFORE_ITEMS = regex(rb'\s*+\{(?:%b,)*?\s*+"items"\s*+:\s*+(?=\[)' % _FIELD)
_BEHIND_ITEMS = regex(rb"\s*+(?:,%b)*+\}\s*+" % _FIELD)
"""What stands around the items of a list that has no other lists."""
_OPEN = ord("{")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{"))
_NESTING = regex(rb'"(?:[^"\\]|\\.)*"|([\[{])|([\]}])', re.DOTALL)
_NUMBER = regex(rb'"(?:[^"\\]|\\.)*"|(-?[0-9][0-9.eE+-]*)', re.DOTALL)
_ESCAPE = regex(rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)")
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[msgspec.Raw])


class JsonDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One top-level value of a JSON text: its tree and the bytes it spans.

    ``items`` has the span of every item of a long list, which are left out of ``tree``. ``doubled`` are keys that are
    there twice; ``tree`` has the last of each.
    """

    tree: Any
    start: int
    end: int
    items: tuple[tuple[int, int], ...] = ()
    doubled: tuple[Trouble, ...] = ()


class JsonError(ValueError):
    """The text is not JSON, or not JSON that can be used."""

    def __init__(self, troubles: list[Trouble]) -> None:
        self.troubles = troubles
        super().__init__("; ".join(trouble.message for trouble in troubles))


class _DuplicateError(ValueError):
    """Some object has a key twice."""


def looks_like_json(data: bytes) -> bool:
    """Whether a text starts as a JSON object does, which is how kubectl tells JSON from YAML."""
    return data.startswith(b"{", _after(_BLANK, data, 0))


Position = Callable[[int], tuple[int, int]]
"""Gives line and column, from 1, of a byte of the text."""


def read(data: bytes, position: Position) -> list[JsonDocument]:
    """The objects of a JSON text in UTF-8: one, or several after one another.

    Raises:
        JsonError: holds everything that is wrong: the first syntax error of the text, or all duplicate keys.
    """
    try:
        if len(data) >= _LONG and (document := _long_list(data)) is not None:
            return [document]
        tree = _decode(data)
    except (msgspec.DecodeError, RecursionError):
        return _read_stream(_paired(data), position)
    except _DuplicateError:
        doubled = tuple(_duplicates(data, 0, len(data), position))
        return [JsonDocument(tree=last_of_each(data, 0, len(data), position), start=0, end=len(data), doubled=doubled)]
    return [JsonDocument(tree=tree, start=0, end=len(data))]


def _long_list(data: bytes) -> JsonDocument | None:
    """A long list without its items, but with the place of each: they are decoded one by one (``Items``)."""
    found = _items_of(data)
    if found is None:
        return None
    position, items, end = found
    envelope = _decode(data[:position] + b"[]" + data[end:])
    spans: list[tuple[int, int]] = []
    for size in map(len, items):
        begin = position + 1 if data[position + 1] == _OPEN else _after(_BETWEEN, data, position + 1)
        position = begin + size
        spans.append((begin, position))
    return JsonDocument(tree=envelope, start=0, end=len(data), items=tuple(spans))


def _items_of(data: bytes) -> tuple[int, list[msgspec.Raw], int] | None:
    """The items of a list, if the text is JSON, and where the list of them begins and ends; None if there is none."""
    before, end = _BEFORE_ITEMS.match(data), data.rfind(b"]") + 1
    if before and _BEHIND_ITEMS.fullmatch(data, end):  # nearly all lists: they are gone through once
        with suppress(msgspec.DecodeError):
            return before.end(), _items.decode(memoryview(data)[before.end() : end]), end
    fields, position, start = _fields.decode(data), 0, 0
    for name, raw in fields.items():
        begin = _after(_KEY, data, position)
        position = begin + len(raw)
        if name == "items" and data[begin : begin + 1] == b"[":
            start, end = begin, position
    if not start or data[_after(_BLANK, data, position) : position + 100][:1] != b"}":
        return None
    return start, _items.decode(fields["items"]), end


class Items(msgspec.Struct, kw_only=True):
    """Decodes the items of a long list, one by one.

    Parts of objects that are equal to the letter, such as the specs of pods from one template, become one tree.
    """

    data: bytes
    position: Position
    _parts: dict[bytes, Any] = msgspec.field(default_factory=dict)

    def decode(self, start: int, end: int) -> Any:
        """The item that stands from ``start`` to ``end``.

        Raises:
            JsonError: it has a key twice, is nested too deep, or has a number that nothing can hold.
        """
        text = self.data[start:end]
        try:
            tree = self._of_parts(text)
            return _decode(text) if tree is None else tree
        except _DuplicateError:
            raise JsonError(_duplicates(self.data, start, end, self.position)) from None
        except RecursionError:
            raise JsonError([_too_deep_at(self.position, text, start)]) from None
        except msgspec.DecodeError as error:
            mended = _paired(text)
            if mended != text:
                return _decode(mended)
            message, offset = _place_in(str(error), text)
            raise JsonError([_trouble(self.position, start + offset, "KL100", message)]) from None

    def _of_parts(self, text: bytes) -> dict[str, Any] | None:
        """The object, put together from its parts; None if it is none, or if something about it needs a closer look."""
        if not text.startswith(b"{"):
            return None
        fields = _fields.decode(text)
        if msgspec.json.encode(fields) != text:
            text = msgspec.json.format(text, indent=-1)
            fields = _fields.decode(text)
            if msgspec.json.encode(fields) != text:
                return None
        tree: dict[str, Any] = {}
        for name, raw in fields.items():
            part = bytes(raw)
            if part not in self._parts:
                value = msgspec.json.decode(part)
                if msgspec.json.encode(value) != part:
                    return None
                if name == "metadata":  # it is an object's own
                    tree[name] = value
                    continue
                if len(self._parts) >= _KEPT:
                    self._parts.clear()
                self._parts[part] = value
            tree[name] = self._parts[part]
        if len(text.translate(None, _NO_BRACKETS)) > MAX_DEPTH and _too_deep(tree):
            raise RecursionError
        return tree


def _after(pattern: re.Pattern[bytes], data: bytes, position: int) -> int:
    match = pattern.match(data, position)
    return match.end() if match else position


def _decode(data: bytes) -> Any:
    tree = msgspec.json.decode(data)
    if msgspec.json.encode(tree) != msgspec.json.format(data, indent=-1) and _has_duplicates(data):
        raise _DuplicateError
    if len(data.translate(None, _NO_BRACKETS)) > MAX_DEPTH and _too_deep(tree):
        raise RecursionError
    return tree


def _paired(data: bytes) -> bytes:
    """The text with escapes of half a surrogate pair replaced by that of U+FFFD, which is as long.

    Source: Go's encoding/json, function unquote, which the API server reads JSON with.
    """
    if b"\\u" not in data:
        return data
    return _ESCAPE.sub(lambda match: rb"\ufffd" if match[1] else match[0], data)


def last_of_each(data: bytes, start: int, end: int, position: Position) -> Any:
    """The tree of what stands from ``start`` to ``end`` and has keys that are there twice: the last one of each counts.

    Raises:
        JsonError: if it is nested too deeply.
    """
    part = data[start:end]
    tree = msgspec.json.decode(_paired(part))
    if _too_deep(tree):
        raise JsonError([_too_deep_at(position, part, start)])
    return tree


def _has_duplicates(data: bytes) -> bool:
    found = False

    def pairs(items: list[tuple[str, Any]]) -> None:
        nonlocal found
        found = found or len({key for key, _ in items}) != len(items)

    json.loads(data, object_pairs_hook=pairs)
    return found


def _too_deep(tree: Any) -> bool:
    """Whether a tree is nested deeper than ``MAX_DEPTH``."""
    level = [tree]
    for _ in range(MAX_DEPTH):
        deeper: list[Any] = []
        for value in level:
            children = value.values() if type(value) is dict else value
            deeper += [child for child in children if type(child) is dict or type(child) is list]
        if not deeper:
            return False
        level = deeper
    return True


def _read_stream(data: bytes, place: Position) -> list[JsonDocument]:
    """Several values after one another, or none that can be read."""
    documents: list[JsonDocument] = []
    troubles: list[Trouble] = []
    position = _after(_BLANK, data, 0)
    while position < len(data):
        end = len(data)
        try:
            msgspec.json.decode(memoryview(data)[position:])
        except RecursionError:
            troubles.append(_too_deep_at(place, data[position:], position))
            break
        except msgspec.DecodeError as error:
            message, offset = _place_in(str(error), data[position:])
            if "trailing characters" not in message:
                troubles.append(_trouble(place, position + offset, "KL100", message))
                break
            end = position + offset - 1  # the decoder has passed the character that it names
        try:
            documents.append(JsonDocument(tree=_decode(data[position:end]), start=position, end=end))
        except _DuplicateError:
            tree = last_of_each(data, position, end, place)
            doubled = tuple(_duplicates(data, position, end, place))
            documents.append(JsonDocument(tree=tree, start=position, end=end, doubled=doubled))
        except RecursionError:
            troubles.append(_too_deep_at(place, data[position:end], position))
        position = _after(_BLANK, data, end)
    if troubles:
        raise JsonError(troubles)
    return documents


def _place_in(message: str, data: bytes) -> tuple[str, int]:
    """A decoder's message and the offset that it names at its end, or that of what it is about."""
    if match := _AT_BYTE.fullmatch(message):
        return match.group(1), int(match.group(2))
    if "truncated" in message:
        return "the text ends inside a value", len(data)
    return message[:1].lower() + message[1:].partition(" - at ")[0], _unheld(data)


def _unheld(data: bytes) -> int:
    """Where the first number stands that is too large for any type of numbers; 0 if there is none."""
    for match in _NUMBER.finditer(data):
        if match[1] is not None:
            try:
                msgspec.json.decode(match[1])
            except msgspec.ValidationError:
                return match.start()
            except msgspec.DecodeError:
                continue
    return 0


def _too_deep_at(position: Position, data: bytes, start: int) -> Trouble:
    """That a value which begins at ``start`` is too deep, at the bracket that is too many."""
    depth = 0
    for match in _NESTING.finditer(data):
        depth += (match[1] is not None) - (match[2] is not None)
        if depth > MAX_DEPTH:
            return _trouble(position, start + match.start(), "KL107", TOO_DEEP)
    return _trouble(position, start, "KL107", TOO_DEEP)


def _trouble(position: Position, offset: int, code: str, message: str, *, about: str = "") -> Trouble:
    line, column = position(offset)
    return Trouble(line=line, column=column, code=code, message=message, about=about)


def _duplicates(data: bytes, start: int, end: int, position: Position) -> list[Trouble]:
    part = data[start:end].decode("utf-8", "surrogatepass")
    about = title(msgspec.json.decode(_paired(data[start:end])))
    found: list[Trouble] = []
    for key, offset in json_positions.duplicate_keys(part):
        place = start + len(part[:offset].encode("utf-8", "surrogatepass"))
        found.append(_trouble(position, place, "KL101", f'key "{key}" is already set in this object', about=about))
    return found
