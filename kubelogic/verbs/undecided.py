"""Which pods of a run nothing is proved about, because a placement left them out when it reached a limit."""

from __future__ import annotations

import msgspec

from kubelogic.cluster import Cluster
from kubelogic.cluster.pods import node_of
from kubelogic.facts.shapes import controller_of
from kubelogic.placement.problem import Problem
from kubelogic.reconcile.problem import problem
from kubelogic.verbs.reconciled import Options, Reconciled


def undone(before: Cluster, done: Reconciled) -> Problem:
    """The problem at the end, in which the pods that the run itself has placed wait again: to place them is no move."""
    pods = done.cluster.objects("Pod")
    new = {key for key, pod in pods.items() if (old := before.get("Pod", key)) is None or node_of(old) != node_of(pod)}
    daemons = {key for key in new if controller_of(pods[key].document)[0] == "DaemonSet"}
    given = problem(done.relations)
    return msgspec.structs.replace(
        given,
        pods=tuple(msgspec.structs.replace(pod, node="") if pod.name in new - daemons else pod for pod in given.pods),
    )


def undecided(before: Cluster, done: Reconciled, options: Options) -> frozenset[str]:
    """The pods that a placement of a run left out at a limit, but for those of which so many are proved to be all.

    A proof about what is left at the end says nothing about these pods: others were bound in the meantime. It is a
    proof if no more pods of the shape could be placed than were, had only they been there beside what ran before. Where
    the time was up, nothing more is tried.
    """
    pods = done.cluster.objects("Pod")
    left = {key for key in done.judge.undecided if key in pods and not node_of(pods[key])}
    if not left or done.judge.late:
        return frozenset(left)
    given = undone(before, done)
    found: set[str] = set()
    for shape in sorted({pod.shape for pod in given.waiting if pod.name in left}):
        mine = tuple(pod for pod in given.waiting if pod.shape == shape)
        placed = sum(bool(node_of(pods[pod.name])) for pod in mine if pod.name in pods)
        alone = options.judge.place(msgspec.structs.replace(given, pods=(*given.running, *mine)))
        proved = all(each.verdict == "impossible" for each in alone.unplaced)
        if not proved or len(alone.bindings) > placed:
            found.update(pod.name for pod in mine if pod.name in left)
    return frozenset(found)
