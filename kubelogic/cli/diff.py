"""``kubelogic diff``: what an edit changes, and which of the edits make it worse."""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from functools import partial

from kubelogic.cli import NO, UNKNOWN, YES, UsageError, common, live
from kubelogic.cli.again import again
from kubelogic.cli.options import add_options

NAME = "diff"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("old", metavar="OLD", help="before: a file, a directory, or a git revision of NEW")
    new = parser.add_argument(
        "new",
        metavar="NEW",
        help="after: a file or a directory, or - for standard input; with --live and one path, that is what is applied "
        "to the cluster, and with two the cluster is there before and after",
    )
    new.required = False
    add_options(
        parser,
        """
        --with PATH ...  what is there before and after, such as the nodes; may be given several times
        """,
        {"--with": {"dest": "common"}},
    )
    common.add_reading(parser)
    common.add_scheduling(parser)
    common.add_rules(parser)
    common.add_output(parser)
    common.add_quiet(parser)


def _sort_out(args: argparse.Namespace) -> None:
    """What is before and after: of two paths, or of one and a cluster that runs.

    Raises:
        UsageError: if there is one path and no cluster.
    """
    if args.new is None and not live.is_there(args):
        raise UsageError("the following arguments are required: NEW (or --live, to apply OLD to a cluster that runs)")
    if live.is_there(args):
        args.common = [live.PATH, *args.common]
    if args.new is None:
        args.old, args.new = live.PATH, args.old


def _check(args: argparse.Namespace) -> str:
    """The command that checks what is there after the edits."""
    paths = [each for each in (*args.common, args.new) if each != live.PATH]
    return f"kubelogic check {again(args, 'check', paths)}"


def run(args: argparse.Namespace) -> int:
    """Compare and print; 0 if nothing is worse, 1 if something is, 3 if a limit hides the answer."""
    from kubelogic.cluster import Cluster
    from kubelogic.report.diff import diff_document, render_diff
    from kubelogic.verbs.diff import diff

    _sort_out(args)
    with ExitStack() as stack, common.watching(args) as options:
        if args.old == args.new == "-":
            raise UsageError("OLD and NEW cannot both be standard input")
        stdin = common.standard_input([args.old, args.new, *args.common, *args.nodes])
        new = common.read_paths(args, [*args.common, args.new], stdin)
        if args.old in ("-", live.PATH) or os.path.exists(args.old):
            old = common.read_paths(args, [*args.common, args.old], stdin)
        else:
            from kubelogic.cli.baseline import past

            found = past(args, [args.new], args.old, stack, what="OLD")
            there = args.common or found or args.nodes
            old = common.read_paths(args, args.common, stdin, found) if there else Cluster()
        result = diff(old, new.sharing(old), options, notices=common.taken(args))
    check = _check(args)
    common.answer(args, result, partial(render_diff, check=check), partial(diff_document, check=check))
    if result.worse:
        return NO
    return UNKNOWN if result.undecided else YES
