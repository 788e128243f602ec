"""Recorded pods that got no node, explained: all blockers, a conflict of needed members, and repairs that work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from kubelogic.api import explain, load, plan
from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.reconcile.schedulers import OptimalScheduler
from kubelogic.verbs.explain import Explanation
from kubelogic.verbs.reconciled import Options
from kubelogic.verbs.repairs import applied
from tests.conformance.conftest import FIXTURES
from tests.support.cores import faults_of
from tests.support.decisions import Attempt, Pipeline, attempts, read_case

KUBE = replace(Options(), scheduler="kube")

FEW = (
    "interpodaffinity-affinity-namespace-selector-excludes-own",
    "interpodaffinity-sequence-first-of-group",
    "nodeaffinity-greater-value-no-integer",
    "podtopologyspread-taints-policy-default",
    "schedulinggates-gate-on-impossible-pod",
    "volumezone-two-volumes-two-zones",
)


@pytest.mark.parametrize("name", FEW)
def test_some_pods_that_got_no_node(name: str, pipeline: Pipeline) -> None:
    explained = list(_explained(FIXTURES / "scheduling" / f"{name}.json", pipeline))
    assert explained
    assert [fault for attempt, found in explained for fault in _faults(attempt, found)] == []


@pytest.mark.slow
def test_pods_that_got_no_node(rejection_file: Path, pipeline: Pipeline) -> None:
    """A pod that a preemption helps has its node in the end: of it nothing is left to explain."""
    for attempt, found in _explained(rejection_file, pipeline):
        assert list(_faults(attempt, found)) == []


def _explained(path: Path, pipeline: Pipeline) -> Iterator[tuple[Attempt, Explanation]]:
    for attempt in attempts(read_case(path), pipeline):
        if attempt.outcome["scheduled"] or not attempt.tried or attempt.outcome.get("bypassed_scheduler"):
            continue
        yield attempt, explain(_cluster(attempt), attempt.pod)


def _cluster(attempt: Attempt) -> Cluster:
    return load([dict(document) for document in attempt.documents])


def _faults(attempt: Attempt, found: Explanation) -> Iterator[str]:
    if found.verdict == "placed":
        if not _node(plan(_cluster(attempt), KUBE).cluster, attempt.pod):
            yield f"{attempt.pod}: kube-scheduler leaves it pending"
        return
    if found.verdict == "unknown":
        if found.nodes and not found.lacking.notices:
            yield f"{attempt.pod}: unknown, and nothing says what the input lacks"
        return
    gone = {each.node for each in plan(_cluster(attempt)).gone}
    for node, reasons in sorted(attempt.outcome.get("failed_nodes", {}).items()):
        if node in gone:  # Taints have evicted pods since, so that there is more room than when that was recorded.
            continue
        ours = {blocker.reason for blocker in found.blockers if blocker.node in (node, "")}
        if missing := sorted(set(reasons) - ours):
            yield f"{attempt.pod} on {node}: {missing} is not among {sorted(ours)}"
    yield from _conflict_faults(attempt, found)
    yield from _repair_faults(attempt, found)


def _conflict_faults(attempt: Attempt, found: Explanation) -> Iterator[str]:
    """What a pod waits for, or else a conflict; of that the part that is the solver's is checked."""
    if found.verdict == "waiting":
        if not found.waits_for:
            yield f"{attempt.pod}: nothing says what it waits for"
        return
    if not found.conflict:
        yield f"{attempt.pod}: no conflict"
    judge = OptimalScheduler()
    placement = judge.place(attempt.problem)
    for shape in {entry.shape for entry in placement.unplaced if entry.pod == attempt.pod}:
        conflict = judge.conflict(attempt.problem, placement, shape)
        if conflict is None:
            yield f"{attempt.pod}: the solver names no conflict"
        else:
            if not conflict.minimal:
                yield f"{attempt.pod}: not every member of the conflict is shown to be needed"
            yield from (f"{attempt.pod}: {fault}" for fault in faults_of(attempt.problem, conflict))


def _repair_faults(attempt: Attempt, found: Explanation) -> Iterator[str]:
    if not found.repairs:
        yield f"{attempt.pod}: no repair"
    for repair in found.repairs:
        changed = applied(State.of(_cluster(attempt)), repair.changes, strict=False)
        if not isinstance(changed, State):
            yield f"{attempt.pod}: {repair.summary}: refused: {changed}"
        elif not _node(plan(changed.cluster, KUBE).cluster, attempt.pod):
            yield f"{attempt.pod}: {repair.summary}: it gets no node"


def _node(cluster: Cluster, key: str) -> str:
    pod = cluster.get("Pod", key)
    return "" if pod is None else str((pod.document.get("spec") or {}).get("nodeName") or "")
