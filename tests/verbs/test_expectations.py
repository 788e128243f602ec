"""``expect``: what is held against which states, what is told of it, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubelogic.cli import main
from kubelogic.cluster import Cluster, Object
from kubelogic.reconcile.expectations import Amount, Expectation, Watch, measured, told
from kubelogic.text.location import InputError
from kubelogic.verbs.scenario_file import read_scenario

SHOP = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios" / "words" / "shop.yaml"


def pod(name: str, *, ready: bool, **meta: object) -> Object:
    document = {
        "metadata": {"name": name, "namespace": "d", **meta},
        "spec": {},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}]},
    }
    return Object(api_version="v1", kind="Pod", namespace="d", name=name, document=document)


def watched(expectation: Expectation, *seen: tuple[int, bool]) -> Watch:
    watch = Watch(expectation)
    for time, ready in seen:
        watch.see(Cluster.of([pod("p", ready=ready)]), time)
        if expectation.when == "at" and time == expectation.until:
            watch.close()
    return watch


def test_what_the_run_did_not_come_to_was_not_as_expected() -> None:
    found = watched(Expectation(**READY, since=9000, until=9000), (0, True)).result()
    assert not found.held
    assert told(found) == "expected ready of Pod d/p true at 9s: the run ended before"


READY = {"kind": "Pod", "key": "d/p", "measure": "ready"}


@pytest.mark.parametrize(
    ("expectation", "seen", "message"),
    [
        (
            Expectation(**READY, when="always"),
            [(0, False), (5000, True), (9000, True)],
            "ready of Pod d/p true all the time",
        ),
        (
            Expectation(**READY, when="always"),
            [(0, True), (5000, False), (9000, True), (10_000, False), (11_000, True)],
            "expected ready of Pod d/p true all the time: it was false from 5s to 9s, and once more",
        ),
        (
            Expectation(**READY, when="always"),
            [(0, True), (5000, False), (5000, True)],
            "ready of Pod d/p true all the time",
        ),
        (
            Expectation(**READY, when="always", since=1000),
            [(0, False), (1000, False)],
            "expected ready of Pod d/p true all the time from 1s: it was false from 1s on",
        ),
        (
            Expectation(**READY, when="always"),
            [(0, False), (9000, False)],
            "expected ready of Pod d/p true all the time: it never was; the last is false",
        ),
        (
            Expectation(**READY, since=9000, until=9000),
            [(0, False), (5000, True), (9000, True), (10_000, False)],
            "ready of Pod d/p true at 9s, since 5s",
        ),
        (
            Expectation(**READY, since=9000, until=9000),
            [(0, True), (9000, False), (10_000, True)],
            "expected ready of Pod d/p true at 9s: it was false",
        ),
        (
            Expectation(**READY, when="once", until=6000),
            [(0, False), (5000, True), (9000, False)],
            "ready of Pod d/p true at some moment until 6s",
        ),
        (
            Expectation(**READY, when="once", until=6000),
            [(0, False), (9000, True)],
            "expected ready of Pod d/p true at some moment until 6s: it never was; the last is false",
        ),
    ],
)
def test_what_is_told_of_an_expectation(expectation: Expectation, seen: list[tuple[int, bool]], message: str) -> None:
    found = watched(expectation, *seen).result()
    assert told(found) == message
    assert found.held == (not message.startswith("expected"))


@pytest.mark.parametrize(
    ("sign", "wanted", "amount", "holds"),
    [
        (">=", 2, 2, True),
        (">=", 2, 1, False),
        ("<=", 0, None, True),
        (">=", 1, None, False),
        ("!=", 3, 4, True),
        ("==", True, True, True),
        ("==", True, None, False),
        ("==", "n1", "n2", False),
    ],
)
def test_an_amount_is_held_against_what_is_wanted(sign: str, wanted: Amount, amount: Amount, holds: bool) -> None:
    assert Expectation(kind="Pod", key="d/p", measure="pods", sign=sign, wanted=wanted).holds(amount) == holds


def test_pods_that_are_being_deleted_are_not_counted() -> None:
    going = pod("q", ready=True, deletionTimestamp="2026-01-01T00:00:00Z")
    cluster = Cluster.of([pod("p", ready=True), going])
    assert measured(cluster, "", "", "pending") == 1
    assert measured(cluster, "Pod", "d/p", "ready") is True
    assert measured(cluster, "Pod", "d/x", "exists") is False
    assert measured(cluster, "Pod", "d/x", "ready") is None


def play(text: str, tmp_path: Path, *more: str) -> int:
    path = tmp_path / "s.scenario"
    path.write_text(text, encoding="utf-8")
    return main(["simulate", str(SHOP), "--scenario", str(path), "--scheduler", "kube", *more])


EXPECTS = """\
horizon: 5m
steps:
- {always: true, expect: {name: web, ready: {atLeast: 2}}}
- {by: 1m, expect: {name: web, complete: true}}
- {at: 1m, setImage: {name: web, image: "web:2"}}
- {at: 1m, image: {name: "web:2", ready: false}}
- {by: 4m, expect: {name: web, complete: true}}
- {at: end, expect: {name: svc/web, endpoints: ">= 1"}}
- {once: true, from: 1m, expect: {pending: 1}}
"""


def test_a_broken_expectation_names_its_line_and_both_numbers_and_sets_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(EXPECTS, tmp_path) == 1
    out = capsys.readouterr().out
    assert "2 of 5 expectations broken" in out.partition("\n")[0]
    kept, _, broken = out.partition("AS EXPECTED")[2].partition("NOT WELL")
    path = tmp_path / "s.scenario"
    assert f"{path}:3:18: ready of Deployment default/web at least 2 all the time\n" in kept
    assert f"{path}:4:12: complete of Deployment default/web true at 1m, since 0.2s\n" in kept
    assert f"{path}:7:12: expected complete of Deployment default/web true at 4m: it was false\n" in broken
    assert (
        f"{path}:9:26: expected pending of the cluster 1 at some moment from 1m: it never was; the last is 0" in broken
    )


def test_the_document_has_every_expectation_and_the_timeline_can_be_about_one_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "- {at: 10s, expect: {name: web, ready: 3}}\n- {at: 11s, fail: n3}\n"
    play(f"horizon: 12s\nsteps:\n{text}", tmp_path, "--about", "sts/db", "-o", "json")
    document = json.loads(capsys.readouterr().out)
    (found,) = document["expectations"]
    assert (found["held"], found["found"], found["location"]["line"]) == (True, 3, 3)
    assert document["about"] == "StatefulSet default/db"
    pods = {entry["pod"] for entry in document["timeline"] if "pod" in entry}
    assert pods == {"default/db-0", "default/db-1"}
    hosts = {entry["node"] for entry in document["timeline"] if entry["type"] == "BindPod"}
    assert any(entry["type"] == "FailNode" for entry in document["timeline"]) == ("n3" in hosts)


def test_an_object_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert play("horizon: 1s\nsteps: []\n", tmp_path, "--about", "deploy/wbe") == 2
    assert "--about deploy/wbe: there is no Deployment default/wbe; did you mean" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ("{expect: {name: web, ready: 1}}", "expect needs one of at, by, always and once, has none [KL142]"),
        ("{at: 1m, expect: {name: web}}", "steps[0].expect: needs one of ready, pods,"),
        ("{at: 1m, expect: {name: web, endpoints: 1}}", "a Deployment has no endpoints; Service have [KL142]"),
        ("{at: 1m, expect: {ready: 1}}", "steps[0].expect.ready: of what? name is needed [KL120]"),
        ("{at: 1m, expect: {name: web, ready: true}}", "must be a number, or such as {atLeast: 2}, is True [KL110]"),
        ("{at: 1m, expect: {name: web, ready: {above: 1}}}", "must be one of atLeast, atMost, not [KL112]"),
        ("{at: 1m, expect: {name: web, complete: 1}}", "must be true or false, is 1 [KL110]"),
        ("{at: 1m, from: 0, expect: {name: web, ready: 1}}", "steps[0].from: goes with always or once [KL142]"),
        ("{always: false, expect: {name: web, ready: 1}}", "steps[0].always: must be true, or left out [KL110]"),
    ],
)
def test_an_expectation_that_means_nothing_is_refused(step: str, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "s.scenario"
    path.write_text(f"- {step}\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_scenario(str(path))
    text = str(caught.value).replace("[0]", "steps[0]", 1) if "steps[0]" in fault else str(caught.value)
    assert fault in text
