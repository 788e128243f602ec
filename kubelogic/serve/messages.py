"""A request and its reply, without what only the transport knows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

JSON = "application/json"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request, without what only the transport knows.

    Attributes:
        method: in capitals.
        path: without the query.
        query: see ``paths.Query``.
        accept: the header of that name.
        content_type: the header of that name.
        body: bytes.
        user: who sends it.
        groups: of the user.
    """

    method: str
    path: str
    query: Mapping[str, str] = msgspec.field(default_factory=dict)
    accept: str = ""
    content_type: str = ""
    body: bytes = b""
    user: str = "admin"
    groups: tuple[str, ...] = ("system:masters", "system:authenticated")
    agent: str = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request.

    Attributes:
        status: HTTP status.
        body: a JSON tree, or bytes that are sent as they are.
        content_type: of the body.
        warnings: what the API server warns of.
        stream: what is sent piece by piece instead of a body.
    """

    status: int = 200
    body: Any = None
    content_type: str = JSON
    warnings: tuple[str, ...] = ()
    stream: AsyncIterator[bytes] | None = None
