"""Who owns what, in which namespace, and what is being deleted: for objects of every kind, known or not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from operator import attrgetter

from kubelogic.cluster import Object
from kubelogic.cluster.clock import milliseconds
from kubelogic.cluster.edit import uid_of
from kubelogic.facts.alike import Own
from kubelogic.facts.base import Changes, Fact, FactModule
from kubelogic.facts.objects import sibling
from kubelogic.kinds.table import GROUPS, is_namespaced

ROOT_CA = "kube-root-ca.crt"
"""The ConfigMap with the cluster's certificate that every namespace has."""


def ownership_facts(obj: Object) -> Iterator[Fact]:
    """The facts of one object, whatever its kind."""
    yield "living", (uid_of(obj), obj.kind, obj.key, obj.namespace)
    yield from _further_facts(obj)
    yield from _common_facts(obj)


def _further_facts(obj: Object) -> Iterator[Fact]:
    """What most objects have none of: the kind and key of the object, and what objects alike in ``_FURTHER`` share."""
    kind, key = obj.kind, obj.key
    metadata = obj.document.get("metadata") or {}
    if deleted := metadata.get("deletionTimestamp"):
        grace = int(metadata.get("deletionGracePeriodSeconds") or 0)
        yield "being_deleted", (kind, key, milliseconds(deleted) - 1000 * grace)
    for finalizer in metadata.get("finalizers") or ():
        yield "finalizer", (kind, key, finalizer)
    for reference in metadata.get("ownerReferences") or ():
        blocks = "yes" if reference.get("blockOwnerDeletion") else "no"
        uid = reference.get("uid") or ""
        yield "owner_reference", (kind, key, uid, blocks)
        version, owner = reference.get("apiVersion") or "", reference.get("kind") or ""
        within = is_namespaced(version, owner)
        if within is None:
            if version.rpartition("/")[0] in GROUPS:
                yield "owner_unserved", (kind, key, uid)
        elif within and not obj.namespace:
            yield "owner_in_namespace", (kind, key, uid)
        elif not reference.get("controller"):
            yield "owner_named", (kind, key, uid, owner, sibling(obj.namespace if within else "", reference["name"]))


def _common_facts(obj: Object) -> Iterator[Fact]:
    """What many objects that are alike in ``_FURTHER`` give together."""
    for reference in (obj.document.get("metadata") or {}).get("ownerReferences") or ():
        yield "owner_named_in", (reference.get("uid") or "", obj.namespace)


_namespace = attrgetter("namespace")
_UID = Own("metadata.uid", uid_of)

_READS = frozenset({"metadata"})
_FURTHER = (
    "metadata.deletionGracePeriodSeconds",
    "metadata.deletionTimestamp",
    "metadata.finalizers",
    "metadata.ownerReferences",
)
_KEY = 2
"""Columns of kind and key."""


class OwnershipStage:
    """Gives ``ownership_facts`` for objects of all kinds, custom resources too."""

    def apply(self, changes: Changes) -> None:
        """See ``Stage``."""
        for people, by in changes.sides(_READS):
            objects, keys = people.objects, people.keys()
            kind = repeat(objects[0].kind)
            changes.count_all("living", zip(people.texts(_UID), kind, keys, map(_namespace, objects), strict=False), by)
            for numbers in people.in_classes(_FURTHER):
                first = objects[numbers[0]]
                for predicate, row in _further_facts(first):
                    those = [keys[number] for number in numbers]
                    changes.count_all(predicate, zip(kind, those, *map(repeat, row[_KEY:]), strict=False), by)
                for predicate, row in _common_facts(first):
                    changes.count(predicate, row, by * len(numbers))


def service_account_facts(obj: Object) -> Iterator[Fact]:
    """The facts of one ServiceAccount."""
    yield "service_account", (obj.namespace, obj.name)
    if uid := (obj.document.get("metadata") or {}).get("uid"):
        yield "service_account_uid", (obj.namespace, obj.name, str(uid))


def config_map_facts(obj: Object) -> Iterator[Fact]:
    """The facts of one ConfigMap: only the one with the cluster's certificate has any."""
    if obj.name == ROOT_CA:
        published = list(obj.document.get("data") or ()) == ["ca.crt"]
        yield "root_ca", (obj.namespace, "as published" if published else "changed")


MODULE = FactModule(
    name="ownership",
    extractors={
        "ServiceAccount": service_account_facts,
        "ConfigMap": config_map_facts,
    },
    shared=frozenset({"owner_named_in"}),
    stages=(OwnershipStage,),
    traced=lambda _: {"*": ownership_facts},
)
