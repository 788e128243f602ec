"""``kubelogic reach``: may the one open connections to the other."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from functools import partial

from kubelogic.cli import NO, UNKNOWN, YES, UsageError, assigned, baseline, common
from kubelogic.cli.options import add_options
from kubelogic.patterns import regex

_OTHER = regex(r"[0-9]+/(?P<protocol>[A-Za-z][-A-Za-z0-9]*)")
_NUMBER = regex(r"-?[0-9]+")
_NAME = regex(r"[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "kubelogic reach FROM TO [PORT] PATH [PATH ...] [options]"
    parser.add_argument(
        "source",
        metavar="FROM",
        help="NAME, NAMESPACE/NAME or KIND/NAME of a pod, a workload or a Service; an address or block; or any",
    )
    parser.add_argument("target", metavar="TO", help="the same; PORT (80, 53/UDP, http) may follow, or :PORT")
    common.add_inputs(parser)
    common.add_settled(parser)
    add_options(
        parser,
        """
        --only WHO ...  prove that nobody else reaches TO: those who may, as FROM, separated by commas; exit code 0
            if it is proved
        --before OLD  say what an edit changes: what was there before, as a file, a directory, or a git revision of
            the PATHs; exit code 0 if nobody reaches more or less than before, at any moment of the rollout
        --proof  also show the derivation of the first way that is open
        """,
    )
    common.add_rules(parser)
    common.add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Answer and print; 0 if there is a way, 1 if there is none, 3 if that is not known; with --only 0 if none is."""
    from kubelogic.report.reach import reach_document, render_reach
    from kubelogic.verbs.reach import reach
    from kubelogic.verbs.targets import UnknownPodError

    port = args.paths.pop(0) if len(args.paths) > 1 and _is_port(args.paths[0]) else ""
    if not port and _is_port(args.paths[0]) and not common.there(args.paths[0]):
        raise UsageError(f"{args.paths[0]} is the port; a file or a directory has to follow (- for standard input)")
    target, colon, behind = args.target.partition(":")
    if colon and ":" not in behind and not port and _is_port(behind):  # svc/web:80, as kubectl port-forward has it
        args.target, port = target, behind
    only = [name for each in args.only for name in each.split(",") if name]
    if (args.only and not only) or args.before == "":
        raise UsageError("--only and --before need a name: who may reach TO, what was there before")
    if args.before is not None:
        if only:
            raise UsageError("--only and --before are two questions: ask them one after the other")
        return _compared(args, port)
    cluster, notices = common.read_cluster(args), common.taken(args)
    try:
        found = reach(
            cluster,
            args.source,
            args.target,
            port,
            namespace=args.namespace,
            rules=common.rule_directories(args),
            parameters=assigned.parameters(args),
            settled=args.settled,
            only=only,
        )
    except UnknownPodError as error:
        raise UsageError(str(error)) from error
    found = common.noticing(found, notices)
    common.answer(args, found, partial(render_reach, proof=args.proof), reach_document)
    if only:
        return {"yes": NO, "no": YES, "unknown": UNKNOWN}[found.verdict]
    return {"yes": YES, "no": NO, "unknown": UNKNOWN}[found.verdict]


def _compared(args: argparse.Namespace, port: str) -> int:
    """Say what is other than before; 0 if nothing is, 1 if something is, 3 if that is not known."""
    from kubelogic.report.reach_changes import changes_document, render_changes
    from kubelogic.verbs.reach_changes import reach_changes
    from kubelogic.verbs.targets import UnknownPodError

    with ExitStack() as stack:
        there = [args.before] if common.there(args.before) else []
        old = [] if there else baseline.past(args, args.paths, args.before, stack, what="--before")
        stdin = common.standard_input([*args.paths, *args.nodes])
        clusters = common.read_paths(args, there, stdin, old), common.read_paths(args, args.paths, stdin)
        try:
            found = reach_changes(
                *clusters,
                (args.source, args.target, port),
                namespace=args.namespace,
                rules=common.rule_directories(args),
                parameters=assigned.parameters(args),
                settled=args.settled,
            )
        except UnknownPodError as error:
            raise UsageError(str(error)) from error
        common.answer(args, common.noticing(found, common.taken(args)), render_changes, changes_document)
    return {"yes": YES, "no": NO, "unknown": UNKNOWN}[found.verdict]


def _is_port(text: str) -> bool:
    """Whether a word is a port and no path."""
    from kubelogic.verbs.reach import PORT

    if match := PORT.fullmatch(text):
        if not 0 < int(match["number"]) < 65536:
            raise UsageError(f"{text} is no port: ports are 1 to 65535")
        return True
    if _NUMBER.fullmatch(text) and not common.there(text):
        raise UsageError(f"{text} is no port: ports are 1 to 65535")
    if (match := _OTHER.fullmatch(text)) and not common.there(text):
        raise UsageError(f"{text} is no port: the protocols with ports are TCP, UDP and SCTP, not {match['protocol']}")
    return bool(_NAME.fullmatch(text)) and not common.there(text)
