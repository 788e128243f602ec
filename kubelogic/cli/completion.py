"""``kubelogic completion``: what makes a shell complete commands, flags and values."""

from __future__ import annotations

import argparse

from kubelogic.cli import YES, streams

SHELLS = ("bash", "zsh", "fish")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=f"one of {', '.join(SHELLS)}")


def run(args: argparse.Namespace) -> int:
    """Print the script; always 0."""
    from kubelogic.cli.commands import program
    from kubelogic.report.completion import completion

    streams.emit_text(completion(program(), args.shell))
    return YES
