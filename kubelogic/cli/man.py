"""``kubelogic man``: the man page."""

from __future__ import annotations

import argparse

from kubelogic import __version__
from kubelogic.cli import EXIT_CODES, YES, streams


def configure(parser: argparse.ArgumentParser) -> None:
    """It takes no arguments."""


def run(args: argparse.Namespace) -> int:  # noqa: ARG001 - every command takes them
    """Print the page, as roff; always 0."""
    from kubelogic.cli.commands import program
    from kubelogic.report.commands import manual

    streams.emit_text(manual(program(), EXIT_CODES, __version__).removesuffix("\n"))
    return YES
