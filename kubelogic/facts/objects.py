"""Facts that objects of all kinds share: ownership, deletion, generation, status fields and conditions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.clock import milliseconds
from kubelogic.cluster.edit import uid_of
from kubelogic.facts.base import Fact

Meta = Mapping[str, Any]


def controller(meta: Meta) -> Mapping[str, Any] | None:
    """The reference to the owner that manages the object."""
    for reference in meta.get("ownerReferences") or ():
        if reference.get("controller"):
            found: Mapping[str, Any] = reference
            return found
    return None


def reference_uid(reference: Mapping[str, Any], key: str) -> str:
    """The uid that a reference means; the stand-in of the object of that name where no file says a uid."""
    return str(reference.get("uid") or f"{reference.get('kind')}:{key}")


def sibling(namespace: str, name: str) -> str:
    """The key of an object with ``name`` in the same namespace."""
    return f"{namespace}/{name}" if namespace else name


def created(meta: Meta) -> int:
    """When an object was made, as far as anyone says."""
    text = meta.get("creationTimestamp")
    return milliseconds(text) if text else 0


def generation(obj: Object) -> int:
    """The generation of an object; 1 where no file says it."""
    return int((obj.document.get("metadata") or {}).get("generation") or 1)


def scaled(value: int | str | None, total: int, *, up: bool) -> int | None:
    """A number, or a percentage of ``total`` rounded up or down.

    >>> scaled("25%", 10, up=True), scaled("25%", 10, up=False), scaled(2, 10, up=True)
    (3, 2, 2)
    """
    if isinstance(value, str):
        percent = int(value.removesuffix("%"))
        return -(-percent * total // 100) if up else percent * total // 100
    return value


def identity_facts(obj: Object) -> Iterator[Fact]:
    """``object_uid``, ``object_deleting``, ``object_controller``."""
    meta = obj.document.get("metadata") or {}
    yield "object_uid", (obj.kind, obj.key, uid_of(obj))
    yield "object_created", (obj.kind, obj.key, created(meta))
    if meta.get("deletionTimestamp"):
        yield "object_deleting", (obj.kind, obj.key)
    reference = controller(meta)
    if reference is not None:
        owner = sibling(obj.namespace, reference["name"])
        yield "object_controller", (obj.kind, obj.key, reference["kind"], owner, reference_uid(reference, owner))
    else:
        yield "object_uncontrolled", (obj.kind, obj.key)


def status_facts(obj: Object, counters: Iterable[str]) -> Iterator[Fact]:
    """``status_field`` for each counter (0 if absent), ``object_generation`` and ``condition``."""
    status = obj.document.get("status") or {}
    for name in counters:
        yield "status_field", (obj.kind, obj.key, name, status.get(name) or 0)
    yield "object_generation", (obj.kind, obj.key, generation(obj))
    for condition in status.get("conditions") or ():
        text = condition.get("lastUpdateTime") or condition.get("lastTransitionTime")
        yield (
            "condition",
            (
                obj.kind,
                obj.key,
                condition["type"],
                condition["status"],
                condition.get("reason") or "",
                condition.get("message") or "",
                milliseconds(text) if text else 0,
            ),
        )
