"""Documents and the objects in them: one file's text to items with apiVersion and kind, Lists taken apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import NoneType
from typing import Any

import msgspec

from kubelogic.text import characters, json_reader, mistaken
from kubelogic.text.json_reader import JsonError
from kubelogic.text.location import Fault, Location, Path, dotted
from kubelogic.text.origin import DocumentOrigin, ItemOrigin
from kubelogic.text.pieces import Piece, Trouble
from kubelogic.text.sources import Source
from kubelogic.text.titles import title


class Item(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """One object as written: its tree, which has an apiVersion and a kind, and where it stands.

    ``text`` says just this, if it is known. A ``recalled`` object is as it is stored, not as it was written.
    """

    document: dict[str, Any]
    origin: ItemOrigin
    text: bytes | None = None
    recalled: bool = False

    @property
    def size(self) -> int:
        """The number of bytes of the text that holds the object, and others if they are in a list."""
        return self.origin.size

    @property
    def title(self) -> str:
        """``Kind namespace/name`` as far as written."""
        return title(self.document)

    def fault(self, path: Path, code: str, message: str, *, on_key: bool = False) -> Fault:
        """The fault that something is wrong with the field at ``path``."""
        return fault_at(self.origin, path, code, message, title=self.title, on_key=on_key)


def fault_at(
    origin: ItemOrigin, path: Path, code: str, message: str, *, title: str = "", on_key: bool = False
) -> Fault:
    """A fault at a field: its place is recovered now."""
    location = origin.locate(path, key=on_key)
    text = f"{dotted(path)}: {message}" if path else message
    line, caret = origin.excerpt(location)
    return Fault(location=location, code=code, message=text, object=title, excerpt=line, caret=caret)


Recall = Callable[[bytes, int, int], dict[str, Any] | None]
"""Gives what is stored of an object whose text stands from one byte to another, if that is known already."""


def read(source: Source, faults: list[Fault], recall: Recall | None = None) -> Iterator[Item]:
    """All objects of a file, one after another; the faults of its text and of their envelopes go to ``faults``.

    Objects of long lists which ``recall`` knows are not read.
    """
    for document, tree in trees(source, faults):
        if tree is not None:
            yield from _objects(document, tree, faults, recall)


def trees(source: Source, faults: list[Fault]) -> Iterator[tuple[DocumentOrigin, Any]]:
    """The documents of a file as JSON trees (None where one is empty); what is wrong is added to ``faults``."""
    if json_reader.looks_like_json(source.data):
        try:
            found = json_reader.read(source.data, source.position)
        except JsonError as error:
            if source.name.endswith(".json"):
                faults += [_fault(source, trouble) for trouble in error.troubles]
                return
            if any(trouble.code != "KL100" for trouble in error.troubles):
                faults += [_fault(source, trouble) for trouble in error.troubles]
                return
        else:
            for number, document in enumerate(found):
                faults += [_fault(source, trouble) for trouble in document.doubled]
                origin = DocumentOrigin(
                    source=source,
                    number=number,
                    start=document.start,
                    end=document.end,
                    json=True,
                    items=document.items,
                )
                yield origin, document.tree
            return
    from kubelogic.text import yaml_reader

    number = 0
    for piece in yaml_reader.pieces(source.data):
        trees, troubles = yaml_reader.read(piece)
        faults += [_fault(source, trouble, piece) for trouble in troubles]
        end = piece.start + len(piece.data)
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
            yield origin, tree
        number += max(1, len(trees))


def written(origin: ItemOrigin) -> Any:
    """The tree of one object as it was written, read again from its document; None if the document is empty."""
    document = origin.document
    base = origin.base
    tree: Any
    data = document.source.data[document.start : document.end]
    if not document.json:
        from kubelogic.text import yaml_reader

        piece = Piece(start=document.start, line=document.line - 1, data=data)
        tree = dict(yaml_reader.read(piece)[0]).get(document.inner)
    elif document.items and len(base) > 1 and isinstance(index := base[1], int):
        start, end = document.items[index]
        tree, base = msgspec.json.decode(document.source.data[start:end]), base[2:]
    else:
        tree = msgspec.json.decode(data)
    for step in base:
        tree = tree[step]
    return tree


def _fault(source: Source, trouble: Trouble, piece: Piece | None = None) -> Fault:
    message = trouble.message
    data = piece.data if piece else source.data
    if trouble.code == "KL100" and b"{{" in data:
        message += f" (is this {mistaken.of_template(data, source.name)}?)"
    elif trouble.code == "KL100" and (said := mistaken.of_text(data)):
        return _mistaken(source, said)
    elif trouble.code == "KL100" and (found := mistaken.of_line(data)):
        return _mistaken(source, found[1], (piece.line if piece else 0) + found[0] + 1)
    line, caret = source.excerpt(trouble.line, trouble.column)
    if trouble.code == "KL100" and b"{{" not in data and (what := mistaken.of_value(line, source.name)):
        message += f" (is this {what}?)"
    elif trouble.code == "KL100":
        above, _ = source.excerpt(trouble.line - 1, 1)
        message += next(
            (
                f" ({which} has {space} where a space is meant)"
                for which, text in (("this line", line), ("the line above", above))
                if (space := characters.odd_space(text))
            ),
            "",
        )
    return Fault(
        location=Location(file=source.name, line=trouble.line, column=trouble.column),
        code=trouble.code,
        message=message,
        object=trouble.about,
        excerpt=line,
        caret=caret,
    )


def _mistaken(source: Source, said: str, number: int = 1) -> Fault:
    """The fault of a text that is no YAML, because it was never meant to be, or because of a line (from 1)."""
    line, caret = source.excerpt(number, 1)
    place = Location(file=source.name, line=number, column=1)
    return Fault(location=place, code="KL106", message=said, excerpt=line, caret=caret)


class _Written(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A tree, where it stands in its document, and the apiVersion and kind that its list implies."""

    base: Path
    tree: Any
    implied: tuple[str, str] | None = None
    text: bytes | None = None
    recalled: bool = False


def _objects(document: DocumentOrigin, root: Any, faults: list[Fault], recall: Recall | None) -> Iterator[Item]:
    """Take a document apart: Lists, and JSON arrays of objects as ``jq .items`` prints them, into their items."""
    number = 0
    open_: list[Iterator[_Written]] = [iter([_Written(base=(), tree=root)])]
    while open_:
        written = next(open_[-1], None)
        if written is None:
            open_.pop()
            continue
        base, tree, implied = written.base, written.tree, written.implied
        if not base and isinstance(tree, list) and _is_array(document):
            open_.append(_Written(base=(index,), tree=item) for index, item in enumerate(tree))
            continue
        origin = ItemOrigin(document=document, item=number, base=base)
        number += 1
        if written.recalled:
            yield Item(document=tree, origin=origin, recalled=True)
            continue
        if not isinstance(tree, dict):
            if not base and (said := mistaken.of_text(document.source.data[document.start :])):
                faults.append(fault_at(origin, (), "KL106", said))
                continue
            what = "nothing" if tree is None else "a list" if isinstance(tree, list) else "a single value"
            message = f"an object with apiVersion, kind and metadata is needed here, not {what}"
            if isinstance(tree, list) and tree and isinstance(tree[0], dict):
                if looks := mistaken.of_fields(tree[0]):
                    message += f"; {looks}"
                elif "kind" in tree[0]:
                    message += "; put the objects under items of a List (apiVersion: v1, kind: List)"
            faults.append(fault_at(origin, (), "KL106", message))
            continue
        if implied is not None and tree.get("apiVersion") is None and tree.get("kind") is None:
            tree = {**tree, "apiVersion": implied[0], "kind": implied[1]}
        missing = [name for name in ("apiVersion", "kind") if not isinstance(tree.get(name), str) or not tree[name]]
        if missing:
            faults.append(_missing(origin, tree, missing))
        elif answer := mistaken.of_answer(tree):
            faults.append(fault_at(origin, (), "KL106", answer))
        elif not _is_list(tree):
            yield Item(document=tree, origin=origin, text=written.text)
        elif isinstance(tree.get("items"), list):
            faults += [
                fault_at(origin, (key,), "KL112", own, title=tree["kind"], on_key=True)
                for key, value in tree.items()
                if isinstance(key, str) and (own := mistaken.of_key(key, value))
            ]
            open_.append(_items(document, base, tree, faults, recall))
        elif tree.get("items") is not None:
            faults.append(
                fault_at(origin, ("items",), "KL106", "a List has a list of objects here", title=tree["kind"])
            )


def _is_array(document: DocumentOrigin) -> bool:
    """Whether a list of objects was written as JSON writes it."""
    return document.source.data[document.start : document.end].lstrip().startswith(b"[")


def _items(
    document: DocumentOrigin, base: Path, tree: dict[str, Any], faults: list[Fault], recall: Recall | None
) -> Iterator[_Written]:
    kind = tree["kind"]
    implied = None if kind == "List" else (tree["apiVersion"], kind.removesuffix("List"))
    if base or not document.items:
        for index, item in enumerate(tree["items"]):
            yield _Written(base=(*base, "items", index), tree=item, implied=implied)
        return
    data = document.source.data
    items = json_reader.Items(data=data, position=document.source.position)
    for index, (start, end) in enumerate(document.items):
        there: Path = ("items", index)
        if recall is not None and implied is None and (known := recall(data, start, end)) is not None:
            yield _Written(base=there, tree=known, recalled=True)
            continue
        text = None
        try:
            item = items.decode(start, end)
            text = data[start:end] if implied is None else None
        except JsonError as error:
            faults += [_fault(document.source, trouble) for trouble in error.troubles]
            if any(trouble.code != "KL101" for trouble in error.troubles):
                continue
            item = json_reader.last_of_each(data, start, end, document.source.position)
        yield _Written(base=there, tree=item, implied=implied, text=text)


def _is_list(tree: dict[str, Any]) -> bool:
    kind = tree["kind"]
    if kind == "List":
        return bool(tree["apiVersion"] == "v1")
    listed = "items" in tree and isinstance(tree["items"], list | NoneType)
    return kind.endswith("List") and listed and "spec" not in tree


def _missing(origin: ItemOrigin, tree: dict[str, Any], names: list[str]) -> Fault:
    """The fault of an object whose apiVersion or kind, or both, are absent or no text."""
    first = names[0]
    if tree.get(first) not in (None, ""):
        return fault_at(origin, (first,), "KL102", "has to be text", title=title(tree))
    said = "" if origin.base else mistaken.of_text(origin.document.source.data[origin.document.start :])
    if said:
        return fault_at(origin, (), "KL106", said)
    given = ", ".join(f"{name} is {tree[name]}" for name in ("apiVersion", "kind") if isinstance(tree.get(name), str))
    message = f"the object has no {' and no '.join(names)}" + (f" ({given})" if given else "")
    if written := [f"{key} is written {name}" for name in names for key in tree if key.lower() == name.lower()]:
        message += f"; {' and '.join(written)}"
    elif len(names) > 1 and (looks := mistaken.of_fields(tree)):
        message += f"; {looks}"
    return fault_at(origin, (), "KL102", message, title=title(tree))
