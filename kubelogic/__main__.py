"""``kubelogic``, ``python -m kubelogic``: the process around the command line."""

from __future__ import annotations

import atexit
import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 and the number of the signal."""


def main() -> int:
    """Run the command line as a process, and end it with the exit code, which is returned to whoever watches.

    numpy's linear algebra would start a thread for each processor, which waits in a loop: for matrices as small as ours
    that costs more than it gives. The variable of the environment may say otherwise.
    """
    from kubelogic.cli import COLLECT_AFTER, answered_at_once
    from kubelogic.cli import main as command

    if not answered_at_once(sys.argv[1:]):
        _end_on_interrupt()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(COLLECT_AFTER)
    code = command()
    if sys.getprofile() is None and sys.gettrace() is None:  # else somebody who watches has something left to say
        _end(code)
    return code


def _end(code: int) -> NoReturn:
    """End the process at once: what is left in memory ends with it, and nobody need take it to pieces first."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code)


def _end_on_interrupt() -> None:
    """End the process at once when Ctrl-C is typed, whatever it does at that moment, also within native code.

    The signal is kept from all threads but one, which waits for it. Nothing is done where the signal is ignored
    already (a background job) or where the system has no masks of signals.
    """
    import contextlib
    import signal
    import threading

    if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None) or not hasattr(signal, "pthread_sigmask"):
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})

    def wait() -> None:
        signal.sigwait({signal.SIGINT})
        with contextlib.suppress(OSError):
            if os.isatty(2):
                os.write(2, b"\r\033[K")
        os._exit(INTERRUPTED)

    threading.Thread(target=wait, name="interrupt", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
