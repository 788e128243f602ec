"""A file that is there as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile


def write_whole(name: str | os.PathLike[str], content: bytes) -> None:
    """Write a file that only its owner may read.

    A link stays a link: the file that it leads to is written. What is there and is no file, such as ``/dev/stdout``,
    a pipe or a device, is written into and never replaced.

    Raises:
        OSError: it cannot be written; its ``filename`` is the name that was given.
    """
    try:
        _write(os.fspath(name), content)
    except OSError as error:
        error.filename = os.fspath(name)
        raise


def _write(name: str, content: bytes) -> None:
    if not _may_be_replaced(name):
        with open(name, "wb", buffering=0) as stream:
            rest = memoryview(content)
            while rest:
                rest = rest[stream.write(rest) :]
        return
    place = os.path.realpath(name)
    handle, part = tempfile.mkstemp(dir=os.path.dirname(place), prefix=".kubelogic-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(part, place)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise


def _may_be_replaced(name: str) -> bool:
    """Whether a name is that of a file, or of nothing yet: not of a stream that somebody has open."""
    if name.startswith(("/dev/", "/proc/")):
        return False
    try:
        return stat.S_ISREG(os.stat(name).st_mode)
    except FileNotFoundError:
        return True
