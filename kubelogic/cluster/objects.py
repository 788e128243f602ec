"""One Kubernetes object, as the API server would store it."""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from typing import Any

import msgspec

from kubelogic.text.location import Location, Origin, Path

Document = Mapping[str, Any]
"""A JSON tree (dict, list, str, int, float, bool, None). Never changed in place once an Object holds it."""


class Object(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """An object of the API: identity, the whole document, and where it was written.

    ``document`` keeps everything the user wrote, with the API server's defaults filled in; code that needs
    some of its fields reads them there. Objects are compared by identity:
    the same Object in two clusters means that nothing about it changed.

    ``namespace`` is empty for cluster-scoped kinds. ``origin`` is None for objects that no file holds
    (pods that a controller made). ``key`` is ``namespace/name``, or ``name`` for cluster-scoped kinds: the constant
    that facts use, always the same string for equal keys, since rules compare and hash it often. It follows from
    the others: nobody gives it.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    document: Document
    origin: Origin | None = None
    key: str = ""

    def __post_init__(self) -> None:
        if not self.key:
            key = f"{self.namespace}/{self.name}" if self.namespace else self.name
            msgspec.structs.force_setattr(self, "key", intern(key))

    def place(self, path: Path = ("metadata", "name")) -> Location | None:
        """Where a field of it was written; None if no file holds it."""
        return self.origin.locate(path) if self.origin is not None else None

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"

    def __repr__(self) -> str:
        return f"<{self}>"


def as_object(document: Document) -> Object:
    """The object that a complete document is about; no file holds it."""
    metadata = document["metadata"]
    return Object(
        api_version=document["apiVersion"],
        kind=document["kind"],
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        document=document,
    )
