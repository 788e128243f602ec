"""Where an object was written: places are recovered by reading its document again, when asked for."""

from __future__ import annotations

import msgspec

from kubelogic.text import json_positions
from kubelogic.text.characters import Excerpt
from kubelogic.text.location import Location, Path, dotted
from kubelogic.text.positions import Place
from kubelogic.text.sources import Source


class DocumentOrigin(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One document of a file: the bytes ``start`` to ``end`` of its text.

    ``line`` is the line, from 1, in which YAML text starts (JSON counts it when it is needed).
    ``number`` counts the documents of the file, ``inner`` those of the piece of text (YAML documents
    divided by ``...``), both from 0.
    """

    source: Source
    number: int
    start: int
    end: int
    json: bool
    line: int = 1
    inner: int = 0
    items: tuple[tuple[int, int], ...] = ()

    def find(self, path: Path, *, key: bool) -> tuple[int, int, Path]:
        """Line and column of the field at ``path``, or of the nearest enclosing one that exists, and its path."""
        match path:
            case ("items", int(index), *rest) if index < len(self.items):
                start, end = self.items[index]
                item = DocumentOrigin(source=self.source, number=0, start=start, end=end, json=True)
                line, column, found = item.find(tuple(rest), key=key)
                return line, column, ("items", index, *found)
            case () if self.json:  # where it starts
                written = self.source.data[self.start : self.end]
                return *self.source.position(self.end - len(written.lstrip())), ()
            case _:
                places = self.source.places((self.start, self.inner), self._read_again)
                return places.find(path, key=key)

    def _read_again(self) -> Place:
        data = self.source.data[self.start : self.end]
        if self.json:
            line, column = self.source.position(self.start)
            content = data.decode("utf-8", "surrogatepass")
            return json_positions.places(content, first_line=line, first_column=column)
        from kubelogic.text import yaml_positions

        return yaml_positions.places(data, self.inner, first_line=self.line)


class ItemOrigin(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """Where one object was written: a document, or the ``item``-th object in it, which stands at ``base``."""

    document: DocumentOrigin
    item: int = 0
    base: Path = ()

    @property
    def order(self) -> tuple[str, int, int]:
        """File, document and item number: the order in which the user wrote things."""
        return self.document.source.name, self.document.number, self.item

    @property
    def size(self) -> int:
        """The number of bytes of the text that holds the object, and others if they are in a list."""
        if self.document.items and len(self.base) > 1 and isinstance(index := self.base[1], int):
            start, end = self.document.items[index]
            return end - start
        return self.document.end - self.document.start

    def locate(self, path: Path, *, key: bool = False) -> Location:
        """The place of the field at ``path``, or of the nearest enclosing field that exists.

        With ``key`` the place of the mapping key, not of its value.
        """
        line, column, _ = self.document.find((*self.base, *path), key=key)
        source = self.document.source
        found = Location(file=source.name, line=line, column=column, path=dotted(path))
        return found if source.authored is None else source.authored.locate(self, path, found, key=key)

    def holds(self, path: Path) -> bool:
        """Whether the field at ``path`` itself is written there."""
        *_, found = self.document.find((*self.base, *path), key=False)
        return found == (*self.base, *path)

    def excerpt(self, location: Location) -> Excerpt:
        """The source line of a location, for a caret under its column."""
        source = self.document.source
        if source.authored is not None and location.file != source.name:
            return source.authored.excerpt(location)
        return source.excerpt(location.line, location.column)
