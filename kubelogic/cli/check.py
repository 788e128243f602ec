"""``kubelogic check``: the gate for CI."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from kubelogic.cli import BAD_INPUT, NO, UNKNOWN, YES, UsageError, assigned, common, documents, live, streams
from kubelogic.cli.again import again, before, rules
from kubelogic.cli.options import add_options

if TYPE_CHECKING:
    from kubelogic.text.location import Fault
    from kubelogic.text.settings import Settings
    from kubelogic.verbs.check import Check, Input

NAME = "check"
FORMATS = ("text", "json", "yaml", "sarif", "junit", "github", "gitlab")
SEVERITIES = ("error", "warning", "note")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.set_defaults(has_settings=True)  # what is set is looked at when they are known
    common.add_inputs(parser, least=0)
    add_options(
        parser,
        """
        --base FILE|REVISION ...  judge only what is new, changed or worse against a dump (with the nodes) or a git
            revision, or both
        --fail-on  the least severity at which to exit with 1 (default error)
        --select CODES ...  tell only these codes, or all that begin so: KL4,KL152
        --ignore CODES ...  leave these codes out
        --show  the least severity that text shows (default warning); other formats have all
        --config FILE  settings, instead of kubelogic.toml or pyproject.toml
        """,
        {
            "--base": {"default": None},
            "--fail-on": {"choices": (*SEVERITIES, "never")},
            "--select": {"default": None, "type": _codes},
            "--ignore": {"default": None, "type": _codes},
            "--show": {"choices": SEVERITIES},
        },
    )
    common.add_scheduling(parser)
    common.add_rules(parser)
    common.add_output(parser, FORMATS)
    common.add_quiet(parser)
    parser.set_defaults(scheduler=None, timeout=None, namespace=None, horizon=None)


def _codes(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def run(args: argparse.Namespace) -> int:
    """Check and print; 0 if the gate opens, 1 if not, 2 for invalid input, 3 if a limit hides the answer."""
    from kubelogic.text.location import InputError
    from kubelogic.text.settings import FaultySettingsError, faulty
    from kubelogic.verbs.check import CheckOptions, check

    wrong: list[Fault] = []
    try:
        settings = _settings(args)
    except FaultySettingsError as error:
        settings, wrong = error.rest, [*error.faults]
    settled = _merge(args, settings)
    wrong += _unusable(args, settings, settled, further=bool(wrong))
    if wrong:
        raise InputError(wrong)
    if not args.paths and not live.is_there(args):
        raise UsageError("the following arguments are required: PATH (or paths in kubelogic.toml), or --live")
    with ExitStack() as stack, common.watching(args) as options:
        how = CheckOptions(
            fail_on=args.fail_on, select=args.select, ignore=args.ignore, exists=frozenset(settings.exists)
        )
        try:
            given, base = _read(args, stack)
        except UsageError as error:
            if "base" in settled and str(error).startswith("--base "):
                raise faulty(settings, [("base", str(error).removeprefix("--"))]) from error
            raise
        found = check(given, options, how, base=base)
    keep = args.keep_going or found.invalid or bool(base)
    found = found.named(lambda verb: again(args, verb, before(args, args.base), keep_going=keep))
    _print(found, args)
    if found.invalid:
        return BAD_INPUT
    if found.failing:
        return NO
    return UNKNOWN if found.undecided else YES


def _unusable(args: argparse.Namespace, settings: Settings, settled: Collection[str], *, further: bool) -> list[Fault]:
    """What turns out to be wrong with settings when they are used.

    Args:
        args: what was typed, and what the settings say where nothing was.
        settings: those without a fault of their own.
        settled: of ``base``, ``select`` and ``ignore`` those that the settings say.
        further: whether there are other faults, so that nothing is read, and the base is looked at here.

    Raises:
        UsageError: if something is wrong with what was typed, and nothing with the settings.
    """
    from kubelogic.facts.rulebook import load_rulebook
    from kubelogic.text.location import InputError
    from kubelogic.text.settings import faulty
    from kubelogic.verbs.check import all_codes
    from kubelogic.verbs.checking.ignored import unknown_codes

    found: list[Fault] = []
    messages: list[tuple[str, str]] = []
    typed: list[UsageError] = []
    try:
        assigned.expect(args)
    except InputError as error:
        found += error.faults
    except UsageError as error:
        typed.append(error)
    if both := sorted({*args.select} & {*args.ignore}):
        told = f"{', '.join(both)}: select and ignore name the same, so that nothing is told of it"
        if {"select", "ignore"} & {*settled}:
            messages.append(("ignore" if "ignore" in settled else "select", told))
        else:
            typed.append(UsageError(told))
    if args.select or args.ignore:
        known = all_codes(load_rulebook(common.rule_directories(args)))
        wrong = [(key, each) for key in ("select", "ignore") for each in unknown_codes(getattr(args, key), known)]
        messages += (each for each in wrong if each[0] in settled)
        if theirs := [each for key, each in wrong if key not in settled]:
            typed.append(UsageError("; ".join(theirs)))
    if further and "base" in settled:
        messages += (("base", told) for told in _no_bases(args))
    if messages:
        found += faulty(settings, messages).faults
    if typed and not found and not further:
        raise typed[0]
    return found


def _no_bases(args: argparse.Namespace) -> Iterator[str]:
    """What is wrong with bases that are no files."""
    from kubelogic.text.revisions import RevisionError, expect_revision

    for each in args.base:
        if each != "-" and not common.there(each):
            try:
                expect_revision(args.paths, each)
            except RevisionError as error:
                yield f"base {error}"


def _print(found: Check, args: argparse.Namespace) -> None:
    from kubelogic.facts.rulebook import load_rulebook
    from kubelogic.report import check as report
    from kubelogic.report import machine

    match args.output:
        case "text":
            common.tell(report.render_check(found, common.output_style(args), least=args.show, rules=rules(args)), args)
        case "json" | "yaml":
            documents.emit(report.check_document(found), args.output)
        case "sarif":
            documents.emit(machine.sarif(found, load_rulebook(common.rule_directories(args))), "json")
        case "gitlab":
            documents.emit_list(machine.gitlab(found))
        case "junit":
            documents.emit_markup(machine.junit(found))
        case "github":
            streams.emit_text(machine.github(found))


def _settings(args: argparse.Namespace) -> Settings:
    from kubelogic.text.settings import find, read

    path = args.config or find(Path.cwd())
    checks = {
        "namespace": lambda text, _: _refusal(common.namespace, text),
        "horizon": lambda text, _: _refusal(common.duration, text),
        "nodes": lambda text, _: _wrong_pool(text),
        **{key: _missing for key in ("paths", "rules", "scheduler-config") if not getattr(args, key.replace("-", "_"))},
    }
    return read(os.path.relpath(path) if path is not None else None, checks)


def _refusal(parse: Callable[[str], object], text: str) -> str:
    """What an argument of the command line would be refused for; empty if it is taken."""
    try:
        parse(text)
    except argparse.ArgumentTypeError as error:
        return str(error)
    return ""


def _wrong_pool(text: str) -> str:
    from kubelogic.kinds import pools

    return "; ".join(each.message for each in pools.parse(text)[1]) if pools.is_pool(text) else ""


def _missing(text: str, folder: Path) -> str:
    return "" if text == "-" or common.there(folder / text) else f"{text}: no such file or directory"


def watched(args: argparse.Namespace) -> list[str]:
    """What an answer rests on beside what was typed: the settings, and what they name."""
    from kubelogic.text.location import InputError
    from kubelogic.text.settings import FILES, find

    path = args.config or find(Path.cwd())
    try:
        settings = _settings(args)
    except InputError:
        return [os.path.relpath(path or FILES[0])]
    named = (*settings.paths, *settings.nodes, *settings.base, *settings.rules, settings.scheduler_config or "-")
    return [settings.file or FILES[0], *(os.path.relpath(settings.folder / each) for each in named if each != "-")]


def _merge(args: argparse.Namespace, settings: Settings) -> frozenset[str]:
    """What was typed counts before what the settings say, and that before what is usual.

    Returns:
        Of ``base``, ``select`` and ``ignore`` those that the settings say.
    """
    folder = settings.folder
    options = (("base", args.base), ("select", args.select), ("ignore", args.ignore))
    settled = frozenset(name for name, typed in options if not typed) if settings.file else frozenset[str]()

    def inside(path: str) -> str:
        return path if path == "-" else os.path.relpath(folder / path)

    args.paths = args.paths or [inside(each) for each in settings.paths]
    args.base = args.base if args.base is not None else [_in(folder, each) for each in settings.base]
    args.select = [code for codes in args.select for code in codes] if args.select else list(settings.select)
    args.ignore = [code for codes in args.ignore for code in codes] if args.ignore else list(settings.ignore)
    if "select" not in settled and "ignore" in settled:  # what was typed is to be told
        args.ignore = [each for each in args.ignore if each not in args.select]
    args.nodes = args.nodes or [_in(folder, each) for each in settings.nodes]
    args.exclude = args.exclude or list(settings.exclude)
    args.rules = args.rules or [inside(each) for each in settings.rules]
    args.settings = settings
    args.fail_on = args.fail_on or settings.fail_on or "error"
    args.show = args.show or settings.show or "warning"
    args.scheduler = args.scheduler or settings.scheduler or "optimal"
    args.timeout = args.timeout or settings.timeout or 60.0
    args.namespace = args.namespace or settings.namespace or "default"
    if args.horizon is None:
        args.horizon = common.duration(settings.horizon or "60")
    args.strict = args.strict or settings.strict
    args.keep_going = args.keep_going or settings.keep_going
    if settings.scheduler_config and not args.scheduler_config:
        args.scheduler_config = inside(settings.scheduler_config)
    return settled


def _in(folder: Path, base: str) -> str:
    return os.path.relpath(folder / base) if common.there(folder / base) else base


def _read(args: argparse.Namespace, stack: ExitStack) -> tuple[Input, Input | None]:
    """What to check, and what to compare it with."""
    from kubelogic.cli.baseline import read_both

    return read_both(args, stack)
