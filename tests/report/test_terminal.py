"""Text for a terminal: no control character gets there, lines fit, and what cannot be drawn is drawn otherwise."""

from __future__ import annotations

import pytest

from kubelogic.report.style import PLAIN, Style
from kubelogic.report.tables import short_names, table
from kubelogic.report.terminal import cells, drawable, fitted, prepared, visible


@pytest.mark.parametrize(
    ("character", "shown"),
    [
        ("\033", "^["),
        ("\a", "^G"),
        ("\0", "^@"),
        ("\b", "^H"),
        ("\r", "\\r"),
        ("\t", "\\t"),
        ("\x7f", "\\x7f"),
        ("\x9b", "\\x9b"),
        ("\x85", "\\x85"),
        ("\u202e", "\\u202e"),
        ("\u2066", "\\u2066"),
        ("\u200f", "\\u200f"),
        ("\u2028", "\\u2028"),
        ("\ufeff", "\\ufeff"),
        ("\U000e0041", "\\U000e0041"),
        ("\udcff", "\\udcff"),
        ("é", "é"),
        ("日", "日"),
        ("\n", "\n"),
    ],
)
def test_control_characters_are_shown(character: str, shown: str) -> None:
    assert visible(f"a{character}b") == f"a{shown}b"
    assert prepared(f"a{character}b") == f"a{shown}b"


def test_only_our_own_colour_reaches_the_terminal() -> None:
    style = Style(color=True)
    text = style.bold("a\033[31mb") + style.bad("c")
    assert prepared(text) == "\033[1ma^[[31mb\033[0m\033[31mc\033[0m"
    assert cells(style.bold("abc")) == 3


def test_lines_are_broken_at_spaces_and_hang_below_their_first_word() -> None:
    text = "  - one two three four five six seven\n├─ alpha beta gamma delta epsilon\n1234567890123456789012345"
    assert fitted(text, 24).split("\n") == [
        "  - one two three four",
        "    five six seven",
        "├─ alpha beta gamma",
        "│  delta epsilon",
        "1234567890123456789012345",
    ]


@pytest.mark.parametrize("width", [20, 24, 40, 80])
def test_no_line_is_longer_but_where_a_word_is(width: int) -> None:
    style = Style(color=True)
    words = ["a" * 5, style.bold("b" * 9), "c" * 12, "日本"] * 12
    for indent in ("", "    ", "    - ", "│  │  └─ ", "  3. "):
        for line in fitted(indent + " ".join(words), width).split("\n"):
            assert cells(line) <= width
        kept = fitted(indent + " ".join(words), width).replace("│", "").replace("└─", "").split()
        assert [word for word in kept if word not in ("-", "3.")] == words


def test_a_source_line_is_cut_around_its_caret() -> None:
    text = "x" * 60 + "Y" + "z" * 60 + "\n" + " " * 60 + "^"
    source, caret = fitted(text, 40).split("\n")
    assert len(source) <= 40
    assert source[caret.index("^")] == "Y"


def test_trees_are_drawn_in_ascii_and_other_characters_escaped() -> None:
    assert drawable("├─ a\n│  └─ é", "ascii") == "|- a\n|  `- \\xe9"
    assert drawable("├─ é", "latin-1") == "|- é"
    assert drawable("├─ é", "utf-8") == "├─ é"


ROWS = [["WORKLOAD", "PLACED", "NODES"], ["Deployment shop/cart", "3/3", "n1 x1, n2 x1, n3 x1, n4 x1, n5 x1"]]


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (
            None,
            ["WORKLOAD              PLACED  NODES", "Deployment shop/cart  3/3     n1 x1, n2 x1, n3 x1, n4 x1, n5 x1"],
        ),
        (
            56,
            [
                "WORKLOAD              PLACED  NODES",
                "Deployment shop/cart  3/3     n1 x1, n2 x1, n3 x1, n4",
                "                              x1, n5 x1",
            ],
        ),
        (
            44,
            [
                "WORKLOAD",
                "  PLACED  NODES",
                "Deployment shop/cart",
                "  3/3     n1 x1, n2 x1, n3 x1, n4 x1, n5 x1",
            ],
        ),
    ],
)
def test_tables_fit(width: int | None, lines: list[str]) -> None:
    assert table(ROWS, Style(width=width)) == lines


def test_domains_of_nodes_are_cut_only_where_they_are_shared_and_there_is_no_room() -> None:
    names = ["ip-1.region.example", "ip-2.region.example"]
    assert short_names(names, PLAIN.width) == (names, "")
    assert short_names(names, 200) == (names, "")
    assert short_names(names, 40) == (["ip-1", "ip-2"], ".region.example")
    assert short_names(["a.x.example", "bbbbbbbbbbbbbbbbbbb.y.example"], 40) == (
        ["a.x", "bbbbbbbbbbbbbbbbbbb.y"],
        ".example",
    )
    assert short_names(["aaaaaaaaaaaaaaaaaaaaaaaa", "b"], 40)[1] == ""
