"""What makes two inputs differ, edit by edit, and inputs between them in which only some of the edits are made.

An edit is a field with another value, an object that comes, or one that goes. Entries of lists are matched by their
names where all have one, else one by one if the lists are of one length, else the whole list is one edit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import with_document
from kubelogic.kinds.validation import Admitter
from kubelogic.text import Location
from kubelogic.text.location import Path, dotted

Identity = tuple[str, str, Path]
"""Kind and key of an object, and the path of a field in it; no path for the object itself."""

_UNWRITTEN: frozenset[Path] = frozenset(
    ("metadata", name) for name in ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")
)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_NAMES = ("name", "topologyKey", "mountPath", "key", "type")
"""Fields by which entries of a list are matched, the first that all have."""

_GONE = object()


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """One edit.

    Attributes:
        kind: of the object.
        key: of the object.
        path: of the field, in the new document if it is there, else in the old one; empty for the whole object.
        field: the path in words.
        old: the value before; None if there was none.
        new: the value after; None if there is none.
        before: where the old value stands; None if nothing of the object stood in a file.
        after: where the new value stands.
        mark: by what it is told from other edits.
    """

    kind: str
    key: str
    path: Path
    field: str
    old: Any
    new: Any
    before: Location | None
    after: Location | None
    mark: Identity

    @property
    def what(self) -> str:
        """``comes`` or ``goes`` for a whole object, else ``changes``."""
        if self.path:
            return "changes"
        return "comes" if self.old is None else "goes"


def edits(old: Cluster, new: Cluster) -> tuple[Edit, ...]:
    """All edits that lead from one input to another, by kind, key and path."""
    found: list[Edit] = []
    difference = new.differences(old)
    for obj in difference.gone:
        found.append(_whole(obj, gone=True))
    for obj in difference.come:
        found.append(_whole(obj, gone=False))
    for before, after in difference.replaced:
        for old_path, new_path, mark, was, now in _fields(before.document, after.document):
            path = new_path if now is not _GONE else old_path
            found.append(
                Edit(
                    kind=after.kind,
                    key=after.key,
                    path=path,
                    field=dotted(path),
                    old=None if was is _GONE else was,
                    new=None if now is _GONE else now,
                    before=before.place(old_path),
                    after=after.place(new_path),
                    mark=(after.kind, after.key, mark),
                )
            )
    return tuple(sorted(found, key=lambda each: (each.kind, each.key, str(each.mark[2]))))


def with_edits(old: Cluster, new: Cluster, chosen: Collection[Identity]) -> Cluster | None:
    """The old input with some of the edits that lead to the new one; None if the API server would not take it.

    Args:
        old: before all edits.
        new: after all edits.
        chosen: the marks of the edits to make.
    """
    objects: list[Object] = []
    without: list[tuple[str, str]] = []
    fields: dict[tuple[str, str], set[Path]] = {}
    for kind, key, path in chosen:
        if path:
            fields.setdefault((kind, key), set()).add(path)
        elif (found := new.get(kind, key)) is not None:
            objects.append(found)
        else:
            without.append((kind, key))
    admitter = Admitter(namespace="default")
    for (kind, key), paths in sorted(fields.items()):
        before, after = old.get(kind, key), new.get(kind, key)
        if before is None or after is None:
            raise KeyError(f"{kind} {key} has no fields that change")
        document = _merged(before.document, after.document, paths)
        if admitter.admit(document).problems:
            return None
        objects.append(with_document(after, document))
    return old.replacing(objects, without=without)


def _whole(obj: Object, *, gone: bool) -> Edit:
    place = obj.place()
    return Edit(
        kind=obj.kind,
        key=obj.key,
        path=(),
        field="",
        old=obj.document if gone else None,
        new=None if gone else obj.document,
        before=place if gone else None,
        after=None if gone else place,
        mark=(obj.kind, obj.key, ()),
    )


_Field = tuple[Path, Path, Path, Any, Any]
"""Path in the old and the new document, the path that stands for both, and both values."""


def _fields(old: Any, new: Any, old_path: Path = (), new_path: Path = (), mark: Path = ()) -> Iterator[_Field]:
    if mark in _UNWRITTEN or (mark and mark[-1] == _LAST_APPLIED) or _same(old, new):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _fields(
                old.get(key, _GONE), new.get(key, _GONE), (*old_path, key), (*new_path, key), (*mark, key)
            )
    elif (pairs := _pairs(old, new)) is not None:
        for name, i, j in pairs:
            yield from _fields(
                _GONE if i is None else old[i],
                _GONE if j is None else new[j],
                old_path if i is None else (*old_path, i),
                new_path if j is None else (*new_path, j),
                (*mark, name),
            )
    else:
        yield old_path, new_path, mark, old, new


def _same(old: Any, new: Any) -> bool:
    """Whether two values are one, and of one type (1 is not True)."""
    return type(old) is type(new) and bool(old == new)


def _pairs(old: Any, new: Any) -> list[tuple[str | int, int | None, int | None]] | None:
    """Entries of two lists that belong together, each with its name or place; None if they are no lists like that."""
    if not (isinstance(old, list) and isinstance(new, list)):
        return None
    field = next((each for each in _NAMES if _names(old, each) and _names(new, each)), None)
    if field is not None and old and new:
        before = {str(each[field]): i for i, each in enumerate(old)}
        after = {str(each[field]): i for i, each in enumerate(new)}
        kept = [name for name in before if name in after]
        if kept == [name for name in after if name in before]:
            names = [*before, *(name for name in after if name not in before)]
            return [(f"{field}={name}", before.get(name), after.get(name)) for name in names]
    if len(old) == len(new) and all(isinstance(each, Mapping) for each in (*old, *new)):
        return [(i, i, i) for i in range(len(old))]
    return None


def _names(entries: Sequence[Any], field: str) -> bool:
    """Whether every entry has a name of its own in a field."""
    found = [each.get(field) for each in entries if isinstance(each, Mapping)]
    return len(found) == len(entries) and all(found) and len({str(each) for each in found}) == len(entries)


def _merged(old: Any, new: Any, chosen: Collection[Path], mark: Path = ()) -> Any:
    """The old value with the chosen edits of those that lead to the new one."""
    if mark in chosen:
        return new
    if _same(old, new):
        return old
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        merged = {
            key: _merged(old.get(key, _GONE), new.get(key, _GONE), chosen, (*mark, key))
            for key in [*old, *(key for key in new if key not in old)]
        }
        return {key: value for key, value in merged.items() if value is not _GONE}
    if (pairs := _pairs(old, new)) is not None:
        entries = [
            _merged(_GONE if i is None else old[i], _GONE if j is None else new[j], chosen, (*mark, name))
            for name, i, j in pairs
        ]
        return [each for each in entries if each is not _GONE]
    return old
