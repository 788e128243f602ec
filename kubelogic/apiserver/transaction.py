"""The next cluster while the actions of a tick are applied to it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver.answers import Refused, Status
from kubelogic.cluster import Object, naming
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.edit import edited, metadata, uid_of, with_document
from kubelogic.cluster.slow_start import SlowStart
from kubelogic.cluster.state import State, Warned
from kubelogic.facts.parameters import parameters_of
from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.logic import Rulebook, Value

Made = TypeVar("Made")

CLASSES = ("PriorityClass", "RuntimeClass", "StorageClass")
"""Kinds that decisions about other objects rest on."""

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


class Rounds(msgspec.Struct, kw_only=True):
    """How often the policies that change an object have looked at it: twice, if one changes what another has seen.

    ``invoked`` are those that may be asked again, ``due`` those that have to be; ``again`` is the second round.
    ``changed`` says whether any policy has changed the object, and ``last`` is what the policies have left of it.
    """

    invoked: set[tuple[str, str, str]] = msgspec.field(default_factory=set)
    due: set[tuple[str, str, str]] = msgspec.field(default_factory=set)
    again: bool = False
    changed: bool = False
    last: Any = None


class Denied(msgspec.Struct, frozen=True, kw_only=True):
    """A change or deletion of a controller that the API server did not grant.

    Attributes:
        verb: ``change`` or ``delete``.
        kind: kind of the object.
        key: its key.
        answer: the refusal.
    """

    verb: str
    kind: str
    key: str
    answer: Status


ADMINISTRATOR = "kubernetes-admin"
"""Who sends the requests of people: no manifest says it."""


class Transaction(msgspec.Struct, kw_only=True):
    """Collects changes of a state; lives inside one call of ``apply``."""

    state: State
    changed: dict[tuple[str, str], Object | None] = msgspec.field(default_factory=dict)
    kinds: set[str] = msgspec.field(default_factory=set)
    """Kinds of objects that were put in here."""
    memory: dict[tuple[str, str], Value | None] = msgspec.field(default_factory=dict)
    names: dict[str, int] = msgspec.field(default_factory=dict)
    shared: dict[Any, Any] = msgspec.field(default_factory=dict)
    """Parts of documents that several objects share, and what they were made from; see ``alike``."""
    refused: list[Refused] = msgspec.field(default_factory=list)
    """What controllers wanted to make and the API server did not take."""
    denied: list[Denied] = msgspec.field(default_factory=list)
    """What the action that is being applied wanted to change or delete, and may not."""
    sender: str = ADMINISTRATOR
    """Whose requests these are, as the API server knows users."""
    starts: dict[tuple[str, str], SlowStart] = msgspec.field(default_factory=dict)
    """How far each owner, by kind and key, has come in making its pods."""
    undone: bool = False
    """Whether the action that is being applied changes nothing: refused, or not tried."""
    decided: dict[Any, Any] = msgspec.field(default_factory=dict)
    """What the rules of admission have decided so far, and what decides it; see ``deciding``."""
    warned: set[Warned] = msgspec.field(default_factory=set)
    """What is said about objects that are taken."""
    rounds: Rounds = msgspec.field(default_factory=Rounds)
    """Of the object that is being admitted."""
    presumed: frozenset[str] = frozenset()
    """Namespaces that are taken to be there although no object says so."""
    _parameters: dict[str, Value] = msgspec.field(default_factory=dict)
    _own: dict[int, dict[str, Any]] = msgspec.field(default_factory=dict)
    """Statuses that were copied for this transaction, by identity: they are changed in place from then on."""

    @property
    def now(self) -> str:
        """The present as the API writes it."""
        return timestamp(self.state.now)

    @property
    def rules(self) -> Rulebook:
        """The rules that the API server decides by."""
        return self.state.rules or builtin_rulebook()

    def parameter(self, name: str) -> int:
        """A number of the control plane.

        Raises:
            KeyError: if there is none of that name.
        """
        return int(self.parameters()[name])

    def range_of(self, name: str) -> str:
        """A range of the control plane, as its text.

        Raises:
            KeyError: if there is none of that name.
        """
        return str(self.parameters()[name])

    def parameters(self) -> Mapping[str, Value]:
        """All numbers and ranges of the control plane, by name."""
        if not self._parameters:
            self._parameters.update(parameters_of(self.rules))
        return self._parameters

    def get(self, kind: str, key: str) -> Object | None:
        """An object as it is by now."""
        identity = kind, key
        changed = self.changed.get(identity)
        if changed is not None or identity in self.changed:
            return changed
        return self.state.cluster.get(kind, key)

    def put(self, obj: Object) -> None:
        """Add or replace an object."""
        if obj.kind in CLASSES:
            self.decided.clear()
        self.kinds.add(obj.kind)
        self.changed[obj.kind, obj.key] = obj

    def remove(self, kind: str, key: str) -> None:
        """Take an object away at once."""
        self.changed[kind, key] = None

    def warn(self, obj: Object, text: str, reason: str = "") -> None:
        """Say something about an object that is taken; with a reason it is an Event as well."""
        self.warned.add(Warned(kind=obj.kind, key=obj.key, text=text, reason=reason))

    def edit(self, kind: str, key: str, path: Sequence[str], fields: Mapping[str, Any]) -> None:
        """Set fields of an object that may be gone by now. A change of the spec raises the generation."""
        obj = self.get(kind, key)
        if obj is None:
            return
        if path == ["status"]:
            self.set_status(obj, fields)
            return
        obj = edited(obj, path, fields)
        if path and path[0] == "spec" and kind not in ("Pod", "Node"):
            obj = edited(obj, ["metadata"], {"generation": int(metadata(obj).get("generation") or 1) + 1})
        self.put(obj)

    def set_status(self, obj: Object, fields: Mapping[str, Any]) -> None:
        """Set fields of the status of an object, which is as it is by now; None removes one."""
        status = self._own.get(id(obj.document.get("status")))
        if status is None:
            status = dict(obj.document.get("status") or {})
            self.put_status(obj, status, own=True)
        for name, value in fields.items():
            if value is None:
                status.pop(name, None)
            else:
                status[name] = value

    def put_status(self, obj: Object, status: dict[str, Any], *, own: bool) -> None:
        """Give an object another status; ``own`` if no other object has the very same, so that it can be changed."""
        if own:
            self._own[id(status)] = status
        self.put(with_document(obj, {**obj.document, "status": status}))

    def bind(self, pod: Object, node: str, status: dict[str, Any]) -> None:
        """Give a pod its node, and the status that it has then.

        Source: pkg/registry/core/pod/storage/storage.go, assignPod.
        """
        spec = {**pod.document["spec"], "nodeName": node}
        self.put(with_document(pod, {**pod.document, "spec": spec, "status": status}))

    def status_after(
        self, obj: Object, what: Hashable, parts: tuple[object, ...], make: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """What becomes of the status of an object; objects that share theirs share what becomes of it.

        Args:
            obj: as it is by now.
            what: the change; with the status and the parts it says all that ``make`` looks at.
            parts: further parts of the document, told apart by identity.
            make: gives the status after.
        """
        status = obj.document.get("status")
        return make() if id(status) in self._own else self.alike(what, (status, *parts), make)

    def alike(self, what: Hashable, parts: tuple[object, ...], make: Callable[[], Made]) -> Made:
        """A part of a document that many objects can share: what becomes of the very same parts is made once.

        Args:
            what: the change; with the parts it says all that ``make`` looks at.
            parts: the parts of the document before, told apart by identity.
            make: gives the part after.
        """
        mark = (what, *map(id, parts))
        found = self.shared.get(mark)
        if found is None:
            found = self.shared[mark] = (parts, make())  # what is kept cannot lend its identity to another
        made: Made = found[1]
        return made

    def known(self, what: Hashable, part: object) -> Any:
        """What ``keep`` kept for the very same part, or None."""
        found = self.shared.get((what, id(part)))
        return None if found is None else found[1]

    def keep(self, what: Hashable, part: object, made: object) -> None:
        """Keep what became of a part of a document, for objects that share it."""
        self.shared[what, id(part)] = (part, made)

    def create(
        self,
        *,
        api_version: str,
        kind: str,
        key: str,
        document: Mapping[str, Any],
        owner: Object | None = None,
        blocking: bool = True,
    ) -> Object:
        """Add a new object with the metadata that the API server gives it.

        Args:
            api_version: group and version.
            kind: kind.
            key: ``namespace/name`` or ``name``.
            document: the rest; ``metadata`` may hold labels, annotations, finalizers and so on.
            owner: the object that becomes its controller.
            blocking: whether foreground deletion of the owner waits for it.
        """
        namespace, _, name = key.rpartition("/")
        given = dict(document.get("metadata") or {})
        given["name"] = name
        if namespace:
            given["namespace"] = namespace
        given["uid"] = naming.uid(kind, key, self.state.now)
        given["creationTimestamp"] = self.now
        given.setdefault("generation", 1)
        if owner is not None:
            given["ownerReferences"] = self.alike(
                ("owner", blocking), (owner,), lambda: [reference(owner, blocking=blocking)]
            )
        obj = Object(
            api_version=api_version,
            kind=kind,
            namespace=namespace,
            name=name,
            document={**document, "apiVersion": api_version, "kind": kind, "metadata": given},
        )
        self.put(obj)
        return obj

    def delete(self, kind: str, key: str, *, propagation: str = "", grace: int | None = None) -> None:
        """Delete as the API server does: at once, or marked while grace or finalizers hold it.

        Args:
            kind: kind.
            key: key.
            propagation: ``Background``, ``Foreground``, ``Orphan``, or empty for the default.
            grace: seconds; None for the object's own.
        """
        obj = self.get(kind, key)
        if obj is None:
            return
        meta = metadata(obj)
        finalizers = [f for f in meta.get("finalizers") or () if f not in (FOREGROUND, ORPHAN)]
        if propagation == "Foreground":
            finalizers.append(FOREGROUND)
        elif propagation == "Orphan":
            finalizers.append(ORPHAN)
        elif not propagation:
            finalizers = list(meta.get("finalizers") or ())
        seconds = _grace(obj, grace) if kind == "Pod" else 0
        if not finalizers and not seconds and kind != "Namespace":
            self.remove(kind, key)
            return
        fields: dict[str, Any] = {"finalizers": finalizers or None}
        was = meta.get("deletionGracePeriodSeconds")
        if not meta.get("deletionTimestamp") or (was is not None and seconds < was):
            fields["deletionTimestamp"] = timestamp(self.state.now + 1000 * seconds)
            fields["deletionGracePeriodSeconds"] = seconds
            fields["generation"] = int(meta.get("generation") or 1) + 1
        if kind == "Namespace":
            obj = edited(obj, ["status"], {"phase": "Terminating"})
        self.put(edited(obj, ["metadata"], fields))

    def finish_deletion(self, kind: str, key: str) -> None:
        """Remove an object that was deleted, if no finalizer and no grace period holds it any more.

        Source: ShouldDeleteDuringUpdate in staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go;
        ShouldDeleteNamespaceDuringUpdate in pkg/registry/core/namespace/storage/storage.go.
        """
        obj = self.get(kind, key)
        if obj is None or not metadata(obj).get("deletionTimestamp") or metadata(obj).get("finalizers"):
            return
        if kind == "Namespace" and (obj.document.get("spec") or {}).get("finalizers"):
            return
        if not metadata(obj).get("deletionGracePeriodSeconds"):
            self.remove(kind, key)

    def finish(self) -> State:
        """The state with all changes in it."""
        gone = [identity for identity, obj in self.changed.items() if obj is None]
        kept = [obj for obj in self.changed.values() if obj is not None]
        memory = self.state.memory
        if self.memory:
            memory = {k: v for k, v in {**memory, **self.memory}.items() if v is not None}
        names = {**self.state.names, **self.names} if self.names else self.state.names
        warned = self.state.warned | self.warned if self.warned else self.state.warned
        cluster = self.state.cluster.replacing(kept, without=gone)
        return replace(self.state, cluster=cluster, memory=memory, names=names, warned=warned)


def reference(owner: Object, *, controller: bool = True, blocking: bool = True) -> dict[str, Any]:
    """An owner reference to an object."""
    found: dict[str, Any] = {
        "apiVersion": owner.api_version,
        "kind": owner.kind,
        "name": owner.name,
        "uid": uid_of(owner),
    }
    if controller:
        found["controller"] = True
    if blocking:
        found["blockOwnerDeletion"] = True
    return found


def owners(obj: Object) -> list[dict[str, Any]]:
    """The owner references of an object."""
    return list(metadata(obj).get("ownerReferences") or ())


def without_owner(references: Iterable[Mapping[str, Any]], owner_uid: str) -> list[Mapping[str, Any]] | None:
    """The references but the one to ``owner_uid``; None instead of an empty list."""
    return [r for r in references if r.get("uid") != owner_uid] or None


def _grace(obj: Object, grace: int | None) -> int:
    """Seconds that a pod has to terminate. Source: the pod strategy of the API server, CheckGracefulDelete."""
    spec = obj.document.get("spec") or {}
    status = obj.document.get("status") or {}
    if not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
        return 0
    if grace is not None:
        return max(grace, 0)
    own = spec.get("terminationGracePeriodSeconds")
    return 30 if own is None else int(own)
