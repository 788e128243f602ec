"""The parser of the command line: all commands by name, and what the typed one takes."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from kubelogic import __version__
from kubelogic.cli import COMMANDS, EXAMPLES, available, habits, module_of, streams
from kubelogic.cli.overview import DESCRIPTION, EXITS, VERSION, columns, overview

_NO_COMMAND = "argument COMMAND: invalid choice: "


def _typed(message: str) -> str:
    """What was typed that is no choice, from the words of argparse, which show it as Python does."""
    return message.partition("invalid choice: ")[2].partition(" (choose from ")[0][1:-1]


class _Help(argparse.HelpFormatter):
    """Help as wide as the terminal. argparse would load ``shutil`` to learn that, and does so for each argument."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=columns() - 2)


class _CommandHelp(_Help, argparse.RawDescriptionHelpFormatter):
    """The same, with the examples line by line."""


class Parser(argparse.ArgumentParser):
    """A parser whose messages show the control characters of what was typed, and say what was meant perhaps."""

    def error(self, message: str) -> NoReturn:
        hint = self._hint(message)
        if message.startswith(_NO_COMMAND):  # all commands by name would bury what is said
            message = f"there is no command {_typed(message)}"
            hint = hint or "; kubelogic --help lists the commands"
        super().error(message + hint)

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """The values of an argument. An option with an empty one is most often a variable that is not set."""
        if action.option_strings and "" in arg_strings:
            raise argparse.ArgumentError(action, "its value is empty; leave it out, or say what it is")
        return super()._get_values(action, arg_strings)

    def _hint(self, message: str) -> str:
        """What was meant, for a misspelt command or flag, or a path that is missing."""
        if "are required: PATH" in message or message.endswith(", PATH"):
            return " (a file or a directory; write - to read standard input, --live to read a cluster)"
        if "invalid choice: " in message:
            typed = [_typed(message)]
            if hint := habits.hint(typed[0].partition("=")[0]):
                return f"; {hint}"
            named = [each for each in self._actions if f"argument {argparse._get_action_name(each)}: " in message]
            choices = [name for each in named for name in each.choices or () if isinstance(name, str)]
            choices = list(dict.fromkeys(choices))
        elif message.startswith("unrecognized arguments: "):
            typed = [each for each in message.split()[2:] if each.startswith("-")][:1]
            if typed and (flag := typed[0].partition("=")[0]) in habits.HINTS:
                return f"; {habits.HINTS[flag]}"
            choices = [
                option for parser in (self, *self._commands().values()) for option in parser._option_string_actions
            ]
        else:
            return ""
        import difflib

        near = difflib.get_close_matches(typed[0].partition("=")[0], set(choices), n=2) if typed else []
        return f"; did you mean {' or '.join(near)}?" if near else ""

    def of(self, command: str) -> argparse.ArgumentParser:
        """The parser of a command."""
        below = (each.choices for each in self._actions if isinstance(each, argparse._SubParsersAction))
        found: argparse.ArgumentParser = next(below)[command]
        return found

    def _commands(self) -> dict[str, argparse.ArgumentParser]:
        """The parsers of subcommands, by name."""
        return {
            name: parser
            for action in self._actions
            if isinstance(action, argparse._SubParsersAction)
            for name, parser in action.choices.items()
        }

    def print_usage(self, file: Any = None) -> None:
        if file is not None:  # standard error may be closed: argparse would take standard output
            super().print_usage(file)

    def print_help(self, file: Any = None) -> None:
        streams.say(self.format_help().removesuffix("\n"), file)

    def _print_message(self, message: str, file: Any = None) -> None:
        if message and file is not None:
            streams.say(message.removesuffix("\n"), None if file is sys.stdout else file)


class _Whole(Parser):
    """The parser of all commands."""

    def format_help(self) -> str:
        return overview(available())


def whole_parser() -> Parser:
    """The parser with the arguments of all commands, for what tells about them."""
    return parser_of(available())[0]


def parser_of(names: Sequence[str]) -> tuple[Parser, list[Any]]:
    """The parser of all commands, with the arguments of some, and the modules of these."""
    parser = _Whole(prog="kubelogic", description=DESCRIPTION, epilog=EXITS, allow_abbrev=False, formatter_class=_Help)
    parser.add_argument("--version", action="version", version=f"kubelogic {__version__}", help=VERSION)
    subparsers = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, prog="kubelogic", parser_class=Parser
    )
    modules = []
    for name in available():
        sub = subparsers.add_parser(
            name,
            help=COMMANDS[name],
            description=COMMANDS[name],
            allow_abbrev=False,
            add_help=name in names,
            formatter_class=_CommandHelp,
            epilog="\n".join(["examples:", *(f"  {each}" for each in EXAMPLES[name])]) if name in EXAMPLES else None,
        )
        if name in names:
            module = importlib.import_module(f"kubelogic.cli.{module_of(name)}")
            module.configure(sub)
            modules.append(module)
    return parser, modules
