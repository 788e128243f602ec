"""Check: what is wrong with manifests, by themselves and in the cluster that they make; what a gate lets through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver.changes import Change
from kubelogic.cluster import Cluster, Object
from kubelogic.kinds.codes import CODES
from kubelogic.logic import Rulebook
from kubelogic.text import Notice
from kubelogic.text.location import Fault, path_of
from kubelogic.verbs.arguments import TEXTS, expect, instance, one_of
from kubelogic.verbs.checking.findings import SEVERITIES, Finding, Severity, by_identity, severities
from kubelogic.verbs.checking.ignored import Ignored, chosen, excused
from kubelogic.verbs.checking.later import of_later_pods
from kubelogic.verbs.checking.named import exists, of_node_names, of_references
from kubelogic.verbs.checking.relational import GOALS, relational
from kubelogic.verbs.checking.replicas import of_replicas
from kubelogic.verbs.checking.rolled import of_rollouts
from kubelogic.verbs.checking.scheduled import of_cron_jobs
from kubelogic.verbs.checking.told import (
    NO_NODE,
    UNKNOWN,
    UNWELL,
    Objects,
    of_faults,
    of_notices,
    of_plan,
    of_refusals,
    repaired,
)
from kubelogic.verbs.plan import describe
from kubelogic.verbs.reconciled import (
    Engine,
    Options,
    Reconciled,
    engine,
    expect_cluster,
    expect_options,
    reconcile,
    renewed,
)
from kubelogic.verbs.results import Plan
from kubelogic.verbs.services import NO_PODS, NO_PORT, OWN_ONLY, is_at_rest, may_have_pods
from kubelogic.verbs.shown import Shown
from kubelogic.verbs.typed import PATHS

_SELDOM = frozenset({"KL196"})
"""Notices of a plan that a check tells in its own, structured way."""

_CUSTOM = "KL108"

_REPAIRED = 3
"""Workloads for which a change is looked for that helps; each costs some runs of the control loops."""

_NO_PODS = frozenset({NO_PODS, "KL403"})
"""Codes of what has no pods in the input."""


class CheckOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a check tells, and at what it fails.

    Attributes:
        fail_on: the least severity that makes the check fail; ``never`` lets everything through but invalid input.
        select: prefixes of the codes to tell; empty for all.
        ignore: prefixes of codes to leave out.
        exists: objects that the cluster has although the input has not: ``Secret/shop/keys`` or ``Secret/keys``.
    """

    fail_on: Severity | str = "error"
    select: Sequence[str] = ()
    ignore: Sequence[str] = ()
    exists: Collection[str] = ()

    def __post_init__(self) -> None:
        """Refuse what no command line would let through.

        Raises:
            TypeError: a value of another type than said.
            ValueError: a severity that does not exist.
        """
        expect(one_of((*SEVERITIES, "never")), fail_on=self.fail_on)
        expect(TEXTS, select=self.select, ignore=self.ignore, exists=self.exists)


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """What was read: the cluster, and what reading had to say.

    Attributes:
        cluster: all that is valid.
        notices: what was noticed.
        faults: what the API server would refuse; it is not in the cluster.
        changes: manifests that were applied to objects that a cluster printed: findings are told at their places.
    """

    cluster: Cluster
    notices: Sequence[Notice] = ()
    faults: Sequence[Fault] = ()
    changes: Sequence[Change] = ()


class Check(Shown, msgspec.Struct, frozen=True, kw_only=True):
    """What a check has found.

    Attributes:
        findings: the worst first, then by place.
        ignored: what annotations excuse, with their reasons.
        known: how many findings the base has, too, and that are therefore left out.
        objects: how many objects were looked at.
        fail_on: the least severity that makes it fail.
    """

    findings: tuple[Finding, ...]
    ignored: tuple[Ignored, ...] = ()
    known: int = 0
    objects: int = 0
    fail_on: str = "error"
    nodes: int = 0

    @property
    def invalid(self) -> bool:
        """Whether something would be refused, or is no manifest."""
        return any(each.invalid for each in self.findings)

    @property
    def failing(self) -> tuple[Finding, ...]:
        """The findings at which the gate stays shut."""
        if self.fail_on == "never":
            return ()
        return tuple(
            each for each in self.findings if SEVERITIES.index(each.severity) <= SEVERITIES.index(self.fail_on)
        )

    @property
    def undecided(self) -> bool:
        """Whether a limit was reached before something was decided."""
        return any(each.code == UNKNOWN for each in self.findings)

    @property
    def passes(self) -> bool:
        """Whether the gate opens."""
        return not (self.invalid or self.failing or self.undecided)

    def named(self, again: Callable[[str], str]) -> Check:
        """The same with commands that can be typed as they stand.

        Args:
            again: what names the input for a command, its paths and flags.
        """
        known: dict[str, str] = {}

        def typed(each: Finding) -> Finding:
            if each.checked or not each.step.startswith("kubelogic "):
                return each
            command = each.step.split()[1]
            known[command] = known.get(command) or again(command)
            return replace(each, step=each.step.removesuffix(PATHS) + known[command])

        return replace(
            self,
            findings=tuple(map(typed, self.findings)),
            ignored=tuple(replace(each, finding=typed(each.finding)) for each in self.ignored),
        )

    def number(self, severity: str) -> int:
        """How many findings are of a severity."""
        return sum(each.severity == severity for each in self.findings)

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.number(each)} {each}s" for each in SEVERITIES)
        return f"<Check: {'passes' if self.passes else 'fails'}; {counts}>"


def check(
    given: Cluster | Input,
    options: Options = Options(),  # noqa: B008 - a frozen value
    how: CheckOptions = CheckOptions(),  # noqa: B008 - a frozen value
    *,
    base: Cluster | Input | None = None,
) -> Check:
    """Look for everything that is wrong with manifests and with the cluster that they make.

    Args:
        given: what was read, the base included.
        options: how to reconcile.
        how: what to tell, and at what to fail.
        base: the same before a change: only what is new or worse than there is told.

    Raises:
        RuleErrors: if the rules or parameters are faulty.
        TypeError: an argument of another type.
    """
    expect(instance(CheckOptions, "a CheckOptions(...)"), how=how)
    now = given if isinstance(given, Input) else Input(cluster=given)
    expect_cluster(now.cluster)
    expect_options(options)
    before = base if isinstance(base, Input) or base is None else Input(cluster=base)
    if before is not None:
        expect_cluster(before.cluster)
    found = _Found(now, options, engine(options, goals=GOALS))
    findings = [_in_manifests(each, now.changes) for each in found.findings() if not exists(each, how.exists)]
    known = 0
    if before is not None:
        was = _Found(before, options, renewed(found.engine, options), rollouts=found.stuck)
        old = by_identity(was.findings())
        fresh = [
            each
            for each in findings
            if old.get(each.identity, 0) < each.weight or _is_changed(before.cluster, now.cluster, each)
        ]
        known = len(findings) - len(fresh)
        findings = fresh
    left, ignored = excused(findings, now.cluster, all_codes(found.engine.rulebook))
    told = sorted((each for each in left if chosen(each, how.select, how.ignore)), key=lambda each: each.order)
    return Check(
        findings=tuple(found.with_steps(list(_each_once(told)))),
        ignored=tuple(sorted(ignored, key=lambda each: each.finding.order)),
        known=known,
        objects=len(now.cluster),
        fail_on=how.fail_on,
        nodes=len(now.cluster.objects("Node")),
    )


def _in_manifests(finding: Finding, changes: Sequence[Change]) -> Finding:
    """The finding where a person edits it: in the last manifest of an object that a cluster printed, if any."""
    mine = [each for each in changes if (each.kind, each.key) == (finding.kind, finding.key)]
    if not mine or finding.location is None:
        return finding
    path, value = path_of(finding.location.path), mine[-1].document
    for step in path:
        try:
            value = value[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            path = ("metadata", "name")
            break
    return replace(finding, location=mine[-1].origin.locate(path))


def all_codes(rulebook: Rulebook) -> frozenset[str]:
    """Every code that a finding can have."""
    headers = {str(file.header["code"]) for file in rulebook.files if file.header.get("code")}
    omits = {str(each.code) for each in rulebook.omissions if each.code}
    return frozenset({*CODES, *severities(rulebook), *headers, *omits, "KL180", "KL181", "KL200", "KL294", "KL297"})


@dataclass(slots=True)
class _Found:
    """The findings of one version of the input."""

    given: Input
    options: Options
    engine: Engine
    rollouts: frozenset[tuple[str, str]] | None = None
    stuck: frozenset[tuple[str, str]] = frozenset()
    plan: Plan | None = None
    done: Reconciled | None = None

    def with_steps(self, findings: Sequence[Finding]) -> Iterator[Finding]:
        """The findings, the first of those about pods without a node with a change that was tried."""
        tried = 0
        for each in findings:
            if each.family != NO_NODE or each.severity != "error" or tried == _REPAIRED or self.done is None:
                yield each
            elif self.plan is not None:
                tried += 1
                yield repaired(each, self.plan, self.done, self.options)

    def findings(self) -> list[Finding]:
        """All of them, in no order."""
        return list(self._all())

    def _all(self) -> Iterator[Finding]:
        given, options = self.given, self.options
        objects = Objects(given.cluster)
        makers = any(each.code == _CUSTOM for each in given.notices) or bool(
            given.cluster.objects("CustomResourceDefinition")
        )
        yield from of_faults(given.faults)
        yield from of_references(given.cluster, makers=makers)
        yield from of_node_names(given.cluster)
        yield from of_replicas(given.cluster, given.changes)
        done = reconcile(given.cluster, options, self.engine)
        plan = describe(done, options)
        notices = [each for each in (*given.notices, *plan.notices) if each.code not in _SELDOM]
        yield from self._of_services(
            list(of_notices(notices, objects, self.engine.rulebook)), done.cluster, makers=makers
        )
        derived = list(relational(done))
        for each in derived:
            yield _open_world(each) if makers else each
        yield from of_refusals(plan, done)
        yield from of_later_pods(plan, done)
        if not done.cluster.objects("Node"):
            return
        self.plan, self.done = plan, done
        explained = {(each.kind, each.key) for each in derived if each.severity == "error"}
        for each in of_plan(plan, done):
            if each.code != UNWELL or (each.kind, each.key) not in explained:
                yield each
        yield from of_cron_jobs(done, options)
        rolled = list(of_rollouts(done, options, self.rollouts))
        self.stuck = frozenset((each.kind, each.key) for each in rolled)
        yield from rolled

    def _of_services(self, findings: Sequence[Finding], cluster: Cluster, *, makers: bool) -> Iterator[Finding]:
        """The findings; those about Services as far as they hold."""
        wrong = Counter(each.key for each in findings if each.code == NO_PORT and each.kind == "Service")
        for each in findings:
            about = each.kind == "Service" and each.code in (NO_PODS, NO_PORT)
            service = self.given.cluster.get("Service", each.key) if about else None
            if service is None:
                yield each
            elif each.code == NO_PODS:
                if not may_have_pods(cluster, service):
                    yield _open_world(each) if makers or service.namespace == _SYSTEM else each
                elif OWN_ONLY in each.message and not is_at_rest(cluster, service):
                    yield replace(each, severity="warning")  # its namespace may have such pods elsewhere
            elif _DECLARE in each.message and wrong[each.key] < len(service.document["spec"]["ports"]):
                # A container listens where it will: if other ports are right, this one may only lack its declaration.
                yield replace(each, severity="warning")
            else:
                yield each


_SYSTEM = "kube-system"
"""The namespace of pods that belong to the cluster, and are in nobody's manifests."""

_DECLARE = "containers declare"


def _open_world(finding: Finding) -> Finding:
    """The finding as far as it holds where custom resources, which nobody reads here, may make pods."""
    if finding.code not in _NO_PODS or finding.severity != "error":
        return finding
    message = f"{finding.message} (unless the cluster or a custom resource makes such pods)"
    return replace(finding, severity="warning", message=message)


_UNWRITTEN = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"})
"""Metadata that people do not write."""


def _is_changed(before: Cluster, now: Cluster, finding: Finding) -> bool:
    """Whether the object of a finding is new, or was changed by somebody who wrote manifests."""
    old, new = before.get(finding.kind, finding.key), now.get(finding.kind, finding.key)
    if new is None or old is new:
        return False
    return old is None or _written(old) != _written(new)


def _written(obj: Object) -> object:
    """What people write of an object."""
    metadata = dict(obj.document.get("metadata") or {})
    notes = dict(metadata.pop("annotations", None) or {})
    notes.pop("kubectl.kubernetes.io/last-applied-configuration", None)
    meant = {key: value for key, value in metadata.items() if key not in _UNWRITTEN}
    rest = {key: value for key, value in obj.document.items() if key not in ("metadata", "status")}
    return rest, meant, notes


def _each_once(findings: Sequence[Finding]) -> Iterator[Finding]:
    """The findings without repetitions; doubts of reading are left out where more is known of the place."""
    seen: set[tuple[str, str, str]] = set()
    known = {each.location for each in findings if each.location is not None and each.code != "KL191"}
    for each in findings:
        if each.code == "KL191" and each.location in known:
            continue
        if (one := (each.code, each.message, str(each.location))) not in seen:
            seen.add(one)
            yield each
