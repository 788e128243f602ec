"""A tree of the places of everything in one document: made only when a place must be named."""

from __future__ import annotations

import msgspec

from kubelogic.text.location import Path, Step


class Place(msgspec.Struct, kw_only=True, eq=False):
    """Where one value stands (line and column from 1), and the places of what is in it."""

    line: int
    column: int
    children: dict[Step, Place] = msgspec.field(default_factory=dict)
    keys: dict[Step, tuple[int, int]] = msgspec.field(default_factory=dict)

    def find(self, path: Path, *, key: bool = False) -> tuple[int, int, Path]:
        """Line and column of the value at ``path``, or of the nearest enclosing value that exists.

        With ``key`` the place of the last step's mapping key. The third item is the part of the path that
        exists.
        """
        place, line, column = self, self.line, self.column
        for index, step in enumerate(path):
            child = place.children.get(step)
            if child is None:
                return line, column, path[:index]
            line, column = child.line, child.column
            if key and index == len(path) - 1:
                line, column = place.keys.get(step, (line, column))
            place = child
        return line, column, path
