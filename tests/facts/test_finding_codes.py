"""Codes of findings in rule files of users are checked where they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import RuleErrors

GOOD = (
    "#! title:   House\n#! source:  a test\n"
    "+ finding_code('HOUSE1', 'warning', 'no owner', "
    "'{Object} ({Kind} {Key}) lacks {First}, {Second}, {Third}.', 'Add it.')\n"
    "finding('HOUSE1', Kind, Key, 'metadata.labels', 'owner', '', '') <= "
    "template(Kind, Key, _) & ~workload_label(Kind, Key, 'owner', _)\n"
)


def read(tmp_path: Path, text: str) -> None:
    (tmp_path / "house.dl").write_text(text, encoding="utf-8")
    load_rulebook((tmp_path / "house.dl",))


def test_a_code_with_words_is_taken(tmp_path: Path) -> None:
    read(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("change", "line", "message", "hint"),
    [
        (("'warning'", "'warnig'"), 3, "there is no severity 'warnig'", "did you mean warning?"),
        (("'warning'", "'fatal'"), 3, "there is no severity 'fatal'", "there are: error, warning, note"),
        (("{First}", "{Frist}"), 3, "a finding has no {Frist} for the words", "did you mean First?"),
        (("finding('HOUSE1'", "finding('HOUSE2'"), 4, "the code 'HOUSE2' has no finding_code", "did you mean HOUSE1?"),
        (("finding('HOUSE1'", "finding('X1'"), 4, "the code 'X1' has no finding_code", "add: + finding_code('X1', "),
        (("_code('HOUSE1'", "_code('house'"), 3, "'house' is no code: capital letters, then digits", "such as HOUSE1"),
        (("_code('HOUSE1'", "_code('KL206'"), 3, "the code 'KL206' is built in already", "feasibility.dl:"),
        (("_code('HOUSE1'", "_code('KL215'"), 3, "the code 'KL215' is built in already", "gang_scheduling.dl:"),
        (("_code('HOUSE1'", "_code('KL101'"), 3, "the code 'KL101' is built in already", "a key is there twice"),
        (("_code('HOUSE1'", "_code('KL410'"), 3, "the code 'KL410' has words already", "single_points.dl:"),
    ],
)
def test_a_code_that_cannot_be_told_is_refused_at_its_line(
    tmp_path: Path, change: tuple[str, str], line: int, message: str, hint: str
) -> None:
    with pytest.raises(RuleErrors) as caught:
        read(tmp_path, GOOD.replace(*change))
    told = {fault.message: fault for fault in caught.value.faults}
    assert message in told
    assert hint in told[message].hint
    assert told[message].place.line == line
