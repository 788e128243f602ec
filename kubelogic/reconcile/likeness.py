"""Whether two states of one run are alike: equal up to generated names, uids, moments and counters that only grow.

What is alike goes on alike, as long as the same is due after the same time: that is how loops are found. Pods that have
ended, or that are terminating, may pile up: one more that is like an earlier one makes no difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.cluster import Cluster
from kubelogic.cluster.edit import is_being_deleted, metadata
from kubelogic.cluster.pods import controller_reference, has_ended
from kubelogic.cluster.state import State
from kubelogic.patterns import regex

MOMENT = regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
"""A moment as the API writes it."""

_UID = regex(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TOKEN = regex(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?")

_GROWING = frozenset(
    {
        "uid",
        "resourceVersion",
        "generation",
        "observedGeneration",
        "managedFields",
        "restartCount",
        "terminatingReplicas",
        "deployment.kubernetes.io/revision",
        "podIP",
        "podIPs",
        "addresses",
    }
)
"""Fields that differ from round to round and decide nothing."""

_TELLING = ("back-off", "pod refused", "zone eviction rate", "wishes of ", "growth of ", "cuts of ")
"""How topics of the memory begin whose values decide what comes. All others are moments, whose meaning shows in what is
due, marks of things that are compared anyway, or counts that only grow."""

_UNORDERED = frozenset({"endpoints", "subsets"})


def alike(old: State, new: State) -> bool:
    """Whether two states are the same but for names, uids, moments and counters.

    Args:
        old: a state.
        new: a later one of the same run.
    """
    if old.world != new.world:
        return False
    found = new.cluster.differences(old.cluster)
    names = _names([*found.gone, *found.come, *(now for _, now in found.replaced)])
    before = _by_kind([*found.gone, *(was for was, _ in found.replaced)])
    after = _by_kind([*found.come, *(now for _, now in found.replaced)])
    sizes = {kind: len(before.get(kind, ())) + len(after.get(kind, ())) for kind in {*before, *after}}
    for kind in sorted(sizes, key=lambda each: (sizes[each], each)):
        if not _same(old.cluster, before.get(kind, ()), after.get(kind, ()), names):
            return False
    if old.memory is new.memory:
        return True
    kept = {place for place, value in new.memory.items() if old.memory.get(place) == value}
    one, other = _remembered(old, old.memory.keys() - kept, names), _remembered(new, new.memory.keys() - kept, names)
    if one == other:
        return True
    more = {**_names(old.cluster.objects("Pod").values()), **names}
    return one ^ other <= _remembered(old, kept, more)


def _by_kind(objects: Iterable[Object]) -> dict[str, list[Object]]:
    found: dict[str, list[Object]] = {}
    for obj in objects:
        found.setdefault(obj.kind, []).append(obj)
    return found


def _same(before_all: Cluster, old: Iterable[Object], new: Iterable[Object], names: Mapping[str, str]) -> bool:
    before, after = list(old), list(new)
    lively = [obj for obj in before if not _is_inert(obj)], [obj for obj in after if not _is_inert(obj)]
    if len(lively[0]) != len(lively[1]):
        return False
    if Counter(_form(obj, names) for obj in lively[0]) != Counter(_form(obj, names) for obj in lively[1]):
        return False
    piled = {_form(obj, names) for obj in after if _is_inert(obj)}
    was = {_form(obj, names) for obj in before if _is_inert(obj)}
    if piled <= was <= piled:
        return True
    kind = next(obj.kind for obj in (*before, *after))
    known = [obj for obj in before_all.objects(kind).values() if _is_inert(obj)]
    more = _names(known)
    return piled | was <= {_form(obj, {**more, **names}) for obj in known}


def _is_inert(obj: Object) -> bool:
    """Whether an object is a pod that has ended or is on its way out."""
    ended = has_ended(obj)
    return obj.kind == "Pod" and (ended or is_being_deleted(obj))


def _names(objects: Iterable[Object]) -> dict[str, str]:
    """What generated names stand for: the name that they were made from."""
    found: dict[str, str] = {}
    for obj in sorted(objects, key=lambda each: (each.kind != "Job", each.kind, each.key)):
        owner = controller_reference(obj) or {}
        kind, name = owner.get("kind"), str(owner.get("name") or "")
        if kind == "Pod" and obj.name.startswith(name):
            found[obj.name] = f"{found.get(name, name)}{obj.name[len(name) :]}"
        elif (obj.kind == "Pod" and kind not in (None, "StatefulSet")) or (obj.kind, kind) == ("Job", "CronJob"):
            stem = obj.name.rpartition("-")[0]
            found[obj.name] = found.get(stem, stem)
        elif obj.kind == "EndpointSlice" and kind:
            found[obj.name] = name
    return found


def _form(obj: Object, names: Mapping[str, str]) -> Hashable:
    seen = (obj.document.get("status") or {}).get("observedGeneration")
    unseen = 0 if seen is None else int(metadata(obj).get("generation") or 1) - int(seen)
    return obj.namespace, unseen, _value(obj.document, names)


def _value(value: Any, names: Mapping[str, str]) -> Hashable:
    if isinstance(value, str):
        return _text(value, names)
    if isinstance(value, Mapping):
        return tuple(
            sorted(
                (_text(key, names), _field(key, inner, names)) for key, inner in value.items() if key not in _GROWING
            )
        )
    if isinstance(value, list | tuple):
        return tuple(_value(each, names) for each in value)
    return type(value).__name__, value


def _field(name: str, value: Any, names: Mapping[str, str]) -> Hashable:
    if name in _UNORDERED and isinstance(value, list):
        return tuple(sorted((_value(each, names) for each in value), key=repr))
    return _value(value, names)


def _text(text: str, names: Mapping[str, str]) -> str:
    if "T" in text and MOMENT.search(text):
        text = MOMENT.sub("TIME", text)
    if "-" not in text:
        return text
    text = _UID.sub("UID", text)
    return _TOKEN.sub(lambda match: names.get(match[0], match[0]), text) if names else text


def _remembered(state: State, places: Collection[tuple[str, str]], names: Mapping[str, str]) -> set[Hashable]:
    """What controllers remember at some places, as far as it is about objects that are there."""
    living = {str(metadata(obj).get("uid")) for obj in state.cluster}
    found: set[Hashable] = set()
    for topic, key in places:
        if any(uid not in living for uid in _UID.findall(key)) or _is_of_gone_pod(state, topic, key):
            continue
        when = state.now - int(key) if key.isdigit() else _text(key, names)
        told = state.memory[topic, key] if topic.startswith(_TELLING) else ""
        found.add((_UID.sub("UID", topic), when, told))
    return found


def _is_of_gone_pod(state: State, topic: str, key: str) -> bool:
    return topic == "taint eviction" and state.cluster.get("Pod", key) is None
