"""``kubelogic step``: let time pass in a cluster that is served."""

from __future__ import annotations

import argparse
import json

from kubelogic.cli import YES, UsageError, common, streams


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("time", type=common.duration, metavar="TIME", help="simulated time, such as 90 or 5m")
    common.add_server(parser)


def run(args: argparse.Namespace) -> int:
    """Move the clock and say where it stands; 0."""
    from kubelogic.serve.remote import RemoteError, remote

    try:
        answer = remote(args.server).send("POST", "/kubelogic/v1/clock", {"step": args.time / 1000})
    except RemoteError as error:
        raise UsageError(str(error)) from error
    streams.say(f"it is {json.loads(answer)['now']} in the cluster")
    return YES
