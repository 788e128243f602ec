"""``kubelogic simulate``: the control plane through failures, drains and changes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kubelogic.cli import NO, UNKNOWN, YES, UsageError, common, documents
from kubelogic.cli.options import add_options

if TYPE_CHECKING:
    from kubelogic.cluster import Cluster
    from kubelogic.reconcile.scenario import Scenario

NAME = "simulate"
_CLEAR_LINE = "\r\033[K"
_WORDS = ("fail", "heal", "reboot", "drain", "cordon", "uncordon")
_MEANS = {
    "fail": "nothing is heard of the node from then on",
    "heal": "the node is back",
    "reboot": "the node is away for a minute, and its containers start anew",
    "drain": "the node is cordoned and its pods are evicted",
    "cordon": "the node takes no new pods",
    "uncordon": "the node takes pods again",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.add_inputs(parser)
    common.add_scheduler(parser)
    common.add_rules(parser)
    common.add_output(parser, (*common.FORMATS, "html"))
    common.add_quiet(parser)
    for word in _WORDS:
        parser.add_argument(
            f"--{word}", action=_Event, default=[], dest="events", metavar="NODE[@TIME]", help=_MEANS[word]
        )
    add_options(
        parser,
        """
        --about OBJECT  show what happens to one object, such as deployment/web
        --scenario FILE  what happens when, and what is expected (YAML or JSON; docs/reference/scenarios.md)
        --horizon TIME  simulated time to look ahead, such as 90 or 10m (default: until nothing happens any more;
            with CronJobs or autoscalers 7 days after the last step)
        --start TIME  when the clock starts, such as 2026-11-01T08:00Z (default: the newest moment that the input
            mentions, or 2026-11-02T00:00Z)
        """,
        {"--about": {"default": ""}, "--horizon": {"type": common.duration}, "--start": {"type": _moment}},
    )


def _moment(text: str) -> int:
    """Milliseconds since 1970 of a moment on the command line."""
    from kubelogic.cluster.clock import milliseconds

    try:
        found = milliseconds(text)
    except (ValueError, TypeError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no moment such as 2026-11-01T08:00Z") from None
    if found < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is before 1970, where the clock begins")
    return found


class _Event(argparse.Action):
    """Collects ``--fail n1@30s`` and the like, in the order in which they were typed."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 - argparse passes it
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        word = (option_string or "").removeprefix("--")
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), (word, str(values))])


def run(args: argparse.Namespace) -> int:
    """Simulate and print; 0 if all is well at the end and as expected, 1 if not or if nothing settles.

    3 if the time limit was over before the end, and nothing that had happened by then is a no already.
    """
    from kubelogic.report.simulation import render_simulation, simulation_document
    from kubelogic.verbs.missing import NO_NODES
    from kubelogic.verbs.simulate import SimulationOptions, simulate
    from kubelogic.verbs.targets import UnknownPodError

    cluster, notices = common.read_cluster(args), common.taken(args)
    scenario = _scenario(args, cluster)
    args.horizon = 0
    how = SimulationOptions(
        options=common.options(args),
        progress=_progress(),
        start=args.start,
        about=args.about,
        namespace=args.namespace,
    )
    try:
        result = simulate(cluster, scenario, how, notices=notices)
    except UnknownPodError as error:
        raise UsageError(f"--about {args.about}: {error}") from None
    if how.progress is not None:
        sys.stderr.write(_CLEAR_LINE)
    if args.output == "html":
        from kubelogic.report.simulation_page import simulation_page

        documents.emit_markup(simulation_page(result))
    else:
        common.answer(args, result, render_simulation, simulation_document)
    if NO_NODES in result.final.unknown:
        return UNKNOWN
    waiting = any(each.waiting for each in result.run.restarts)
    lacking = result.final.pending or result.final.refusals or waiting
    if not result.run.settled and result.run.cycle:
        return NO
    if result.run.given_up is not None:
        return NO if any(each.kind in ("Expectation", "Step") for each in result.not_well) else UNKNOWN
    if result.not_well or lacking or any(not each.complete for each in result.run.rollouts):
        return NO
    return YES if result.run.settled and not result.final.unknown else UNKNOWN


def _scenario(args: argparse.Namespace, cluster: Cluster) -> Scenario:
    from kubelogic.reconcile.scenario import Event, Scenario
    from kubelogic.verbs.reconciled import starting_moment
    from kubelogic.verbs.scenario_fields import WrongFieldError, from_start, no_time
    from kubelogic.verbs.scenario_file import node_operation, read_scenario
    from kubelogic.verbs.scenario_objects import check_objects

    start = starting_moment(cluster, args.start)
    typed: list[Event] = []
    for word, text in args.events:
        node, said, when = text.partition("@")
        at = from_start(when, start) if when else 0
        if not node or (said and not when):
            raise UsageError(f"--{word} takes NODE@TIME, such as n1@30s or zone=a@30s, not {text!r}")
        if at is None or at < 0:
            raise UsageError(f"--{word} takes NODE@TIME, such as n1@30s, not {text!r}: {no_time(when, start)}")
        try:
            typed.append(Event(at=at, operation=node_operation(word, _whole_names(cluster, node))))
        except WrongFieldError as error:
            raise UsageError(f"--{word} {text}: {error.message}") from None
    scenario = Scenario()
    if args.scenario:
        besides = sorted(typed, key=lambda event: event.at)
        scenario = read_scenario(
            args.scenario,
            namespace=args.namespace,
            cluster=cluster,
            start=start,
            besides=besides,
            horizon=args.horizon,
        )
    events = [*scenario.events, *typed]
    operations = [event.operation for event in events]
    faults = []
    for event in typed:
        try:
            check_objects(cluster, operations, event.operation, ())
        except WrongFieldError as error:
            faults.append(error.message)
    if faults:
        raise UsageError("; ".join(dict.fromkeys(faults)))
    return Scenario(
        events=tuple(sorted(events, key=lambda event: event.at)),
        horizon=scenario.horizon if args.horizon is None else args.horizon,
    )


def _whole_names(cluster: Cluster, nodes: str) -> str:
    """Names of nodes with commas between them, each that is short made whole; what chooses by a label stays.

    ``node/NAME`` is understood, too.
    """
    from kubelogic.verbs.targets import KINDS, node_name

    def whole(text: str) -> str:
        kind, _, name = text.rpartition("/")
        name = name if KINDS.get(kind.lower()) == "Node" else text
        return node_name(cluster, name) or name

    return nodes if "=" in nodes else ",".join(map(whole, nodes.split(",")))


def _progress() -> Callable[[int], None] | None:
    """Writes the simulated time to the terminal, where there is one."""
    if sys.stderr is None or not sys.stderr.isatty():
        return None

    def show(time: int) -> None:
        sys.stderr.write(f"{_CLEAR_LINE}simulated {time / 1000:g} s")
        sys.stderr.flush()

    return show
