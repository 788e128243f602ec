"""Where a person wrote what Helm or Kustomize rendered: the file, and the very line where it is known for certain.

Helm says in a comment which template made a document; a template without actions is copied as it stands, and of one
with actions the line is told that alone can have made a rendered one (``template_lines``). Of a Kustomize folder the
files that are listed are read: a field that one of them holds with the value that was rendered stands there. What
transformers, generators and includes made has no line: then a file to edit is named, and places are those of what
was rendered.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.patterns import regex
from kubelogic.text import documents, rendering, sources
from kubelogic.text.characters import Excerpt
from kubelogic.text.documents import Item
from kubelogic.text.location import Fault, Location, Path
from kubelogic.text.origin import ItemOrigin

_MADE_BY = regex(rb"^# Source: [^/\n]+/(\S[^\n]*?)\s*$", re.MULTILINE)
"""The comment before each document. Source: helm.sh/helm, pkg/action/action.go, renderResources."""
_HEAD = 1000
"""Bytes of a document in which that comment is looked for."""
_DEEPEST = 20
_MOST = 2000
"""Folders below one another, and files in all, that are read of a Kustomize folder."""
_UNNAMED = frozenset({"Namespace", "CustomResourceDefinition", "APIService", "CSIDriver"})
"""Kinds that prefixes and suffixes leave alone. Source: kustomize, api/konfig/builtinpluginconsts/nameprefix.go."""


class _Written(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """An object of a file, with the names that it may be rendered with, and whether it is a patch of another."""

    item: Item
    names: frozenset[str]
    namespaces: frozenset[str]
    patch: bool

    def makes(self, tree: Mapping[str, Any]) -> bool:
        """Whether this is the object that was rendered, or a patch of it."""
        mine, meta = self.item.document, _mapping(tree.get("metadata"))
        group = str(tree.get("apiVersion")).rpartition("/")[0]
        return (
            mine["kind"] == tree.get("kind")
            and str(mine["apiVersion"]).rpartition("/")[0] == group
            and meta.get("name") in self.names
            and (not self.namespaces or not meta.get("namespace") or meta["namespace"] in self.namespaces)
        )


class Authored:
    """The files behind what was rendered of one folder; they are read when a place is first asked for."""

    def __init__(self, folder: str) -> None:
        """Remember which folder it was."""
        self._folder = folder

    def __reduce__(self) -> tuple[type[Authored], tuple[str]]:
        return Authored, (self._folder,)

    def locate(self, origin: ItemOrigin, path: Path, rendered: Location, *, key: bool) -> Location:
        """The place where a person wrote a field; else the place in what was rendered, with the file to edit.

        Args:
            origin: of the rendered object.
            path: the field.
            rendered: its place in what was rendered.
            key: whether the key is meant, not the value.
        """
        tree = documents.written(origin)
        if not isinstance(tree, dict):
            return rendered
        file, items = self._template(origin, tree) if self._helm else self._patched(tree)
        for item in items:
            if (theirs := _same_field(tree, item.document, path)) is not None:
                return replace(item.origin.locate(theirs, key=key), path=rendered.path)
        if self._helm and (found := self._acted(origin, path, rendered, file, key=key)) is not None:
            return found
        return replace(rendered, written=file)

    def excerpt(self, location: Location) -> Excerpt:
        """The line of a place that ``locate`` gave."""
        return self._read[location.file].excerpt(location.line, location.column)

    @cached_property
    def _helm(self) -> bool:
        return not any(os.path.exists(os.path.join(self._folder, each)) for each in rendering.KUSTOMIZATIONS)

    @cached_property
    def _read(self) -> dict[str, sources.Source]:
        """The files that were read, by name."""
        return {}

    def _items(self, file: str) -> list[Item]:
        """The objects of a file; none if it is no text of manifests."""
        source = self._read.get(file) or sources.read(file, None)
        if isinstance(source, Fault):
            return []
        self._read[file] = source
        return list(documents.read(source, []))

    def _template(self, origin: ItemOrigin, tree: Mapping[str, Any]) -> tuple[str, list[Item]]:
        """The template that made a document, and the object in it that is word for word the same."""
        document = origin.document
        data = document.source.data[document.start : min(document.end, document.start + _HEAD)]
        found = _MADE_BY.search(data)
        file = os.path.join(self._folder, found[1].decode("utf-8", "replace")) if found is not None else ""
        if not file or not os.path.isfile(file):
            return os.path.join(self._folder, rendering.CHART), []
        same = [each for each in self._items(file) if each.document == tree]
        return file, same if len(same) == 1 else []

    def _acted(self, origin: ItemOrigin, path: Path, rendered: Location, file: str, *, key: bool) -> Location | None:
        """The line of a template with actions that made a field's value, or else its key, where only one can have."""
        from kubelogic.text import template_lines

        document = origin.document
        template = self._read.get(file)
        if template is None or document.json or document.inner:
            return None
        if (file, document.start) not in self._made:
            data = document.source.data[document.start : document.end]
            head = 0 if (found := _MADE_BY.search(data)) is None else found.end()
            text = "\n" * data.count(b"\n", 0, head) + data[head:].decode("utf-8", "replace")
            written = template.data.decode("utf-8", "replace")
            self._made[file, document.start] = template_lines.made_by(written, text)
        places = [(rendered.line, rendered.column)]
        if not key:
            places.append(document.find((*origin.base, *path), key=True)[:2])
        for line, column in places:
            number = self._made[file, document.start].get(line - document.line + 1)
            if number is not None:
                texts = (_line(template, number), _line(document.source, line))
                shown = template_lines.column_of(*texts, column)
                return Location(file=file, line=number, column=shown, path=rendered.path)
        return None

    @cached_property
    def _made(self) -> dict[tuple[str, int], Mapping[int, int]]:
        """The lines of templates that made those of rendered documents."""
        return {}

    def _patched(self, tree: Mapping[str, Any]) -> tuple[str, list[Item]]:
        """The kustomization, and what made an object: the patches of it, the last one first, then itself."""
        mine = [each for each in self._listed if each.makes(tree)]
        whole = [each.item for each in mine if not each.patch]
        items = [each.item for each in reversed(mine) if each.patch] + whole if len(whole) == 1 else []
        return self._kustomization(self._folder)[0], items

    @cached_property
    def _listed(self) -> list[_Written]:
        return list(self._walk(self._folder, 0))

    def _walk(self, folder: str, depth: int) -> Iterator[_Written]:
        """Every object and patch that a folder lists, in the order in which they count."""
        file, given = self._kustomization(folder)
        if not file or depth > _DEEPEST:
            return
        for name in _texts(given, "resources", "bases", "components"):
            path = os.path.normpath(os.path.join(folder, name))
            if os.path.isdir(path):
                for each in self._walk(path, depth + 1):
                    yield _renamed(each, given)
            elif os.path.isfile(path) and len(self._read) < _MOST:
                yield from (_renamed(_fresh(item, patch=False), given) for item in self._items(path))
        named = [str(each["path"]) for each in given.get("patches") or () if isinstance(each, dict) and "path" in each]
        for name in [*named, *_texts(given, "patchesStrategicMerge")]:
            path = os.path.normpath(os.path.join(folder, name))
            if "\n" not in name and os.path.isfile(path) and len(self._read) < _MOST:
                yield from (_renamed(_fresh(item, patch=True), given) for item in self._items(path))

    def _kustomization(self, folder: str) -> tuple[str, dict[str, Any]]:
        """The file that says how a folder is rendered, and what it says."""
        for each in rendering.KUSTOMIZATIONS:
            path = os.path.join(folder, each)
            if os.path.isfile(path) and isinstance(source := sources.read(path, None), sources.Source):
                trees = [tree for _, tree in documents.trees(source, []) if isinstance(tree, dict)]
                return path, trees[0] if trees else {}
        return "", {}


def _line(source: sources.Source, number: int) -> str:
    """A whole line, however long."""
    lines = source.lines()
    start, end = lines.start(number) or 0, lines.start(number + 1)
    return source.data[start:end].decode("utf-8", "replace").rstrip("\r\n")


def _fresh(item: Item, *, patch: bool) -> _Written:
    meta = _mapping(item.document.get("metadata"))
    namespace = meta.get("namespace")
    return _Written(
        item=item,
        names=frozenset({str(meta.get("name"))}),
        namespaces=frozenset({str(namespace)} if namespace else ()),
        patch=patch,
    )


def _renamed(each: _Written, given: Mapping[str, Any]) -> _Written:
    """The same after what a kustomization around it does to names; a patch names what it was called before."""
    prefix, suffix, namespace = (given.get(key) or "" for key in ("namePrefix", "nameSuffix", "namespace"))
    names = each.names
    if each.item.document["kind"] not in _UNNAMED:
        names = frozenset(f"{prefix}{name}{suffix}" for name in names)
    return replace(each, names=names, namespaces=frozenset({str(namespace)}) if namespace else each.namespaces)


def _texts(given: Mapping[str, Any], *keys: str) -> Iterator[str]:
    for key in keys:
        listed = given.get(key)
        yield from (each for each in (listed if isinstance(listed, list) else ()) if isinstance(each, str))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _same_field(rendered: Any, written: Any, path: Path) -> Path | None:
    """The way to the field in what was written, if it has the same value there; entries of lists go by their names.

    >>> old = {"c": [{"name": "b", "n": 1}]}
    >>> _same_field({"c": [{"name": "a"}, {"name": "b", "n": 1}]}, old, ("c", 1, "n"))
    ('c', 0, 'n')
    >>> _same_field({"c": [{"name": "b", "n": 2}]}, old, ("c", 0, "n"))

    A field that was not rendered either is looked for where it would stand.

    >>> _same_field({"c": [{"name": "b"}]}, old, ("c", 0, "m"))
    ('c', 0, 'm')
    """
    found: list[str | int] = []
    for number, step in enumerate(path):
        if isinstance(step, int):
            if not isinstance(rendered, list) or not isinstance(written, list) or step >= len(rendered):
                return (*found, *path[number:])
            rendered = rendered[step]
            name = rendered.get("name") if isinstance(rendered, dict) else None
            alike = [
                index
                for index, each in enumerate(written)
                if each == rendered or (name is not None and isinstance(each, dict) and each.get("name") == name)
            ]
            if len(alike) != 1:
                return None
            written = written[alike[0]]
            found.append(alike[0])
        elif not isinstance(rendered, dict) or step not in rendered:
            return (*found, *path[number:])
        elif not isinstance(written, dict) or step not in written:
            return None
        else:
            rendered, written = rendered[step], written[step]
            found.append(step)
    if isinstance(rendered, dict | list):
        return tuple(found) if type(rendered) is type(written) else None
    return tuple(found) if rendered == written and type(rendered) is type(written) else None
