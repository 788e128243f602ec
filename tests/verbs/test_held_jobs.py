"""CronJobs that start nothing while a Job runs, and Jobs that have ended, are told as what they are."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.api import load
from kubelogic.report.about import render_about
from kubelogic.verbs.about import WorkloadExplanation, explain_any
from tests.explain.small import node

BEGUN = "2026-05-01T09:05:00Z"
NAMED = {"namespace": "default", "creationTimestamp": BEGUN}
TEMPLATE = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i:1"}]}}


def _cron(policy: str, *, last: str = BEGUN) -> dict[str, Any]:
    active = {"apiVersion": "batch/v1", "kind": "Job", "namespace": "default", "name": "nightly-1", "uid": "u-1"}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "nightly", "uid": "u-nightly", **NAMED},
        "spec": {
            "schedule": "*/5 * * * *",
            "concurrencyPolicy": policy,
            "jobTemplate": {"spec": {"template": TEMPLATE}},
        },
        "status": {"lastScheduleTime": last, "active": [active]},
    }


def _job(name: str = "nightly-1", uid: str = "u-1", **rest: Any) -> dict[str, Any]:
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "u-nightly", "controller": True}
    labels = {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "uid": uid, **NAMED, "ownerReferences": [owner]},
        "spec": {
            "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}},
            "template": {"metadata": {"labels": labels}, **TEMPLATE},
        },
        "status": {"active": 1, "startTime": BEGUN},
        **rest,
    }


def _node() -> dict[str, Any]:
    made = node("oak")
    made["status"]["conditions"] = [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-05-01T11:00:00Z"}]
    return made


def _explained(what: str, *objects: dict[str, Any]) -> WorkloadExplanation:
    found = explain_any(load([_node(), *objects]), what)
    assert isinstance(found, WorkloadExplanation)
    return found


def test_a_job_that_runs_on_keeps_the_next_one_from_starting() -> None:
    found = _explained("cronjob/nightly", _cron("Forbid"), _job())
    assert found.schedule == (
        "Job nightly-1 has not ended, and with concurrencyPolicy Forbid no other starts before: the one of "
        "2026-05-01T11:00:00Z did not",
        "kubectl delete job nightly-1 -n default ends it; activeDeadlineSeconds in spec.jobTemplate.spec ends the next "
        "ones in time",
    )
    assert "Its schedule\n  - Job nightly-1 has not ended" in render_about(found)


@pytest.mark.parametrize(("policy", "last"), [("Allow", BEGUN), ("Replace", BEGUN), ("Forbid", "2026-05-01T11:00:00Z")])
def test_one_that_keeps_nothing_from_starting_is_not_told(policy: str, last: str) -> None:
    assert _explained("cronjob/nightly", _cron(policy, last=last), _job()).schedule == ()


@pytest.mark.parametrize(
    ("condition", "said"),
    [("Failed", "it has failed: BackoffLimitExceeded"), ("Complete", "it is complete")],
)
def test_a_job_that_has_ended_says_how(condition: str, said: str) -> None:
    ended = {"type": condition, "status": "True", "reason": "BackoffLimitExceeded", "message": "m"}
    found = _explained("job/nightly-1", _job(status={"startTime": BEGUN, "conditions": [ended]}))
    assert found.without_pods == (said,)
    assert [each.reason for each in found.unwell] == (["BackoffLimitExceeded"] if condition == "Failed" else [])
    assert ("NOT WELL" in render_about(found)) is (condition == "Failed")
