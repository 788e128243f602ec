"""``kubelogic serve``: the Kubernetes API over the simulated cluster."""

from __future__ import annotations

import argparse
import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kubelogic.cli import NO, YES, UsageError, common, streams
from kubelogic.cli.options import add_options

if TYPE_CHECKING:
    from kubelogic.cluster import Object
    from kubelogic.reconcile.scenario import Event

NAME = "serve"

_USUAL = {"allocate_node_cidrs": 0, "ttl_controller": 1}
"""Parameters as kube-controller-manager has them by itself, where nothing else is set."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.add_inputs(parser, least=0, store=False)
    add_options(
        parser,
        """
        --scheduler {optimal,kube}  optimal: the joint placement (default); kube: one pod at a time, as
            kube-scheduler
        --solve-timeout SECONDS  limit for each question to the solver (default 60); what is not decided by then is
            unknown
        """,
        {"--scheduler": {"default": "optimal"}, "--solve-timeout": {"type": common.seconds, "default": 60.0}},
    )
    common.add_rules(parser)
    add_options(
        parser,
        """
        --kubeconfig FILE  where to write the kubeconfig (default kubelogic.kubeconfig)
        --store FILE  keep the cluster in a file (SQLite): a server that is started with it again goes on where this
            one ends, even if it is killed (default: in memory)
        --port PORT  port (default: any that is free)
        --listen ADDRESS  another address than loopback: whoever reaches it and has the token may change the cluster
        --clock wall|fast:N|manual  wall: simulated time is real time (default); fast:60: a minute in a second;
            manual: only kubelogic step moves it
        --scenario FILE  what happens when, counted from the start, as in simulate (docs/reference/scenarios.md)
        --no-color  plain text even on a terminal
        """,
        {
            "--kubeconfig": {"default": "kubelogic.kubeconfig"},
            "--store": {"default": ""},
            "--port": {"type": _port, "default": 0},
            "--listen": {"default": "127.0.0.1"},
            "--clock": {"type": _clock, "default": 1.0},
            "--scenario": {"default": ""},
        },
    )


def _port(text: str) -> int:
    value = common.whole(text)
    if value is None or value > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return value


def _clock(text: str) -> float:
    if text == "wall":
        return 1.0
    if text == "manual":
        return 0.0
    head, _, number = text.partition(":")
    try:
        speed = float(number) if head == "fast" else 0.0
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is none of wall, manual and fast:N, such as fast:60")
    return speed


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted; 0 then, 1 if the API server refused what was read."""
    try:
        from kubelogic.serve import server
        from kubelogic.serve.store import StoreError
    except ModuleNotFoundError as error:
        raise UsageError(f"{error.name} is missing: pip install 'kubelogic[serve]'") from error

    args.horizon, args.timeout = 0, args.solve_timeout
    objects = common.read_cluster(args) if args.paths or args.nodes or args.live else ()
    events = _events(args, tuple(objects)) if args.scenario else ()
    options = common.options(args)
    settings = server.Settings(
        options=replace(options, parameters={**_USUAL, **(options.parameters or {})}),
        host=args.listen,
        port=args.port,
        kubeconfig=Path(args.kubeconfig),
        speed=args.clock,
        store=args.store,
        scenario=events,
        warn=streams.warn,
        learns=True,
    )
    try:
        served, refused = server.prepare(tuple(objects), settings)
    except StoreError as error:
        raise UsageError(f"--store {error}") from error
    for obj, answer in refused:
        streams.warn(f"{obj} is refused: {answer.message}")
    if refused:
        return NO
    try:
        if not ipaddress.ip_address(args.listen).is_loopback:
            streams.warn(
                f"listening on {args.listen}: everybody who reaches it and has the token may change the cluster"
            )
    except ValueError as error:
        raise UsageError(f"--listen takes an address, not {args.listen!r}") from error
    try:
        server.serve(served, settings, lambda url, token: _ready(url, token, args.kubeconfig))
    except OSError as error:
        raise UsageError(f"{error.filename or args.listen}: {(error.strerror or str(error)).lower()}") from error
    return YES


def _events(args: argparse.Namespace, objects: tuple[Object, ...]) -> tuple[Event, ...]:
    """The steps of the scenario.

    Raises:
        InputError: with every fault of the file.
        UsageError: it says what only a simulation can tell.
    """
    from kubelogic.cluster import Cluster
    from kubelogic.serve.happening import is_played
    from kubelogic.verbs.scenario_file import read_scenario

    cluster = Cluster.of(objects) if objects else None
    scenario = read_scenario(args.scenario, namespace=args.namespace, cluster=cluster)
    odd = sorted({each.operation.type for each in scenario.events if not is_played(each.operation)})
    if odd:
        raise UsageError(
            f"--scenario {args.scenario}: {', '.join(odd)} is for kubelogic simulate only; leave it out here"
        )
    return scenario.events


def _ready(url: str, token: str, kubeconfig: str) -> None:
    path = Path(kubeconfig).resolve()
    streams.emit_text(
        f"serving at {url}\n  export KUBECONFIG={path}\n  kubectl get nodes,pods -A\n"
        f"  {url}/#token={token}   (a page; its certificate is the server's own)"
    )
