"""How many more pods of a node get an address: what fits by its resources may wait for one for ever."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.facts.parameters import Pool, pool
from kubelogic.placement.problem import Problem
from kubelogic.text import Notice

_SLOTS = "pods"


def within_addresses(given: Problem, cluster: Cluster, pod: Object) -> tuple[Problem, tuple[Notice, ...]]:
    """A placement problem in which no node takes more pods than it has addresses for.

    Args:
        given: how many pods a node takes by its ``allocatable``.
        cluster: with the pods that have addresses, and the nodes' ranges of addresses (``spec.podCIDRs``). Nodes
            without any, or whose pods have addresses of other ranges, are left as they are.
        pod: what is to be placed. On the host network it needs no address, and nothing changes.

    Returns:
        The problem, and a notice if some node takes fewer pods for this.

    Source: containernetworking/plugins, host-local, allocator.go: Get. kube-scheduler does not look at addresses.
    """
    if (pod.document.get("spec") or {}).get("hostNetwork"):
        return given, ()
    used, waiting = _used(cluster)
    there = Counter(each.node for each in given.pods if each.node)
    nodes = []
    short: list[tuple[Object, Pool, int]] = []
    for node in given.nodes:
        slots = node.allocatable.get(_SLOTS, 0)
        known = cluster.objects("Node").get(node.name)
        ranges = _ranges(known) if known is not None else []
        needed = slots - there[node.name] + waiting[node.name]
        tight = [each for each in ranges if each.size - len(used[node.name]) < needed]
        if known is not None and tight and _are_of(used[node.name], ranges):
            least, left = _least(tight, used[node.name])
            left = max(0, left - waiting[node.name])
            if there[node.name] + left < slots:
                short.append((known, least, left))
                amounts = {**node.allocatable, _SLOTS: there[node.name] + left}
                nodes.append(msgspec.structs.replace(node, allocatable=amounts))
                continue
        nodes.append(node)
    return (msgspec.structs.replace(given, nodes=tuple(nodes)), (_notice(short),)) if short else (given, ())


def _ranges(node: Object) -> list[Pool]:
    spec = node.document.get("spec") or {}
    return [pool(text) for text in spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else [])]


def _used(cluster: Cluster) -> tuple[Mapping[str, set[str]], Counter[str]]:
    """By node, the addresses that its pods have, and how many of its pods wait for one."""
    waiting: Counter[str] = Counter()
    used: dict[str, set[str]] = defaultdict(set)
    for pod in cluster.objects("Pod").values():
        status: Mapping[str, Any] = pod.document.get("status") or {}
        spec: Mapping[str, Any] = pod.document.get("spec") or {}
        node = spec.get("nodeName")
        if not node or spec.get("hostNetwork") or status.get("phase") in ("Succeeded", "Failed"):
            continue
        if status.get("podIP"):
            used[node].add(str(status["podIP"]))
            used[node].update(str(each["ip"]) for each in (status.get("podIPs") or ())[1:] if each.get("ip"))
        else:
            waiting[node] += 1
    return used, waiting


def _are_of(used: set[str], ranges: list[Pool]) -> bool:
    """Whether all addresses are of some ranges; if not, the network plugin has others, which are not known."""
    return all(any(ip_address(each) in some.network for some in ranges) for each in used)


def _least(ranges: list[Pool], used: set[str]) -> tuple[Pool, int]:
    """The range with the fewest addresses left, and their number."""
    left = [(each.size - sum(ip_address(address) in each.network for address in used), each) for each in ranges]
    number, least = min(left, key=lambda each: each[0])
    return least, number


def _notice(short: list[tuple[Object, Pool, int]]) -> Notice:
    node, least, left = short[0]
    more = f", and likewise {len(short) - 1} more" if short[1:] else ""
    message = (
        f"addresses for more pods on node {node.name}: {left} of {least.text} ({least}){more}; no more are counted "
        "there, as kube-scheduler would place them and their kubelet would wait for an address (the fewest nodes are "
        "found without addresses); nodes with larger ranges (node_cidr_mask_size) have room"
    )
    return Notice(code="KL191", message=message, location=node.place(("spec", "podCIDR")), count=len(short))
