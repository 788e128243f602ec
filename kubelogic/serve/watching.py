"""Watch: changes as they happen, from a revision on.

Source: staging/src/k8s.io/apiserver, pkg/endpoints/handlers/watch.go; pkg/storage/cacher (bookmarks, initial events).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kubelogic.serve.bodies import Form, wanted
from kubelogic.serve.cluster import Served, encoded
from kubelogic.serve.history import Change
from kubelogic.serve.messages import Reply, Request
from kubelogic.serve.paths import Target, is_true
from kubelogic.serve.reading import as_read, expired, formed, included, partial, too_large, unmatched, warnings_of
from kubelogic.serve.selectors import Matcher, matcher
from kubelogic.serve.statuses import RequestError, failure
from kubelogic.text.numbers import whole

_LONGEST = 1800.0
"""Seconds that a watch lasts unless it asks for another time. Source: --min-request-timeout."""

_BETWEEN_BOOKMARKS = 60.0
_ENDS_INITIAL = "k8s.io/initial-events-end"


@dataclass(slots=True, kw_only=True)
class _Watch:
    served: Served
    where: Target
    form: Form
    include: str
    selects: Matcher | None
    bookmarks: bool
    seconds: float
    from_revision: int
    initial: bool = False
    """Whether what is there comes first."""
    marks_end: bool = False
    """Whether a bookmark says that all that was there has come."""
    with_columns: bool = field(default=True)

    def event(self, kind: str, text: bytes) -> bytes:
        """One line of the stream."""
        if self.form.kind:
            text = encoded(self._formed(msgspec.json.decode(text)))
        return b'{"type":"%s","object":%s}\n' % (kind.encode(), text)

    def _formed(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        columns, self.with_columns = self.with_columns, False
        return formed(self.served, self.where.resource, document, self.form, self.include, columns=columns)

    def present(self) -> Iterator[bytes]:
        """What is there, as if it were just made."""
        objects = self.served.objects(self.where.resource)
        for key in self.served.keys(objects, self.where.resource.stored_kind, self.where.namespace):
            obj = objects[key]
            if self.selects is None or self.selects(as_read(obj, self.where.resource)):
                yield self.event("ADDED", self.served.text(obj, self.where.resource))

    def told(self, change: Change) -> bytes | None:
        """A change as this watch sees it; None if it does not."""
        resource, obj = self.where.resource, change.obj
        if obj.kind != resource.stored_kind or (self.where.namespace and obj.namespace != self.where.namespace):
            return None
        if resource.custom is not None and obj.api_version.partition("/")[0] != resource.group:
            return None
        if self.selects is None:
            return self.event(change.type, self.served.text(obj, resource, change.revision))
        now = change.type != "DELETED" and self.selects(as_read(obj, resource))
        before = change.old is not None and self.selects(as_read(change.old, resource))
        match before, now:
            case False, True:
                return self.event("ADDED", self.served.text(obj, resource, change.revision))
            case True, True:
                return self.event("MODIFIED", self.served.text(obj, resource, change.revision))
            case True, False:
                last = change.old if change.old is not None else obj
                return self.event("DELETED", self.served.text(last, resource, change.revision))
        return None

    def bookmark(self, revision: int, *, ends: bool = False) -> bytes:
        """Where the watch is."""
        meta: dict[str, Any] = {"resourceVersion": str(revision)}
        if ends:
            meta["annotations"] = {_ENDS_INITIAL: "true"}
        resource = self.where.resource
        document: Mapping[str, Any] = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta}
        if self.form.kind == "Table":
            made = {"kind": "Table", "apiVersion": f"meta.k8s.io/{self.form.version}", "metadata": meta, "rows": []}
            return encoded({"type": "BOOKMARK", "object": {**made, "columnDefinitions": []}}) + b"\n"
        if not self.form.kind:
            from kubelogic.kinds.wire import completed

            rest = completed({}, f"@{resource.type_name}") if resource.type_name else {}
            document = {**rest, **document}
        return (
            encoded({"type": "BOOKMARK", "object": partial(document, self.form) if self.form.kind else document})
            + b"\n"
        )

    async def stream(self) -> AsyncIterator[bytes]:
        """All lines until the time is over."""
        end = time.monotonic() + self.seconds
        history = self.served.control.history
        at = self.from_revision
        if self.initial:
            at = history.revision
            lines = b"".join(self.present())
            if lines:
                yield lines
            if self.marks_end:
                yield self.bookmark(at, ends=True)
        news = asyncio.Event()
        self.served.control.waiting.add(news)
        marked = time.monotonic()
        try:
            while True:
                news.clear()
                if at < history.compacted:
                    yield _error(expired(f"too old resource version: {at} ({history.compacted + 1})"))
                    return
                lines = b"".join(line for change in history.since(at) if (line := self.told(change)) is not None)
                at = history.revision
                if lines:
                    yield lines
                now = time.monotonic()
                if self.bookmarks and now - marked >= _BETWEEN_BOOKMARKS:
                    yield self.bookmark(at)
                    marked = now
                if now >= end:
                    return
                pause = min(end - now, _BETWEEN_BOOKMARKS if self.bookmarks else end - now)
                try:
                    await asyncio.wait_for(news.wait(), pause)
                except TimeoutError:
                    continue
        finally:
            self.served.control.waiting.discard(news)


def _error(error: RequestError) -> bytes:
    return encoded({"type": "ERROR", "object": error.document}) + b"\n"


def watch(served: Served, request: Request, where: Target) -> Reply:
    """GET with ``watch=true``: of a collection, or of one object."""
    query = request.query
    fields = query.get("fieldSelector", "")
    if where.name:
        fields = f"metadata.name={where.name}" + (f",{fields}" if fields else "")
    selects = matcher(query.get("labelSelector", ""), fields, where.resource)
    revision, initial, marks = _start(served, query)
    found = _Watch(
        served=served,
        where=where,
        form=wanted(request.accept),
        include=included(query),
        selects=selects,
        bookmarks=is_true(query, "allowWatchBookmarks"),
        seconds=_seconds(query),
        from_revision=revision,
        initial=initial,
        marks_end=marks,
    )
    history = served.control.history
    if not initial and revision < history.compacted:
        raise expired(f"too old resource version: {revision} ({history.compacted + 1})")
    return Reply(stream=found.stream(), warnings=warnings_of(where.resource))


def _seconds(query: Mapping[str, str]) -> float:
    try:
        asked = float(query.get("timeoutSeconds") or 0) or _duration(query.get("timeout") or "")
    except ValueError:
        asked = 0
    return asked if 0 < asked < 86_400 else _LONGEST


def _duration(text: str) -> float:
    """Seconds of Go's ``2s``, ``1m30s``; 0 if it is none."""
    import re

    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)(ms|h|m|s)", text))


def _start(served: Served, query: Mapping[str, str]) -> tuple[int, bool, bool]:
    """The revision to watch from, whether what is there comes first, and whether its end is marked."""
    text = query.get("resourceVersion") or ""
    sends = query.get("sendInitialEvents")
    match = query.get("resourceVersionMatch") or ""
    if sends is not None and match != "NotOlderThan":
        raise unmatched("Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
    if match and sends is None:
        raise unmatched("Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
    number = whole(text or "0")
    if number is None:
        shown = json.dumps(text)
        words = f"Invalid value: {shown}: strconv.ParseUint: parsing {shown}: invalid syntax"
        raise failure(500, "", f"resourceVersion: {words}")
    if number > served.revision:
        raise too_large(number, served.revision)
    if sends is not None:
        wants = is_true(query, "sendInitialEvents")
        return number or served.revision, wants, wants and is_true(query, "allowWatchBookmarks")
    if text in ("", "0"):
        return served.revision, True, False
    return number, False, False
