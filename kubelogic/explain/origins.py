"""Where in the user's files a given fact comes from: its object, and the smallest part of that which says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.logic import Evaluation, Row
from kubelogic.text.location import Location, Path

_MEMBERS = {"shape": ("pod_shape", 1), "node_class": ("node_class", 1)}
"""For types whose values stand for many objects: the relation from an object to its value, and the value's column."""


class Origins:
    """Finds the origin of facts about one cluster.

    A fact about a shape or a node class is traced to one of its pods or nodes.
    """

    def __init__(self, cluster: Cluster, evaluation: Evaluation) -> None:
        """Prepare to look things up.

        Args:
            cluster: whose facts they are.
            evaluation: holds those facts; ``pod_shape`` and ``node_class`` are used if it has them.
        """
        self._cluster = cluster
        self._evaluation = evaluation

    def __call__(self, predicate: str, row: Row) -> Location | None:
        """The place of a given fact; None if no file says it."""
        best: tuple[int, str, Location] | None = None
        for obj in self._objects(predicate, row):
            if obj.origin is None:
                continue
            texts = [value for value in row if isinstance(value, str) and value not in ("", obj.key)]
            path, missing = _narrowest(obj.document, [text for text in texts if text != obj.name])
            found = (missing, obj.key, obj.origin.locate(path))
            if best is None or found[:2] < best[:2]:
                best = found
        return best[2] if best else None

    def _objects(self, predicate: str, row: Row) -> Iterator[Object]:
        """The objects that a fact may be about."""
        declaration = self._evaluation.rulebook.declarations[predicate]
        for argument, value in zip(declaration.arguments, row, strict=True):
            if not isinstance(value, str):
                continue
            for kind in self._cluster.kinds():
                obj = self._cluster.get(kind, value)
                if obj is not None:
                    yield obj
            if argument.type in _MEMBERS:
                yield from self._members(argument.type, value)

    def _members(self, kind: str, value: str) -> Iterator[Object]:
        predicate, column = _MEMBERS[kind]
        if not self._evaluation.knows(predicate):
            return
        rows = sorted(self._evaluation.matching(predicate, {column: value}), key=repr)
        for row in rows[:1]:
            for name in self._cluster.kinds():
                obj = self._cluster.get(name, str(row[0]))
                if obj is not None:
                    yield obj


def _narrowest(document: Mapping[str, Any], texts: list[str]) -> tuple[Path, int]:
    """The smallest part of a document that holds as many of the texts as the whole does, and how many it lacks."""
    wanted = set(texts)
    path: Path = ()
    part: Any = document
    held = _held(part, wanted)
    while held:
        steps = part.items() if isinstance(part, Mapping) else enumerate(part) if isinstance(part, list) else ()
        inner = next(((step, value) for step, value in steps if _held({step: value}, wanted) == held), None)
        if inner is None:
            break
        step, part = inner
        path = (*path, step)
        if _held(part, wanted) != held:
            break
    return path, len(wanted) - len(held)


def _held(part: Any, wanted: set[str]) -> set[str]:
    """Which of the wanted texts occur in a part of a document, as keys or values."""
    found: set[str] = set()
    todo = [part]
    while todo and found != wanted:
        here = todo.pop()
        if isinstance(here, Mapping):
            found.update(key for key in here if key in wanted)
            todo.extend(here.values())
        elif isinstance(here, list):
            todo.extend(here)
        elif isinstance(here, str) and here in wanted:
            found.add(here)
    return found
