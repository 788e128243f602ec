"""What ``assumed`` is made of: counts of pods by shape and group of nodes, and facts under literals."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import z3

from kubelogic.placement.optimal.assumptions import denied
from kubelogic.placement.optimal.smt import smt_solver
from kubelogic.placement.placement import Assumption
from kubelogic.placement.problem import Affinity, Problem, Reach, Spread

_FEW_DOMAINS = 12

Literal: TypeAlias = "z3.BoolRef | bool"
"""An assumption that may be dropped; True: one that may not, False: one that is."""


class AssumedRows:
    """A z3 solver under construction, and what its constraints are made of.

    Attributes:
        x: how many pods of a shape a group of nodes gets.
        groups: nodes that are looked at together, by their index.
        count: how many pods of each shape wait. Shapes whose count is dropped are left out if nobody needs them.
        stay: running pods by node and shape that are sure to stay.
        leavers: shapes of running pods that go away or could be evicted, by node.
    """

    def __init__(
        self,
        problem: Problem,
        universe: frozenset[Assumption],
        kept: frozenset[Assumption],
        *,
        fine: bool,
    ) -> None:
        """See ``assumed.Assumed``."""
        self.context = z3.Context()
        self.solver = smt_solver(self.context)
        self.zero = z3.IntVal(0, self.context)
        self.fine = fine
        self._universe = {(entry.kind, entry.subjects, entry.index): entry for entry in universe}
        self.literals = {entry: z3.Bool(f"a{i}", self.context) for i, entry in enumerate(sorted(kept))}
        self.problem = problem
        wanted = Counter(pod.shape for pod in problem.pods if not pod.node)
        shapes = {shape.name: shape for shape in problem.shapes}
        helpers = helpful(problem)
        self.count = {
            name: number
            for name, number in sorted(wanted.items())
            if self.literal("count", name) is not False or name in helpers
        }
        self.shapes = {name: shapes[name] for name in self.count}
        self.all_shapes = shapes
        self.denied = denied(problem)
        top = max((shapes[name].priority for name in wanted if shapes[name].preempts), default=None)
        self.sure: set[str] = set()
        self.stay: dict[str, Counter[str]] = defaultdict(Counter)
        self.leavers: dict[str, set[str]] = defaultdict(set)
        for pod in problem.pods:
            if pod.node and (pod.terminating or (pod.movable and top is not None and shapes[pod.shape].priority < top)):
                self.leavers[pod.node].add(pod.shape)
            elif pod.node:
                self.stay[pod.node][pod.shape] += 1
                self.sure.add(pod.name)
        self.groups = self._partition()
        self._index = {node.name: n for n, node in enumerate(problem.nodes)}
        self.x = {
            (name, g): self.number(f"x{i}_{g}") for i, name in enumerate(self.count) for g in range(len(self.groups))
        }
        self._auxiliary = 0

    def number(self, name: str) -> z3.ArithRef:
        """A new amount of at least 0; a whole one if nodes stand for themselves."""
        number = z3.Int(name, self.context) if self.fine else z3.Real(name, self.context)
        self.solver.add(number >= 0)
        return number

    def literal(self, kind: str, *subjects: str, index: int = -1) -> Literal:
        """The literal of an assumption; True if it cannot be dropped, False if it is."""
        entry = self._universe.get((kind, subjects, index))
        return True if entry is None else self.literals.get(entry, False)

    def under(self, literals: Iterable[Literal], *facts: z3.BoolRef) -> None:
        """The facts hold if all the literals do."""
        open_: list[z3.BoolRef] = []
        for literal in literals:
            if literal is False:
                return
            if literal is not True:
                open_.append(literal)
        for fact in facts:
            self.solver.add(z3.Or(*(z3.Not(literal) for literal in open_), fact) if open_ else fact)

    def sum(self, names: Iterable[str], groups: Iterable[int]) -> z3.ArithRef:
        """How many pods of some shapes some groups get."""
        terms = [self.x[name, g] for name in names for g in groups]
        return z3.Sum(terms) if terms else self.zero

    def row(
        self,
        terms: Sequence[tuple[Literal, z3.ArithRef]],
        capacity: int,
        under: Iterable[Literal],
    ) -> None:
        """The terms whose literal holds add up to the capacity at most."""
        used: list[z3.ArithRef] = []
        for literal, term in terms:
            if literal is True:
                used.append(term)
            elif literal is not False:
                self._auxiliary += 1
                load = self.number(f"l{self._auxiliary}")
                self.solver.add(z3.Or(z3.Not(literal), load >= term))
                used.append(load)
        if used:
            self.under(under, z3.Sum(used) <= capacity)

    def counts(self) -> dict[tuple[str, str], int]:
        """Pods by shape and node, as the solver has just answered, where nodes stand for themselves."""
        model, nodes = self.solver.model(), self.problem.nodes
        values = {
            (name, nodes[self.groups[g][0]].name): model.eval(x, model_completion=True).as_long()
            for (name, g), x in self.x.items()
        }
        return {pair: number for pair, number in values.items() if number}

    def _partition(self) -> list[list[int]]:
        nodes = self.problem.nodes
        if self.fine:
            return [[n] for n in range(len(nodes))]
        rules: tuple[Affinity | Spread, ...] = (*self.problem.affinities, *self.problem.spreads)
        keys = sorted({rule.key for rule in rules if rule.owner in self.count or rule.matches & self.count.keys()})
        few = [key for key in keys if len({node.topology.get(key) for node in nodes}) <= _FEW_DOMAINS]
        found: dict[tuple[str | None, ...], list[int]] = defaultdict(list)
        for n, node in enumerate(nodes):
            found[node.node_class, *(node.topology.get(key) for key in few)].append(n)
        return [found[group] for group in sorted(found, key=repr)]

    def domains(self, key: str) -> dict[str | None, list[int]] | None:
        """The groups of each domain of a key (None: nodes without it); None if some group lies in several."""
        found: dict[str | None, list[int]] = defaultdict(list)
        for g, members in enumerate(self.groups):
            here = {self.problem.nodes[n].topology.get(key) for n in members}
            if len(here) > 1:
                return None
            found[next(iter(here))].append(g)
        return found

    def running(
        self, names: frozenset[str], key: str, *, every: bool, eligible: Reach | None = None
    ) -> Counter[str | None]:
        """Running pods of some shapes per domain: ``every`` one, or those that are sure to stay."""
        found: Counter[str | None] = Counter()
        for pod in self.problem.pods:
            if pod.node and pod.shape in names:
                node = self.problem.nodes[self._index[pod.node]]
                if eligible is not None and not eligible.has(node):
                    continue
                if every or pod.name in self.sure:
                    found[node.topology.get(key)] += 1
        return found


def helpful(problem: Problem) -> frozenset[str]:
    """The waiting shapes whose pods can be of use to those of others.

    Some affinity or spread of another shape looks for them; they settle where a claim is that others use, too; or they
    may evict somebody whom others may not, who then have what is left.
    """
    rules: tuple[Affinity | Spread, ...] = (*(rule for rule in problem.affinities if not rule.anti), *problem.spreads)
    found = {name for rule in rules for name in rule.matches - {rule.owner}}
    waiting = {pod.shape for pod in problem.pods if not pod.node}
    shapes = {shape.name: shape for shape in problem.shapes}
    users = Counter(claim for name in waiting for claim in shapes[name].claims)
    found |= {name for name in waiting if any(users[claim] > 1 for claim in shapes[name].claims)}
    victims = {shapes[pod.shape].priority for pod in problem.pods if pod.node and pod.movable and not pod.terminating}
    powers = {name: shapes[name].priority if shapes[name].preempts else None for name in waiting}
    for victim in victims:
        strong = {name for name, power in powers.items() if power is not None and power > victim}
        if strong != waiting:
            found |= strong
    return frozenset(found)
