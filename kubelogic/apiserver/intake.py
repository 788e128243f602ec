"""From objects as written to objects as stored: admitted, named, and each there once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kubelogic.kinds import naming
from kubelogic.kinds.table import lookup
from kubelogic.kinds.validation import Admitter, Problem, cross_check
from kubelogic.text.documents import Item, fault_at
from kubelogic.text.location import Fault
from kubelogic.text.notices import Notice
from kubelogic.text.origin import ItemOrigin
from kubelogic.text.titles import title

LARGEST_OBJECT = 3 * 1024 * 1024
"""Bytes of JSON that one object may have: the API server's limit for a request."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """An admitted object on its way into the result. ``name`` is empty until one is generated."""

    origin: ItemOrigin
    document: Mapping[str, Any]
    namespace: str
    name: str

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What must be unique: API group, kind, namespace and name."""
        group = self.document["apiVersion"].rpartition("/")[0]
        return group, self.document["kind"], self.namespace, self.name


@dataclass(slots=True, kw_only=True)
class Admissions:
    """What one load has admitted so far, and what it has to say. Faults go to the list it is given."""

    namespace: str
    faults: list[Fault]
    keep_going: bool = False
    taken: int = 0
    _entries: list[Entry] = field(default_factory=list)
    _notices: list[Notice] = field(default_factory=list)
    _custom: dict[tuple[str, str], list[ItemOrigin]] = field(default_factory=dict)
    _unmodelled: dict[tuple[str, str], list[ItemOrigin]] = field(default_factory=dict)
    _admitter: Admitter = field(init=False)

    def __post_init__(self) -> None:
        self._admitter = Admitter(namespace=self.namespace)

    def take(self, item: Item) -> None:
        """Admit one object, or say why not."""
        self.taken += 1
        api_version, kind = item.document["apiVersion"], item.document["kind"]
        known = lookup(api_version, kind)
        if known is None:
            wrong = naming.unknown_kind(api_version, kind)
            if wrong is None:
                self._custom.setdefault((api_version, kind), []).append(item.origin)
            else:
                self.faults.append(item.fault((wrong[0],), "KL102", wrong[1]))
            return
        if item.size > LARGEST_OBJECT and (size := len(msgspec.json.encode(item.document))) > LARGEST_OBJECT:
            message = f"the object has {size} bytes as JSON; the API server takes {LARGEST_OBJECT}"
            self.faults.append(item.fault((), "KL107", message))
            return
        if not known.modelled:
            self._unmodelled.setdefault((api_version, kind), []).append(item.origin)
        admission = self._admitter.admit(item.document)
        if admission.problems:
            self.faults += [_fault(item.origin, item.document, problem) for problem in admission.problems]
            return
        for warning in admission.warnings:
            fault = _fault(item.origin, item.document, warning)
            message = f"{fault.object}: {fault.message}"
            self._notices.append(Notice(code=fault.code, message=message, location=fault.location))
        metadata = admission.document["metadata"]
        self._entries.append(
            Entry(
                origin=item.origin,
                document=admission.document,
                namespace=metadata["namespace"] if known.namespaced else "",
                name=metadata.get("name") or "",
            )
        )

    def settle(self) -> list[Entry]:
        """The objects that were admitted, each named and there once, checked against each other."""
        self._entries.sort(key=lambda entry: entry.origin.order)
        entries = self._unique(_named(self._entries))
        refused = set()
        for index, problem in cross_check([entry.document for entry in entries]):
            self.faults.append(_fault(entries[index].origin, entries[index].document, problem))
            refused.add(index)
        return [entry for index, entry in enumerate(entries) if index not in refused]

    def all_notices(self) -> tuple[Notice, ...]:
        """What there is to say, in order."""
        return tuple(sorted([*self._notices, *self._of_kinds()], key=lambda notice: notice.order))

    def _unique(self, entries: Sequence[Entry]) -> list[Entry]:
        """The entries without copies of the same document; different documents of one name are faults.

        With ``keep_going`` the last one written stands, as if they had been applied one after the other.
        """
        first: dict[tuple[str, str, str, str], Entry] = {}
        for entry in entries:
            earlier = first.setdefault(entry.identity, entry)
            if earlier is entry:
                continue
            path, who = ("metadata", "name"), title(entry.document)
            place = earlier.origin.locate(path)
            if entry.document == earlier.document:
                message = f"{who} is given twice, with the same content; the other place is {place}"
                self._notices.append(Notice(code="KL103", message=message, location=entry.origin.locate(path)))
            else:
                message = f"there is another {who}, with other content, at {place}"
                self.faults.append(fault_at(entry.origin, path, "KL103", message, title=who))
                if self.keep_going:
                    first[entry.identity] = entry
        return list(first.values())

    def _of_kinds(self) -> Iterator[Notice]:
        for kinds, code, message in (
            (self._custom, "KL108", "{} is not part of Kubernetes and was left out"),
            (self._unmodelled, "KL109", "no rule reads {}: it changes nothing here"),
        ):
            for (api_version, kind), origins in kinds.items():
                first = min(origins, key=lambda origin: origin.order)
                text = message.format(f"{api_version} {kind}")
                yield Notice(code=code, message=text, location=first.locate(("kind",)), count=len(origins))


def _fault(origin: ItemOrigin, document: Mapping[str, Any], problem: Problem) -> Fault:
    return fault_at(origin, problem.path, problem.code, problem.message, title=title(document), on_key=problem.on_key)


def _named(entries: list[Entry]) -> list[Entry]:
    """The entries, with names for those that left the choice to the API server."""
    if all(entry.name for entry in entries):
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
            named = Entry(origin=entry.origin, document=document, namespace=entry.namespace, name=name)
            if named.identity not in taken:
                break
            copy += 1
        taken.add(named.identity)
        result.append(named)
    return result
