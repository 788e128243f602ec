"""Files, directories and standard input: what there is to read, and its text."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from kubelogic.text import characters
from kubelogic.text.location import Fault, Location
from kubelogic.text.positions import Place

SUFFIXES = (".yaml", ".yml", ".json")
"""The files of a directory that are read. A file that is named itself is read whatever its name."""

STDIN = "<stdin>"
"""What standard input is called in messages."""

_KEPT = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """One file that was read: its name as the user knows it, and its text in UTF-8."""

    name: str
    data: bytes
    _places: dict[tuple[int, int], Place] = field(default_factory=dict, repr=False, compare=False)
    _lines: list[characters.Lines] = field(default_factory=list, repr=False, compare=False)

    def __reduce__(self) -> tuple[Callable[[str, bytes], Source], tuple[str, bytes]]:
        return _source, (self.name, self.data)

    def places(self, document: tuple[int, int], make: Callable[[], Place]) -> Place:
        """The places of one document, made once and kept for the questions that follow."""
        if document not in self._places:
            if len(self._places) >= _KEPT:
                self._places.clear()
            self._places[document] = make()
        return self._places[document]

    def excerpt(self, line: int, column: int) -> characters.Excerpt:
        """Source line ``line`` (from 1), around ``column`` when it is very long."""
        start = self.lines().start(line)
        return characters.Excerpt("", column) if start is None else characters.line_at(self.data, start, column)

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of the byte at ``offset``."""
        return self.lines().position(offset)

    def lines(self) -> characters.Lines:
        """Where the lines are: found out once, when the first place is asked for."""
        if not self._lines:
            self._lines.append(characters.Lines(self.data))
        return self._lines[0]


def _source(name: str, data: bytes) -> Source:
    return Source(name=name, data=data)


def find(paths: Iterable[str | os.PathLike[str]]) -> tuple[list[str], list[Fault]]:
    """All files that ``paths`` mean, each once: as named, or found in a directory, in sorted order.

    Hidden files and directories inside a directory are left out.
    """
    found: dict[str, str] = {}
    faults: list[Fault] = []
    for path in paths:
        name = os.fspath(path)
        if name == "-":
            found.setdefault("-", "-")
        elif FilePath(name).is_dir():
            for file in _walk(name):
                found.setdefault(os.path.realpath(file), file)
        elif FilePath(name).exists():
            found.setdefault(os.path.realpath(name), name)
        else:
            faults.append(unreadable(name, "no such file or directory"))
    return list(found.values()), faults


def _walk(directory: str) -> Iterator[str]:
    for folder, folders, files in os.walk(directory):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(SUFFIXES) and not name.startswith("."):
                yield os.path.join(folder, name)  # noqa: PTH118 - keeps the path as the user wrote it


def read(name: str, stdin: bytes | None) -> Source | Fault:
    """The text of one file (``-``: of ``stdin``), or what prevents it."""
    if name == "-":
        if stdin is None:
            return unreadable(STDIN, "nothing was given on standard input")
        data, name = stdin, STDIN
    else:
        try:
            data = FilePath(name).read_bytes()
        except OSError as error:
            return unreadable(name, (error.strerror or str(error)).lower())
    try:
        return Source(name=name, data=characters.as_utf8(data))
    except characters.EncodingError as error:
        place = Location(file=name, line=error.line, column=error.column)
        line, caret = characters.excerpt(data, error.line, error.column)
        shown = "" if "\0" in line else line
        return Fault(location=place, code="KL100", message=str(error), excerpt=shown, caret=caret)


def unreadable(name: str, why: str) -> Fault:
    """The fault of a file that cannot be read."""
    return Fault(location=Location(file=name), code="KL105", message=f"cannot be read: {why}")
