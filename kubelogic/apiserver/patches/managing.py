"""Who owns which field: what an update makes of ``managedFields``, and which owners an apply is in conflict with.

Source: k8s.io/apimachinery, pkg/util/managedfields/internal (fieldmanager.go, structuredmerge.go, conflict.go,
managedfields.go); sigs.k8s.io/structured-merge-diff, merge/update.go of Kubernetes 1.36.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.apiserver.patches.ownership import MEMBER, FieldSet, code_of_object, elements, inner, shape_of
from kubelogic.kinds.merging import Topology

Json = dict[str, Any]
Path = tuple[str, ...]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation in which kubectl keeps what it applied last."""

KUBELET, CONTROLLERS = "kubelet", "kube-controller-manager"
"""Parts of Kubernetes that own the status of objects, which is told when an object is sent, and not kept."""

_MEMBER: Any = object()
"""What stands for the mapping, the list or the item itself."""

_NOBODYS = frozenset(
    {"name", "namespace", "uid", "creationTimestamp", "generation", "resourceVersion", "managedFields", "selfLink"}
    | {"deletionTimestamp", "deletionGracePeriodSeconds", "generateName"}
)
"""Metadata that nobody owns."""


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """A field that an apply wants to be otherwise than its owner.

    Attributes:
        manager: the owner as messages name it.
        path: of the field, as in ``managedFields``.
        entry: the number of the owner's entry.
    """

    manager: str
    path: Path
    entry: int


def fields(document: Mapping[str, Any], part: str = "") -> dict[Path, Any]:
    """What stands at each field that can be owned; of the status only where ``part`` says so.

    >>> sorted(fields({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}}))
    [('f:data',), ('f:data', 'f:a')]
    """
    found: dict[Path, Any] = {}
    code = code_of_object(document)
    for key, value in document.items():
        if key in ("apiVersion", "kind") or value is None or (key == "status") != (part == "status"):
            continue
        if key == "metadata":
            about = {name: each for name, each in value.items() if name not in _NOBODYS}
            for name, each in about.items():
                _add(each, *inner("@ObjectMeta", name), ("f:metadata", f"f:{name}"), found)
            continue
        _add(value, *inner(code, key), (f"f:{key}",), found)
    return found


def _add(value: Any, code: str, shape: Topology, path: Path, found: dict[Path, Any]) -> None:
    if value is None:
        return
    if shape.shape == "granular" and isinstance(value, dict):
        if code.startswith("{") or not value:
            found[path] = _MEMBER
        for key, each in value.items():
            _add(each, *inner(code, key), (*path, f"f:{key}"), found)
    elif shape.shape in ("map", "set") and isinstance(value, list):
        found[path] = _MEMBER
        for name, item in elements(value, code, shape, strict=False):
            here = (*path, name)
            found[here] = item if shape.shape == "set" else _MEMBER
            if isinstance(item, dict):
                _add(item, code[1:], shape_of(code[1:]), here, found)
    else:
        found[path] = value


def flat(owned: Any, path: Path = ()) -> set[Path]:
    """The paths of a set of fields; what clients have sent for one and is none has no paths."""
    found: set[Path] = set()
    for name, below in owned.items() if isinstance(owned, Mapping) else ():
        if name == MEMBER:
            found.add(path)
        elif below:
            found |= flat(below, (*path, name))
        else:
            found.add((*path, name))
    return found


def nested(paths: Iterable[Path]) -> FieldSet:
    """A set of fields from its paths.

    >>> nested([("f:data",), ("f:data", "f:a")])
    {'f:data': {'.': {}, 'f:a': {}}}
    """
    every = set(paths)
    result: FieldSet = {}
    for path in sorted(every):
        part = result
        for step in path:
            part = part.setdefault(step, {})
    for path in every:
        part = result
        for step in path:
            part = part[step]
        if part:
            part[MEMBER] = {}
    return _sorted(result)


def _sorted(part: FieldSet) -> FieldSet:
    return {name: _sorted(part[name]) for name in sorted(part)}


def tracked(
    before: Mapping[str, Any] | None, after: Mapping[str, Any], *, manager: str, now: str, part: str = ""
) -> list[Json] | None:
    """The ``managedFields`` after an update; None if there are none.

    Args:
        before: the object before; None if it is new.
        after: the object after, with the ``managedFields`` that the request has sent, if any.
        manager: who updates.
        now: the moment, as the API writes it.
        part: the subresource.
    """
    given = (after.get("metadata") or {}).get("managedFields")
    live = ((before or {}).get("metadata") or {}).get("managedFields")
    if given is not None and len(given) == 1 and not given[0]:
        return None
    entries = [dict(each) for each in (given or live or ()) if isinstance(each, Mapping)]
    inside = "status" if part == "status" else ""
    old, new = fields(before, inside) if before is not None else {}, fields(after, inside)
    changed = {path for path, value in new.items() if path not in old or not _equal(old[path], value)}
    removed = {path for path in old if path not in new}
    if not changed and not removed:
        return entries or None
    mine = False
    kept: list[Json] = []
    for entry in entries:
        owned = flat(entry.get("fieldsV1") or {})
        same = (entry.get("manager"), entry.get("operation"), entry.get("subresource") or "") == (
            manager,
            "Update",
            part,
        )
        left = (owned | changed) - removed if same else owned - changed - removed
        mine = mine or same
        if left:
            times = {"time": now} if same else {}
            kept.append({**entry, **times, "fieldsV1": nested(left) if left != owned else entry["fieldsV1"]})
    if not mine and changed:
        entry = {
            "manager": manager,
            "operation": "Update",
            "apiVersion": after.get("apiVersion"),
            "time": now,
            "fieldsType": "FieldsV1",
            "fieldsV1": nested(changed),
        }
        kept.append({**entry, "subresource": part} if part else entry)
    return sorted(kept, key=_order) or None


def _order(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(entry.get("operation")), str(entry.get("time") or ""), str(entry.get("manager"))


def _equal(one: Any, other: Any) -> bool:
    return one is other or bool(one == other)


def conflicts(live: Mapping[str, Any], manifest: Mapping[str, Any], manager: str) -> list[Conflict]:
    """The fields that a manifest wants otherwise than the managers that own them."""
    wanted, present = fields(manifest), fields(live)
    differs = {
        path
        for path, value in wanted.items()
        if value is not _MEMBER and (path not in present or not _equal(present[path], value))
    }
    found: list[Conflict] = []
    for number, entry in enumerate((live.get("metadata") or {}).get("managedFields") or ()):
        if entry.get("manager") == manager and entry.get("operation") == "Apply":
            continue
        hit = differs & flat(entry.get("fieldsV1") or {})
        found += [Conflict(manager=_named(entry), path=path, entry=number) for path in sorted(hit)]
    return sorted(found, key=lambda each: (each.manager, each.path))


def without_own(meta: Mapping[str, Any]) -> Json:
    """Metadata that a client sends back, without the entries of the parts of Kubernetes."""
    entries = meta.get("managedFields")
    if not entries:
        return dict(meta)
    kept = [each for each in entries if not (each.get("manager") in (KUBELET, CONTROLLERS) and each.get("subresource"))]
    return {**meta, "managedFields": kept}


def are_from_last_apply(live: Mapping[str, Any], found: Iterable[Conflict]) -> bool:
    """Whether all conflicts are about fields that the last ``kubectl apply`` without ``--server-side`` set.

    kubectl may take those over by applying them on the server.

    Source: k8s.io/apimachinery, pkg/util/managedfields/internal/lastappliedmanager.go.
    """
    text = ((live.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
    try:
        last = json.loads(text) if text else None
    except ValueError:
        last = None
    if not isinstance(last, dict):
        return False
    given = fields({"apiVersion": live.get("apiVersion"), "kind": live.get("kind"), **last})
    return all(each.path in given for each in found)


def _named(entry: Mapping[str, Any]) -> str:
    name = json.dumps(entry.get("manager"))
    if entry.get("operation") != "Update":
        return name
    part = f" with subresource {json.dumps(entry['subresource'])}" if entry.get("subresource") else ""
    return f"{name}{part} using {entry.get('apiVersion')}"


def released(live: Mapping[str, Any], found: Sequence[Conflict]) -> list[Json]:
    """The entries of an object without the fields that are taken from their owners."""
    entries = (live.get("metadata") or {}).get("managedFields") or ()
    kept: list[Json] = []
    for number, entry in enumerate(entries):
        lost = {each.path for each in found if each.entry == number}
        owned = flat(entry.get("fieldsV1") or {})
        if not lost:
            kept.append(dict(entry))
        elif owned - lost:
            kept.append({**entry, "fieldsV1": nested(owned - lost)})
    return kept


def told(found: Sequence[Conflict]) -> str:
    """The API server's words about conflicts."""
    if len(found) == 1:
        return f"Apply failed with 1 conflict: conflict with {found[0].manager}: {shown(found[0].path)}"
    lines: list[str] = []
    for manager in dict.fromkeys(each.manager for each in found):
        lines.append(f"conflicts with {manager}:")
        lines += [f"- {shown(each.path)}" for each in found if each.manager == manager]
    return f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)


def shown(path: Path) -> str:
    """A path as messages write it.

    >>> shown(("f:spec", "f:containers", 'k:{"name":"main"}', "f:image"))
    '.spec.containers[name="main"].image'
    """
    text = ""
    for step in path:
        kind, _, rest = step.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "k":
            keys = json.loads(rest)
            text += f"[{','.join(f'{key}={json.dumps(keys[key])}' for key in sorted(keys))}]"
        else:
            text += f"[={rest}]"
    return text
