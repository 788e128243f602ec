"""The whole problem, node by node, as integer counts in z3: for problems small enough, and for what couples
pods.

What it asks of a placement is necessary, so a refusal is a proof. Its answers are replayed in some order;
the order may not exist, then an answer is only a hint.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec
import numpy as np
import z3

from kubelogic.placement.optimal.coupling import Coupling
from kubelogic.placement.optimal.limits import Deadline
from kubelogic.placement.optimal.model import Ints, Mask, Model, reach_mask
from kubelogic.placement.optimal.rooms import Rooms, solo
from kubelogic.placement.optimal.smt import smt_solver

Cells = dict[tuple[int, int], z3.ArithRef]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: ``counts`` kinds by nodes, or a proof that there are none, or neither (a limit was reached)."""

    counts: Ints | None
    impossible: bool


class Exact:
    """Counts per kind and node over the running pods as they are: nobody leaves."""

    def __init__(self, model: Model, known: Rooms, *, deadline: Deadline) -> None:
        self._model = model
        # A context of its own: what z3 finds must not depend on what it was asked before.
        self._context = z3.Context()
        self._zero, self._one = (z3.IntVal(n, self._context) for n in (0, 1))
        self._coupling = Coupling(model)
        self._solver = smt_solver(self._context)
        self._deadline = deadline
        room = solo(model, np.array(model.free.T, order="C"), model.counts)
        for k, kind in enumerate(model.kinds):
            if kind.coupled:
                room[k][~self._coupling.open_node_rules(kind.shapes[0])] = 0
        self.cells: Cells = {
            (k, int(n)): z3.Int(f"x{k}_{n}", self._context)
            for k in range(len(model.kinds))
            for n in np.flatnonzero(room[k])
        }
        for (k, n), cell in self.cells.items():
            self._solver.add(cell >= 0, cell <= int(min(room[k, n], known.room[k, n])))
        for k in range(len(model.kinds)):
            self._solver.add(self._sum((k, n) for n in range(len(model.nodes))) <= int(known.count[k]))
        self._resources()
        self._exclusions(known.conflict)
        self._volumes()
        self._affinities()
        self._spreads()

    def find(self, wanted: dict[int, int]) -> Found:
        """Counts with at least the ``wanted`` number of pods of each priority."""
        self._solver.set(**self._deadline.options(0.2))
        self._solver.push()
        for level, count in sorted(wanted.items(), reverse=True):
            cells = [cell for (k, _), cell in self.cells.items() if self._model.kinds[k].priority == level]
            self._solver.add((z3.Sum(cells) if cells else self._zero) >= count)
        answer = self._solver.check()
        counts: Ints | None = None
        if answer == z3.sat:
            values = self._solver.model()
            counts = np.zeros((len(self._model.kinds), len(self._model.nodes)), dtype=np.int64)
            for (k, n), cell in self.cells.items():
                counts[k, n] = values.eval(cell, model_completion=True).as_long()
        self._solver.pop()
        return Found(counts=counts, impossible=answer == z3.unsat)

    def _sum(self, pairs: Iterable[tuple[int, int]]) -> z3.ArithRef:
        cells = [self.cells[pair] for pair in pairs if pair in self.cells]
        return z3.Sum(cells) if cells else self._zero

    def _resources(self) -> None:
        model = self._model
        at: dict[int, list[int]] = defaultdict(list)
        for k, n in self.cells:
            at[n].append(k)
        for n, kinds in sorted(at.items()):
            for r in range(len(model.resources)):
                asks = [(int(model.request[k, r]), self.cells[k, n]) for k in kinds if model.request[k, r] > 0]
                if asks:
                    self._solver.add(z3.Sum([ask * cell for ask, cell in asks]) <= int(model.free[n, r]))

    def _exclusions(self, conflict: Mask) -> None:
        model = self._model
        for i, j in zip(*np.nonzero(np.triu(conflict)), strict=True):
            for n in range(len(model.nodes)):
                if (i, n) in self.cells and (j, n) in self.cells:
                    self._solver.add(z3.Or(self.cells[i, n] == 0, self.cells[j, n] == 0))
        users: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for k, kind in enumerate(model.kinds):
            for use in model.shapes[kind.shapes[0]].exclusive:
                if use.scope == "cluster":
                    users[use.token][int(use.shared)].append(k)
        for _, (alone, shared) in sorted(users.items()):
            one = self._sum((k, n) for k in alone for n in range(len(model.nodes)))
            others = self._sum((k, n) for k in shared for n in range(len(model.nodes)))
            self._solver.add(one <= 1, z3.Or(one == 0, others == 0))

    def _volumes(self) -> None:
        model = self._model
        limited = {driver for node in model.nodes for driver in node.attach_limits}
        kinds = [k for k, kind in enumerate(model.kinds) if kind.coupled]
        for n, node in enumerate(model.nodes):
            for driver in sorted(set(node.attach_limits) & limited):
                fresh: dict[str, list[z3.ArithRef]] = defaultdict(list)
                for k in kinds:
                    for d, volume in model.shapes[model.kinds[k].shapes[0]].attaches:
                        there = self._coupling.is_attached(driver, volume, n)
                        if d == driver and (k, n) in self.cells and not there:
                            fresh[volume].append(self.cells[k, n])
                left = node.attach_limits[driver] - self._coupling.attached(driver, n)
                if len(fresh) > left:
                    used = [z3.If(z3.Sum(cells) >= 1, self._one, self._zero) for _, cells in sorted(fresh.items())]
                    self._solver.add(z3.Sum(used) <= max(left, 0))

    def _domains(self, key: str) -> dict[int, list[int]]:
        domain, _ = self._coupling.domain(key)
        members: dict[int, list[int]] = defaultdict(list)
        for n, d in enumerate(domain.tolist()):
            members[d].append(n)
        return members

    def _kinds(self, names: frozenset[str]) -> list[int]:
        kinds = enumerate(self._model.kinds)
        return [k for k, kind in kinds if kind.coupled and self._model.shapes[kind.shapes[0]].name in names]

    def _affinities(self) -> None:
        for i, rule in enumerate(self._model.problem.affinities):
            for owner in self._kinds(frozenset({rule.owner})):
                members = self._domains(rule.key)
                matches = self._kinds(rule.matches)
                there = self._coupling.matching(i)
                seeds = []
                for d, nodes in sorted(members.items()):
                    mine = self._sum((owner, n) for n in nodes)
                    if d < 0:
                        if not rule.anti:
                            self._solver.add(mine == 0)
                    elif rule.anti:
                        all_matches = self._sum((k, n) for k in matches for n in nodes)
                        self._solver.add(z3.Or(mine == 0, all_matches <= int(owner in matches)))
                    elif there[d] == 0:
                        others = self._sum((k, n) for k in matches if k != owner for n in nodes)
                        seed = z3.Bool(f"seed{i}_{d}", self._context)
                        seeds.append(seed)
                        self._solver.add(z3.Or(mine == 0, others >= 1, seed))
                if seeds:
                    free = rule.self_satisfied and self._coupling.is_first(self._model.shape_index[rule.owner])
                    self._solver.add(z3.PbLe([(seed, 1) for seed in seeds], int(free)))

    def _spreads(self) -> None:
        for i, spread in enumerate(self._model.problem.spreads):
            for owner in self._kinds(frozenset({spread.owner})):
                members = self._domains(spread.key)
                matches = self._kinds(spread.matches)
                there = self._coupling.spread_matching(i)
                counted = reach_mask(self._model, spread.eligible)
                valid = [d for d, nodes in sorted(members.items()) if d >= 0 and counted[nodes].any()]
                least = z3.Int(f"least{i}", self._context)
                if len(valid) < spread.min_domains or not valid:
                    self._solver.add(least == 0)
                for d in valid:
                    new = self._sum((k, n) for k in matches for n in members[d] if counted[n])
                    self._solver.add(least <= int(there[d]) + new)
                for d, nodes in sorted(members.items()):
                    mine = self._sum((owner, n) for n in nodes)
                    if d < 0:
                        self._solver.add(mine == 0)
                        continue
                    same = self._sum((owner, n) for n in nodes if counted[n]) - 1 if owner in matches else 0
                    skew = int(there[d]) + same + int(spread.counts_self) - least
                    self._solver.add(z3.Or(mine == 0, skew <= spread.max_skew))
