"""Files, directories and standard input: what there is to read, and its text."""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any, Protocol

from kubelogic.patterns import regex
from kubelogic.text import characters, rendering
from kubelogic.text.location import Fault, Location, Path
from kubelogic.text.positions import Place

SUFFIXES = (".yaml", ".yml", ".json")
"""The files of a directory that are read. A file that is named itself is read whatever its name."""

STDIN = "<stdin>"
"""What standard input is called in messages."""

LARGEST = 1 << 30
"""Bytes of a file that are read at most."""

_OPEN_ALREADY = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
_LOGS = regex(rb"^==== START logs for container .*?^==== END logs for container [^\n]*", re.MULTILINE | re.DOTALL)
_COMPRESSED: tuple[tuple[bytes, str], ...] = (
    (b"BZh", "bzip2 -dc"),
    (b"\xfd7zXZ\0", "xz -dc"),
    (b"\x28\xb5\x2f\xfd", "zstd -dc"),
    (b"\x04\x22\x4d\x18", "lz4 -dc"),
    (b"7z\xbc\xaf\x27\x1c", "7z x -so"),
    (b"LZIP", "lzip -dc"),
    (b"\x1f\x9d", "uncompress -c"),
    (b"\x1f\x8b", "gzip -dc"),
    (b"PK\x03\x04", "unzip -p"),
)
"""How files begin that are compressed, and what unpacks them. Manifests in gzip and zip are unpacked before that."""
_KEPT = 64
_SHOWN = 5


class Authors(Protocol):
    """Knows where a person wrote what a tool rendered."""

    def locate(self, origin: Any, path: Path, rendered: Location, *, key: bool) -> Location:
        """The place of a field, given the object's origin and the place in what was rendered."""
        ...

    def excerpt(self, location: Location) -> characters.Excerpt:
        """The line of a place that ``locate`` gave."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """One file that was read: its name as the user knows it, its text in UTF-8, and who wrote what was rendered."""

    name: str
    data: bytes
    authored: Authors | None = field(default=None, repr=False, compare=False)
    _places: dict[tuple[int, int], Place] = field(default_factory=dict, repr=False, compare=False)
    _lines: list[characters.Lines] = field(default_factory=list, repr=False, compare=False)

    def __reduce__(self) -> tuple[Callable[[str, bytes, Authors | None], Source], tuple[str, bytes, Authors | None]]:
        return _source, (self.name, self.data, self.authored)

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


def _source(name: str, data: bytes, authored: Authors | None) -> Source:
    return Source(name=name, data=data, authored=authored)


_FETCHED = ("http://", "https://")
"""How addresses begin that kubectl reads from."""


def find(paths: Iterable[str | os.PathLike[str]], *, exclude: Iterable[str] = ()) -> tuple[list[str], list[Fault]]:
    """All files that ``paths`` mean, each once: as named, or found in a directory, in sorted order.

    Hidden files and directories inside a directory are left out; links to directories are followed. What cannot be
    looked into is a fault, as is a name that is empty. A folder that has to be rendered is one entry by itself.

    Args:
        paths: files, directories and ``-``.
        exclude: shell patterns of what to leave out of directories: names, or paths from the directory on.
    """
    patterns = tuple(exclude)
    found: dict[str, str] = {}
    faults: list[Fault] = []
    for path in paths:
        name = os.fspath(path)
        if name == "-":
            found.setdefault("-", "-")
        elif not name:
            faults.append(unreadable("''", "the name is empty"))
        else:
            try:
                folder = stat.S_ISDIR(os.stat(name).st_mode)
            except (OSError, ValueError) as error:
                how = f"nothing is fetched here: curl -sL {name} | kubelogic plan - reads what is there"
                faults.append(unreadable(name, how if name.startswith(_FETCHED) else _reason(error)))
                continue
            for file in _walk(name, patterns, faults) if folder else [_rendered(name)]:
                found.setdefault(os.path.realpath(file), file)
    return list(found.values()), faults


def _rendered(name: str) -> str:
    """The folder instead of the file in it that only says how to render it."""
    folder, file = os.path.split(name)
    return (folder or ".") if file in (*rendering.KUSTOMIZATIONS, rendering.CHART) else name


def _left_out(directory: str, path: str, patterns: Sequence[str]) -> bool:
    inside = os.path.relpath(path, directory)
    return any(fnmatch(inside, pattern) or fnmatch(os.path.basename(path), pattern) for pattern in patterns)


def _walk(directory: str, patterns: Sequence[str], faults: list[Fault]) -> Iterator[str]:
    directory = rendering.chart_of(directory) or directory
    if rendering.needs_rendering(directory):
        yield directory
        return
    seen = {os.path.realpath(directory)}

    def unseen(folder: str, name: str) -> bool:
        real = os.path.realpath(os.path.join(folder, name))
        new = not name.startswith(".") and real not in seen
        seen.add(real)
        return new

    def report(error: OSError) -> None:
        faults.append(unreadable(str(error.filename), _reason(error)))

    rendered: list[str] = []
    for folder, folders, files in os.walk(directory, onerror=report, followlinks=True):
        inner = []
        for name in sorted(folders):
            path = os.path.join(folder, name)
            if not unseen(folder, name) or _left_out(directory, path, patterns):
                continue
            if rendering.needs_rendering(path):
                rendered.append(path)
            else:
                inner.append(name)
        folders[:] = inner
        for name in sorted(files):
            path = os.path.join(folder, name)
            if name.endswith(SUFFIXES) and not name.startswith(".") and not _left_out(directory, path, patterns):
                yield path
    if len(rendered) > 1:
        shown = ", ".join(rendered[:_SHOWN]) + (f" and {len(rendered) - _SHOWN} more" if rendered[_SHOWN:] else "")
        message = (
            f"{len(rendered)} folders in it have to be rendered (Kustomize, Helm), often one for another: "
            f"name the one that is meant, or leave some out with --exclude: {shown}"
        )
        faults.append(Fault(location=Location(file=directory), code="KL117", message=message))
    else:
        yield from rendered


def _reason(error: OSError | ValueError) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def file_bytes(name: str) -> bytes:
    """The bytes of a regular file, or of a pipe that this process has open already (``/dev/stdin``, ``<(...)``).

    Raises:
        OSError, ValueError: if it is something else, has more than ``LARGEST`` bytes, cannot be read, or was changed
            meanwhile, so that what was read may never have stood there.
    """
    status = os.stat(name)
    if not stat.S_ISREG(status.st_mode):
        pipe = stat.S_ISFIFO(status.st_mode) and name.startswith(_OPEN_ALREADY)
        if not pipe:
            raise ValueError(f"it is {what(status.st_mode)}, not a file")
    with open(name, "rb") as file:
        before = _state(file.fileno())
        data = file.read(LARGEST + 1)
        if before != _state(file.fileno()):
            raise ValueError("it was changed while it was read; try again")
    if len(data) > LARGEST:
        raise ValueError(f"it has more than {LARGEST >> 20} MiB")
    return data


def _state(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


def what(mode: int) -> str:
    """What is no file, by the mode that ``stat`` gives."""
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"


def read(name: str, stdin: bytes | None) -> Source | Fault:
    """The text of one file (``-``: of ``stdin``), or what prevents it."""
    match bytes_of(name, stdin):
        case Fault() as fault:
            return fault
        case (called, data):
            return decoded(called, data)


def bytes_of(name: str, stdin: bytes | None) -> tuple[str, bytes] | Fault:
    """What one file is called and its bytes (``-``: those of ``stdin``), or what prevents it."""
    if not name:
        return unreadable("''", "the name is empty")
    if name == "-":
        return unreadable(STDIN, "nothing was given on standard input") if stdin is None else (STDIN, stdin)
    try:
        return rendering.render(name) if rendering.needs_rendering(name) else (name, file_bytes(name))
    except rendering.RenderError as error:
        return Fault(location=Location(file=name), code="KL117", message=str(error))
    except (OSError, ValueError) as error:
        return unreadable(name, _reason(error))


def without_logs(data: bytes) -> bytes:
    """The text without the logs of containers that ``kubectl cluster-info dump`` prints between its JSON.

    Lines stay where they are. Source: k8s.io/kubectl, pkg/cmd/clusterinfo/clusterinfo_dump.go.
    """
    return _LOGS.sub(lambda match: b"\n" * match[0].count(b"\n"), data) if b"==== START logs" in data else data


def decoded(name: str, data: bytes) -> Source | Fault:
    """The text of a file in UTF-8, or what prevents it."""
    try:
        return Source(name=name, data=without_logs(characters.as_utf8(data)))
    except characters.EncodingError as error:
        unpack = next((command for start, command in _COMPRESSED if data.startswith(start)), "")
        if unpack:
            file = "" if name == STDIN else f" {shlex.quote(name)}"
            how = f"unpack it first: {unpack}{file} | kubelogic plan -"
            return unreadable(name, f"it is compressed ({unpack.partition(' ')[0]}); {how}")
        place = Location(file=name, line=error.line, column=error.column)
        line, caret = characters.excerpt(data, error.line, error.column)
        shown = "" if "\0" in line else line
        return Fault(location=place, code="KL100", message=str(error), excerpt=shown, caret=caret)


def unreadable(name: str, why: str) -> Fault:
    """The fault of a file that cannot be read."""
    return Fault(location=Location(file=name), code="KL105", message=f"cannot be read: {why}")
