"""The command line: one module per command; each parses, calls one function, prints.

A command module has ``configure(parser)`` and ``run(args) -> exit code``. Only the module of the command that
was typed is imported, so ``--help`` stays quick.

Exit codes: 0 yes; 1 no; 2 bad input or usage; 3 unknown (a limit was reached).
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Sequence

from kubelogic import __version__

YES, NO, BAD_INPUT, UNKNOWN = 0, 1, 2, 3


_COLLECT_AFTER = 5_000_000
"""New objects after which cyclic garbage is looked for. A command makes millions of values and next to no cycles:
none while it plans 5,000 pods. Python's default of 700 would spend a third of its time on looking."""


class UsageError(Exception):
    """The arguments make no sense together, or name something that is not in the input."""


COMMANDS = {
    "plan": "reconcile until settled: where every pod lands, what stays pending and why",
    "explain": "why a pod is pending, or why it is where it is",
    "check": "gate for CI: valid, placeable, invariants hold",
    "simulate": "run the control plane through failures, drains and changes",
    "verify": "prove that a cluster survives what may happen to it",
    "capacity": "how many more of a pod fit; the fewest nodes that hold everything",
    "diff": "what an edit changes",
    "query": "ask the rulebook: all rows of a relation",
    "why": "the derivation of a fact, or what is missing for it",
    "rules": "list, check and document the rules",
}
"""Every command with its line of help. One whose module does not exist is not offered."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    thresholds = gc.get_threshold()
    gc.set_threshold(_COLLECT_AFTER, *thresholds[1:])
    try:
        return _dispatch(arguments)
    except BrokenPipeError:
        # The reader of our output has gone; nothing is wrong. Keep the interpreter from flushing into it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return YES
    except KeyboardInterrupt:
        return 130
    finally:
        gc.set_threshold(*thresholds)


def _dispatch(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="kubelogic",
        description="A Kubernetes control plane written as logic: plan, explain and prove placements, offline.",
        epilog="exit codes: 0 yes; 1 no (pods pending, findings); 2 bad input or usage; 3 unknown (limit reached)",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"kubelogic {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    typed = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name in _available():
        sub = subparsers.add_parser(name, help=COMMANDS[name], description=COMMANDS[name], allow_abbrev=False)
        if name == typed:
            importlib.import_module(f"kubelogic.cli.{name}").configure(sub)
    args = parser.parse_args(arguments)
    return _guarded(args)


def _available() -> list[str]:
    """The commands whose module is there, in the order of the table."""
    here = {entry.removesuffix(".py") for entry in os.listdir(os.path.dirname(__file__))}  # noqa: PTH120, PTH208
    return [name for name in COMMANDS if name in here]


def _guarded(args: argparse.Namespace) -> int:
    """Run the command; turn what the user can mend into a message and exit code 2."""
    from kubelogic.logic.errors import RuleErrors
    from kubelogic.report.faults import render_faults, render_rule_faults
    from kubelogic.report.style import style_for
    from kubelogic.text.location import InputError

    style = style_for(sys.stderr, no_color=getattr(args, "no_color", False))
    try:
        code: int = importlib.import_module(f"kubelogic.cli.{args.command}").run(args)
    except InputError as error:
        print(render_faults(error.faults, style), file=sys.stderr)
        return BAD_INPUT
    except RuleErrors as error:
        print(render_rule_faults(error.faults, style), file=sys.stderr)
        return BAD_INPUT
    except UsageError as error:
        print(f"kubelogic {args.command}: {error}", file=sys.stderr)
        return BAD_INPUT
    return code


if __name__ == "__main__":
    sys.exit(main())
