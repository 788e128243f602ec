"""Texts of JSON that are equal but for some of their strings, as those of the pods of one ReplicaSet are.

A text is cut where a string is its own. What stands between the cuts leads from one to the next, so that a text is
compared with all that are known at the cost of one, and so is that it is JSON, has no key twice, and holds nothing
unexpected: what it has in common with a text that was looked at is equal to the letter, whatever its white space.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import msgspec

from kubelogic.text.location import Path

T = TypeVar("T")

_FORMS = 16
"""Forms that entries of lists may have before the others are looked at one by one."""

_lists = msgspec.json.Decoder(list[msgspec.Raw])
_mappings = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BLANK = rb"[ \t\r\n]*+"
_NONE: Mapping[int, Run | Literal] = MappingProxyType({})
_LITERAL = re.compile(rb'"(?:[ !#-\[\]-~]|\\(?:["\\/bfnrt]|u00[0-7][0-9a-fA-F]))*+"')


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """A string of a text's own: where it is, and by which rule it is its own."""

    path: Path
    value: str
    rule: str


class Literal:
    """Recognises strings of ASCII in JSON, with their quotes and whatever is escaped in them."""

    def end(self, data: bytes, start: int, end: int) -> int:
        """Where the string ends that starts at ``start``; -1 if none does."""
        found = _LITERAL.match(data, start, end)
        return found.end() if found else -1


LITERAL = Literal()


class Run:
    """Recognises lists in JSON of which every entry is equal to the letter to a known one but for its own strings."""

    def __init__(self) -> None:
        self._forms: list[bytes] = []
        self._pattern: re.Pattern[bytes] | None = None

    def keep(self, parts: Iterable[bytes], own: Iterable[bytes]) -> None:
        """Know entries with these parts between strings of their own, of which each has an expression that it fits."""
        form = b"".join(chain.from_iterable(zip(map(re.escape, parts), [*own, b""], strict=True)))
        if form not in self._forms and not self.is_full:
            self._forms.append(form)
            self._pattern = None

    @property
    def is_full(self) -> bool:
        """Whether no further entries can be known."""
        return len(self._forms) >= _FORMS

    def end(self, data: bytes, start: int, end: int) -> int:
        """Where the list ends that starts at ``start``; -1 if none does, or if it is empty or has unknown entries."""
        if self._pattern is None:
            if not self._forms:
                return -1
            self._pattern = re.compile(
                rb"\[%b(?:(?>%b)%b(?:,%b(?!\])|(?=\])))++\]" % (_BLANK, b"|".join(self._forms), _BLANK, _BLANK)
            )
        found = self._pattern.match(data, start, end)
        return found.end() if found else -1

    def holds(self, text: bytes) -> bool:
        """Whether a text is such a list."""
        return self.end(text, 0, len(text)) == len(text)


class _Fork(Generic[T]):
    """What may come next: texts up to the next string of its own, or up to the end, each with what is behind it.

    Where a ``run`` is given, a list that it recognises comes first.
    """

    __slots__ = ("behind", "known", "latest", "run", "sizes")

    def __init__(self) -> None:
        self.behind: dict[bytes, _Fork[T]] = {}
        self.sizes: list[int] = []
        self.latest: tuple[bytes, int, _Fork[T]] | None = None
        self.known: T | None = None
        self.run: Run | Literal | None = None

    def turn(self, data: bytes, position: int) -> tuple[bytes, int, _Fork[T]] | None:
        """Which of the texts stands at a position."""
        for size in self.sizes:
            text = data[position : position + size]
            if text in self.behind:
                self.latest = text, len(text), self.behind[text]
                return self.latest
        return None

    def beyond(self, text: bytes) -> _Fork[T]:
        """What is behind a text, which may come next from now on."""
        fork = self.behind.setdefault(text, _Fork())
        self.latest = text, len(text), fork
        if len(text) not in self.sizes:
            self.sizes.append(len(text))
        return fork


class Alike(Generic[T]):
    """What is known of texts, found again for those that are equal to one of them but for strings of their own."""

    def __init__(self) -> None:
        self._first: _Fork[T] = _Fork()

    def find(self, data: bytes, start: int, end: int) -> tuple[T, list[bytes]] | None:
        """What is known of the text from ``start`` to ``end``, and its own strings as they are written there."""
        own: list[bytes] = []
        fork, position = self._first, start
        while True:
            step = fork.latest
            if step is None or not data.startswith(step[0], position):
                step = fork.turn(data, position)
                if step is None:
                    return None
            _, size, fork = step
            position += size
            if fork.known is not None:
                return (fork.known, own) if position == end else None
            stop = data.find(b'"', position, end) if fork.run is None else fork.run.end(data, position, end)
            if stop < 0:
                return None
            own.append(data[position:stop])
            position = stop

    def keep(self, parts: Iterable[bytes], known: T, runs: Mapping[int, Run | Literal] = _NONE) -> None:
        """Keep what is known of texts with these parts between their own strings, some of which may be other JSON."""
        fork = self._first
        for number, text in enumerate(parts):
            fork = fork.beyond(text)
            run = runs.get(number)
            if fork.run is None:
                fork.run = run
            elif fork.run is not run:
                return  # entries of lists of two kinds, of which only what comes later tells which it is
        fork.known = known


def cut(text: bytes, own: Iterable[Own]) -> list[bytes] | None:
    """What stands in a text before, between and behind the strings that are its own.

    Args:
        text: JSON without doubled keys.
        own: its own strings, in the order of the text.

    Returns:
        The parts; None if they are not to be found. They may have been found in the wrong place: what the text says
        with other strings between its parts has to be looked at.
    """
    parts: list[bytes] = []
    position = 0
    for each in own:
        key, value = each.path[-1], msgspec.json.encode(each.value)
        found = text.find(b'"%s"' % key.encode(), position) if type(key) is str else position
        found = text.find(value, found + len(str(key))) + 1
        if not found:
            return None
        parts.append(text[position:found])
        position = found + len(value) - 2
    return [*parts, text[position:]]


def raw_at(text: bytes, path: Path) -> bytes:
    """The text of what stands at a path of a JSON text, to the letter."""
    for step in path:
        within: Any = _lists if type(step) is int else _mappings
        text = bytes(within.decode(text)[step])
    return text


def raw_entries(text: bytes) -> list[bytes]:
    """The texts of the entries of a list in JSON, to the letter."""
    return list(map(bytes, _lists.decode(text)))


def put_together(parts: Iterable[bytes], own: Iterable[str]) -> Any:
    """What a text of these parts says with other strings between them; None if it is no JSON then."""
    text = b"".join(chain.from_iterable(zip(parts, [*map(str.encode, own), b""], strict=True)))
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:  # a string was found in the wrong place
        return None
