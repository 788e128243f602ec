"""What pods of manifests refer to by name and what is not in the input: ConfigMaps, Secrets, keys, ServiceAccounts.

Source: pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables), pkg/volume/{configmap,secret,projected} (SetUpAt) of
Kubernetes 1.36.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.state import without_accounts, without_uid
from kubelogic.kinds.evidence import is_stored
from kubelogic.kinds.references import OF_EVERY_NAMESPACE, TEMPLATES, Path, Reference, pull_secrets, references
from kubelogic.text import Notice

_NOTHING: Mapping[str, Any] = {}
_FEW = 50
"""For more that is missing nobody looks for what may be meant: comparing names takes its time."""


class Lacking(msgspec.Struct, frozen=True, kw_only=True):
    """An object, or a key of one, that manifests name and the input does not have.

    Attributes:
        kind: ConfigMap, Secret or ServiceAccount.
        name: its key.
        key: the key in it that is not there; empty if the object itself is not.
        user: the first that names it.
        path: where.
        follows: what follows from it.
        count: how often it is named.
        near: what is there instead, in words; empty if nothing is.
    """

    kind: str
    name: str
    key: str
    user: Object
    path: Path
    follows: str
    count: int
    near: str = ""

    @property
    def message(self) -> str:
        """What is missing, for whom, and what follows."""
        what = f'{self.kind} {self.name} has no key "{self.key}"' if self.key else f"{self.kind} {self.name}"
        missing = what if self.key else f"{what} is not in the input"
        return f"{missing}{self.near}: {self.user} refers to it, and {self.follows}"


def lacking(cluster: Cluster, of: Collection[str] | None = None) -> tuple[Lacking, ...]:
    """What manifests name and the input does not have, each once.

    Pods that a cluster printed are left out: what they refer to was there when they started.

    Args:
        cluster: as it was read.
        of: look only at these objects, ``Kind namespace/name``; None: at all.
    """
    users: dict[tuple[str, str, str], list[tuple[Object, Path, str]]] = defaultdict(list)
    unseen = without_accounts(cluster)
    named: dict[int, tuple[Reference, ...]] = {}
    for obj, spec, path in written_templates(cluster, of):
        found = named.get(id(spec))
        if found is None:
            found = named[id(spec)] = tuple(references(spec))
        for each in found:
            if each.kind == "ServiceAccount" and obj.namespace not in unseen and obj.kind != "CronJob":
                continue  # its pods are refused, which is told
            for key in _lacking(cluster, obj.namespace, each):
                identity = each.kind, f"{obj.namespace}/{each.name}", key
                users[identity].append((obj, (*path, *each.path), each.follows))
    for _, account in sorted(cluster.objects("ServiceAccount").items()):
        for each in pull_secrets(account.document) if of is None and not is_stored(account.document) else ():
            for key in _lacking(cluster, account.namespace, each):
                identity = each.kind, f"{account.namespace}/{each.name}", key
                users[identity].append((account, each.path, each.follows))
    return tuple(
        Lacking(
            kind=kind,
            name=name,
            key=key,
            user=places[0][0],
            path=places[0][1],
            follows=places[0][2],
            count=len(places),
            near=_near(cluster, kind, name, key) if len(users) <= _FEW else "",
        )
        for (kind, name, key), places in sorted(users.items())
    )


def _near(cluster: Cluster, kind: str, name: str, key: str) -> str:
    """What is there of almost the same name, or in another namespace, in words in brackets; empty if nothing is."""
    if key:
        obj = cluster.get(kind, name)
        parts = [obj.document.get(part) or {} for part in ("data", "binaryData", "stringData")] if obj else []
        close = difflib.get_close_matches(key, sorted({each for part in parts for each in part}), n=1)
        return f' (did you mean "{close[0]}"?)' if close else ""
    namespace, _, short = name.partition("/")
    there = sorted(each.partition("/")[::2] for each in cluster.objects(kind))
    close = difflib.get_close_matches(short, [each for space, each in there if space == namespace], n=1)
    if close:
        return f" (did you mean {close[0]}?)"
    elsewhere = [space for space, each in there if each == short]
    return f" (there is one in {elsewhere[0]}, and it has to be in the namespace of its pods)" if elsewhere else ""


def written_templates(
    cluster: Cluster, of: Collection[str] | None = None
) -> Iterator[tuple[Object, Mapping[str, Any], Path]]:
    """The manifests that describe pods, in order: each with the spec of its pods and where that stands.

    What a cluster printed is left out. Pods of one template often share one spec.

    Args:
        cluster: as it was read.
        of: only these objects, ``Kind namespace/name``; None: all.
    """
    for kind, path in TEMPLATES.items():
        for obj in written(cluster, kind):
            if of is None or str(obj) in of:
                spec: Any = obj.document
                for step in path:
                    spec = spec.get(str(step)) or _NOTHING
                yield obj, spec, path


def written(cluster: Cluster, kind: str) -> Sequence[Object]:
    """The objects of a kind that people wrote and no cluster printed, by name."""
    found = [obj for obj in without_uid(cluster) if obj.kind == kind and not is_stored(obj.document)]
    return sorted(found, key=lambda obj: obj.key)


def naming(cluster: Cluster, field: str) -> Sequence[tuple[Object, Any]]:
    """The pods that a cluster printed and whose spec has some field, by name, each with what it says.

    Args:
        cluster: as it was read.
        field: ``priorityClassName``, ``runtimeClassName`` or ``volumes``.
    """
    given = cluster.columns("Pod")

    def found() -> Sequence[tuple[Object, Any]]:
        told = [pair for pair in given.having(f"spec.{field}") if is_stored(pair[0].document)]
        return sorted(told, key=lambda pair: pair[0].key)

    return cluster.kept(f"pods that name {field}", found)


def missing_references(cluster: Cluster, of: Collection[str] | None = None) -> tuple[Notice, ...]:
    """One notice for each object, and each key of one, that manifests name and the input does not have.

    Args:
        cluster: as it was read.
        of: look only at these objects, ``Kind namespace/name``; None: at all.
    """
    return tuple(
        Notice(
            code="KL196",
            message=each.message,
            location=each.user.place(each.path),
            count=each.count,
        )
        for each in lacking(cluster, of)
    )


def _lacking(cluster: Cluster, namespace: str, needed: Reference) -> Iterator[str]:
    """An empty text if the object is not there, else the keys that it lacks."""
    if needed.kind == "ConfigMap" and needed.name in OF_EVERY_NAMESPACE:
        return
    found = cluster.get(needed.kind, f"{namespace}/{needed.name}")
    if found is None:
        yield ""
        return
    present = {key for part in ("data", "binaryData", "stringData") for key in found.document.get(part) or ()}
    yield from (key for key in needed.keys if key not in present)
