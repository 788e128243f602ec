"""Codes are permanent: each that is used is in the table, each in the table is used, and the reference lists them."""

from __future__ import annotations

import re
from pathlib import Path

from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.kinds.codes import CODES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "manifest-codes.md"


def test_the_table_has_the_codes_that_are_used() -> None:
    used: set[str] = set()
    for path in (ROOT / "kubelogic").rglob("*.py"):
        if path.name != "codes.py":
            used |= set(re.findall(r'"(KL1\d\d)"', path.read_text(encoding="utf-8")))
    findings = {str(fact.row[0]) for fact in builtin_rulebook().facts if fact.predicate == "finding_code"}
    assert used - findings == set(CODES)


def test_the_reference_lists_them(update_golden: bool) -> None:
    lines = [
        "# Codes of faults in manifests",
        "",
        "What `kubelogic` says of manifests has one of these codes; they never change their meaning. KL108, KL109,",
        "KL15x, KL166, KL167 and KL19x are notices: the object is accepted. Everything else is refused, as the API",
        "server would.",
        "",
        "| code | what it stands for |",
        "| --- | --- |",
        *(f"| {code} | {title} |" for code, title in sorted(CODES.items())),
        "",
    ]
    text = "\n".join(lines)
    if update_golden:
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text


def test_the_page_of_findings_has_every_code_of_the_rules() -> None:
    page = (ROOT / "docs" / "reference" / "check-codes.md").read_text(encoding="utf-8")
    facts = [fact.row for fact in builtin_rulebook().facts if fact.predicate == "finding_code"]
    rows = [f"| {code} | {severity} | {meaning} | {helps} |" for code, severity, meaning, _, helps in sorted(facts)]
    assert [line for line in page.splitlines() if line.startswith("| KL")] == rows
