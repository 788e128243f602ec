"""Diff: what an edit changes in where pods go, and which of the edits make it worse.

Both inputs are planned by themselves. What is worse in the new one is traced to the fewest edits that make it so: they
are made to the old input, alone, and that is planned; and each of them is needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import msgspec

from kubelogic.cluster import Cluster
from kubelogic.cluster.edit import is_being_deleted
from kubelogic.cluster.owners import owner_with_origin
from kubelogic.cluster.pods import has_ended, node_of
from kubelogic.explain.units import count
from kubelogic.reconcile.ailments import ready_endpoints
from kubelogic.text import Notice
from kubelogic.verbs.counts import workload_name
from kubelogic.verbs.edits import Edit, Identity, edits, with_edits
from kubelogic.verbs.missing import MAKERS
from kubelogic.verbs.plan import describe
from kubelogic.verbs.reconciled import Engine, Options, Reconciled, expect_cluster, expect_options, reconcile, renewed
from kubelogic.verbs.refusals import refused_objects
from kubelogic.verbs.results import Plan
from kubelogic.verbs.shown import Shown

_PAIRS = 12
"""With more edits than this, pairs are not tried one by one."""

_PLACED = "placed"
"""What is counted beside what is wrong: pods on nodes."""

_What = tuple[str, str]
"""What is worse (``pending``, ``refused``, ``unwell``, ``unserved``, ``restless``), and of whom."""


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is worse, or better, after the edits.

    Attributes:
        what: ``pending``, ``refused``, ``unwell``, ``unserved`` or ``restless``.
        subject: of whom, as ``Kind namespace/name``.
        before: how much of it there was: pods, refusals, troubles.
        after: how much of it there is.
        message: a sentence with both numbers, and why.
        causes: the fewest edits found that make it so; empty if it is better, or if there was no time to find them.
        minimal: whether each of them was shown to be needed.
    """

    what: str
    subject: str
    before: int
    after: int
    message: str
    causes: tuple[Edit, ...] = ()
    minimal: bool = False


_ROLLED = frozenset({"Deployment", "DaemonSet", "StatefulSet"})
"""Kinds whose controllers replace pods one after the other when their template changes."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Pods of a workload that are elsewhere: so many left some nodes, and as many came to others."""

    owner: str
    left: Mapping[str, int]
    came: Mapping[str, int]


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """A workload with another number of pods on nodes: 0 before if it comes, 0 after if it goes."""

    owner: str
    before: int
    after: int


class Diff(Shown, msgspec.Struct, frozen=True, kw_only=True):
    """What edits change.

    Attributes:
        edits: all of them.
        worse: what is worse, with the edits that cause it.
        better: what is better.
        places: workloads of as many pods as before that are on other nodes.
        sizes: workloads with more or fewer pods on nodes than before.
        nodes: how many nodes the new input has.
        undecided: whether a limit hides whether pods find a node.
        notices: what reading the input had to say, what is not modelled of the new one, and what that does not have.
    """

    edits: tuple[Edit, ...]
    worse: tuple[Effect, ...] = ()
    better: tuple[Effect, ...] = ()
    places: tuple[Place, ...] = ()
    sizes: tuple[Size, ...] = ()
    nodes: int = 0
    undecided: bool = False
    notices: tuple[Notice, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether there is no edit."""
        return not self.edits

    @property
    def rolled(self) -> tuple[str, ...]:
        """The workloads of which a rollout leads from the old pods to new ones, as ``Kind namespace/name``."""
        names = {f"{each.kind} {each.key}" for each in self.edits if each.path[:2] == ("spec", "template")}
        return tuple(sorted(name for name in names if name.partition(" ")[0] in _ROLLED))

    def __repr__(self) -> str:
        if self.equal:
            return "<Diff: no difference>"
        return f"<Diff: {len(self.edits)} edits, {len(self.worse)} worse, {len(self.better)} better>"


def diff(
    old: Cluster,
    new: Cluster,
    options: Options = Options(),  # noqa: B008 - a frozen value
    *,
    notices: Sequence[Notice] = (),
) -> Diff:
    """What becomes of a cluster by edits.

    Args:
        old: before them.
        new: after them.
        options: how to reconcile; the time limit holds for finding all causes together.
        notices: what reading both had to say; they go into the result.

    Raises:
        RuleErrors: if the rules or parameters are faulty.
        TypeError: an argument of another type.
    """
    expect_cluster(old)
    expect_cluster(new)
    expect_options(options)
    made = edits(old, new)
    if not made:
        return Diff(edits=(), nodes=len(new.objects("Node")), notices=tuple(notices))
    before = reconcile(old, options)
    was = _amounts(before)
    after = reconcile(new, options, renewed(before.engine, options))  # the relations of ``before`` are gone
    now, plan = _amounts(after), describe(after, options, notices=notices)
    causes = _Causes(old, new, made, options, after.engine, known={frozenset(each.mark for each in made): now})
    worse = []
    for what in sorted(key for key in now if key[0] != _PLACED and now[key] > was[key]):
        found, minimal = causes.of(what, was, now)
        worse.append(_effect(what, was[what], now[what], plan, causes=found, minimal=minimal))
    better = [
        _effect(what, was[what], now[what], plan)
        for what in sorted(was)
        if what[0] != _PLACED and now[what] < was[what]
    ]
    places, sizes = _places(before.cluster, after.cluster)
    return Diff(
        edits=made,
        worse=tuple(worse),
        better=tuple(better),
        places=places,
        sizes=sizes,
        nodes=len(new.objects("Node")),
        undecided=any(each.verdict == "unknown" for each in plan.pending),
        notices=plan.notices,
    )


def _amounts(done: Reconciled) -> Counter[_What]:
    """How much is wrong at the end of a run, by what and whom."""
    found: Counter[_What] = Counter()
    cluster = done.cluster
    for key, pod in cluster.objects("Pod").items() if cluster.objects("Node") else ():
        status = pod.document.get("status") or {}
        spec = pod.document.get("spec") or {}
        if status.get("phase") not in ("Succeeded", "Failed"):
            found[_PLACED if spec.get("nodeName") else "pending", workload_name(cluster, key)] += 1
    for obj, _ in done.left_out:
        found["refused", str(obj)] += 1
    for refused in refused_objects(done.run.refusals, done.run.state, done.start):
        found["refused", refused.workload] += refused.missing
    for kind, name, *_ in done.relations.rows("trouble"):
        ill = cluster.get(str(kind), str(name))
        found["unwell", str(owner_with_origin(cluster, ill)) if ill is not None else f"{kind} {name}"] += 1
    for key, ready in ready_endpoints(cluster).items() if cluster.objects("Node") else ():
        found["unserved", f"Service {key}"] += not ready
    found["restless", "the controllers"] += bool(done.run.cycle)
    return found


def _effect(
    what: _What, before: int, after: int, plan: Plan, *, causes: Sequence[Edit] = (), minimal: bool = False
) -> Effect:
    kind, subject = what
    match kind:
        case "pending":
            line = next((each.message for each in plan.pending if each.owner == subject), "").partition(". ")[0]
            lack = "gets no node" if after == 1 else "get no node"
            message = f"{count(after, 'pod')} of {subject} {lack} (before: {before})" + (f": {line}" if line else "")
        case "refused":
            line = next((each.message for each in plan.refusals if subject in (each.owner, each.workload)), "")
            message = f"{subject} is refused" + (f": {line}" if line else "")
            if not after:
                message = f"{subject} is refused no more"
        case "unwell":
            about = (
                each
                for each in plan.troubles
                if f"{each.kind} {each.key}" == subject or subject == _owner(plan, each.key)
            )
            line = next((f"{each.reason}: {each.message}" for each in about), "")
            message = f"{subject} is not well" + (f": {line}" if line else "") if after else f"{subject} is well"
        case "unserved":
            message = f"{subject} has no ready endpoint" if after else f"{subject} has ready endpoints"
        case _:
            message = "controllers go round in a loop for ever" if after else "controllers come to rest"
    return Effect(
        what=kind, subject=subject, before=before, after=after, message=message, causes=tuple(causes), minimal=minimal
    )


def _owner(plan: Plan, pod: str) -> str:
    obj = plan.cluster.get("Pod", pod)
    return str(owner_with_origin(plan.cluster, obj)) if obj is not None else ""


@dataclass(slots=True)
class _Causes:
    """Finds the edits that cause an effect: singles, pairs if there are few, then by delta debugging.

    Source: A. Zeller, R. Hildebrandt: Simplifying and Isolating Failure-Inducing Input (ddmin).
    """

    old: Cluster
    new: Cluster
    edits: Sequence[Edit]
    options: Options
    engine: Engine
    known: dict[frozenset[Identity], Counter[_What] | None]
    deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = self.options.end

    def of(self, what: _What, was: Counter[_What], now: Counter[_What]) -> tuple[tuple[Edit, ...], bool]:
        """Edits that alone make it worse, and whether each of them is needed.

        More pods of the workload get no node then than before, and no more of them get one than by all edits.
        """
        placed = (_PLACED, what[1])

        def bad(chosen: Sequence[Edit]) -> bool:
            found = self._amounts(chosen)
            if found is None or found[what] <= was[what]:
                return False
            return what[0] != "pending" or found[placed] <= now[placed]

        ranked = sorted(self.edits, key=lambda each: self._rank(each, what[1]))
        for size in (1, 2) if len(ranked) <= _PAIRS else (1,):
            for chosen in combinations(ranked, size):
                if self._expired():
                    return (), False
                if bad(chosen):
                    return self._in_order(chosen), True
        found = self._smallest(ranked, bad)
        return (
            (self._in_order(found), not self._expired())
            if len(found) < len(ranked) or not self._expired()
            else ((), False)
        )

    def _smallest(self, chosen: Sequence[Edit], bad: Callable[[Sequence[Edit]], bool]) -> Sequence[Edit]:
        """A subset that is as bad, of which every member is needed (if time suffices)."""
        parts = 2
        while len(chosen) >= 2 and not self._expired():
            length = -(-len(chosen) // parts)
            chunks = [chosen[i : i + length] for i in range(0, len(chosen), length)]
            smaller = next((chunk for chunk in chunks if len(chunks) > 2 and bad(chunk)), None)
            if smaller is not None:
                chosen, parts = smaller, 2
                continue
            rest = ([each for each in chosen if each not in chunk] for chunk in chunks)
            without = next((left for left in rest if left and bad(left)), None)
            if without is not None:
                chosen, parts = without, max(parts - 1, 2)
            elif parts >= len(chosen):
                break
            else:
                parts = min(len(chosen), parts * 2)
        return chosen

    def _rank(self, edit: Edit, subject: str) -> tuple[int, int]:
        """Edits of the subject itself first, then other workloads, then all else."""
        mine = f"{edit.kind} {edit.key}" == subject
        return (0 if mine else 1 if edit.kind in (*MAKERS, "Pod") else 2), self.edits.index(edit)

    def _in_order(self, chosen: Sequence[Edit]) -> tuple[Edit, ...]:
        return tuple(sorted(chosen, key=self.edits.index))

    def _amounts(self, chosen: Sequence[Edit]) -> Counter[_What] | None:
        """How much is wrong with only these edits; None if the API server would not take them so."""
        marks = frozenset(each.mark for each in chosen)
        if marks not in self.known:
            between = with_edits(self.old, self.new, marks)
            self.known[marks] = (
                None
                if between is None
                else _amounts(reconcile(between, self.options, renewed(self.engine, self.options)))
            )
        return self.known[marks]

    def _expired(self) -> bool:
        clock = self.options.clock
        return clock is not None and clock() > self.deadline


def _places(before: Cluster, after: Cluster) -> tuple[tuple[Place, ...], tuple[Size, ...]]:
    """Workloads whose pods are on other nodes, and those with more or fewer of them."""
    old, new = _by_workload(before), _by_workload(after)
    places, sizes = [], []
    for owner in sorted({*old, *new}):
        was, now = old.get(owner, Counter()), new.get(owner, Counter())
        if was.total() != now.total():
            sizes.append(Size(owner=owner, before=was.total(), after=now.total()))
        elif was != now:
            places.append(
                Place(owner=owner, left=dict(sorted((was - now).items())), came=dict(sorted((now - was).items())))
            )
    return tuple(places), tuple(sizes)


def _by_workload(cluster: Cluster) -> Mapping[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for key, pod in cluster.objects("Pod").items():
        node = node_of(pod)
        if node and not is_being_deleted(pod) and not has_ended(pod):
            found.setdefault(workload_name(cluster, key), Counter())[node] += 1
    return found
