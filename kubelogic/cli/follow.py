"""``--watch``: answer again whenever a file that the command line names has changed."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator

from kubelogic.cli import UsageError, common, streams

_Marks = dict[str, tuple[int, int]]
"""By file, when it was changed last, in nanoseconds, and its size."""

PAUSE = 0.4
"""Seconds between two looks at the files."""


def follow(
    answer: Callable[[], int], named: argparse.Namespace, *, pause: Callable[[], None] = lambda: time.sleep(PAUSE)
) -> int:
    """Answer, wait until a file changes, and answer again, until somebody interrupts it.

    Args:
        answer: prints one answer; returns its exit code, which nobody gets to see.
        named: the arguments; each that is the path of a file or a directory is watched.
        pause: waits until it is time to look again.

    Raises:
        UsageError: if standard input is read, which never changes, or no file is named.
        KeyboardInterrupt: when it is interrupted.
    """
    roots = sorted(set(_paths(named)))
    if "-" in _values(named):
        raise UsageError("--watch waits for files to change; standard input (-) never does")
    if not roots:
        raise UsageError("--watch waits for files to change, and no argument names one")
    while True:
        before = _marks(roots)
        answer()
        after = _marks(roots)
        while after == before:
            pause()
            after = _marks(roots)
        changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        streams.warn(f"\n--- changed: {', '.join(changed[:3])}{more}\n")


def _values(named: argparse.Namespace) -> Iterator[str]:
    for value in vars(named).values():
        yield from (each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str))


def _paths(named: argparse.Namespace) -> Iterator[str]:
    return (each for each in _values(named) if each and common.there(each))


def _marks(roots: list[str]) -> _Marks:
    found: _Marks = {}
    for root in roots:
        for path in _files(root):
            try:
                status = os.stat(path)
            except OSError:  # it went away between two looks, which is a change, too
                continue
            found[path] = (status.st_mtime_ns, status.st_size)
    return found


def _files(root: str) -> Iterator[str]:
    if not os.path.isdir(root):
        yield root
        return
    for folder, below, files in os.walk(root):
        below[:] = [each for each in below if not each.startswith(".")]
        yield from (os.path.join(folder, each) for each in files)
