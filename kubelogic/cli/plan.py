"""``kubelogic plan``: where every pod lands, what stays pending and why."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from kubelogic.cli import NO, UNKNOWN, YES, common, documents, scaling
from kubelogic.cli.again import again
from kubelogic.report.style import PLAIN

if TYPE_CHECKING:
    from kubelogic.verbs.pools import Pools
    from kubelogic.verbs.results import Plan

NAME = "plan"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.add_inputs(parser)
    scaling.add_scale_up(parser)
    common.add_moves(parser)
    common.add_scheduling(parser)
    common.add_rules(parser)
    common.add_output(parser, (*common.FORMATS, "html"))
    common.add_quiet(parser)


def run(args: argparse.Namespace) -> int:
    """Plan and print; 0 if all is well, 1 if pods pend, are refused, cannot run or are evicted for good, 3 if a limit
    hides the answer."""
    from kubelogic.verbs.plan import plan
    from kubelogic.verbs.troubles import counts

    cluster, notices = common.read_cluster(args), common.taken(args)
    with common.watching(args) as options:
        cluster, added, more = scaling.scaled_up(args, cluster, options)
        result = plan(cluster, options, notices=(*notices, *more), allow_moves=args.allow_moves)
    _tell(args, result, added)
    moves = result.moves
    moved = moves is not None and moves.verdict == "enough" and bool(moves.moves) and not moves.left
    if not moved and any(pod.verdict == "unknown" for pod in result.pending):
        return UNKNOWN
    pending = [] if moved and moves is not None else result.pending
    unwell = any(map(counts, result.troubles))
    lost = any(each.lost and not each.due for each in result.departures)
    if pending or result.refusals or unwell or lost or not result.settled:
        return NO
    return UNKNOWN if result.unsure or result.unknown else YES


def _tell(args: argparse.Namespace, result: Plan, added: Pools | None) -> None:
    """Print a plan and the nodes that were added for it. What a form needs is loaded for that form alone."""
    if args.output in ("json", "yaml"):
        from kubelogic.report.documents import plan_document

        documents.emit({**plan_document(result), "scaleUp": scaling.added_document(added)}, args.output)
    elif args.output == "html":
        from kubelogic.report.plan_page import plan_page

        documents.emit_markup(plan_page(result, first=scaling.added_text(added, PLAIN)))
    else:
        from kubelogic.report.plan import render_plan

        style = common.output_style(args)
        told = render_plan(result, style, again=partial(again, args))
        common.tell("\n\n".join([*scaling.added_text(added, style), told]), args)
