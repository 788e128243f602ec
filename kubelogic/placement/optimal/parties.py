"""Parties of the search for groups: who belongs to one, what a choice leaves, and what keeps an answer right.

A choice says of some groups that they stay out, or in which domain they start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from kubelogic.placement.optimal.copies import with_copies
from kubelogic.placement.placement import Binding, Eviction, Placement, Unplaced
from kubelogic.placement.problem import Group, Pod, Problem, Reach

OUT = None
"""The group stays out."""

COPY = "!"
"""Ends the names of shapes of pods that go first among their equals."""


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """A group with pods that wait."""

    group: Group
    pods: tuple[Pod, ...]
    running: tuple[Pod, ...]
    domains: tuple[str, ...]

    @property
    def needs(self) -> int:
        """How many of the waiting pods have to be placed for any to be."""
        return max(self.group.least - len(self.running), 1)


def parties_of(problem: Problem) -> Iterator[Party]:
    topology = {node.name: node.topology for node in problem.nodes}
    for group in problem.groups:
        if not (group.least or group.key):
            continue
        pods = tuple(pod for pod in problem.waiting if pod.group == group.name)
        running = tuple(pod for pod in problem.running if pod.group == group.name)
        if not pods:
            continue
        there = {topology[pod.node].get(group.key, "") for pod in running} if group.key else set()
        every = {each[group.key] for each in topology.values() if group.key in each} if group.key else {""}
        domains = every if not there else (there if len(there) == 1 and "" not in there else set())
        yield Party(group=group, pods=pods, running=running, domains=tuple(sorted(domains)))


def first_pods(problem: Problem, party: Party) -> tuple[Pod, ...]:
    """As many pods as a group needs: by priority, then the least demanding."""
    shapes = {shape.name: shape for shape in problem.shapes}
    ranked = sorted(
        party.pods,
        key=lambda pod: (
            -shapes[pod.shape].priority,
            sum(shapes[pod.shape].requests.values()),
            pod.order,
            pod.name,
        ),
    )
    return tuple(ranked[: party.needs])


def level(priority: int) -> int:
    """A priority, with room for one above it that is below the next."""
    return 2 * priority


def restricted(
    problem: Problem, parties: Mapping[str, Party], choice: Mapping[str, str | None], copies: dict[str, str] | None
) -> Problem:
    """The problem that a choice leaves: groups that are out have no pods, others keep to their domain.

    With ``copies``, which are noted there, as many pods as a group needs come first among their equals.
    """
    out = {name for name, each in choice.items() if each is OUT}
    first: set[str] = set()
    allowed = dict(problem.allowed)
    for name, domain in choice.items():
        party = parties[name]
        if domain is OUT:
            continue
        if party.group.key:
            nodes = [node for node in problem.nodes if node.topology.get(party.group.key) == domain]
            for shape in {pod.shape for pod in party.pods}:
                reach = problem.allowed[shape]
                within = (node.name for node in nodes if reach.has(node))
                allowed[shape] = Reach(nodes=frozenset(within))
        if copies is not None:
            first |= {pod.name for pod in first_pods(problem, party)}
    pods = tuple(pod for pod in problem.pods if pod.node or pod.group not in out)
    meek = _meek(problem)
    shapes = tuple(
        msgspec.structs.replace(each, preempts=False) if each.name in meek else each for each in problem.shapes
    )
    found = msgspec.structs.replace(problem, pods=pods, shapes=shapes, allowed=allowed, groups=())
    if not first or copies is None:
        return found
    copies.update((pod.shape, pod.shape + COPY) for pod in pods if pod.name in first)
    found = with_copies(found, copies)
    boosted = set(copies.values())
    shapes = tuple(
        msgspec.structs.replace(shape, priority=level(shape.priority) + (shape.name in boosted))
        for shape in found.shapes
    )
    levels = {shape.name: shape.priority for shape in problem.shapes}
    equal = {levels[pod.shape] for pod in pods if pod.name in first}
    return msgspec.structs.replace(
        found,
        shapes=shapes,
        pods=tuple(
            msgspec.structs.replace(pod, shape=copies[pod.shape])
            if pod.name in first
            # Pods who go first among their equals may not drive these out.
            else msgspec.structs.replace(pod, movable=False)
            if pod.node and levels[pod.shape] in equal
            else pod
            for pod in pods
        ),
    )


def _meek(problem: Problem) -> frozenset[str]:
    """Shapes whose pods may not evict whom their own priority would let them: their group preempts with less."""
    if not problem.as_groups:
        return frozenset()
    levels = {shape.name: shape.priority for shape in problem.shapes}
    groups = {group.name: group for group in problem.groups}
    return frozenset(
        pod.shape
        for pod in problem.waiting
        if (group := groups.get(pod.group)) is not None and (group.priority < levels[pod.shape] or not group.preempts)
    )


def at_once(problem: Problem, parties: Mapping[str, Party], found: Placement) -> Placement:
    """The pods of a group that would start with fewer than it needs wait for those that wait for room."""
    bound = {binding.pod for binding in found.bindings}
    late: list[Binding] = []
    for party in parties.values():
        mine = [pod.name for pod in party.pods if pod.name in bound]
        if mine and len(mine) < party.needs:
            late += [binding for binding in found.bindings if binding.pod in mine]
    if not late:
        return found
    names = {binding.pod for binding in late}
    shapes = {pod.name: pod.shape for pod in problem.waiting}
    waits = (Unplaced(pod=each.pod, shape=shapes[each.pod], verdict="waiting", node=each.node) for each in late)
    return msgspec.structs.replace(
        found,
        bindings=tuple(binding for binding in found.bindings if binding.pod not in names),
        nominations=(*late, *found.nominations),
        evictions=tuple(msgspec.structs.replace(each, after=-1) for each in found.evictions),
        unplaced=(*found.unplaced, *waits),
    )


def whole(problem: Problem, found: Placement) -> Placement:
    """Groups that are evicted whole for the sake of a group, and what each eviction then breaks."""
    if not (problem.as_groups and found.evictions):
        return found
    grouped = {pod.name for pod in problem.waiting if pod.group}
    whole = {group.name for group in problem.groups if group.whole}
    pods = {pod.name: pod for pod in problem.running}
    out = {eviction.pod for eviction in found.evictions}
    more: list[Eviction] = []
    for eviction in found.evictions:
        group = pods[eviction.pod].group
        if group in whole and eviction.beneficiary in grouped:
            for pod in problem.running:
                if pod.group == group and pod.movable and not pod.terminating and pod.name not in out:
                    out.add(pod.name)
                    more.append(Eviction(pod=pod.name, node=pod.node, beneficiary=eviction.beneficiary, after=-1))
    left = {budget.name: budget.allowed for budget in problem.budgets}
    evictions: list[Eviction] = []
    for eviction in (*found.evictions, *more):
        broken: list[str] = []
        for name in pods[eviction.pod].budgets:
            left[name] -= 1
            if left[name] < 0:
                broken.append(name)
        evictions.append(msgspec.structs.replace(eviction, breaks=tuple(sorted(broken))))
    return msgspec.structs.replace(found, evictions=tuple(evictions))


def original(found: Placement, problem: Problem, copies: Mapping[str, str]) -> Placement:
    """An answer about copies as one about the shapes themselves; its limits keep their levels."""
    if not copies:
        return found
    shapes = {pod.name: pod.shape for pod in problem.pods}
    unplaced = tuple(msgspec.structs.replace(each, shape=shapes[each.pod]) for each in found.unplaced)
    return msgspec.structs.replace(found, unplaced=unplaced, conflicts=())


def nodes_of(found: Placement, party: Party) -> list[str]:
    names = {pod.name for pod in party.pods}
    return [binding.node for binding in (*found.bindings, *found.nominations) if binding.pod in names]


def together(problem: Problem, party: Party, nodes: list[str]) -> bool:
    if not party.group.key:
        return True
    topology = {node.name: node.topology.get(party.group.key) for node in problem.nodes}
    domains = {topology[node] for node in nodes} | {topology[pod.node] for pod in party.running}
    return len(domains) == 1 and None not in domains


def kept(problem: Problem, parties: Mapping[str, Party], found: Placement) -> Placement:
    """A placement without what it places of broken groups, if nobody leaves for their sake."""
    broken = {
        name
        for name, party in parties.items()
        if (nodes := nodes_of(found, party)) and (len(nodes) < party.needs or not together(problem, party, nodes))
    }
    if not broken:
        return msgspec.structs.replace(found, bounds=(), refusals=(), conflicts=())
    dropped = {pod.name: pod for name in broken for pod in parties[name].pods}
    left = {entry.pod for entry in found.unplaced}
    return msgspec.structs.replace(
        found,
        bindings=tuple(each for each in found.bindings if each.pod not in dropped),
        nominations=tuple(each for each in found.nominations if each.pod not in dropped),
        evictions=tuple(
            msgspec.structs.replace(each, after=-1) for each in found.evictions if each.beneficiary not in dropped
        ),
        unplaced=(
            *(
                msgspec.structs.replace(entry, verdict="unknown", node="") if entry.pod in dropped else entry
                for entry in found.unplaced
            ),
            *(
                Unplaced(pod=pod.name, shape=pod.shape, verdict="unknown")
                for pod in dropped.values()
                if pod.name not in left
            ),
        ),
        bounds=(),
        refusals=(),
        conflicts=(),
    )
