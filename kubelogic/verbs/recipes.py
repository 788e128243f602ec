"""Recipes of moves: replayed on the cluster, step by step, with kube-scheduler, before anybody sees them.

The replay shares no code with the search for moves: it cordons, evicts, lets controllers make the successor and the
scheduler place it, uncordons, and looks whether what waited has its nodes. A recipe that does not hold is not shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import msgspec

from kubelogic.apiserver.supposing import freed
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.owners import workload
from kubelogic.cluster.pods import controller_reference, node_of
from kubelogic.cluster.state import State
from kubelogic.explain.remade import remade
from kubelogic.logic import Rulebook
from kubelogic.reconcile.functions import FUNCTIONS
from kubelogic.reconcile.problem import GOALS
from kubelogic.reconcile.schedulers import KubeScheduler, Remembering
from kubelogic.reconcile.settle import settle
from kubelogic.reconcile.tick import Reconciler
from kubelogic.verbs.counts import placed
from kubelogic.verbs.reconciled import begin

Step = tuple[str, str]
"""A pod, and the node that it is evicted from."""


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """Moves as they came out when they were followed.

    Attributes:
        targets: the nodes on which the successors came to run, in the order of the steps.
        placements: the pods that waited, and where they are at the end.
        commands: what to type; comments say what to wait for.
    """

    targets: tuple[str, ...]
    placements: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]


class Replayer:
    """Follows recipes in one cluster."""

    def __init__(self, cluster: Cluster, rulebook: Rulebook, *, horizon: int) -> None:
        """Prepare.

        Args:
            cluster: with the pods that wait in it, unbound.
            rulebook: the rules.
            horizon: milliseconds that each step may take.
        """
        self._reconciler = Reconciler(
            rulebook, functions=FUNCTIONS, scheduler=Remembering(solver=KubeScheduler()), goals=GOALS
        )
        self._start, self._horizon = begin(cluster, rulebook)[0], horizon

    def replay(self, steps: Sequence[Step], wanted: Collection[str], left: Collection[str] = ()) -> Recipe | None:
        """What becomes of a recipe; None if it does not hold.

        Args:
            steps: whom to evict, in this order.
            wanted: the pods that have to have a node at the end, and with them all of their workloads: a StatefulSet
                makes its next pod only when the one before runs.
            left: pods that are known to get none; of their workloads, no more than ``wanted`` is asked for.
        """
        for at_once in (False, True):
            found = self._follow(steps, wanted, left, at_once=at_once)
            if found is not None:
                return found
        return None

    def _follow(
        self, steps: Sequence[Step], wanted: Collection[str], left: Collection[str], *, at_once: bool
    ) -> Recipe | None:
        """Follow the steps; nodes are uncordoned at the end, or ``at_once`` when the successor runs."""
        from kubelogic.apiserver import requests

        state = self._settled(self._start)
        usual = placed(state.cluster)
        targets: list[str] = []
        commands: list[str] = []
        mine: list[str] = []
        for number, (pod, node) in enumerate(steps):
            if node not in mine and not _is_cordoned(state.cluster, node):
                state = requests.cordon(state, node, unschedulable=True).state
                mine.append(node)
                commands.append(f"kubectl cordon {node}")
            moved = self._moved(state, pod)
            if moved is None:
                return None
            state, successor = moved
            targets.append(node_of(successor))
            commands += [*_eviction(pod), f"# wait until the pod made in its place runs (it comes to {targets[-1]})"]
            later = {source for _, source in steps[number + 1 :]}
            if at_once and node in mine and node not in later:
                state = self._uncordoned(state, [node])
                mine.remove(node)
                commands.append(f"kubectl uncordon {node}")
        state = self._uncordoned(state, mine)
        commands += [f"kubectl uncordon {node}" for node in mine]
        pods = state.cluster.objects("Pod")
        if not all(key in pods and node_of(pods[key]) for key in wanted):
            return None
        meant = _workloads(state.cluster, wanted) - _workloads(state.cluster, left)
        if any(not node_of(pod) and workload(state.cluster, pod) in meant for pod in pods.values()):
            return None
        now = placed(state.cluster)
        if any(now[name] < number for name, number in usual.items()):
            return None
        return Recipe(
            targets=tuple(targets),
            placements=tuple(sorted((key, node_of(pods[key])) for key in wanted)),
            commands=tuple(commands),
        )

    def _settled(self, state: State) -> State:
        return settle(self._reconciler, state, until=state.now + self._horizon).state

    def _uncordoned(self, state: State, nodes: Sequence[str]) -> State:
        from kubelogic.apiserver import requests

        for node in nodes:
            state = requests.cordon(state, node, unschedulable=False).state
        return self._settled(state)

    def _moved(self, state: State, pod: str) -> tuple[State, Object] | None:
        """The state in which a pod is evicted and the one in its place has a node; None if it does not come to that."""
        old = state.cluster.get("Pod", pod)
        if old is None or not node_of(old):
            return None
        from kubelogic.apiserver import requests

        before = set(state.cluster.objects("Pod"))
        outcome = requests.evict(state, pod)
        if not outcome.answer.accepted:
            return None
        state = self._settled(outcome.state)
        fresh = list(_successors(state.cluster, old, before))
        if not fresh and not _has_controller(state.cluster, old):
            # Its controller is not among the objects; what it would do is known.
            made = requests.create(state, _copy(old))
            state = self._settled(made.state)
            fresh = list(_successors(state.cluster, old, before))
        if len(fresh) != 1 or not node_of(fresh[0]):
            return None
        return state, fresh[0]


def _workloads(cluster: Cluster, keys: Collection[str]) -> set[str]:
    return {workload(cluster, pod) for key in keys if (pod := cluster.get("Pod", key)) is not None}


def unbound(cluster: Cluster, waiting: Collection[str]) -> Cluster:
    """The cluster in which some pods wait again.

    Args:
        cluster: as it stands.
        waiting: pods that a run has placed just now.
    """
    pods = [pod for key in sorted(waiting) if (pod := cluster.get("Pod", key)) is not None and node_of(pod)]
    return freed(cluster, pods)


def _is_cordoned(cluster: Cluster, node: str) -> bool:
    obj = cluster.get("Node", node)
    return obj is not None and bool((obj.document.get("spec") or {}).get("unschedulable"))


def _controller(pod: Object) -> tuple[str, str]:
    found = controller_reference(pod) or {}
    return str(found.get("kind") or ""), str(found.get("name") or "")


def _has_controller(cluster: Cluster, pod: Object) -> bool:
    kind, name = _controller(pod)
    return cluster.get(kind, f"{pod.namespace}/{name}") is not None


def _successors(cluster: Cluster, old: Object, before: Collection[str]) -> Iterator[Object]:
    """The pods of the same workload that were not there before, or that have the name of the old one again."""
    name = workload(cluster, old)
    for key, pod in sorted(cluster.objects("Pod").items()):
        anew = key not in before or (key == old.key and metadata(pod).get("uid") != metadata(old).get("uid"))
        if anew and not metadata(pod).get("deletionTimestamp") and workload(cluster, pod) == name:
            yield pod


def _copy(old: Object) -> dict[str, object]:
    document = dict(remade(old.document))
    meta = {**document["metadata"], "name": f"{old.name}-anew", "ownerReferences": metadata(old)["ownerReferences"]}
    return {**document, "metadata": meta}


def _eviction(pod: str) -> list[str]:
    """A command that evicts a pod and keeps to its budgets, which ``kubectl delete`` does not."""
    namespace, _, name = pod.partition("/")
    body = f'{{"apiVersion":"policy/v1","kind":"Eviction","metadata":{{"name":"{name}","namespace":"{namespace}"}}}}'
    return [f"echo '{body}' | kubectl create --raw /api/v1/namespaces/{namespace}/pods/{name}/eviction -f -"]
