"""Files to objects: read, admit and name everything, or say all that is wrong at once."""

from __future__ import annotations

import gc
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from kubelogic.apiserver.default_class import with_default_class
from kubelogic.apiserver.intake import Admissions, Entry
from kubelogic.apiserver.standins import stand_ins
from kubelogic.apiserver.unprinted_classes import class_stand_ins
from kubelogic.cluster import Cluster, Object
from kubelogic.text import documents, sources
from kubelogic.text.archives import sources_of
from kubelogic.text.location import Fault, InputError
from kubelogic.text.notices import Notice
from kubelogic.text.sources import Source

if TYPE_CHECKING:
    from kubelogic.apiserver.changes import Change
    from kubelogic.kinds.pools import Pool

_MANY = 1_000_000
_DOUBLED = "KL101"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What was read: the objects, by kind and key, also as a cluster, and what there is to say about them.

    ``refused`` is empty unless the reader was told to keep going. ``changes`` are the manifests that were applied to
    objects that a cluster printed.
    """

    objects: tuple[Object, ...]
    cluster: Cluster
    notices: tuple[Notice, ...]
    refused: tuple[Fault, ...] = ()
    changes: tuple[Change, ...] = ()


def load(
    paths: Iterable[str | os.PathLike[str]],
    *,
    stdin: bytes | None = None,
    namespace: str = "default",
    keep_going: bool = False,
    exclude: Iterable[str] = (),
    strict: bool = False,
    nodes: Iterable[str] = (),
    default_storage_class: str = "",
    texts: Iterable[Source] = (),
    further: Iterable[Source | Fault] = (),
    printed: Collection[str] = (),
) -> Reading:
    """Read Kubernetes manifests: YAML and JSON, one or many objects each, Lists, whole directories.

    Objects that a cluster printed are its state. A manifest of one of them is applied to it, as kubectl would do,
    in the order of ``paths``; apart from that the result does not depend on the order of files and documents.

    Args:
        paths: files, directories (walked for .yaml, .yml and .json) and ``-`` for ``stdin``.
        stdin: the bytes that ``-`` stands for.
        namespace: where namespaced objects go that do not say.
        keep_going: leave out what would be refused and let the last of several objects of one name stand, as
            applying them one after the other does. The faults are then in the result.
        exclude: shell patterns of what to leave out of directories.
        strict: refuse a key that is there twice in one mapping. Else the last one counts, as for kubectl, and a
            notice says so.
        nodes: further nodes: pools in short form (see ``kinds.pools``), or files of which only the nodes count.
        default_storage_class: the class that claims get which name none, whether it is in the input or not.
        texts: what somebody has read already; it comes before that of the files.
        further: the same, or why it could not be read; it comes after that of the files.
        printed: kinds of which ``texts`` have all that the cluster has; what they lack does not exist.

    Raises:
        InputError: something cannot be read, or the API server would refuse it. Holds every fault of every
        file; nothing is half read.
    """
    with collector_paused():
        names, faults = sources.find(paths, exclude=exclude)
        admission = Admissions(namespace=namespace, faults=faults, keep_going=keep_going)
        from_files = (each for name in names for each in sources_of(name, stdin))
        for read in chain(texts, from_files, further):
            match read:
                case Fault() as fault:
                    faults.append(fault)
                case source:
                    for item in documents.read(source, faults, admission.recall):
                        admission.take(item)
        pools, said_of_nodes = _added_nodes(nodes, admission, stdin)
        if not (admission.taken or faults or (pools and not names)):
            faults.append(
                sources.unreadable(", ".join(names or map(str, paths)) or "input", "there is no object in it")
            )
        doubled = [] if strict else [fault for fault in faults if fault.code == _DOUBLED]
        faults[:] = [fault for fault in faults if strict or fault.code != _DOUBLED]
        entries = admission.settle()
        objects = _objects(entries)
        if pools:
            objects = _with_nodes(objects, pools)
        there = Cluster.of(objects)
        objects, there = _beside(objects, there, stand_ins(there, printed))
        notices = tuple(sorted([*admission.all_notices(), *said_of_nodes], key=lambda notice: notice.order))
        if admission.changes:
            from kubelogic.apiserver.changes import apply_changes

            changed, refused, said = apply_changes(objects, admission.changes, namespace=namespace)
            faults += refused
            objects = _sorted(changed)
            there = Cluster.of(objects)
            notices = tuple(sorted([*notices, *said], key=lambda notice: notice.order))
        objects, there = _beside(objects, there, list(class_stand_ins(there)))
        if default_storage_class:
            objects, assumed = with_default_class(objects, default_storage_class)
            objects, notices = _sorted(objects), (*notices, *assumed)
            there = Cluster.of(objects)
        if faults and not (keep_going and entries):
            raise InputError([*faults, *_of_refused(doubled, faults)])
        notices = (*map(_counts, doubled), *notices)
        return Reading(
            objects=objects,
            cluster=there,
            notices=notices,
            refused=tuple(sorted(faults)),
            changes=tuple(admission.changes),
        )


def _added_nodes(
    texts: Iterable[str], admission: Admissions, stdin: bytes | None
) -> tuple[tuple[Pool, ...], tuple[Notice, ...]]:
    if not texts:
        return (), ()
    from kubelogic.apiserver.node_pools import added_nodes

    return added_nodes(texts, admission, stdin)


def _beside(objects: tuple[Object, ...], there: Cluster, made: Sequence[Object]) -> tuple[tuple[Object, ...], Cluster]:
    """The objects and those that were made for what they lack."""
    return (_sorted([*objects, *made]), there.replacing(made)) if made else (objects, there)


def _with_nodes(given: tuple[Object, ...], pools: tuple[Pool, ...]) -> tuple[Object, ...]:
    from kubelogic.apiserver.node_pools import nodes_of

    return _sorted([*given, *nodes_of(pools, given)])


def _of_refused(doubled: Iterable[Fault], faults: Iterable[Fault]) -> Iterator[Fault]:
    """The keys that are there twice in objects that are refused: the other of the two may be what was meant."""
    refused = {(fault.location.file, fault.object) for fault in faults if fault.object}
    for fault in doubled:
        if (fault.location.file, fault.object) in refused:
            yield msgspec.structs.replace(fault, message=_counts(fault).message.removeprefix(f"{fault.object}: "))


def _counts(fault: Fault) -> Notice:
    """The notice of a key that is there twice."""
    who = f"{fault.object}: " if fault.object else ""
    return Notice(code=fault.code, message=f"{who}{fault.message}; the last one counts", location=fault.location)


def _objects(entries: Iterable[Entry]) -> tuple[Object, ...]:
    objects = [
        Object(
            api_version=entry.document["apiVersion"],
            kind=entry.known_as or entry.document["kind"],
            namespace=entry.namespace,
            name=entry.name,
            document=entry.document,
            origin=None if entry.made else entry.origin,
        )
        for entry in entries
    ]
    return _sorted(objects)


def _sorted(objects: Iterable[Object]) -> tuple[Object, ...]:
    return tuple(sorted(objects, key=attrgetter("kind", "key", "api_version")))


@contextmanager
def collector_paused() -> Iterator[None]:
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
