"""Completion scripts, the man page and the pages of commands say what the parsers say."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kubelogic.cli import COMMANDS, EXIT_CODES, main
from kubelogic.cli.commands import program
from kubelogic.report.commands import Argument, Command, command_pages, manual
from kubelogic.report.completion import SHELLS, completion

SMALL = Command(
    help="A tool",
    commands=(
        Command(
            words=("plan",),
            help="plans: at once",
            arguments=(
                Argument(value="PATH", help="a file", path=True, needed=True, many=True),
                Argument(flags=("-o", "--output"), value="OUTPUT", help="the [form]", choices=("text", "json")),
                Argument(flags=("--rules",), value="PATH", help="user's rules", path=True, many=True),
                Argument(flags=("--strict",), help="refuse"),
            ),
            examples=("kubelogic plan a.yaml",),
        ),
        Command(
            words=("rules",),
            help="rules",
            commands=(Command(words=("rules", "check"), help="look", arguments=(Argument(flags=("-v",)),)),),
        ),
    ),
)


@pytest.fixture(scope="module")
def whole() -> Command:
    return program()


def _completed(typed: list[str], script: Path) -> list[str]:
    words = " ".join(f"'{each}'" for each in ["kubelogic", *typed])
    line = f'source {script}; COMP_WORDS=({words}); COMP_CWORD={len(typed)}; _kubelogic; echo "${{COMPREPLY[@]}}"'
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=20, check=False)
    assert ran.stderr.replace("bash: line 1: compopt: not currently executing completion function\n", "") == ""
    return ran.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash on the PATH")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["pl"], ["plan"]),
        (["plan", "-o", ""], ["text", "json"]),
        (["plan", "--output", "j"], ["json"]),
        (["plan", "--str"], ["--strict"]),
        (["plan", "a.yaml", "-o", "json", "--st"], ["--strict"]),
        (["plan", "--rules", ""], []),
        (["rules", ""], ["check"]),
        (["rules", "check", "-"], ["-v"]),
        (["plan", "rules", "--str"], ["--strict"]),
    ],
)
def test_bash_offers(typed: list[str], offered: list[str], tmp_path: Path) -> None:
    script = tmp_path / "kubelogic.bash"
    script.write_text(completion(SMALL, "bash"), encoding="utf-8")
    assert _completed(typed, script) == offered


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_flag_is_there(shell: str, whole: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert script == completion(whole, shell) + "\n"
    for command in whole.commands:
        assert command.words[0] in script
        for flag in (flag for option in command.options for flag in option.flags if flag.startswith("--")):
            assert (f"-l {flag[2:]} " if shell == "fish" else flag) in script


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_reads_its_script(shell: str, whole: Command, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} on the PATH")
    path = tmp_path / "script"
    path.write_text(completion(whole, shell), encoding="utf-8")
    assert subprocess.run([shell, "-n", str(path)], capture_output=True, timeout=20, check=False).stderr == b""


def test_quotes_and_brackets_of_help_do_not_end_anything() -> None:
    zsh, fish = completion(SMALL, "zsh"), completion(SMALL, "fish")
    assert "'(-o --output)'{-o,--output}'[the \\[form\\]]:OUTPUT:(text json)'" in zsh
    assert "'*--rules[user'\\''s rules]:PATH:_files'" in zsh
    assert "-l rules -r -d 'user'\\''s rules'" in fish
    assert "-f -a plan -d 'plans'" in fish
    assert "'__fish_seen_subcommand_from rules; and not __fish_seen_subcommand_from check' -f -a check" in fish


def test_the_manual(whole: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["man"]) == 0
    page = capsys.readouterr().out
    assert page.startswith(".TH KUBELOGIC 1")
    for section in ("NAME", "SYNOPSIS", "COMMANDS", "EXIT STATUS", "ENVIRONMENT"):
        assert f".SH {section}\n" in page
    assert ".SS plan [OPTION...] PATH...\n" in page
    assert "\\fB\\-w, \\-\\-watch\\fR" in page
    small = manual(Command(commands=(Command(words=("a",), help="b", examples=(".dot\\x",)),)), EXIT_CODES, "1")
    assert "\\&.dot\\ex" in small, "a line that begins with a dot is no request"


def test_a_page_for_each_command(whole: Command) -> None:
    pages = command_pages(whole, EXIT_CODES)
    assert sorted(pages) == sorted(["README.md", *(f"{each.words[0]}.md" for each in whole.commands)])
    assert {each.words[0] for each in whole.commands} <= set(COMMANDS)
    assert "| `-o, --output {text,json,yaml,html}` | format of the result" in pages["plan.md"]
    assert "kubelogic plan [OPTION...] PATH..." in pages["plan.md"]
    assert "## kubelogic rules show" in pages["rules.md"]
    assert "| 3 | unknown" in pages["README.md"]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_examples(name: str, whole: Command) -> None:
    command = next((each for each in whole.commands if each.words == (name,)), None)
    if command is not None:  # one whose module is not there yet is not offered
        assert command.examples, name
        assert any(name in each for each in command.examples)
    assert all(option.help for each in whole.commands for option in each.options), "every option says what it does"
