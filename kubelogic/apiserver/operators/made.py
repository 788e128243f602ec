"""What an operator makes of one of its objects, and where each part of that was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.kinds.validation import Problem
from kubelogic.text.location import Path

Document = Mapping[str, Any]
Parts = tuple[tuple[Path, Path], ...]
"""Paths of a made object, each with the path of the operator's object that it is a copy of; the longest one counts."""

Make = Callable[["Fields"], Iterator["Child"]]
"""Makes the children of an object whose fields it reads; what is wrong with them is noted there."""

MOST = 10_000
"""Objects that one object may stand for, at most."""


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """An object that an operator makes.

    Attributes:
        document: without a namespace and an owner; those are that of the operator's object.
        parts: what of it was copied from where.
        translates: it stands for the operator's object in the words of Kubernetes: it is there whatever else is.
    """

    document: Document
    parts: Parts = ()
    translates: bool = False

    def source(self, path: Path) -> Path:
        """Where a field of it was written in the operator's object: as near as is known."""
        found = max((pair for pair in self.parts if path[: len(pair[0])] == pair[0]), key=_length, default=None)
        return () if found is None else (*found[1], *path[len(found[0]) :])


def _length(pair: tuple[Path, Path]) -> int:
    return len(pair[0])


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of objects that an operator looks after.

    Attributes:
        kind: as which its objects are known here: another one than written where Kubernetes has a kind of that name.
        versions: of its API that are read.
        make: what becomes of an object.
    """

    kind: str
    versions: tuple[str, ...]
    make: Make


class Fields:
    """Reads fields of a document that nothing has checked, and notes what is wrong with them.

    ``name`` is that of the object, ``problems`` what was wrong with what was asked for so far.
    """

    def __init__(self, document: Document, *, name: str) -> None:
        self.document = document
        self.name = name
        self.problems: list[Problem] = []

    def get(self, *path: str | int) -> Any:
        """The value at a path; None if there is none."""
        here: Any = self.document
        for step in path:
            if isinstance(here, Mapping):
                here = here.get(step)
            elif (
                isinstance(here, Sequence) and not isinstance(here, str) and isinstance(step, int) and step < len(here)
            ):
                here = here[step]
            else:
                return None
        return here

    def mapping(self, *path: str | int) -> Document:
        """The mapping at a path; empty if there is none."""
        found = self.get(*path)
        if found is None:
            return {}
        if not isinstance(found, Mapping):
            self.wrong(path, "KL110", "is a mapping")
            return {}
        return found

    def texts(self, *path: str | int) -> dict[str, str]:
        """The labels or annotations at a path."""
        found = self.mapping(*path)
        for key, value in found.items():
            if not isinstance(value, str):
                self.wrong((*path, key), "KL110", "is a text")
        return {key: value for key, value in found.items() if isinstance(value, str)}

    def length(self, *path: str | int) -> int:
        """The number of items of the list at a path."""
        found = self.get(*path)
        if found is None:
            return 0
        if not isinstance(found, list):
            self.wrong(path, "KL110", "is a list")
            return 0
        return len(found)

    def number(self, *path: str | int, default: int, least: int = 0) -> int:
        """The whole number at a path."""
        found = self.get(*path)
        if found is None:
            return default
        if isinstance(found, bool) or not isinstance(found, int):
            self.wrong(path, "KL110", "is a whole number")
            return default
        if not least <= found < 1 << 31:
            self.wrong(path, "KL122", f"is {least} or more, and fits into 32 bits")
            return default
        return found

    def text(self, *path: str | int, default: str = "") -> str:
        """The text at a path."""
        found = self.get(*path)
        if found is None:
            return default
        if not isinstance(found, str):
            self.wrong(path, "KL110", "is a text")
            return default
        return found or default

    def truth(self, *path: str | int, default: bool) -> bool:
        """The Boolean at a path."""
        found = self.get(*path)
        if found is None:
            return default
        if not isinstance(found, bool):
            self.wrong(path, "KL110", "is true or false")
            return default
        return found

    def required(self, *path: str | int) -> None:
        """Note that a field is missing, if it is."""
        if self.get(*path) in (None, "", [], {}):
            self.wrong(path, "KL120", "is required")

    def few(self, path: Path, number: int) -> bool:
        """Whether an object stands for no more others than can be read; notes it otherwise."""
        if number > MOST:
            self.wrong(path, "KL129", f"stands for {number:,} objects; {MOST:,} are read at most")
        return number <= MOST

    def wrong(self, path: Path, code: str, message: str) -> None:
        """Note a problem, once."""
        found = Problem(path=path, code=code, message=message)
        if found not in self.problems:
            self.problems.append(found)
