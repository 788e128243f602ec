"""``kubelogic plan``: where every pod lands, what stays pending and why."""

from __future__ import annotations

import argparse

from kubelogic.cli import NO, UNKNOWN, YES, common

NAME = "plan"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.add_inputs(parser)
    common.add_moves(parser)
    common.add_scheduling(parser)
    common.add_rules(parser)
    common.add_output(parser)
    common.add_quiet(parser)


def run(args: argparse.Namespace) -> int:
    """Plan and print; 0 if all is well, 1 if pods pend, are refused or cannot run, 3 if a limit hides the answer."""
    from kubelogic.report.documents import plan_document
    from kubelogic.report.plan import render_plan
    from kubelogic.verbs.plan import plan

    cluster, notices = common.read_cluster(args)
    with common.watching(args) as options:
        result = plan(cluster, options, notices=notices, allow_moves=args.allow_moves)
    if args.output == "text":
        common.tell(render_plan(result, common.output_style(args)), args)
    else:
        common.emit(plan_document(result), args.output)
    moves = result.moves
    moved = moves is not None and moves.verdict == "enough" and bool(moves.moves) and not moves.left
    if not moved and any(pod.verdict == "unknown" for pod in result.pending):
        return UNKNOWN
    pending = [] if moved and moves is not None else result.pending
    unwell = any(each.new for each in result.troubles)
    if pending or result.refusals or unwell or not result.settled:
        return NO
    return UNKNOWN if result.unsure or result.unknown else YES
