"""``kubelogic version``: which kubelogic this is."""

from __future__ import annotations

import argparse
import platform

from kubelogic import __version__
from kubelogic.cli import YES, common, documents, streams


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Print; always 0."""
    python = platform.python_version()
    if args.output == "text":
        streams.say(f"kubelogic {__version__} (Python {python})")
    else:
        documents.emit({"schemaVersion": 1, "kind": "Version", "kubelogic": __version__, "python": python}, args.output)
    return YES
