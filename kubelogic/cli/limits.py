"""How long a whole command may take: what its searches may, and some seconds for all that is no search."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

BASE = 15.0
"""Seconds that reading, rules and words may take after the time for searches is up."""


class OutOfTimeError(BaseException):
    """The time of the whole command is up. No ordinary handler of exceptions takes it for something else."""


def allowed(args: argparse.Namespace) -> float | None:
    """Seconds for the searches of a command; None: no limit.

    A sweep has no end of its own, as each of its clusters has one. ``verify`` may search longer than it solves.
    """
    timeout: float | None = getattr(args, "timeout", None)
    if args.command != "verify" or timeout is None:
        return timeout
    return None if args.each else max(timeout, args.limit)


@contextmanager
def bounded(timeout: float | None) -> Iterator[None]:
    """End what runs in it when the time of the command is up.

    Args:
        timeout: seconds for all searches together; None: no limit.

    Raises:
        OutOfTimeError: says what the limit was.
    """
    if timeout is None or not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    limit = timeout + BASE
    if signal.getitimer(signal.ITIMER_REAL)[0]:
        yield  # somebody else measures the time of this process already
        return

    rung: list[OutOfTimeError] = []

    def ring(_number: int, _frame: FrameType | None) -> None:
        rung.append(OutOfTimeError(f"{limit:g} s"))
        raise rung[0]

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, min(limit, 1e8))
    try:
        yield
    except Exception as error:
        if rung:  # what was interrupted could not be put in order again
            raise rung[0] from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
