"""``--live``: a cluster that runs is part of the input, as if it were the first PATH."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from kubelogic.cli import UsageError

if TYPE_CHECKING:
    from kubelogic.text import Notice
    from kubelogic.text.live import LiveReading
    from kubelogic.text.sources import Source

FLAG = "--live"
PATH = "\0live"
"""Stands for the cluster among paths; no path can be typed like it."""


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of a cluster.

    Attributes:
        sources: its objects.
        unread: kinds of which not all could be read.
        printed: kinds of which all were, none perhaps.
        notices: what there is to say of these.
    """

    sources: tuple[Source, ...] = ()
    unread: frozenset[str] = frozenset()
    printed: frozenset[str] = frozenset()
    notices: tuple[Notice, ...] = ()


def is_there(args: argparse.Namespace) -> bool:
    """Whether a cluster stands before the paths: one that runs, or one that is kept."""
    return bool(args.live or getattr(args, "kept", ""))


def read(args: argparse.Namespace, paths: Sequence[str]) -> tuple[list[str], Live]:
    """The paths that are files, and the cluster if it is among the paths; it is read once for a command.

    Raises:
        UsageError: it cannot be read.
    """
    if args.context and not args.live:
        raise UsageError(f"--context names a context of the kubeconfig for {FLAG}, which is not there")
    if PATH not in paths:
        return list(paths), Live()
    found: Live | None = getattr(args, "live_read", None)
    if found is None:
        kept = getattr(args, "kept", "")
        if kept and args.live:
            raise UsageError(f"{FLAG} and --store are two clusters: leave one out")
        found = args.live_read = _stored(kept) if kept else _live(fetched(args.context, args.namespace))
    return [each for each in paths if each != PATH], found


def fetched(context: str, namespace: str) -> LiveReading:
    """All that is read of a cluster.

    Raises:
        UsageError: it cannot be read.
    """
    from kubelogic.text import live
    from kubelogic.verbs.snapshot import wanted

    try:
        from kubelogic.text.kubeconfig import connect

        connection = connect(context=context)
        return live.read(
            connection, wanted(), name=connection.name, namespace=_namespace(namespace, connection.namespace)
        )
    except ModuleNotFoundError as error:
        raise UsageError(f"{error.name} is missing: pip install 'kubelogic[live]'") from error
    except live.LiveError as error:
        raise UsageError(f"{FLAG}: {error}") from error


def _stored(path: str) -> Live:
    """The cluster that a server keeps."""
    import msgspec

    from kubelogic.serve.store import StoreError, documents
    from kubelogic.text.sources import Source

    try:
        items = documents(path)
    except StoreError as error:
        raise UsageError(f"--store {error}") from error
    data = msgspec.json.encode({"apiVersion": "v1", "kind": "List", "items": items})
    return Live(sources=(Source(name=path, data=data),), printed=_asked())


def _namespace(typed: str, of_context: str) -> str:
    return of_context if typed == "default" and of_context else typed


def _live(reading: LiveReading) -> Live:
    from kubelogic.text import Notice
    from kubelogic.text.live import told

    unread = frozenset(each.wanted.kind for each in reading.unread if each.status == 403)
    notices = tuple(Notice(code="KL195", message=each, count=len(reading.unread)) for each in told(reading.unread))
    printed = _asked() - {each.wanted.kind for each in reading.unread}
    return Live(sources=reading.sources, unread=unread, printed=printed, notices=notices)


def _asked() -> frozenset[str]:
    """The kinds that are asked for."""
    from kubelogic.verbs.snapshot import wanted

    return frozenset(each.kind for each in wanted())
