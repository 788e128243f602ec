"""Rules that never come to an end: warned of before, ended by a bound, and blamed on the line that does it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kubelogic.logic import Evaluation, Rulebook, RuleErrors

HEADER = '#! title: t\n#! source: s\n#: input n(N: int) "{N}"\n#: input s(X: str) "{X}"\n'
UP = '#: output up(N: int) "{N} is reached"\nup(N) <= n(N)\n'


def warnings(text: str) -> list[str]:
    return [
        str(each.message) for each in Rulebook.parse({"t.dl": HEADER + text}).warnings() if "for ever" in each.message
    ]


@pytest.mark.parametrize(
    ("rule", "warned"),
    [
        ("up(N + 1) <= up(N)", True),
        ("up(N + 1) <= up(N) & (N > 0)", True),
        ("up(N + 1) <= up(N) & (0 < N)", True),
        ("up(N * 2) <= up(N) & (N != 7)", True),
        ("up(M) <= up(N) & (M == N + 1)", True),
        ("up(M) <= up(N) & (N + 1 == M)", True),
        ("up(M) <= up(N) & (K == N + 1) & (M == K * 2)", True),
        ("up(N - 1) <= up(N) & (N < 5)", True),
        ("up(N + 1) <= up(N) & s(_X)", True),
        ("up(N + 1) <= up(N) & (N < 100)", False),
        ("up(N + 1) <= up(N) & (100 >= N)", False),
        ("up(M) <= up(N) & (M == N + 1) & (M <= 9)", False),
        ("up(N - 1) <= up(N) & (N > 0)", False),
        ("up(N // 2) <= up(N) & (N > 0)", False),
        ("up(N + 1) <= up(N) & n(N)", False),
        ("up(M) <= up(N) & n(M) & (M == N + 1)", False),
        ("up(N) <= up(M) & n(N) & (M != N)", False),
        ("up(N + 1) <= n(N)", False),
    ],
)
def test_recursion_over_arithmetic_is_warned_of(rule: str, warned: bool) -> None:
    assert bool(warnings(UP + rule + "\n")) == warned


def test_recursion_through_others_is_warned_of() -> None:
    text = UP + '#: half(N: int) "{N}"\nhalf(N + 1) <= up(N)\nup(N) <= half(N)\n'
    assert warnings(text) == ["half may go on for ever: each round may make a new N"]


@pytest.mark.parametrize(
    "rule",
    ["up(N + 1) <= up(N)", "up(N * N) <= up(N)", "up(N * 2 - 1) <= up(N)", "up(M) <= up(N) & up(K) & (M == N + K)"],
)
def test_what_grows_without_end_is_ended(rule: str) -> None:
    book = Rulebook.parse({"t.dl": HEADER + UP + rule + "\n"})
    evaluation = Evaluation(book)
    began = time.monotonic()
    with pytest.raises(RuleErrors) as caught:
        evaluation.update({"n": [(2,), (3,)]})
    assert time.monotonic() - began < 60
    (fault,) = caught.value.faults
    assert fault.message.startswith("up grows without end")
    assert (fault.place.file, fault.place.line) == ("t.dl", 7)


@pytest.mark.parametrize("copies", [4, 16])
def test_joins_of_many_copies_are_ended(copies: int) -> None:
    body = " & ".join(f"s(X{i})" for i in range(copies))
    heads = ", ".join(f"X{i}" for i in range(copies))
    columns = ", ".join(f"X{i}: str" for i in range(copies))
    text = f'{HEADER}#: output all_of({columns}) "all"\nall_of({heads}) <= {body}\n'
    same = " & ".join(f"(X{i} != X{i + 1})" for i in range(copies - 1))
    both = f"(X{copies - 1} < X{copies - 2}) & (X{copies - 1} > X{copies - 2})"
    fruitless = f'{HEADER}#: output none(X0: str) "none"\nnone(X0) <= {body} & {same} & {both}\n'
    for one in (text, fruitless):
        with pytest.raises(RuleErrors) as caught:
            Evaluation(Rulebook.parse({"t.dl": one})).update({"s": [(f"x{i}",) for i in range(120)]})
        (fault,) = caught.value.faults
        assert "more than" in fault.message
        assert fault.place.line == 6


def test_long_but_finite_recursion_is_fine() -> None:
    book = Rulebook.parse({"t.dl": HEADER + UP + "up(N + 1) <= up(N) & (N < 30000)\n"})
    evaluation = Evaluation(book)
    evaluation.update({"n": [(0,)]})
    assert len(evaluation.rows("up")) == 30001


BUILT_IN = (
    '#! title: t\n#! source: s\n#: input p(X: pod) "{X}"\n#: output q(X: pod) "{X}"\nq(X) <= p(X) & (X != \'a\')\n'
)


def test_one_line_of_the_user_is_blamed_and_not_the_built_in_rules() -> None:
    text = '#! title: t\n#! source: s\n#: output r(X: pod) "{X}"\nr(X) <= p(X) & (X > 3)\n'
    for name in ("company/a.dl", "zoo/a.dl"):
        texts = {"rules/a.dl": BUILT_IN, "rules/b.dl": BUILT_IN.replace("p(", "p2(").replace("q(", "q2("), name: text}
        with pytest.raises(RuleErrors) as caught:
            Rulebook.parse(texts)
        assert [(fault.place.file, fault.place.line) for fault in caught.value.faults] == [(name, 4)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("+ up(99999999999999999999)", "99999999999999999999 is too large"),
        ("+ up(" + "9" * 5000 + ")", ""),
        ("up(N) <= n(N) & s(f'{N}')", "f'{N}' is not a term"),
        ("up(N) <= n(N) & s(f\"{s('a\\n')}\")", ""),
        ("up(N) <= n(N) & s(b'x')", "b'x' is not a term"),
        ("up(N) <= n(N) & s(" + "(" * 300 + "N" + ")" * 300 + ")", ""),
        ("up(N) <= n(N) & s(lambda: 3)", "lambda: 3 is not a term"),
        ("up(True) <= n(N)", "True is not a term"),
        ("up(-True) <= n(N)", "-True is not a term"),
        ("up(N) <= n(N) & s('\\d')\x0c\x00", ""),
    ],
)
def test_terms_that_are_none_are_faults(line: str, message: str) -> None:
    with pytest.raises(RuleErrors) as caught:
        Rulebook.parse({"t.dl": HEADER + UP + line + "\n"})
    assert message in str(caught.value)
    assert {fault.place.file for fault in caught.value.faults} == {"t.dl"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_rule_files_in_any_encoding_with_a_mark(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.dl").write_bytes((HEADER + UP).encode(encoding))
    assert len(Rulebook.read([tmp_path]).clauses) == 1


def faults(path: Path) -> str:
    with pytest.raises(RuleErrors) as caught:
        Rulebook.read([path])
    return str(caught.value)


def test_rules_that_cannot_be_read_are_faults(tmp_path: Path) -> None:
    import os

    assert "there is no rule file (*.dl) in this directory" in faults(tmp_path)
    (tmp_path / "a.dl").write_bytes(b"# \xff\n")
    assert "byte 0xff is not UTF-8 text" in faults(tmp_path)
    (tmp_path / "a.dl").write_bytes((HEADER + UP).encode("utf-16")[2:])
    assert "a.dl" in faults(tmp_path)
    (tmp_path / "a.dl").unlink()
    os.mkfifo(tmp_path / "b.dl")
    (tmp_path / "c.dl").symlink_to(tmp_path / "nowhere")
    assert "rules/b.dl:1:1: cannot be read: it is not a file" in faults(tmp_path)
    assert "rules/c.dl:1:1: cannot be read: no such file or directory" in faults(tmp_path)
    (tmp_path / "b.dl").unlink()
    (tmp_path / "c.dl").unlink()
    (tmp_path / "d.dl").mkdir()
    assert "there is no rule file" in faults(tmp_path)
    (tmp_path / "d.dl" / "e.dl").write_text((HEADER + UP).replace("\n", "\r"), "utf-8", newline="")
    assert len(Rulebook.read([tmp_path]).clauses) == 1
