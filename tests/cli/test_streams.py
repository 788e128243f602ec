"""The three standard streams as they may be: closed, full, gone, in other encodings; Ctrl-C; arguments of any kind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kubelogic import cli
from kubelogic.cli import main, streams

ROOT = Path(__file__).resolve().parents[2]
LONG = "ip-10-3-{}-7.eu-central-9.compute.example.internal"
CLUSTER = (
    "".join(
        f"""
apiVersion: v1
kind: Node
metadata: {{name: {LONG.format(number)}}}
spec: {{unschedulable: {"true" if number == 2 else "false"}}}
status:
  allocatable: {{cpu: "4", memory: 8Gi, pods: "110"}}
  conditions: [{{type: Ready, status: "{"False" if number == 3 else "True"}"}}]
---"""
        for number in range(4)
    )
    + """
apiVersion: v1
kind: Pod
metadata: {name: archive-of-the-year-before-last, namespace: production}
spec:
  containers: [{name: c, image: "app:1", resources: {requests: {cpu: "9"}}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: recommendation-engine-for-returning-visitors, namespace: production}
spec:
  replicas: 4
  selector: {matchLabels: {app: rec}}
  template:
    metadata: {labels: {app: rec}}
    spec: {containers: [{name: c, image: "app:1", resources: {requests: {cpu: "1"}}}]}
"""
)


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    path = tmp_path / "c.yaml"
    path.write_text(CLUSTER, encoding="utf-8")
    return str(path)


def run(*arguments: str, shell: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command as a process, with what a shell does to its streams."""
    command = [sys.executable, "-m", "kubelogic", *arguments]
    if shell:
        command = ["bash", "-c", f'"$@" {shell}', "-", *command]
    return subprocess.run(
        command,
        capture_output=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


@pytest.mark.parametrize("width", [80, 120])
def test_a_plan_fits_the_terminal(
    width: int, manifest: str, update_golden: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.chdir(Path(manifest).parent)
    assert main(["plan", Path(manifest).name]) == 1
    printed = capsys.readouterr().out
    golden = ROOT / "tests" / "golden" / "terminal" / f"plan-{width}.txt"
    if update_golden:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(printed, encoding="utf-8")
    assert printed == golden.read_text(encoding="utf-8")
    assert all(len(line) <= width for line in printed.split("\n"))
    assert "SchedulingDisabled" in printed
    assert "NotReady" in printed


def test_nothing_is_broken_where_there_is_no_terminal(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["plan", manifest])
    assert max(map(len, capsys.readouterr().out.split("\n"))) > 120


def test_escape_sequences_of_the_input_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(
        CLUSTER.replace("spec:\n  containers", 'spec:\n  schedulerName: "x\\e[2J\\u202e\\x9b"\n  containers')
    )
    main(["plan", str(path)])
    out = capsys.readouterr().out
    assert "x^[[2J\\u202e\\x9b" in out
    assert "\033" not in out
    main(["plan", str(path), "-o", "json"])
    assert "x\033[2J\u202e\x9b" in json.dumps(json.loads(capsys.readouterr().out), ensure_ascii=False).replace(
        "\\u001b", "\033"
    )
    assert main(["plan", "no\033[2Jfile"]) == 2
    assert "no^[[2Jfile" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["plan", "x", "--scheduler", "a\033[2J"])
    assert "\033" not in capsys.readouterr().err


def test_ascii_and_closed_and_full_streams(manifest: str) -> None:
    drawn = run(
        "why", "rejects_fit('production/archive-of-the-year-before-last',N,R,A,B)", manifest, PYTHONIOENCODING="ascii"
    )
    assert drawn.returncode == 0, drawn.stderr
    assert b"\n|- " in drawn.stdout
    assert drawn.stdout.isascii()
    full = run("plan", manifest, shell="> /dev/full")
    assert (full.returncode, full.stderr) == (
        streams.CANNOT_WRITE,
        b"kubelogic: standard output cannot be written: no space left on device\n",
    )
    closed = run("plan", manifest, "-o", "json", shell=">&-")
    assert (closed.returncode, closed.stderr.count(b"\n")) == (streams.CANNOT_WRITE, 1)
    assert run("plan", "nowhere", shell="2>&-").returncode == 2
    assert run("plan", "-", shell="<&-").returncode == 2


def test_the_answer_stays_when_its_reader_goes(manifest: str) -> None:
    gone = run("plan", manifest, shell="| true; exit ${PIPESTATUS[0]}")
    assert (gone.returncode, gone.stderr) == (1, b"")


def test_json_in_ascii_means_the_same(tmp_path: Path) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(
        CLUSTER.replace("spec:\n  containers", 'spec:\n  schedulerName: "\U0001f600é"\n  containers'), "utf-8"
    )
    plain, escaped = (
        run("plan", str(path), "-o", "json"),
        run("plan", str(path), "-o", "json", PYTHONIOENCODING="ascii"),
    )
    assert escaped.stdout.isascii()
    assert json.loads(plain.stdout) == json.loads(escaped.stdout)


@pytest.mark.parametrize("wait", [0.15, 0.4, 1.0])
def test_an_interrupt_ends_with_130_and_no_word(manifest: str, wait: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "kubelogic", "simulate", manifest, "--horizon", "1000h"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    time.sleep(wait)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    # On a busy machine the signal comes before the interpreter listens: then it is the system that ends it.
    assert process.returncode in (130, 1, -signal.SIGINT)
    assert process.returncode == 1 or errors == b""


def test_a_fault_of_our_own_is_one_line_and_no_answer(
    manifest: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> int:
        raise KeyError("name\033[2J")

    monkeypatch.setattr(cli, "_guarded", broken)
    assert main(["plan", manifest]) == streams.INTERNAL
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "KeyError" in error
    assert "report" in error
    assert "\033" not in error


@pytest.mark.parametrize(
    "arguments",
    [
        ["-n", ""],
        ["-n", "Bad Ns"],
        ["-n", "a.b"],
        ["--set", "node_monitor_period=²"],
        ["--set", "node_monitor_period=99999999999999999999999"],
        ["--set", "=3"],
        ["--timeout", "nan"],
        ["--timeout", "٣"],
        ["--timeout", "1e999"],
        ["--horizon", "9" * 400],
        ["--horizon", "9999999999h"],
        ["--allow-moves", "-1"],
        ["--allow-moves", "²"],
        ["--rules", ""],
        [""],
    ],
)
def test_arguments_are_judged(arguments: list[str], manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(["plan", manifest, *arguments])
    except SystemExit as ended:
        code = int(str(ended.code))
    assert code == 2
    assert capsys.readouterr().err
