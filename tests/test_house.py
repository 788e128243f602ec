"""The house rules of the source that no linter knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "kubelogic"
LONGEST = 400


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(PACKAGE.rglob("*.py")) if len(path.read_text().splitlines()) > LONGEST],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_a_long_file_says_why(path: Path) -> None:
    said = ast.get_docstring(ast.parse(path.read_text())) or ""
    assert "longer than others" in said or "as long as" in said, f"{path.name}: split it, or say why in its docstring"


def test_the_decisions_have_a_contents_list() -> None:
    text = (PACKAGE.parent / "docs" / "explanation" / "decisions.md").read_text()
    listed = re.findall(r"^- \[(.*)\]\(#.*\)$", text, re.MULTILINE)
    assert listed == re.findall(r"^## (.*)$", text, re.MULTILINE)


def test_the_index_of_the_docs_has_every_page() -> None:
    docs = PACKAGE.parent / "docs"
    linked = set(re.findall(r"\]\(([^)#]+)\)", (docs / "README.md").read_text()))
    pages = {path.relative_to(docs).as_posix() for path in docs.glob("*/*.md")}
    assert pages <= linked
    assert all((docs / link).exists() for link in linked)


def test_every_test_that_the_docs_name_exists() -> None:
    docs = PACKAGE.parent / "docs"
    for page in docs.rglob("*.md"):
        for named in re.findall(r"`(tests/[\w/]+\.py)`", page.read_text()):
            assert (PACKAGE.parent / named).exists(), f"{page.name} names {named}"


def test_values_are_copied_as_structs() -> None:
    """``dataclasses.replace`` does not know structs, and nothing but a run would say so."""
    dataclasses_left = {"placement/optimal/solve.py", "reconcile/scenario.py", "reconcile/simulate.py"}
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(r"from dataclasses import .*\b(replace|fields|asdict)\b", path.read_text())
    }
    assert found == dataclasses_left
