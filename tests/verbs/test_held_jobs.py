"""CronJobs that start nothing while a Job runs, and Jobs that have ended, are told as what they are."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.api import load
from kubelogic.report.about import render_about
from kubelogic.verbs.about import WorkloadExplanation, explain_any
from tests.explain.small import node

BEGUN = "2026-05-01T09:05:00Z"
ENDED = "2026-05-01T10:59:00Z"
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
        DUE,
        RUNS,
    )
    assert "Its schedule\n  - Job nightly-1 has not ended" in render_about(found)


DUE = 'its schedule "*/5 * * * *" is due next at 2026-05-01T11:05:00Z'
RUNS = "its last Job is nightly-1: it has not ended; kubelogic explain job/nightly-1 -n default tells more"
NOW = "2026-05-01T11:00:00Z"


def _ended(how: str) -> dict[str, Any]:
    condition = {"type": how, "status": "True", "reason": "Why", "message": "m", "lastTransitionTime": ENDED}
    return _job(status={"startTime": BEGUN, "completionTime": ENDED, "conditions": [condition]})


@pytest.mark.parametrize(
    ("policy", "means"),
    [
        ("Allow", "the next one starts beside it all the same"),
        ("Forbid", "the next one does not start before it has ended"),
        ("Replace", "the next one takes its place: it is deleted when that is due"),
    ],
)
def test_what_the_policy_means_while_a_job_runs(policy: str, means: str) -> None:
    said = f"Job nightly-1 has not ended: with concurrencyPolicy {policy} {means}"
    assert _explained("cronjob/nightly", _cron(policy, last=NOW), _job()).schedule == (DUE, said, RUNS)


@pytest.mark.parametrize(
    ("jobs", "status", "said"),
    [
        ((_ended("Failed"),), {}, f"it has failed: Why (at {ENDED});"),
        ((_ended("Complete"),), {}, f"it is complete (at {ENDED}); kubelogic explain job/nightly-1"),
        ((_ended("Failed"),), {"lastSuccessfulTime": BEGUN}, f"(at {ENDED}); one succeeded last at {BEGUN};"),
        ((_job("nightly-0", "u-0"), _ended("Failed")), {}, "its last Job is nightly-1: it has failed"),
        ((), {}, f"its last Job, that of {NOW}, is not in the input"),
    ],
)
def test_how_the_last_job_ended(jobs: tuple[dict[str, Any], ...], status: dict[str, Any], said: str) -> None:
    cron = _cron("Allow", last=NOW)
    cron["status"] = {**cron["status"], "active": [], **status}
    found = _explained("cronjob/nightly", cron, *jobs)
    assert [each for each in found.schedule if said in each] == [found.schedule[-1]]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"concurrencyPolicy": "Forbid"}, "no Job of it runs, so that concurrencyPolicy Forbid changes nothing now"),
        (
            {"startingDeadlineSeconds": 5},
            "CronJob default/nightly may make no Job: it may start 5 s late at most, and its controller looks every "
            "10 s. [KL318]",
        ),
        ({"suspend": True}, "it is suspended (spec.suspend), and makes none before that is taken away"),
        ({"schedule": "0 2 30 2 *"}, 'its schedule "0 2 30 2 *" is never due: it names a day that does not come'),
    ],
)
def test_what_the_fields_of_a_cron_job_mean_now(spec: dict[str, Any], said: str) -> None:
    plain = {**_cron("Allow", last=NOW), "status": {"lastScheduleTime": NOW}}
    found = _explained("cronjob/nightly", {**plain, "spec": {**plain["spec"], **spec}})
    assert sum(each.startswith(said) for each in found.schedule) == 1
    assert not any(each.startswith(said) for each in _explained("cronjob/nightly", plain).schedule)


@pytest.mark.parametrize(
    ("condition", "reason", "spec", "said"),
    [
        ("Complete", "CompletionsReached", {}, (f"it is complete (at {ENDED})", "succeeded: 0 of 1; failed: 2")),
        (
            "Failed",
            "BackoffLimitExceeded",
            {"backoffLimit": 1},
            (
                f"it has failed: BackoffLimitExceeded (at {ENDED})",
                "succeeded: 0 of 1; failed: 2",
                "backoffLimit is 1: more pods failed, or containers were started again more often, than that; no other "
                "pod is made",
                "CronJob nightly made it, and makes others as its own spec says",
                "kubectl delete job nightly-1 -n default, and make it anew: a Job that has ended starts no pod again; "
                "more tries: a larger backoffLimit",
            ),
        ),
        (
            "Failed",
            "DeadlineExceeded",
            {"activeDeadlineSeconds": 60, "ttlSecondsAfterFinished": 9000},
            (
                f"it has failed: DeadlineExceeded (at {ENDED})",
                "succeeded: 0 of 1; failed: 2",
                "ttlSecondsAfterFinished is 9000: so long after its end it is deleted",
                "activeDeadlineSeconds is 60: it took longer than that, waiting for nodes and images included, and its "
                "pods were ended",
                "CronJob nightly made it, and makes others as its own spec says",
                "kubectl delete job nightly-1 -n default, and make it anew: a Job that has ended starts no pod again; "
                "more time: a larger activeDeadlineSeconds, or none",
            ),
        ),
    ],
)
def test_a_job_that_has_ended_says_how(
    condition: str, reason: str, spec: dict[str, Any], said: tuple[str, ...]
) -> None:
    ended = {"type": condition, "status": "True", "reason": reason, "message": "m", "lastTransitionTime": ENDED}
    job = _job(status={"startTime": BEGUN, "failed": 2, "completionTime": ENDED, "conditions": [ended]})
    job["spec"] |= spec
    found = _explained("job/nightly-1", job)
    assert found.finished == said
    assert found.without_pods == ()
    assert [each.reason for each in found.unwell] == ([reason] if condition == "Failed" else [])
    text = render_about(found)
    assert ("NOT WELL" in text) is (condition == "Failed")
    assert text.startswith(f"Job default/nightly-1: {said[0]}.\n  - {said[1]}")
    assert "has no pods here" not in text


def test_of_a_job_that_comes_to_its_limit_the_pods_are_told() -> None:
    job = _job()
    job["spec"]["backoffLimit"] = 0
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "nightly-1-x",
            **NAMED,
            "uid": "u-x",
            "finalizers": ["batch.kubernetes.io/job-tracking"],
            "labels": job["spec"]["template"]["metadata"]["labels"],
            "ownerReferences": [
                {"apiVersion": "batch/v1", "kind": "Job", "name": "nightly-1", "uid": "u-1", "controller": True}
            ],
        },
        "spec": {**TEMPLATE["spec"], "nodeName": "oak"},
        "status": {
            "phase": "Failed",
            "containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": 3, "reason": "Error"}}}],
        },
    }
    found = _explained("job/nightly-1", job, pod)
    assert "pod nightly-1-x on oak: Failed: container c ended with exit code 3 (Error)" in found.finished
    assert "kubectl logs nightly-1-x -n default shows what its containers said" in found.finished
