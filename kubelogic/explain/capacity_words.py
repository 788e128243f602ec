"""What nodes can hold, or have free, as members of a conflict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from kubelogic.cluster import Object
from kubelogic.explain.node_conditions import ailing
from kubelogic.explain.units import amount, some
from kubelogic.kinds import quantity
from kubelogic.placement.placement import Assumption
from kubelogic.placement.problem import Problem


def capacity_words(problem: Problem, each: Assumption, core: Sequence[Assumption]) -> tuple[str, str]:
    """What a node, or nodes that are alike, can hold of a resource, as far as it decides; and the node that has it.

    Args:
        problem: the problem that the core is about.
        each: an assumption of the kind ``capacity`` about a node or class, and a resource.
        core: the assumptions that cannot hold together.
    """
    name, resource = each.subjects[:2]
    pinned = {one.subjects[0].partition("@")[2] for one in core if one.kind == "node_names"} - {""}
    members = [node for node in problem.nodes if name in (node.name, node.node_class)]
    members = [node for node in members if node.name in pinned] or members
    if not members:
        return str(each), name
    members = sorted(members, key=lambda node: (node.name != name, node.name))
    held = {node.name: node.allocatable.get(resource, 0) for node in members}
    used = _used(problem, resource)
    most = max(held.values())
    free = max(held[node.name] - used[node.name] for node in members)
    asked = _asked(problem, core, resource)
    if free == most or asked > most:
        name = max(held, key=held.__getitem__)
    else:
        name = max(held, key=lambda each: held[each] - used[each])
    words = _words(resource, name, held, used=used, most=most, free=free, asked=asked)
    if not most and problem.devices is not None and resource in problem.devices.extended:
        words += f", and too few devices of the class {problem.devices.extended[resource]} stand for it"
    return words, name


def _words(
    resource: str, name: str, held: Mapping[str, int], *, used: Counter[str], most: int, free: int, asked: int
) -> str:
    """The sentence about nodes that are alike, by the one that decides; ``held`` is what each offers."""
    who = name if len(held) == 1 else f"each of the {len(held)} nodes like {name}"
    if most == 0:
        if resource == "pods":
            return f"{who} takes no pods"
        none = name if len(held) == 1 else f"none of the {len(held)} nodes like {name}"
        return f"{none} has {'no' if len(held) == 1 else 'any'} {resource}"
    roomy = [node for node in held if held[node] - used[node] >= asked > 0]
    if roomy and len(roomy) < len(held):
        have = "has" if len(roomy) == 1 else "have"
        return (
            f"only {len(roomy)} of the {len(held)} nodes like {next(iter(held))} {have} "
            f"{amount(resource, asked)} of {resource} free: {some(sorted(roomy), 4)}"
        )
    if free == most or asked > most:
        return f"{who} can hold at most {amount(resource, most)} {'pods' if resource == 'pods' else f'of {resource}'}"
    left = amount(resource, max(free, 0))
    sizes = set(held.values())
    if resource == "pods":
        full = "no place for a pod" if free <= 0 else f"{left} places for pods"
        whole = f", of {most}" if len(sizes) == 1 else ""
        return f"{who} has {full} free{whole}, beside the pods that run"
    whole = f", of {amount(resource, most)}" if len(sizes) == 1 else ""
    at_most = "" if len(held) == 1 else "at most "
    return f"{who} has {at_most}{left} of {resource} free{whole}, beside the pods that run"


def reserved_words(problem: Problem, core: Sequence[Assumption], node: Object | None, resource: str) -> str:
    """That the whole machine would be enough and what pods may have of it is not, or devices are not healthy; or empty.

    Source: pkg/kubelet/cm/node_container_manager_linux.go, GetNodeAllocatableReservation, of Kubernetes 1.36.

    Args:
        problem: the problem that the core is about.
        core: the assumptions that cannot hold together.
        node: the node that one of them is about.
        resource: of it.
    """
    if told := ailing(node, resource):
        return told
    status = (node.document.get("status") or {}) if node is not None else {}
    written = [(status.get(each) or {}).get(resource) for each in ("capacity", "allocatable")]
    if resource == "pods" or None in written:
        return ""
    capacity, allocatable = (quantity.amount(resource, str(each)) for each in written)
    if not allocatable < _asked(problem, core, resource) <= capacity:
        return ""
    kept = amount(resource, capacity - allocatable)
    return f"; {amount(resource, capacity)} is its capacity, of which {kept} is kept for the system"


def _asked(problem: Problem, core: Sequence[Assumption], resource: str) -> int:
    """The most of a resource that a pod of the core asks for."""
    shapes = {each.subjects[0] for each in core if each.kind == "request" and each.subjects[1] == resource}
    return max((shape.requests.get(resource, 0) for shape in problem.shapes if shape.name in shapes), default=0)


def _used(problem: Problem, resource: str) -> Counter[str]:
    """What running pods ask for of a resource, by node."""
    asks = {shape.name: shape.requests.get(resource, 0) for shape in problem.shapes}
    used: Counter[str] = Counter()
    for pod in problem.pods:
        if pod.node:
            used[pod.node] += asks[pod.shape]
    return used
