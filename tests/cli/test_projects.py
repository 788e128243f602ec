"""Every project of the corpus is planned on ten ordinary nodes; docs/reference/projects.md has what came of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kubelogic.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "projects.md"
HEAD = """\
# Real projects on ten nodes

What `kubelogic plan --keep-going fixtures/nodes/ten.yaml PROJECT` makes of plain manifests of well-known projects, a
whole directory each (many hold alternatives or examples that the API server refuses, hence `--keep-going`, which
leaves out what is refused and takes the last of several objects of one name). *Left out* counts what was refused or
replaced; *refused* counts pods that controllers want and the API server does not take (a LimitRange or quota of the
project itself); *not modelled* counts kinds that only get a notice. `tests/cli/test_projects.py` writes this page.

| project | pods | placed | pending | why pending (pods) | refused | left out | kinds not modelled |
| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: |
"""


_SLACK = 2
"""Pods by which a placement whose search reached its time limit may differ."""


def test_every_project_is_planned(
    corpus: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, update_golden: bool
) -> None:
    monkeypatch.chdir(ROOT)
    rows, written = [], PAGE.read_text(encoding="utf-8")
    for project in sorted(path for path in (corpus / "manifests").iterdir() if path.is_dir()):
        code = main(["plan", "--keep-going", "fixtures/nodes/ten.yaml", str(project), "-o", "json"])
        captured = capsys.readouterr()
        plan = json.loads(captured.out)
        placed, pending = plan["placements"], plan["pending"]
        lacking = sum(each["missing"] for each in plan["refusals"])
        unwell = any(trouble["new"] for trouble in plan["troubles"])
        assert code == _expected(plan, unwell=lacking > 0 or unwell), project.name
        assert all(pod["message"] for pod in pending), project.name
        reasons = Counter(_reason(pod["blockers"]) for pod in pending)
        why = "; ".join(f"{reason} ({count})" for reason, count in sorted(reasons.items()))
        refused = captured.err.count(": error: ")
        kinds = sum(notice["code"] in ("KL108", "KL109") for notice in plan["notices"])
        total = len(placed) + len(pending) + lacking
        numbers = f"{total} | {len(placed)} | {len(pending)} | {why} | {lacking} | {refused} | {kinds}"
        row = f"| {project.name} | {numbers} |\n"
        known = next((line for line in written.splitlines(True) if line.startswith(f"| {project.name} |")), row)
        if any(solve["left"] and not solve["proof"] for solve in plan["solves"]):
            # The search ended at its time limit: how much it placed by then depends on the machine, a little.
            assert abs(len(placed) - int(known.split("|")[3])) <= _SLACK, project.name
            row = known
        rows.append(row)
    page = HEAD + "".join(rows)
    if update_golden:
        PAGE.write_text(page, encoding="utf-8")
    assert page == PAGE.read_text(encoding="utf-8")


def _expected(plan: dict[str, Any], *, unwell: bool) -> int:
    """The exit code: 3 only where a pod's verdict is not known, or what would be a yes is open."""
    if any(pod["verdict"] == "unknown" for pod in plan["pending"]):
        return 3
    if plan["pending"] or unwell or not plan["settled"]:
        return 1
    return 3 if plan["unsure"] or plan["unknown"] else 0


def _reason(blockers: list[dict[str, str]]) -> str:
    """The reason that bars most nodes; one about the pod itself before all others."""
    alone = [blocker["reason"] for blocker in blockers if not blocker["node"]]
    if alone:
        return alone[0].split('"')[0].strip()
    counts = Counter(reason for reason in {(b["node"], b["reason"]) for b in blockers})
    reasons = Counter(reason for _, reason in counts)
    return min(reasons, key=lambda reason: (-reasons[reason], reason), default="held back by gates")
