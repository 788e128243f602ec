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
    cluster: str,
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    update_golden: bool,
) -> None:
    monkeypatch.chdir(ROOT)
    folder = SCENARIOS.relative_to(ROOT)
    arguments = [str(folder / f"{cluster}.yaml"), "--scenario", str(folder / f"{name}.scenario")]
    code = main(["simulate", *arguments, "--scheduler", "kube"])
    out, err = capsys.readouterr()
    golden = GOLDEN / f"{name}.txt"
    if update_golden:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(out)
    assert out == golden.read_text()
    assert err == ""
    assert code == (0 if " not complete" not in out and " pending" not in out else 1)


GATED = """
apiVersion: v1
kind: Node
metadata: {name: n1}
status:
  allocatable: {cpu: "4", memory: 8Gi, pods: "110"}
  declaredFeatures: [RestartAllContainersOnContainerExits]
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  readinessGates: [{conditionType: example.com/lb}]
  containers:
  - name: c
    image: c:1
    lifecycle: {preStop: {exec: {command: [sleep, "5"]}}}
    restartPolicy: Never
    restartPolicyRules: [{action: RestartAllContainers, exitCodes: {operator: In, values: [9]}}]
"""

CRASH = """
horizon: 5m
steps:
- {at: 10s, condition: {kind: Pod, name: p, type: example.com/lb}}
- {at: 0, image: {name: "c:1", exitAfter: 2s, exitCode: 9}}
"""


def test_a_crash_loop_is_told_with_its_back_off_and_what_is_not_modelled_is_noticed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "p.yaml").write_text(GATED, encoding="utf-8")
    (tmp_path / "crash.scenario").write_text(CRASH, encoding="utf-8")
    arguments = ["simulate", str(tmp_path / "p.yaml"), "--scenario", str(tmp_path / "crash.scenario")]
    assert main(arguments) == 1, "a container in back-off is not well"
    verdict, _, rest = capsys.readouterr().out.partition("\n")
    assert verdict == (
        "Up to the horizon, the last thing happens at 2m42.2s; more may happen at 5m22.2s: "
        "1 pod placed, 1 container in back-off."
    )
    assert "      10s  for Pod default/p, the condition example.com/lb of a readiness gate is True\n" in rest
    assert "container c of default/p waits in CrashLoopBackOff, back-off 2m40s restarting failed container" in rest
    assert "  container c of default/p: restarted 5 times, ended last with exit code 9, waits (CrashLoopBackOff" in rest
    assert [code for code in ("KL281", "KL282", "KL283") if f"[{code}]" not in rest] == []
    assert main([*arguments, "-o", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["nextAt"] == 322.2
    assert document["restarts"] == [
        {
            "pod": "default/p",
            "container": "c",
            "restarts": 5,
            "exitCode": 9,
            "cause": "",
            "waiting": "CrashLoopBackOff",
            "message": "back-off 2m40s restarting failed container",
        }
    ]


def test_a_loop_is_told_with_its_period(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(GATED, encoding="utf-8")
    (tmp_path / "crash.scenario").write_text(CRASH.replace("horizon: 5m\n", ""), encoding="utf-8")
    assert main(["simulate", str(tmp_path / "p.yaml"), "--scenario", str(tmp_path / "crash.scenario")]) == 1
    out = capsys.readouterr().out
    assert out.startswith("The cluster never settles")
    assert "\nFOR EVER, every 5m2s\n" in out


def test_the_document_has_every_action_with_its_cause(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", str(SCENARIOS / "cluster.yaml"), "--fail", "n1@60s", "--horizon", "2m", "-o", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["kind"] == "Simulation"
    causes = {entry["type"]: entry.get("cause") for entry in document["timeline"]}
    assert causes.pop("FailNode") is None
    assert all(causes[kind] for kind in causes if kind not in ("BindPod", "Endpoints"))


def test_times_and_nodes_that_make_no_sense_are_refused_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for event in ("n1@soon", "n1@", "@30s", "nowhere@30s"):
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


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("0001-01-01T00:00Z", "'0001-01-01T00:00Z' is before 1970, where the clock begins"),
        ("soon", "'soon' is no moment such as 2026-11-01T08:00Z"),
    ],
)
def test_a_clock_that_cannot_start_so(moment: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "fixtures/shop", "--start", moment])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
