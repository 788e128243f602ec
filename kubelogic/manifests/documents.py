"""Documents and the objects in them: one file's text to items with apiVersion and kind, Lists taken apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kubelogic.manifests import json_reader, yaml_reader
from kubelogic.manifests.json_reader import JsonError
from kubelogic.manifests.location import Fault, Location, Path, dotted
from kubelogic.manifests.origin import DocumentOrigin, ItemOrigin
from kubelogic.manifests.sources import Source
from kubelogic.manifests.yaml_reader import Piece, Trouble


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Item:
    """One object as written: its tree, which has an apiVersion and a kind, and where it stands.

    ``size`` is the number of characters of the text it is in.
    """

    document: dict[str, Any]
    origin: ItemOrigin
    size: int

    @property
    def title(self) -> str:
        """``Kind namespace/name`` as far as written."""
        return title(self.document)

    def fault(self, path: Path, code: str, message: str, *, on_key: bool = False) -> Fault:
        """The fault that something is wrong with the field at ``path``."""
        return fault_at(self.origin, path, code, message, title=self.title, on_key=on_key)


def title(document: Any) -> str:
    """``Kind namespace/name`` of a document, as far as it has them."""
    if not isinstance(document, dict):
        return ""
    metadata = document.get("metadata")
    fields = metadata if isinstance(metadata, dict) else {}
    names = [fields.get("namespace"), fields.get("name") or fields.get("generateName")]
    key = "/".join(name for name in names if isinstance(name, str) and name)
    kind = document.get("kind")
    return f"{kind} {key}".strip() if isinstance(kind, str) else key


def fault_at(
    origin: ItemOrigin, path: Path, code: str, message: str, *, title: str = "", on_key: bool = False
) -> Fault:
    """A fault at a field: its place is recovered now."""
    location = origin.locate(path, key=on_key)
    text = f"{dotted(path)}: {message}" if path else message
    return Fault(location=location, code=code, message=text, object=title, excerpt=origin.excerpt(location))


def read(source: Source) -> tuple[list[Item], list[Fault]]:
    """All objects of a file, and all faults of its text and of the envelopes of its objects."""
    items: list[Item] = []
    faults: list[Fault] = []
    for document, tree, size, spans in _documents(source, faults):
        if tree is None:
            continue
        _take(_Part(document=document, size=size, spans=spans), tree, items, faults)
    return items, faults


_Document = tuple[DocumentOrigin, Any, int, tuple[tuple[int, int], ...]]


def _documents(source: Source, faults: list[Fault]) -> Iterator[_Document]:
    if json_reader.looks_like_json(source.text):
        try:
            found = json_reader.read(source.text)
        except JsonError as error:
            if source.name.endswith(".json"):
                faults += [_fault(source, trouble) for trouble in error.troubles]
                return
            if any(trouble.code != "KL100" for trouble in error.troubles):
                faults += [_fault(source, trouble) for trouble in error.troubles]
                return
        else:
            for number, document in enumerate(found):
                origin = DocumentOrigin(source=source, number=number, start=document.start, end=document.end, json=True)
                yield origin, document.tree, document.end - document.start, document.items
            return
    number = 0
    for piece in yaml_reader.pieces(source.text):
        trees, troubles = yaml_reader.read(piece)
        faults += [_fault(source, trouble, piece) for trouble in troubles]
        end = piece.start + len(piece.text)
        for inner, tree in trees:
            origin = DocumentOrigin(
                source=source,
                number=number + inner,
                start=piece.start,
                end=end,
                json=False,
                line=piece.line + 1,
                inner=inner,
            )
            yield origin, tree, len(piece.text), ()
        number += max(1, len(trees))


def _fault(source: Source, trouble: Trouble, piece: Piece | None = None) -> Fault:
    message = trouble.message
    if trouble.code == "KL100" and "{{" in (piece.text if piece else source.text):
        message += " (is this a template that was never rendered?)"
    return Fault(
        location=Location(file=source.name, line=trouble.line, column=trouble.column),
        code=trouble.code,
        message=message,
        excerpt=source.excerpt(trouble.line),
    )


@dataclass(slots=True, kw_only=True)
class _Part:
    """What all objects of one document share; ``count`` numbers them."""

    document: DocumentOrigin
    size: int
    spans: tuple[tuple[int, int], ...]
    count: int = 0

    def origin(self, base: Path) -> ItemOrigin:
        """The origin of the next object, which stands at ``base`` of the document."""
        number, self.count = self.count, self.count + 1
        if self.spans and len(base) >= 2 and isinstance(index := base[1], int):
            start, end = self.spans[index]
            document = DocumentOrigin(
                source=self.document.source, number=self.document.number, start=start, end=end, json=True
            )
            return ItemOrigin(document=document, item=number, base=base[2:])
        return ItemOrigin(document=self.document, item=number, base=base)


def _take(part: _Part, root: Any, items: list[Item], faults: list[Fault]) -> None:
    """Take a document apart: Lists into their items, the rest as it is."""
    waiting: list[tuple[Path, Any, tuple[str, str] | None]] = [((), root, None)]
    while waiting:
        base, tree, implied = waiting.pop()
        if not isinstance(tree, dict):
            what = "nothing" if tree is None else "a list" if isinstance(tree, list) else "a single value"
            message = f"an object with apiVersion, kind and metadata is needed here, not {what}"
            faults.append(fault_at(part.origin(base), (), "KL106", message))
            continue
        api_version, kind = tree.get("apiVersion"), tree.get("kind")
        if implied is not None and api_version is None and kind is None:
            api_version, kind = implied
            tree = {"apiVersion": api_version, "kind": kind, **tree}
        missing = [name for name in ("apiVersion", "kind") if not isinstance(tree.get(name), str) or not tree[name]]
        if missing or not isinstance(api_version, str) or not isinstance(kind, str):
            origin = part.origin(base)
            faults += [_missing(origin, tree, name) for name in missing]
            continue
        inside = tree.get("items")
        if _is_list(api_version, kind, tree):
            if inside is not None and not isinstance(inside, list):
                message = "a List has a list of objects here"
                faults.append(fault_at(part.origin(base), ("items",), "KL106", message, title=kind))
                continue
            of_items = None if kind == "List" else (api_version, kind.removesuffix("List"))
            entries = [((*base, "items", i), item, of_items) for i, item in enumerate(inside or ())]
            waiting.extend(reversed(entries))
            continue
        size = part.size
        if part.spans and len(base) >= 2 and isinstance(base[1], int):
            start, end = part.spans[base[1]]
            size = end - start
        items.append(Item(document=tree, origin=part.origin(base), size=size))


def _is_list(api_version: str, kind: str, tree: dict[str, Any]) -> bool:
    if kind == "List":
        return api_version == "v1"
    return kind.endswith("List") and isinstance(tree.get("items"), list) and "spec" not in tree


def _missing(origin: ItemOrigin, tree: dict[str, Any], name: str) -> Fault:
    value = tree.get(name)
    if name in tree and value is not None and value != "":
        message = f"{name}: has to be text"
    else:
        others = "kind" if name == "apiVersion" else "apiVersion"
        given = f" ({others} is {tree[others]})" if isinstance(tree.get(others), str) else ""
        message = f"the object has no {name}{given}"
    location = origin.locate((name,) if name in tree else ())
    return Fault(location=location, code="KL102", message=message, object=title(tree), excerpt=origin.excerpt(location))
