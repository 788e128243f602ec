"""What the filter rules derive against recorded decisions: feasible nodes, each node's reasons, the whole message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kubelogic.cluster import Cluster
from kubelogic.cluster.objects import as_object
from kubelogic.explain import events, message
from kubelogic.explain.filter_verdicts import Verdict, Verdicts
from kubelogic.placement.kube.examine import examine
from kubelogic.placement.kube.sampling import wanted
from kubelogic.reconcile.schedulers import shares_of
from tests.support.decisions import Attempt, Pipeline, attempts, read_case


def test_feasible_nodes_reasons_and_message(
    decision_file: Path, pipeline: Pipeline, agreement: Callable[[str, str, bool], bool]
) -> None:
    case = read_case(decision_file)
    relations = pipeline.evaluation
    for attempt in attempts(case, pipeline):
        recorded = attempt.outcome
        if recorded.get("bypassed_scheduler"):
            assert not relations.matching("pod_pending", {0: attempt.pod})
            continue
        if not attempt.tried:
            assert relations.matching("pod_scheduler", {0: attempt.pod})
            assert not relations.matching("pod_pending", {0: attempt.pod})
            continue
        found = Verdicts(relations).of(attempt.pod)
        ours = _message(attempt, found, pipeline)
        agreement(case.area, "message", ours == recorded["condition_message"])
        assert ours == recorded["condition_message"]
        if found.gated:
            assert recorded["condition_reason"] == "SchedulingGated"
            continue
        nodes = {str(row[0]) for row in relations.rows("node")}
        if "feasible_node_count" in recorded:
            (share,) = shares_of(Cluster.of(as_object(document) for document in attempt.documents))
            sought = min(wanted(len(nodes), share), len(nodes - found.reasons.keys()))
            assert agreement(case.area, "derived", sought == recorded["feasible_node_count"])
            continue
        feasible = sorted(nodes - found.reasons.keys())
        agreement(case.area, "derived", feasible == sorted(recorded["feasible_nodes"]))
        assert feasible == sorted(recorded["feasible_nodes"])
        (shape,) = (row[1] for row in relations.matching("pod_shape", {0: attempt.pod}))
        if not relations.matching("pod_pinned", {0: attempt.pod}) and not relations.matching("unfiltered", {0: shape}):
            assert feasible == sorted(str(row[1]) for row in relations.matching("feasible", {0: shape}))
        if "failed_nodes" in recorded:
            failed = {node: sorted(set(reasons)) for node, reasons in recorded["failed_nodes"].items()}
            derived = {node: list(reasons) for node, reasons in found.reasons.items()}
            agreement(case.area, "reasons", derived == failed)
            assert derived == failed


def _message(attempt: Attempt, found: Verdict, pipeline: Pipeline) -> str | None:
    """The line that we would print; none for a pod that has a feasible node."""
    if found.gated or not found.nodes:
        return message.line(found)
    if len(found.reasons) < found.nodes:
        return None
    examined = examine(attempt.problem, attempt.pod)
    refusal = None if examined.nominees else examined.refusal
    return message.line(found, refusal, relations=pipeline.evaluation)


def test_recorded_messages_can_be_read_back(rejection_file: Path) -> None:
    """Pasting a line gives the counts that it states; they add up to the nodes that it speaks of, or more."""
    for outcome in read_case(rejection_file).outcomes:
        text = outcome["condition_message"]
        if text is None or not text.startswith("0/"):
            continue
        read = events.read(text)
        assert read is not None
        assert read.nodes == int(text[2 : text.index(" ")].split("/")[0])
        if read.everywhere:
            assert f"available: {read.everywhere}. not found" in text
            continue
        assert sum(read.counts.values()) >= read.nodes
        assert all(f"{count} {words}" in text for words, count in {**read.counts, **read.preemption}.items())
        failed = outcome.get("failed_nodes", {})
        if failed:
            assert read.counts == _histogram(failed)


def _histogram(failed: dict[str, list[str]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reasons in failed.values():
        for reason in reasons:
            counts[reason] = counts.get(reason, 0) + 1
    return counts
