"""Indexed Jobs that are made smaller and larger while they run.

Source: indexed_job_utils.go, parseIndexesFromString.
"""

from __future__ import annotations

from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.engine import reconciler
from tests.support.lab import Lab, workload

TICKER = reconciler(load_rulebook(), scheduler="kube")
INDEX = "batch.kubernetes.io/job-completion-index"


def render() -> Lab:
    lab = Lab(TICKER)
    lab.create(workload("Job", "render", completionMode="Indexed", completions=3, parallelism=3))
    lab.wait(5)
    return lab


def pods(lab: Lab, index: int) -> list[str]:
    """The pods of an index that run or have ended."""
    return [
        pod.name
        for pod in lab.of("Pod", "Job/render")
        if pod.document["metadata"]["annotations"][INDEX] == str(index)
        and not pod.document["metadata"].get("deletionTimestamp")
    ]


def resize(lab: Lab, size: int) -> None:
    lab.patch("Job", "render", {"spec": {"completions": size, "parallelism": size}})
    lab.wait(10)


def test_an_index_that_succeeded_beyond_the_completions_is_forgotten_and_runs_again() -> None:
    lab = render()
    (done,) = pods(lab, 2)
    lab.finish(done)
    lab.wait(5)
    assert lab.status("Job", "render")["completedIndexes"] == "2"
    resize(lab, 2)
    assert "completedIndexes" not in lab.status("Job", "render")
    assert "succeeded" not in lab.status("Job", "render")
    resize(lab, 3)
    assert len(pods(lab, 2)) == 2


def test_an_index_below_the_completions_is_kept() -> None:
    lab = render()
    for index in (0, 2):
        lab.finish(*pods(lab, index))
    lab.wait(5)
    resize(lab, 2)
    assert lab.status("Job", "render")["completedIndexes"] == "0"
    resize(lab, 3)
    assert [len(pods(lab, index)) for index in range(3)] == [1, 1, 2]


def test_running_pods_beyond_the_completions_are_deleted() -> None:
    lab = render()
    resize(lab, 1)
    assert [len(pods(lab, index)) for index in range(3)] == [1, 0, 0]


def test_a_job_that_has_all_it_wants_after_it_was_made_smaller_completes() -> None:
    lab = render()
    for index in (0, 1):
        lab.finish(*pods(lab, index))
    lab.wait(5)
    resize(lab, 2)
    assert lab.conditions("Job", "render")["Complete"] == "True/CompletionsReached"
