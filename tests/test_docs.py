"""Every command and program that README and docs show works, and prints what they say it prints."""

from __future__ import annotations

import ast
import io
import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubelogic.cli import EXAMPLES, main

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md"))]
_BLOCK = re.compile(r"^```(console|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def commands(page: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of a page, each with the lines of the text block that follows it; ``...`` stands for any lines."""
    found: list[tuple[str, list[str]]] = []
    for language, body in _BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
        lines = body.splitlines()
        if language == "console":
            found += [(line.removeprefix("kubelogic "), []) for line in lines if line.startswith("kubelogic ")]
        elif found:
            found[-1] = (found[-1][0], lines)
    yield from found


@pytest.mark.parametrize(
    ("command", "shown"), [pytest.param(*each, id=f"{page}: {each[0]}") for page in PAGES for each in commands(page)]
)
def test_commands_work(
    command: str, shown: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(shlex.split(command)) in (0, 1)
    captured = capsys.readouterr()
    assert captured.out.strip()
    assert captured.err == ""
    printed = iter(captured.out.splitlines())
    for line in shown:
        assert line.strip() == "..." or line in printed, f"not printed, or not in this order: {line}"


_ELSEWHERE = ("--live", "snapshot -o", "eval ", "serve", "step", "fail", "source", "completion", "| man", "demo --copy")
"""What needs a cluster, a server or a terminal, or writes where it stands."""
_EXAMPLES = [each.partition("   #")[0] for some in EXAMPLES.values() for each in some]


@pytest.mark.parametrize("typed", [each for each in _EXAMPLES if not any(word in each for word in _ELSEWHERE)])
def test_examples_of_commands_work_in_a_clone(
    typed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stand in ``--help``, the man page and the pages of commands."""
    monkeypatch.chdir(ROOT)
    if "HEAD" in typed and not (ROOT / ".git").exists():
        pytest.skip("no clone")
    typed = typed.replace("shown.yaml", str(tmp_path / "shown.yaml"))
    given = ""
    for command in typed.split(" | "):
        program, *words = shlex.split(command)
        if program == "cat":
            given = (ROOT / words[0]).read_text()
            continue
        assert program == "kubelogic"
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        code = main(words)
        given, err = capsys.readouterr()
        assert code in (0, 1), err


def test_readme_shows_the_main_commands() -> None:
    verbs = {command.split()[0] for command, _ in commands("README.md")}
    assert {"plan", "explain", "simulate", "capacity", "query", "why", "rules"} <= verbs


def test_the_program_works(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(program, "README.md", "exec"), {})
    first, second = capsys.readouterr().out.strip().split("\n")
    assert first.startswith("33 [")
    assert second == "waiting"


def test_the_programs_of_the_api_work(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    programs = re.findall(r"```python\n(.*?)```", (ROOT / "docs/reference/python.md").read_text(), re.DOTALL)
    space: dict[str, object] = {}
    for program in programs:
        exec(compile(program, "python.md", "exec"), space)
    assert capsys.readouterr().out.startswith("<Plan: ")


def test_the_notebook_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    notebook = json.loads((ROOT / "docs/reference/python.ipynb").read_text())
    space: dict[str, object] = {}
    shown = []
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        *body, last = ast.parse("".join(cell["source"])).body
        assert isinstance(last, ast.Expr), "a cell ends with what it shows"
        exec(compile(ast.Module(body=body, type_ignores=[]), "python.ipynb", "exec"), space)
        shown.append(eval(compile(ast.Expression(last.value), "python.ipynb", "eval"), space))
    html = [each._repr_html_() for each in shown if hasattr(each, "_repr_html_")]
    assert len(html) > 4
    assert all(each.startswith("<details") for each in html)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), target


def _anchors(text: str) -> set[str]:
    """The names under which headings of a page can be reached, as GitHub makes them."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    titles = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", each) for each in re.findall(r"^#+ (.*)$", prose, re.MULTILINE)]
    return {re.sub(r"[^\w\- ]", "", each.strip().lower()).replace(" ", "-") for each in titles}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_headings_that_are_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)]+)\)", text):
        other = (ROOT / page).parent / target if target else ROOT / page
        if "://" not in target and other.suffix == ".md":
            assert anchor in _anchors(other.read_text(encoding="utf-8")), f"{target}#{anchor}"


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
