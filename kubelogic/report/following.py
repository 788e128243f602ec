"""The next step after an answer: a command that can be typed as it stands."""

from __future__ import annotations

import shlex
from collections.abc import Callable

from kubelogic.verbs.typed import PATHS

Again = Callable[..., str]
"""What names the same input for a command: its paths and flags, as they are typed. Takes the name of the command and
flags that are other than they were, ``again("simulate", scheduler="kube")``; with ``only_nodes`` the paths are read for
their nodes alone."""

_PIPES = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
"""Files that are gone with the command that read them, such as those of ``<(...)``."""


def unnamed(_command: str, *, scheduler: str = "optimal", only_nodes: bool = False) -> str:
    """The input of a Python program.

    >>> unnamed("plan", scheduler="kube")
    'PATH... --scheduler kube'
    """
    return ("--nodes " if only_nodes else "") + PATHS + (f" --scheduler {scheduler}" if scheduler != "optimal" else "")


def next_step(command: str, what: str = "", *, word: str = "Next") -> str:
    """A command, and what it answers. It comes last, so that a line can be copied from there on.

    What came through a pipe is gone, and has to be there once more.

    >>> next_step("kubelogic explain shop/cart cluster.yaml")
    'Next: kubelogic explain shop/cart cluster.yaml'
    >>> next_step("kubelogic explain shop/cart -", "all about it")
    'Next, all about it, with the same on standard input: kubelogic explain shop/cart -'
    """
    words = shlex.split(command)
    piped = [each for each in words if each.startswith(_PIPES)]
    said = [word, *([what] if what else [])]
    if "-" in words:
        said.append("with the same on standard input")
    if piped:
        said.append(f"with the same in place of {' and '.join(piped)}")
    return f"{', '.join(said)}: {command}"
