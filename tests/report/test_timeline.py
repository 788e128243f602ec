"""Every action and every event has words, or is left out on purpose; alike things are told together."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.reconcile import (
    actions,
    drains,
    job_actions,
    kubectl_steps,
    machines,
    object_actions,
    scenario,
    troubles,
    world_steps,
)
from kubelogic.reconcile.entries import ENDPOINTS, FAILED, GONE, REPEAT, Entry
from kubelogic.report.style import PLAIN
from kubelogic.report.timeline import QUIET, clock, phrases, timeline

_BASES = {"Action", "ObjectAction", "PodAction", "ContainerAction", "Gathered"}
_BASES |= {"Operation", "ObjectOperation", "NodeOperation", "_Aimed"}
_NEVER_DONE = _BASES | {"CreatePods", "CreateDaemonPod"}
"""Base classes, and what is read as ``CreatePod`` before it is done."""


def named(*modules: Any, base: type) -> set[str]:
    return {
        name
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, base) and value is not base
    } - _NEVER_DONE


def test_every_action_is_told_or_left_out_on_purpose() -> None:
    known = QUIET | {key[0] for key in phrases()}
    assert named(actions, object_actions, job_actions, base=actions.Action) - known == set()


STEPS = (scenario, drains, troubles, kubectl_steps, world_steps, machines)


def test_every_event_is_told() -> None:
    told = {key[0] for key, phrase in phrases().items() if phrase.event}
    assert named(*STEPS, base=scenario.Operation) - told == {"Aimed"}


def test_nothing_is_told_that_cannot_happen() -> None:
    can = named(actions, object_actions, job_actions, base=actions.Action)
    can |= named(*STEPS, base=scenario.Operation)
    assert (QUIET | {key[0] for key in phrases()}) - can == {ENDPOINTS, *FAILED.values(), GONE, REPEAT}


def entry(type_: str, time: int = 0, refused: str = "", /, **arguments: Any) -> Entry:
    return Entry(time=time, type=type_, arguments=arguments, refused=refused)


def lines(*entries: Entry) -> list[str]:
    return [line.strip() for line in timeline(entries, PLAIN)]


def test_a_moment_is_named_once_and_alike_things_come_together() -> None:
    bound = [entry("BindPod", 1000, pod=f"a/p{n}", node="n1", ties=()) for n in range(5)]
    assert lines(entry("CreatePod", 1000, pod="a/p0"), *bound, entry("CreatePod", 1000, pod="a/p1")) == [
        "1s  2 pods are made: a/p0, a/p1",
        "5 pods are bound: a/p0 to n1, a/p1 to n1, a/p2 to n1 and 2 more",
    ]


def test_what_differs_in_what_is_shared_is_told_apart() -> None:
    assert lines(
        entry("DeletePod", pod="a/p", reason="more pods than wanted"),
        entry("DeletePod", pod="a/q", reason="it has an old template"),
    ) == ["0s  pod a/p is deleted: more pods than wanted", "pod a/q is deleted: it has an old template"]


def test_refusals_are_told_one_by_one_with_the_reason() -> None:
    drains = [entry("Drain", 60_000, "a budget forbids it", node=node) for node in ("n1", "n2")]
    assert lines(*drains) == [
        "1m  node n1 is drained - refused: a budget forbids it",
        "node n2 is drained - refused: a budget forbids it",
    ]


def test_conditions_have_their_own_words_and_unknown_ones_plain_words() -> None:
    condition = {"kind": "Deployment", "key": "a/web", "condition": "Progressing", "message": ""}
    assert lines(entry("SetCondition", **condition, status="True", reason="ReplicaSetUpdated")) == []
    assert lines(entry("SetCondition", **condition, status="False", reason="ProgressDeadlineExceeded")) == [
        "0s  the rollout of Deployment a/web misses its deadline"
    ]
    other = {
        "kind": "Widget",
        "key": "a/w",
        "condition": "Shiny",
        "status": "True",
        "reason": "Polished",
        "message": "",
    }
    assert lines(entry("SetCondition", **other)) == ["0s  Widget a/w: Shiny is True (Polished)"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"pull": False, "exit_after": None, "exit_code": 0},
            "0s  containers of a:1 behave differently: it cannot be pulled",
        ),
        (
            {"pull": None, "exit_after": 500, "exit_code": 3},
            "0s  containers of a:1 behave differently: they end 0.5s after each start with exit code 3",
        ),
    ],
)
def test_behaviour_names_what_changes(arguments: dict[str, Any], text: str) -> None:
    assert lines(entry("Behave", image="a:1", **arguments)) == [text]


def test_braces_in_arguments_are_no_format() -> None:
    assert lines(entry("DeletePod", pod="a/{n}", reason="{0}")) == ["0s  pod a/{n} is deleted: {0}"]


@pytest.mark.parametrize(("time", "text"), [(0, "0s"), (1_200, "1.2s"), (600_000, "10m"), (7_384_000, "2h3m4s")])
def test_times_read_as_durations(time: int, text: str) -> None:
    assert clock(time) == text
