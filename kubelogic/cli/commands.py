"""The commands as data, read off their parsers: for completion, the man page and the reference."""

from __future__ import annotations

import argparse

from msgspec.structs import replace

from kubelogic import cli
from kubelogic.cli.parser import whole_parser
from kubelogic.report.commands import Argument, Command

_PATHS = ("PATH", "FILE", "DIR", "OLD", "NEW", "REVISION", "SCENARIO")
"""Words of a value's name that say that it may be a file or a directory."""


def program() -> Command:
    """All commands with everything that they take."""
    return _command(whole_parser(), ())


def _command(parser: argparse.ArgumentParser, words: tuple[str, ...]) -> Command:
    arguments: list[Argument] = []
    commands: list[Command] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            told = {each.dest: each.help or "" for each in action._choices_actions}
            for name, below in action.choices.items():
                found = _command(below, (*words, name))
                examples = cli.EXAMPLES.get(name, ()) if not words else ()
                commands.append(replace(found, help=told.get(name, ""), examples=examples))
        elif not isinstance(action, argparse._HelpAction):
            arguments.append(_argument(action))
    return Command(words=words, help=parser.description or "", arguments=tuple(arguments), commands=tuple(commands))


def _argument(action: argparse.Action) -> Argument:
    takes = action.nargs != 0
    name = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    return Argument(
        flags=tuple(action.option_strings),
        value=name if takes else "",
        help=(action.help or "").replace("%%", "%"),
        choices=tuple(map(str, action.choices)) if action.choices else (),
        path=takes and any(word in name for word in _PATHS),
        needed=not action.option_strings and action.nargs not in ("*", "?"),
        many=action.nargs in ("*", "+") or isinstance(action, argparse._AppendAction),
    )
