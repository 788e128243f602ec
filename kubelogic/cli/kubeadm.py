"""``kubelogic kubeadm``: preflight for many hosts at once, phases, and the cluster that comes of them."""

from __future__ import annotations

import argparse

from kubelogic.cli import NO, UNKNOWN, YES, assigned, common, documents, streams

_ACTIONS = {
    "preflight": "what stops kubeadm on which host: its checks, and what no check of one host sees",
    "phases": "which phases run on which host, and which cannot and why",
    "init": "the cluster that init and join make of the hosts, as manifests (kubelogic plan - reads them)",
    "script": "print a script that says of the host that it runs on what the checks need",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "kubelogic kubeadm ACTION [HOSTS ...] [options]"
    told = "; ".join(f"{name}: {what}" for name, what in _ACTIONS.items())
    parser.add_argument("action", metavar="ACTION", choices=tuple(_ACTIONS), help=told)
    parser.add_argument("paths", metavar="FILE", nargs="*", help="about hosts; - for standard input")
    parser.add_argument(
        "--ignore-preflight-errors",
        action="append",
        default=[],
        metavar="CHECKS",
        help="names of checks, with commas between them, whose errors count as warnings; all for all of them",
    )
    common.add_rules(parser)
    common.add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Answer and print; 0 if kubeadm can go on everywhere, 1 if something stops it, 3 if that is not known."""
    from kubelogic.cli import UsageError
    from kubelogic.report import kubeadm as words
    from kubelogic.verbs.hosts_file import read_hosts
    from kubelogic.verbs.kubeadm import Kubeadm
    from kubelogic.verbs.kubeadm_cluster import cluster_of

    if args.action == "script":
        streams.say(words.SCRIPT.rstrip("\n"))
        return YES
    if not args.paths:
        raise UsageError("name a file about hosts; kubelogic kubeadm script prints what collects it")
    hosts = read_hosts(args.paths, common.standard_input(args.paths))
    ignored = [each.strip() for text in args.ignore_preflight_errors for each in text.split(",") if each.strip()]
    if len({each.lower() for each in ignored}) > 1 and "all" in map(str.lower, ignored):
        raise UsageError(
            "--ignore-preflight-errors: don't specify individual checks if 'all' is used, as kubeadm has it"
        )
    made = Kubeadm(hosts, ignored=ignored, rules=common.rule_directories(args), parameters=assigned.parameters(args))
    preflight, phases = made.preflight(), made.phases()
    style = common.output_style(args)
    if args.action == "preflight":
        if args.output == "text":
            streams.say(words.render_preflight(preflight, made.remarks(), style))
        else:
            documents.emit(words.preflight_document(preflight, made.remarks()), args.output)
        return {"yes": YES, "no": NO, "unknown": UNKNOWN}[preflight.verdict]
    if args.action == "phases":
        common.answer(args, phases, words.render_phases, words.phases_document)
        return NO if phases.missing else YES
    objects = cluster_of(hosts, phases)
    documents.emit({"apiVersion": "v1", "kind": "List", "items": objects}, "json" if args.output == "json" else "yaml")
    if phases.missing:
        streams.warn("\n".join(words.missing_lines(phases)))
        return NO
    return YES
