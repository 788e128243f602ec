"""Arguments that many commands share, and reading what they name."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from kubelogic.cli import UsageError, assigned, live, streams
from kubelogic.cli.documents import emit
from kubelogic.cli.options import add_options
from kubelogic.cli.progress import TellingClock
from kubelogic.report.style import Style, style_for
from kubelogic.text import sources as source_files
from kubelogic.text.location import InputError

if TYPE_CHECKING:
    from kubelogic.cluster import Cluster
    from kubelogic.text import Notice
    from kubelogic.text.location import Fault
    from kubelogic.text.sources import Source
    from kubelogic.verbs.reconciled import Options

T = TypeVar("T")

FORMATS = ("text", "json", "yaml")


def add_inputs(parser: argparse.ArgumentParser, *, least: int = 1, store: bool = True) -> None:
    """``PATH...`` and how to read them; ``least`` of them have to be typed, or ``--live``."""
    paths = parser.add_argument(
        "paths",
        nargs="+" if least else "*",
        default=[],
        metavar="PATH",
        help="a file, a directory, or - for standard input (YAML or JSON); -f PATH is the same",
    )
    paths.required = False
    parser.set_defaults(needs_path=bool(least))
    add_reading(parser, store=store)


def add_reading(parser: argparse.ArgumentParser, *, store: bool = True) -> None:
    """How to read files, a cluster that runs or (``store``) is kept, and nodes to add."""
    add_options(
        parser,
        """
        -n, --namespace NAME  namespace of objects that name none, and of what is asked about
        --nodes POOL|FILE ...  add nodes: so many (3), of a size (3:4cpu:16Gi), with labels and taints
            (2:8cpu:zone=a:gpu=true!NoSchedule), or the nodes of a file; may be given several times
        --exclude GLOB ...  leave files and folders out of directories, such as '*test*' or charts/*
        --strict  refuse a key that is there twice, which kubectl apply takes (the last one)
        --scheduler-config FILE  the KubeSchedulerConfiguration of the cluster's scheduler; one among the manifests is
            found by itself
        --keep-going  leave out what the API server would refuse; of several objects of one name the last stands
        -w, --watch  answer again whenever a file that is named changes
        --live  read the cluster that kubectl is set to, before every PATH; only reads
        --context NAME  with --live: another context of the kubeconfig than the current
        """,
        {"--namespace": {"type": namespace, "default": "default"}, "--context": {"default": ""}},
    )
    if store:
        told = "--store FILE  read the cluster that kubelogic serve keeps in FILE"
        add_options(parser, told, {"--store": {"dest": "kept", "default": ""}})


def namespace(text: str) -> str:
    """The name of a namespace, as typed."""
    from kubelogic.kinds.validation import names

    wrong = names.dns_label(text)
    if wrong:
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a namespace: it {wrong}")
    return text


def add_settled(parser: argparse.ArgumentParser) -> None:
    """Whether to ask about the cluster as written, or as its controllers leave it."""
    add_options(parser, "--settled  ask about the cluster as plan leaves it, pods of workloads included")


def add_server(parser: argparse.ArgumentParser) -> None:
    """Which server is asked."""
    told = "kubeconfig that kubelogic serve has written (default: KUBECONFIG, else kubelogic.kubeconfig)"
    add_options(parser, f"--server KUBECONFIG  {told}", {"--server": {"default": ""}})


def add_rules(parser: argparse.ArgumentParser) -> None:
    """Additions to the rulebook and its parameters."""
    add_options(
        parser,
        """
        --rules PATH ...  also use this rule file, or those of a directory
        --set NAME=VALUE ...  set a parameter of the control plane, such as node_monitor_grace_period=50000
            (kubelogic rules parameters lists all); default_storage_class=NAME names the class of claims that name none
        """,
        {"--set": {"dest": "parameters"}},
    )


def add_scheduler(parser: argparse.ArgumentParser) -> None:
    """Which scheduler decides, and how long it may take."""
    told = "optimal: the joint placement (default); kube: one pod at a time, as kube-scheduler"
    add_options(parser, f"--scheduler {{optimal,kube}}  {told}", {"--scheduler": {"default": "optimal"}})
    add_timeout(parser)


def add_timeout(parser: argparse.ArgumentParser) -> None:
    """How long the command may take."""
    add_options(
        parser,
        """
        --timeout SECONDS  limit for all that the command looks for (default 60); what is not decided by then is
            unknown, and what was found is shown. A command that has no answer 15 s later is ended
        """,
        {"--timeout": {"type": seconds, "default": 60.0}},
    )


def add_scheduling(parser: argparse.ArgumentParser) -> None:
    """Which scheduler decides, and how far ahead to look."""
    add_scheduler(parser)
    add_options(
        parser,
        """
        --progress  say on stderr how long a long solve takes already, even where that is no terminal
        --horizon TIME  simulated time to look ahead, such as 90 or 10m (default 60)
        """,
        {"--horizon": {"type": duration, "default": 60_000}},
    )


def add_moves(parser: argparse.ArgumentParser) -> None:
    """``--allow-moves``."""
    told = "--allow-moves N  also plan which running pods to move, N at most, so that all fits"
    add_options(parser, told, {"--allow-moves": {"type": _moves}})


def _moves(text: str) -> int:
    value = whole(text)
    if value is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of pods")
    return value


def add_output(parser: argparse.ArgumentParser, formats: Sequence[str] = FORMATS) -> None:
    """``-o`` and colour."""
    parser.add_argument("-o", "--output", choices=formats, default="text", help="format of the result (default text)")
    parser.add_argument("--no-color", action="store_true", help="plain text even on a terminal")


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """``-q``, for a command whose text begins with its verdict."""
    parser.add_argument("-q", "--quiet", action="store_true", help="of text only the verdict, its first paragraph")


def tell(text: str, args: argparse.Namespace) -> None:
    """Print the text of an answer; with ``--quiet`` only its first paragraph."""
    streams.say(text.partition("\n\n")[0] if getattr(args, "quiet", False) else text)


def noticing(found: T, notices: Sequence[Notice]) -> T:
    """An answer, which has a ``lacking``, with what reading the input had to say."""
    import dataclasses

    told: Any = found
    change: Callable[..., Any] = replace if hasattr(told, "__struct_fields__") else dataclasses.replace
    noticed: T = change(told, lacking=replace(told.lacking, noticed=tuple(notices)))
    return noticed


def answer(
    args: argparse.Namespace,
    found: T,
    render: Callable[[T, Style], str],
    document: Callable[[T], Mapping[str, Any]],
) -> None:
    """Print what was found, as text or as the document that is wanted, with what nobody has told of the input."""
    notices = taken(args)
    if args.output == "text":
        from kubelogic.report.plan import render_notices

        style = output_style(args)
        tell("\n\n".join([render(found, style), *([render_notices(notices, style)] if notices else [])]), args)
        return
    made = document(found)
    if notices:
        from kubelogic.report.documents import notice_document

        made = {**made, "notices": [*made.get("notices", ()), *map(notice_document, notices)]}
    emit(made, args.output)


def taken(args: argparse.Namespace) -> tuple[Notice, ...]:
    """What reading the input had to say and nobody has told yet; whoever asks for it tells it.

    ``answer`` tells what is left, and, for a command that prints by itself, the end of the command does.
    """
    left: tuple[Notice, ...] = getattr(args, "noticed", ())
    args.noticed = ()
    return left


def seconds(text: str) -> float:
    """Seconds above 0, as typed."""
    value = float(text) if re.fullmatch(r"[0-9.]{1,20}", text) and text.count(".") < 2 and text != "." else 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return value


def whole(text: str) -> int | None:
    """A whole number of at least 0 that 64 bits hold, as typed; None if it is none."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def at_least_one(text: str) -> int:
    """A whole number from 1 on, as typed."""
    value = whole(text)
    if not value:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return value


def duration(text: str) -> int:
    """Milliseconds of a duration on the command line: seconds, or text such as ``1m30s``."""
    from kubelogic.verbs.scenario_fields import milliseconds, no_duration

    found = milliseconds(text)
    if found is None:
        raise argparse.ArgumentTypeError(no_duration(text))
    return found


@contextmanager
def watching(args: argparse.Namespace) -> Iterator[Options]:
    """How to reconcile, as the arguments say, with a line on stderr as long as the solver takes long."""
    live = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    stream = sys.stderr if args.progress or (live and not getattr(args, "quiet", False)) else None
    clock = TellingClock(clock=time.monotonic, stream=stream, live=live, limit=args.timeout)
    try:
        yield replace(options(args), clock=clock)
    finally:
        clock.clear()


def there(name: str | Path) -> bool:
    """Whether there is a file or a folder of that name; no also for what can be none, such as 5,000 letters.

    Yes where it cannot be known, since its folder may not be looked into.
    """
    try:
        os.stat(name)
    except PermissionError:  # something keeps us from looking: what reads it tells
        return True
    except (OSError, ValueError):
        return False
    return True


def options(args: argparse.Namespace) -> Options:
    """How to reconcile, as the arguments say."""
    from kubelogic.verbs.reconciled import Options

    return Options(
        scheduler=args.scheduler,
        rules=rule_directories(args),
        parameters=assigned.parameters(args),
        timeout=args.timeout,
        clock=time.monotonic,
        deadline=time.monotonic() + args.timeout,
        horizon=args.horizon,
    )


def rule_directories(args: argparse.Namespace) -> tuple[Path, ...]:
    """The ``--rules`` files and directories.

    Raises:
        UsageError: if there is no such file or directory.
    """
    for name in args.rules:
        if not name or not there(name):
            raise UsageError(f"--rules {name or chr(39) * 2}: no such file or directory")
    return tuple(Path(name) for name in args.rules)


def read_cluster(args: argparse.Namespace) -> Cluster:
    """The cluster that the paths describe. What is left out goes to stderr; ``taken`` has what reading had to say.

    Raises:
        InputError: as ``kubelogic.apiserver.reading.load``.
    """
    paths = [live.PATH, *args.paths] if live.is_there(args) else args.paths
    return _read(args, paths, standard_input([*paths, *args.nodes]))


def read_paths(
    args: argparse.Namespace, paths: Sequence[str], stdin: bytes | None, further: Sequence[Source | Fault] = ()
) -> Cluster:
    """The cluster that some paths describe, and what was read already. What is left out goes to stderr.

    Raises:
        InputError: as ``kubelogic.apiserver.reading.load``.
    """
    return _read(args, paths, stdin, further)


def _read(
    args: argparse.Namespace, paths: Sequence[str], stdin: bytes | None, further: Sequence[Source | Fault] = ()
) -> Cluster:
    from kubelogic.apiserver import scheduler_file
    from kubelogic.apiserver.reading import load
    from kubelogic.report.faults import render_faults

    files, there = live.read(args, paths)
    reading = load(
        [*files, *configured(args)],
        stdin=stdin,
        namespace=args.namespace,
        keep_going=args.keep_going,
        exclude=args.exclude,
        strict=args.strict,
        nodes=args.nodes,
        default_storage_class=assigned.default_storage_class(args),
        texts=there.sources,
        further=further,
        printed=there.printed,
    )
    if reading.refused:
        streams.warn(render_faults(reading.refused, style_for(sys.stderr, no_color=args.no_color)))
    scheduler_file.expect(args.scheduler_config or "", reading)
    args.noticed = tuple(dict.fromkeys((*getattr(args, "noticed", ()), *there.notices, *reading.notices)))
    return reading.cluster.with_unread(there.unread)


def configured(args: argparse.Namespace) -> list[str]:
    """The file of ``--scheduler-config``, to be read after all others."""
    return [args.scheduler_config] if args.scheduler_config else []


def standard_input(paths: Sequence[str]) -> bytes | None:
    """What stands on standard input, if ``-`` is among the paths."""
    if "-" not in paths:
        return None
    try:
        return sys.stdin.buffer.read()
    except (AttributeError, OSError, ValueError) as error:  # closed, or a directory
        reason = (getattr(error, "strerror", None) or "it is closed").lower()
        raise InputError([source_files.unreadable(source_files.STDIN, reason)]) from error


def output_style(args: argparse.Namespace) -> Style:
    """The style for data output."""
    return style_for(sys.stdout, no_color=args.no_color)
