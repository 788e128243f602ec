"""``kubelogic query``: ask the rulebook."""

from __future__ import annotations

import argparse

from kubelogic.cli import NO, YES, assigned, common

NAME = "query"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("atom", metavar="ATOM", help="such as \"pod_node(Pod, 'n1')\"; see `kubelogic rules list`")
    common.add_inputs(parser)
    common.add_settled(parser)
    common.add_rules(parser)
    common.add_timeout(parser)
    common.add_output(parser)
    parser.add_argument(
        "--engine",
        choices=("compiled", "pydatalog"),
        default="compiled",
        help="who resolves the question: compiled joins (default) or pyDatalog; the rows are the same",
    )


def run(args: argparse.Namespace) -> int:
    """Ask and print; 0 if anything fits, 1 if nothing does."""
    from kubelogic.report.proofs import answer_document, render_answer
    from kubelogic.verbs.query import query

    cluster, notices = common.read_cluster(args), common.taken(args)
    found = query(
        cluster,
        args.atom,
        rules=common.rule_directories(args),
        parameters=assigned.parameters(args),
        settled=args.settled,
        timeout=args.timeout,
        engine=args.engine,
    )
    common.answer(args, common.noticing(found, notices), render_answer, answer_document)
    return YES if found.rows else NO
