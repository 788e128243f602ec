"""The page about situations that people ask about shows what is really printed for their input files.

``--update-golden`` writes the page anew from ``fixtures/situations``: each file says in its first lines what it is
about (``title``), what to ask (``ask``), what people see (``seen``) and the cause (``why``).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from kubelogic.cli import main

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "how-to" / "troubleshoot.md"
FILES = sorted((ROOT / "fixtures" / "situations").glob("*.yaml"))
_HEADER = re.compile(r"^# (title|ask|seen|why): (.*)$", re.MULTILINE)
_INTRODUCTION = """\
# Troubleshoot

What people ask about most often, each with a small cluster in [`fixtures/situations`](../../fixtures/situations) and
with what is printed for it. Ask the same of your own cluster: [which kubectl get](which-kubectl-get.md) says what to
collect.
`kubelogic explain KL206` tells about a code.
"""


def headers(path: Path) -> Mapping[str, str]:
    return dict(_HEADER.findall(path.read_text(encoding="utf-8")))


def command(path: Path) -> list[str]:
    verb, *rest = shlex.split(headers(path)["ask"])
    return [verb, *rest, path.relative_to(ROOT).as_posix()]


def section(path: Path, printed: str) -> str:
    said = headers(path)
    asked = f"kubelogic {shlex.join(command(path))}"
    return (
        f"## {said['title']}\n\n{said['seen']}\n\n{said['why']}\n\n"
        f"```sh\n{asked}\n```\n\n```text\n{printed.rstrip()}\n```\n"
    )


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    """The sections of the page, by title."""
    parts = PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
    return {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in parts}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_page_shows_what_is_printed(
    path: Path,
    sections: dict[str, str],
    update_golden: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("COLUMNS", raising=False)
    assert main(command(path)) in (0, 1)
    captured = capsys.readouterr()
    assert captured.err == ""
    made = section(path, captured.out)
    title = headers(path)["title"]
    if update_golden:
        sections[title] = made
        titles = [headers(each)["title"] for each in FILES]
        parts = [sections[each] for each in titles if each in sections]
        contents = "".join(f"- [{each}](#{_anchor(each)})\n" for each in titles)
        PAGE.write_text("\n".join([_INTRODUCTION, contents, *parts]), encoding="utf-8")
    assert sections.get(title) == made


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def test_there_are_two_dozen() -> None:
    assert len(FILES) >= 24
    assert len({headers(path)["title"] for path in FILES}) == len(FILES)
    assert all(set(headers(path)) == {"title", "ask", "seen", "why"} for path in FILES)


def test_the_page_has_exactly_these(sections: dict[str, str]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert list(sections) == [headers(path)["title"] for path in FILES]
    assert all(f"(#{_anchor(title)})" in text for title in sections)
