"""What may fail together: groups of nodes, each case once of those that nothing tells apart.

Nodes are alike if they are equal in all but their names and in the pods that run on them, up to the names of these, and
if nothing else names one of them. What holds after one of them fails holds after each.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations, combinations_with_replacement
from math import comb, prod
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.owners import workload
from kubelogic.cluster.pods import node_of

_KEYS = {"zone": "topology.kubernetes.io/zone", "region": "topology.kubernetes.io/region"}
_HOST = "kubernetes.io/hostname"
_OWN = frozenset({"addresses", "nodeInfo", "images", "daemonEndpoints", "conditions", "podIP", "podIPs", "startTime"})
_ORDERED = "StatefulSet "


class WrongSurvivalError(ValueError):
    """What is to be survived is not said in a way that is understood."""


class Survival(msgspec.Struct, frozen=True, kw_only=True):
    """So many groups of nodes fail at once: single nodes (``key`` empty) or all that share the value of a label."""

    key: str
    count: int

    def __str__(self) -> str:
        if not self.key:
            return "any node" if self.count == 1 else f"any {self.count} nodes"
        return (
            f"all nodes of any {self.key}" if self.count == 1 else f"all nodes of any {self.count} values of {self.key}"
        )


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes that fail together, and for how many cases that nothing tells from it it stands, itself included."""

    nodes: tuple[str, ...]
    stands_for: int = 1


def survival(text: str) -> Survival:
    """What ``--survive`` says: ``node:2``, ``zone:1``, ``label:rack``, ``label:rack:2``.

    Raises:
        WrongSurvivalError: if it is none of these.

    >>> survival("zone:1")
    Survival(key='topology.kubernetes.io/zone', count=1)
    """
    found = re.fullmatch(r"(node|zone|region)(?::([1-9][0-9]{0,3}))?|label:([^:]+)(?::([1-9][0-9]{0,3}))?", text)
    if found is None:
        raise WrongSurvivalError(f"{text!r} is none of node:1, zone:1, region:1, label:KEY, label:KEY:1")
    word, number, label, of_label = found.groups()
    return Survival(key=label or _KEYS.get(word, ""), count=int(number or of_label or 1))


def groups(cluster: Cluster, what: Survival) -> list[tuple[str, ...]]:
    """The nodes that fail together, each group sorted: single nodes, or those with the same value of a label.

    Raises:
        WrongSurvivalError: if no node has the label, or there are not so many as are to fail.
    """
    nodes = cluster.objects("Node")
    if not nodes:
        return []
    if not what.key:
        if what.count > len(nodes):
            there = "there is one node" if len(nodes) == 1 else f"there are {len(nodes)} nodes"
            raise WrongSurvivalError(f"{there}, {what.count} cannot fail")
        return [(name,) for name in sorted(nodes)]
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(nodes):
        value = (metadata(nodes[name]).get("labels") or {}).get(what.key)
        if value is not None:
            found[str(value)].append(name)
    if not found:
        raise WrongSurvivalError(f"no node has the label {what.key}")
    if what.count > len(found):
        raise WrongSurvivalError(f"{what.key} has {len(found)} values, {what.count} cannot fail")
    return [tuple(found[value]) for value in sorted(found)]


def number_of_cases(cluster: Cluster, what: Survival) -> int:
    """How many cases there are, alike or not; fewer failures count, too.

    Raises:
        WrongSurvivalError: as ``groups``.
    """
    most = len(groups(cluster, what))
    return sum(comb(most, size) for size in range(1, min(what.count, most) + 1))


def cases(cluster: Cluster, what: Survival) -> Iterator[Case]:
    """The cases to try, smaller ones first; none that stands for another.

    Args:
        cluster: with its pods on their nodes.
        what: how much may fail at once. Fewer failures are cases, too.

    Raises:
        WrongSurvivalError: as ``groups``.
    """
    failing = groups(cluster, what)
    if what.key:
        for size in range(1, min(what.count, len(failing)) + 1):
            for chosen in combinations(failing, size):
                yield Case(nodes=tuple(sorted(name for each in chosen for name in each)))
        return
    alike = classes(cluster) if failing else []
    for size in range(1, min(what.count, len(failing)) + 1):
        for picked in combinations_with_replacement(range(len(alike)), size):
            numbers = Counter(picked)
            if any(number > len(alike[each]) for each, number in numbers.items()):
                continue
            nodes = tuple(sorted(name for each, number in numbers.items() for name in alike[each][:number]))
            ways = prod(comb(len(alike[each]), number) for each, number in numbers.items())
            yield Case(nodes=nodes, stands_for=ways)


def classes(cluster: Cluster) -> list[tuple[str, ...]]:
    """The nodes in groups that nothing tells apart, each group sorted, by first name."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name, mark in marks(cluster).items():
        groups[mark].append(name)
    return sorted(tuple(each) for each in groups.values())


def marks(cluster: Cluster) -> dict[str, str]:
    """What each node is and carries, by its name: equal where nothing tells nodes apart."""
    nodes = cluster.objects("Node")
    named = _named(cluster, frozenset(nodes))
    pods: dict[str, list[str]] = defaultdict(list)
    for pod in cluster.objects("Pod").values():
        node = node_of(pod)
        if node in nodes:
            pods[node].append(_pod(cluster, pod))
    return {
        name: f"{name if name in named else ''} {_node(nodes[name])!r} {sorted(pods[name])!r}" for name in sorted(nodes)
    }


def waiting(cluster: Cluster) -> list[str]:
    """The pods that have no node, as ``marks`` tells of pods."""
    pods = cluster.objects("Pod").values()
    return sorted(_pod(cluster, pod) for pod in pods if not node_of(pod))


def _node(node: Object) -> object:
    about = metadata(node)
    labels = {key: value for key, value in (about.get("labels") or {}).items() if key != _HOST}
    status = {key: value for key, value in (node.document.get("status") or {}).items() if key not in _OWN}
    ready = [
        (each.get("type"), each.get("status")) for each in (node.document.get("status") or {}).get("conditions") or ()
    ]
    spec = {
        key: value
        for key, value in (node.document.get("spec") or {}).items()
        if key not in ("podCIDR", "podCIDRs", "providerID")
    }
    return _frozen((labels, about.get("annotations") or {}, spec, status, sorted(map(str, ready))))


def _pod(cluster: Cluster, pod: Object) -> str:
    owner = workload(cluster, pod)
    spec = {
        key: value for key, value in (pod.document.get("spec") or {}).items() if key not in ("nodeName", "hostname")
    }
    about = metadata(pod)
    status = pod.document.get("status") or {}
    ready = sorted((str(c.get("type")), str(c.get("status"))) for c in status.get("conditions") or ())
    own = pod.key if owner.startswith((_ORDERED, "Pod ")) else ""
    labels = dict(about.get("labels") or {})
    return repr(
        (
            owner,
            own,
            _frozen(_without_tokens(spec)),
            _frozen(labels),
            status.get("phase"),
            ready,
            bool(about.get("deletionTimestamp")),
        )
    )


def _without_tokens(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The spec without the node affinity that a DaemonSet gives each of its pods."""
    affinity = spec.get("affinity") or {}
    node = (affinity.get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    fields = [each for term in node.get("nodeSelectorTerms") or () for each in term.get("matchFields") or ()]
    return {key: value for key, value in spec.items() if key != "affinity"} if fields else spec


def _named(cluster: Cluster, nodes: frozenset[str]) -> frozenset[str]:
    """The nodes that something names beside their own pods: selectors, volumes, leases of others, annotations."""
    found: set[str] = set()
    for obj in cluster:
        if obj.kind in ("Node", "Lease", "CSINode", "Event", "EndpointSlice", "Endpoints"):
            continue
        document: Mapping[str, Any] = obj.document
        if obj.kind == "Pod":
            if workload(cluster, obj).startswith("DaemonSet "):
                continue
            spec = {key: value for key, value in (document.get("spec") or {}).items() if key != "nodeName"}
            document = {"spec": spec, "annotations": metadata(obj).get("annotations") or {}}
        found.update(text for text in _texts(document) if text in nodes)
    return frozenset(found)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _frozen(value: object) -> object:
    """A value whose text does not depend on the order of keys."""
    if isinstance(value, Mapping):
        return sorted((str(key), _frozen(inner)) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return [_frozen(inner) for inner in value]
    return value
