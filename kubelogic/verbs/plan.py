"""Plan: reconcile a cluster until it has settled, and say where everything is and what stays pending."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.owners import workload
from kubelogic.explain.pending import pending_pods
from kubelogic.facts.omitted import omitted
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Rulebook, Value
from kubelogic.manifests import Notice
from kubelogic.placement.problem import Problem
from kubelogic.reconcile.actions import EvictPod, PreemptPod
from kubelogic.reconcile.functions import FUNCTIONS
from kubelogic.reconcile.problem import GOALS
from kubelogic.reconcile.schedulers import ComparedScheduler, KubeScheduler, OptimalScheduler, SchedulerName
from kubelogic.reconcile.settle import Step, settle
from kubelogic.reconcile.state import State
from kubelogic.reconcile.tick import Reconciler
from kubelogic.verbs.results import NodeLoad, PlacedPod, Plan, ServiceEndpoints, TimedAction

HORIZON = 60_000
"""Milliseconds of simulated time for which a plan looks ahead."""


def plan(
    cluster: Cluster,
    *,
    scheduler: SchedulerName = "optimal",
    rules: Sequence[Path] = (),
    parameters: Mapping[str, Value] | None = None,
    timeout: float = 60.0,
    clock: Callable[[], float] | None = None,
    horizon: int = HORIZON,
    notices: Sequence[Notice] = (),
    progress: Callable[[Step], None] | None = None,
) -> Plan:
    """What the control plane makes of a cluster.

    Args:
        cluster: desired and observed objects; nodes that report nothing are taken to be well.
        scheduler: ``optimal`` or ``kube``.
        rules: directories of further rules.
        parameters: rule parameters that differ from the built-in ones.
        timeout: seconds for each solve.
        clock: monotonic seconds; without one ``timeout`` has no effect.
        horizon: milliseconds of simulated time to look ahead.
        notices: what reading the cluster had to say; they go into the result.
        progress: told of every tick in which something happens.

    Raises:
        RuleErrors: if the rules or parameters are faulty.
    """
    book = load_rulebook(rules, parameters)
    optimal = OptimalScheduler(timeout=timeout, clock=clock)
    compared = ComparedScheduler(solver=optimal, rival=KubeScheduler())
    chosen = compared if scheduler == "optimal" else KubeScheduler()
    reconciler = Reconciler(book, functions=FUNCTIONS, scheduler=chosen, goals=GOALS)
    start = State.of(cluster)
    run = settle(reconciler, start, until=start.now + horizon, progress=progress)
    final = run.state.cluster
    actions = tuple(
        TimedAction(tick=step.number, time=step.now - start.now, action=action)
        for step in run.steps
        for action in step.actions
    )
    return Plan(
        settled=run.settled,
        ticks=run.ticks,
        placements=_placements(cluster, final),
        pending=pending_pods(final, book, judge=optimal),
        evictions=tuple(each for each in actions if isinstance(each.action, EvictPod | PreemptPod)),
        endpoints=_endpoints(final),
        actions=actions,
        nodes=_loads(book, final),
        notices=(*notices, *omitted(cluster, (each for file in book.files for each in file.omits))),
        cluster=final,
        remarks=_remarks(len(compared.left)),
    )


def _remarks(left: int) -> tuple[str, ...]:
    return (f"kube-scheduler, one pod at a time, would leave {left} of these pending.",) if left else ()


def _placements(before: Cluster, after: Cluster) -> tuple[PlacedPod, ...]:
    placed = []
    for key, pod in sorted(after.objects("Pod").items()):
        node = node_of(pod)
        if node and not finished(pod):
            old = before.get("Pod", key)
            new = old is None or node_of(old) != node
            placed.append(PlacedPod(pod=key, owner=workload(after, pod), node=node, new=new))
    return tuple(placed)


def node_of(pod: Object) -> str:
    """The node that a pod is bound to, or empty."""
    return str((pod.document.get("spec") or {}).get("nodeName") or "")


def finished(pod: Object) -> bool:
    """Whether a pod has ended for good."""
    return (pod.document.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _endpoints(cluster: Cluster) -> tuple[ServiceEndpoints, ...]:
    ready: dict[str, set[str]] = {key: set() for key in cluster.objects("Service")}
    not_ready: dict[str, set[str]] = {key: set() for key in cluster.objects("Service")}
    for each in cluster.objects("EndpointSlice").values():
        labels = (each.document.get("metadata") or {}).get("labels") or {}
        service = f"{each.namespace}/{labels.get('kubernetes.io/service-name', '')}"
        if service not in ready:
            continue
        ports = [port.get("port") for port in each.document.get("ports") or () if port.get("port")]
        for endpoint in each.document.get("endpoints") or ():
            is_ready = (endpoint.get("conditions") or {}).get("ready", True)
            target = ready if is_ready else not_ready
            target[service].update(f"{a}:{port}" for a in endpoint.get("addresses") or () for port in ports)
    return tuple(
        ServiceEndpoints(service=key, ready=tuple(sorted(ready[key])), not_ready=tuple(sorted(not_ready[key])))
        for key in sorted(ready)
    )


def loads(problem: Problem) -> tuple[NodeLoad, ...]:
    """What the pods on each node of a problem ask for, beside what it has."""
    requests = {shape.name: shape.requests for shape in problem.shapes}
    pods: dict[str, int] = {node.name: 0 for node in problem.nodes}
    used: dict[str, dict[str, int]] = {node.name: {} for node in problem.nodes}
    for pod in problem.pods:
        if pod.node in used:
            pods[pod.node] += 1
            total = used[pod.node]
            for resource, value in requests[pod.shape].items():
                total[resource] = total.get(resource, 0) + value
    return tuple(
        NodeLoad(node=node.name, pods=pods[node.name], requested=used[node.name], allocatable=node.allocatable)
        for node in sorted(problem.nodes, key=lambda node: node.name)
    )


def _loads(book: Rulebook, cluster: Cluster) -> tuple[NodeLoad, ...]:
    from kubelogic.explain.relations import derive
    from kubelogic.reconcile.problem import problem

    return loads(problem(derive(book, cluster, GOALS)))
