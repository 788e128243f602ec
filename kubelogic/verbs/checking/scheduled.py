"""CronJobs whose pods no node ever takes: a Job of each is made now, and the control loops are run.

Source: ``kubectl create job --from`` of Kubernetes 1.36.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from msgspec.structs import replace

from kubelogic.apiserver import requests
from kubelogic.explain.pending import PendingPod, pending_pods
from kubelogic.reconcile.kubectl_steps import job_of
from kubelogic.reconcile.settle import settle
from kubelogic.verbs.checking.findings import Finding
from kubelogic.verbs.checking.rolled import MOST_PODS, NOT_TRIED, runner
from kubelogic.verbs.checking.told import waiting
from kubelogic.verbs.reconciled import Options, Reconciled

_LONGEST = 60_000
"""Milliseconds of simulated time in which a Job makes its pods, and they are looked at."""


def of_cron_jobs(done: Reconciled, options: Options) -> Iterator[Finding]:
    """The CronJobs that are not suspended and of which a pod would never get a node, however empty the nodes are.

    Args:
        done: the cluster after its controllers have run.
        options: how it was reconciled.
    """
    asked = [
        each
        for _, each in sorted(done.cluster.objects("CronJob").items())
        if not (each.document.get("spec") or {}).get("suspend")
    ]
    if not asked:
        return
    number = len(done.cluster.objects("Pod"))
    if number > MOST_PODS:
        message = f"the Jobs of CronJobs were not simulated: there are {number} pods, more than {MOST_PODS}"
        yield Finding(code=NOT_TRIED, severity="note", message=message)
        return
    with runner(done, options) as runs:
        state = runs.start
        for each in asked:
            name = f"{each.name}-now"
            while state.cluster.get("Job", f"{each.namespace}/{name}") is not None:
                name += "-more"
            state = requests.create(state, job_of(each, name), namespace=each.namespace).state
        state = settle(done.engine.reconciler, state, until=state.now + _LONGEST).state
        found = pending_pods(state, done.rulebook, judge=done.judge, moves=lambda *_: lambda *_: False)
    there = done.cluster.objects("Pod")
    known = {pod.owner for pod in found if pod.pod in there}  # which the plan tells
    by_owner: dict[str, list[PendingPod]] = defaultdict(list)
    for pod in found:
        if pod.verdict == "never":
            by_owner[pod.owner].append(pod)
    for each in asked:
        if (pods := by_owner.get(str(each))) and str(each) not in known:
            told = waiting(str(each), pods, 0, done.cluster)
            why = told.message.partition(": ")[2]
            yield replace(told, message=f"a pod of {each} gets no node when it is due: {why}", step="", weight=1)
