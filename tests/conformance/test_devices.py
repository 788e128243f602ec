"""Recorded decisions about pods with devices: nodes, reasons, messages, scores, and the devices that claims get."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kubelogic.explain import message
from kubelogic.explain.filter_verdicts import Verdicts
from kubelogic.placement.check import faults
from kubelogic.placement.kube.examine import Examination, examine
from kubelogic.placement.kube.scheduler import schedule
from tests.support.decisions import Pipeline
from tests.support.device_decisions import DeviceAttempt, device_attempts, ours

Agreement = Callable[[str, str, bool], bool]


def test_nodes_reasons_message_scores_and_devices(device_file: Path, pipeline: Pipeline, agreement: Agreement) -> None:
    area = device_file.stem.split("-")[1] if device_file.stem.startswith("dra-") else "random"
    for attempt in device_attempts(device_file, pipeline):
        recorded = attempt.outcome
        if "pre_enqueue_message" in recorded:
            _waits(attempt, pipeline)
            continue
        assert faults(attempt.problem) == ()
        found = examine(attempt.problem, attempt.pod)
        ours_said = _message(attempt, found, pipeline)
        assert agreement(f"DRA {area}", "message", ours_said == recorded["condition_message"]), ours_said
        if recorded["condition_reason"] == "SchedulerError":
            assert found.refusal.error
            continue
        assert agreement(f"DRA {area}", "feasible", list(found.feasible) == sorted(recorded["feasible_nodes"]))
        if "failed_nodes" in recorded:
            verdict = message.with_devices(Verdicts(pipeline.evaluation).of(attempt.pod), found.refusal)
            said = {node: list(reasons) for node, reasons in verdict.reasons.items()}
            failed = {node: sorted(set(reasons)) for node, reasons in recorded["failed_nodes"].items()}
            assert agreement(f"DRA {area}", "reasons", said == failed), said
        if recorded.get("scores"):
            scores = {row.node: {**row.parts, "total": row.total} for row in found.scores}
            assert agreement(f"DRA {area}", "scores", scores == recorded["scores"]), scores
        if recorded["scheduled"]:
            node = recorded["node"]
            assert agreement(f"DRA {area}", "node", node in found.best)
            given = ours(attempt, node, found.devices.get(node, ()))
            assert agreement(f"DRA {area}", "devices", given == (recorded.get("allocations") or {})), given
            (binding,) = [each for each in schedule(attempt.problem).bindings if each.pod == attempt.pod]
            assert binding.devices == found.devices.get(binding.node, ())
        else:
            nominated = recorded["nominated_node"]
            assert (nominated in found.nominees) if nominated else not found.nominees
            assert [found.refusal.deallocates][: bool(found.refusal.deallocates)] == recorded.get(
                "deallocated_claims", []
            )


def _waits(attempt: DeviceAttempt, pipeline: Pipeline) -> None:
    """The pod is not tried, for the recorded reason where one was seen."""
    rows = sorted(row[1:] for row in pipeline.evaluation.rows("claim_awaited") if row[0] == attempt.pod)
    assert attempt.pod not in {pod.name for pod in attempt.problem.pods}
    assert rows
    if attempt.outcome["pre_enqueue_message"] is not None:
        assert rows[0][2] == attempt.outcome["pre_enqueue_message"]


def _message(attempt: DeviceAttempt, found: Examination, pipeline: Pipeline) -> str | None:
    if found.feasible and not found.refusal.error:
        return None
    verdict = message.with_devices(Verdicts(pipeline.evaluation).of(attempt.pod), found.refusal)
    refusal = None if found.nominees else found.refusal
    return message.line(verdict, refusal, relations=pipeline.evaluation)
