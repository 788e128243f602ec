"""``kubelogic plan``: where every pod lands, what stays pending and why."""

from __future__ import annotations

import argparse

from msgspec.structs import replace

from kubelogic.cli import NO, UNKNOWN, YES, common, streams

NAME = "plan"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.add_inputs(parser)
    parser.add_argument(
        "--scale-up",
        action="append",
        default=[],
        metavar="POOL|FILE",
        help="first add the cheapest nodes for what would wait, of types that can be had (see capacity --pools)",
    )
    common.add_moves(parser)
    common.add_scheduling(parser)
    common.add_rules(parser)
    common.add_output(parser, (*common.FORMATS, "html"))
    common.add_quiet(parser)


def run(args: argparse.Namespace) -> int:
    """Plan and print; 0 if all is well, 1 if pods pend, are refused or cannot run, 3 if a limit hides the answer."""
    from kubelogic.apiserver.node_types import read_node_types
    from kubelogic.report.documents import plan_document
    from kubelogic.report.plan import render_plan
    from kubelogic.report.pools import pools_document, render_pools
    from kubelogic.verbs.plan import plan
    from kubelogic.verbs.pools import cheapest_pools, scaled_up

    cluster, notices = common.read_cluster(args)
    types = read_node_types(args.scale_up, common.standard_input(args.scale_up)) if args.scale_up else None
    with common.watching(args) as options:
        added = cheapest_pools(cluster, types.types, options) if types is not None else None
        if types is not None and added is not None:
            cluster, notices = scaled_up(cluster, types.types, added), (*notices, *types.notices)
        result = plan(cluster, options, notices=notices, allow_moves=args.allow_moves)
    style = common.output_style(args)
    if args.output == "html":
        from kubelogic.report.plan_page import plan_page

        streams.emit_text(
            plan_page(result, first=[render_pools(replace(added, notices=()))] if added is not None else [])
        )
    elif args.output == "text":
        first = [render_pools(replace(added, notices=()), style)] if added is not None else []
        common.tell("\n\n".join([*first, render_plan(result, style)]), args)
    else:
        first_document = pools_document(added) if added is not None else None
        common.emit({**plan_document(result), "scaleUp": first_document}, args.output)
    moves = result.moves
    moved = moves is not None and moves.verdict == "enough" and bool(moves.moves) and not moves.left
    if not moved and any(pod.verdict == "unknown" for pod in result.pending):
        return UNKNOWN
    pending = [] if moved and moves is not None else result.pending
    unwell = any(each.new for each in result.troubles)
    if pending or result.refusals or unwell or not result.settled:
        return NO
    return UNKNOWN if result.unsure or result.unknown else YES
