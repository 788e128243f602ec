"""Every resource that the page "which kubectl get" names is one that is read, by the name that kubectl takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kubelogic.verbs.snapshot import resources

PAGE = Path(__file__).resolve().parents[1] / "docs" / "how-to" / "which-kubectl-get.md"
LINES = re.findall(r"`kubectl get ([a-z,]+) -A -o yaml`", PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("line", LINES)
def test_what_it_names_is_read(line: str) -> None:
    known = {each.partition(".")[0] for each in resources()}
    assert set(line.split(",")) <= known
    assert len(set(line.split(","))) == line.count(",") + 1


def test_it_answers_the_usual_questions() -> None:
    assert len(LINES) >= 8
    assert all(line.startswith("nodes,pods") for line in LINES)
