"""Where a value stands in what a person wrote, and who wrote it where no person did.

A pod that a controller made is followed to the template, and to the manifest that holds it. A value that nobody wrote
has the place of what it was made from: the limit that a request defaults to, the LimitRange or RuntimeClass of an
admission plugin; else that of the nearest field around it, with a word about its author.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver.chain import PLUGINS, Plugin
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import with_document
from kubelogic.cluster.pods import controller_reference
from kubelogic.cluster.state import State
from kubelogic.explain.ancestry import Ancestor, ancestor, common, counterpart
from kubelogic.facts.base import Fact
from kubelogic.facts.tracing import decided, extant
from kubelogic.kinds.defaults import defaulted
from kubelogic.kinds.evidence import is_stored, stand_in_reason
from kubelogic.text import documents
from kubelogic.text.location import Location, Path, dotted, value_at
from kubelogic.text.origin import ItemOrigin

_GIVEN_BY = {
    "DefaultStorageClass": "StorageClass",
    "LimitRanger": "LimitRange",
    "Priority": "PriorityClass",
    "RuntimeClass": "RuntimeClass",
}
"""Admission plugins, and the kind of objects from which they take what they write."""

_GENERATIONS = 6


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """Where a value was written.

    Attributes:
        places: of all fields that decide it, the one that matters most first; empty if no file says anything.
        author: who wrote it, if no person did: ``default of Pod.spec.restartPolicy``, ``written by the scheduler``.
    """

    places: tuple[Location, ...] = ()
    author: str = ""

    def __str__(self) -> str:
        shown = ", ".join(str(place) for place in self.places[:3])
        rest = f" and {len(self.places) - 3} more" if len(self.places) > 3 else ""
        return "; ".join(part for part in (shown + rest, self.author) if part)


class Writings:
    """Finds where values of one state were written."""

    def __init__(self, state: State, loaded: Cluster) -> None:
        """Nothing is looked at yet.

        Args:
            state: whose objects the values are of.
            loaded: the objects as they were read.
        """
        self._state = state
        self._loaded = loaded
        self._known: dict[tuple[str, str, Path], Written] = {}

    def of(self, obj: Object, path: Path) -> Written:
        """Where the value of a field was written.

        Args:
            obj: an object of the state.
            path: of a field; if it is absent, the place is that of the nearest one around it.
        """
        mark = obj.kind, obj.key, path
        if mark not in self._known:
            self._known[mark] = self._of(obj, path)
        return self._known[mark]

    def _of(self, obj: Object, path: Path) -> Written:
        here, at = obj, path
        if not path or extant(obj.document, path) != path:
            return self._nearest(obj, path)
        for _ in range(_GENERATIONS):
            if here.origin is not None:
                return self._in_file(obj, here, path=path, at=at)
            above = ancestor(self._state.cluster, here, at)
            if above is None:
                return self._made(obj, path)
            if not above.copied:
                return self._added(obj, path, above)
            here, at = above.obj, above.path
        return self._made(obj, path)

    def _made(self, obj: Object, path: Path) -> Written:
        """For objects that the control plane made of nothing that was written: their namespace."""
        namespace = self._state.cluster.get("Namespace", obj.namespace)
        there = namespace is not None and namespace.origin is not None
        places = (namespace.origin.locate(("metadata", "name")),) if namespace and namespace.origin and there else ()
        return Written(places=places, author=_maker(obj, path))

    def _nearest(self, obj: Object, path: Path) -> Written:
        """The place around a field that is absent; of the object for the empty path."""
        for _ in range(_GENERATIONS):
            if obj.origin is not None:
                return Written(places=(obj.origin.locate(path),))
            above = ancestor(self._state.cluster, obj, extant(obj.document, path))
            if above is None:
                break
            obj, path = above.obj, above.path
        return self._made(obj, ())

    def _in_file(self, obj: Object, here: Object, *, path: Path, at: Path) -> Written:
        """The place in the file of an object, which has a value at a path by now."""
        assert here.origin is not None
        if reason := stand_in_reason(here.document):
            inner = at[2:] if at[:2] == ("spec", "template") else ()
            place = here.origin.locate(inner if here.origin.holds(inner) else ("metadata", "ownerReferences"))
            return Written(places=(place,), author=f"stand-in for {here}, made from {reason}")
        first = self._loaded.get(here.kind, here.key)
        if first is None:  # a step of a scenario applied it
            return Written(places=(here.origin.locate(at),))
        there, same = counterpart(here.document, first.document, at)
        if not same:
            bare = common(obj.document, first.document) if here is obj else None
            return self._added(obj, path, Ancestor(obj=first, path=there, copied=False, depth=len(there), bare=bare))
        if here.origin.holds(there):
            return Written(places=(here.origin.locate(there),))
        return self._default(first, there)

    def _default(self, obj: Object, path: Path) -> Written:
        """A value that the API server filled in when it read a manifest."""
        assert obj.origin is not None
        author = f"default of {obj.kind}.{dotted(path)}"
        raw = documents.written(obj.origin) if isinstance(obj.origin, ItemOrigin) else None
        if isinstance(raw, dict) and not is_stored(raw):
            raw = _without_nulls(raw)

            def extract(changed: Object) -> Iterator[Fact]:
                identity = {"apiVersion": obj.api_version, "kind": obj.kind}
                yield _value(defaulted({**changed.document, **identity}), path)

            found = decided(extract, with_document(obj, raw), _value(defaulted(raw), path))
            if found is not None and found.stated:
                said = [each for each in found.paths if each and obj.origin.holds(each)]
                if said:
                    return Written(places=tuple(obj.origin.locate(each) for each in said), author=author)
        return Written(places=(obj.origin.locate(path),), author=author)

    def _added(self, obj: Object, path: Path, source: Ancestor) -> Written:
        """A value that admission or a controller wrote into an object made from a source."""
        near = self._nearest(source.obj, source.path)
        if path[0] != "status" and source.bare is not None and source.depth < len(path):
            bare = with_document(obj, source.bare)
            filled = self._filled(obj, bare, path)
            if filled is not None:
                return filled
            for plugin in PLUGINS:
                question = _Question(plugin=plugin, bare=bare, obj=obj, path=path, depth=source.depth)
                if plugin.admit is not None and question.holds(self._state):
                    return self._from(question) or replace(near, author=f"admission plugin {plugin.name}")
        return replace(near, author=_maker(obj, path))

    def _filled(self, obj: Object, bare: Object, path: Path) -> Written | None:
        """A default of a made object, where another field decides it: a request that is the limit."""
        wanted = _value(obj.document, path)
        if _value(bare.document, path) == wanted or _value(defaulted(bare.document), path) != wanted:
            return None
        identity = {"apiVersion": obj.api_version, "kind": obj.kind}
        found = decided(lambda changed: (_value(defaulted({**changed.document, **identity}), path),), bare, wanted)
        if found is None or not found.stated:
            return None
        places = tuple(place for each in found.paths for place in self.of(obj, each).places)
        return Written(places=places, author=f"default of {obj.kind}.{dotted(path)}")

    def _from(self, question: _Question) -> Written | None:
        """The field of another object from which a plugin of admission took a value."""
        kind = _GIVEN_BY.get(question.plugin.name)
        for given in self._state.cluster.objects(kind).values() if kind else ():
            if given.namespace in ("", question.obj.namespace) and given.origin is not None:
                found = decided(lambda changed: question.given(self._state, changed), given, question.fact)
                if found is not None and found.stated:
                    said = [each for each in found.paths if given.origin.holds(each)] or found.paths
                    places = tuple(given.origin.locate(each) for each in said)
                    return Written(places=places, author=f"{given}, by admission plugin {question.plugin.name}")
        return None


class _Question(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a plugin of admission writes a value into an object that lacks it.

    Attributes:
        plugin: changes objects.
        bare: the object without the value.
        obj: the object with it.
        path: of the value.
        depth: the step that the bare object lacks.
    """

    plugin: Plugin
    bare: Object
    obj: Object
    path: Path
    depth: int

    @property
    def fact(self) -> Fact:
        """The value that the object has."""
        return _value(self.obj.document, self.path)

    def holds(self, state: State) -> bool:
        """Whether the plugin writes the very value."""
        return self.fact in self.written(state)

    def written(self, state: State) -> Sequence[Fact]:
        """What the plugin writes in a state: the value; for items of lists that of each new item."""
        assert self.plugin.admit is not None
        tx = Transaction(state=state)
        tx.put(self.bare)
        self.plugin.admit(tx, self.bare, None)
        admitted = tx.get(self.obj.kind, self.obj.key)
        if admitted is None:
            return ()
        above, rest = self.path[: self.depth], self.path[self.depth + 1 :]
        if not isinstance(self.path[self.depth], int):
            before, after = (_value(each.document, self.path) for each in (self.bare, admitted))
            return (after,) if after != before else ()
        there = value_at(self.bare.document, above) or ()
        return [_value(item, rest) for item in value_at(admitted.document, above) or () if item not in there]

    def given(self, state: State, changed: Object) -> Sequence[Fact]:
        """The same when another object is changed."""
        return self.written(replace(state, cluster=state.cluster.replacing([changed])))


def _without_nulls(value: Any) -> Any:
    """A written tree as the API server reads it: a null is absent, and as an item it is one in which nothing is set."""
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [{} if each is None else _without_nulls(each) for each in value]
    return value


def _value(document: Any, path: Path) -> Fact:
    """A value as a fact, so that what decides it can be found."""
    return "value", (msgspec.json.encode(value_at(document, path), order="sorted").decode(),)


def _maker(obj: Object, path: Path) -> str:
    """Who writes such a field, where neither a person nor admission does."""
    if path[:2] == ("spec", "nodeName"):
        return "written by the scheduler"
    if path[:1] == ("status",):
        return f"status of {obj}, written by the control plane"
    reference = controller_reference(obj)
    if reference is not None and obj.origin is None and reference["kind"] in _CONTROLLERS:
        return f"written by the {reference['kind']} controller"
    return "written by the control plane" if path or obj.origin is not None else f"{obj} was made by the control plane"


_CONTROLLERS = frozenset(
    {"CronJob", "DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"}
)
