"""``kubelogic simulate``: the control plane through failures, drains and changes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kubelogic.cli import NO, UNKNOWN, YES, UsageError, common

if TYPE_CHECKING:
    from kubelogic.cluster import Cluster
    from kubelogic.reconcile.scenario import Scenario

NAME = "simulate"
_CLEAR_LINE = "\r\033[K"
_WORDS = ("fail", "heal", "drain", "cordon", "uncordon")
_MEANS = {
    "fail": "nothing is heard of the node from then on",
    "heal": "the node is back",
    "drain": "the node is cordoned and its pods are evicted",
    "cordon": "the node takes no new pods",
    "uncordon": "the node takes pods again",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.add_inputs(parser)
    common.add_scheduler(parser)
    common.add_rules(parser)
    common.add_output(parser)
    common.add_quiet(parser)
    for word in _WORDS:
        parser.add_argument(
            f"--{word}", action=_Event, default=[], dest="events", metavar="NODE[@TIME]", help=_MEANS[word]
        )
    parser.add_argument("--scenario", metavar="FILE", help="what happens when (YAML or JSON)")
    parser.add_argument(
        "--horizon",
        type=common.duration,
        metavar="TIME",
        help="simulated time to look ahead, such as 90 or 10m (default: until nothing happens any more; with CronJobs "
        "or autoscalers 7 days after the last step)",
    )
    parser.add_argument(
        "--start",
        type=_moment,
        metavar="TIME",
        help="when the clock starts, such as 2026-11-01T08:00Z (default: the newest moment that the input mentions, or "
        "2026-11-02T00:00Z)",
    )


def _moment(text: str) -> int:
    """Milliseconds since 1970 of a moment on the command line."""
    from kubelogic.cluster.clock import milliseconds

    try:
        return milliseconds(text)
    except (ValueError, TypeError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no moment such as 2026-11-01T08:00Z") from None


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
    """Simulate and print; 0 if all is well at the end, 1 if pods pend, a rollout is not complete or nothing settles."""
    from kubelogic.report.simulation import render_simulation, simulation_document
    from kubelogic.verbs.missing import NO_NODES
    from kubelogic.verbs.simulate import SimulationOptions, simulate

    cluster, notices = common.read_cluster(args)
    scenario = _scenario(args, cluster)
    unknown = sorted({name for name in _nodes(scenario) if cluster.get("Node", name) is None})
    if unknown:
        raise UsageError(f"there is no node {', '.join(unknown)}")
    args.horizon = 0
    how = SimulationOptions(options=common.options(args), progress=_progress(), start=args.start)
    result = simulate(cluster, scenario, how, notices=notices)
    if how.progress is not None:
        sys.stderr.write(_CLEAR_LINE)
    if args.output == "text":
        common.tell(render_simulation(result, common.output_style(args)), args)
    else:
        common.emit(simulation_document(result), args.output)
    if NO_NODES in result.final.unknown:
        return UNKNOWN
    waiting = any(each.waiting for each in result.run.restarts)
    lacking = result.final.pending or result.final.refusals or result.final.troubles or waiting
    if not result.run.settled and result.run.cycle:
        return NO
    if result.run.ailments or lacking or any(not each.complete for each in result.run.rollouts):
        return NO
    return YES if result.run.settled and not result.final.unknown else UNKNOWN


def _scenario(args: argparse.Namespace, cluster: Cluster) -> Scenario:
    from kubelogic.reconcile.scenario import Event, Scenario
    from kubelogic.verbs.scenario_fields import milliseconds
    from kubelogic.verbs.scenario_file import node_operation, read_scenario

    scenario = Scenario()
    if args.scenario:
        scenario = read_scenario(args.scenario, namespace=args.namespace, cluster=cluster)
    events = list(scenario.events)
    for word, text in args.events:
        node, _, when = text.partition("@")
        at = milliseconds(when) if when else 0
        if at is None or not node:
            raise UsageError(f"--{word} takes NODE@TIME, such as n1@30s, not {text!r}")
        events.append(Event(at=at, operation=node_operation(word, node)))
    horizon = scenario.horizon if args.horizon is None else args.horizon
    return Scenario(events=tuple(sorted(events, key=lambda event: event.at)), horizon=horizon)


def _nodes(scenario: Scenario) -> list[str]:
    """The nodes that a scenario names at a time when no step of it can have made them."""
    made = any(type(event.operation).__name__ == "Apply" for event in scenario.events)
    return [] if made else [e.operation.node for e in scenario.events if hasattr(e.operation, "node")]


def _progress() -> Callable[[int], None] | None:
    """Writes the simulated time to the terminal, where there is one."""
    if sys.stderr is None or not sys.stderr.isatty():
        return None

    def show(time: int) -> None:
        sys.stderr.write(f"{_CLEAR_LINE}simulated {time / 1000:g} s")
        sys.stderr.flush()

    return show
