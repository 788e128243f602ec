"""The same input for another command: paths and flags as they were typed, quoted for the shell."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from kubelogic.cli import live
from kubelogic.cli.assigned import flags
from kubelogic.cli.common import there
from kubelogic.text.location import Fault

_READ = (
    "namespace",
    "nodes",
    "exclude",
    "strict",
    "scheduler_config",
    "keep_going",
    "live",
    "context",
    "kept",
    "scale_up",
)
"""What says which objects are there."""
_DECIDES = ("scheduler", "timeout", "horizon", "rules", "parameters")
"""What says what comes of them."""
_ASKED = ("survive", "during_rollout", "drain_all", "any_order", "invariant", "extra_nodes", "limit")
"""What verify is asked."""

_USUAL = {"namespace": "default", "scheduler": "optimal", "timeout": 60.0, "horizon": 60_000}
"""What is so where nothing is said."""

_FEW = 4
"""So many paths are written out."""


def again(
    args: argparse.Namespace,
    command: str,
    paths: Sequence[str] | None = None,
    *,
    only_nodes: bool = False,
    **changed: Any,
) -> str:
    """The paths and flags with which a command reads what was read.

    Args:
        args: of the command that was typed.
        command: the one to type next; flags that it does not have are left out.
        paths: instead of those that were typed.
        only_nodes: read the paths for their nodes alone.
        changed: flags by their name in ``args`` that are to have another value.
    """
    from kubelogic.cli.parser import parser_of

    options = {each.dest: each for each in parser_of([command])[0].of(command)._actions if each.option_strings}
    given = {**vars(args), "parameters": flags(args), **changed}
    if only_nodes:
        given["nodes"] = [*args.paths, *args.nodes]
        paths = ()
    words = list(shortened(args.paths if paths is None else paths))
    carried = (*_READ, *_DECIDES, *(_ASKED if args.command == command else ()))
    for name in carried:
        action, value = options.get(name), given.get(name)
        if action is None or value in (None, action.default, _USUAL.get(name)):
            continue
        if name == "horizon" and command == "simulate":  # the scenario says how long it goes on
            continue
        flag = action.option_strings[-1]
        if isinstance(value, bool):
            words.append(flag)
        else:
            words += (_flag(flag, name, each) for each in (value if isinstance(value, list | tuple) else [value]))
    return " ".join(words)


def piped(faults: Sequence[Fault], args: argparse.Namespace) -> list[Fault]:
    """Faults that say what to pipe into ``kubelogic plan -``, with the command that was typed instead.

    Args:
        faults: of the input.
        args: of the command, ``typed`` among them: all words of it.
    """
    return [replace(each, message=_with_command(each, args)) if _PIPE in each.message else each for each in faults]


_PIPE = "| kubelogic plan -"


def _with_command(fault: Fault, args: argparse.Namespace) -> str:
    """The message of a fault, as it was where it is not one path that standard input stands for."""
    whole = Path(fault.location.file).absolute()
    paths = [each for each in dict.fromkeys(args.paths) if Path(each).absolute().is_relative_to(whole)]
    if len(paths) != 1 or "-" in args.typed or args.typed.count(paths[0]) != 1:
        return fault.message
    typed = shlex.join(["kubelogic", *("-" if each == paths[0] else each for each in args.typed)])
    return fault.message.replace(_PIPE, f"| {typed}")


def rules(args: argparse.Namespace) -> str:
    """The flags for further rules, each after a space."""
    return "".join(f" {_flag('--rules', 'rules', each)}" for each in args.rules)


def shortened(paths: Sequence[str]) -> Iterator[str]:
    """Paths for the shell: many that are all files of an ending in their folder as a pattern."""
    groups: dict[tuple[str, str], list[str]] = {}
    for each in paths:
        groups.setdefault(_group(each), []).append(each)
    whole = {group for group, mine in groups.items() if len(paths) > _FEW and len(mine) > 1 and _all_of(mine, *group)}
    told: set[tuple[str, str]] = set()
    for each in paths:
        group = _group(each)
        if group not in whole:
            yield shlex.quote(_plain(each))
        elif group not in told:
            told.add(group)
            folder = shlex.quote(f"{group[0].rstrip('/')}/") if group[0] else "./"
            yield f"{folder}*{shlex.quote(group[1])}"


def _group(path: str) -> tuple[str, str]:
    """The folder of a file, as it was typed, and the ending of its name."""
    folder, name = os.path.split(path)
    return folder, Path(name).suffix


def _all_of(paths: Sequence[str], folder: str, ending: str) -> bool:
    """Whether paths are what a pattern of their folder and ending stands for."""
    try:
        names = [each.name for each in Path(folder or ".").iterdir()]
    except (OSError, ValueError):
        return False
    found = [each for each in names if each.endswith(ending) and not each.startswith(".")]
    return bool(ending) and sorted(Path(each).name for each in paths) == sorted(found)


def _plain(path: str) -> str:
    """A path that is not taken for a flag."""
    return f"./{path}" if path.startswith("-") and path != "-" else path


def _flag(flag: str, name: str, value: Any) -> str:
    if name == "horizon":
        text = f"{value}ms" if value % 1000 else f"{value // 1000}s"
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    between = "=" if (text.startswith("-") and text != "-") or not text else " "
    return f"{flag}{between}{shlex.quote(text)}"


def before(args: argparse.Namespace, base: Sequence[str]) -> list[str]:
    """The paths of a check with those of its bases that are files, which come first."""
    files = [each for each in base if each == "-" or there(each)]
    return [each for each in (*files, *args.paths) if each != live.PATH]
