"""An order in which every node can be drained, one after the other, or the proof that there is none.

A drained node comes back (``kubectl uncordon``) before the next one goes, as in an upgrade. Orders that differ only by
nodes that nothing tells apart are tried once; states that were left in vain are not entered again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from kubelogic.cluster.pods import node_of
from kubelogic.cluster.state import State
from kubelogic.explain.units import count
from kubelogic.reconcile.scenario import Cordon, Drain, Event, Scenario
from kubelogic.reconcile.simulate import simulate
from kubelogic.reconcile.times import clock
from kubelogic.verbs.drain import NodeDrain, drained
from kubelogic.verbs.plan import pending_of
from kubelogic.verbs.reconciled import Options, Reconciled
from kubelogic.verify.cases import marks, waiting
from kubelogic.verify.invariants import Invariant
from kubelogic.verify.results import Counterexample, Verification
from kubelogic.verify.steps import steps
from kubelogic.verify.watching import Violation

_DRAINS = 20
"""So many drains for each node are tried before the search gives up, and ``_LEAST`` at least."""

_LEAST = 300


class _Search(msgspec.Struct, kw_only=True):
    done: Reconciled
    holding: Sequence[Invariant]
    options: Options
    late: Callable[[], bool]
    most: int
    waiting: Counter[str]
    """How many pods of each owner wait before anything is drained."""
    tried: int = 0
    limit: str = ""
    unsure: NodeDrain | None = None
    """A drain of which only the cluster knows what comes of it."""
    never: NodeDrain | None = None
    """A node that no order helps: a budget never lets a pod of it go."""
    first: tuple[NodeDrain, tuple[str, ...], tuple[str, ...]] | None = None
    """A drain that did not work after as few others as possible, the nodes that had been drained by
    then, and what it broke."""
    asked: Counter[str] = msgspec.field(default_factory=Counter)
    """How often each node was drained, and ``refused``: how often that did not work."""
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    vain: set[str] = msgspec.field(default_factory=set)
    """The marks of states from which no order led on."""

    def order(
        self, state: State, left: frozenset[str], before: tuple[tuple[str, int], ...]
    ) -> list[tuple[str, int]] | None:
        """An order for the nodes that are left, in a state; None if there is none, or if a limit was reached."""
        if not left:
            return list(before)
        if self.never is not None or (self.vain and _mark(state, left) in self.vain):
            return None
        told: dict[str, str] = {}
        tried: list[str] = []
        for node in sorted(left, key=lambda name: (-self.refused[name], name)):
            if tried:
                told = told or marks(state.cluster)
                if any(told[node] == told[each] for each in tried):
                    continue
            if self.tried >= self.most or self.late():
                self.limit = self.limit or ("the time limit was reached" if self.late() else "too many orders")
                return None
            tried.append(node)
            self.tried += 1
            self.asked[node] += 1
            found, run = drained(self.done, state, node, self.options, waiting=self.waiting)
            if any(each.always for each in found.blocked):
                self.never, self.first = found, (found, (), ())
                return None
            if found.unsure:
                self.unsure = self.unsure or found
            wrong = tuple(text for each in self.holding for text in each.check(self.done.run.state, run.state))
            if not found.works or wrong:
                self.refused[node] += 1
                if self.first is None or len(before) < len(self.first[1]):
                    self.first = found, tuple(name for name, _ in before), wrong
                continue
            back = Scenario(events=(Event(at=0, operation=Cordon(node=node, unschedulable=False)),), horizon=60_000)
            after = simulate(self.done.engine.reconciler, run.state, back).state
            order = self.order(after, left - {node}, (*before, (node, found.done or 0)))
            if order is not None or self.limit or self.never is not None:
                return order
        self.vain.add(_mark(state, left))
        return None


def drain_all(
    done: Reconciled, start: State, holding: Sequence[Invariant], options: Options, *, late: Callable[[], bool]
) -> Verification:
    """Whether every node of a cluster can be drained, one after the other.

    Args:
        done: a settled run.
        start: where it began.
        holding: what has to hold after each drain.
        options: how it was reconciled.
        late: whether a limit is reached.
    """
    nodes = frozenset(done.before.objects("Node"))
    search = _Search(
        done=done,
        holding=holding,
        options=options,
        late=late,
        most=max(_LEAST, _DRAINS * len(nodes)),
        waiting=Counter(each.owner for each in pending_of(done, options)),
    )
    order = search.order(done.run.state, nodes, ())
    if search.unsure is not None and search.never is None:
        return Verification(
            verdict="unknown",
            scope=f"node {search.unsure.node}",
            cases=len(nodes),
            tried=search.tried,
            reason=" ".join((*(f"{each}." for each in _why(search.unsure)), *search.unsure.unknown)),
        )
    if order is not None:
        whole = sum(time for _, time in order)
        scope = f"one after the other in this order, each back before the next: {len(order)} nodes in {clock(whole)}"
        return Verification(verdict="holds", scope=scope, cases=len(nodes), tried=search.tried, order=tuple(order))
    if search.limit:
        return Verification(
            verdict="unknown",
            scope=f"{count(search.tried, 'drain')} tried",
            cases=len(nodes),
            tried=search.tried,
            reason="; ".join([search.limit, *_hints(search)]),
        )
    assert search.first is not None
    found, before, wrong = search.first
    proved = (
        f"no order helps: node {found.node} can never be drained"
        if search.never is not None
        else f"no order works: all that differ were tried, {count(search.tried, 'drain')}"
    )
    lead = done.run.state.now - start.now
    events = [
        event
        for number, name in enumerate(before)
        for event in (
            Event(at=lead + number * _EVERY, operation=Drain(node=name, force=True, delete_empty_dir=True)),
            Event(at=lead + (number + 1) * _EVERY - 60_000, operation=Cordon(node=name, unschedulable=False)),
        )
    ]
    last = lead + len(before) * _EVERY
    events.append(Event(at=last, operation=Drain(node=found.node, force=True, delete_empty_dir=True)))
    told = tuple(_why(found)) or wrong
    scenario = Scenario(events=tuple(events), horizon=last + _EVERY // 2)
    again = simulate(done.engine.reconciler, start, scenario)
    waiting = any(not node_of(pod) for pod in again.state.cluster.objects("Pod").values())
    return Verification(
        verdict="broken",
        scope=f"node {found.node}" + (f", after {', '.join(before)}" if before else ""),
        cases=len(nodes),
        tried=search.tried,
        proved=(proved,),
        counterexample=Counterexample(
            steps=steps(events),
            horizon=last + _EVERY // 2,
            violations=tuple(Violation(time=last, invariant="drain", message=text) for text in told),
            scheduler=options.scheduler,
            replayed=waiting or any(each.kind in ("Drain", "Service") for each in again.ailments),
        ),
    )


_EVERY = 60 * 60_000
"""Milliseconds between two drains of a counter-example."""


def _why(found: NodeDrain) -> list[str]:
    lines = [f"Pod {each.pod} stays on node {found.node}: {each.why}" for each in found.blocked]
    return [*lines, *(f"Pod {each.pod} ({each.owner}) finds no node: {each.message}" for each in found.homeless)]


def _hints(search: _Search) -> list[str]:
    """What is known of nodes that could never be drained when a limit was reached."""
    never = sorted(name for name, times in search.refused.items() if times == search.asked[name])
    lines = [f"of {count(search.asked[name], 'drain')} of node {name} none worked" for name in never[:3]]
    why = _why(search.first[0]) if search.first is not None and search.first[0].node in never else []
    return [*lines, *why[:1]]


def _mark(state: State, left: frozenset[str]) -> str:
    """What every node is and carries and whether it is left to drain, names of nodes that are alike apart."""
    told = sorted((each, name in left) for name, each in marks(state.cluster).items())
    return hashlib.sha256(repr((told, waiting(state.cluster))).encode()).hexdigest()
