"""Manifests that are applied to the objects of a dump: a cluster as kubectl printed it, and what somebody changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver import requests
from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.patches import KUBECTL
from kubelogic.apiserver.patches.client_side import last_applied
from kubelogic.apiserver.patches.server_side import server_side_apply
from kubelogic.apiserver.unchangeable import anew_words, differing
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.state import State
from kubelogic.text import documents
from kubelogic.text.documents import fault_at
from kubelogic.text.location import Fault, Location, Path, path_of
from kubelogic.text.notices import Notice
from kubelogic.text.origin import ItemOrigin
from kubelogic.text.titles import title


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest of an object that a cluster printed.

    Attributes:
        kind: kind of the object.
        key: its key.
        document: the manifest as written.
        origin: where it stands.
    """

    kind: str
    key: str
    document: Mapping[str, Any]
    origin: ItemOrigin


class AppliedOrigin(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Where the fields of a changed object were written: in the manifest what it says, in the dump the rest."""

    manifest: ItemOrigin
    written: Mapping[str, Any]
    dump: Any

    @property
    def order(self) -> tuple[str, int, int]:
        """The place of the manifest among all objects."""
        return self.manifest.order

    def locate(self, path: Path, *, key: bool = False) -> Location:
        """The place of the field at ``path``, or of the nearest enclosing field that exists."""
        found: Any = self.written
        for step in path:
            inside = isinstance(found, Mapping) and step in found
            listed = isinstance(found, Sequence) and isinstance(step, int) and step < len(found)
            if not inside and not listed:
                located: Location = self.dump.locate(path, key=key)
                return located
            found = found[step]
        return self.manifest.locate(path, key=key)

    def holds(self, path: Path) -> bool:
        """Whether the field at ``path`` itself is written in one of the two."""
        return self.manifest.holds(path) or bool(self.dump.holds(path))


def change_of(identity: tuple[str, ...], written: Mapping[str, Any] | None, origin: ItemOrigin) -> Change:
    """A manifest as a change of an object that a cluster printed.

    Args:
        identity: API group, kind, namespace and name.
        written: as it was written; None to read it again.
        origin: where it was written.
    """
    document = documents.written(origin) if written is None else written
    if "status" in document:  # kubectl apply does not write it
        document = {name: value for name, value in document.items() if name != "status"}
    return Change(kind=identity[1], key="/".join(filter(None, identity[2:])), document=document, origin=origin)


def apply_changes(
    objects: Iterable[Object], changes: Sequence[Change], *, namespace: str
) -> tuple[list[Object], list[Fault], list[Notice]]:
    """Apply manifests to a cluster one after the other, as ``kubectl apply`` does.

    Args:
        objects: what the cluster printed, and other manifests.
        changes: in the order in which they are applied.
        namespace: of manifests that name none.

    Returns:
        All objects, the faults of manifests that the API server would not take, and what there is to say.
    """
    state = State.of(Cluster.of(objects))
    faults: list[Fault] = []
    notices: list[Notice] = []
    for change in changes:
        old = state.cluster.get(change.kind, change.key)
        outcome = requests.apply(
            state, change.document, namespace=namespace, server_side=old is not None and _is_server_side(old)
        )
        if not outcome.answer.accepted or old is None:
            faults += _refused(change, outcome.answer, old)
            continue
        new = outcome.state.cluster.get(change.kind, change.key)
        if new is not None:
            origin = AppliedOrigin(manifest=change.origin, written=change.document, dump=old.origin)
            kept = msgspec.structs.replace(new, origin=origin if old.origin is not None else change.origin)
            state = replace(outcome.state, cluster=outcome.state.cluster.replacing([kept]))
        notices.append(_said(change, old))
    return list(state.cluster), faults, notices


def _is_server_side(old: Object) -> bool:
    """Whether somebody has applied an object with ``--server-side``; kubectl does not by itself."""
    entries = (old.document.get("metadata") or {}).get("managedFields") or ()
    return any(isinstance(each, Mapping) and each.get("operation") == "Apply" for each in entries)


def _refused(change: Change, answer: Status, old: Object | None) -> list[Fault]:
    """A fault for each field that the API server would not take, where the manifest has it."""
    told = [(path_of(field), _gist(what)) for field, what in answer.faults] or [(answer.path, answer.message)]
    if old is not None:
        told = [(differing(old, change.document, path, said), said + anew_words(old, said)) for path, said in told]
    name = title(change.document)
    return [
        fault_at(change.origin, path, "KL146", f"cannot be applied to the object of the cluster: {words}", title=name)
        for path, words in told
    ]


def _gist(what: str) -> str:
    """What is wrong with a field, without the value of a whole mapping or list and what differs in it."""
    what = what.partition("\n")[0]
    if not what.startswith(("Invalid value: {", "Invalid value: [")):
        return what
    return what[max(what.rfind("}: "), what.rfind("]: ")) + 3 :]


def _said(change: Change, old: Object) -> Notice:
    known = last_applied(old.document) is not None
    if not known and _is_server_side(old):
        known = server_side_apply(old.document, change.document, manager=KUBECTL).ownership_known
    rest = "" if known else "; fields that an earlier manifest had set and this one does not stay"
    message = f"{old} of the cluster is changed by this manifest, as kubectl apply does{rest}"
    return Notice(code="KL194", message=message, location=change.origin.locate(("metadata", "name")))
