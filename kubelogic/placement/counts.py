"""What bounds the counts of one shape of pods per node and per domain, whatever becomes of the others.

Every bound holds in any state; where nothing else concerns the shape (``whole``), a state that keeps them is legal.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from kubelogic.placement.problem import Node, Problem, Shape, Spread

_NODES, _STATES = 60, 6_000
_STEPS = 1_000_000
"""Steps that z3 may take for one question; a count, so that equal questions have equal answers."""

Reason = Literal["total", "room", "barred", "one", "even", "skew", "short", "members", "nodes"]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A node (``key`` empty), a domain of several nodes, or all nodes (both empty)."""

    key: str = ""
    name: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """So many pods of the shape a place has: ``low`` to ``high``, as ``reason`` says, given the steps ``after``.

    Attributes:
        place: of which this is said.
        low: at least so many.
        high: at most so many.
        reason: ``total``: that many are wanted. ``room``: of ``resource``, free there. ``barred``: the shape may not go
            there. ``one``: an exclusive rule about ``key``. ``even``: all pods over the domains of ``key`` with a skew
            of ``skew``. ``skew``: the same, against the place of ``after``. ``short``: the same, against none, as
            there are fewer domains than it asks for (``wanted``). ``members``: the nodes of a domain add up
            to it. ``nodes``: all places of ``key`` add up to the total.
        key: the topology key of the rule.
        domain: the domain of ``key`` that has no node but ``place``, if that is so.
        skew: the largest skew that it allows.
        wanted: how many domains it asks for, of fewer.
        resource: what there is room of.
        after: numbers of the steps that this one rests on.
    """

    place: Place
    low: int
    high: int
    reason: Reason
    key: str = ""
    domain: str = ""
    skew: int = 0
    wanted: int = 0
    resource: str = ""
    after: tuple[int, ...] = ()


class Evenness(msgspec.Struct, frozen=True, kw_only=True):
    """A spread that counts this shape's pods only: its domains, each with the numbers of its nodes.

    ``short`` is how many domains it asks for, where there are fewer: the fewest pods of one then count as none.
    """

    key: str
    skew: int
    domains: Mapping[str, tuple[int, ...]]
    short: int


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What bounds the counts of one shape: per node how many at most and why, at most one per domain, evenness."""

    nodes: tuple[Node, ...]
    room: tuple[Step, ...]
    ones: tuple[tuple[str, Mapping[str, tuple[int, ...]]], ...]
    evens: tuple[Evenness, ...]
    there: tuple[int, ...]
    whole: bool

    def legal(self, wanted: int) -> Mapping[str, int] | None:
        """Pods by node in a state of ``wanted`` that keeps these rules, as z3 finds it; None if it finds none."""
        import z3

        from kubelogic.placement.optimal.smt import smt_solver

        context = z3.Context()
        solver = smt_solver(context)
        solver.set("rlimit", _STEPS)
        cells = [z3.Int(node.name, context) for node in self.nodes]
        for cell, step in zip(cells, self.room, strict=True):
            solver.add(cell >= 0, cell <= step.high)
        solver.add(z3.Sum(cells) == wanted)
        for _, domains in self.ones:
            for members in domains.values():
                solver.add(z3.Sum([cells[m] for m in members]) <= 1)
        for even in self.evens:
            totals = [z3.Sum([cells[m] for m in members]) for members in even.domains.values()]
            for one in totals:
                solver.add(*(one <= even.skew + (0 if even.short else other) for other in totals if other is not one))
        if solver.check() != z3.sat:
            return None
        model = solver.model()
        found = [model.eval(cell, model_completion=True).as_long() for cell in cells]
        return {node.name: count for node, count in zip(self.nodes, found, strict=True)}

    def reachable(self, wanted: int, *, states: int = _STATES) -> int | None:
        """The most pods at one time, up to ``wanted``, from those that are there: pods come where the rules let them,
        one by one, and go at will. None if there are more ``states``.
        """
        seen, queue, most = {self.there}, deque([self.there]), 0
        while queue:
            state = queue.popleft()
            most = max(most, sum(state))
            if most >= wanted:
                return wanted
            for other in self._next(state, wanted):
                if other not in seen:
                    if len(seen) >= states:
                        return None
                    seen.add(other)
                    queue.append(other)
        return most

    def _next(self, state: tuple[int, ...], wanted: int) -> Iterator[tuple[int, ...]]:
        for n, count in enumerate(state):
            if count:
                yield (*state[:n], count - 1, *state[n + 1 :])
            if sum(state) < wanted and self._open(state, n):
                yield (*state[:n], count + 1, *state[n + 1 :])

    def _open(self, state: tuple[int, ...], node: int) -> bool:
        """Whether one more pod may come to a node."""
        if state[node] >= self.room[node].high:
            return False
        for _, domains in self.ones:
            if any(node in members and any(state[m] for m in members) for members in domains.values()):
                return False
        for even in self.evens:
            totals = {name: sum(state[m] for m in members) for name, members in even.domains.items()}
            mine = next(name for name, members in even.domains.items() if node in members)
            if totals[mine] + 1 - (0 if even.short else min(totals.values())) > even.skew:
                return False
        return True


def counts_of(problem: Problem, name: str) -> Counts | None:
    """What bounds the counts of a shape; None where counts of this shape alone do not tell, or nodes are too many."""
    shape = next((each for each in problem.shapes if each.name == name), None)
    if shape is None or shape.claims or len(problem.nodes) > _NODES:
        return None
    nodes = problem.nodes
    # Pods that are being deleted may never be gone (on a dead node), and spreads do not count them.
    running = Counter(pod.node for pod in problem.running if pod.shape == name and not pod.terminating)
    whole = not shape.attaches and not any(use.scope == "cluster" for use in shape.exclusive)
    ones: list[tuple[str, Mapping[str, tuple[int, ...]]]] = []
    for rule in problem.affinities:
        if rule.owner == name and rule.anti and name in rule.matches:
            ones.append((rule.key, _domains(nodes, rule.key)))
        if rule.owner == name or name in rule.matches:
            whole = whole and rule.owner == name and rule.anti and rule.matches <= {name}
    evens: list[Evenness] = []
    for spread in problem.spreads:
        if spread.owner == name:
            even = _evenness(problem, spread, name)
            if even is None:
                return None
            evens.append(even)
    return Counts(
        nodes=nodes,
        room=tuple(_room(problem, shape, evens, node) for node in nodes),
        ones=tuple(ones),
        evens=tuple(evens),
        there=tuple(running[node.name] for node in nodes),
        whole=whole,
    )


def _domains(nodes: Sequence[Node], key: str) -> Mapping[str, tuple[int, ...]]:
    found: dict[str, list[int]] = defaultdict(list)
    for n, node in enumerate(nodes):
        if key in node.topology:
            found[node.topology[key]].append(n)
    return {name: tuple(members) for name, members in sorted(found.items())}


def _evenness(problem: Problem, spread: Spread, name: str) -> Evenness | None:
    """A spread as counts of the shape; None if pods of others count, or some of its own do not."""
    others = {pod.shape for pod in problem.pods} & spread.matches - {name}
    if others or not spread.counts_self or name not in spread.matches:
        return None
    domains = spread.domains(problem.nodes)
    return Evenness(
        key=spread.key,
        skew=spread.max_skew,
        domains={domain: tuple(members) for domain, members in sorted(domains.items())},
        short=spread.min_domains if len(domains) < spread.min_domains else 0,
    )


def _room(problem: Problem, shape: Shape, evens: Sequence[Evenness], node: Node) -> Step:
    """How many pods of the shape a node takes at most, and why no more."""
    place = Place(name=node.name)
    number = problem.nodes.index(node)
    inside = all(any(number in members for members in even.domains.values()) for even in evens)
    reach = problem.allowed[shape.name]
    if not inside or not reach.has(node):
        return Step(place=place, low=0, high=0, reason="barred")
    shapes = {each.name: each for each in problem.shapes}
    stay = [
        shapes[pod.shape]
        for pod in problem.running
        if pod.node == node.name
        and pod.shape != shape.name
        and not pod.terminating
        and not (pod.movable and shape.preempts and shapes[pod.shape].priority < shape.priority)
    ]
    most, tightest = len(problem.pods), ""
    for resource, asked in sorted(shape.requests.items()):
        if asked > 0:
            free = node.allocatable.get(resource, 0) - sum(each.requests.get(resource, 0) for each in stay)
            if max(free, 0) // asked < most:
                most, tightest = max(free, 0) // asked, resource
    alone = bool(shape.ports) or any(not use.shared for use in shape.exclusive)
    if alone and most > 1:
        return Step(place=place, low=0, high=1, reason="one")
    return Step(place=place, low=0, high=most, reason="room", resource=tightest)
