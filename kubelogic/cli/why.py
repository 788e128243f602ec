"""``kubelogic why``: the derivation of a fact, or what is missing for it."""

from __future__ import annotations

import argparse

from kubelogic.cli import NO, YES, assigned, common, documents, streams

NAME = "why"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("fact", metavar="FACT", help="such as \"rejects_taint('shop/cart', Node, _, _, _)\"")
    common.add_inputs(parser)
    common.add_settled(parser)
    common.add_rules(parser)
    common.add_timeout(parser)
    common.add_output(parser)
    parser.add_argument(
        "--limit", type=common.at_least_one, default=1, metavar="N", help="prove at most N rows that fit (default 1)"
    )


def run(args: argparse.Namespace) -> int:
    """Explain and print; 0 if the fact holds, 1 if not."""
    from kubelogic.report.proofs import render_why, why_document
    from kubelogic.verbs.query import why

    cluster, notices = common.read_cluster(args), common.taken(args)
    explanation = why(
        cluster,
        args.fact,
        rules=common.rule_directories(args),
        parameters=assigned.parameters(args),
        settled=args.settled,
        timeout=args.timeout,
        limit=args.limit,
    )
    explanation = common.noticing(explanation, notices)
    if args.output == "text":
        streams.say(render_why(explanation))
    else:
        documents.emit(why_document(explanation), args.output)
    return YES if explanation.refutation is None else NO
