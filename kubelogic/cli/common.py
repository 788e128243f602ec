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

from kubelogic.cli import UsageError, configuration, live, streams
from kubelogic.cli.documents import emit, emit_list
from kubelogic.cli.live import add_live
from kubelogic.cli.progress import TellingClock
from kubelogic.report.style import Style, style_for
from kubelogic.text import sources as source_files
from kubelogic.text.location import InputError

if TYPE_CHECKING:
    from kubelogic.cluster import Cluster
    from kubelogic.text import Notice
    from kubelogic.verbs.reconciled import Options

T = TypeVar("T")

FORMATS = ("text", "json", "yaml")
_DEFAULT_CLASS = "default_storage_class"


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
    parser.add_argument(
        "-n",
        "--namespace",
        type=_namespace,
        default="default",
        metavar="NAME",
        help="namespace of objects that name none, and of what is asked about",
    )
    parser.add_argument(
        "--nodes",
        action="append",
        default=[],
        metavar="POOL|FILE",
        help="add nodes: so many (3), of a size (3:4cpu:16Gi), with labels and taints "
        "(2:8cpu:zone=a:gpu=true!NoSchedule), or the nodes of a file; may be given several times",
    )
    parser.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="GLOB",
        help="leave files and folders out of directories, such as '*test*' or charts/*",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse a key that is there twice, which kubectl apply takes (the last one)",
    )
    configuration.add_configuration(parser)
    parser.add_argument(
        "--keep-going",
        action="store_true",
        help="leave out what the API server would refuse; of several objects of one name the last stands",
    )
    parser.add_argument("-w", "--watch", action="store_true", help="answer again whenever a file that is named changes")
    add_live(parser, store=store)


def _namespace(text: str) -> str:
    from kubelogic.kinds.validation import names

    wrong = names.dns_label(text)
    if wrong:
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a namespace: it {wrong}")
    return text


def add_settled(parser: argparse.ArgumentParser) -> None:
    """Whether to ask about the cluster as written, or as its controllers leave it."""
    parser.add_argument(
        "--settled", action="store_true", help="ask about the cluster as plan leaves it, pods of workloads included"
    )


def add_rules(parser: argparse.ArgumentParser) -> None:
    """Additions to the rulebook and its parameters."""
    parser.add_argument(
        "--rules", action="append", default=[], metavar="PATH", help="also use this rule file, or those of a directory"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="parameters",
        help="set a rule parameter; default_storage_class=NAME names the class of claims that name none",
    )


def add_scheduler(parser: argparse.ArgumentParser) -> None:
    """Which scheduler decides, and how long it may take."""
    parser.add_argument(
        "--scheduler",
        choices=("optimal", "kube"),
        default="optimal",
        help="optimal: the joint placement (default); kube: one pod at a time, as kube-scheduler",
    )
    add_timeout(parser)


def add_timeout(parser: argparse.ArgumentParser) -> None:
    """How long the command may take."""
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=60.0,
        metavar="SECONDS",
        help="limit for all that the command looks for (default 60); what is not decided by then is unknown, and what "
        "was found is shown. A command that has no answer 15 s later is ended",
    )


def add_scheduling(parser: argparse.ArgumentParser) -> None:
    """Which scheduler decides, and how far ahead to look."""
    add_scheduler(parser)
    parser.add_argument(
        "--progress",
        action="store_true",
        help="say on stderr how long a long solve takes already, even where that is no terminal",
    )
    parser.add_argument(
        "--horizon",
        type=duration,
        default=60_000,
        metavar="TIME",
        help="simulated time to look ahead, such as 90 or 10m (default 60)",
    )


def add_moves(parser: argparse.ArgumentParser) -> None:
    """``--allow-moves``."""
    parser.add_argument(
        "--allow-moves",
        type=_moves,
        metavar="N",
        help="also plan which running pods to move, N at most, so that all fits",
    )


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


def answer(
    args: argparse.Namespace,
    found: T,
    render: Callable[[T, Style], str],
    document: Callable[[T], Mapping[str, Any]],
) -> None:
    """Print what was found, as text or as the document that is wanted."""
    if args.output == "text":
        tell(render(found, output_style(args)), args)
    else:
        emit(document(found), args.output)


def seconds(text: str) -> float:
    """Seconds above 0, as typed."""
    value = float(text) if re.fullmatch(r"[0-9.]{1,20}", text) and text.count(".") < 2 and text != "." else 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return value


def whole(text: str) -> int | None:
    """A whole number of at least 0 that 64 bits hold, as typed; None if it is none."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


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
    """Whether there is a file or a folder of that name; no also for what can be none, such as 5,000 letters."""
    return os.path.exists(name)


def options(args: argparse.Namespace) -> Options:
    """How to reconcile, as the arguments say."""
    from kubelogic.verbs.reconciled import Options

    return Options(
        scheduler=args.scheduler,
        rules=rule_directories(args),
        parameters=parameters(args),
        timeout=args.timeout,
        clock=time.monotonic,
        deadline=time.monotonic() + args.timeout,
        horizon=args.horizon,
    )


def parameters(args: argparse.Namespace) -> dict[str, int | str]:
    """The ``--set`` options.

    Raises:
        UsageError: if one is not NAME=VALUE.
    """
    found: dict[str, int | str] = {}
    for item in args.parameters:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise UsageError(f"--set takes NAME=VALUE, not {item!r}")
        if name == _DEFAULT_CLASS:
            continue
        found[name] = _whole(value) if re.fullmatch(r"[-+]?[0-9]+", value) else value
    return found


def default_storage_class(args: argparse.Namespace) -> str:
    """What ``--set default_storage_class=NAME`` says; empty if nothing.

    Raises:
        UsageError: if it is no name of a class.
    """
    from kubelogic.kinds.validation import names

    given = [item.partition("=")[2] for item in args.parameters if item.partition("=")[0] == _DEFAULT_CLASS]
    if given and (wrong := names.dns_subdomain(given[-1])):
        raise UsageError(f"--set {_DEFAULT_CLASS}: {given[-1][:60]!r} is no name of a StorageClass: it {wrong}")
    return given[-1] if given else ""


def _whole(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**63:
        raise UsageError(f"--set: {text[:40]} is no 64-bit number")
    return int(text)


def rule_directories(args: argparse.Namespace) -> tuple[Path, ...]:
    """The ``--rules`` files and directories.

    Raises:
        UsageError: if there is no such file or directory.
    """
    for name in args.rules:
        if not name or not there(name):
            raise UsageError(f"--rules {name or chr(39) * 2}: no such file or directory")
    return tuple(Path(name) for name in args.rules)


def read_cluster(args: argparse.Namespace) -> tuple[Cluster, tuple[Notice, ...]]:
    """The cluster that the paths describe, and what reading it had to say. What is left out goes to stderr.

    Raises:
        InputError: as ``kubelogic.apiserver.reading.load``.
    """
    paths = [live.PATH, *args.paths] if live.is_there(args) else args.paths
    return _read(args, paths, standard_input([*paths, *args.nodes]))


def read_paths(args: argparse.Namespace, paths: Sequence[str], stdin: bytes | None) -> Cluster:
    """The cluster that some paths describe. What is left out goes to stderr.

    Raises:
        InputError: as ``kubelogic.apiserver.reading.load``.
    """
    return _read(args, paths, stdin)[0]


def _read(args: argparse.Namespace, paths: Sequence[str], stdin: bytes | None) -> tuple[Cluster, tuple[Notice, ...]]:
    from kubelogic.apiserver.reading import load
    from kubelogic.cluster import Cluster
    from kubelogic.report.faults import render_faults

    files, there = live.read(args, paths)
    reading = load(
        [*files, *configuration.files(args)],
        stdin=stdin,
        namespace=args.namespace,
        keep_going=args.keep_going,
        exclude=args.exclude,
        strict=args.strict,
        nodes=args.nodes,
        default_storage_class=default_storage_class(args),
        texts=there.sources,
        printed=there.printed,
    )
    if reading.refused:
        streams.warn(render_faults(reading.refused, style_for(sys.stderr, no_color=args.no_color)))
    configuration.ask_for(args, reading)
    return Cluster.of(reading.objects, there.unread), (*there.notices, *reading.notices)


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


__all__ = [
    "InputError",
    "add_inputs",
    "add_moves",
    "add_output",
    "add_quiet",
    "add_reading",
    "add_rules",
    "add_scheduling",
    "add_settled",
    "answer",
    "emit",
    "emit_list",
    "options",
    "output_style",
    "parameters",
    "read_cluster",
    "read_paths",
    "rule_directories",
    "standard_input",
    "tell",
    "there",
    "watching",
]
