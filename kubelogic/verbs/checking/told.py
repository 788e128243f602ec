"""Findings out of what reading and planning tell: faults, notices, refusals, pending pods, what is not well."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.owners import owner_with_origin
from kubelogic.explain.blockers import Blocker, worth_telling
from kubelogic.explain.pending import PendingPod
from kubelogic.explain.units import count
from kubelogic.facts.templates import template_path
from kubelogic.logic import Rulebook
from kubelogic.reconcile.times import clock
from kubelogic.text import Location, Notice
from kubelogic.text.location import Fault
from kubelogic.verbs.checking.findings import Finding, advice, place, severities
from kubelogic.verbs.checking.named import LISTED, REFUSED, missed, would_be_here
from kubelogic.verbs.movable import REPACKED
from kubelogic.verbs.reconciled import Options, Reconciled
from kubelogic.verbs.repairs import workload_repairs
from kubelogic.verbs.results import Plan
from kubelogic.verbs.typed import PATHS, quoted

UNWELL, RESTLESS, UNKNOWN = "KL390", "KL391", "KL303"

_MEANT = frozenset({"KL209", "KL213", "KL294"})
"""Codes of pods that wait for something that may well come: a volume, a gate, another scheduler."""

NO_NODE = "no node"
"""The family of findings about pods that get no node, whatever the reason is."""

_FIELDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "KL203": (("tolerations",),),
    "KL204": (("nodeSelector",), ("affinity", "nodeAffinity"), ("affinity",)),
    "KL206": (("containers",),),
    "KL209": (("volumes",),),
    "KL211": (("topologySpreadConstraints",),),
    "KL214": (("resourceClaims",),),
    "KL212": (("affinity", "podAntiAffinity"), ("affinity", "podAffinity")),
}
"""By code of a filter, the fields of a pod's spec that it is about."""


class Objects:
    """The objects of a cluster by where they stand."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._files: Mapping[str, tuple[list[tuple[int, int]], list[Object]]] | None = None

    def at(self, location: Location | None) -> Object | None:
        """The object that a place belongs to."""
        if location is None:
            return None
        if self._files is None:
            self._files = self._by_file()
        starts, objects = self._files.get(location.file, ([], []))
        index = bisect_right(starts, (location.line, location.column)) - 1
        return objects[index] if index >= 0 else None

    def _by_file(self) -> Mapping[str, tuple[list[tuple[int, int]], list[Object]]]:
        """Of each file its objects in the order in which they stand there, and the lines and columns at which they
        start."""
        found: dict[str, list[tuple[int, int, int, Object]]] = defaultdict(list)
        for number, obj in enumerate(self._cluster):
            if obj.origin is not None:
                start = obj.origin.locate(())
                found[start.file].append((start.line, start.column, number, obj))
        return {
            file: ([each[:2] for each in sorted(all_of)], [each[-1] for each in sorted(all_of)])
            for file, all_of in found.items()
        }


def of_faults(faults: Iterable[Fault]) -> Iterator[Finding]:
    """What the API server would refuse, and text that is no manifest."""
    for fault in faults:
        kind, _, key = fault.object.partition(" ")
        who = f"{fault.object}: " if fault.object else ""
        yield Finding(
            code=fault.code,
            severity="error",
            message=who + fault.message,
            kind=kind,
            key=key,
            location=fault.location,
            about=(fault.message,),
            invalid=True,
            excerpt=fault.excerpt,
            caret=fault.caret,
        )


def of_notices(notices: Iterable[Notice], objects: Objects, rulebook: Rulebook) -> Iterator[Finding]:
    """What reading and planning notice."""
    known, helps = severities(rulebook), advice(rulebook)
    for notice in notices:
        obj = objects.at(notice.location)
        yield Finding(
            code=notice.code,
            severity=known.get(notice.code, "note"),
            message=notice.message,
            api_version=obj.api_version if obj is not None else "",
            kind=obj.kind if obj is not None else "",
            key=obj.key if obj is not None else "",
            location=notice.location,
            helps=helps.get(notice.code, ""),
            about=(notice.message,),
            weight=notice.count,
        )


def of_refusals(plan: Plan, done: Reconciled) -> Iterator[Finding]:
    """What the API server does not take if everything is applied; no node is needed to know that."""
    cluster = done.cluster
    for refused in plan.refusals:
        kind, _, key = refused.workload.partition(" ")
        obj = cluster.get(kind, key) or done.before.get(kind, key)
        where = ", ".join(f"{each.object} at {each.location}" for each in refused.remedies if each.location)
        absent = missed(cluster, [each.object for each in refused.remedies])
        are = "is" if refused.missing == 1 else "are"
        yield Finding(
            code=REFUSED,
            severity="error" if absent is None or would_be_here(done.before, absent[0]) else "warning",
            message=(
                f"{refused.owner} is refused: {refused.message}"
                if refused.owner.startswith(f"{refused.kind} ")
                else f"{refused.missing} of {count(refused.wanted, refused.kind)} of {refused.owner} {are} refused: "
                f"{refused.message}"
            )
            + (f" ({where})" if where else ""),
            api_version=obj.api_version if obj is not None else "",
            kind=kind,
            key=key,
            location=refused.location or place(done.before, obj, ("metadata", "name")),
            helps="; ".join([*(each.text for each in refused.remedies), *([LISTED] if absent else [])]),
            about=(*(absent or ()), refused.reason),
            weight=refused.missing,
        )


def of_plan(plan: Plan, done: Reconciled) -> Iterator[Finding]:
    """What else does not come out well if everything is applied."""
    cluster = done.cluster
    yield from _pending(plan, done)
    for (kind, key, reason), messages in _unwell(plan, cluster).items():
        obj = cluster.get(kind, key)
        more = f" ({len(messages)} of its pods)" if len(messages) > 1 else ""
        yield Finding(
            code=UNWELL,
            severity="error",
            message=f"{kind} {key} is not well at the end: {reason}: {messages[0]}{more}",
            api_version=obj.api_version if obj is not None else "",
            kind=kind,
            key=key,
            location=place(cluster, obj, ("metadata", "name")),
            about=(reason,),
            weight=len(messages),
        )
    for each in plan.departures:
        if each.lost and not each.due:
            obj = done.before.get("Pod", each.pod)
            yield Finding(
                code=UNWELL,
                severity="error",
                message=f"Pod {each.pod} is evicted at {clock(each.time)}, {each.why}, and no controller makes another",
                api_version="v1",
                kind="Pod",
                key=each.pod,
                location=place(done.before, obj, ("metadata", "name")),
                about=(each.reason,),
            )
    if plan.cycle:
        kinds = ", ".join(sorted({each.action.type for each in plan.cycle}))
        yield Finding(code=RESTLESS, severity="error", message=f"controllers go round in a loop for ever ({kinds})")


def _unwell(plan: Plan, cluster: Cluster) -> Mapping[tuple[str, str, str], list[str]]:
    """What is not well and was so not before, told of the workload that a person wrote."""
    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for each in plan.troubles:
        if each.new:
            obj = cluster.get(each.kind, each.key)
            top = owner_with_origin(cluster, obj) if obj is not None else None
            who = (top.kind, top.key) if top is not None else (each.kind, each.key)
            found[(*who, each.reason)].append(each.message)
    return found


def _pending(plan: Plan, done: Reconciled) -> Iterator[Finding]:
    groups: dict[str, list[PendingPod]] = defaultdict(list)
    for pod in plan.pending:
        groups[pod.owner].append(pod)
    placed: dict[str, int] = defaultdict(int)
    for each in plan.placements:
        placed[each.owner] += 1
    for owner, pods in sorted(groups.items()):
        yield waiting(owner, pods, placed[owner], done.cluster)


def waiting(owner: str, pods: Sequence[PendingPod], placed: int, cluster: Cluster) -> Finding:
    """The finding that pods of a workload have no node."""
    kind, _, key = owner.partition(" ")
    first = pods[0]
    obj = cluster.get(kind, key)
    (code, reason), severity, how = dominant(first.blockers), "error", ""
    if first.verdict == "unknown":
        code, severity, how = UNKNOWN, "warning", "whether there is one is not known: "
    elif first.verdict == "waiting":
        severity, how = ("warning" if code in _MEANT else "error"), "something else has to come first: "
    lack = "gets no node" if len(pods) == 1 else "get no node"
    part = owner if kind == "Pod" else f"{len(pods)} of {count(len(pods) + placed, 'pod')} of {owner}"
    return Finding(
        code=code,
        severity=severity,  # type: ignore[arg-type] # one of the literals above
        message=f"{part} {lack}: {how}{_because(first, code, reason)}",
        api_version=obj.api_version if obj is not None else "",
        kind=kind,
        key=key,
        location=_asks(cluster, obj, code),
        step=f"kubelogic explain {quoted(first.pod)} {PATHS}",
        family=NO_NODE,
        weight=len(pods),
    )


def _because(pod: PendingPod, code: str, reason: str) -> str:
    """Why a pod has no node: kube-scheduler's words, and the numbers of the reason that holds most often."""
    line = pod.message.partition(". ")[0].rstrip(".")
    mine = [each for each in pod.blockers if (each.code, each.reason) == (code, reason)]
    closest = max(mine, key=lambda each: (int(each.witness.get("Free", 0)), each.detail), default=None)
    if closest is None:
        return line
    return closest.detail if line in closest.detail else f"{line}; {closest.detail}"


def repaired(finding: Finding, plan: Plan, done: Reconciled, options: Options) -> Finding:
    """The finding with the cheapest change that was tried and gives all pods of the workload a node, if there is one.

    Args:
        finding: that pods have no node.
        plan: what it is from.
        done: the run behind it.
        options: how it was reconciled.
    """
    owner = f"{finding.kind} {finding.key}"
    pending = next((each for each in plan.pending if each.owner == owner), None)
    pod = done.cluster.get("Pod", pending.pod) if pending is not None else None
    if pending is None or pod is None:
        return finding
    if len(done.cluster.objects("Pod")) > REPACKED:
        return finding
    for repair in workload_repairs(done, pod, pending.blockers, options, most=1).repairs[:1]:
        return replace(finding, step=repair.summary + (f" ({repair.how})" if repair.how else ""), checked=True)
    return finding


def dominant(blockers: Sequence[Blocker]) -> tuple[str, str]:
    """Code and words of the reason that holds on most nodes; a reason about the pod alone comes first."""
    nodes: dict[tuple[str, str], set[str]] = defaultdict(set)
    for each in worth_telling(blockers):
        nodes[each.code, each.reason].add(each.node)
    ranked = sorted(nodes.items(), key=lambda item: ("" not in item[1], -len(item[1]), item[0]))
    return ranked[0][0] if ranked else (UNKNOWN, "")


def _asks(cluster: Cluster, obj: Object | None, code: str) -> Location | None:
    """The field of a workload that a filter reads, if it is written; else its name."""
    if obj is None or obj.origin is None:
        return place(cluster, obj, ("metadata", "name"))
    try:
        template = template_path(obj.kind)
    except KeyError:
        return place(cluster, obj, ("metadata", "name"))
    for field in _FIELDS.get(code, ()):
        path = (*template, "spec", *field)
        value: object = obj.document
        for step in path:
            value = value.get(step) if isinstance(value, Mapping) else None
        if value:
            return obj.origin.locate(path)
    return place(cluster, obj, ("metadata", "name"))
