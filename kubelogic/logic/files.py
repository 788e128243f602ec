"""Rule files on disk: every ``*.dl`` file of some directories as text, or what keeps it from being read."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from kubelogic.logic.errors import RuleFault
from kubelogic.logic.terms import Place

LARGEST = 16 << 20
"""Bytes of one rule file that are read at most."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def rule_texts(directory: Path, shown: Path, faults: list[RuleFault]) -> Iterator[tuple[str, Path, str]]:
    """The rule files below a directory (or the one file), sorted: the name to show, the path, the text.

    Args:
        directory: where to look; links to directories are followed.
        shown: the name of the directory in messages.
        faults: gets what cannot be read; a directory without a rule file is a fault.
    """
    if not os.path.isdir(directory):
        yield from _one(directory, shown.as_posix(), faults)
        return
    found = False
    before = len(faults)
    for path in sorted(_files(directory, shown, faults)):
        found = True
        yield from _one(path, (shown / path.relative_to(directory)).as_posix(), faults)
    if not found and len(faults) == before:
        message = "there is no rule file (*.dl) in this directory"
        faults.append(RuleFault(place=Place(file=shown.as_posix(), line=1), message=message))


def _one(path: Path, name: str, faults: list[RuleFault]) -> Iterator[tuple[str, Path, str]]:
    try:
        yield name, path, _text(path)
    except (OSError, ValueError) as error:
        message = f"cannot be read: {(getattr(error, 'strerror', None) or str(error)).lower()}"
        line = error.object.count(b"\n", 0, error.start) + 1 if isinstance(error, UnicodeDecodeError) else 1
        if isinstance(error, UnicodeDecodeError):
            message = f"byte 0x{error.object[error.start]:02x} is not {error.encoding.upper()} text"
        faults.append(RuleFault(place=Place(file=name, line=line), message=message))


def _files(directory: Path, shown: Path, faults: list[RuleFault]) -> Iterator[Path]:
    seen = {os.path.realpath(directory)}

    def report(error: OSError) -> None:
        where = shown / Path(error.filename).relative_to(directory)
        message = f"cannot be read: {(error.strerror or str(error)).lower()}"
        faults.append(RuleFault(place=Place(file=where.as_posix(), line=1), message=message))

    for folder, folders, files in os.walk(directory, onerror=report, followlinks=True):
        inner = []
        for name in sorted(folders):
            real = os.path.realpath(Path(folder) / name)
            if real not in seen:
                seen.add(real)
                inner.append(name)
        folders[:] = inner
        yield from (Path(folder) / name for name in files if name.endswith(".dl"))


def _text(path: Path) -> str:
    """The text of a regular file in UTF-8, or, with a byte order mark, in UTF-16 or UTF-32."""
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise ValueError("it is not a file")
    with path.open("rb") as file:
        data = file.read(min(state.st_size, LARGEST) + 1)
    if len(data) > LARGEST:
        raise ValueError(f"it has more than {LARGEST >> 20} MiB")
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding)
    return data.decode("utf-8")
