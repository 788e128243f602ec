"""Pods that stay pending: the verdict on each, kube-scheduler's line, and every blocker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.owners import workload
from kubelogic.explain import message
from kubelogic.explain.blockers import Blocker, before_the_queue, blockers
from kubelogic.explain.filters import goals
from kubelogic.explain.relations import derive
from kubelogic.logic import Evaluation, Rulebook
from kubelogic.placement.placement import Placement
from kubelogic.reconcile.problem import GOALS, problem
from kubelogic.reconcile.schedulers import KubeScheduler, Solver

Verdict = Literal["impossible", "waiting", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingPod:
    """A pod without a node.

    Attributes:
        pod: its key.
        owner: its workload, ``Kind namespace/name``.
        verdict: ``impossible`` is proved for the cluster as it stands; ``waiting`` hangs on something that the
            scheduler does not decide; ``unknown`` means that a limit was reached.
        message: kube-scheduler's line.
        blockers: every reason against every node.
    """

    pod: str
    owner: str
    verdict: Verdict
    message: str
    blockers: tuple[Blocker, ...]


def pending_pods(cluster: Cluster, rulebook: Rulebook, *, judge: Solver) -> tuple[PendingPod, ...]:
    """The pods of a cluster that have no node, by name.

    Args:
        cluster: as it stands.
        rulebook: the rules.
        judge: a solver whose ``impossible`` is a proof.
    """
    waiting = {key: pod for key, pod in sorted(cluster.objects("Pod").items()) if _waits(pod)}
    if not waiting:
        return ()
    relations = derive(rulebook, cluster, [*goals(rulebook), *GOALS])
    given = problem(relations)
    verdicts = _verdicts(judge.place(given))
    lines = kube_lines(relations, KubeScheduler().place(given))
    shapes = {str(pod): str(shape) for pod, shape in relations.rows("pod_shape")}
    known: dict[tuple[str, str], tuple[Blocker, ...]] = {}
    found = []
    for key, pod in waiting.items():
        shape, owner = shapes.get(key, ""), workload(cluster, pod)
        subject = owner.partition(" ")[2]
        if (shape, subject) not in known:
            known[shape, subject] = blockers(relations, shape, subject=subject)
        early = before_the_queue(relations, key)
        # Pods that are alike share their reasons, of which there may be thousands.
        reasons = (*early, *known[shape, subject]) if early else known[shape, subject]
        mine = key in shapes and not relations.matching("pod_scheduler", {0: key})
        found.append(
            PendingPod(
                pod=key,
                owner=owner,
                verdict="waiting" if _hangs(reasons) else verdicts.get(key, "waiting"),
                message=lines(key) if mine else "",
                blockers=reasons,
            )
        )
    return tuple(found)


def kube_lines(relations: Evaluation, placement: Placement) -> Callable[[str], str]:
    """kube-scheduler's line about a pod that waits.

    Args:
        relations: derived for ``goals`` and ``GOALS``.
        placement: what the one-by-one scheduler makes of the same problem: it knows what preemption found.
    """
    refused = {pod.pod: pod.refusal for pod in placement.unplaced if pod.refusal >= 0}
    known: dict[tuple[message.Particulars, int | None], str] = {}

    def line(pod: str) -> str:
        refusal = refused.get(pod)
        alike = message.particulars(relations, pod), refusal
        if alike not in known:
            preemption = None if refusal is None else placement.refusals[refusal]
            known[alike] = message.line(message.verdict(relations, pod), preemption, relations=relations)
        return known[alike]

    return line


def _hangs(reasons: tuple[Blocker, ...]) -> bool:
    """Whether something is in the way that is not about nodes, such as a claim that does not exist."""
    return any(not blocker.node for blocker in reasons)


def _waits(pod: Object) -> bool:
    spec, status = pod.document.get("spec") or {}, pod.document.get("status") or {}
    deleted = (pod.document.get("metadata") or {}).get("deletionTimestamp")
    return not spec.get("nodeName") and not deleted and status.get("phase") not in ("Succeeded", "Failed")


def _verdicts(placement: Placement) -> Mapping[str, Verdict]:
    found: dict[str, Verdict] = {binding.pod: "unknown" for binding in placement.bindings}
    for pod in placement.unplaced:
        found[pod.pod] = "impossible" if pod.verdict == "impossible" else "unknown"
        if pod.verdict == "waiting":
            found[pod.pod] = "waiting"
    return found
