"""Reading two versions of an input: what is asked about, and what it is compared with."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kubelogic.cli import UsageError, assigned, common, live
from kubelogic.text.location import InputError

if TYPE_CHECKING:
    from kubelogic.text import Notice
    from kubelogic.text.location import Fault
    from kubelogic.text.sources import Source
    from kubelogic.verbs.check import Input

_TWICE = "KL103"
_UNREAD = frozenset({"KL105", "KL117"})


def read_both(args: argparse.Namespace, stack: ExitStack) -> tuple[Input, Input | None]:
    """What the paths describe on top of the base, and the base with the paths as they were there; None without a base.

    Args:
        args: the arguments of ``check``.
        stack: keeps files of a revision until the end.

    Raises:
        InputError: if a file cannot be read at all.
        UsageError: if a base is neither a file nor a revision.
    """
    stdin = common.standard_input([*args.paths, *args.base, *args.nodes])
    files = [each for each in args.base if each == "-" or os.path.exists(each)]
    revisions = [each for each in args.base if each not in files]
    if live.is_there(args):
        files = [live.PATH, *files]
    if len(revisions) > 1:
        raise UsageError(f"--base: {revisions[0]} and {revisions[1]}: there is no such file, and only one revision")
    given = _read(args, [*files, *args.paths], stdin)
    if not args.base and not (live.is_there(args) and args.paths):
        return given, None
    old = past(args, args.paths, revisions[0], stack) if revisions else []
    before = _read(args, files, stdin, old, empty=True)
    given = replace(given, cluster=given.cluster.sharing(before.cluster))
    return _on_top(args, given, before, files, stdin), before


def past(
    args: argparse.Namespace, paths: Sequence[str], revision: str, stack: ExitStack, *, what: str = "--base"
) -> list[Source | Fault]:
    """What the paths held at a revision.

    Raises:
        UsageError: if there is no such revision.
    """
    from kubelogic.text.revisions import RevisionError, at_revision

    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kubelogic-"))
    try:
        return at_revision(paths, revision, Path(folder), exclude=args.exclude)
    except RevisionError as error:
        raise UsageError(f"{what} {error}") from error


def _read(
    args: argparse.Namespace,
    paths: Sequence[str],
    stdin: bytes | None,
    further: Sequence[Source | Fault] = (),
    *,
    empty: bool = False,
) -> Input:
    from kubelogic.apiserver import scheduler_file
    from kubelogic.apiserver.reading import load
    from kubelogic.cluster import Cluster
    from kubelogic.verbs.check import Input

    if not (paths or further or args.nodes) and empty:
        return Input(cluster=Cluster())
    files, there = live.read(args, paths)
    try:
        reading = load(
            [*files, *common.configured(args)],
            stdin=stdin,
            namespace=args.namespace,
            keep_going=True,
            exclude=args.exclude,
            strict=args.strict,
            nodes=args.nodes,
            default_storage_class=assigned.default_storage_class(args),
            texts=there.sources,
            further=further,
            printed=there.printed,
        )
    except InputError as error:
        if all(fault.code in _UNREAD for fault in error.faults):
            if empty:
                return Input(cluster=Cluster())
            raise
        return Input(cluster=Cluster(), faults=error.faults)
    scheduler_file.expect(args.scheduler_config or "", reading)
    if unread := [fault for fault in reading.refused if fault.code in _UNREAD]:
        raise InputError(unread)
    return Input(
        cluster=reading.cluster.with_unread(there.unread),
        notices=(*there.notices, *reading.notices),
        faults=reading.refused,
        changes=reading.changes,
    )


def _on_top(args: argparse.Namespace, given: Input, before: Input, files: Sequence[str], stdin: bytes | None) -> Input:
    """What was read of base and paths together, without what is only so because an object is in both."""
    from kubelogic.verbs.check import Input

    told: list[Fault | Notice] = [*given.faults, *given.notices]
    if not files or not any(each.code == _TWICE for each in told):
        return given
    alone = _read(args, args.paths, stdin)
    others: list[Fault | Notice] = [*alone.faults, *alone.notices, *before.faults, *before.notices]
    kept = {each.location for each in others}
    return Input(
        cluster=given.cluster,
        changes=given.changes,
        notices=[each for each in given.notices if each.code != _TWICE or each.location in kept],
        faults=[each for each in given.faults if each.code != _TWICE or each.location in kept],
    )
