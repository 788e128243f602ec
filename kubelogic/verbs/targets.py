"""What a person means by a name: a pod, a workload, a node or a Service, typed as one types it for kubectl."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.owners import Workloads
from kubelogic.cluster.pods import node_of
from kubelogic.explain.units import some
from kubelogic.facts.quota_costs import plural_of
from kubelogic.patterns import regex
from kubelogic.verbs.arguments import TEXT, expect

_NAMES: Mapping[str, str] = {
    "po pod pods": "Pod",
    "deploy deployment deployments": "Deployment",
    "rs replicaset replicasets": "ReplicaSet",
    "sts statefulset statefulsets": "StatefulSet",
    "ds daemonset daemonsets": "DaemonSet",
    "rc replicationcontroller replicationcontrollers": "ReplicationController",
    "job jobs": "Job",
    "cj cronjob cronjobs": "CronJob",
    "jobset jobsets": "JobSet",
    "lws leaderworkerset leaderworkersets": "LeaderWorkerSet",
    "vcjob vcjobs vj": "VolcanoJob",
    "no node nodes": "Node",
    "svc service services": "Service",
}
KINDS: Mapping[str, str] = {alias: kind for names, kind in _NAMES.items() for alias in names.split()}
"""Every name of a kind that kubectl takes, in lower case, without group: ``deploy``, ``deployments``, ..."""

_OTHER_NAMES: Mapping[str, str] = {
    "ns namespace namespaces": "a Namespace",
    "cm configmap configmaps": "a ConfigMap",
    "secret secrets": "a Secret",
    "sa serviceaccount serviceaccounts": "a ServiceAccount",
    "pv persistentvolume persistentvolumes": "a PersistentVolume",
    "pvc persistentvolumeclaim persistentvolumeclaims": "a PersistentVolumeClaim",
    "sc storageclass storageclasses": "a StorageClass",
    "ep endpoints": "an Endpoints object",
    "endpointslice endpointslices": "an EndpointSlice",
    "ing ingress ingresses": "an Ingress",
    "netpol networkpolicy networkpolicies": "a NetworkPolicy",
    "hpa horizontalpodautoscaler horizontalpodautoscalers": "a HorizontalPodAutoscaler",
    "pdb poddisruptionbudget poddisruptionbudgets": "a PodDisruptionBudget",
    "quota resourcequota resourcequotas": "a ResourceQuota",
    "limits limitrange limitranges": "a LimitRange",
    "pc priorityclass priorityclasses": "a PriorityClass",
    "all": "all",
}
_BY_CHECK = "kubelogic check says whether it can work"
_TOLD_BY: Mapping[str, str] = {
    **dict.fromkeys(("a HorizontalPodAutoscaler", "a PodDisruptionBudget", "an Ingress"), _BY_CHECK),
    "a NetworkPolicy": "kubelogic reach FROM TO says what it lets through",
    "a PersistentVolumeClaim": "a pod that uses it is told with what it waits for",
    **dict.fromkeys(("a LimitRange", "a ResourceQuota"), "a workload whose pods it refuses is told with it"),
}
"""Who tells of some of them."""
_OTHERS: Mapping[str, str] = {alias: kind for names, kind in _OTHER_NAMES.items() for alias in names.split()}

WORKLOADS = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
    "JobSet",
    "LeaderWorkerSet",
    "VolcanoJob",
)
_USUAL = "default"
"""The namespace where nobody has typed one: a name that only one object has is then found in any."""
_WHAT = "pod, workload, node or Service"
CODE = regex(r"KL\d{1,5}$", re.IGNORECASE)
"""A permanent code, with a path beside it only if it is in capitals: an object may be called kl206."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """An object that is asked about: ``kind`` and ``key``."""

    kind: str
    key: str


class UnknownPodError(LookupError):
    """Nothing has that name. ``near`` are names like it; ``what`` says what was looked for; ``note`` ends it."""

    def __init__(self, name: str, near: tuple[str, ...], what: str = _WHAT, *, note: str = "") -> None:
        super().__init__(name, near, what)
        self.name, self.near, self.what, self.note = name, near, what, note

    def __str__(self) -> str:
        hint = f"; did you mean {', '.join(self.near)}?" if self.near else ""
        name = self.name.strip() or "''"
        return f"there is no {self.what} {name}{hint}{self.note}"


def find(cluster: Cluster, text: str, namespace: str = "default") -> Target:
    """The object that a text names.

    Args:
        cluster: with the pods that controllers made.
        text: ``NAME``, ``NAMESPACE/NAME``, ``KIND/NAME``, ``KIND.GROUP/NAME``, ``KIND/NAMESPACE/NAME`` or
            ``Kind namespace/name``.
        namespace: where to look first for what names none.

    Raises:
        TypeError: if it is no text.
        UnknownPodError: if there is none, or more than one.
    """
    if not isinstance(text, str):
        raise TypeError(f"an object is named by a text such as deploy/web, not by {type(text).__name__}")
    expect(TEXT, namespace=namespace)
    if there := _there(cluster, text if "/" in text else f"{namespace}/{text}"):
        return there
    kind, name = _kind_and_name(cluster, text)
    if kind:
        return _of_kind(cluster, kind, name, namespace, text)
    key = name if "/" in name else f"{namespace}/{name}"
    if there := _there(cluster, key):
        return there
    named = _pods_and_workloads(cluster)
    if found := _of_other_kind(named, text, namespace):
        return found
    if found := next((each for each in named if each.key == key), None):
        return found
    if "/" not in name:
        elsewhere = sorted({each.key for each in named if each.key.partition("/")[2] == name})
        if len(elsewhere) == 1 and namespace == _USUAL:
            return next(each for each in named if each.key == elsewhere[0])
        if elsewhere[1:]:
            raise UnknownPodError(name, tuple(elsewhere), f"single pod or workload in namespace {namespace} called")
        if node := node_name(cluster, name):
            return Target(kind="Node", key=node)
        if cluster.get("Service", key) is not None:
            return Target(kind="Service", key=key)
    if near := _by_kind(cluster, text, namespace):
        raise UnknownPodError(text, near)
    services = [each for each in cluster.objects("Service") if each not in {found.key for found in named}]
    near = _near(name, key, [*(each.key for each in named), *services])
    nodes = tuple(f"node/{each}" for each in near_nodes(cluster, name)) if "/" not in name else ()
    told = tuple(f"svc/{each}" if each in services else each for each in near)
    codes = (name.upper(),) if CODE.match(name) else ()
    word = text.partition("/")[0].partition(".")[0].lower()
    if word == text.lower() and (kind := KINDS.get(word, "")):
        keys = {*cluster.objects(kind), *(each.key for each in named if each.kind == kind)}
        elsewhere = [f"{word}/{each}" for each in sorted(keys)][:3]
        raise UnknownPodError(f"in the namespace {namespace}" if elsewhere else "in the input", tuple(elsewhere), kind)
    other = _OTHERS.get(word, "")
    by = f"; {_TOLD_BY[other]}" if other in _TOLD_BY else ""
    note = f"; {other} is no kind that explain tells of{by}" if other else ""
    shown = name if namespace == _USUAL or "/" in name else key
    raise UnknownPodError(shown, () if other else (*codes, *told, *nodes)[:3], note=note)


def _of_other_kind(named: Iterable[Target], text: str, namespace: str) -> Target | None:
    """What a text such as ``rollout/web`` names, whose kind is told by pods alone: that of a custom resource."""
    kind, _, name = text.partition("/")
    key = name if "/" in name else f"{namespace}/{name}"
    kinds = kind.partition(".")[0].lower().removesuffix("s"), kind.partition(".")[0].lower()
    return next((each for each in named if each.key == key and each.kind.lower() in kinds), None)


def _by_kind(cluster: Cluster, text: str, namespace: str) -> tuple[str, ...]:
    """What is there of a kind that was typed without a name, or misspelt: names to type, three at most."""
    first, slash, name = text.partition("/")
    aliases = [
        each
        for each in difflib.get_close_matches(first.lower(), sorted(KINDS), n=3, cutoff=0.8)
        if slash or each == first
    ]
    return tuple(
        f"{alias}/{key}"
        for alias in aliases
        for key in sorted(cluster.objects(KINDS[alias]))
        if (name in (key, key.rpartition("/")[2]) if slash else key.startswith(f"{namespace}/") or "/" not in key)
    )[:3]


def _there(cluster: Cluster, key: str) -> Target | None:
    """The pod, or else the workload, of that key."""
    return next((Target(kind=kind, key=key) for kind in ("Pod", *WORKLOADS) if key in cluster.objects(kind)), None)


def node_name(cluster: Cluster, text: str) -> str:
    """The node of that name, or the only one whose name begins with it up to a dot; empty if there is none."""
    nodes = cluster.objects("Node")
    if text in nodes:
        return text
    longer = [name for name in nodes if name.startswith(f"{text}.")]
    return longer[0] if len(longer) == 1 else ""


def near_nodes(cluster: Cluster, text: str) -> tuple[str, ...]:
    """Names of nodes that look like a text, whole or up to their first dot."""
    names = sorted(cluster.objects("Node"))
    short = {each.partition(".")[0]: each for each in reversed(names)}
    alike = difflib.get_close_matches(text.partition(".")[0], sorted(short), n=3)
    begin = [each for each in names if text and each.startswith(text)]
    return tuple(dict.fromkeys([*difflib.get_close_matches(text, names, n=3), *map(short.__getitem__, alike), *begin]))[
        :3
    ]


def _kind_and_name(cluster: Cluster, text: str) -> tuple[str, str]:
    if " " in text:
        kind, _, name = text.rpartition(" ")
        return KINDS.get(kind.lower(), kind), name
    first, slash, rest = text.partition("/")
    kind = KINDS.get(first.partition(".")[0].lower(), "") if slash else ""
    if not kind or _is_named(cluster, text):
        return "", text
    return kind, rest


def _is_named(cluster: Cluster, text: str) -> bool:
    """Whether a text that begins like a kind is the key of something: namespaces may be called like kinds."""
    if any(each.startswith(f"{text.partition('/')[0]}/") for each in cluster.objects("Pod")):
        return any(each.key == text for each in _pods_and_workloads(cluster))
    return False


def _of_kind(cluster: Cluster, kind: str, name: str, namespace: str, text: str) -> Target:
    if kind == "Node":
        if node := node_name(cluster, name):
            return Target(kind=kind, key=node)
        there = [pod.key for pod in cluster.objects("Pod").values() if node_of(pod) == name]
        brings = "kubectl get nodes -o yaml brings it"
        note = f" in the input, though {some(sorted(there))} came there: {brings}" if there else ""
        raise UnknownPodError(name, () if there else near_nodes(cluster, name), "node", note=note)
    key = name if "/" in name else f"{namespace}/{name}"
    objects = cluster.objects(kind)
    if key in objects:
        return Target(kind=kind, key=key)
    bare = [each for each in sorted(objects) if each.partition("/")[2] == name]
    if len(bare) == 1 and namespace == _USUAL:
        return Target(kind=kind, key=bare[0])
    if kind in WORKLOADS and any(each.kind == kind and each.key == key for each in _pods_and_workloads(cluster)):
        return Target(kind=kind, key=key)
    others = [each for each in _pods_and_workloads(cluster) if each.key == key]
    if others:
        raise UnknownPodError(key, tuple(f"{each.kind.lower()}/{each.key}" for each in others), kind)
    same = [each for each in _pods_and_workloads(cluster) if each.key.partition("/")[2] == name and each.kind != kind]
    near = [f"{text.partition('/')[0]}/{each}" for each in _near(name, key, sorted(objects))]
    if not near and not same:
        others = [each for each in _pods_and_workloads(cluster) if each.kind != "Pod"]
        close = _near(name, key, [each.key for each in others])
        near = [f"{each.kind.lower()}/{each.key}" for each in others if each.key in close]
    owned = [str(pod) for pod in cluster.objects("Pod").values() if _is_owned(pod, kind, key)]
    brings = f"kubectl get {plural_of(kind)} -A -o yaml brings it"
    note = f" in the input, though {some(sorted(owned))} name{'' if owned[1:] else 's'} it as owner: {brings}"
    alike = tuple([*(f"{each.kind.lower()}/{each.key}" for each in same), *near][:3])
    raise UnknownPodError(key, () if owned else alike, kind, note=note if owned else "")


def _is_owned(pod: Object, kind: str, key: str) -> bool:
    """Whether a pod has an owner of that name, which need not be its controller."""
    owners = metadata(pod).get("ownerReferences") or ()
    return any(each.get("kind") == kind and f"{pod.namespace}/{each.get('name')}" == key for each in owners)


def _pods_and_workloads(cluster: Cluster) -> list[Target]:
    """Pods first, then workloads, those that nothing owns before those that something does."""
    pods = cluster.objects("Pod")
    found = [Target(kind="Pod", key=key) for key in sorted(pods)]
    found += [Target(kind=kind, key=key) for kind in WORKLOADS for key in sorted(cluster.objects(kind))]
    known = set(found)
    absent = sorted(set(map(Workloads(cluster).of, pods.values())))
    for each in absent:
        kind, _, key = each.partition(" ")
        if kind not in ("Pod", "Node") and (target := Target(kind=kind, key=key)) not in known:
            found.append(target)
    return found


def _near(name: str, key: str, keys: list[str]) -> tuple[str, ...]:
    """Names that look like one, whole or without their namespace; and those of a namespace that looks like it."""
    return tuple(dict.fromkeys(_alike(name, key, sorted(set(keys)))))[:3]


def _alike(name: str, key: str, keys: list[str]) -> Iterator[str]:
    space, _, bare = key.rpartition("/")
    for host in (bare.split(":"), bare.split(".")):  # web:shop, and web.shop.svc.cluster.local
        yield from (each for each in keys if len(host) > 1 and each in ("/".join(host[1::-1]), "/".join(host[:2])))
    if "/" in name:
        yield from difflib.get_close_matches(key, keys, n=3)
    by_name: dict[str, list[str]] = {}
    for each in keys:
        by_name.setdefault(each.rpartition("/")[2], []).append(each)
    begun = [each for each in sorted(by_name) if bare and each.startswith(bare)]
    for close in (*difflib.get_close_matches(bare, sorted(by_name), n=3), *begun):
        yield from sorted(by_name[close], key=lambda each: (each.rpartition("/")[0] != space, each))
