"""What explanations, checks and the like print at 80 and 120 columns: no line is longer, but for a single word."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.cli import main

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "terminal"

COMMANDS = {
    "explain-workload": "explain default/web two-spreads",
    "explain-waiting": "explain web situations/27-cordon.yaml",
    "explain-placed": "explain web situations/24-service-port.yaml",
    "explain-node": "explain node/master situations/05-control-plane-taint.yaml",
    "explain-service": "explain svc/web situations/24-service-port.yaml",
    "explain-drain": "explain node/oak --drain situations/20-drain-budget.yaml",
    "explain-code": "explain KL206",
    "check": "check situations/23-service-selector.yaml",
    "diff": "diff situations/05-control-plane-taint.yaml situations/06-node-selector.yaml",
    "capacity": "capacity situations/20-drain-budget.yaml --resource cpu=2 --resource memory=4Gi --replicas 16",
}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_printed_fits_the_terminal(
    name: str, width: int, update_golden: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT / "fixtures")
    monkeypatch.setenv("COLUMNS", str(width))
    main(COMMANDS[name].split())
    printed = capsys.readouterr().out
    golden = GOLDEN / f"{name}-{width}.txt"
    if update_golden:
        golden.write_text(printed, encoding="utf-8")
    assert printed == golden.read_text(encoding="utf-8")
    wide = [line.strip() for line in printed.split("\n") if len(line) > width and " " in line.strip()]
    assert all(line.startswith("kubelogic ") for line in wide), "only a command to type stays whole"
