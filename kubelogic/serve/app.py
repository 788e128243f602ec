"""HTTP: an ASGI application around ``api.answer``, with authentication."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from kubelogic.serve import access, api, bodies
from kubelogic.serve.cluster import Served
from kubelogic.serve.messages import JSON, Reply, Request
from kubelogic.serve.page import page, wants_page
from kubelogic.serve.statuses import RequestError, failure, told

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_OPEN = frozenset({"/healthz", "/livez", "/readyz", "/version"})
"""Paths that everybody may ask. Source: ClusterRole system:public-info-viewer."""


def application(served: Served, token: str) -> Starlette:
    """The ASGI application.

    Args:
        served: what is served.
        token: the bearer token of the administrator.
    """

    async def handle(http: HttpRequest) -> Response:
        if wants_page(http.method, http.url.path, http.headers.get("accept", "")):
            return _page(http.method)
        identity = _identity(http, token, served)
        if isinstance(identity, Response):
            return identity
        body = await _body(http)
        if body is None:
            error = failure(413, "RequestEntityTooLarge", f"limit is {bodies.MOST_BYTES}")
            return _response(told(error), http.method)
        user, groups = identity
        query: dict[str, str] = {}
        for name, value in http.query_params.multi_items():
            query.setdefault(name, value)
        request = Request(
            method=http.method,
            path=http.url.path,
            query=query,
            accept=http.headers.get("accept", ""),
            content_type=http.headers.get("content-type", ""),
            body=body,
            user=user,
            groups=groups,
            agent=http.headers.get("user-agent", ""),
        )
        try:
            reply = await api.answer(served, request)
        except Exception as error:  # noqa: BLE001 - told to the client as the API server tells it
            words = f"Internal error occurred: {type(error).__name__}: {error}"
            reply = told(failure(500, "InternalError", words))
        mark = (http.method, "", reply.status)
        served.counts[mark] = served.counts.get(mark, 0) + 1
        return _response(reply, http.method)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        loops = asyncio.create_task(served.control.run())
        loops.add_done_callback(lambda task: _note_end(served, task))
        warming = asyncio.create_task(served.warm())
        yield
        warming.cancel()
        loops.cancel()
        if not served.control.broken:
            served.control.keep_time()

    return Starlette(routes=[Route("/{path:path}", handle, methods=_METHODS)], lifespan=lifespan)


def _page(method: str) -> Response:
    content, policy = page()
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    headers["Referrer-Policy"] = "no-referrer"
    return Response(b"" if method == "HEAD" else content, media_type="text/html", headers=headers)


def _note_end(served: Served, task: asyncio.Task[None]) -> None:
    """The control loops go on for ever; where they end by a fault, health checks say so from then on."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        served.control.failure = f"{type(error).__name__}: {error}"


async def _body(http: HttpRequest) -> bytes | None:
    """The whole body; None if it is larger than any may be."""
    if http.method in ("GET", "HEAD"):
        return b""
    parts = []
    size = 0
    async for part in http.stream():
        size += len(part)
        if size > bodies.MOST_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def _identity(http: HttpRequest, token: str, served: Served) -> Response | tuple[str, tuple[str, ...]]:
    """The user and groups of a request; a response where it is refused."""
    sender = _sender(http, token, served)
    if sender is None:
        return _response(told(failure(401, "Unauthorized", "Unauthorized")), http.method)
    wanted = http.headers.get("impersonate-user", "")
    try:
        return access.impersonated(served, *sender, wanted, tuple(http.headers.getlist("impersonate-group")))
    except RequestError as refused:
        return _response(told(refused), http.method)


def _sender(http: HttpRequest, token: str, served: Served) -> tuple[str, tuple[str, ...]] | None:
    """Who sends a request; None if nobody knows."""
    given = http.headers.get("authorization", "")
    kind, _, value = given.partition(" ")
    if kind.lower() == "bearer" and hmac.compare_digest(value.strip().encode(), token.encode()):
        return "admin", (access.MASTERS, "system:authenticated")
    if kind.lower() == "bearer" and (account := served.accounts.get(value.strip())) is not None:
        return access.identity_of(account)
    if http.url.path.rstrip("/") in _OPEN and not given:
        return access.ANONYMOUS, ("system:unauthenticated",)
    return None


def _response(reply: Reply, method: str) -> Response:
    headers = {"Audit-Id": f"{time.monotonic_ns():x}", "Cache-Control": "no-cache, private"}
    if reply.stream is not None:
        response: Response = StreamingResponse(reply.stream, media_type=JSON, headers=headers)
    else:
        content = reply.body if isinstance(reply.body, bytes) else msgspec.json.encode(reply.body) + b"\n"
        response = Response(b"" if method == "HEAD" else content, status_code=reply.status, headers=headers)
        response.headers["content-type"] = reply.content_type
    for text in reply.warnings:
        response.headers.append("Warning", f'299 - "{_escaped(text)}"')
    return response


def _escaped(text: str) -> str:
    shown = "".join(c if c.isprintable() and ord(c) < 256 else "?" for c in text)
    return shown.replace("\\", "\\\\").replace('"', '\\"')
