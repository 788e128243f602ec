"""Fields of many objects: each is got once of all of them, for whoever asks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from operator import itemgetter
from typing import Any

from kubelogic.cluster.objects import Object

_NOTHING: Mapping[str, Any] = {}


class Columns:
    """Objects, mostly of one kind, and what stands in their sections (``spec``) and fields (``spec.nodeName``).

    To look into each document of a large cluster takes longer than to remember what stood there.
    """

    __slots__ = ("_names", "_sections", "_values", "objects")

    def __init__(self, objects: Iterable[Object]) -> None:
        self.objects: Sequence[Object] = [*objects]
        self._names: dict[str, Collection[str]] = {}
        self._sections: dict[str, Sequence[Any]] = {}
        self._values: dict[str, Sequence[Any]] = {}

    def sections(self) -> Collection[str]:
        """The sections that any of the objects has; where all have the same ones, all are got at once."""
        documents = [obj.document for obj in self.objects]
        names = tuple(documents[0])
        if len(names) > 1 and {*map(len, documents)} == {len(names)}:
            with suppress(KeyError):
                rows = list(map(itemgetter(*names), documents))
                for number, name in enumerate(names):
                    found = list(map(itemgetter(number), rows))
                    self._sections[name] = found if all(found) else [each or _NOTHING for each in found]
                return names
        return dict.fromkeys(chain.from_iterable(documents))

    def section(self, name: str) -> Sequence[Any]:
        """A section of each object; an empty one of those that do not have it."""
        found = self._sections.get(name)
        if found is None:
            found = self._sections[name] = [obj.document.get(name) or _NOTHING for obj in self.objects]
        return found

    def fields(self, section: str) -> Collection[str]:
        """The fields of a section that any object has."""
        if section not in self._names:
            parts = self.section(section)
            if {*map(type, parts)} - {dict}:
                parts = [each for each in parts if isinstance(each, Mapping)]
            self._names[section] = set().union(*parts)
        return self._names[section]

    def values(self, path: str) -> Sequence[Any]:
        """What stands in a field of each object, None where it has none; nothing at all if no object has it."""
        if path not in self._values:
            section, _, field = path.partition(".")
            found: Sequence[Any] = ()
            if field in self.fields(section):
                parts = self.section(section)
                try:
                    found = list(map(itemgetter(field), parts))
                except KeyError:
                    found = [part.get(field) for part in parts]
            self._values[path] = found
        return self._values[path]

    def having(self, path: str) -> list[tuple[Object, Any]]:
        """The objects in which a field is there and not empty, each with what stands there."""
        return [pair for pair in zip(self.objects, self.values(path), strict=False) if pair[1]]
