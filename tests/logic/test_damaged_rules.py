"""Damaged rule files are refused with faults; nothing else is ever raised."""

from __future__ import annotations

import itertools
from pathlib import Path
from random import Random

import pytest

from kubelogic.logic import Evaluation, Rulebook, RuleErrors

RULES = sorted((Path(__file__).parents[2] / "rules").rglob("*.dl"))
PIECES = (
    "(",
    ")",
    "[",
    "]",
    "_",
    "~",
    "&",
    "<=",
    "==",
    ", ",
    " ",
    "'",
    '"',
    "#:",
    "#!",
    "+",
    "-X",
    "0",
    "//",
    "\n",
    "é",
)
PIECES += ("X", "Pod", "len_(X)", "rank_(order_by=X)", "\\", "\x00", "\t", ":", "{X}", "->", "open ", "input ", "1.5")


def damaged(text: str, random: Random) -> str:
    """A text with a few characters lost, doubled or replaced."""
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(text) + 1)
        lost = random.choice((0, 0, 1, 3, 20))
        text = text[:place] + random.choice(PIECES) + text[place + lost :]
    return text


@pytest.mark.parametrize("seed", range(4))
def test_damaged_rule_files(seed: int) -> None:
    random = Random(seed)
    texts = {path.name: path.read_text(encoding="utf-8") for path in RULES}
    names = sorted(texts)
    refused = 0
    for _ in range(150):
        name = random.choice(names)
        text = damaged(texts[name], random)
        try:
            Rulebook.parse({name: text})
        except RuleErrors as errors:
            refused += 1
            for fault in errors.faults:
                assert fault.place.line >= 1
                assert str(fault)
    assert refused > 50


def test_a_deeply_nested_clause_is_refused() -> None:
    nested = "(" * 500 + "X" + ")" * 500
    for text in (
        f"p(X) <= q({nested})",
        "p(X) <= q(" + "+".join(["X"] * 20_000) + ")",
        "p(X) <= " + "&".join(["q(X)"] * 20_000),
        "p(X) <= q(X) & (X > " + "+".join(["X"] * 300) + ")",
        *("p(X) <= " + "&".join(["q(X)"] * length) for length in (1_000, 1_500, 2_000, 2_500)),
    ):
        with pytest.raises(RuleErrors):
            Rulebook.parse({"p.dl": text})


def test_a_body_may_join_sixteen_relations() -> None:
    variables = [f"X{i}" for i in range(18)]
    declared = '#: q(X: str, Y: str) "{X}{Y}"\n#: p(X: str, Y: str) "{X}"\n'

    def chain(length: int) -> str:
        links = [f"q({a}, {b})" for a, b in itertools.pairwise(variables[: length + 1])]
        return f"{declared}p(X0, X{length}) <= {' & '.join(links)}"

    evaluation = Evaluation(Rulebook.parse({"p.dl": chain(16)}))
    evaluation.update({"q": [(f"n{i}", f"n{i + 1}") for i in range(17)]})
    assert set(evaluation.rows("p")) == {("n0", "n16"), ("n1", "n17")}
    evaluation.update({}, {"q": [("n0", "n1")]})
    assert set(evaluation.rows("p")) == {("n1", "n17")}
    with pytest.raises(RuleErrors, match="joins 17 relations, more than 16"):
        Rulebook.parse({"p.dl": chain(17)})
