"""Two spread constraints that strand the sixth of six pods: the whole explanation, as it is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.cli import main

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "two-spreads.txt"


def test_the_explanation_of_the_sixth_pod(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, update_golden: bool
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["explain", "deploy/web", "fixtures/two-spreads"]) == 1
    text = capsys.readouterr().out
    if update_golden:
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_what_the_golden_text_has_to_say() -> None:
    """At most five, why six cannot be, that both questions were asked, and the repairs that were tried."""
    text = GOLDEN.read_text()
    for said in (
        "5 of 6 pods placed",
        "at most 5 can run at one time",
        "Because only n3 is in zone b",
        "n3 cannot have 3 or more and 2 or fewer",
        "allow a skew of 2 instead of 1 in spread constraint 0 (topology.kubernetes.io/zone)",
        "allow a skew of 2 instead of 1 in spread constraint 1 (kubernetes.io/hostname)",
        "make spread constraint 1 (kubernetes.io/hostname) a wish (ScheduleAnyway)",
        "5 replicas instead of 6",
        "add a node like n3",
    ):
        assert said in text
