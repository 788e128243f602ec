"""Which failures need no run: those that bounds on room decide, once runs have shown what brings pods back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import msgspec

from kubelogic.cluster.state import State
from kubelogic.placement.problem import Problem
from kubelogic.verbs.reconciled import Reconciled
from kubelogic.verify.cases import Survival, groups, number_of_cases
from kubelogic.verify.room import Room, room
from kubelogic.verify.watching import Watched

_WORTH = 12
"""Fewer cases than that are run: that is as quick."""

Fail = Callable[[Collection[str]], Watched]
"""Lets nodes fail, and says what became of it."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a cluster without running each case.

    Attributes:
        room: what is free, and what would have to go elsewhere.
        tight: the shapes for which each case has to be looked at.
        shown: the workloads that made their pods anew in a run.
        runs: how many runs that took.
        all: whether every case is decided.
    """

    room: Room
    tight: frozenset[str]
    shown: frozenset[str]
    runs: int
    all: bool

    def hold(self, nodes: Collection[str]) -> bool:
        """Whether all pods and Services survive the failure of some nodes, whatever is done about it."""
        if not self.room.keeps(nodes, self.shown):
            return False
        return not self.tight or self.room.is_enough(nodes, self.tight)


def bounds(done: Reconciled, what: Survival, fail: Fail) -> Bounds | None:
    """The bounds for what may fail; None where each case has to be run.

    Args:
        done: a settled run.
        what: what may fail at once.
        fail: runs a failure; what it breaks is not held against the case here.
    """
    if number_of_cases(done.cluster, what) < _WORTH:
        return None
    found = room(done)
    if found is None:
        return None
    failing = groups(done.cluster, what)
    most = sum(sorted(map(len, failing))[-what.count :])
    tight = found.tight(most)
    shown, runs = _shown(done, found, failing, fail)
    if not shown:
        return None
    owners = {owner for each in found.owners.values() for owner in each}
    whole = (
        not tight
        and not found.fixed
        and owners <= shown
        and all(len(each) > most for each in found.served)
        and most <= 2 < len(found.zones)
    )
    return Bounds(room=found, tight=tight, shown=shown, runs=runs, all=whole)


def _shown(done: Reconciled, found: Room, failing: Sequence[tuple[str, ...]], fail: Fail) -> tuple[frozenset[str], int]:
    """The workloads that make their pods anew when few groups of nodes fail at once, or one after the other."""
    chosen = found.cover(failing)
    together = tuple(sorted(node for group in chosen for node in group))
    shown: frozenset[str] = frozenset()
    runs = 0
    if chosen and found.evicts_at_pace(together):
        shown = _anew(done, found, together, fail)
        runs += 1
    for group in chosen if len(chosen) > 1 or not runs else ():
        if not {owner for node in group for owner in found.owners.get(node, ())} <= shown:
            shown |= _anew(done, found, group, fail)
            runs += 1
    return shown, runs


def _anew(done: Reconciled, found: Room, nodes: Collection[str], fail: Fail) -> frozenset[str]:
    after: State = fail(nodes).run.state
    done.engine.relations(after)
    problem: Problem = done.engine.reconciler.problem()
    return found.shown(nodes, after, problem)
