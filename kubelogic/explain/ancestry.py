"""Which part of which object a part of another one was made from: pods from templates, Jobs from CronJobs, claims."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.apiserver.operators import source_of
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.objects import Document
from kubelogic.facts.altered import with_value
from kubelogic.facts.services import SLICE_SERVICE
from kubelogic.facts.tracing import extant
from kubelogic.kinds.operated import kept_kind
from kubelogic.text.location import Path, Step, value_at

_IDENTITIES = ("name", "type", "uid", "key", "topologyKey", "containerPort", "port", "ip")
"""Fields that say which item of a list is which, whatever else changes."""


class Ancestor(msgspec.Struct, frozen=True, kw_only=True):
    """The object that a part was made from, and where its counterpart stands there.

    Attributes:
        obj: the owner.
        path: of the field there, as far as it exists.
        copied: whether the owner has the field with the same value.
        depth: how many steps of the path that was asked for have a counterpart.
        bare: the made object as its controller took it from the owner, without what was written into it later.
    """

    obj: Object
    path: Path
    copied: bool
    depth: int = 0
    bare: Document | None = None


def ancestor(cluster: Cluster, obj: Object, path: Path) -> Ancestor | None:
    """Where a controller took a part of an object from; None if nobody made it of another object.

    Args:
        cluster: with the owners.
        obj: made by a controller.
        path: of one of its fields.
    """
    if obj.kind == "PersistentVolumeClaim":
        return _of_claim(cluster, obj, path)
    if obj.kind == "PersistentVolume":
        return _of_volume(cluster, obj, path)
    owner = _owner(cluster, obj)
    if owner is None:
        return None
    if (there := source_of(owner.document, obj.kind, obj.name, path)) is not None:
        found = extant(owner.document, there)
        copied = found == there and value_at(owner.document, there) == value_at(obj.document, path)
        return Ancestor(obj=owner, path=found, copied=copied, depth=len(path) if copied else 0)
    pairs = _PARTS.get((obj.kind, owner.kind)) or _PARTS.get((obj.kind, "")) or ()
    for mine, theirs in pairs:
        if path[: len(mine)] == mine:
            return _claimed(owner, obj, path) or _part(obj, owner, mine, theirs, path)
    return Ancestor(obj=owner, path=pairs[0][1][:-1] if pairs else (), copied=False)


def counterpart(here: Any, there: Any, path: Path) -> tuple[Path, bool]:
    """The path in another version of a document, as far as it goes, and whether the same value is there.

    Items of lists are found by what they are, wherever they stand.

    >>> counterpart({"a": [{"name": "x"}, {"name": "y"}]}, {"a": [{"name": "y"}]}, ("a", 1, "name"))
    (('a', 0, 'name'), True)
    """
    found: list[Step] = []
    for step in path:
        if isinstance(here, Sequence) and not isinstance(here, str) and isinstance(step, int):
            index = _index(here, there, step)
            if index is None:
                return tuple(found), False
            here, there = here[step], there[index]
            found.append(index)
        elif isinstance(here, Mapping) and isinstance(there, Mapping) and step in there:
            here, there = here.get(step), there[step]
            found.append(step)
        else:
            return tuple(found), False
    return tuple(found), bool(here == there)


def common(here: Any, there: Any) -> Any:
    """What of one version of a document is in another, too, whatever values it has by now.

    >>> common({"a": 1, "b": [{"name": "x"}, {"name": "y"}]}, {"a": 2, "b": [{"name": "y"}]})
    {'a': 1, 'b': [{'name': 'y'}]}
    """
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        return {key: common(value, there[key]) for key, value in here.items() if key in there}
    if isinstance(here, list) and isinstance(there, list):
        found = [(item, _index(here, there, index)) for index, item in enumerate(here)]
        return [common(item, there[index]) for item, index in found if index is not None]
    return here


def _index(here: Sequence[Any], there: Any, index: int) -> int | None:
    """Where an item of one list stands in another."""
    if not isinstance(there, list | tuple) or index >= len(here):
        return None
    item = here[index]
    if index < len(there) and there[index] == item:
        return index
    if item in there:
        return there.index(item)
    if isinstance(item, Mapping):
        for name in _IDENTITIES:
            if name in item:
                others = [other.get(name) if isinstance(other, Mapping) else None for other in there]
                return others.index(item[name]) if others.count(item[name]) == 1 else None
    return index if len(here) == len(there) else None


# -- owners ------------------------------------------------------------------------------------------------------

_TEMPLATE = ("spec", "template")
_JOB = ("spec", "jobTemplate")
_META = ("metadata",)
_LABELS = ("metadata", "labels")
_OF_TEMPLATE: tuple[tuple[Path, Path], ...] = (
    (("spec",), (*_TEMPLATE, "spec")),
    (_LABELS, (*_TEMPLATE, *_LABELS)),
    (("metadata", "annotations"), (*_TEMPLATE, "metadata", "annotations")),
    (("metadata", "finalizers"), (*_TEMPLATE, "metadata", "finalizers")),
)
_PARTS: Mapping[tuple[str, str], tuple[tuple[Path, Path], ...]] = {
    ("Pod", ""): _OF_TEMPLATE,
    ("ReplicaSet", "Deployment"): (
        (("spec",), ("spec",)),
        (_LABELS, (*_TEMPLATE, *_LABELS)),
        (("metadata", "annotations"), ("metadata", "annotations")),
    ),
    ("Job", "CronJob"): ((("spec",), (*_JOB, "spec")), (_LABELS, (*_JOB, *_LABELS)), (_META, (*_JOB, *_META))),
    ("ControllerRevision", ""): ((("data", "spec", "template"), _TEMPLATE),),
    ("EndpointSlice", "Service"): ((("ports",), ("spec", "ports")),),
}
"""Parts of made objects, by their kind and that of the owner, and of what they are copies."""


def _owner(cluster: Cluster, obj: Object) -> Object | None:
    meta = obj.document.get("metadata") or {}
    for reference in meta.get("ownerReferences") or ():
        if reference.get("controller"):
            key, kind = f"{obj.namespace}/{reference['name']}", kept_kind(reference["apiVersion"], reference["kind"])
            return cluster.get(kind, key) or cluster.get(kind, reference["name"])
    service = (meta.get("labels") or {}).get(SLICE_SERVICE) or obj.name
    return cluster.get("Service", f"{obj.namespace}/{service}") if obj.kind in ("EndpointSlice", "Endpoints") else None


def _part(obj: Object, owner: Object, mine: Path, theirs: Path, path: Path) -> Ancestor:
    there = value_at(owner.document, theirs)
    if there is None:
        return Ancestor(obj=owner, path=extant(owner.document, theirs), copied=False)
    rest, copied = counterpart(value_at(obj.document, mine), there, path[len(mine) :])
    bare = None if copied else with_value(obj.document, mine, common(value_at(obj.document, mine), there))
    return Ancestor(obj=owner, path=(*theirs, *rest), copied=copied, depth=len(mine) + len(rest), bare=bare)


# -- claims ------------------------------------------------------------------------------------------------------


def _claimed(owner: Object, pod: Object, path: Path) -> Ancestor | None:
    """The claim template of a StatefulSet that a volume of its pod stands for."""
    if owner.kind != "StatefulSet" or path[:2] != ("spec", "volumes") or len(path) < 3:
        return None
    name = (value_at(pod.document, path[:3]) or {}).get("name")
    for index, template in enumerate((owner.document.get("spec") or {}).get("volumeClaimTemplates") or ()):
        if (template.get("metadata") or {}).get("name") == name:
            path = ("spec", "volumeClaimTemplates", index, "metadata", "name")
            return Ancestor(obj=owner, path=path, copied=True)
    return None


def _of_claim(cluster: Cluster, claim: Object, path: Path) -> Ancestor | None:
    for owner in cluster.objects("StatefulSet").values():
        templates = (owner.document.get("spec") or {}).get("volumeClaimTemplates") or ()
        for index, template in enumerate(templates if owner.namespace == claim.namespace else ()):
            name = (template.get("metadata") or {}).get("name")
            if re.fullmatch(f"{re.escape(f'{name}-{owner.name}')}-[0-9]+", claim.name):
                return _template_part(owner, ("spec", "volumeClaimTemplates", index), claim, path)
    pod = _owner(cluster, claim)
    if pod is not None and pod.kind == "Pod":
        for index, volume in enumerate((pod.document.get("spec") or {}).get("volumes") or ()):
            if "ephemeral" in volume and claim.name == f"{pod.name}-{volume['name']}":
                return _template_part(pod, ("spec", "volumes", index, "ephemeral", "volumeClaimTemplate"), claim, path)
    return None


def _of_volume(cluster: Cluster, volume: Object, path: Path) -> Ancestor | None:
    """A provisioned volume has the size, modes and class of its claim."""
    reference = (volume.document.get("spec") or {}).get("claimRef") or {}
    claim = cluster.get("PersistentVolumeClaim", f"{reference.get('namespace')}/{reference.get('name')}")
    if claim is None:
        return None
    asked = ("spec", "resources", "requests") if path[:2] == ("spec", "capacity") else path[:2]
    if len(path) < 2 or value_at(claim.document, asked) is None:
        return Ancestor(obj=claim, path=(), copied=False)
    return _part(volume, claim, path[:2], asked, path)


def _template_part(owner: Object, base: Path, claim: Object, path: Path) -> Ancestor:
    there = value_at(owner.document, base)
    rest, copied = counterpart(claim.document, there, path)
    bare = None if copied else {**claim.document, "spec": common(claim.document["spec"], there.get("spec") or {})}
    return Ancestor(obj=owner, path=(*base, *rest), copied=copied, depth=len(rest), bare=bare)
