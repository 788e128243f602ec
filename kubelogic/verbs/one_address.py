"""Addresses that several have in the input, of which each may have one only: notices for plans and checks."""

from __future__ import annotations

from collections.abc import Iterator

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.pods import has_ended, node_of
from kubelogic.explain.units import some
from kubelogic.text import Notice
from kubelogic.text.location import Path

ONE_ADDRESS, ONE_RANGE = "KL166", "KL167"

_TOLD = 10
"""So many addresses or ranges are told one by one; the last of them says how many more there are."""


def address_notices(cluster: Cluster) -> tuple[Notice, ...]:
    """What pods report and nodes have of the same addresses, in a cluster as it was read.

    Pods on the network of their node share its address by intent, and those that have ended have none.

    Source: containernetworking/plugins, host-local, allocator.go: Get; pkg/controller/nodeipam/ipam/cidrset,
    AllocateNext: both give out what nobody has.
    """
    return (*_told(_pods(cluster)), *_told(_nodes(cluster)))


def _told(notices: Iterator[tuple[str, str, Object, Path, int]]) -> Iterator[Notice]:
    found = list(notices)
    for index, (code, message, obj, path, count) in enumerate(found[:_TOLD]):
        place = obj.place(path)
        more = len(found) - _TOLD if index == _TOLD - 1 else 0
        ending = f", and likewise {more} more" if more > 0 else ""
        yield Notice(code=code, message=message + ending, location=place, count=count)


def _pods(cluster: Cluster) -> Iterator[tuple[str, str, Object, Path, int]]:
    first: dict[str, Object] = {}
    holders: dict[str, list[Object]] = {}
    for pod in cluster.objects("Pod").values():
        status = pod.document.get("status")
        if not status or not status.get("podIP") or has_ended(pod) or not node_of(pod):
            continue
        if pod.document["spec"].get("hostNetwork"):
            continue
        second = [each["ip"] for each in (status.get("podIPs") or ())[1:] if each.get("ip")]
        for address in (status["podIP"], *second):
            other = first.setdefault(address, pod)
            if other is not pod:
                holders.setdefault(address, [other]).append(pod)
    for address, pods in sorted(holders.items()):
        pods.sort(key=lambda pod: pod.key)
        names = some([f"{pod.key} on {node_of(pod)}" for pod in pods])
        message = (
            f"{len(pods)} pods report the address {address}: {names}; each pod has one of its own, so what is "
            "sent there reaches at most one of them"
        )
        yield ONE_ADDRESS, message, pods[1], ("status", "podIP"), len(pods)


def _nodes(cluster: Cluster) -> Iterator[tuple[str, str, Object, Path, int]]:
    """One for each range that holds those of other nodes: of two ranges that overlap one holds the other."""
    ranges = []
    for node in cluster.objects("Node").values():
        spec = node.document.get("spec") or {}
        for text in spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else ()):
            ranges.append((*_bounds(text), node.key, text))
    groups: list[list[tuple[int, int, int, str, str]]] = []
    for each in sorted(ranges):
        bits, first, *_ = each
        if groups and groups[-1][0][0] == bits and first <= -groups[-1][0][2]:
            groups[-1].append(each)
        else:
            groups.append([each])
    for (*_, name, text), *inner in groups:
        others = [(key, held) for *_, key, held in inner if key != name]
        if others:
            overlaps = some([f"{held} of {key}" for key, held in others])
            message = (
                f"node {name} has the range {text} for its pods, and in it {'is' if len(others) == 1 else 'are'} "
                f"{overlaps}: pods of several nodes may get one address"
            )
            node = cluster.objects("Node")[others[0][0]]
            yield ONE_RANGE, message, node, ("spec", "podCIDR"), len({key for key, _ in others}) + 1


def _bounds(text: str) -> tuple[int, int, int]:
    """How many bits the addresses of a range have, its first one, and its last one, negated: the wider sorts first.

    >>> _bounds("0.0.1.0/24")
    (32, 256, -511)
    """
    from socket import AF_INET, AF_INET6, inet_pton

    address, _, length = text.partition("/")
    packed = inet_pton(AF_INET6 if ":" in address else AF_INET, address)
    bits = 8 * len(packed)
    free = bits - int(length)
    first = int.from_bytes(packed) >> free << free
    return bits, first, -(first + (1 << free) - 1)
