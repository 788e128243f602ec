"""Explain: why a pod is pending, or why it is where it is, or why it is not on a certain node."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver.supposing import freed, supposed, without_taints
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import is_being_deleted
from kubelogic.cluster.owners import Workloads, controllers, makers, revision, workload
from kubelogic.cluster.pods import has_ended, node_of, phase_of
from kubelogic.explain import origins
from kubelogic.explain.blockers import Blocker, awaited, before_the_queue, blockers, is_untold, outside_names
from kubelogic.explain.choice import named_by_hand
from kubelogic.explain.company import company_words
from kubelogic.explain.conflicts import ConflictMember, conflict_members, waits_for
from kubelogic.explain.device_blockers import device_blockers
from kubelogic.explain.device_places import with_device_places
from kubelogic.explain.evidence import with_places
from kubelogic.explain.filter_verdicts import Verdicts
from kubelogic.explain.group_blockers import group_blockers, group_words, judged
from kubelogic.explain.message import line, recorded, with_devices
from kubelogic.explain.near_labels import with_near_labels
from kubelogic.explain.passing import MARKS
from kubelogic.explain.pending import kube_lines
from kubelogic.explain.repairs import Repair
from kubelogic.explain.unmodelled import of_its_group, unmodelled
from kubelogic.explain.verdicts import Answer, Grounds, Verdict, answers, pending_verdict
from kubelogic.explain.written import Writings
from kubelogic.logic import Evaluation
from kubelogic.placement.kube.examine import examine
from kubelogic.placement.problem import Problem
from kubelogic.reconcile.actions import CreatePod
from kubelogic.reconcile.problem import problem
from kubelogic.reconcile.schedulers import KubeScheduler, OptimalScheduler, Solver
from kubelogic.text import Notice
from kubelogic.verbs.departures import departures, look_ahead, made_room, timed
from kubelogic.verbs.missing import NOTHING, Lacking, about, is_place_unsure, lacking
from kubelogic.verbs.movable import Movable
from kubelogic.verbs.moves import MovePlan
from kubelogic.verbs.reconciled import Options, Reconciled, reconcile
from kubelogic.verbs.repairs import workload_repairs
from kubelogic.verbs.results import Departure, Trouble
from kubelogic.verbs.shown import Shown
from kubelogic.verbs.targets import UnknownPodError, find
from kubelogic.verbs.troubles import troubles
from kubelogic.verbs.undecided import undecided

if TYPE_CHECKING:
    from kubelogic.placement.derivation import Derivation


class Explanation(Shown, msgspec.Struct, frozen=True, kw_only=True):
    """Why a pod is where it is.

    Attributes:
        pod: its key.
        owner: its workload.
        verdict: see ``kubelogic.explain.verdicts``.
        node: where it is, or empty.
        message: kube-scheduler's line; empty for a placed pod.
        feasible: the nodes that passed all filters at the end.
        scores: kube-scheduler's scores of those nodes, by node and scorer.
        blockers: every reason against every other node.
        conflict: what cannot hold together; empty if nothing was proved.
        minimal: whether every member of it was shown to be needed.
        because: why as many pods as the workload wants cannot be, step by step; empty if counts do not tell.
        derivation: the same as data.
        waits_for: for ``waiting``, what has to come first.
        victims: for ``preemption``, the pods that have to go, by node.
        moves: for ``movable``, which running pods to move so that the pods of its workload fit.
        repairs: changes proved to get all pending pods of the workload placed, cheapest first.
        trials_stopped: after how many trials the search for repairs stopped before its end; 0: it did not.
        notices: what it asks for that is not modelled.
        of_group: what is not modelled of its group, and of the operator's object that it was made for.
        nodes: how many nodes there are.
        reported: of each node, the reasons that the scheduler reports: those of the first filter that rejects it.
        lacking: what the input does not have.
        unwell: what is not well of the pod and of what made it, at the end.
        departures: when it was evicted in the run, or is due to be, why, and what comes in its place.
        deleting: whether it is being deleted.
        chosen_by: of a placed pod, who chose its node: ``input``, ``optimal`` (the joint scheduler) or ``kube``.
        ended: the phase in which all its containers have ended, ``Succeeded`` or ``Failed``; empty if they have not.
    """

    pod: str
    owner: str
    verdict: Verdict
    node: str
    message: str
    feasible: tuple[str, ...]
    scores: Mapping[str, Mapping[str, int]]
    blockers: tuple[Blocker, ...]
    conflict: tuple[ConflictMember, ...]
    waits_for: tuple[ConflictMember, ...]
    victims: Mapping[str, tuple[str, ...]]
    minimal: bool = True
    because: tuple[str, ...] = ()
    derivation: Derivation | None = None
    repairs: tuple[Repair, ...] = ()
    trials_stopped: int = 0
    moves: MovePlan | None = None
    notices: tuple[Notice, ...] = ()
    of_group: tuple[Notice, ...] = ()
    nodes: int = 0
    reported: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    lacking: Lacking = NOTHING
    unwell: tuple[Trouble, ...] = ()
    departures: tuple[Departure, ...] = ()
    deleting: bool = False
    chosen_by: str = ""
    ended: str = ""

    def __repr__(self) -> str:
        where = f" on {self.node}" if self.node else ""
        return f"<Explanation of {self.pod}: {self.verdict}{where}; {len(self.repairs)} repairs>"


def explain(
    cluster: Cluster,
    pod: str,
    options: Options = Options(),  # noqa: B008 - a frozen value
    *,
    most_repairs: int | None = None,
) -> Explanation:
    """Reconcile a cluster, then explain one of its pods.

    Args:
        cluster: desired and observed objects.
        pod: ``namespace/name`` of a pod, or of a workload (then its first pending pod, else its first pod).
        options: how to reconcile.
        most_repairs: show so many repairs of whatever kinds; None for one of each kind and owner.

    Raises:
        UnknownPodError: if there is none.
        TypeError: if ``pod`` is no text.
        RuleErrors: if the rules or parameters are faulty.
    """
    if not isinstance(pod, str):
        raise TypeError(f"a pod is named by a text such as shop/web-1, not by {type(pod).__name__}")
    done = reconcile(cluster, options, of_pods=True)
    if done.run.cycle:
        done = reconcile(cluster, options)
    found = _find(done.cluster, pod)
    told = explain_run(done, found, options, most_repairs=most_repairs)
    told = replace(told, departures=departures_of(done, {found.key}))
    return replace(told, lacking=lacking(cluster, done.cluster, of=[str(found), *controllers(done.cluster, found)]))


def explain_run(done: Reconciled, pod: Object, options: Options, *, most_repairs: int | None = None) -> Explanation:
    """Explain a pod of a cluster after a run, repairs and all.

    Args:
        done: the run.
        pod: a pod at its end.
        options: how it was reconciled.
        most_repairs: show so many repairs of whatever kinds; None for one of each kind and owner.
    """
    left = undecided(done.before, done, options)
    told = _explained(done, pod, options, left=left)
    names = {str(pod), *controllers(done.cluster, pod)}
    found = troubles(done.troubled, done.before, done.cluster, done.relations)
    unwell = tuple(each for each in found if f"{each.kind} {each.key}" in names)
    told = replace(told, unwell=(*going_round(done, names), *unwell))
    if told.node:
        old = done.before.get("Pod", pod.key)
        by = "input" if old is not None and node_of(old) == told.node else options.scheduler
        return replace(told, because=(*told.because, *made_room(done, pod.key)), chosen_by=by)
    sought = workload_repairs(done, pod, told.blockers, options, most=most_repairs)
    return replace(told, repairs=sought.repairs, trials_stopped=sought.stopped)


def departures_of(done: Reconciled, pods: Collection[str]) -> tuple[Departure, ...]:
    """The departures of some pods, those that are due with what comes in their place."""
    return look_ahead(done, [each for each in departures(done, timed(done, done.run.steps)) if each.pod in pods])


def going_round(done: Reconciled, names: Collection[str]) -> Iterator[Trouble]:
    """That pods of a controller come and go for ever, where the run ends so."""
    makers = {
        f"{action.owner_kind} {action.owner}"
        for step in done.run.cycle
        for action in step.actions
        if isinstance(action, CreatePod)
    }
    for name in sorted(makers.intersection(names)):
        kind, _, key = name.partition(" ")
        message = "its pods are made and go again for ever; kubelogic plan tells the round"
        yield Trouble(kind=kind, key=key, reason="Loop", message=message, new=True, location=None)


def _explained(done: Reconciled, pod: Object, options: Options, *, left: Collection[str]) -> Explanation:
    """Explain a pod of a cluster as a run has left it; repairs apart.

    Args:
        done: the run, whose relations are afterwards as they were.
        pod: a pod at its end.
        options: limits.
        left: pods that placements of this run left out because a limit was reached.
    """
    state, rulebook, before = done.run.state, done.rulebook, done.before
    cluster = state.cluster
    node, owner = node_of(pod), workload(cluster, pod)
    asked_of = replace(state, cluster=freed(cluster, [pod])) if node else state
    relations = done.engine.relations(asked_of)
    shape = next((str(row[1]) for row in relations.matching("pod_shape", {0: pod.key})), "")
    subject = owner.partition(" ")[2]
    reasons = (
        *before_the_queue(relations, pod.key),
        *outside_names(relations, pod.key, subject=subject),
        *with_near_labels(cluster, blockers(relations, shape, subject=subject)),
    )
    given = done.engine.problem(asked_of)
    applicant = next((each.shape for each in given.pods if each.name == pod.key), "")
    seen = examine(given, pod.key) if applicant else None
    lacking = device_blockers(given, pod.key, seen.refusal, subject=subject) if seen is not None else ()
    reasons = (*reasons, *with_device_places(lacking, given, cluster, pod, Writings(asked_of, before)))
    found = Verdicts(relations).of(pod.key)
    if seen is not None:
        found = with_devices(found, seen.refusal)
    unsure = unmodelled(cluster, rulebook, pod)
    grounds = Grounds(relations, given, cluster)
    standing = grounds.standing(pod.key, reasons)
    grouped = not node and any(each.name == pod.key and each.group for each in given.waiting)
    alone = KubeScheduler().place(given) if grouped else None
    together = group_blockers(relations, given, pod.key, alone) if alone is not None else ()
    reasons = (*together, *reasons)
    moves: MovePlan | None = None
    kind: Verdict
    if node:
        old = before.get("Pod", pod.key)
        kind = "unknown" if unsure.placements and (old is None or node_of(old) != node) else "placed"
        if is_place_unsure(before, cluster, pod):
            kind = "unknown"
    else:
        placement = done.judge.place(given)
        movable = Movable(cluster=cluster, given=given, placement=placement, options=options, rulebook=rulebook)
        answer: Answer = answers(
            placement, left, makes_room=lambda _: options.scheduler == "optimal" or bool(seen and seen.rooms)
        )(pod.key)
        kind = pending_verdict(
            standing,
            answer="preemption" if seen is not None and seen.rooms and not together else answer,
            movable=lambda: not lacking and movable.of(owner, frozenset({applicant})) is not None,
            unmodelled=bool(unsure.rejections),
        )
        kind = judged(kind, standing, answer, together)
        moves = movable.of(owner, frozenset({applicant})) if kind == "movable" else None
    marks = [each for each in reasons if kind == "never" and each.predicate in MARKS and grounds.until(each)]
    mates = _mates(cluster, owner) if kind in ("no-room", "movable") else []
    derivation = _derivation(given, pod, mates) if mates else None
    placed = sum(bool(node_of(each)) for each in mates)
    said = (
        named_by_hand(before, cluster, pod)
        if node
        else (*company_words(given, placement, pod.key), *group_words(given, cluster, pod))
        if kind != "preemption"
        else ()
    )
    explained = Explanation(
        pod=pod.key,
        owner=owner,
        verdict=kind,
        node=node,
        message=""
        if node or is_untold(standing.early)
        else waits
        if (waits := awaited(standing.early))
        else kube_lines(relations, alone)(pod.key)
        if alone is not None
        else line(
            found, seen.refusal if seen else None, relations=relations, told=recorded(before.get("Pod", pod.key))
        ),
        feasible=seen.feasible if seen and not has_ended(pod) else (),
        scores={each.node: {**each.parts, "total": each.total} for each in seen.scores} if seen and not said else {},
        blockers=with_places(
            reasons,
            relations,
            origins.Origins(asked_of, relations, loaded=before, asked=asked_of.cluster.get("Pod", pod.key)),
        ),
        conflict=(),
        because=said or (_because(derivation, subject=subject, placed=placed) if derivation is not None else ()),
        derivation=derivation,
        waits_for=waits_for(cluster, relations, pod, reasons, standing, until=grounds.until)
        if kind == "waiting"
        else (),
        victims={room.node: room.victims for room in seen.rooms} if seen and kind == "preemption" else {},
        moves=moves,
        notices=(*unsure.notices, *about(cluster, pod)),
        of_group=of_its_group(cluster, rulebook, pod),
        nodes=len(given.nodes),
        reported=found.reasons,
        deleting=is_being_deleted(pod),
        ended=phase_of(pod) if has_ended(pod) else "",
    )
    if not node and kind != "waiting":
        asked_about = _Question(cluster=cluster, relations=relations, given=given)
        marked = set(map(id, marks))
        conflict, minimal = _conflict(
            _lasting(done, {str(each.witness.get("Key", "")) for each in marks}) if marks else asked_about,
            pod,
            options.judge if marks else done.judge,
            options.judge,
            reasons=[each for each in reasons if id(each) not in marked],
        )
        explained = replace(explained, conflict=conflict, minimal=minimal)
    done.engine.relations(state)
    return explained


def _find(cluster: Cluster, name: str) -> Object:
    """The pod of that name; of a workload, the first pending pod of the newest revision, else the first pod."""
    target = find(cluster, name)
    pods = cluster.objects("Pod")
    if target.kind == "Pod":
        return pods[target.key]
    owner = f"{target.kind} {target.key}"
    members = sorted(_mates(cluster, owner), key=lambda pod: pod.key)
    if not members:
        raise UnknownPodError(name, (), "pod of")
    return min(
        (pod for pod in members if not node_of(pod)), key=lambda pod: -revision(cluster, pod), default=members[0]
    )


class _Question(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster with what the rules derive of it, and its placement problem."""

    cluster: Cluster
    relations: Evaluation
    given: Problem


def _lasting(done: Reconciled, passing: Collection[str]) -> _Question:
    """The cluster without what people and controllers put on nodes and take off again: never is proved without it."""
    nodes = [without_taints(each, passing) for each in done.cluster.objects("Node").values()]
    cluster = supposed(done.cluster, nodes)
    relations = done.engine.relations(replace(done.run.state, cluster=cluster))
    return _Question(cluster=cluster, relations=relations, given=problem(relations))


def _conflict(
    question: _Question, pod: Object, places: Solver, judge: OptimalScheduler, *, reasons: Sequence[Blocker]
) -> tuple[tuple[ConflictMember, ...], bool]:
    """What cannot hold together, and whether every member was shown to be needed."""
    cluster, relations, given = question.cluster, question.relations, question.given
    placement = places.place(given)
    shape = next((each.shape for each in placement.unplaced if each.pod == pod.key), None)
    found = judge.conflict(given, placement, shape) if shape is not None else None
    if found is None:
        return (), True
    return conflict_members(cluster, relations, given, found.core, pod=pod, blockers=reasons), found.minimal


def _mates(cluster: Cluster, owner: str) -> list[Object]:
    """The pods of a workload."""
    of = Workloads(cluster).of
    found: list[Object] = []
    for maker, pods in makers(cluster).items():
        if maker[2]:
            found += pods if of(pods[0]) == owner else ()
        else:
            found += (pod for pod in pods if str(pod) == owner)
    return found


def _derivation(given: Problem, pod: Object, mates: Sequence[Object]) -> Derivation | None:
    """What counts tell of the pods of a workload, if they are all alike and there are several."""
    shapes = {each.name: each.shape for each in given.pods}
    shape = shapes.get(pod.key)
    alike = [each for each in mates if shapes.get(each.key) == shape]
    if shape is None or len(alike) < 2 or len(alike) < len(mates):
        return None
    from kubelogic.placement.derivation import derive

    return derive(given, shape, len(alike))


def _because(derivation: Derivation, *, subject: str, placed: int) -> tuple[str, ...]:
    from kubelogic.explain.derivations import told

    return told(derivation, subject=subject, placed=placed)
