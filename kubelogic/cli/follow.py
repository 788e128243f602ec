"""``--watch``: answer again whenever a file that the command line names has changed."""

from __future__ import annotations

import argparse
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator

from kubelogic.cli import UsageError, streams
from kubelogic.patterns import regex
from kubelogic.text import rendering
from kubelogic.text.sources import SUFFIXES

_Marks = dict[str, tuple[int, ...]]
"""By file, what tells its states from one another: which file it is, when it was changed last, its size."""

PAUSE = 0.4
"""Seconds between two looks at the files."""
SETTLING = 0.1
"""Seconds without a change after which what was going on is over: editors and tools write in several steps."""
_MOST = 30
"""How many times that is waited for."""
_READ = (*SUFFIXES, ".dl")
"""The files of a folder that are read: manifests, and rules. Of a folder that is rendered any may be."""
_BACKUPS = ("~", "#", ".swp", ".tmp", ".bak", ".orig")
_OUTSIDE = regex(r"(?:\./)?\.\./[^\s'\"\],}#]*")
"""What a kustomization or a chart names outside of its folder."""
_RENDERED = (*rendering.KUSTOMIZATIONS, rendering.CHART)
_NEVER = "--watch waits for files to change"


def follow(
    answer: Callable[[], int],
    named: argparse.Namespace,
    *,
    further: Callable[[], Iterable[str]] = tuple,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Answer, wait until a file changes, and answer again, until somebody interrupts it or nobody reads it any more.

    Args:
        answer: prints one answer; returns its exit code.
        named: the arguments; each that is the path of a file or a directory is watched, also before it is there.
        further: what is watched besides, such as settings and what they name.
        pause: waits so many seconds until it is time to look again.

    Returns:
        The exit code of the last answer, once the reader of standard output has gone away.

    Raises:
        UsageError: if standard input or a pipe is read, which never changes, or no file is named.
        KeyboardInterrupt: when it is interrupted.
    """
    typed = sorted(set(_values(named)))
    if "-" in typed:
        raise UsageError(f"{_NEVER}; standard input (-) never does")
    if pipe := next(filter(_is_pipe, typed), ""):
        raise UsageError(f"{_NEVER}; {pipe} is a pipe, which can be read once")

    def look() -> _Marks:
        return _marks([*typed, *further()])

    if not (getattr(named, "paths", None) or look()):
        raise UsageError(f"{_NEVER}, and no argument names one")
    while True:
        before = look()
        code = answer()
        while (after := _settled(look, before, pause)) == before:
            if not streams.has_reader():
                return code
            pause(PAUSE)
        changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        streams.warn(f"\n--- changed: {', '.join(changed[:3])}{more}\n")


def _settled(look: Callable[[], _Marks], before: _Marks, pause: Callable[[float], None]) -> _Marks:
    """How the files are once nothing more happens to them."""
    found = look()
    for _ in range(_MOST):
        if found == before:
            break
        pause(SETTLING)
        last, found = found, look()
        if found == last:
            break
    return found


def _values(named: argparse.Namespace) -> Iterator[str]:
    for value in vars(named).values():
        yield from (each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str) and each)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):  # it is not there, or went away between two looks, which is a change, too
        return None


def _is_pipe(path: str) -> bool:
    status = _status(path)
    return status is not None and stat.S_ISFIFO(status.st_mode)


def _marks(roots: Iterable[str]) -> _Marks:
    found: _Marks = {}
    seen: set[str] = set()
    for path in (path for root in roots for path in _files(root, seen)):
        status = _status(path)
        if status is not None:
            found[path] = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)
    return found


def _files(path: str, seen: set[str], *, rendered: bool = False) -> Iterator[str]:
    """A file, or those of a folder that an answer may rest on, with those outside that are rendered with it."""
    status = _status(path)
    if status is None or (real := os.path.realpath(path)) in seen:
        return
    seen.add(real)
    if not stat.S_ISDIR(status.st_mode):
        yield path
        folder, name = os.path.split(path)
        if name in _RENDERED:
            yield from _files(folder or ".", seen)
        return
    try:
        names = sorted(os.listdir(path))
    except OSError:  # it may not be looked into: the answer says so
        return
    rendered = rendered or rendering.needs_rendering(path)
    for name in names:
        inner = os.path.join(path, name)
        if name.startswith(".") or name.endswith(_BACKUPS):
            continue
        if rendered or name.endswith(_READ) or os.path.isdir(inner):
            yield from _files(inner, seen, rendered=rendered)
        if name in _RENDERED:
            for outside in _OUTSIDE.findall(rendering.head(inner).decode("utf-8", "replace")):
                yield from _files(os.path.normpath(os.path.join(path, outside)), seen)
