"""From objects as written to objects as stored: admitted, named, and each there once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from kubelogic.apiserver.admission import ADMISSION_READS
from kubelogic.apiserver.operators import operator_of
from kubelogic.facts.modules import kinds_read
from kubelogic.kinds import naming
from kubelogic.kinds.conversion import converted, is_removed
from kubelogic.kinds.evidence import is_stored
from kubelogic.kinds.foreign import foreign_fields, pattern, without
from kubelogic.kinds.table import REMOVED, is_gated, lookup
from kubelogic.kinds.validation import Admitter, Problem
from kubelogic.text import mistaken
from kubelogic.text.documents import Item, fault_at
from kubelogic.text.location import Fault, Path, value_at
from kubelogic.text.notices import Notice
from kubelogic.text.numbers import whole
from kubelogic.text.origin import ItemOrigin
from kubelogic.text.titles import title

if TYPE_CHECKING:
    from kubelogic.apiserver.changes import Change
    from kubelogic.apiserver.operators.made import Operator

KINDS_READ = kinds_read() | ADMISSION_READS | {"Lease"}
"""The kinds that rules or admission plugins read, or that say what the world does (leases: who is heard)."""

LARGEST_OBJECT = 3 * 1024 * 1024
"""Bytes of JSON that one object may have: the API server's limit for a request."""

_Identity = tuple[str, str, str, str]
"""API group, kind, namespace and name."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """An admitted object on its way into the result.

    ``name`` is empty until one is generated; ``written`` is the document before admission, ``place`` its number among
    all that were taken. ``known_as`` is the kind of an object of an operator, where Kubernetes has another of its name;
    what an operator ``made`` stands in no file. ``written`` is None where an object like it was admitted before.
    """

    origin: ItemOrigin
    document: Mapping[str, Any]
    namespace: str
    name: str
    written: Mapping[str, Any] | None
    place: int
    known_as: str = ""
    made: bool = False

    @property
    def stored(self) -> bool:
        """Whether a cluster printed it."""
        return is_stored(self.document if self.written is None else self.written)

    @property
    def has_uid(self) -> bool:
        """Whether it is surely one of a cluster: a Node of a manifest has a status, too."""
        return bool(self.document["metadata"].get("uid"))

    @property
    def identity(self) -> _Identity:
        """What must be unique: API group, kind, namespace and name."""
        group = self.document["apiVersion"].rpartition("/")[0]
        return group, self.known_as or self.document["kind"], self.namespace, self.name


@dataclass(slots=True, kw_only=True)
class Admissions:
    """What one load has admitted so far, and what it has to say. Faults go to the list it is given."""

    namespace: str
    faults: list[Fault]
    keep_going: bool = False
    taken: int = 0
    changes: list[Change] = field(default_factory=list)
    """Manifests of objects that a cluster printed, in the order in which they were written; known after ``settle``."""
    _entries: list[Entry] = field(default_factory=list)
    _notices: list[Notice] = field(default_factory=list)
    _custom: dict[tuple[str, str], list[ItemOrigin]] = field(default_factory=dict)
    _unmodelled: dict[tuple[str, str], list[ItemOrigin]] = field(default_factory=dict)
    _unserved: dict[tuple[str, str], list[ItemOrigin]] = field(default_factory=dict)
    """Objects of Kubernetes' own groups that a cluster serves only with a gate on, or in another release."""
    _old: dict[tuple[str, str], list[ItemOrigin]] = field(default_factory=dict)
    """Objects that an older cluster printed."""
    _foreign: dict[tuple[str, str, str], list[tuple[ItemOrigin, Path]]] = field(default_factory=dict)
    """Fields of another release, in objects that a cluster printed."""
    _partial: list[tuple[int, _Identity, Item, list[Fault]]] = field(default_factory=list)
    """Manifests that are not complete, and what is wrong with them: they may still change an object that is."""
    _late: list[tuple[int, Item]] = field(default_factory=list)
    """Services that may ask for address families which objects read later show the cluster to have."""
    _operated: list[tuple[int, Item, Operator]] = field(default_factory=list)
    """Objects of operators: what has to be made of them hangs on what else was read."""
    _families: set[str] = field(default_factory=lambda: {"IPv4"})
    _admitter: Admitter = field(init=False)

    def __post_init__(self) -> None:
        self._admitter = Admitter(namespace=self.namespace)

    def recall(self, data: bytes, start: int, end: int) -> dict[str, Any] | None:
        """What is stored of an object whose text stands from ``start`` to ``end``, if one like it was taken before."""
        return self._admitter.recall(data, start, end) if end - start <= LARGEST_OBJECT else None

    def take(self, item: Item) -> None:
        """Admit one object, or say why not."""
        self.taken += 1
        if item.recalled:
            self._keep(item, item.document, None, self.taken)
        else:
            self._take(item, self.taken)

    def _take(self, item: Item, place: int, *, late: bool = False) -> None:
        api_version, kind = item.document["apiVersion"], item.document["kind"]
        known = lookup(api_version, kind)
        if known is None and is_removed(api_version, kind) and is_stored(item.document):
            self._old.setdefault((api_version, kind), []).append(item.origin)
            present = converted(item.document)
            if present is not None:
                self._take(msgspec.structs.replace(item, document=present), place, late=late)
            return
        if known is None:
            wrong = naming.unknown_kind(api_version, kind)
            if wrong is None and (operator := operator_of(api_version, kind)) is not None:
                self._operated.append((place, item, operator))
            elif wrong is None:
                self._custom.setdefault((api_version, kind), []).append(item.origin)
            elif is_stored(item.document) or is_gated(api_version, kind):
                self._unserved.setdefault((api_version, kind), []).append(item.origin)
            else:
                self.faults.append(item.fault((wrong[0],), "KL102", wrong[1]))
            return
        if item.size > LARGEST_OBJECT and (size := len(msgspec.json.encode(item.document))) > LARGEST_OBJECT:
            message = f"the object has {size} bytes as JSON; the API server takes {LARGEST_OBJECT}"
            self.faults.append(item.fault((), "KL107", message))
            return
        if kind not in KINDS_READ:
            self._unmodelled.setdefault((api_version, kind), []).append(item.origin)
        admission = self._admitter.admit(item.document, item.text)
        if admission.problems and (foreign := foreign_fields(item.document, admission.problems)):
            for path in foreign:
                self._foreign.setdefault((api_version, kind, pattern(path)), []).append((item.origin, path))
            item = msgspec.structs.replace(item, document=without(item.document, foreign))
            admission = self._admitter.admit(item.document)
        if admission.problems:
            faults = [_refused(item.origin, item.document, problem) for problem in admission.problems]
            identity = None if is_stored(item.document) else self._identity(item, namespaced=known.namespaced)
            if any(problem.code == "KL127" and known.type == "Service" for problem in admission.problems) and not late:
                self._late.append((place, item))
            elif identity is None:
                self.faults += faults
            else:
                self._partial.append((place, identity, item, faults))
            return
        for warning in admission.warnings:
            fault = _fault(item.origin, item.document, warning)
            message = f"{fault.object}: {fault.message}"
            self._notices.append(Notice(code=fault.code, message=message, location=fault.location))
        if kind in _TELLING:
            self._families |= _families_of(item.document)
        self._keep(item, admission.document, item.document, place)

    def _keep(self, item: Item, stored: Mapping[str, Any], written: Mapping[str, Any] | None, place: int) -> None:
        metadata = stored["metadata"]
        self._entries.append(
            Entry(
                origin=item.origin,
                document=stored,
                namespace=metadata.get("namespace") or "",
                name=metadata.get("name") or "",
                written=written,
                place=place,
            )
        )

    def _identity(self, item: Item, *, namespaced: bool) -> _Identity | None:
        """The identity of an object as written; None if it has no name."""
        metadata = item.document.get("metadata")
        name, namespace = (metadata.get("name"), metadata.get("namespace")) if isinstance(metadata, dict) else ("", "")
        if not isinstance(name, str) or not name or not isinstance(namespace or "", str):
            return None
        group = item.document["apiVersion"].rpartition("/")[0]
        return group, item.document["kind"], (namespace or self.namespace) if namespaced else "", name

    def settle(self) -> list[Entry]:
        """The objects that were taken, each named and there once."""
        self._admitter = Admitter(namespace=self.namespace, ip_families=sorted(self._families))
        for place, item in self._late:
            self._take(item, place, late=True)
        if self._operated:
            self._operate()
        self._entries.sort(key=attrgetter("place"))
        return self._unique(_named(self._entries))

    def _operate(self) -> None:
        """Keep the objects of operators, and make what their operators would make of them."""
        from kubelogic.apiserver.operators.reading import Operated, new_children, operated

        found: list[tuple[int, Item, Operated]] = []
        for place, item, operator in self._operated:
            each = operated(item, operator, self._admitter, namespace=self.namespace)
            self.faults += [_fault(item.origin, item.document, problem) for problem in each.problems]
            if not each.problems:
                found.append((place, item, each))
        read = [entry.document for entry in self._entries] if found else []
        there = {entry.identity for entry in self._entries} if found else set()
        for place, item, each in found:
            obj = each.obj
            kept = Entry(
                origin=item.origin,
                document=obj.document,
                namespace=obj.namespace,
                name=obj.name,
                written=item.document,
                place=place,
                known_as=obj.kind,
            )
            self._entries.append(kept)
            for document in new_children(each, read):
                meta = document["metadata"]
                made = msgspec.structs.replace(
                    kept, document=document, name=meta["name"], written=document, known_as="", made=True
                )
                if made.identity in there:
                    message = f"{title(document)} is there already: that of {obj} is not made"
                    self._notices.append(Notice(code="KL103", message=message, location=item.origin.locate(())))
                    continue
                there.add(made.identity)
                self._entries.append(made)

    def all_notices(self) -> tuple[Notice, ...]:
        """What there is to say, in order."""
        return tuple(sorted([*self._notices, *self._of_kinds()], key=lambda notice: notice.order))

    def _unique(self, entries: Sequence[Entry]) -> list[Entry]:
        """The entries, each once. Manifests of objects that a cluster printed are put aside as changes of them.

        Copies of the same document are told; different documents of one name are faults, unless a cluster printed one
        object twice: then the newer one stands. With ``keep_going`` the last one written stands, as if they had been
        applied one after the other.
        """
        plain = {(each.namespace, each.name, each.known_as or each.document["kind"]) for each in entries}
        if not self._partial and len(plain) == len(entries):  # whatever their groups
            return list(entries)
        known = [(entry, entry.identity) for entry in entries]
        from kubelogic.apiserver.changes import change_of  # most inputs are no dump, or nothing but one

        printed = {identity for entry, identity in known if entry.has_uid}
        bases: dict[_Identity, Entry] = {}
        for entry, identity in known:
            if entry.stored and (entry.has_uid or identity not in printed):
                earlier = bases.setdefault(identity, entry)
                if earlier is not entry:
                    bases[identity] = self._one_of(earlier, entry)
        first: dict[_Identity, Entry] = {}
        changes: list[tuple[int, Change]] = []
        for entry, identity in known:
            if identity in bases:
                first.setdefault(identity, bases[identity])
                if not entry.stored or (identity in printed and not entry.has_uid):
                    changes.append((entry.place, change_of(identity, entry.written, entry.origin)))
                continue
            earlier = first.setdefault(identity, entry)
            if earlier is not entry:
                first[identity] = self._one_of(earlier, entry)
        for place, identity, item, faults in self._partial:
            if identity in bases:
                changes.append((place, change_of(identity, item.document, item.origin)))
            else:
                self.faults += faults
        self.changes = [change for _, change in sorted(changes, key=lambda each: each[0])]
        return list(first.values())

    def _one_of(self, earlier: Entry, later: Entry) -> Entry:
        """Which of two documents of one name stands."""
        path, who = ("metadata", "name"), title(later.document)
        place = earlier.origin.locate(path)
        here = later.origin.locate(path)
        if later.document == earlier.document:
            message = f"{who} is given twice, with the same content; the other place is {place}"
            self._notices.append(Notice(code="KL103", message=message, location=here))
            return earlier
        old, new = earlier.document["metadata"], later.document["metadata"]
        if old.get("uid") and old.get("uid") == new.get("uid"):
            newer = earlier if _version(old) > _version(new) else later
            place = newer.origin.locate(path)
            message = f"{who} was printed twice at different times; the newer one stands, of {place}"
            self._notices.append(Notice(code="KL103", message=message, location=here))
            return newer
        message = f"there is another {who}, with other content, at {place}"
        self.faults.append(fault_at(later.origin, path, "KL103", message, title=who))
        return later if self.keep_going else earlier

    def _of_kinds(self) -> Iterator[Notice]:
        for kinds, code, message in (
            (self._custom, "KL108", "{} is not part of Kubernetes and was left out"),
            (self._unmodelled, "KL109", "no rule reads {}: it changes nothing here"),
            (self._unserved, "KL109", "Kubernetes 1.36 by itself serves no {}, and no rule reads it: it was left out"),
        ):
            for (api_version, kind), origins in kinds.items():
                first = min(origins, key=lambda origin: origin.order)
                text = message.format(f"{api_version} {kind}")
                if kind == "Event":
                    text += "; kubelogic explain --event 'MESSAGE' reads what a FailedScheduling says"
                if (api_version.partition("/")[0], kind) in _OF_POOLS:
                    text += "; it says which nodes can be had, which --pools and --scale-up read"
                yield Notice(code=code, message=text, location=first.locate(("kind",)), count=len(origins))
        for (api_version, kind), origins in self._old.items():
            first = min(origins, key=lambda origin: origin.order)
            present = REMOVED[api_version, kind] if converted({"apiVersion": api_version, "kind": kind}) else ""
            became = f"read as {present}" if present else "left out, as it has no equal in this one"
            text = f"{api_version} {kind} was printed by an older cluster: {became}"
            yield Notice(code="KL198", message=text, location=first.locate(("apiVersion",)), count=len(origins))
        for (api_version, kind, place), there in self._foreign.items():
            first, path = min(there, key=lambda each: each[0].order)
            text = f"{kind} of {api_version} has no field {place} in Kubernetes 1.36: left out of what was printed"
            yield Notice(code="KL198", message=text, location=first.locate(path), count=len(there))


_OF_POOLS = frozenset({("cluster.x-k8s.io", "MachineDeployment")}) | {
    ("karpenter.sh", kind) for kind in ("NodeClaim", "NodeOverlay", "NodePool")
}
"""Kinds that nodes are had by: group and kind."""

_TELLING = frozenset({"Node", "Service"})
"""Kinds of which an object may show the address families of its cluster."""


def _families_of(document: Mapping[str, Any]) -> set[str]:
    """The address families that an object which a cluster printed shows it to have."""
    kind, spec = document["kind"], document.get("spec") or {}
    if kind == "Service" and is_stored(document):
        return set(spec.get("ipFamilies") or ())
    ranges = spec.get("podCIDRs") or () if kind == "Node" else ()
    return {"IPv6" if ":" in each else "IPv4" for each in ranges}


def _version(metadata: Mapping[str, Any]) -> int:
    """The resource version as a number; 0 if it is none. Source: KEP-5504, comparable resource versions."""
    return whole(str(metadata.get("resourceVersion") or "")) or 0


_FROM = {"ipFamilies": "clusterIPs", "clusterIPs": "clusterIP"}
"""Fields of Services that are filled in from others: what is wrong with them was written there."""


def _fault(origin: ItemOrigin, document: Mapping[str, Any], problem: Problem) -> Fault:
    name = problem.path[1] if document["kind"] == "Service" and len(problem.path) > 1 else ""
    while name in _FROM and not origin.holds(("spec", name)):
        name = _FROM[str(name)]
        if origin.holds(("spec", name)):
            where = origin.locate(("spec", name))
            line, caret = origin.excerpt(where)
            fault = fault_at(origin, problem.path, problem.code, problem.message, title=title(document))
            return msgspec.structs.replace(fault, location=where, excerpt=line, caret=caret)
    return fault_at(origin, problem.path, problem.code, problem.message, title=title(document), on_key=problem.on_key)


def _refused(origin: ItemOrigin, document: Mapping[str, Any], problem: Problem) -> Fault:
    """The fault of a value that is refused, with the cause where nobody filled it in."""
    fault = _fault(origin, document, problem)
    value = (problem.path or (None,))[-1] if problem.on_key else value_at(document, problem.path)
    what = mistaken.of_value(value, fault.location.file)
    return msgspec.structs.replace(fault, message=f"{fault.message} (this looks like {what})") if what else fault


def _named(entries: list[Entry]) -> list[Entry]:
    """The entries, with names for those that left the choice to the API server."""
    if all(map(attrgetter("name"), entries)):
        return entries
    taken = {entry.identity for entry in entries if entry.name}
    result: list[Entry] = []
    for entry in entries:
        if entry.name:
            result.append(entry)
            continue
        metadata = entry.document["metadata"]
        copy = 0
        while True:
            name = naming.generated_name(metadata["generateName"], entry.document, copy=copy)
            document = {**entry.document, "metadata": {**metadata, "name": name}}
            named = msgspec.structs.replace(entry, document=document, name=name)
            if named.identity not in taken:
                break
            copy += 1
        taken.add(named.identity)
        result.append(named)
    return result
