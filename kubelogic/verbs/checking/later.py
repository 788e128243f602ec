"""Pods that are made only later, by a CronJob or a workload that rests: whether the API server would take them."""

from __future__ import annotations

from collections.abc import Iterator

from kubelogic.apiserver import requests
from kubelogic.apiserver.answers import Status
from kubelogic.cluster import Object
from kubelogic.cluster.owners import Workloads
from kubelogic.cluster.pods import controller_reference
from kubelogic.verbs.checking.findings import Finding, place
from kubelogic.verbs.checking.named import LISTED, REFUSED, missed, would_be_here
from kubelogic.verbs.missing import MAKERS
from kubelogic.verbs.probe import admitted
from kubelogic.verbs.reconciled import Reconciled
from kubelogic.verbs.results import Plan


def of_later_pods(plan: Plan, done: Reconciled) -> Iterator[Finding]:
    """The workloads that have no pod at the end and of which the API server would refuse one.

    A quota that is used up now may be free then, and is not told.

    Args:
        plan: what became of the cluster; whose pods it tells to be refused already is not looked at.
        done: the run.
    """
    of = Workloads(done.cluster).of
    seen = {of(pod) for pod in done.cluster.objects("Pod").values()}
    seen.update(name for each in plan.refusals for name in (each.owner, each.workload))
    for kind in MAKERS:
        for _, each in sorted(done.cluster.objects(kind).items()):
            if str(each) in seen or controller_reference(each) or _has_ended(each):
                continue
            answer = admitted(requests.trial(done.run.state), each).refusal
            if answer is not None and not _is_used_up(answer):
                yield _finding(done, each, answer)


def _finding(done: Reconciled, obj: Object, answer: Status) -> Finding:
    found = [(each, done.cluster.get(each.kind, each.key)) for each in answer.obstacles]
    places = [f"{other} at {where}" for each, other in found if other and (where := other.place(each.path))]
    absent = missed(done.cluster, [f"{each.kind} {each.key}" for each in answer.obstacles])
    sure = absent is None or would_be_here(done.before, absent[0])
    due = obj.kind == "CronJob" and not (obj.document.get("spec") or {}).get("suspend")
    return Finding(
        code=REFUSED,
        severity="error" if due and sure else "warning",
        message=f"a pod of {obj} will be refused when it is made: {answer.message}"
        + (f" ({', '.join(places)})" if places else ""),
        api_version=obj.api_version,
        kind=obj.kind,
        key=obj.key,
        location=place(done.before, obj, ("metadata", "name")),
        helps="; ".join([*(each.remedy for each in answer.obstacles), *([LISTED] if absent else [])]),
        about=(*(absent or ()), "later"),
    )


def _is_used_up(answer: Status) -> bool:
    """Whether all that refuses is what others use of a quota now."""
    used_up = [
        each.kind == "ResourceQuota" and each.path[:2] == ("spec", "hard") and each.path[2:]
        for each in answer.obstacles
    ]
    return bool(used_up) and all(used_up)


def _has_ended(obj: Object) -> bool:
    conditions = (obj.document.get("status") or {}).get("conditions") or ()
    return any(each.get("type") in ("Complete", "Failed") and each.get("status") == "True" for each in conditions)
