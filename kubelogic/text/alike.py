"""Texts of JSON that are equal but for some of their strings, as those of the pods of one ReplicaSet are.

A text is cut where a string is its own. What stands between the cuts leads from one to the next, so that a text is
compared with all that are known at the cost of one, and so is that it is JSON, has no key twice, and holds nothing
unexpected: what it has in common with a text that was looked at is equal to the letter, whatever its white space.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import msgspec

from kubelogic.patterns import regex
from kubelogic.text.location import Path

T = TypeVar("T")

_STRING = regex(rb'"((?:[^"\\]|\\.)*)"(\s*:)?')


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """A string of a text's own: where it is, and by which rule it is its own."""

    path: Path
    value: str
    rule: str


class _Fork(Generic[T]):
    """What may come next: the texts up to the next string of its own, or up to the end, each with what is behind it."""

    __slots__ = ("ends", "latest", "sizes", "ways")

    def __init__(self) -> None:
        self.ways: dict[bytes, _Fork[T]] = {}
        self.ends: dict[bytes, T] = {}
        self.sizes: list[int] = []
        self.latest = b""

    def expect(self, text: bytes) -> None:
        """Note that a text may come next."""
        self.latest = text
        if len(text) not in self.sizes:
            self.sizes.append(len(text))

    def turn(self, data: bytes, position: int) -> bytes:
        """Which of the texts stands at a position; empty if none does."""
        for size in self.sizes:
            text = data[position : position + size]
            if text in self.ways or text in self.ends:
                self.latest = text
                return text
        return b""


class Alike(Generic[T]):
    """What is known of texts, found again for those that are equal to one of them but for strings of their own."""

    def __init__(self) -> None:
        self._first: _Fork[T] = _Fork()

    def find(self, data: bytes, start: int, end: int) -> tuple[T, list[bytes]] | None:
        """What is known of the text from ``start`` to ``end``, and its own strings as they are written there."""
        own: list[bytes] = []
        fork, position = self._first, start
        while True:
            text = fork.latest
            if not data.startswith(text, position) and not (text := fork.turn(data, position)):
                return None
            position += len(text)
            if text in fork.ends:
                return (fork.ends[text], own) if position == end else None
            stop = data.find(b'"', position, end)
            if stop < 0 or text not in fork.ways:
                return None
            own.append(data[position:stop])
            fork, position = fork.ways[text], stop

    def keep(self, parts: list[bytes], known: T) -> None:
        """Keep what is known of texts with these parts between their own strings."""
        fork, last = self._first, parts[-1]
        for text in parts[:-1]:
            fork.expect(text)
            fork = fork.ways.setdefault(text, _Fork())
        fork.expect(last)
        fork.ends[last] = known


def cut(text: bytes, tree: Any, rule_of: Callable[[Path, str], str]) -> tuple[list[bytes], list[Own]]:
    """A text without the strings that are its own.

    Args:
        text: JSON without doubled keys.
        tree: what it says.
        rule_of: by which rule a string at a path is the text's own, if it is plain ASCII without escapes; empty if not.

    Returns:
        What stands before, between and behind the strings of its own, and these strings.
    """
    written = [match for match in _STRING.finditer(text) if match[2] is None]
    values = list(_strings(tree, ()))
    parts: list[bytes] = []
    own: list[Own] = []
    position = 0
    for match, (path, value) in zip(written, values, strict=False) if len(written) == len(values) else ():
        rule = rule_of(path, value)
        if rule and match[1] == value.encode():
            parts.append(text[position : match.start(1)])
            own.append(Own(path=path, value=value, rule=rule))
            position = match.end(1)
    return [*parts, text[position:]], own


def _strings(tree: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """All strings of a tree that are no keys, in the order of its text."""
    for step, value in tree.items() if type(tree) is dict else enumerate(tree):
        if type(value) is str:
            yield (*path, step), value
        elif type(value) is dict or type(value) is list:
            yield from _strings(value, (*path, step))
