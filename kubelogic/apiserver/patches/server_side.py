"""Server-side apply: the fields of the manifest are set, those that its manager owned and has no more are removed.

Every other field stays, whoever owns it: conflicts are decided for the manifest, as ``--force-conflicts`` does.

Source: sigs.k8s.io/structured-merge-diff, merge/update.go (Updater.Apply, prune) and typed/merge.go;
k8s.io/kubectl, pkg/cmd/apply/apply.go (migrateToSSAIfNecessary) of Kubernetes 1.36.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.apiserver.patches import KUBECTL
from kubelogic.apiserver.patches.client_side import LAST_APPLIED, as_last_applied, last_applied
from kubelogic.apiserver.patches.errors import PatchError
from kubelogic.apiserver.patches.ownership import (
    MEMBER,
    FieldSet,
    code_of_object,
    elements,
    field_set,
    inner,
    joined,
    managers,
    shape_of,
)
from kubelogic.kinds.merging import Topology, type_of

_SERVERS_OWN = ("uid", "creationTimestamp", "resourceVersion", "generation", "managedFields", "selfLink")
"""Metadata that no manifest sets."""


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an apply.

    Attributes:
        document: the object, before defaults and validation.
        removed: fields that went because an earlier apply had set them and this one does not, as dotted paths.
        ownership_known: whether anything told what an earlier apply had set; if not, nothing was removed.
    """

    document: dict[str, Any]
    removed: tuple[str, ...] = ()
    ownership_known: bool = True


def server_side_apply(
    live: Mapping[str, Any],
    manifest: Mapping[str, Any],
    *,
    manager: str = KUBECTL,
    before: Mapping[str, Any] | None = None,
    now: str | None = None,
) -> Applied:
    """Apply a manifest to the live object.

    Args:
        live: the object as it is stored, with its defaults.
        manifest: as written, without defaults.
        manager: who applies.
        before: what the same manager applied last, for objects that tell neither by ``managedFields`` nor by the
            annotation of kubectl; None if that is not known.
        now: the moment, as the API writes it, for the entry in ``managedFields``.

    Raises:
        PatchError: the uid is another one (409), or a list of the manifest lacks the keys of its items or has one twice
            (422).
    """
    code = code_of_object(live)
    wanted = _configuration(live, manifest)
    mine, others = managers(live, manager)
    earlier = last_applied(live) if manager == KUBECTL else None
    known = before if earlier is None else earlier
    if mine is None and known is not None:
        mine = field_set(_configuration(live, known, checked=False), code)
    claimed = field_set(wanted, code)
    document: dict[str, Any] = _merged(copy.deepcopy(dict(live)), wanted, code, shape_of(code))
    kept = joined(joined(claimed, others), {"f:metadata": {f"f:{field}": {} for field in ("name", "namespace")}})
    removed = () if mine is None else tuple(_prune(document, mine, kept, code, ()))
    _note(document, manifest, _entry(document, manager, claimed, now), annotate=earlier is not None)
    if _says_the_same(live, document, manager):
        document["metadata"]["managedFields"] = copy.deepcopy(live["metadata"]["managedFields"])
    return Applied(document=document, removed=removed, ownership_known=mine is not None)


def overlaid(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """An apply configuration laid over an object, without any note of who owns what.

    Raises:
        PatchError: the kind has no types (415), or a list lacks the keys of its items or has one twice (422).

    Source: k8s.io/apiserver 1.36, pkg/admission/plugin/policy/mutating/patch/smd.go.
    """
    type_name = type_of(live)
    if not type_name:
        raise PatchError("the types of this kind are not known", status=415)
    code = f"@{type_name}"
    found: dict[str, Any] = _merged(copy.deepcopy(dict(live)), copy.deepcopy(dict(wanted)), code, shape_of(code))
    return found


def _configuration(live: Mapping[str, Any], manifest: Mapping[str, Any], *, checked: bool = True) -> dict[str, Any]:
    """What a manifest has to say: without the status and the metadata that are the server's."""
    metadata = dict(manifest.get("metadata") or {})
    own = (live.get("metadata") or {}).get("uid")
    if checked and own and metadata.get("uid") not in (None, "", own):
        message = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object: {own}"
        raise PatchError(message, status=409)
    for field in _SERVERS_OWN:
        metadata.pop(field, None)
    if annotations := metadata.get("annotations"):
        metadata["annotations"] = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
    kept = {key: value for key, value in manifest.items() if key != "status"}
    return {**copy.deepcopy(kept), "metadata": copy.deepcopy(metadata)}


def _merged(live: Any, wanted: Any, code: str, topology: Topology) -> Any:
    """``wanted`` laid over ``live``; both are used up."""
    match topology.shape:
        case "granular" if isinstance(live, dict) and isinstance(wanted, dict):
            for key, value in wanted.items():
                if value is None:
                    live.pop(key, None)
                    continue
                code_inside, shape = inner(code, key)
                live[key] = _merged(live.get(key), value, code_inside, shape)
            return live
        case "granular" if isinstance(wanted, dict):
            return _merged({}, wanted, code, topology)
        case "map" | "set" if isinstance(wanted, list):
            return _merged_list(live if isinstance(live, list) else [], wanted, code, topology)
        case _:
            return wanted


def _merged_list(live: Sequence[Any], wanted: Sequence[Any], code: str, topology: Topology) -> list[Any]:
    """Both lists in one: the items of ``wanted`` in its order, between them what only ``live`` has."""
    mine = elements(wanted, code, topology, strict=True)
    present = elements(live, code, topology, strict=False)
    new, old = dict(mine), dict(reversed(present))
    shared = [name for name, _ in mine if name in old]
    result: list[Any] = []
    merged: set[str] = set()

    def take(name: str) -> None:
        item = new[name]
        item_code, shape = code[1:], shape_of(code[1:])
        result.append(_merged(copy.deepcopy(old[name]), item, item_code, shape) if name in old else item)
        merged.add(name)
        if shared and shared[0] == name:
            shared.pop(0)

    left, right = list(present), [name for name, _ in mine]
    while left or right:
        if left and right:
            name = left[0][0]
            if name == right[0]:
                take(name)
                left.pop(0)
                right.pop(0)
                continue
            if name in new and shared and shared[0] != name:
                left.pop(0)
                continue
        if left:
            name, item = left[0]
            if name not in new:
                result.append(item)
                left.pop(0)
                continue
            if name in merged:
                left.pop(0)
        if right:
            take(right.pop(0))
    return result


def _prune(part: Any, mine: FieldSet, kept: FieldSet, code: str, path: tuple[str, ...]) -> Iterator[str]:
    """Remove from ``part`` what was ``mine`` and is not ``kept`` by anybody; gives what went."""
    if isinstance(part, dict):
        yield from _prune_mapping(part, mine, kept, code, path)
    elif isinstance(part, list):
        staying = []
        for name, item in elements(part, code, _list_topology(mine), strict=False):
            here = (*path, name[2:])
            if name in mine and name not in kept:
                yield ".".join(here)
                continue
            if name in mine and isinstance(item, dict):
                yield from _prune(item, mine[name], kept[name], code[1:], here)
            staying.append(item)
        part[:] = staying


def _prune_mapping(
    part: dict[str, Any], mine: FieldSet, kept: FieldSet, code: str, path: tuple[str, ...]
) -> Iterator[str]:
    for name in [name for name in mine if name.startswith("f:") and name[2:] in part]:
        key, owned = name[2:], mine[name]
        inside, shape = inner(code, key)
        here = (*path, key)
        if name in kept:
            if shape.shape != "atomic":
                yield from _prune(part[key], owned, kept[name], inside, here)
        elif _holds_entries(inside, shape, part[key]) and set(owned) - {MEMBER}:
            yield from _prune(part[key], owned, {}, inside, here)
            if not part[key]:
                del part[key]
        else:
            yield ".".join(here)
            del part[key]


def _holds_entries(code: str, topology: Topology, value: Any) -> bool:
    """Whether others may have put entries of their own into a value: labels, say, or containers."""
    if isinstance(value, list):
        return topology.shape in ("map", "set")
    return isinstance(value, dict) and topology.shape == "granular" and code.startswith("{")


def _list_topology(owned: FieldSet) -> Topology:
    """The topology of a list whose entries are owned one by one, as their names tell it."""
    names = [name for name in owned if name.startswith("k:")]
    if not names:
        return Topology(shape="set")
    return Topology(shape="map", keys=tuple(json.loads(names[0][2:])))


def noted(manifest: Mapping[str, Any], manager: str, now: str | None = None) -> dict[str, Any]:
    """A manifest that makes a new object, with the note of who owns its fields."""
    document = _configuration({}, manifest)
    claimed = field_set(document, code_of_object(manifest))
    document["metadata"]["managedFields"] = [_entry(document, manager, claimed, now)]
    return document


def _note(
    document: dict[str, Any],
    manifest: Mapping[str, Any],
    entry: Mapping[str, Any],
    *,
    annotate: bool,
) -> None:
    """Write down who owns what now, for the next apply."""
    metadata = document["metadata"] = dict(document.get("metadata") or {})
    if annotate:
        text = as_last_applied(manifest)
        metadata["annotations"] = {**(metadata.get("annotations") or {}), LAST_APPLIED: text}
    present = [each for each in metadata.get("managedFields") or () if not _is_entry_of(each, entry["manager"])]
    metadata["managedFields"] = [entry, *present]


def _says_the_same(live: Mapping[str, Any], document: Mapping[str, Any], manager: str) -> bool:
    """Whether an apply changes nothing but when its manager applied last, which then stays as it is.

    Source: k8s.io/apimachinery 1.36, pkg/util/managedfields/internal/managedfieldsupdater.go: Apply.
    """
    old, new = dict(live.get("metadata") or {}), dict(document["metadata"])
    before = [each for each in old.pop("managedFields", None) or () if _is_entry_of(each, manager)]
    after = [each for each in new.pop("managedFields") if _is_entry_of(each, manager)]
    if {**live, "metadata": old} != {**document, "metadata": new}:
        return False
    return [{**each, "time": None} for each in before] == [{**each, "time": None} for each in after]


def _entry(document: Mapping[str, Any], manager: str, claimed: FieldSet, now: str | None) -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": document.get("apiVersion"),
        "fieldsType": "FieldsV1",
        "fieldsV1": claimed,
        **({"time": now} if now is not None else {}),
    }


def _is_entry_of(entry: Mapping[str, Any], manager: str) -> bool:
    return entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource")
