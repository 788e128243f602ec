"""Where an object was written: places are recovered by reading its document again, when asked for."""

from __future__ import annotations

from dataclasses import dataclass

from kubelogic.manifests import json_positions, text, yaml_positions
from kubelogic.manifests.location import Location, Path, dotted
from kubelogic.manifests.positions import Place
from kubelogic.manifests.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DocumentOrigin:
    """One document of a file: the characters ``start`` to ``end`` of its text.

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

    def places(self) -> Place:
        """The places of everything in the document."""
        return self.source.places((self.start, self.inner), self._read_again)

    def _read_again(self) -> Place:
        whole = self.source.text
        if self.json:
            line, column = text.line_and_column(whole, self.start)
            return json_positions.places(whole, self.start, self.end, first_line=line, first_column=column)
        return yaml_positions.places(whole[self.start : self.end], self.inner, first_line=self.line)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemOrigin:
    """Where one object was written: a document, or the ``item``-th object in it, which stands at ``base``."""

    document: DocumentOrigin
    item: int = 0
    base: Path = ()

    @property
    def order(self) -> tuple[str, int, int]:
        """File, document and item number: the order in which the user wrote things."""
        return self.document.source.name, self.document.number, self.item

    def locate(self, path: Path, *, key: bool = False) -> Location:
        """The place of the field at ``path``, or of the nearest enclosing field that exists.

        With ``key`` the place of the mapping key, not of its value.
        """
        line, column, _ = self.document.places().find((*self.base, *path), key=key)
        return Location(file=self.document.source.name, line=line, column=column, path=dotted(path))

    def excerpt(self, location: Location) -> str:
        """The source line of a location, for a caret under its column."""
        return self.document.source.excerpt(location.line)
