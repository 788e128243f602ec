"""What nodes can hold, or have free, as members of a conflict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from kubelogic.explain.units import amount, some
from kubelogic.placement.placement import Assumption
from kubelogic.placement.problem import Problem


def capacity_words(problem: Problem, each: Assumption, core: Sequence[Assumption]) -> str:
    """What a node, or nodes that are alike, can hold of a resource, as far as it decides.

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
        return str(each)
    names = sorted(node.name for node in members)
    who = names[0] if len(names) == 1 else f"each of the {len(members)} nodes like {name}"
    most = max(node.allocatable.get(resource, 0) for node in members)
    used = _used(problem, resource)
    free = max(node.allocatable.get(resource, 0) - used[node.name] for node in members)
    if most == 0:
        if resource == "pods":
            return f"{who} takes no pods"
        none = names[0] if len(members) == 1 else f"none of the {len(members)} nodes like {name}"
        return f"{none} has {'no' if len(members) == 1 else 'any'} {resource}"
    asked = _asked(problem, core, resource)
    roomy = [node.name for node in members if node.allocatable.get(resource, 0) - used[node.name] >= asked > 0]
    if roomy and len(roomy) < len(members):
        have = "has" if len(roomy) == 1 else "have"
        return (
            f"only {len(roomy)} of the {len(members)} nodes like {name} {have} "
            f"{amount(resource, asked)} of {resource} free: {some(sorted(roomy), 4)}"
        )
    if free == most or asked > most:
        return f"{who} can hold at most {amount(resource, most)} {'pods' if resource == 'pods' else f'of {resource}'}"
    left = amount(resource, max(free, 0))
    sizes = {node.allocatable.get(resource, 0) for node in members}
    if resource == "pods":
        full = "no place for a pod" if free <= 0 else f"{left} places for pods"
        whole = f", of {most}" if len(sizes) == 1 else ""
        return f"{who} has {full} free{whole}, beside the pods that run"
    whole = f", of {amount(resource, most)}" if len(sizes) == 1 else ""
    at_most = "" if len(members) == 1 else "at most "
    return f"{who} has {at_most}{left} of {resource} free{whole}, beside the pods that run"


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
