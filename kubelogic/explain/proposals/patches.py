"""Operations of JSON patches (RFC 6902) on documents that have a ``metadata`` and a ``spec``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubelogic.explain.proposals.case import Document, Edit, Operation


def dig(document: Any, path: Sequence[str | int]) -> Any:
    """The part of a document at a path; None if it is not there."""
    part = document
    for step in path:
        if isinstance(part, Mapping) and isinstance(step, str):
            part = part.get(step)
        elif isinstance(part, list) and isinstance(step, int) and step < len(part):
            part = part[step]
        else:
            return None
    return part


def without(*path: str | int) -> Edit:
    """Take a part away; nothing if it is not there."""

    def edit(document: Document) -> list[Operation]:
        return [remove(path)] if dig(document, path) else []

    return edit


def appended(path: Sequence[str | int], item: Mapping[str, Any], *, added: int = 0) -> Edit:
    """Add an item to a list, which is made if it is not there.

    Args:
        path: where the list is.
        item: what to add.
        added: how many items of the list admission has added to a document that had none: a patch that sets the whole
            list does for the document as it was written, too.
    """

    def edit(document: Document) -> list[Operation]:
        there = dig(document, path) or []
        return [add((*path, "-"), item)] if len(there) > added else [add(path, [*there, item])]

    return edit


def put(path: Sequence[str | int], value: Any) -> Edit:
    """Set a part, whatever was there; the mappings around it are made if they are not there."""

    def edit(document: Document) -> list[Operation]:
        return setting(document, path, value)

    return edit


def setting(document: Any, path: Sequence[str | int], value: Any) -> list[Operation]:
    """Operations that set a part of a document, and make the mappings around it that are not there."""
    for end in range(1, len(path)):
        if dig(document, path[:end]) is None:
            for step in reversed(path[end:]):
                value = {step: value}
            return [add(path[:end], value)]
    return [add(path, value)]


def pointer(path: Sequence[str | int]) -> str:
    """A path as a JSON pointer.

    >>> pointer(("spec", "nodeSelector", "nvidia.com/gpu"))
    '/spec/nodeSelector/nvidia.com~1gpu'
    """
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def add(path: Sequence[str | int], value: Any) -> Operation:
    """Add or replace."""
    return {"op": "add", "path": pointer(path), "value": value}


def replace(path: Sequence[str | int], value: Any) -> Operation:
    """Replace what is there."""
    return {"op": "replace", "path": pointer(path), "value": value}


def remove(path: Sequence[str | int]) -> Operation:
    """Remove what is there."""
    return {"op": "remove", "path": pointer(path)}
