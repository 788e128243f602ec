"""Consolidation: which nodes can go, one drained after the other, so that every pod keeps a place and budgets hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver import requests
from kubelogic.cluster import Cluster
from kubelogic.cluster.pods import has_ended, node_of
from kubelogic.cluster.state import State
from kubelogic.facts.shapes import controller_of
from kubelogic.placement.optimal.limits import Deadline, Limits
from kubelogic.reconcile.scenario import Scenario
from kubelogic.reconcile.settle import Run
from kubelogic.reconcile.simulate import simulate
from kubelogic.text import Notice
from kubelogic.verbs.autoscaler_holds import held_by_autoscalers
from kubelogic.verbs.capacity import capacity
from kubelogic.verbs.drain import NodeDrain, drained
from kubelogic.verbs.missing import NOTHING, Lacking, lacking
from kubelogic.verbs.plan import DEFAULT
from kubelogic.verbs.reconciled import Options, Reconciled, reconcile


class Stays(msgspec.Struct, frozen=True, kw_only=True):
    """A node that has to stay, or may have to, and why: what its drain runs into."""

    node: str
    why: str


class Consolidation(msgspec.Struct, frozen=True, kw_only=True):
    """Which nodes can go.

    Attributes:
        nodes: how many there are.
        goes: the drains of those that can go, in this order; each was run after the ones before it.
        stays: the others, as far as they were tried.
        unsure: those of which is not known whether they can go, and what that hangs on.
        untried: nodes for which there was no time.
        held: of those that can go, why autoscalers leave them alone.
        least: with fewer nodes than this of these types not everything has a place, proved; 0 if pods wait in any case.
        notices: what reading had to say, and features that are not modelled.
        lacking: what the input does not have.
    """

    nodes: int
    goes: tuple[NodeDrain, ...]
    stays: tuple[Stays, ...]
    unsure: tuple[Stays, ...] = ()
    untried: tuple[str, ...] = ()
    held: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    least: int = 0
    notices: tuple[Notice, ...] = ()
    lacking: Lacking = NOTHING

    def __repr__(self) -> str:
        return f"<Consolidation: {len(self.goes)} of {self.nodes} nodes can go>"


def consolidation(cluster: Cluster, options: Options = DEFAULT, *, notices: Sequence[Notice] = ()) -> Consolidation:
    """Settle a cluster, then try to do without one node after the other, those with the fewest pods first.

    Each node is drained in a run of the whole control plane; it can go if it gets empty and every pod finds another
    node. A node that was tried in vain is not tried again, although a domain that is gone may change what a spread asks
    for; so more nodes may be able to go than are said to, never fewer.

    Args:
        cluster: desired and observed objects.
        options: how to reconcile; ``timeout`` bounds all of it.
        notices: what reading had to say; they go into the result.
    """
    done = reconcile(cluster, options)
    first = done.cluster
    expired = Deadline(Limits(timeout=options.timeout), options.clock)
    nodes = done.cluster.objects("Node")
    goes: list[NodeDrain] = []
    stays: list[Stays] = []
    unsure: list[Stays] = []
    untried: list[str] = []
    for name in _order(done.cluster):
        if expired():
            untried.append(name)
            continue
        found, run = drained(done, done.run.state, name, options)
        if found.unsure or not found.works:
            (unsure if found.unsure else stays).append(Stays(node=name, why=_why(found)))
            continue
        goes.append(found)
        done = _without(done, run.state, name, options)
    needed = capacity(cluster, None, options)
    waits = any(not node_of(pod) and not has_ended(pod) for pod in done.cluster.objects("Pod").values())
    return Consolidation(
        nodes=len(nodes),
        goes=tuple(goes),
        stays=tuple(stays),
        unsure=tuple(unsure),
        untried=tuple(untried),
        held={each.node: why for each in goes if (why := held_by_autoscalers(first, each.node))},
        least=0 if waits else needed.least,
        notices=(*notices, *needed.notices),
        lacking=lacking(done.before, done.cluster, asked=True),
    )


def _order(cluster: Cluster) -> list[str]:
    """The nodes, those with the fewest pods that would have to move first."""
    moving = dict.fromkeys(cluster.objects("Node"), 0)
    for pod in cluster.objects("Pod").values():
        if node_of(pod) in moving and not has_ended(pod) and controller_of(pod.document)[0] != "DaemonSet":
            moving[node_of(pod)] += 1
    return sorted(moving, key=lambda name: (moving[name], name))


def _without(done: Reconciled, state: State, node: str, options: Options) -> Reconciled:
    """The cluster after the drain, and without the node and what runs there still."""
    for kind, key in _left(state.cluster, node):
        state = requests.delete(state, kind, key, grace=0).state
    settled = simulate(done.engine.reconciler, state, Scenario(horizon=options.horizon))
    run = Run(state=settled.state, steps=(), settled=settled.settled, ticks=settled.ticks, refusals=settled.refusals)
    return replace(done, run=run, relations=done.engine.relations(settled.state))


def _left(cluster: Cluster, node: str) -> Iterator[tuple[str, str]]:
    yield from (("Pod", key) for key, pod in sorted(cluster.objects("Pod").items()) if node_of(pod) == node)
    yield "Node", node


def _why(found: NodeDrain) -> str:
    """What is in the way, the first thing first: where there is no room, budgets only follow from it."""
    if found.homeless:
        first = found.homeless[0]
        more = f", nor would {len(found.homeless) - 1} more" if found.homeless[1:] else ""
        return f"a pod of {first.owner or first.pod} would find no other node{more}"
    if found.blocked:
        blocked = found.blocked[0]
        return f"{blocked.pod} cannot be evicted: {blocked.why}"
    return " ".join(found.unknown) or "its pods do not end"
