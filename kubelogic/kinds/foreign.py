"""Fields of another release, in objects that a cluster printed: left out and told, as nobody mistyped them.

A field that is nearly one that there is, or that looks out of place, may have been typed by somebody who edited the
dump: it stays a fault, as for manifests. Nobody writes a status, so whatever is unknown there is of another release.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kubelogic.kinds.validation.problems import NO_SUCH_FIELD, Problem
from kubelogic.text.location import Path


def foreign_fields(document: Mapping[str, Any], problems: Iterable[Problem]) -> tuple[Path, ...]:
    """Where an object has fields that its cluster knew and Kubernetes 1.36 does not; nowhere for manifests.

    Args:
        document: as it was written.
        problems: all that is wrong with it.
    """
    metadata = document.get("metadata")
    if not isinstance(metadata, Mapping) or not metadata.get("uid"):
        return ()
    return tuple(
        problem.path
        for problem in problems
        if problem.code == "KL112" and (problem.path[0] == "status" or problem.message.endswith(NO_SUCH_FIELD))
    )


def without(document: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """A document without some of its fields; what is around them is copied, the rest shared.

    >>> without({"a": [{"b": 1, "c": 2}], "d": {}}, [("a", 0, "b")])
    {'a': [{'c': 2}], 'd': {}}
    """
    result = dict(document)
    for path in paths:
        inner: Any = result
        for step in path[:-1]:
            copied = list(inner[step]) if isinstance(inner[step], list) else dict(inner[step])
            inner[step] = copied
            inner = copied
        inner.pop(path[-1], None)
    return result


def pattern(path: Path) -> str:
    """A path without the numbers of lists, so that alike places are one.

    >>> pattern(("status", "containerStatuses", 0, "mood"))
    'status.containerStatuses[].mood'
    """
    return "".join("[]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
