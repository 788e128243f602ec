"""What pods wait for on nodes: what somebody puts on and takes off again, and devices that are not healthy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kubelogic.cluster import Cluster
from kubelogic.explain.blockers import Blocker
from kubelogic.explain.filters import Relations
from kubelogic.explain.node_conditions import ailing, condition_types, said, tells_nothing
from kubelogic.explain.parties import Party
from kubelogic.explain.units import some
from kubelogic.text.location import Path


def passing(
    cluster: Cluster, relations: Relations, blockers: Sequence[Blocker], until: Callable[[Blocker], str]
) -> Iterator[Party]:
    """What is on nodes and goes again, nodes that are alike in it together.

    Args:
        cluster: the objects.
        relations: derived for at least ``filters.goals``.
        blockers: the rejections that pass.
        until: when such a rejection goes, in words.
    """
    alike: dict[tuple[str, str, str], list[str]] = {}
    types = condition_types(relations)
    cordoned = {blocker.node for blocker in blockers if blocker.predicate == "rejects_unschedulable"}
    for blocker in blockers:
        if blocker.node in cordoned and blocker.witness.get("Key") == CORDON_TAINT:
            continue
        node = cluster.get("Node", blocker.node)
        told = said(node, types.get(str(blocker.witness.get("Key", "")), ""))
        told += ailing(node, str(blocker.witness.get("Resource", "")))
        first, *others = states_of(blocker)
        state = others[0] if others and tells_nothing(node) else first
        alike.setdefault((state, until(blocker), told), []).append(blocker.node)
    for (text, goes, told), found in sorted(alike.items()):
        nodes = list(dict.fromkeys(found))
        node = cluster.get("Node", nodes[0])
        where = some(nodes, 4)
        path: Path = ("spec", "taints") if "taint" in text else ("spec", "unschedulable")
        if text == _UNTOLD:
            path = ("metadata", "name")
        elif (resource := text.removeprefix(_AILING)) != text:
            path = "status", "allocatable", resource
        yield f"{where} {text}: {goes}{told}", node, path


CORDON_TAINT = "node.kubernetes.io/unschedulable"
"""The taint that a cordoned node gets: it says again that the node is cordoned."""


MARKS = frozenset({"rejects_taint", "rejects_unschedulable"})
"""Rejections by what somebody puts on a node and takes off again."""

_AILING = "has too few healthy "
_UNTOLD = "tells nothing of what it holds"


def states_of(blocker: Blocker) -> tuple[str, ...]:
    """What a passing rejection may say of a node, as the rest of a sentence about it."""
    if blocker.predicate == "rejects_unschedulable":
        return ("is cordoned",)
    if blocker.predicate not in MARKS:
        return f"{_AILING}{blocker.witness.get('Resource', 'pods')}", _UNTOLD
    value = f"={blocker.witness['Value']}" if blocker.witness["Value"] else ""
    return (f"has the taint {blocker.witness['Key']}{value}:{blocker.witness['Effect']}",)
