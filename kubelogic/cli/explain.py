"""``kubelogic explain``: why a pod is pending or where it is; a workload, a node, a Service; what a code means."""

from __future__ import annotations

import argparse
import difflib
from functools import partial
from typing import TYPE_CHECKING

from kubelogic.cli import NO, UNKNOWN, YES, UsageError, assigned, common, documents, scaling, streams
from kubelogic.cli.again import again, rules
from kubelogic.cli.options import add_options
from kubelogic.patterns import regex
from kubelogic.report.style import PLAIN

if TYPE_CHECKING:
    from kubelogic.explain.events import Pasted
    from kubelogic.verbs.about import About


_NUMBER = regex("[0-9]{3}")
"""A code without its letters."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "pod",
        metavar="WHAT",
        help="NAME, NAMESPACE/NAME or KIND/NAME of a pod, a workload, a node or a Service; or a code such as KL206",
    )
    common.add_inputs(parser)
    scaling.add_scale_up(parser)
    add_options(
        parser,
        """
        --node NODE  why not on this node
        --drain  of a node: what a drain needs, in which order its pods go, what blocks it
        --repairs N  show so many repairs; without it the cheapest of each kind and owner
        --event TEXT  a line of kube-scheduler or an autoscaler, mapped to the nodes of the cluster
        """,
        {"--repairs": {"type": common.at_least_one}},
    )
    common.add_scheduling(parser)
    common.add_rules(parser)
    common.add_output(parser, (*common.FORMATS, "html"))
    common.add_quiet(parser)


def prepared(arguments: list[str]) -> list[str]:
    """The arguments with a path for a code, which needs none, and with KIND NAME as the one word KIND/NAME."""
    from kubelogic.kinds.codes import FORM
    from kubelogic.verbs.targets import CODE, KINDS

    plain = [each for each in arguments[1:] if not each.startswith("-")]
    if len(plain) == 1 and "-" not in arguments:
        code = f"KL{plain[0]}" if _NUMBER.fullmatch(plain[0]) and not common.there(plain[0]) else plain[0]
        if CODE.match(code):
            return [*(code.upper() if each == plain[0] else each for each in arguments), "-"]
    if any(FORM.fullmatch(each) and (CODE.match(each) or not common.there(each)) for each in plain):
        return [*arguments, "-"]
    for number, each in enumerate(arguments[1:-1], start=1):
        name = arguments[number + 1]
        if each.partition(".")[0].lower() not in KINDS or _takes_next(arguments[number - 1]):
            continue
        if not name.startswith("-") and not common.there(name) and len(plain) > 2:
            return [*arguments[:number], f"{each}/{name}", *arguments[number + 2 :]]
    return arguments


def _takes_next(argument: str) -> bool:
    """Whether an argument is an option whose value is the next one: ``-n``, but not ``-nshop`` and ``--drain``."""
    if not argument.startswith("-") or argument == "-":
        return False
    own = argparse.ArgumentParser()
    configure(own)
    action = own._option_string_actions.get(argument)
    return action is not None and action.nargs != 0


def _one_at_a_time(args: argparse.Namespace) -> None:
    """Refuse a second object or code, which would be taken for a path."""
    from kubelogic.verbs.targets import CODE, KINDS

    several = args.pod.split(",")[1:]  # as kubectl divides kinds
    for each in (*several, *args.paths):
        kind, slash, _ = each.partition("/")
        is_object = bool(slash) and kind.partition(".")[0].lower() in KINDS
        if (is_object or each in several or CODE.match(each)) and not common.there(each):
            raise UsageError(f"it tells of one at a time: ask of {each} by itself")


def run(args: argparse.Namespace) -> int:
    """Explain and print; 0 if all pods that are asked about have a node, 1 if not, 3 if a limit hides the answer."""
    from kubelogic.kinds.codes import FORM
    from kubelogic.report.about import render_about
    from kubelogic.verbs.about import NodeExplanation, explain_any
    from kubelogic.verbs.targets import UnknownPodError, near_nodes, node_name

    _one_at_a_time(args)
    if FORM.fullmatch(args.pod):
        return _code(args)
    if common.there(args.pod) and len(args.paths) == 1 and args.paths != ["-"] and not common.there(args.paths[0]):
        raise UsageError(f"what to explain comes first: kubelogic explain {args.paths[0]} {args.pod}")
    event = _event(args.event)
    if args.event is not None and event is None:
        raise UsageError(
            "--event takes a line of a scheduler or autoscaler about a pod without a node, such as "
            "'0/5 nodes are available: 5 Insufficient cpu.' or 'no nodes available to schedule pods'"
        )
    cluster, notices = common.read_cluster(args), common.taken(args)
    try:
        with common.watching(args) as options:
            cluster, added, more = scaling.scaled_up(args, cluster, options)
            node = node_name(cluster, args.node) if args.node else ""
            if args.node and not node:
                near = near_nodes(cluster, args.node)
                hint = f"; did you mean {', '.join(near)}?" if near else ""
                raise UsageError(f"--node {args.node}: there is no such node{hint}")
            found = explain_any(
                cluster,
                args.pod,
                options,
                namespace=args.namespace,
                most_repairs=args.repairs,
                drained=args.drain,
            )
    except UnknownPodError as error:
        raise UsageError(str(error)) from error
    if args.drain and not isinstance(found, NodeExplanation):
        raise UsageError(f"--drain is about a node: kubelogic explain node/NAME --drain; {args.pod} is none")
    found = common.noticing(found, (*notices, *more))
    if args.output == "html":
        from kubelogic.report.explanation_page import explanation_page

        documents.emit_markup(explanation_page(found, first=scaling.added_text(added, PLAIN)))
    elif args.output != "text":
        from kubelogic.report.explanation_documents import about_document

        first = {"scaleUp": scaling.added_document(added)} if added is not None else {}
        documents.emit({**about_document(found), **first}, args.output)
    else:
        style = common.output_style(args)
        told = render_about(found, style, node=node, event=event, again=partial(again, args))
        common.tell("\n\n".join([*scaling.added_text(added, style), told]), args)
    return _exit_code(found)


def _event(text: str | None) -> Pasted | None:
    if text is None:
        return None
    from kubelogic.explain.events import read

    return read(text)


def _exit_code(found: About) -> int:
    from kubelogic.verbs.about import NodeExplanation, ServiceExplanation, WorkloadExplanation

    match found:
        case WorkloadExplanation():
            verdicts = {each.verdict for each in found.pending} | ({found.pod.verdict} if found.pod else set())
            if "unknown" in verdicts:
                return UNKNOWN
            bad = found.pending or found.refused or found.uncreated or found.gone or found.unwell
            return NO if bad else UNKNOWN if found.absent or found.unprinted else YES
        case NodeExplanation():
            if found.drain is not None and found.drain.unsure:
                return UNKNOWN
            return YES if found.drain is None or found.drain.works else NO
        case ServiceExplanation():
            return YES if found.ready and not found.remarks else NO
        case _:
            if found.verdict == "placed":
                return NO if found.unwell else YES
            return UNKNOWN if found.verdict == "unknown" else NO


def _code(args: argparse.Namespace) -> int:
    from kubelogic.facts.rulebook import load_rulebook
    from kubelogic.report.codes import code_document, known_codes, render_code

    book = load_rulebook(common.rule_directories(args), assigned.parameters(args))
    document = code_document(book, args.pod)
    if document is None:
        near = difflib.get_close_matches(args.pod, known_codes(book), n=3)
        hint = (
            f"did you mean {', '.join(near)}?"
            if near
            else "docs/reference/codes lists them, and --rules reads your own"
        )
        raise UsageError(f"there is no code {args.pod}; {hint}")
    if args.output in ("text", "html"):
        streams.say(render_code(document, rules(args)))
    else:
        documents.emit(document, args.output)
    return YES
