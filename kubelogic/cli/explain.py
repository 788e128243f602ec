"""``kubelogic explain``: why a pod is pending, why it is where it is, why it is not on a certain node."""

from __future__ import annotations

import argparse

from kubelogic.cli import NO, UNKNOWN, YES, UsageError, common, streams


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("pod", metavar="POD", help="namespace/name of a pod or of its workload")
    common.add_inputs(parser)
    parser.add_argument("--node", metavar="NODE", help="why not on this node")
    parser.add_argument("--event", metavar="TEXT", help="a line of kube-scheduler, mapped to the nodes of the cluster")
    common.add_scheduling(parser)
    common.add_rules(parser)
    common.add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Explain and print; 0 if the pod has a node, 1 if not, 3 if a limit hides the answer."""
    from kubelogic.explain.message import read
    from kubelogic.report.explanation import explanation_document, render_explanation
    from kubelogic.verbs.explain import UnknownPodError, explain

    event = read(args.event) if args.event else None
    if args.event and event is None:
        raise UsageError("--event takes a line such as '0/5 nodes are available: 5 Insufficient cpu.'")
    cluster, _ = common.read_cluster(args)
    if args.node and cluster.get("Node", args.node) is None:
        raise UsageError(f"--node {args.node}: there is no such node")
    try:
        with common.watching(args) as options:
            found = explain(cluster, args.pod, options)
    except UnknownPodError as error:
        raise UsageError(str(error)) from error
    if args.output == "text":
        streams.say(render_explanation(found, common.output_style(args), node=args.node or "", event=event))
    else:
        common.emit(explanation_document(found), args.output)
    if found.verdict == "placed":
        return YES
    return UNKNOWN if found.verdict == "unknown" else NO
