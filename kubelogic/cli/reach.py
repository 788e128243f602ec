"""``kubelogic reach``: may the one open connections to the other."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from kubelogic.cli import NO, UNKNOWN, YES, UsageError, common, streams

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "kubelogic reach FROM TO [PORT] PATH [PATH ...] [options]"
    parser.add_argument(
        "source",
        metavar="FROM",
        help="NAME, NAMESPACE/NAME or KIND/NAME of a pod, a workload or a Service; an address or block; or any",
    )
    parser.add_argument("target", metavar="TO", help="the same; PORT (80, 53/UDP, http) may follow")
    common.add_inputs(parser)
    common.add_settled(parser)
    parser.add_argument("--proof", action="store_true", help="also show the derivation of the first way that is open")
    common.add_rules(parser)
    common.add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Answer and print; 0 if there is a way, 1 if there is none, 3 if that is not known."""
    from kubelogic.report.reach import reach_document, render_reach
    from kubelogic.verbs.reach import reach
    from kubelogic.verbs.targets import UnknownPodError

    port = args.paths.pop(0) if len(args.paths) > 1 and _is_port(args.paths[0]) else ""
    if not port and _is_port(args.paths[0]) and not Path(args.paths[0]).exists():
        raise UsageError(f"{args.paths[0]} is the port; a file or a directory has to follow (- for standard input)")
    cluster, _ = common.read_cluster(args)
    try:
        found = reach(
            cluster,
            args.source,
            args.target,
            port,
            namespace=args.namespace,
            rules=common.rule_directories(args),
            parameters=common.parameters(args),
            settled=args.settled,
        )
    except UnknownPodError as error:
        raise UsageError(str(error)) from error
    if args.output == "text":
        streams.say(render_reach(found, common.output_style(args), proof=args.proof))
    else:
        common.emit(reach_document(found), args.output)
    return {"yes": YES, "no": NO, "unknown": UNKNOWN}[found.verdict]


def _is_port(text: str) -> bool:
    """Whether a word is a port and no path."""
    from kubelogic.verbs.reach import PORT

    if match := PORT.fullmatch(text):
        if not 0 < int(match["number"]) < 65536:
            raise UsageError(f"{text} is no port: ports are 1 to 65535")
        return True
    return bool(_NAME.fullmatch(text)) and not Path(text).exists()
