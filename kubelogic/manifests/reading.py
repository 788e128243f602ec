"""Files to objects: read, admit and name everything, or say all that is wrong at once."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kubelogic.manifests import documents, naming, sources
from kubelogic.manifests.documents import Item
from kubelogic.manifests.kinds import lookup
from kubelogic.manifests.location import Fault, InputError
from kubelogic.manifests.notices import Notice
from kubelogic.manifests.objects import Object
from kubelogic.manifests.validation import Problem, admit, cross_check

_MANY = 1_000_000
LARGEST_OBJECT = 3 * 1024 * 1024
"""Bytes of JSON that one object may have: the API server's limit for a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read: the objects, by kind and key, and what there is to say about them."""

    objects: tuple[Object, ...]
    notices: tuple[Notice, ...]


def load(paths: Iterable[str | os.PathLike[str]], *, stdin: bytes | None = None, namespace: str = "default") -> Reading:
    """Read Kubernetes manifests: YAML and JSON, one or many objects each, Lists, whole directories.

    The result does not depend on the order of the files or of the documents in them.

    Args:
        paths: files, directories (walked for .yaml, .yml and .json) and ``-`` for ``stdin``.
        stdin: the bytes that ``-`` stands for.
        namespace: where namespaced objects go that do not say.

    Raises:
        InputError: something cannot be read, or the API server would refuse it. Holds every fault of every
        file;
            nothing is half read.
    """
    with _collector_paused():
        names, faults = sources.find(paths)
        items: list[Item] = []
        for name in names:
            match sources.read(name, stdin):
                case Fault() as fault:
                    faults.append(fault)
                case source:
                    found, wrong = documents.read(source)
                    items += found
                    faults += wrong
        if not items and not faults:
            faults.append(sources.unreadable(", ".join(names) or "input", "there is no object in it"))
        findings = _Findings(faults=faults)
        items.sort(key=lambda item: item.origin.order)
        admitted = [_admit(item, namespace, findings) for item in items]
        entries = _unique(_named([entry for entry in admitted if entry is not None]), findings)
        for index, problem in cross_check([entry.document for entry in entries]):
            findings.faults.append(_fault(entries[index].item, problem))
        if findings.faults:
            raise InputError(findings.faults)
        notices = sorted([*findings.notices, *_of_kinds(findings)], key=lambda notice: notice.order)
        return Reading(objects=_objects(entries), notices=tuple(notices))


def _objects(entries: Iterable[_Entry]) -> tuple[Object, ...]:
    objects = [
        Object(
            api_version=entry.document["apiVersion"],
            kind=entry.document["kind"],
            namespace=entry.namespace,
            name=entry.name,
            document=entry.document,
            origin=entry.item.origin,
        )
        for entry in entries
    ]
    objects.sort(key=lambda obj: (obj.kind, obj.key, obj.api_version))
    return tuple(objects)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the cyclic collector from looking through trees that only grow and hold no cycles.

    That would double the time of a big load, and every later collection would look again: what is alive after a
    big load is exempt for good (``gc.freeze``; reference counts still free it).
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        if gc.get_count()[0] > _MANY:
            gc.freeze()
    finally:
        if enabled:
            gc.enable()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Entry:
    """An admitted object on its way into the result."""

    item: Item
    document: Mapping[str, Any]
    namespace: str
    name: str

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What must be unique: API group, kind, namespace and name."""
        return (
            self.document["apiVersion"].rpartition("/")[0],
            self.document["kind"],
            self.namespace,
            self.name,
        )


@dataclass(slots=True, kw_only=True)
class _Findings:
    """What one load has to say so far."""

    faults: list[Fault]
    notices: list[Notice] = field(default_factory=list)
    custom: dict[tuple[str, str], list[Item]] = field(default_factory=dict)
    unmodelled: dict[tuple[str, str], list[Item]] = field(default_factory=dict)


def _admit(item: Item, namespace: str, findings: _Findings) -> _Entry | None:
    """Admit one object, or say why not."""
    api_version, kind = item.document["apiVersion"], item.document["kind"]
    known = lookup(api_version, kind)
    if known is None:
        wrong = naming.unknown_kind(api_version, kind)
        if wrong is None:
            findings.custom.setdefault((api_version, kind), []).append(item)
        else:
            findings.faults.append(item.fault((wrong[0],), "KL102", wrong[1]))
        return None
    if item.size > LARGEST_OBJECT and (size := len(msgspec.json.encode(item.document))) > LARGEST_OBJECT:
        message = f"the object has {size} bytes as JSON; the API server takes {LARGEST_OBJECT}"
        findings.faults.append(item.fault((), "KL107", message))
        return None
    if not known.modelled:
        findings.unmodelled.setdefault((api_version, kind), []).append(item)
    admission = admit(item.document, namespace=namespace)
    if admission.problems:
        findings.faults += [_fault(item, problem) for problem in admission.problems]
        return None
    for warning in admission.warnings:
        fault = _fault(item, warning)
        message = f"{fault.object}: {fault.message}"
        findings.notices.append(Notice(code=fault.code, message=message, location=fault.location))
    metadata = admission.document["metadata"]
    space = metadata.get("namespace", namespace) if known.namespaced else ""
    return _Entry(item=item, document=admission.document, namespace=space, name=metadata.get("name") or "")


def _fault(item: Item, problem: Problem) -> Fault:
    return item.fault(problem.path, problem.code, problem.message, on_key=problem.on_key)


def _named(entries: Sequence[_Entry]) -> list[_Entry]:
    """The entries with names for those that left the choice to the API server."""
    taken = {entry.identity for entry in entries if entry.name}
    result: list[_Entry] = []
    for entry in entries:
        if entry.name:
            result.append(entry)
            continue
        metadata = entry.document["metadata"]
        copy = 0
        while True:
            name = naming.generated_name(metadata["generateName"], entry.document, copy=copy)
            document = {**entry.document, "metadata": {**metadata, "name": name}}
            named = _Entry(item=entry.item, document=document, namespace=entry.namespace, name=name)
            if named.identity not in taken:
                break
            copy += 1
        taken.add(named.identity)
        result.append(named)
    return result


def _unique(entries: Sequence[_Entry], findings: _Findings) -> list[_Entry]:
    """The entries without repetitions of the same document; different documents of one name are faults."""
    first: dict[tuple[str, str, str, str], _Entry] = {}
    for entry in entries:
        earlier = first.setdefault(entry.identity, entry)
        if earlier is entry:
            continue
        place = earlier.item.origin.locate(("metadata", "name"))
        if entry.document == earlier.document:
            location = entry.item.origin.locate(("metadata", "name"))
            message = f"{entry.item.title} is given twice, with the same content; the other place is {place}"
            findings.notices.append(Notice(code="KL103", message=message, location=location))
        else:
            message = f"there is another {entry.item.title}, with other content, at {place}"
            findings.faults.append(entry.item.fault(("metadata", "name"), "KL103", message))
    return list(first.values())


def _of_kinds(findings: _Findings) -> Iterator[Notice]:
    for kinds, code, message in (
        (findings.custom, "KL108", "{} is not part of Kubernetes and was left out"),
        (findings.unmodelled, "KL109", "{} was checked and kept, but no rule reads it"),
    ):
        for (api_version, kind), items in kinds.items():
            first = min(items, key=lambda item: item.origin.order)
            text = message.format(f"{api_version} {kind}")
            yield Notice(code=code, message=text, location=first.origin.locate(("kind",)), count=len(items))
