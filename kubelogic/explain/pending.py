"""Pods that stay pending: the verdict on each, kube-scheduler's line, and every blocker."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from functools import partial

import msgspec

from kubelogic.cluster import Object
from kubelogic.cluster.owners import workload
from kubelogic.cluster.pods import has_ended, node_of, nodes_of
from kubelogic.cluster.state import State
from kubelogic.explain import message
from kubelogic.explain.asked import asked
from kubelogic.explain.blockers import Blocker, before_the_queue, blockers, is_untold, outside_names
from kubelogic.explain.device_blockers import device_blockers
from kubelogic.explain.filter_verdicts import Verdicts
from kubelogic.explain.group_blockers import group_blockers, judged
from kubelogic.explain.unmodelled import unmodelled
from kubelogic.explain.verdicts import Grounds, Verdict, answers, pending_verdict
from kubelogic.logic import Evaluation, Rulebook
from kubelogic.placement.placement import Placement, Refusal
from kubelogic.placement.problem import Problem
from kubelogic.reconcile.problem import problem
from kubelogic.reconcile.relations import Relations
from kubelogic.reconcile.schedulers import KubeScheduler, Solver
from kubelogic.text import Notice

Moves = Callable[[Problem, Placement], Callable[[str, frozenset[str]], bool]]
"""Of a problem and its answer: whether pods of a workload with some shapes fit if running pods move."""


class PendingPod(msgspec.Struct, frozen=True, kw_only=True):
    """A pod without a node.

    Attributes:
        pod: its key.
        owner: its workload, ``Kind namespace/name``.
        verdict: see ``kubelogic.explain.verdicts``.
        message: kube-scheduler's line.
        blockers: every reason against every node.
        notices: what it asks for that is not modelled.
    """

    pod: str
    owner: str
    verdict: Verdict
    message: str
    blockers: tuple[Blocker, ...]
    notices: tuple[Notice, ...] = ()


def pending_pods(
    state: State,
    rulebook: Rulebook,
    *,
    judge: Solver,
    undecided: Collection[str] = (),
    moves: Moves,
    relations: Evaluation | None = None,
    reading: Callable[[], Problem] | None = None,
    only: Collection[str] | None = None,
    one_by_one: bool = False,
) -> tuple[PendingPod, ...]:
    """The pods of a state that have no node, by name.

    Args:
        state: as it stands.
        rulebook: the rules.
        judge: a solver whose ``impossible`` is a proof.
        undecided: pods that earlier placements left out because a limit was reached.
        moves: says whether pods fit if running pods move.
        relations: what the rules derive in the state, for ``asked`` at least; derived anew, if not given.
        reading: reads the placement problem of the state, if a pod waits; without it, it is read from the relations.
        only: the pods that are asked about; None: all.
        one_by_one: whether kube-scheduler decides, which evicts nobody whom only the judge would.
    """
    cluster = state.cluster
    pods = cluster.objects("Pod")
    keys = pods.keys() - nodes_of(cluster).keys() if only is None else only
    waiting = {key: pod for key in sorted(keys) if _waits(pod := pods[key])}
    if not waiting:
        return ()
    relations = Relations.of(rulebook, state, asked(rulebook)) if relations is None else relations
    given = problem(relations) if reading is None else reading()
    placement = judge.place(given)
    alone = KubeScheduler().place(given)
    helped = {entry.pod for entry in alone.unplaced if entry.verdict == "waiting"}
    answer = answers(placement, undecided, makes_room=lambda pod: pod in helped or not one_by_one)
    movable = moves(given, placement)
    ruling = Grounds(relations, given, cluster)
    lines = kube_lines(relations, alone)
    refused = {entry.pod: alone.refusals[entry.refusal] for entry in alone.unplaced if entry.refusal >= 0}
    shapes = {str(pod): str(shape) for pod, shape in relations.rows("pod_shape") if pod in waiting}
    named = {pod.name: pod.shape for pod in given.waiting}
    known: dict[tuple[str, str], tuple[Blocker, ...]] = {}
    ruled: dict[tuple[object, ...], Verdict] = {}
    found = []
    for key, pod in waiting.items():
        shape, owner = shapes.get(key, ""), workload(cluster, pod)
        subject = owner.partition(" ")[2]
        if (shape, subject) not in known:
            known[shape, subject] = blockers(relations, shape, subject=subject)
        early = before_the_queue(relations, key)
        untold = is_untold(early)
        # Pods that are alike share their reasons, of which there may be thousands.
        reasons = known[shape, subject]
        if not owner.startswith("DaemonSet "):
            early = (*early, *outside_names(relations, key, subject=subject))
        reasons = (*early, *reasons) if early else reasons
        lacking = device_blockers(given, key, refused[key], subject=subject) if key in refused else ()
        reasons = (*reasons, *lacking) if lacking else reasons
        mine = key in shapes and not relations.matching("pod_scheduler", {0: key})
        unsure = unmodelled(cluster, rulebook, pod)
        together = group_blockers(relations, given, key, alone)
        alike = (
            shape,
            owner,
            named.get(key, ""),
            bool(early),
            answer(key),
            bool(unsure.rejections),
            _kinds(lacking),
            bool(together),
        )
        if alike not in ruled:
            standing = ruling.standing(key, reasons)
            verdict = pending_verdict(
                standing,
                answer=answer(key),
                movable=partial(movable, owner, frozenset({named.get(key, "")})) if not lacking else lambda: False,
                unmodelled=bool(unsure.rejections),
            )
            ruled[alike] = judged(verdict, standing, answer(key), together)
        reasons = (*together, *reasons) if together else reasons
        found.append(
            PendingPod(
                pod=key,
                owner=owner,
                verdict=ruled[alike],
                message=lines(key) if mine and not untold else "",
                blockers=reasons,
                notices=unsure.notices,
            )
        )
    return tuple(found)


def kube_lines(relations: Evaluation, placement: Placement) -> Callable[[str], str]:
    """kube-scheduler's line about a pod that waits.

    Args:
        relations: derived for ``goals`` and ``GOALS``.
        placement: what the one-by-one scheduler makes of the same problem: it knows what preemption found.
    """
    refused = {pod.pod: placement.refusals[pod.refusal] for pod in placement.unplaced if pod.refusal >= 0}
    verdicts = Verdicts(relations)
    known: dict[Hashable, str] = {}

    def line(pod: str) -> str:
        if waits := sorted(relations.matching("claim_awaited", {0: pod}), key=lambda row: int(row[1])):
            return str(waits[0][3])
        preemption = refused.get(pod)
        alike = verdicts.mark(pod), _outline(preemption)
        if alike not in known:
            verdict = verdicts.of(pod)
            if preemption is not None and preemption.among:
                verdict = message.in_group(verdict, preemption, relations)
            elif preemption is not None:
                verdict = message.with_devices(verdict, preemption)
            known[alike] = message.line(verdict, preemption, relations=relations)
        return known[alike]

    return line


def _outline(refusal: Refusal | None) -> Hashable:
    """What of a refusal counts for the scheduler's line: if it names one node at most, not which one that is."""
    if refusal is None:
        return None
    tried = {*refusal.helpless, *(node for each in refusal.preemption for node in each.nodes)}
    if refusal.among or len(tried) > 1 or any(each.reason == "devices" for each in refusal.rejections):
        return id(refusal)
    preemption = tuple(msgspec.structs.replace(each, nodes=()) for each in refusal.preemption)
    return msgspec.structs.replace(
        refusal, shape="", rejections=(), preemption=preemption, helpless=("",) * len(refusal.helpless)
    )


def _kinds(lacking: Sequence[Blocker]) -> tuple[tuple[str, str], ...]:
    return tuple((each.node, each.predicate) for each in lacking)


def _waits(pod: Object) -> bool:
    if node_of(pod):
        return False
    deleted = (pod.document.get("metadata") or {}).get("deletionTimestamp")
    return not deleted and not has_ended(pod)
