"""``kubelogic can-i``: may somebody do something; or who may."""

from __future__ import annotations

import argparse
from functools import partial

from kubelogic.cli import NO, UNKNOWN, YES, UsageError, assigned, common
from kubelogic.cli.options import add_options


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("verb", metavar="VERB", help="get, list, watch, create, update, patch, delete, ... or *")
    parser.add_argument(
        "resource", metavar="RESOURCE", help="pods, po, pods/NAME, deployments.apps, or a path: /metrics"
    )
    common.add_inputs(parser)
    add_options(
        parser,
        """
        --as USER  who: a user, or system:serviceaccount:NAMESPACE:NAME; without it all who may are listed
        --as-group GROUP ...  a group of the user
        --subresource NAME  a part of the resource, such as log or scale
        -A, --all-namespaces  in all namespaces, not only in that of -n
        --proof  also show the derivation
        """,
        {"--as": {"dest": "user", "default": ""}, "--subresource": {"default": ""}},
    )
    common.add_rules(parser)
    common.add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Answer and print; 0 if the user may (or anybody), 1 if not, 3 if roles that are not in the input may say so."""
    from kubelogic.report.can_i import can_i_document, render_can_i
    from kubelogic.verbs.can_i import EVERYWHERE, can_i
    from kubelogic.verbs.resource_names import UnknownResourceError

    if args.as_group and not args.user:
        raise UsageError("--as-group needs --as")
    cluster, notices = common.read_cluster(args), common.taken(args)
    try:
        found = can_i(
            cluster,
            args.verb,
            args.resource,
            user=args.user,
            groups=args.as_group,
            namespace=EVERYWHERE if args.all_namespaces else args.namespace,
            subresource=args.subresource,
            rules=common.rule_directories(args),
            parameters=assigned.parameters(args),
        )
    except UnknownResourceError as error:
        raise UsageError(str(error)) from error
    found = common.noticing(found, notices)
    common.answer(args, found, partial(render_can_i, proof=args.proof), can_i_document)
    return YES if found.allowed else UNKNOWN if found.unsure else NO
