"""Every kind of malformed input, with the whole message it gets: ``malformed/NAME`` and ``malformed/NAME.txt``."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kubelogic.apiserver.reading import load
from kubelogic.text import Fault, InputError

FOLDER = Path(__file__).parent / "malformed"
CASES = sorted(path for path in FOLDER.iterdir() if path.suffix != ".txt")
LONGEST = 2.0
"""Seconds that the worst of them may take."""


def say(fault: Fault) -> str:
    text = str(fault)
    excerpt = fault.excerpt
    if excerpt and fault.location.column and len(excerpt) < 200:
        text += f"\n  | {excerpt}\n  | {' ' * (fault.caret - 1)}^"
    return text


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_message(path: Path, monkeypatch: pytest.MonkeyPatch, update_golden: bool) -> None:
    monkeypatch.chdir(FOLDER)
    started = time.perf_counter()
    with pytest.raises(InputError) as caught:
        load([path.name], strict=True)
    assert time.perf_counter() - started < LONGEST
    said = "".join(say(fault) + "\n" for fault in caught.value.faults)
    golden = path.with_name(path.name + ".txt")
    if update_golden:
        golden.write_text(said, encoding="utf-8")
    assert said == golden.read_text(encoding="utf-8")


def test_faults_come_in_the_order_of_the_text() -> None:
    with pytest.raises(InputError) as caught:
        load([str(FOLDER / "duplicate-keys.yaml"), str(FOLDER / "bad-indent.yaml")], strict=True)
    lines = [(Path(fault.location.file).name, fault.location.line) for fault in caught.value.faults]
    assert lines == [("bad-indent.yaml", 5), ("duplicate-keys.yaml", 8), ("duplicate-keys.yaml", 9)]
