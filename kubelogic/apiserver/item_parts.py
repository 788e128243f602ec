"""Parts of objects that no table describes: what stands at a path, if it has the type that it should have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from kubelogic.text.documents import Item
from kubelogic.text.location import Fault, Path

Part = TypeVar("Part", dict[str, Any], list[Any])
_WORDS: Mapping[type, str] = {dict: "is a mapping", list: "is a list"}


def part(item: Item, path: Path, kind: type[Part], faults: list[Fault]) -> Part:
    """The mapping or list at a path of an object; an empty one where nothing stands.

    Args:
        item: the object.
        path: of names.
        kind: ``dict`` or ``list``.
        faults: where it goes that something of another type stands there, or on the way; told once a place.
    """
    found: Any = item.document
    for number, step in enumerate(path):
        found = found.get(step)
        if found is None:
            return kind()
        last = number == len(path) - 1
        wanted: type = kind if last else dict
        if not isinstance(found, wanted):
            fault = item.fault(path[: number + 1], "KL110", _WORDS[wanted])
            faults += [] if fault in faults else [fault]
            return kind()
    return found  # type: ignore[no-any-return]
