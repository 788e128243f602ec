"""``kubelogic upgrade-plan``: the order of an upgrade, version skew, and whether every drain is granted."""

from __future__ import annotations

import argparse
from functools import partial

from kubelogic.cli import NO, UNKNOWN, YES, UsageError, common
from kubelogic.cli.again import again


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.add_inputs(parser)
    parser.add_argument("--to", required=True, metavar="VERSION", help="the version that is wanted, such as 1.37")
    parser.add_argument("--from", dest="before", default="", metavar="VERSION", help="the version that runs now")
    parser.add_argument("--no-drains", action="store_true", help="leave out the proof that every node can be drained")
    common.add_rules(parser)
    common.add_scheduling(parser)
    common.add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Answer and print; 0 if the upgrade can be done as written, 1 if not, 3 if that is not known."""
    from kubelogic.report.upgrade import render_upgrade, upgrade_document
    from kubelogic.verify.upgrade import UpgradeError, upgrade_plan

    cluster = common.read_cluster(args)
    try:
        found = upgrade_plan(
            cluster, args.to, before=args.before, options=common.options(args), prove=not args.no_drains
        )
    except UpgradeError as error:
        raise UsageError(str(error)) from error
    found, named = common.noticing(found, common.taken(args)), partial(again, args)
    common.answer(args, found, partial(render_upgrade, again=named), partial(upgrade_document, again=named))
    return {"yes": YES, "no": NO, "unknown": UNKNOWN}[found.verdict]
