"""Whether a problem can be solved under some of its assumptions: a proof that it cannot, or a placement that shows how.

Cheap questions come first: what follows from earlier answers, the relaxation over groups of nodes, a quick placement,
prices of what nodes can hold. Then every node for itself, and the whole solver.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Protocol

import msgspec

from kubelogic.placement.check import check
from kubelogic.placement.constraints.every import coupled
from kubelogic.placement.optimal.assumed import Assumed
from kubelogic.placement.optimal.assumed_rows import helpful
from kubelogic.placement.optimal.assumptions import without
from kubelogic.placement.optimal.clearance import afterwards, cleared
from kubelogic.placement.optimal.compile import compile_problem
from kubelogic.placement.optimal.limits import Deadline, Effort
from kubelogic.placement.optimal.lone import lone
from kubelogic.placement.optimal.pack import insert
from kubelogic.placement.optimal.prices import Prices
from kubelogic.placement.optimal.replay import replay
from kubelogic.placement.optimal.result import result
from kubelogic.placement.placement import Assumption, Placement
from kubelogic.placement.problem import Problem

_FEW_CELLS, _FINE_CELLS = 150, 2_500
"""Shapes times nodes up to which every node is looked at for itself: before the whole solver, and after it."""

_SHORT, _LONG = 0.04, 0.2
"""Shares of z3's resource limit."""


class Holds(msgspec.Struct, frozen=True, kw_only=True):
    """``placement`` places every pod that is asked for; ``problem`` is what it answers."""

    problem: Problem
    placement: Placement


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """No placement exists under the ``core``."""

    core: frozenset[Assumption]


class Place(Protocol):
    """A joint scheduler. ``near`` is a placement of other pods, or under other constraints: where to start from."""

    def __call__(
        self, problem: Problem, effort: Effort, near: Placement | None = None
    ) -> tuple[bool | None, Placement]:
        """Whether all pods can be placed (None: it found neither a way nor a proof), and the placement."""


class Oracle:
    """Answers for a problem under any of its assumptions, and remembers.

    An assumption that is left out may hold or not. So a count that is left out leaves it open how many pods of the
    shape there are, up to those that wait: the others may have use for some.
    """

    def __init__(
        self,
        problem: Problem,
        universe: frozenset[Assumption],
        *,
        place: Place,
        near: Placement,
        deadline: Deadline,
    ) -> None:
        self._problem = problem
        self._universe = universe
        self._place = place
        self._deadline = deadline
        self._relaxation = Assumed(problem, universe, universe, fine=False, deadline=deadline)
        self._refused: list[frozenset[Assumption]] = []
        self._open: set[frozenset[Assumption]] = set()
        self._held: list[tuple[frozenset[Assumption], Holds]] = []
        bound = {binding.pod for binding in near.bindings}
        left = sum(not pod.node and pod.name not in bound for pod in problem.pods)
        self._near: list[tuple[frozenset[Assumption], int, Placement]] = [(universe, left, near)]
        self._prices = Prices(problem, deadline=deadline)
        self._helpful = helpful(problem)
        names = {pod.shape for pod in problem.pods if not pod.node}
        self._coupled = bool(names & coupled(problem))
        # Whole pods on single nodes are where z3 is at its worst, unless there are few or more than room is short.
        self._fine_first = self._coupled and len(names) * len(problem.nodes) <= _FEW_CELLS

    def refused(self, asked: frozenset[Assumption]) -> Refused | None:
        """A refusal that is found without much work: remembered, by prices, or by sums over groups of nodes."""
        known = next((core for core in self._refused if core <= asked), None)
        if known is not None:
            return Refused(core=known)
        if asked in self._open or any(asked <= held for held, _ in self._held):
            return None
        core, packable = self._priced(asked)
        if core is not None or self._coupled or not packable:
            # Where room is not what is short, affinity and the like are proved soon, or not at all.
            share = _SHORT if packable else _LONG
            core = self._relaxation.check(core or asked, share=share).core or core
        if core is None:
            self._open.add(asked)
            return None
        self._refused.append(core)
        return Refused(core=core)

    def ask(self, asked: frozenset[Assumption], effort: Effort) -> Holds | Refused | None:
        """What is proved of the problem under ``asked``; None if nothing was."""
        for held, witness in self._held:
            if asked <= held:
                return witness
        found = self.refused(asked) or self._quick(asked)
        if self._fine_first:
            found = found or self._fine(asked)
        found = found or self._cleared(asked) or self._lone(asked) or self._whole(asked, effort)
        if not self._fine_first and effort == Effort.ALL:
            found = found or self._fine(asked)
        return found

    def _priced(self, asked: frozenset[Assumption]) -> tuple[frozenset[Assumption] | None, bool]:
        """A core that follows from what single nodes can hold; and whether there is none."""
        core = None
        while True:
            dropped = self._universe - asked
            optional = self._optional(asked)
            problem = without(self._problem, frozenset(e for e in dropped if e.subjects not in optional))
            left_open = {e.subjects[0] for e in dropped if e.kind == "count"}
            wanted = frozenset(pod.shape for pod in problem.pods if not pod.node) - left_open
            found = self._prices.refuse(problem, wanted)
            if found.needed is None:
                return core, core is None and found.packable
            core = asked
            # What is worth nothing takes no room in the proof; but others might have had use for it.
            asked = frozenset(e for e in core if e.kind not in ("count", "request") or e.subjects[0] in found.needed)
            if asked == core:
                return core, False

    # -- ways to answer ----------------------------------------------------------------------------------------

    def _quick(self, asked: frozenset[Assumption]) -> Holds | None:
        weaker = without(self._problem, self._universe - asked)
        possible, placement = self._place(weaker, Effort.QUICK, self._nearest(asked))
        if possible:
            return self._holds(asked, weaker, placement)
        optional = self._optional(asked)
        if optional:
            weaker = without(self._problem, frozenset(e for e in self._universe - asked if e.subjects not in optional))
            _, placement = self._place(weaker, Effort.QUICK, placement)
        return self._holds(asked, weaker, placement)

    def _cleared(self, asked: frozenset[Assumption]) -> Holds | None:
        optional = self._optional(asked)
        weaker = without(self._problem, frozenset(e for e in self._universe - asked if e.subjects not in optional))
        empty, victims = cleared(weaker)
        if not victims:
            return None
        _, placement = self._place(empty, Effort.QUICK, self._nearest(asked))
        found = afterwards(weaker, placement, victims)
        return None if found is None else self._holds(asked, weaker, found)

    def _lone(self, asked: frozenset[Assumption]) -> Holds | Refused | None:
        if not self._coupled or self._optional(asked):
            return None
        weaker = without(self._problem, self._universe - asked)
        possible, placement = lone(weaker, self._place, self._deadline)
        if possible is False:
            self._refused.append(asked)
            return Refused(core=asked)
        return None if placement is None else self._holds(asked, weaker, placement)

    def _whole(self, asked: frozenset[Assumption], effort: Effort) -> Holds | Refused | None:
        weaker = without(self._problem, self._universe - asked)
        possible, placement = self._place(weaker, effort)
        if possible is False and not self._optional(asked):
            # Otherwise, pods that were left out might have been of use.
            self._refused.append(asked)
            return Refused(core=asked)
        return self._holds(asked, weaker, placement)

    def _nearest(self, asked: frozenset[Assumption]) -> Placement:
        """What left out the fewest pods while nothing was dropped that is asked for now."""
        return min((left, -i, placement) for i, (held, left, placement) in enumerate(self._near) if asked <= held)[2]

    def _fine(self, asked: frozenset[Assumption]) -> Holds | Refused | None:
        names = {pod.shape for pod in self._problem.pods if not pod.node}
        dropped = {e.subjects[0] for e in self._universe - asked if e.kind == "count"} - self._helpful
        if (len(names) - len(dropped)) * len(self._problem.nodes) > _FINE_CELLS:
            return None
        answer = Assumed(self._problem, self._universe, asked, fine=True, deadline=self._deadline).check(asked)
        if answer.core is not None:
            self._refused.append(answer.core)
            return Refused(core=answer.core)
        return None if answer.counts is None else self._built(asked, answer.counts)

    def _built(self, asked: frozenset[Assumption], counts: Mapping[tuple[str, str], int]) -> Holds | None:
        """The placement that the counts hint at, if some order of bindings leads there."""
        wanted: Counter[str] = Counter()
        for (shape, _), number in counts.items():
            wanted[shape] += number
        weaker = without(self._problem, frozenset(e for e in self._universe - asked if e.kind != "count"))
        pods = []
        for pod in weaker.pods:
            if not pod.node:
                wanted[pod.shape] -= 1
            if pod.node or wanted[pod.shape] >= 0:
                pods.append(pod)
        model = compile_problem(msgspec.structs.replace(weaker, pods=tuple(pods)))
        if not model.item_classes:
            return None
        state = replay(model, model.cells(counts))
        insert(state)
        placement = result(model, state, most={}, conflicts=(), statistics={})
        return self._holds(asked, model.problem, placement)

    def _optional(self, asked: frozenset[Assumption]) -> set[tuple[str, ...]]:
        """Shapes whose count is left out, and whose pods may be of use to others."""
        return {
            entry.subjects
            for entry in self._universe - asked
            if entry.kind == "count" and entry.subjects[0] in self._helpful
        }

    def _holds(self, asked: frozenset[Assumption], problem: Problem, placement: Placement) -> Holds | None:
        """``placement`` as a witness, if it is right and leaves out none of those that are asked for."""
        left_open = {e.subjects[0] for e in self._universe - asked if e.kind == "count"}
        left = [entry for entry in placement.unplaced if entry.verdict != "waiting" and entry.shape not in left_open]
        if check(problem, placement):
            return None
        if left:
            if not placement.nominations:
                self._near.append((asked, len(left), placement))
            return None
        witness = Holds(problem=problem, placement=placement)
        self._held.append((asked, witness))
        return witness
