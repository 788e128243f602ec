"""Archives of manifests and dumps: ``.gz``, ``.tar``, ``.tar.gz`` and ``.zip``, told by their first bytes.

Nothing is unpacked to the disk. What is larger inside than any dump is refused while it is read, as are names that lead
out of the archive, links and devices.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import IO

from kubelogic.text.location import Fault, Location
from kubelogic.text.sources import STDIN, SUFFIXES, Source, bytes_of, decoded, unreadable

MOST_BYTES = 512 << 20
"""Bytes of all that is inside an archive, at most."""

MOST_FILES = 50_000
"""Entries of an archive, at most."""

MOST_TIMES, FREE_BYTES = 250, 32 << 20
"""How many times larger than the archive its content may be, beyond so many bytes. Dumps shrink to a tenth."""

_GZIP, _ZIP, _TAR = b"\x1f\x8b", b"PK\x03\x04", b"ustar"
_BROKEN = (
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    UnicodeError,
    ValueError,
    zlib.error,
)
"""What the standard library raises for archives that are damaged or encrypted, beside the errors of its readers."""


class _RefusedError(Exception):
    """The archive is none that is read; says why."""


class _Bounded(io.RawIOBase):
    """A stream that refuses to give more than an archive may hold."""

    def __init__(self, inner: IO[bytes], most: int) -> None:
        super().__init__()
        self._inner, self._left, self._most = inner, most, most

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill a buffer, and count."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        data = self._inner.read(len(view))
        self._left -= len(data)
        if self._left < 0:
            raise _too_large(self._most)
        view[: len(data)] = data
        return len(data)


def sources_of(name: str, stdin: bytes | None) -> Iterator[Source | Fault]:
    """What a file holds: itself, or the manifests in it if it is an archive.

    Args:
        name: a file, a folder that has to be rendered, or ``-``.
        stdin: the bytes that ``-`` stands for.
    """
    match bytes_of(name, stdin):
        case Fault() as fault:
            yield fault
        case (called, data):
            if not _is_archive(data):
                source = decoded(called, data)
                if called not in (name, STDIN) and isinstance(source, Source):
                    from kubelogic.text.authored import Authored

                    source = Source(name=source.name, data=source.data, authored=Authored(name))
                yield source
                return
            import tarfile
            import zipfile

            try:
                found = list(_inside(called, data))
            except _RefusedError as error:
                yield unreadable(called, str(error))
            except (*_BROKEN, tarfile.TarError, zipfile.BadZipFile) as error:
                yield unreadable(called, f"the archive is damaged or encrypted ({' '.join(str(error).split())[:100]})")
            else:
                yield from found or [unreadable(called, f"no file in the archive ends in {', '.join(SUFFIXES)}")]


def _is_archive(data: bytes) -> bool:
    return data.startswith((_GZIP, _ZIP)) or data[257:262] == _TAR


def _too_large(most: int) -> _RefusedError:
    return _RefusedError(f"what is inside the archive is larger than {most >> 20} MiB, or grows as no dump does")


def _inside(name: str, data: bytes) -> Iterator[Source | Fault]:
    most = min(MOST_BYTES, max(FREE_BYTES, MOST_TIMES * len(data)))
    if data.startswith(_ZIP):
        yield from _zipped(name, data, most)
        return
    if not data.startswith(_GZIP):
        yield from _tarred(name, io.BytesIO(data), most)
        return
    import gzip

    stream = io.BufferedReader(_Bounded(gzip.GzipFile(fileobj=io.BytesIO(data)), most))  # type: ignore[arg-type]
    if stream.peek(512)[257:262] == _TAR:
        yield from _tarred(name, stream, most)
        return
    yield decoded(name, stream.read())


def _tarred(name: str, stream: IO[bytes], most: int) -> Iterator[Source | Fault]:
    import tarfile

    left = most
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for number, member in enumerate(archive):
            if number == MOST_FILES:
                raise _RefusedError(f"the archive has more than {MOST_FILES:,} entries")
            if member.isdir() or not _is_wanted(member.name):
                continue
            if not member.isreg():
                yield _tricky(name, member.name, "is a link or a device")
            elif wrong := _trick(member.name):
                yield _tricky(name, member.name, wrong)
            else:
                left -= member.size
                if left < 0:
                    raise _too_large(most)
                file = archive.extractfile(member)
                yield decoded(f"{name}/{member.name}", file.read() if file is not None else b"")


def _zipped(name: str, data: bytes, most: int) -> Iterator[Source | Fault]:
    import zipfile

    left = most
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) > MOST_FILES:
            raise _RefusedError(f"the archive has more than {MOST_FILES:,} entries")
        for member in members:
            if member.is_dir() or not _is_wanted(member.filename):
                continue
            if wrong := _trick(member.filename):
                yield _tricky(name, member.filename, wrong)
                continue
            with archive.open(member) as file:
                content = file.read(left + 1)
            left -= len(content)
            if left < 0:
                raise _too_large(most)
            yield decoded(f"{name}/{member.filename}", content)


def _is_wanted(name: str) -> bool:
    """Whether an entry would be read in a directory."""
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    return name.endswith(SUFFIXES) and not any(part.startswith(".") for part in parts)


def _trick(name: str) -> str:
    """What is wrong with the name of an entry; empty if nothing is."""
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or name[1:2] == ":":
        return "leads out of the archive"
    return "" if name.isprintable() else "has characters that cannot be shown"


def _tricky(archive: str, name: str, wrong: str) -> Fault:
    shown = "".join(each if each.isprintable() else "?" for each in name)
    message = f"the entry {shown!r} {wrong}: it is not read"
    return Fault(location=Location(file=archive), code="KL105", message=message)
