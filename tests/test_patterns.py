"""Regular expressions are compiled at their first use: here all are, so that none is found to be wrong by a user."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from kubelogic import patterns
from kubelogic.patterns import regex

_PACKAGE = Path(patterns.__file__).parent


def test_a_pattern_is_compiled_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[tuple[str, int]] = []
    really = re.compile

    def compile_(text: str, flags: int) -> re.Pattern[str]:
        compiled.append((text, flags))
        return really(text, flags)

    monkeypatch.setattr(re, "compile", compile_)
    made = regex("(a)(b)?", re.ASCII)
    assert compiled == []
    assert made.fullmatch("ab")
    assert made.match("ac")
    assert made.sub("x", "abc") == "xc"
    assert compiled == [("(a)(b)?", re.ASCII)]


def test_every_pattern_of_the_package_compiles() -> None:
    seen = []
    for path in sorted(_PACKAGE.rglob("*.py")):
        text = path.read_text()
        if "import regex\n" not in text:
            continue
        module = importlib.import_module(".".join(path.relative_to(_PACKAGE.parent).with_suffix("").parts))
        for name, value in vars(module).items():
            for each in _within(value):
                seen.append(name)
                assert each.pattern, f"{path}: {name}"
        made = len(re.findall(r"\bregex\(", text))
        assert made <= sum(1 for value in vars(module).values() for _ in _within(value)), path
    assert len(seen) > 100


def _within(value: object) -> list[re.Pattern[str]]:
    """The patterns that a value is or holds."""
    if type(value) is type(regex("")):
        return [value]  # type: ignore[list-item]
    if isinstance(value, Mapping):
        return [found for each in value.values() for found in _within(each)]
    if isinstance(value, tuple | list):
        return [found for each in value for found in _within(each)]
    return []
