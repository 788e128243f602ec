"""Lists whose items are told apart by a key (mappings), or by themselves (plain values: the key is empty).

Source: k8s.io/apimachinery, pkg/util/strategicpatch/patch.go (normalizeElementOrder, mergeSortedSlice,
partitionMapsByPresentInList, sliceElementType) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubelogic.apiserver.patches.errors import PatchError


def same(left: Any, right: Any) -> bool:
    """Whether two plain values are equal and of one type, as JSON has them: 1 is not true.

    >>> same(80, 80), same(1, True), same("80", 80)
    (True, False, False)
    """
    return type(left) is type(right) and bool(left == right)


def key_of(item: Any, merge_key: str) -> Any:
    """What tells an item apart."""
    if not merge_key:
        return item
    require_keys(merge_key, [item])
    return item[merge_key]


def require_keys(merge_key: str, *lists: Sequence[Any]) -> None:
    """Refuse lists with an item that is no mapping or lacks the key."""
    if not merge_key:
        return
    for items in lists:
        for item in items:
            if not isinstance(item, dict):
                raise PatchError(f"a list that merges by {merge_key} holds {item!r}, which is no mapping")
            if merge_key not in item:
                raise PatchError(f"map: {item} does not contain declared merge key: {merge_key}")


def common_type(*lists: Sequence[Any]) -> type | None:
    """The type of the items of all lists; refuses mixed ones and lists of lists. None: no items."""
    kinds = {type(item) for items in lists for item in items}
    if len(kinds) > 1:
        raise PatchError("list element types are not identical")
    if kinds == {list}:
        raise PatchError("lists of lists are not supported")
    return kinds.pop() if kinds else None


def element_place(items: Sequence[Any], item: Any, merge_key: str) -> int:
    """The index of the first item with the key of ``item``; -1 if there is none."""
    wanted = item.get(merge_key) if merge_key and isinstance(item, dict) else item
    for index, each in enumerate(items):
        found = each.get(merge_key) if merge_key and isinstance(each, dict) else each
        if same(found, wanted):
            return index
    return -1


def unique(items: Sequence[Any]) -> list[Any]:
    """Plain values, each once, where it stands first."""
    kept: list[Any] = []
    for item in items:
        if element_place(kept, item, "") < 0:
            kept.append(item)
    return kept


def keyed(items: Sequence[Any], order: Sequence[Any], merge_key: str) -> tuple[list[Any], list[Any]]:
    """The items that ``order`` has, and the others."""
    named = [item for item in items if element_place(order, item, merge_key) >= 0]
    return named, [item for item in items if element_place(order, item, merge_key) < 0]


def by_order(items: Sequence[Any], order: Sequence[Any], merge_key: str) -> list[Any]:
    """The items in the order of ``order``; marked as deleted, or not in it: at the end."""

    def rank(item: Any) -> tuple[bool, int]:
        place = element_place(order, item, merge_key)
        deleted = isinstance(item, dict) and item.get("$patch") == "delete"
        return deleted, place if place >= 0 else len(order)

    return sorted(items, key=rank)


def woven(left: Sequence[Any], right: Sequence[Any], order: Sequence[Any], merge_key: str) -> list[Any]:
    """Both lists in one, each in its own order; an item of ``left`` comes first where ``order`` has it first."""
    result: list[Any] = []
    rest, others = list(left), list(right)
    while rest and others:
        mine, theirs = element_place(order, rest[0], merge_key), element_place(order, others[0], merge_key)
        result.append(rest.pop(0) if 0 <= mine < theirs else others.pop(0))
    return [*result, *rest, *others]
