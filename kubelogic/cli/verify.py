"""``kubelogic verify``: what holds whatever happens to a cluster, and the shortest run where it does not."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from kubelogic.cli import NO, UNKNOWN, YES, UsageError, common

if TYPE_CHECKING:
    from kubelogic.verify.results import Verification

_CODES = {"holds": YES, "broken": NO, "unknown": UNKNOWN}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.add_inputs(parser)
    parser.add_argument(
        "--survive",
        default="",
        metavar="WHAT",
        help="node:1 (any one node fails), node:2, zone:1, region:1, label:KEY, label:KEY:2",
    )
    parser.add_argument(
        "--during-rollout",
        default="",
        metavar="WORKLOAD",
        help="a workload such as deploy/web is rolled out anew meanwhile; with --survive at every moment of it",
    )
    parser.add_argument(
        "--drain-all", action="store_true", help="an order in which every node can be drained, or why there is none"
    )
    parser.add_argument(
        "--any-order",
        action="store_true",
        help="all pods get a place in whatever order they come and however kube-scheduler breaks ties",
    )
    parser.add_argument(
        "--invariant",
        action="append",
        default=[],
        metavar="NAME|FILE",
        help="what has to hold: a name such as every_pod_placed or never_fewer_ready_than=2, or a rule file (.dl) that "
        "derives violates(...); may be given several times",
    )
    parser.add_argument(
        "--extra-nodes", type=_count, default=0, metavar="N", help="with N more nodes of each type (surge)"
    )
    parser.add_argument(
        "--limit", type=_limit, default=0.0, metavar="SECONDS", help="end the search after so long: unknown, exit 3"
    )
    parser.add_argument("--write", metavar="DIR", help="keep a counter-example as files: scenario.yaml, objects.yaml")
    common.add_scheduling(parser)
    common.add_rules(parser)
    common.add_output(parser)
    common.add_quiet(parser)


def run(args: argparse.Namespace) -> int:
    """Verify and print; 0 if it holds, 1 if it is broken, 3 if a limit hides the answer."""
    from kubelogic.report.verification import render_verification, verification_document
    from kubelogic.verbs.targets import UnknownPodError
    from kubelogic.verify.cases import WrongSurvivalError
    from kubelogic.verify.invariants import UnknownInvariantError
    from kubelogic.verify.verifying import Question, WrongQuestionError, verify

    for each in args.invariant:
        if each.endswith(".dl") and not Path(each).is_file():
            raise UsageError(f"--invariant {each}: no such file")
    cluster, _ = common.read_cluster(args)
    try:
        question = Question(
            survive=args.survive,
            during_rollout=args.during_rollout,
            drain_all=args.drain_all,
            any_order=args.any_order,
            invariants=tuple(args.invariant),
            extra_nodes=args.extra_nodes,
            limit=args.limit,
        )
        with common.watching(args) as options:
            found = verify(cluster, question, options)
    except (WrongSurvivalError, UnknownInvariantError, WrongQuestionError, UnknownPodError) as error:
        raise UsageError(str(error)) from error
    if args.write:
        _write(found, Path(args.write))
    if args.output == "text":
        common.tell(render_verification(found, common.output_style(args)), args)
    else:
        common.emit(verification_document(found), args.output)
    return _CODES[found.verdict]


def _write(found: Verification, where: Path) -> None:
    from kubelogic.report.verification import documents_text, scenario_text

    if found.counterexample is None:
        return
    files = {}
    if found.counterexample.steps:
        files["scenario.yaml"] = scenario_text(found.counterexample.steps)
    if found.counterexample.objects:
        files["objects.yaml"] = documents_text(list(found.counterexample.objects))
    try:
        where.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (where / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--write {where}: {(error.strerror or str(error)).lower()}") from error


def _count(text: str) -> int:
    value = common.whole(text)
    if value is None or value > 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of nodes from 0 to 100")
    return value


def _limit(text: str) -> float:
    found = common.whole(text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return float(found)
