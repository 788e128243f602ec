"""``kubelogic simulate`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubelogic.cli import main

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = ROOT / "fixtures" / "scenarios"
GOLDEN = ROOT / "tests" / "golden" / "scenarios"


@pytest.mark.parametrize(
    ("cluster", "name"),
    [
        ("cluster", "node-down"),
        ("cluster", "stuck-rollout"),
        ("probes", "liveness-fails"),
        ("probes", "bad-readiness"),
        ("probes", "slow-start"),
        ("probes", "job-retries"),
    ],
)
def test_the_text_of_an_example(
    cluster: str, name: str, capsys: pytest.CaptureFixture[str], update_golden: bool
) -> None:
    arguments = [str(SCENARIOS / f"{cluster}.yaml"), "--scenario", str(SCENARIOS / f"{name}.scenario")]
    code = main(["simulate", *arguments, "--scheduler", "kube"])
    out, err = capsys.readouterr()
    golden = GOLDEN / f"{name}.txt"
    if update_golden:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(out)
    assert out == golden.read_text()
    assert err == ""
    assert code == (0 if " not complete" not in out and " pending" not in out else 1)


def test_the_document_has_every_action_with_its_cause(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", str(SCENARIOS / "cluster.yaml"), "--fail", "n1@60s", "--horizon", "2m", "-o", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["kind"] == "Simulation"
    causes = {entry["type"]: entry.get("cause") for entry in document["timeline"]}
    assert causes.pop("FailNode") is None
    assert all(causes[kind] for kind in causes if kind != "BindPod")


def test_times_and_nodes_that_make_no_sense_are_refused_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for event in ("n1@soon", "@30s", "nowhere@30s"):
        assert main(["simulate", str(SCENARIOS / "cluster.yaml"), "--fail", event]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert "Traceback" not in err
        assert err.strip()


def test_horizons_are_seconds_or_durations_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    cluster = str(SCENARIOS / "cluster.yaml")
    assert main(["plan", cluster, "--horizon", "1m30s", "--scheduler", "kube"]) == 0
    first = capsys.readouterr().out
    assert main(["plan", cluster, "--horizon", "90", "--scheduler", "kube"]) == 0
    assert capsys.readouterr().out == first
    with pytest.raises(SystemExit) as refused:
        main(["plan", cluster, "--horizon", "-5"])
    assert refused.value.code == 2
