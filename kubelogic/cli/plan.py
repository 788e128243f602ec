"""``kubelogic plan``: where every pod lands, what stays pending and why."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kubelogic.cli import NO, UNKNOWN, YES, common, documents
from kubelogic.cli.again import again
from kubelogic.report.style import PLAIN, Style

if TYPE_CHECKING:
    from kubelogic.cluster import Cluster
    from kubelogic.text import Notice
    from kubelogic.verbs.pools import Pools
    from kubelogic.verbs.reconciled import Options
    from kubelogic.verbs.results import Plan

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
    from kubelogic.verbs.plan import plan

    cluster, notices = common.read_cluster(args)
    added = None
    with common.watching(args) as options:
        if args.scale_up:
            cluster, added, more = _scaled_up(args, cluster, options)
            notices = (*notices, *more)
        result = plan(cluster, options, notices=notices, allow_moves=args.allow_moves)
    _tell(args, result, added)
    moves = result.moves
    moved = moves is not None and moves.verdict == "enough" and bool(moves.moves) and not moves.left
    if not moved and any(pod.verdict == "unknown" for pod in result.pending):
        return UNKNOWN
    pending = [] if moved and moves is not None else result.pending
    unwell = any(each.new for each in result.troubles)
    if pending or result.refusals or unwell or not result.settled:
        return NO
    return UNKNOWN if result.unsure or result.unknown else YES


def _scaled_up(
    args: argparse.Namespace, cluster: Cluster, options: Options
) -> tuple[Cluster, Pools, tuple[Notice, ...]]:
    """The cluster with the cheapest nodes for what would wait, those nodes, and what the types have to say."""
    from kubelogic.apiserver.node_types import read_node_types
    from kubelogic.verbs.pools import cheapest_pools, expecting, scaled_up

    types = read_node_types(args.scale_up, common.standard_input(args.scale_up))
    cluster = expecting(cluster, types.coming)
    added = cheapest_pools(cluster, types.types, options, pools=types.pools)
    return scaled_up(cluster, types.types, added), added, types.notices


def _tell(args: argparse.Namespace, result: Plan, added: Pools | None) -> None:
    """Print a plan and the nodes that were added for it. What a form needs is loaded for that form alone."""
    if args.output in ("json", "yaml"):
        from kubelogic.report.documents import plan_document

        documents.emit({**plan_document(result), "scaleUp": _pools_document(added)}, args.output)
    elif args.output == "html":
        from kubelogic.report.plan_page import plan_page

        documents.emit_markup(plan_page(result, first=_pools(added, PLAIN)))
    else:
        from kubelogic.report.plan import render_plan

        style = common.output_style(args)
        told = render_plan(result, style, again=partial(again, args))
        common.tell("\n\n".join([*_pools(added, style), told]), args)


def _pools(added: Pools | None, style: Style) -> list[str]:
    if added is None:
        return []
    from kubelogic.report.pools import render_pools

    return [render_pools(replace(added, notices=()), style)]


def _pools_document(added: Pools | None) -> dict[str, Any] | None:
    if added is None:
        return None
    from kubelogic.report.pools import pools_document

    return pools_document(added)
