"""Strategic merge patch: mappings are joined, lists of some fields are merged by the key that their type names.

A patch may hold directives: ``$patch: replace`` and ``$patch: delete`` in a mapping or in an item of a list,
``$setElementOrder/FIELD``, ``$deleteFromPrimitiveList/FIELD`` and ``$retainKeys``.

Source: k8s.io/apimachinery, pkg/util/strategicpatch/patch.go (StrategicMergeMapPatchUsingLookupPatchMeta, mergeMap,
mergePatchIntoOriginal, mergeSlice) of Kubernetes 1.36.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from kubelogic.apiserver.patches.errors import PatchError
from kubelogic.apiserver.patches.lists import (
    by_order,
    common_type,
    element_place,
    key_of,
    keyed,
    require_keys,
    same,
    unique,
    woven,
)
from kubelogic.kinds.merging import PatchRule, code_of, element_type, patch_rule, type_of

DIRECTIVE = "$patch"
RETAIN_KEYS = "$retainKeys"
DELETE_FROM = "$deleteFromPrimitiveList/"
SET_ORDER = "$setElementOrder/"

Json = dict[str, Any]


def strategic_merge(document: Mapping[str, Any], change: Mapping[str, Any]) -> Json:
    """The document with a strategic merge patch.

    Args:
        document: a whole object with apiVersion and kind.
        change: the patch.

    Raises:
        PatchError: the kind has no types to merge by (415), or the patch is malformed (400).
    """
    type_name = type_of(document)
    if not type_name:
        raise PatchError("strategic merge patches are for built-in kinds: send a merge patch", status=415)
    if not isinstance(change, Mapping):
        raise PatchError("a strategic merge patch is a mapping")
    return merged_mapping(copy.deepcopy(dict(document)), copy.deepcopy(dict(change)), f"@{type_name}", final=True)


def merged_mapping(original: Json, patch: Json, code: str, *, final: bool) -> Json:
    """Merge ``patch`` into ``original``; both are used up.

    Args:
        original: a part of an object or, with ``final`` false, of another patch.
        patch: what is merged into it.
        code: what the part holds, as ``fields_of`` writes it.
        final: whether directives and nulls are carried out; else both are kept, for a patch of two patches.
    """
    if DIRECTIVE in patch:
        return _directed(patch)
    _retain(original, patch, final=final)
    for key in [key for key in patch if key.startswith(SET_ORDER)]:
        _merge_in_order(original, patch, key, code, final=final)
    for key, value in sorted(patch.items()):
        if key.startswith(DELETE_FROM) and not final:
            original[key] = value
            continue
        deletes = key.startswith(DELETE_FROM)
        field = key.removeprefix(DELETE_FROM)
        if value is None:
            original.pop(field, None)
            if final:
                continue
        if field not in original or type(original[field]) is not type(value):
            if not deletes:
                _take(original, field, value, final=final)
        elif isinstance(value, dict):
            inner, rule = _inner(code, field)
            if rule.strategy == "replace":
                original[field] = value
            else:
                original[field] = merged_mapping(original[field], value, inner, final=final)
        elif isinstance(value, list):
            inner, rule = _inner(code, field)
            original[field] = _merged_field(original[field], value, inner, rule, deletes=deletes, final=final)
        else:
            original[field] = value
    return original


def _inner(code: str, field: str) -> tuple[str, PatchRule]:
    """What a field of a mapping holds, and how it merges."""
    if code.startswith("{"):
        return code[1:], PatchRule()
    type_name = element_type(code)
    return code_of(type_name, field), patch_rule(type_name, field)


def _directed(patch: Json) -> Json:
    directive = patch.pop(DIRECTIVE)
    if directive == "replace":
        return patch
    if directive == "delete":
        return {}
    raise PatchError(f"Unknown patch type: {directive}")


def _retain(original: Json, patch: Json, *, final: bool) -> None:
    """Carry out ``$retainKeys``: fields that it does not name go."""
    if RETAIN_KEYS not in patch:
        return
    kept = patch.pop(RETAIN_KEYS)
    if not isinstance(kept, list):
        raise PatchError("the list of $retainKeys is malformed")
    if not final:
        if original.setdefault(RETAIN_KEYS, kept) != kept:
            raise PatchError("two lists of $retainKeys differ")
        return
    marks = (DELETE_FROM, SET_ORDER)
    if any(value is not None and key not in kept and not key.startswith(marks) for key, value in patch.items()):
        raise PatchError("every field of the patch must be in its $retainKeys")
    for key in [key for key in original if key not in kept]:
        del original[key]


def _take(original: Json, field: str, value: Any, *, final: bool) -> None:
    """Take the value of a patch for a field that is not there, or is there with another type."""
    kept, value = without_directives(without_nulls(value) if final else value)
    if kept:
        original[field] = value
    else:
        original.pop(field, None)


def without_nulls(value: Any) -> Any:
    """A value of a patch without the fields that are null."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


def without_directives(value: Any) -> tuple[bool, Any]:
    """Whether a value of a patch stays, and the value without what is marked by a directive."""
    if isinstance(value, dict):
        if DIRECTIVE in value:
            return False, None
        found = {key: without_directives(each) for key, each in value.items()}
        return True, {key: each for key, (kept, each) in found.items() if kept}
    if isinstance(value, list):
        return True, [each for kept, each in map(without_directives, value) if kept]
    return True, value


def _merge_in_order(original: Json, patch: Json, directive: str, code: str, *, final: bool) -> None:
    """Merge a list and put it in the order of ``$setElementOrder``. What the patch does not name keeps its place."""
    order = patch.pop(directive)
    if not isinstance(order, list):
        raise PatchError(f"the list of {directive} is malformed")
    if not final and original.setdefault(directive, order) != order:
        raise PatchError(f"two lists of {directive} differ")
    field = directive.removeprefix(SET_ORDER)
    live, change = original.get(field), patch.get(field)
    if live is None and change is None:
        return
    if not isinstance(live or [], list) or not isinstance(change or [], list):
        raise PatchError(f"{field} is no list")
    inner, rule = _inner(code, field)
    _check_order(change or [], order, rule.merge_key, directive)
    patch.pop(field, None)
    if live is None:
        joined = without_directives(change)[1]
    elif change is None:
        joined = live
    else:
        joined = _merged_field(copy.deepcopy(live), change, inner, rule, deletes=False, final=final)
    original[field] = _ordered(joined, order, live or [], rule.merge_key)


def _check_order(change: Sequence[Any], order: Sequence[Any], merge_key: str, directive: str) -> None:
    """Refuse an order that does not name what the patch holds, in the patch's order."""
    if not order or not change:
        return
    rest = iter(key_of(each, merge_key) for each in order)
    for item in change:
        marked = isinstance(item, dict) and DIRECTIVE in item
        if not marked and not any(same(key_of(item, merge_key), key) for key in rest):
            raise PatchError(f"The order in patch list doesn't match {directive}")


def _merged_field(
    live: list[Any], change: list[Any], code: str, rule: PatchRule, *, deletes: bool, final: bool
) -> list[Any]:
    if rule.strategy != "merge" and not deletes:
        return change
    if not live and not change:
        return live
    if common_type(live, change) is not dict:
        if final and deletes:
            return [each for each in live if element_place(change, each, "") < 0]
        joined: list[Any] = unique([*live, *change])
        return _ordered(joined, change, live, "")
    if not rule.merge_key:
        raise PatchError("cannot merge lists without merge key")
    live, change = _without_special(live, change, rule.merge_key)
    order = list(live)
    item_code = code[1:]
    for item in change:
        require_keys(rule.merge_key, [item])
        place = element_place(live, item, rule.merge_key)
        if place >= 0:
            live[place] = merged_mapping(copy.deepcopy(live[place]), copy.deepcopy(item), item_code, final=final)
        else:
            live.append(item)
    return _ordered(live, change, order, rule.merge_key)


def _without_special(live: list[Any], change: list[Any], merge_key: str) -> tuple[list[Any], list[Any]]:
    """Carry out directives in items of a list: ``$patch: delete`` and ``$patch: replace``."""
    plain = []
    replaced = False
    for item in change:
        match item.get(DIRECTIVE) if DIRECTIVE in item else "":
            case "":
                plain.append(item)
            case "delete":
                require_keys(merge_key, [item])
                live = [each for each in live if not same(each.get(merge_key), item[merge_key])]
            case "replace":
                replaced = True
            case "merge":
                raise PatchError("merging lists cannot yet be specified in the patch")
            case directive:
                raise PatchError(f"Unknown patch type: {directive}")
    return ([], plain) if replaced else (list(live), plain)


def _ordered(joined: Sequence[Any], order: Sequence[Any], live: Sequence[Any], merge_key: str) -> list[Any]:
    """What ``order`` names in that order, and between it what only the live list has, in its own."""
    require_keys(merge_key, joined)
    named, others = keyed(joined, order, merge_key)
    return woven(by_order(others, live, merge_key), by_order(named, order, merge_key), live, merge_key)
