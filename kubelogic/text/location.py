"""Where something stands in the user's files, and the error that carries it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from kubelogic.patterns import regex
from kubelogic.text.characters import Excerpt, shortened

Step = str | int
"""One step into a document: a mapping key or a list index."""

Path = tuple[Step, ...]
"""The way from the root of an object to one of its fields, e.g. ``("spec", "containers", 0, "image")``."""


def dotted(path: Path) -> str:
    """Write a path as the API server does.

    >>> dotted(("spec", "containers", 0, "resources", "requests", "nvidia.com/gpu"))
    'spec.containers[0].resources.requests[nvidia.com/gpu]'
    """
    text = ""
    for step in path:
        if isinstance(step, int) or "." in step or "/" in step:
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


_STEP = regex(r"\[([^\]]*)\]|([^.\[\]]+)")


def path_of(field: str) -> Path:
    """The path that a dotted text stands for.

    >>> path_of("spec.containers[0].ports[1]")
    ('spec', 'containers', 0, 'ports', 1)
    >>> path_of("metadata.annotations[kubelogic.dev/ignore]")
    ('metadata', 'annotations', 'kubelogic.dev/ignore')
    """
    steps: list[Step] = []
    for bracket, plain in _STEP.findall(field):
        steps.append(int(bracket) if bracket.isdecimal() else bracket or plain)
    return tuple(steps)


def value_at(tree: Any, path: Path) -> Any:
    """The value of a field of a JSON tree; None if it is not there."""
    for step in path:
        if type(tree) is dict or isinstance(tree, Mapping):
            tree = tree.get(step)
        elif tree is None:
            return None
        elif isinstance(tree, Sequence) and isinstance(step, int) and -1 < step < len(tree):
            tree = tree[step]
        else:
            return None
    return tree


class Location(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A place in a file. Lines and columns count from 1; 0 means that only the file is known.

    ``written`` is the file to edit where ``file`` is what a tool rendered, and nobody wrote the line as it stands.
    """

    file: str
    line: int = 0
    column: int = 0
    path: str = ""
    written: str = ""

    def __str__(self) -> str:
        file = self.file.replace("\n", "\\n")  # a name is never two lines of a report
        return f"{file}:{self.line}:{self.column}" if self.line else file


class Origin(Protocol):
    """Where an object came from: knows how to find the place of each of its fields, at a cost, on demand."""

    @property
    def order(self) -> tuple[str, int, int]:
        """File, document and item number: the order in which the user wrote things."""
        ...

    def locate(self, path: Path, *, key: bool = False) -> Location:
        """The place of the field at ``path``, or of the nearest enclosing field that exists.

        With ``key`` the place of the mapping key, not of its value.
        """
        ...

    def holds(self, path: Path) -> bool:
        """Whether the field at ``path`` itself is written there."""
        ...

    def excerpt(self, location: Location) -> Excerpt:
        """The source line of a location, for a caret under its column; empty if there is none."""
        ...


class Fault(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One thing that is wrong with the input.

    ``code`` is permanent (``KL1xx``); ``excerpt`` is the source line, or the part of a very long one around the place,
    and ``caret`` the column within it (from 1), where there is one. A word that is longer than any name is cut.
    """

    location: Location
    code: str
    message: str
    object: str = ""
    excerpt: str = ""
    caret: int = 0

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "message", shortened(self.message))
        msgspec.structs.force_setattr(self, "object", shortened(self.object))

    def __str__(self) -> str:
        return f"{self.location}: {self.message} [{self.code}]"


class InputError(Exception):
    """The input cannot be used. Holds every fault that was found, in the order of the files."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__(self.faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)
