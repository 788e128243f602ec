"""Verify: whether something holds whatever happens of what is asked about, with the run where it does not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver import requests
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.pods import node_of
from kubelogic.cluster.state import State
from kubelogic.explain.units import count
from kubelogic.logic.errors import RuleErrors
from kubelogic.reconcile.scenario import Event, FailNode, Patch, later
from kubelogic.text import Notice
from kubelogic.verbs.drain import twin_of
from kubelogic.verbs.missing import NO_NODES
from kubelogic.verbs.plan import describe
from kubelogic.verbs.reconciled import Engine, Options, Reconciled, begin, engine, expect_options
from kubelogic.verbs.results import Plan
from kubelogic.verbs.targets import find
from kubelogic.verify.any_order import any_order
from kubelogic.verify.bounds import bounds
from kubelogic.verify.cases import Case, Survival, cases, number_of_cases, survival
from kubelogic.verify.demands import VIOLATES, demanded
from kubelogic.verify.drains import drain_all
from kubelogic.verify.holding import held
from kubelogic.verify.invariants import (
    Invariant,
    every_pod_placed,
    every_service_has_an_endpoint,
    rollouts_complete,
)
from kubelogic.verify.question import Question, WrongQuestionError
from kubelogic.verify.restless import SETTLES, restless
from kubelogic.verify.results import Counterexample, Verification
from kubelogic.verify.settling import come_up
from kubelogic.verify.steps import steps
from kubelogic.verify.watching import Violation, Watched, broken_already, watch

PATIENCE = 30 * 60_000
"""Milliseconds of simulated time after the last thing that happens."""

_ROLLED = ("Deployment", "StatefulSet", "DaemonSet")
_RESTARTED = "kubectl.kubernetes.io/restartedAt"


def verify(
    cluster: Cluster,
    question: Question,
    options: Options = Options(),  # noqa: B008 - a value
    *,
    notices: Sequence[Notice] = (),
) -> Verification:
    """Answer a question about all that may happen to a cluster.

    Args:
        cluster: desired and observed objects.
        question: see ``Question``.
        options: which scheduler, rules and limits; its clock lets ``Question.limit`` work.
        notices: what reading the cluster had to say; it stands before the others of the result.

    Raises:
        WrongQuestionError: if it asks about something that is not there.
        UnknownInvariantError: for an invariant that there is not.
        RuleErrors: if rules or parameters are faulty.
    """
    expect_options(options)
    if question.limit and options.clock is None:
        raise WrongQuestionError("limit needs a clock: Options(clock=time.monotonic)")
    files = [Path(each) for each in question.invariants if isinstance(each, str) and each.endswith(".dl")]
    chosen = tuple(held(each) for each in question.invariants if not (isinstance(each, str) and each.endswith(".dl")))
    options = replace(options, rules=(*options.rules, *files))
    made = engine(options, goals=(VIOLATES,))
    demands = tuple(demanded(made.rulebook, each) for each in files)
    start, left_out = begin(cluster, made.rulebook)
    start = _with_more(start, question.extra_nodes)
    troubled = made.troubled(start)
    run = come_up(made.reconciler, start, horizon=options.horizon)
    done = Reconciled(
        before=cluster,
        begun=start,
        run=run,
        engine=made,
        relations=made.relations(run.state),
        left_out=left_out,
        troubled=troubled,
    )
    plan = describe(done, options, notices=notices)
    made.without_rival()
    asking = _Asking(
        done=done, start=start, question=question, options=options, chosen=chosen, plan=plan, rules=demands
    )
    found = asking.answer()
    missing = NO_NODES in plan.unknown or (not plan.nodes and bool(question.survive or question.drain_all))
    found = replace(found, notices=plan.notices, missing=tuple(plan.unknown))
    if missing and (found.verdict == "holds" or question.any_order or not _by_rules(found)):
        return replace(found, verdict="unknown", reason="there is no node in the input", counterexample=None)
    return found


def _by_rules(found: Verification) -> bool:
    """Whether a rule file finds something broken: what is built in goes by where pods are, which needs nodes."""
    broken = found.counterexample.violations if found.counterexample is not None else ()
    return any(each.invariant == VIOLATES for each in broken)


def _with_more(state: State, extra: int) -> State:
    """The state with so many more nodes of each type: nodes with the same labels, taints and amounts."""
    types: dict[str, str] = {}
    for name, node in sorted(state.cluster.objects("Node").items()):
        labels = {k: v for k, v in (metadata(node).get("labels") or {}).items() if k != "kubernetes.io/hostname"}
        status = node.document.get("status") or {}
        taints = (node.document.get("spec") or {}).get("taints")
        types.setdefault(repr((sorted(labels.items()), status.get("allocatable"), taints)), name)
    for name in sorted(types.values()) if extra else ():
        for number in range(1, extra + 1):
            twin = twin_of(state.cluster.objects("Node")[name], f"extra-{number}-{name}")
            outcome = requests.create(state, twin)
            if outcome.answer.accepted:
                state = outcome.state
    return state


class _Asking(msgspec.Struct, frozen=True, kw_only=True):
    """One question about a settled cluster."""

    done: Reconciled
    start: State
    question: Question
    options: Options
    chosen: tuple[Invariant, ...]
    plan: Plan
    rules: tuple[str, ...]
    """What rule files demand, in their words."""

    @property
    def state(self) -> State:
        return self.done.run.state

    @property
    def engine(self) -> Engine:
        return self.done.engine

    @property
    def lead(self) -> int:
        """Milliseconds that the cluster had to settle before anything happens."""
        return self.state.now - self.start.now

    def answer(self) -> Verification:
        question = self.question
        done = [(action.type, action.arguments()) for step in self.done.run.cycle for action in step.actions]
        never = () if self.done.run.settled else tuple(restless(done, self.state.cluster))
        if never:
            at = self.done.run.cycle[0].now - self.start.now
            standing = tuple(Violation(time=at, invariant=SETTLES, message=each) for each in never)
            return self._named(self._as_it_stands(standing))
        if question.drain_all:
            found = drain_all(self.done, self.start, self._holding(), self.options, late=self.late())
            return self._named(replace(found, already=self._already()))
        if question.any_order:
            return self._named(any_order(self.done, late=self.late()))
        what = survival(question.survive) if question.survive else None
        if question.during_rollout:
            failing = [Case(nodes=())] if what is None else list(cases(self.state.cluster, what))
            return self._named(replace(self._rolled(failing, what), already=self._already()))
        if what is None and (standing := broken_already(self.engine.reconciler, self.state, self._holding())):
            return self._named(self._as_it_stands(standing))
        return self._named(replace(self._survived(what), already=self._already()))

    def _already(self) -> tuple[str, ...]:
        """What is broken before anything happens."""
        found = broken_already(self.engine.reconciler, self.state, self._holding())
        return tuple(each.message for each in found)

    def _as_it_stands(self, found: tuple[Violation, ...]) -> Verification:
        """Something is broken although nothing happens."""
        again = self._again((), PATIENCE)
        same = {each.message for each in again.violations}
        same |= {each.message for each in broken_already(self.engine.reconciler, again.run.state, self._holding())}
        return Verification(
            verdict="broken",
            scope="before anything happens, as the controllers leave the cluster",
            cases=1,
            tried=1,
            counterexample=Counterexample(
                violations=found,
                scheduler=self.options.scheduler,
                replayed=same >= {each.message for each in found},
            ),
        )

    def _more_nodes(self) -> tuple[Mapping[str, Any], ...]:
        """The nodes that are there beside those of the input."""
        nodes = self.start.cluster.objects("Node")
        return tuple(nodes[name].document for name in sorted(nodes.keys() - self.done.before.objects("Node").keys()))

    def _again(self, events: Sequence[Event], horizon: int) -> Watched:
        """The run from the input on, as ``kubelogic simulate`` shows it."""
        return watch(
            self.engine.reconciler, self.start, events, self._holding(), horizon=self.lead + horizon, since=self.lead
        )

    def _named(self, found: Verification) -> Verification:
        says = tuple(each.says for each in self._holding()) if not self.question.any_order else ()
        extra = (
            f"; with {count(self.question.extra_nodes, 'more node')} of each type" if self.question.extra_nodes else ""
        )
        run = found.counterexample
        run = None if run is None else replace(run, objects=(*self._more_nodes(), *run.objects))
        return replace(
            found,
            question=str(self.question),
            invariants=(*says, *self.rules),
            scope=found.scope + extra,
            counterexample=run,
        )

    def _holding(self) -> tuple[Invariant, ...]:
        """The invariants of the question, or those that fit it."""
        if self.chosen or self.rules:
            return self.chosen
        usual = (every_pod_placed(), every_service_has_an_endpoint())
        return (*usual, rollouts_complete()) if self.question.during_rollout else usual

    def late(self) -> Callable[[], bool]:
        """Whether the limit of the question is reached."""
        clock, limit = self.options.clock, self.question.limit
        if clock is None or not limit:
            return lambda: False
        end = clock() + limit
        return lambda: clock() >= end

    def _watch(self, events: Sequence[Event]) -> Watched:
        horizon = max((each.at for each in events), default=0) + PATIENCE
        return watch(self.engine.reconciler, self.state, events, self._holding(), horizon=horizon)

    # -- failures ------------------------------------------------------------------------------------------

    def _survived(self, what: Survival | None) -> Verification:
        late, state = self.late(), self.state
        failing: Iterable[Case] = [Case(nodes=())] if what is None else cases(state.cluster, what)
        total = 1 if what is None else number_of_cases(state.cluster, what)
        busy = {node_of(pod) for pod in _replaceable(state)}
        tried = skipped = idle = follow = 0
        ends = what is not None and not self.rules and _only_ends(self._holding())
        known = bounds(self.done, what, self._fail) if what is not None and ends and not self.options.rules else None
        if known is not None and known.all:
            failing, follow = (), total
        for case in failing:
            if late():
                return self._unfinished(tried, total, "the time limit was reached")
            if ends and busy.isdisjoint(case.nodes):
                idle += case.stands_for
                continue
            if known is not None and known.hold(case.nodes):
                follow += case.stands_for
                continue
            tried += 1
            skipped += case.stands_for - 1
            events = _failures(case.nodes)
            seen = self._watch(events)
            if seen.violations:
                return self._broken(events, seen, tried, total)
        nodes = len(state.cluster.objects("Node"))
        scope = (
            f"after the failure of {what}, for good: {total} {'case' if total == 1 else 'cases'} of {nodes} nodes, "
            f"each over {PATIENCE // 60_000} minutes"
            if what is not None
            else f"as the controllers leave it, over {PATIENCE // 60_000} minutes in which nothing else happens"
        )
        need = "needs" if idle == 1 else "need"
        proved = [f"{idle} of them {need} no run: nothing that is made anew runs on these nodes"] if idle else []
        if known is not None and follow:
            shown = f"{count(known.runs, 'run')} in which nodes fail shows that each workload makes its pods anew"
            rules = " that their spreads, affinity and host ports allow" if known.room.neighbours else ""
            proved.append(
                f"{follow} of them follow from bounds on room: wherever pods go that lose their node, the others leave "
                f"each of them a node with room{rules}; {shown}"
            )
        return Verification(
            verdict="holds",
            scope=scope,
            cases=total,
            tried=tried,
            alike=skipped,
            proved=tuple(proved),
        )

    def _fail(self, nodes: Collection[str]) -> Watched:
        return self._watch(_failures(nodes))

    def _unfinished(self, tried: int, total: int, reason: str) -> Verification:
        return Verification(
            verdict="unknown",
            scope=f"{tried} cases were run and hold",
            cases=total,
            tried=tried,
            reason=f"{reason} after {tried} of {total} cases",
        )

    def _broken(self, events: Sequence[Event], seen: Watched, tried: int, total: int) -> Verification:
        least, seen = self._smallest(list(events), seen)
        horizon = max(each.at for each in least) + PATIENCE if least else PATIENCE
        events = [later(each, self.lead) for each in least]
        again = self._again(events, horizon)
        return Verification(
            verdict="broken",
            scope=f"found with case {tried} of {total}",
            cases=total,
            tried=tried,
            counterexample=Counterexample(
                steps=steps(events),
                horizon=self.lead + horizon,
                violations=tuple(replace(each, time=each.time + self.lead) for each in seen.violations),
                scheduler=self.options.scheduler,
                replayed=again.violations == seen.violations,
            ),
        )

    def _smallest(self, events: list[Event], seen: Watched) -> tuple[list[Event], Watched]:
        """The events without those that are not needed to break something."""
        for each in list(events):
            fewer = [other for other in events if other is not each]
            less = self._watch(fewer)
            if less.violations:
                events, seen = fewer, less
        return events, seen

    # -- rollouts ------------------------------------------------------------------------------------------

    def _rolled(self, failing: Sequence[Case], what: Survival | None) -> Verification:
        target = find(self.state.cluster, self.question.during_rollout)
        if target.kind not in _ROLLED:
            raise WrongQuestionError(f"{target.kind} {target.key} has no rollouts; {', '.join(_ROLLED)} have")
        stamp = {"spec": {"template": {"metadata": {"annotations": {_RESTARTED: "2026-01-01T00:00:00Z"}}}}}
        restart = Event(at=0, operation=Patch(kind=target.kind, key=target.key, patch=stamp))
        alone = self._watch([restart])
        if alone.violations:
            return self._broken([restart], alone, 1, 1)
        moments = sorted({each.time for each in alone.run.timeline})
        late, tried = self.late(), 1
        total = 1 + len(moments) * sum(each.stands_for for each in failing if each.nodes)
        for case in failing:
            for at in moments if case.nodes else ():
                if late():
                    return self._unfinished(tried, total, "the time limit was reached")
                tried += 1
                events = [restart, *(Event(at=at, operation=FailNode(node=node)) for node in case.nodes)]
                seen = self._watch(events)
                if seen.violations:
                    return self._broken(events, seen, tried, total)
        during = f", and {what} fails at any of the {len(moments)} moments at which something happens" if what else ""
        return Verification(
            verdict="holds",
            scope=f"while {target.kind} {target.key} is rolled out anew{during}",
            cases=total,
            tried=tried,
            alike=total - tried,
        )


def _failures(nodes: Iterable[str]) -> list[Event]:
    return [Event(at=0, operation=FailNode(node=node)) for node in nodes]


def _replaceable(state: State) -> Iterator[Object]:
    """The pods whose going makes a difference to somebody: all but those that a DaemonSet keeps on their node."""
    for pod in state.cluster.objects("Pod").values():
        owners = metadata(pod).get("ownerReferences") or ()
        if not any(each.get("controller") and each.get("kind") == "DaemonSet" for each in owners):
            yield pod


def _only_ends(holding: Sequence[Invariant]) -> bool:
    """Whether only pods and Services count, so that the failure of a node without pods changes nothing."""
    return all(each.name in ("every_pod_placed", "every_service_has_an_endpoint") for each in holding)


__all__ = ["PATIENCE", "Question", "RuleErrors", "Verification", "WrongQuestionError", "verify"]
