"""The three standard streams: the one place where text and documents are written, and what can go wrong there.

A reader that went away changes nothing about the answer: the exit code stays that of the answer. Where standard
output cannot take the answer at all (full, closed), the command ends with one line and :data:`CANNOT_WRITE`.
"""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

INTERNAL = 70
"""Exit code of a fault of kubelogic itself (as EX_SOFTWARE of sysexits.h)."""
CANNOT_WRITE = 74
"""Exit code when the answer cannot be written (as EX_IOERR)."""


_LOST: list[TextIO] = []
"""Streams that take nothing any more."""


class OutputError(Exception):
    """Standard output takes nothing."""


def say(text: str, stream: TextIO | None = None) -> None:
    """Print text for a person: control characters shown, lines that fit, characters that the stream can write.

    Args:
        text: what to print, with marks of ``Style``; a line end is added. Messages are cut where a word is longer than
            any name.
        stream: None: standard output.

    Raises:
        OutputError: if standard output takes nothing. Other streams lose the text in silence.
    """
    from kubelogic.report.terminal import prepared
    from kubelogic.report.width import width_of

    out = sys.stdout if stream is None else stream
    if stream is not None:
        from kubelogic.text.characters import shortened

        text = shortened(text)
    if out is None:
        if stream is None:
            raise OutputError("it is closed")
        return
    _write(out, prepared(text, width=width_of(out), encoding=out.encoding or "utf-8") + "\n")


def warn(text: str) -> None:
    """Print a message to standard error, where there is one."""
    if sys.stderr is not None:
        say(text, sys.stderr)


def emit_text(document: str) -> None:
    """Write a document that is data (JSON, YAML) as it is, and a line end; what the stream cannot write is escaped.

    Raises:
        OutputError: if standard output takes nothing.
    """
    if sys.stdout is None:
        raise OutputError("it is closed")
    if not document.isascii():
        document = document.encode(encoding(), "backslashreplace").decode(encoding())
    _write(sys.stdout, document + "\n")


def encoding() -> str:
    """The encoding of standard output."""
    return (sys.stdout.encoding if sys.stdout is not None else "") or "utf-8"


def has_reader() -> bool:
    """Whether somebody may still read standard output: no, once the other end of a pipe is closed."""
    import select

    if sys.stdout is None or sys.stdout in _LOST:
        return False
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):  # it is no file of the system's
        return True
    return not any(event & (select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _into_nowhere(stream)
    except (OSError, ValueError) as error:
        _into_nowhere(stream)
        if stream is sys.stdout:
            full = isinstance(error, OSError) and error.errno == errno.ENOSPC
            reason = "no space left on device" if full else getattr(error, "strerror", None) or "it is closed"
            raise OutputError(str(reason).lower()) from error


def _into_nowhere(stream: TextIO) -> None:
    """Let what is still buffered, and all that follows, go nowhere: the interpreter flushes when it ends."""
    import contextlib

    _LOST.append(stream)
    with contextlib.suppress(OSError, ValueError):
        descriptor = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
