"""``kubelogic fail``: let a node of a cluster that is served fall silent, or come back."""

from __future__ import annotations

import argparse

from kubelogic.cli import YES, UsageError, common, streams


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("node", metavar="node/NAME", help="the node")
    parser.add_argument("--heal", action="store_true", help="the node is back")
    common.add_server(parser)


def run(args: argparse.Namespace) -> int:
    """Fail or heal the node; 0."""
    from kubelogic.serve.remote import RemoteError, remote

    name = args.node.removeprefix("nodes/").removeprefix("node/")
    operation = "heal" if args.heal else "fail"
    try:
        remote(args.server).send("POST", "/kubelogic/v1/perform", {"operation": operation, "node": name})
    except RemoteError as error:
        raise UsageError(str(error)) from error
    streams.say(f"node {name} is back" if args.heal else f"nothing is heard of node {name} from now on")
    return YES
