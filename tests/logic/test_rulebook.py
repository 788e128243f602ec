"""Rulebooks: reading several directories, and replacing parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.logic import Rulebook, RuleErrors

PARAMETERS = """
#: parameter(Name: str, Value: int) "the parameter {Name} is {Value}"
+ parameter('grace', 40)
+ parameter('period', 5)
"""


def test_files_are_named_relative_to_the_directory_they_were_found_in(tmp_path: Path) -> None:
    texts = {
        "builtin/node/a.dl": '#: a(X: str) "{X}"',
        "company/a.dl": '#: b(X: str) "{X}"',
        "one.dl": '#: c(X: str) "{X}"',
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    book = Rulebook.read([tmp_path / "builtin", tmp_path / "company", tmp_path / "one.dl"])
    assert [file.path for file in book.files] == ["rules/node/a.dl", "company/a.dl", "one.dl"]


def test_parameters_can_be_replaced() -> None:
    book = Rulebook.parse({"p.dl": PARAMETERS}).with_facts({"parameter": [("grace", 50)]})
    assert [str(fact) for fact in book.facts] == ["parameter('grace', 50)", "parameter('period', 5)"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("grade", 50), "parameter:1:1: there is no parameter 'grade'\n  did you mean grace?"),
        (("grace", "50s"), "p.dl:3:3: parameter('grace', 40) takes a whole number, not '50s'"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused(row: tuple[str, str | int], message: str) -> None:
    with pytest.raises(RuleErrors) as caught:
        Rulebook.parse({"p.dl": PARAMETERS}).with_facts({"parameter": [row]})
    assert str(caught.value) == message


def test_facts_of_other_predicates_stay_as_they_are() -> None:
    text = "#: mode(Name: str) \"there is {Name}\"\n+ mode('a')\n+ mode('b')\n"
    book = Rulebook.parse({"p.dl": PARAMETERS, "q.dl": text}).with_facts({"parameter": []})
    assert [str(fact) for fact in book.facts if fact.predicate == "mode"] == ["mode('a')", "mode('b')"]
