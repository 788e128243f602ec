"""``kubelogic demo``: a plan and an explanation of a small shop that comes with the program."""

from __future__ import annotations

import argparse
import shlex
import shutil
from pathlib import Path

from kubelogic import cli
from kubelogic.cli import NO, YES, UsageError, common, streams


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--copy", metavar="DIR", help="first copy the manifests of the shop there, to change them")
    parser.add_argument("--no-color", action="store_true", help="plain text even on a terminal")
    common.add_quiet(parser)


def run(args: argparse.Namespace) -> int:
    """Run the commands of the demo and print each before what it prints; 0 if all answer.

    Raises:
        UsageError: if the manifests cannot be copied.
    """
    folder = _shop()
    if args.copy is not None:
        if not args.copy:
            raise UsageError("--copy names no folder")
        try:
            shutil.copytree(folder, args.copy)
        except OSError as error:
            raise UsageError(f"--copy {args.copy}: {(error.strerror or 'it cannot be made').lower()}") from error
        folder = Path(args.copy)
    for command in (["plan", str(folder)], ["explain", "shop/fraud", str(folder)]):
        streams.say(f"$ kubelogic {shlex.join(command)}\n")
        looks = [*(["--no-color"] if args.no_color else []), *(["-q"] if args.quiet else [])]
        code = cli.answer([*command, *looks])
        if code not in (YES, NO):
            return code
        streams.say("")
    if not args.copy:
        streams.say("To change it and plan again: kubelogic demo --copy shop; then kubelogic plan shop --watch")
    return YES


def _shop() -> Path:
    """The manifests, in a checkout as well as installed.

    Raises:
        FileNotFoundError: if the installation is damaged.
    """
    package = Path(__file__).resolve().parent.parent
    for candidate in (package / "_demo", package.parent / "fixtures" / "shop"):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError("the manifests of the demo are missing from this installation")
