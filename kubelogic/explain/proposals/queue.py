"""Proposals for pods that the scheduler does not look at."""

from __future__ import annotations

from collections.abc import Iterator

from kubelogic.explain.proposals.case import Candidate, Case, by_app
from kubelogic.explain.proposals.patches import without


def open_gate(case: Case) -> Iterator[Candidate]:
    """Take the gates off."""
    names = ", ".join(str(blocker.witness["Gate"]) for blocker in case.about("pod_gate"))
    what = f"remove the scheduling gate{'s' if ',' in names else ''} {names}"
    yield by_app("gate", 1, what, without("spec", "schedulingGates"))


def default_scheduler(_case: Case) -> Iterator[Candidate]:
    """Leave the pod to the scheduler that is there."""
    yield by_app("scheduler", 3, "leave it to the default scheduler", without("spec", "schedulerName"))
