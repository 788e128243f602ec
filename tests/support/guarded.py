"""Commands run one by one in forks of a warm process, each within limits that the kernel enforces.

A server process has kubelogic imported and its rules compiled; for each command it forks a child with a limit of
processor time and address space, waits, kills what hangs, and says how it ended. So a command that hangs or eats memory
is one finding, not the end of the search.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CPU_SECONDS = 20
"""Processor time that a command may take."""
WALL_SECONDS = 200
"""Time on the clock that a command may take, on a machine that does other things besides."""
MEMORY_KIB = 2 << 20
"""Memory that a command may use."""
_ADDRESSES = 6 << 30
"""Bytes of address space, where the kernel stops a command; libraries reserve more than they use."""
_WARM = """
apiVersion: v1
kind: Node
metadata: {name: oak}
status: {allocatable: {cpu: "1", pods: "9"}, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: c, image: i, resources: {requests: {cpu: "1"}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: more}
spec: {containers: [{name: c, image: i, resources: {requests: {cpu: "1"}}}]}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended.

    Attributes:
        code: its exit code; minus the signal that ended it.
        seconds: processor time.
        kib: the most memory.
        out: what it printed.
        err: what it said.
    """

    code: int
    seconds: float
    kib: int
    out: str
    err: str

    def wrong(self) -> str:
        """What no command may do; empty if it did none of that."""
        found = [] if self.code in (0, 1, 2, 3) else [f"code {self.code}: {self.err[-1500:]}"]
        if "Traceback (most recent call last)" in self.out + self.err and not found:
            found.append(f"a traceback: {self.err[-1500:]}")
        if self.seconds > CPU_SECONDS:
            found.append(f"took {self.seconds:.0f} s")
        if self.kib > MEMORY_KIB:
            found.append(f"took {self.kib >> 10} MiB")
        if "\033" in self.out + self.err:
            found.append("sent an escape sequence")
        return "; ".join(found)


class Guard:
    """A server for commands. Use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        """Start it.

        Args:
            folder: for what commands print, and for rules that are kept between runs.
        """
        self._folder = folder
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.guarded", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "KUBELOGIC_TRACEBACK": "1", "PYTHONWARNINGS": "ignore"},
            cwd=Path(__file__).resolve().parents[2],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        with self._server:  # closes its pipes, at the end of which it ends
            pass

    def run(self, arguments: Sequence[str]) -> Ended:
        """Run a command to its end, or to its limit."""
        source, sink = self._server.stdin, self._server.stdout
        if source is None or sink is None:
            raise RuntimeError("the server has no pipes")
        source.write(json.dumps(list(arguments)) + "\n")
        source.flush()
        answer: dict[str, Any] = json.loads(sink.readline())
        said = [(self._folder / name).read_text("utf-8", "replace") for name in ("out", "err")]
        return Ended(**answer, out=said[0], err=said[1])


def _child(arguments: list[str], folder: Path) -> None:
    """Run one command in this process, and end it."""
    from kubelogic.cli import main

    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS + 2, CPU_SECONDS + 4))
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    code = 70
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _served(arguments: list[str], folder: Path) -> dict[str, Any]:
    child = os.fork()
    if child == 0:
        _child(arguments, folder)
    began, pause = time.monotonic(), 0.002
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() - began > WALL_SECONDS:
            os.kill(child, signal.SIGKILL)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": usage.ru_utime + usage.ru_stime,
        "kib": usage.ru_maxrss,
    }


def _serve(folder: Path) -> None:
    from kubelogic.cli import main

    answers = os.dup(1)
    quiet = os.open(folder / "out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(quiet, 1)
    warm = folder / "warm.yaml"
    warm.write_text(_WARM, encoding="utf-8")
    for arguments in (
        ["query", "pod_phase(P, S)", str(warm)],
        ["simulate", str(warm), "--scheduler", "kube"],
        ["plan", str(warm), "--allow-moves", "1"],
        ["explain", "default/more", str(warm)],
        ["capacity", str(warm), "--pod", str(warm)],
    ):
        main(arguments)
    for line in sys.stdin:
        os.write(answers, (json.dumps(_served(json.loads(line), folder)) + "\n").encode())


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
