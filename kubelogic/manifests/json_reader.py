"""JSON text to JSON trees: msgspec's decoder, with duplicate keys refused.

A decoder keeps the last of two equal keys, so a text without duplicates, and only such a text, is byte for
byte what its tree encodes to once the white space is gone. That comparison runs in C; where it fails (a
duplicate, or only an unusual escape or number) the text is read again, slowly, by ``json_positions``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from kubelogic.manifests import json_positions, text
from kubelogic.manifests.yaml_reader import MAX_DEPTH, Trouble

_LONG = 1_000_000
_BLANK = re.compile(r"[ \t\r\n]*")
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonDocument:
    """One top-level value of a JSON text: its tree and the characters it spans.

    ``items`` has the span of every item, for long lists only.
    """

    tree: Any
    start: int
    end: int
    items: tuple[tuple[int, int], ...] = ()


class JsonError(ValueError):
    """The text is not JSON, or not JSON that can be used."""

    def __init__(self, troubles: list[Trouble]) -> None:
        self.troubles = troubles
        super().__init__("; ".join(trouble.message for trouble in troubles))


def looks_like_json(stream: str) -> bool:
    """Whether a text starts as a JSON object does, which is how kubectl tells JSON from YAML."""
    blank = _BLANK.match(stream)
    return stream.startswith("{", blank.end() if blank else 0)


def read(stream: str) -> list[JsonDocument]:
    """The objects of a JSON text: one, or several after one another.

    Raises:
        JsonError: holds everything that is wrong: the first syntax error of the text, or all duplicate keys.
    """
    data = stream.encode("utf-8", "surrogatepass")
    try:
        if len(data) >= _LONG and (document := _long_list(stream, data)) is not None:
            return [document]
        tree = _decode(data)
    except (msgspec.DecodeError, RecursionError):
        return _read_stream(stream)
    except _DuplicateError:
        raise JsonError(_duplicates(stream, 0)) from None
    return [JsonDocument(tree=tree, start=0, end=len(stream))]


class _DuplicateError(ValueError):
    """Some mapping has a key twice."""


def _long_list(stream: str, data: bytes) -> JsonDocument | None:
    """Decode the items of a long list one by one, which gives the place of each for nothing."""
    inner = _fields.decode(data).get("items")
    if inner is None or bytes(inner[:1]) != b"[":
        return None
    raw_items = bytes(inner)
    start = data.find(raw_items)
    envelope = _decode(data[:start] + b"[]" + data[start + len(raw_items) :])
    characters = (lambda begin, end: end - begin) if stream.isascii() else _characters_of(data)
    items, spans, position, offset = [], [], 0, 0
    for raw in _items.decode(inner):
        item = bytes(raw)
        items.append(_decode(item))
        begin = data.find(item, max(position, start))
        offset += characters(position, begin)
        length = characters(begin, begin + len(item))
        spans.append((offset, offset + length))
        offset += length
        position = begin + len(item)
    envelope["items"] = items
    return JsonDocument(tree=envelope, start=0, end=len(stream), items=tuple(spans))


def _characters_of(data: bytes) -> Callable[[int, int], int]:
    return lambda begin, end: len(data[begin:end].decode("utf-8", "surrogatepass"))


def _decode(data: bytes) -> Any:
    tree = msgspec.json.decode(data)
    if msgspec.json.encode(tree) != msgspec.json.format(data, indent=-1) and _has_duplicates(data):
        raise _DuplicateError
    return tree


def _has_duplicates(data: bytes) -> bool:
    found = False

    def pairs(items: list[tuple[str, Any]]) -> None:
        nonlocal found
        found = found or len({key for key, _ in items}) != len(items)

    json.loads(data, object_pairs_hook=pairs)
    return found


def _read_stream(stream: str) -> list[JsonDocument]:
    """Several values after one another, or none that can be read."""
    decoder = json.JSONDecoder()
    documents: list[JsonDocument] = []
    troubles: list[Trouble] = []
    for start, end in _spans(stream, decoder, troubles):
        try:
            tree = _decode(stream[start:end].encode("utf-8", "surrogatepass"))
            documents.append(JsonDocument(tree=tree, start=start, end=end))
        except _DuplicateError:
            troubles += _duplicates(stream[:end], start)
        except msgspec.DecodeError as error:
            line, column = text.line_and_column(stream, start)
            troubles.append(Trouble(line=line, column=column, code="KL100", message=str(error)))
    if troubles:
        raise JsonError(troubles)
    return documents


def _spans(stream: str, decoder: json.JSONDecoder, troubles: list[Trouble]) -> Iterator[tuple[int, int]]:
    position = 0
    while True:
        blank = _BLANK.match(stream, position)
        position = blank.end() if blank else position
        if position >= len(stream):
            return
        try:
            end = decoder.raw_decode(stream, position)[1]
        except json.JSONDecodeError as error:
            message = error.msg[0].lower() + error.msg[1:]
            troubles.append(Trouble(line=error.lineno, column=error.colno, code="KL100", message=message))
            return
        except RecursionError:
            line, column = text.line_and_column(stream, position)
            message = f"nested deeper than {MAX_DEPTH} levels"
            troubles.append(Trouble(line=line, column=column, code="KL107", message=message))
            return
        yield position, end
        position = end


def _duplicates(stream: str, start: int) -> list[Trouble]:
    found: list[Trouble] = []
    for key, offset in json_positions.duplicate_keys(stream, start):
        line, column = text.line_and_column(stream, offset)
        message = f'key "{key}" is already set in this object'
        found.append(Trouble(line=line, column=column, code="KL101", message=message))
    return found


def too_deep(tree: Any) -> bool:
    """Whether a tree is nested deeper than ``MAX_DEPTH``."""
    level = [tree]
    for _ in range(MAX_DEPTH + 1):
        deeper: list[Any] = []
        for value in level:
            children = value.values() if type(value) is dict else value if type(value) is list else ()
            deeper.extend(child for child in children if type(child) is dict or type(child) is list)
        if not deeper:
            return False
        level = deeper
    return True
