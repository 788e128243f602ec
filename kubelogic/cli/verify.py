"""``kubelogic verify``: what holds whatever happens to a cluster, and the shortest run where it does not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kubelogic.cli import NO, UNKNOWN, YES, UsageError, assigned, common, documents, streams
from kubelogic.cli.again import again
from kubelogic.cli.options import add_options

if TYPE_CHECKING:
    from kubelogic.verify.results import Verification
    from kubelogic.verify.verifying import Question

_CODES = {"holds": YES, "broken": NO, "unknown": UNKNOWN}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.add_inputs(parser)
    add_options(
        parser,
        """
        --survive WHAT  node:1 (any one node fails), node:2, zone:1, region:1, label:KEY, label:KEY:2
        --during-rollout WORKLOAD  a workload such as deploy/web is rolled out anew meanwhile; with --survive at
            every moment of it
        --drain-all  an order in which every node can be drained, or why there is none
        --any-order  all pods get a place in whatever order they come and however kube-scheduler breaks ties
        --invariant NAME|FILE ...  what has to hold: a name such as every_pod_placed or never_fewer_ready_than=2, or
            a rule file (.dl) that derives violates(...); may be given several times
        --extra-nodes N  with N more nodes of each type (surge)
        --limit SECONDS  end the search (of each cluster) after so long: unknown, exit 3 (default: as --timeout)
        --write DIR  keep a counter-example as files: scenario.yaml, objects.yaml
        """,
        {"--extra-nodes": {"type": _count, "default": 0}, "--limit": {"type": _limit, "default": 0.0}},
    )
    _add_sweep(parser)
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
    from kubelogic.verify.verifying import WrongQuestionError, verify

    limit, timeout = args.limit, args.timeout
    args.limit = limit or timeout
    args.timeout = max(timeout, args.limit)
    typed = partial(again, args, limit=limit, timeout=timeout)
    for each in args.invariant:
        if each.endswith(".dl") and not common.there(each):
            raise UsageError(f"--invariant {each}: no such file")
    if args.each:
        return _swept(args, typed)
    for option in ("with", "jobs", "memory", "engine", "results"):
        if getattr(args, "shared" if option == "with" else option):
            raise UsageError(f"--{option} is for many clusters: give --each, too")
    cluster, notices = common.read_cluster(args), common.taken(args)
    try:
        question = _question(args)
        with common.watching(args) as options:
            found = verify(cluster, question, options, notices=notices)
    except (WrongSurvivalError, UnknownInvariantError, WrongQuestionError, UnknownPodError) as error:
        raise UsageError(str(error)) from error
    if args.write:
        _write(found, Path(args.write))
    render = partial(render_verification, again=typed, kept=args.write or "")
    common.answer(args, found, render, verification_document)
    return _CODES[found.verdict]


def _question(args: argparse.Namespace) -> Question:
    from kubelogic.verify.verifying import Question

    return Question(
        survive=args.survive or "",
        during_rollout=args.during_rollout or "",
        drain_all=args.drain_all,
        any_order=args.any_order,
        invariants=tuple(args.invariant),
        extra_nodes=args.extra_nodes,
        limit=args.limit,
    )


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("many clusters")
    group.add_argument(
        "--each", action="store_true", help="each PATH is a cluster of its own, on all cores; one row for each"
    )
    group.add_argument("--with", action="append", default=[], dest="shared", metavar="PATH", help="is part of each")
    group.add_argument("--jobs", type=_count, default=0, metavar="N", help="so many at a time (default: all cores)")
    group.add_argument("--memory", default="", metavar="SIZE", help="of one process, such as 2Gi; more is unknown")
    group.add_argument(
        "--engine",
        default="",
        metavar="ENGINE",
        help="an existing cluster instead of this machine: dask:ADDRESS, ray:ADDRESS, ray://ADDRESS",
    )
    group.add_argument(
        "--results", metavar="FILE", help="keep results as they come (JSON lines); what is in it is not done again"
    )


def _swept(args: argparse.Namespace, typed: Callable[..., str]) -> int:
    """Ask the same of many clusters."""
    from kubelogic.kinds import quantity
    from kubelogic.report.sweep import render_sweep, sweep_document
    from kubelogic.verify.invariants import UnknownInvariantError, named
    from kubelogic.verify.job import Job
    from kubelogic.verify.sweep import UnknownEngineError, sweep
    from kubelogic.verify.sweep import named as engine_of
    from kubelogic.verify.verifying import WrongQuestionError

    try:
        memory = int(quantity.parse(args.memory)) if args.memory else 0
    except ValueError as error:
        raise UsageError(f"--memory takes a size such as 2Gi, not {args.memory!r}") from error
    if args.memory and memory <= 0:
        raise UsageError(f"--memory takes a size above 0, such as 2Gi, not {args.memory!r}")
    if args.live or args.kept or args.context:
        raise UsageError("--each reads files, not a cluster: kubelogic snapshot -o FILE makes one of it")
    if args.write:
        raise UsageError("--write keeps the counter-example of one cluster: leave --each out")
    if "-" in (*args.paths, *args.shared, *args.nodes, args.scheduler_config):
        raise UsageError("--each reads files, not standard input")
    try:
        for each in args.invariant:
            if not each.endswith(".dl"):
                named(each)
        question = _question(args)
        str(question)
        jobs = [
            Job(
                name=path,
                paths=(path, *args.shared),
                question=question,
                namespace=args.namespace,
                nodes=tuple(args.nodes),
                exclude=tuple(args.exclude),
                strict=args.strict,
                keep_going=args.keep_going,
                default_storage_class=assigned.default_storage_class(args),
                scheduler_config=args.scheduler_config or "",
                scheduler=args.scheduler,
                rules=tuple(map(str, common.rule_directories(args))),
                parameters=tuple(sorted(assigned.parameters(args).items())),
                timeout=args.timeout,
                horizon=args.horizon,
                memory=memory,
            )
            for path in args.paths
        ]
        where = Path(args.results) if args.results else None
        found = sweep(jobs, engine_of(args.engine, args.jobs), results=where, progress=_progress())
    except (ValueError, UnknownInvariantError, UnknownEngineError, WrongQuestionError) as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"--results {args.results}: {(error.strerror or str(error)).lower()}") from error
    for each in found:
        for fault in each.get("refused", ()):
            streams.warn(f"{each['name']}: left out: {fault}")
    if args.output == "text":
        one = partial(_of_one, args, typed)
        common.tell(render_sweep(str(question), found, common.output_style(args), again=one), args)
    else:
        documents.emit(sweep_document(str(question), found), args.output)
    verdicts = {each["verdict"] for each in found}
    for verdict, code in (("invalid", 2), ("broken", NO), ("unknown", UNKNOWN)):
        if verdict in verdicts:
            return code
    return YES


def _of_one(args: argparse.Namespace, typed: Callable[..., str], path: str) -> str:
    """What asks the same of one of the clusters."""
    return typed("verify", [path, *args.shared])


def _progress() -> Callable[[int, int], None] | None:
    """Writes how many are done to the terminal, where there is one."""
    if sys.stderr is None or not sys.stderr.isatty():
        return None

    def show(done: int, most: int) -> None:
        bar = "#" * (20 * done // max(1, most))
        sys.stderr.write(f"\r\033[K[{bar:20}] {done} of {most}" if done < most else "\r\033[K")
        sys.stderr.flush()

    return show


def _write(found: Verification, where: Path) -> None:
    from kubelogic.report.verification import documents_text, scenario_text

    if found.counterexample is None:
        return
    files = {}
    if found.counterexample.steps:
        files["scenario.yaml"] = scenario_text(found.counterexample.steps, found.counterexample.horizon)
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
