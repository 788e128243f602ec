"""Every tick of a run beside what the transcriptions say of the same state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubelogic.cluster.state import State
from kubelogic.reconcile.actions import (
    Action,
    AddTaint,
    AdoptObject,
    CreatePod,
    CreateReplicaSet,
    DeleteObject,
    DeletePod,
    EvictPod,
    RemoveTaint,
    ScaleReplicaSet,
    SetCondition,
    UpdateStatus,
)
from kubelogic.reconcile.job_actions import CreateIndexedPod
from kubelogic.reconcile.object_actions import WriteBudgetStatus
from kubelogic.reconcile.settle import Ticker
from kubelogic.reconcile.tick import Tick
from tests.differential import budgets, daemon_sets, deployments, jobs, nodes, replica_sets, stateful_sets
from tests.differential.reading import World, controller, deleting, meta, number, spec, status

Effect = tuple[Any, ...]

KINDS = ("ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job", "PodDisruptionBudget", "Node")
_POD_OWNERS = ("ReplicaSet", "StatefulSet", "DaemonSet", "Job")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where the rules and a transcription disagree."""

    kind: str
    now: int
    only_transcribed: tuple[Effect, ...]
    only_derived: tuple[Effect, ...]

    def __str__(self) -> str:
        return f"{self.kind} at {self.now}: transcription {self.only_transcribed}, rules {self.only_derived}"


@dataclass(slots=True)
class Compared:
    """A ticker that compares each of its ticks."""

    ticker: Ticker
    differences: list[Difference] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """How many effects of each kind both agree on."""
    evictions: nodes.Evictions = field(default_factory=nodes.Evictions)
    rates: nodes.Rates = field(default_factory=nodes.Rates)
    backoffs: daemon_sets.Backoffs = field(default_factory=daemon_sets.Backoffs)

    def tick(self, state: State) -> Tick:
        """The tick of the ticker, compared."""
        found = self.ticker.tick(state)
        world = world_of(state)
        for kind in KINDS:
            self._compare(kind, world, state, found.actions)
        return found

    def due(self, now: int) -> frozenset[int]:
        """As the ticker says."""
        return self.ticker.due(now)

    def _compare(self, kind: str, world: World, state: State, actions: Sequence[Action]) -> None:
        expected = set(self._expected(kind, world, state))
        if any(effect[0] == "revision first" for effect in expected):
            return  # the revision of a new template is made in this tick, what follows from it comes in the next one
        derived = set(_derived(kind, world, actions))
        if kind == "DaemonSet":
            expected, derived = _daemon_statuses(expected, derived, actions)
        if kind == "Job":
            expected, derived = _job_looks(world, expected, derived)
        expected, derived = _statuses(world, expected, derived)
        self.counts[kind] += len(expected & derived)
        if expected != derived:
            one = tuple(sorted(expected - derived, key=str))
            other = tuple(sorted(derived - expected, key=str))
            self.differences.append(Difference(kind=kind, now=world.now, only_transcribed=one, only_derived=other))

    def _expected(self, kind: str, world: World, state: State) -> Iterator[Effect]:
        match kind:
            case "ReplicaSet":
                yield from replica_sets.look(world)
            case "Deployment":
                yield from deployments.look(world)
            case "StatefulSet":
                yield from stateful_sets.look(world)
            case "DaemonSet":
                yield from daemon_sets.look(world, self.backoffs)
            case "Job":
                yield from jobs.look(world)
            case "PodDisruptionBudget":
                yield from budgets.look(world)
            case "Node":
                silent = {str(row[0]): int(row[1]) for row in state.world.get("node_silent_since", ())}
                yield from nodes.goes_unknown(world, silent)
                yield from self.evictions.look(world)
                yield from self.rates.look(world)


def world_of(state: State) -> World:
    """The documents of a state."""
    kinds = (*KINDS, "Pod", "ControllerRevision")
    documents = {kind: {key: obj.document for key, obj in state.cluster.objects(kind).items()} for kind in kinds}
    return World(documents=documents, now=state.now)


def unfinished(state: State) -> list[Effect]:
    """What the transcriptions would still do in a state that has settled, back-offs being over."""
    world = world_of(state)
    found = [*replica_sets.look(world), *deployments.look(world), *stateful_sets.look(world), *jobs.look(world)]
    return [effect for effect in found if effect[0] != "status"]


# -- what the rules do, in the words of the transcriptions -----------------------------------------------------


def _derived(kind: str, world: World, actions: Sequence[Action]) -> Iterator[Effect]:
    made: Counter[tuple[str, str]] = Counter()
    adopted = {each.key: each.owner_kind for each in actions if isinstance(each, AdoptObject) and each.kind == "Pod"}
    for action in actions:
        match action:
            case CreatePod():
                if action.owner_kind != kind:
                    continue
                if kind == "StatefulSet":
                    yield ("make member", action.pod, _label(world, action.revision))
                elif kind == "DaemonSet":
                    yield ("make daemon", action.owner, action.node)
                elif kind == "Job" and action.index >= 0:
                    yield ("make index", action.owner, action.index)
                else:
                    made[action.owner_kind, action.owner] += 1
            case DeletePod() if kind in _POD_OWNERS and kind == (
                adopted.get(action.pod) or _owner_kind(world, action.pod)
            ):
                yield ("delete", action.pod)
            case ScaleReplicaSet() if kind == "Deployment":
                if number(spec(world.of("ReplicaSet")[action.replica_set]), "replicas", 1) != action.replicas:
                    yield ("scale", action.replica_set, action.replicas)
            case CreateReplicaSet() if kind == "Deployment":
                yield ("new set", action.deployment, action.replicas)
            case DeleteObject() if kind == "Deployment" and action.kind == "ReplicaSet":
                if _has_deployment(world, action.key):
                    yield ("drop set", action.key)
            case UpdateStatus() if action.kind == kind:
                yield from (("status", kind, action.key, name, value) for name, value in action.fields)
            case _:
                yield from _rarer(kind, world, action)
    for (owner_kind, owner), count in made.items():
        yield ("make job pods", owner, count) if kind == "Job" else ("make", owner_kind, owner, count)


def _rarer(kind: str, world: World, action: Action) -> Iterator[Effect]:
    match action:
        case SetCondition() if kind == "Job" == action.kind and action.status == "True":
            if action.condition in ("FailureTarget", "SuccessCriteriaMet"):
                yield ("turn", action.key, action.condition, action.reason)
        case SetCondition() if kind == "Node" == action.kind and action.condition == "Ready":
            if action.status == "Unknown":
                yield ("unknown", action.key)
        case EvictPod() if kind == "Node" and action.reason == "DeletionByTaintManager":
            yield ("evict", action.pod)
        case AddTaint() if kind == "Node" and action.effect == "NoExecute":
            yield ("taint", action.node, action.taint)
        case RemoveTaint() if kind == "Node" and action.effect == "NoExecute":
            yield ("untaint", action.node, action.taint)
        case CreateIndexedPod() if kind == "Job":
            yield ("make index", action.job, action.index)
        case WriteBudgetStatus() if kind == "PodDisruptionBudget":
            yield ("budget", action.budget, action.expected, action.healthy, action.desired, action.allowed)


def _label(world: World, revision: str) -> str:
    document = world.of("ControllerRevision").get(revision) or {}
    return str((meta(document).get("labels") or {}).get(stateful_sets.LABEL) or revision.partition("/")[2])


def _owner_kind(world: World, pod: str) -> str:
    reference = controller(world.of("Pod")[pod])
    return "" if reference is None else str(reference["kind"])


def _has_deployment(world: World, rs: str) -> bool:
    reference = controller(world.of("ReplicaSet")[rs])
    if reference is None:
        return False
    owner = world.of("Deployment").get(f"{rs.partition('/')[0]}/{reference['name']}")
    return owner is not None and meta(owner)["uid"] == reference["uid"] and not deleting(owner)


# -- what is compared ------------------------------------------------------------------------------------------


def _statuses(world: World, expected: set[Effect], derived: set[Effect]) -> tuple[set[Effect], set[Effect]]:
    """Numbers of statuses: those that are written, and those that stand and should be others."""
    wanted = {effect for effect in expected if effect[0] != "status" or not _stands(world, effect)}
    written = {effect for effect in derived if effect[0] != "status" or effect[3] in _NUMBERS}
    budgets_wanted = {e for e in wanted if e[0] != "budget" or not _budget_stands(world, e)}
    return budgets_wanted, {e for e in written if e[0] != "budget" or not _budget_stands(world, e)}


_NUMBERS = frozenset(
    {
        "replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "terminatingReplicas",
        "updatedReplicas", "unavailableReplicas", "currentReplicas", "observedGeneration",
        "desiredNumberScheduled", "currentNumberScheduled", "numberMisscheduled", "numberReady", "numberAvailable",
        "numberUnavailable", "updatedNumberScheduled",
    }
)  # fmt: skip


def _stands(world: World, effect: Effect) -> bool:
    _, kind, key, name, value = effect
    return number(status(world.of(kind)[key]), name) == value


def _budget_stands(world: World, effect: Effect) -> bool:
    told = status(world.of("PodDisruptionBudget")[effect[1]])
    names = ("expectedPods", "currentHealthy", "desiredHealthy", "disruptionsAllowed")
    return tuple(number(told, name) for name in names) == effect[2:]


def _daemon_statuses(
    expected: set[Effect], derived: set[Effect], actions: Iterable[Action]
) -> tuple[set[Effect], set[Effect]]:
    """The status of a DaemonSet is written when its controller looks, not at every change of a node."""
    looked = {each.key for each in actions if isinstance(each, UpdateStatus) and each.kind == "DaemonSet"}
    return {effect for effect in expected if effect[0] != "status" or effect[2] in looked}, derived


def _job_looks(world: World, expected: set[Effect], derived: set[Effect]) -> tuple[set[Effect], set[Effect]]:
    """A Job is looked at a second after something happened, and waits out back-offs: only looks are compared."""
    derived = {effect for effect in derived if effect[0] != "status"}
    looked = {_job_of(world, effect) for effect in derived}
    return {effect for effect in expected if _job_of(world, effect) in looked}, derived


def _job_of(world: World, effect: Effect) -> str:
    if effect[0] != "delete":
        return str(effect[1])
    reference: Mapping[str, Any] = controller(world.of("Pod")[effect[1]]) or {}
    return f"{effect[1].partition('/')[0]}/{reference.get('name')}"
