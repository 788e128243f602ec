"""Texts of JSON that are equal but for some of their strings, as those of the pods of one ReplicaSet are.

A text is cut where a string is its own. What stands between the cuts leads from one to the next, so that a text is
compared with all that are known at the cost of one, and so is that it is JSON, has no key twice, and holds nothing
unexpected: what it has in common with a text that was looked at is equal to the letter, whatever its white space.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain
from typing import Any, Generic, TypeVar

import msgspec

from kubelogic.text.location import Path

T = TypeVar("T")

_FORMS = 16
"""Forms that entries of lists may have before the others are looked at one by one."""


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """A string of a text's own: where it is, and by which rule it is its own."""

    path: Path
    value: str
    rule: str


class _Fork(Generic[T]):
    """What may come next: texts up to the next string of its own, or up to the end, each with what is behind it."""

    __slots__ = ("behind", "known", "latest", "sizes")

    def __init__(self) -> None:
        self.behind: dict[bytes, _Fork[T]] = {}
        self.sizes: list[int] = []
        self.latest: tuple[bytes, int, _Fork[T]] | None = None
        self.known: T | None = None

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
            stop = data.find(b'"', position, end)
            if stop < 0:
                return None
            own.append(data[position:stop])
            position = stop

    def keep(self, parts: Iterable[bytes], known: T) -> None:
        """Keep what is known of texts with these parts between their own strings."""
        fork = self._first
        for text in parts:
            fork = fork.beyond(text)
        fork.known = known


class Run:
    """Recognises lists, in JSON without white space, of which every entry is equal to a known one but for own strings."""

    def __init__(self) -> None:
        self._forms: list[bytes] = []
        self._pattern: re.Pattern[bytes] | None = None

    def keep(self, parts: Iterable[bytes], own: Iterable[bytes]) -> None:
        """Know entries with these parts between strings of their own, of which each has an expression that it fits."""
        form = b"".join(chain.from_iterable(zip(map(re.escape, parts), [*own, b""], strict=True)))
        if form not in self._forms and len(self._forms) < _FORMS:
            self._forms.append(form)
            self._pattern = None

    def holds(self, text: bytes) -> bool:
        """Whether a text is such a list, with one entry at least."""
        if self._pattern is None:
            if not self._forms:
                return False
            self._pattern = re.compile(rb"\[(?:(?>%s)(?:,(?!\])|(?=\])))++\]" % b"|".join(self._forms))
        return self._pattern.fullmatch(text) is not None


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
        key = each.path[-1]
        found = text.find(b'"%s"' % key.encode(), position) if type(key) is str else position
        found = text.find(b'"%s"' % each.value.encode(), found + len(str(key))) + 1
        if not found:
            return None
        parts.append(text[position:found])
        position = found + len(each.value)
    return [*parts, text[position:]]


def put_together(parts: Iterable[bytes], own: Iterable[str]) -> Any:
    """What a text of these parts says with other strings between them."""
    return msgspec.json.decode(b"".join(chain.from_iterable(zip(parts, [*map(str.encode, own), b""], strict=True))))
