"""What all tables share: columns, ages, and texts of labels and selectors.

Source: pkg/printers/internalversion/printers.go; k8s.io/apimachinery, pkg/util/duration/duration.go (HumanDuration) and
pkg/apis/meta/v1/helpers.go (FormatLabelSelector) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.cluster.clock import milliseconds

Document = Mapping[str, Any]
Cells = list[Any]

NONE = "<none>"
UNKNOWN = "<unknown>"
UNSET = "<unset>"


Cell = Callable[[Document, int], Any]
"""What a column has of an object, at a moment in milliseconds."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a table; ``priority`` above 0 is shown with ``-o wide`` only."""

    name: str
    type: str = "string"
    format: str = ""
    priority: int = 0


class Printer(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of a kind and the cells of an object, at a moment in milliseconds."""

    columns: tuple[Column, ...]
    cells: Callable[[Document, int], Cells]


def printer(*columns: tuple[Column, Cell]) -> Printer:
    """A table of which each column says for itself what it has of an object."""

    def cells(document: Document, now: int) -> Cells:
        return [cell(document, now) for _, cell in columns]

    return Printer(columns=tuple(about for about, _ in columns), cells=cells)


def shown(name: str, cell: Cell, kind: str = "string", *, priority: int = 0) -> tuple[Column, Cell]:
    """A column and its cells."""
    return Column(name=name, type=kind, priority=priority), cell


def field(name: str, *path: str, default: Any = "", kind: str = "string", priority: int = 0) -> tuple[Column, Cell]:
    """A column that has a field of the object, or ``default`` where it has none."""

    def cell(document: Document, _now: int) -> Any:
        found = _at(document, path)
        return default if found is None or found == "" else found

    return shown(name, cell, kind, priority=priority)


def number(name: str, *path: str, kind: str = "integer") -> tuple[Column, Cell]:
    """A column that has a number of the object, 0 if it is not there."""
    return shown(name, lambda document, _: int(_at(document, path) or 0), kind)


def size(name: str, *path: str, kind: str = "string") -> tuple[Column, Cell]:
    """A column that has how many entries a list or mapping of the object has."""
    return shown(name, lambda document, _: len(_at(document, path) or ()), kind)


def truth(name: str, *path: str, kind: str = "string") -> tuple[Column, Cell]:
    """A column that has whether something is true of the object."""
    return shown(name, lambda document, _: bool(_at(document, path)), kind)


def _at(document: Document, path: tuple[str, ...]) -> Any:
    found: Any = document
    for step in path:
        found = (found or {}).get(step)
    return found


def column(name: str) -> Column:
    """A column that is always shown."""
    return Column(name=name)


def wide(name: str) -> Column:
    """A column of ``-o wide``."""
    return Column(name=name, priority=1)


def spec_of(document: Document) -> Document:
    """The spec, or nothing."""
    return document.get("spec") or {}


def status_of(document: Document) -> Document:
    """The status, or nothing."""
    return document.get("status") or {}


def meta_of(document: Document) -> Document:
    """The metadata."""
    return document.get("metadata") or {}


def name_of(document: Document) -> str:
    """The name."""
    return str(meta_of(document).get("name") or "")


def age(document: Document, now: int) -> str:
    """The age of an object."""
    return since(meta_of(document).get("creationTimestamp"), now)


NAME, AGE = Column(name="Name", format="name"), Column(name="Age")
NAMED: tuple[Column, Cell] = (NAME, lambda document, _: name_of(document))
AGED: tuple[Column, Cell] = (AGE, age)


def since(moment: Any, now: int) -> str:
    """How long ago a moment was.

    >>> since("1970-01-01T00:00:10Z", 130_000)
    '2m'
    """
    return UNKNOWN if not moment else human_duration((now - milliseconds(str(moment))) / 1000)


def human_duration(seconds: float) -> str:
    """A duration in the few digits that a person wants.

    >>> [human_duration(each) for each in (5, 119, 121, 700, 4000, 30_000, 200_000, 800_000, 70_000_000)]
    ['5s', '119s', '2m1s', '11m', '66m', '8h20m', '2d7h', '9d', '2y80d']
    """
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    minutes, hours = whole // 60, whole // 3600
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if hours < 192:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if days < 730:
        return f"{days}d"
    years = days // 365
    if years < 8:
        return f"{years}y{days % 365}d" if days % 365 else f"{years}y"
    return f"{years}y"


def labels_text(labels: Mapping[str, str] | None) -> str:
    """Labels as ``a=b,c=d``."""
    return ",".join(f"{key}={(labels or {})[key]}" for key in sorted(labels or {})) or NONE


_OPERATORS = {"In": "in", "NotIn": "notin"}


def selector_text(selector: Document | None) -> str:
    """A label selector in kubectl's form."""
    if selector is None:
        return NONE
    parts = {key: f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()}
    found = sorted(parts.items())
    for each in selector.get("matchExpressions") or ():
        key, values = str(each.get("key")), ",".join(sorted(map(str, each.get("values") or ())))
        match each.get("operator"):
            case "Exists":
                found.append((key, key))
            case "DoesNotExist":
                found.append((key, f"!{key}"))
            case operator:
                found.append((key, f"{key} {_OPERATORS.get(str(operator), operator)} ({values})"))
    return ",".join(text for _, text in sorted(found, key=lambda each: each[0])) or NONE


def _containers_of(pod_spec: Document) -> tuple[str, str]:
    """The names and images of containers."""
    found = pod_spec.get("containers") or ()
    return ",".join(str(c.get("name")) for c in found), ",".join(str(c.get("image") or "") for c in found)


def containers(*path: str, priority: int = 1) -> tuple[tuple[Column, Cell], tuple[Column, Cell]]:
    """The names and images of the containers of the pod template at a path."""

    def named(document: Document) -> tuple[str, str]:
        for step in path:
            document = document.get(step) or {}
        return _containers_of(spec_of(document))

    return (
        shown("Containers", lambda document, _: named(document)[0], priority=priority),
        shown("Images", lambda document, _: named(document)[1], priority=priority),
    )


def condition(document: Document, name: str) -> Document:
    """A condition of the status; empty if it is not there."""
    found: Sequence[Document] = status_of(document).get("conditions") or ()
    return next((each for each in found if each.get("type") == name), {})


def access_modes(modes: Sequence[str] | None) -> str:
    """Access modes in their short form."""
    short = {
        "ReadWriteOnce": "RWO",
        "ReadOnlyMany": "ROX",
        "ReadWriteMany": "RWX",
        "ReadWriteOncePod": "RWOP",
    }
    return ",".join(text for mode, text in short.items() if mode in (modes or ()))
