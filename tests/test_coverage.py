"""What the project sets out to model: ``docs/reference/coverage.md`` is written from ``tests/data/coverage.yaml``.

Each behaviour that works names the test that shows it: a test function (``tests/x.py::test_y``), a case of a table of
rules (``tests/rules/x.yaml: case``), or a recording of a real control plane that ``tests/conformance`` plays.
"""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rules.deletion import LOADER

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data" / "coverage.yaml"
PAGE = ROOT / "docs" / "reference" / "coverage.md"
WORDS = {"works": "work", "partly": "work partly", "not": "do not", "advice": "are advice"}
"""By state, what is said of the number of behaviours that have it."""

HEAD = """# What is modelled, behaviour by behaviour

What the project sets out to model of Kubernetes, one row a behaviour. Where it works, the test that shows it is
named; where it works partly or not, what is missing. *Advice* is a sentence of the documentation with nothing to run.
Written from `tests/data/coverage.yaml` by `pytest tests/test_coverage.py --update-golden`.

"""


@cache
def rows() -> list[dict[str, Any]]:
    """The rows of the data file."""
    found: list[dict[str, Any]] = yaml.load(DATA.read_text(encoding="utf-8"), Loader=LOADER)
    return found


def page() -> str:
    """The page of the reference."""
    counts = Counter(row["state"] for row in rows())
    told = [f"{counts[state]} {word}" for state, word in WORDS.items()]
    lines = [f"Of {len(rows())} behaviours {', '.join(told)}.", ""]
    lines += ["| number | behaviour | works, partly or not | test that shows it |", "| ---: | --- | --- | --- |"]
    for row in rows():
        state = row["state"] + (f": {row['says']}" if row.get("says") else "")
        test = f"`{row['test']}`" if row.get("test") else ""
        lines.append(f"| {row['number']} | {_cell(row['behaviour'])} | {_cell(state)} | {test} |")
    return HEAD + "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


@cache
def functions(path: str) -> frozenset[str]:
    """The names of the functions of a module."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@cache
def cases(path: str) -> frozenset[str]:
    """The names of the cases of a table."""
    table = yaml.load((ROOT / path).read_text(encoding="utf-8"), Loader=LOADER)
    return frozenset(case["name"] for case in table["cases"])


def exists(test: str) -> bool:
    """Whether there is such a test."""
    if "::" in test:
        path, _, name = test.partition("::")
        return (ROOT / path).is_file() and name in functions(path)
    path, _, name = test.partition(": ")
    if name:
        return (ROOT / path).is_file() and name in cases(path)
    return path.startswith("fixtures/conformance/") and (ROOT / path).is_file()


def test_rows_are_numbered_and_say_what_the_reader_needs() -> None:
    assert [row["number"] for row in rows()] == list(range(1, len(rows()) + 1))
    for row in rows():
        assert row["state"] in WORDS, row
        assert bool(row.get("test")) or row["state"] != "works", f"{row['number']} works, and no test shows it"
        assert bool(row.get("says")) == (row["state"] in ("partly", "not")), f"{row['number']}: what is missing?"


@pytest.mark.parametrize("test", sorted({row["test"] for row in rows() if row.get("test")}))
def test_every_test_that_is_named_exists(test: str) -> None:
    assert exists(test)


@pytest.mark.parametrize(
    "test",
    [
        "tests/test_coverage.py::test_nothing_of_the_kind",
        "tests/nowhere.py::test_x",
        "tests/rules/network/service_backends.yaml: no such case",
        "fixtures/conformance/controllers/nothing.json",
        "README.md",
    ],
)
def test_one_that_does_not_exist_is_noticed(test: str) -> None:
    assert not exists(test)


def test_the_page_is_current(*, update_golden: bool) -> None:
    if update_golden:
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page()
