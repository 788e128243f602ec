"""A server: what is served at an address, until it is interrupted."""

from __future__ import annotations

import gc
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.bootstrap import start
from kubelogic.cluster import Object
from kubelogic.cluster.state import State
from kubelogic.reconcile.scenario import Event
from kubelogic.serve.app import application
from kubelogic.serve.cluster import Served
from kubelogic.serve.control import Clock, ControlPlane
from kubelogic.serve.credentials import Credentials, credentials, kubeconfig
from kubelogic.serve.events import Events
from kubelogic.serve.finishing import finished
from kubelogic.serve.happening import Happening
from kubelogic.serve.history import History
from kubelogic.serve.lines import Lines
from kubelogic.serve.outside import MISSING_IMAGES, Outside
from kubelogic.serve.signing import Authority
from kubelogic.serve.store import Store, StoreError
from kubelogic.text.writing import write_whole
from kubelogic.verbs.reconciled import Engine, Options, engine

_IDLE = 180
"""Seconds that a connection stays open without a request. Source: apiserver, pkg/server/secure_serving.go."""

_SWITCH = 0.0002
"""Seconds after which the thread of ticks gives way to requests."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How to serve.

    Attributes:
        options: which scheduler, rules and parameters.
        host: address to listen on.
        port: its port; 0 for any that is free.
        kubeconfig: where to write the kubeconfig.
        speed: simulated seconds in a second; 0 for a clock that only moves when told to.
        begin: moment at which the clock starts, in milliseconds since 1970; None for the machine's present.
        missing: patterns of images that cannot be pulled.
        store: file in which the cluster is kept; empty for memory only.
        scenario: what happens at which time from the start.
        warn: told of a step that is refused.
        learns: whether controllers know what there is before anybody asks, as they fill their caches; nothing is
            done yet.
    """

    options: Options
    host: str = "127.0.0.1"
    port: int = 0
    kubeconfig: Path = Path("kubelogic.kubeconfig")
    speed: float = 1.0
    begin: int | None = None
    missing: Sequence[str] = MISSING_IMAGES
    store: str = ""
    scenario: Sequence[Event] = ()
    warn: Callable[[str], None] = print
    learns: bool = False


def prepare(
    objects: Sequence[Object], settings: Settings, made: Engine | None = None
) -> tuple[Served, tuple[tuple[Object, Status], ...]]:
    """What is served at the start, and what the API server did not take.

    Args:
        objects: what was read.
        settings: how to serve.
        made: the engine of an earlier call with the same settings, which spares the time to make it.

    Raises:
        RuleErrors: if the rules or parameters are faulty.
        StoreError: the store cannot be used, or holds a cluster already and there are objects to begin with.
    """
    # Each question has its limit; a server does not end looking some time after its start.
    options = replace(settings.options, deadline=None)
    made = made or engine(options)
    store = Store.open(settings.store) if settings.store else None
    kept = store.load(made.rulebook) if store is not None else None
    if store is not None and kept is not None and objects:
        store.close()
        raise StoreError(
            f"{settings.store} holds a cluster already: serve it without PATH, and kubectl apply what is new"
        )
    told = Events(line=Lines(rulebook=made.rulebook))
    refused: tuple[tuple[Object, Status], ...] = ()
    if kept is None:
        now = int(time.time() * 1000) if settings.begin is None else settings.begin
        begun = start(objects, rules=made.rulebook, now=now)
        state, history, refused = begun.state, History(), begun.refused
    else:
        state, history = kept.state, kept.history
        told.resumed(history.revision, state)
    control = ControlPlane(
        state=state,
        ticker=made.reconciler,
        clock=Clock(speed=settings.speed),
        history=history,
        react=told,
        outside=_world(settings, told, state.now),
        keeper=store,
        finish=partial(finished, authority=Authority()),
    )
    if kept is None:
        control.begin()
    else:
        control.clock.start(state.now)
    if settings.learns:
        made.reconciler.advance(control.present())
    return Served(control=control, options=options), refused


def _world(settings: Settings, told: Events, begun: int) -> Callable[[State], tuple[State, int | None]]:
    """All that happens at a moment before a tick, and when something happens next."""
    parts = (
        Happening(events=settings.scenario, begun=begun, warn=settings.warn),
        Outside(missing=settings.missing),
        told.noticed,
    )

    def happens(state: State) -> tuple[State, int | None]:
        moments = []
        for part in parts:
            state, moment = part(state)
            if moment is not None:
                moments.append(moment)
        return state, min(moments, default=None)

    return happens


def serve(served: Served, settings: Settings, ready: Callable[[str, str], None]) -> None:
    """Serve until interrupted.

    Args:
        served: what is served.
        settings: where.
        ready: told the URL and the token once the kubeconfig is written.

    Raises:
        OSError: the address cannot be listened on, or the kubeconfig cannot be written.
    """
    import uvicorn

    sys.setswitchinterval(_SWITCH)
    gc.freeze()  # what is there is looked at by the collector no more; reference counts free it
    listening = listen(settings.host, settings.port)
    port = listening.getsockname()[1]
    named = f"[{settings.host}]" if listening.family == socket.AF_INET6 else settings.host
    named = "127.0.0.1" if settings.host == "0.0.0.0" else named
    url = f"https://{named}:{port}"
    served.address = f"{named}:{port}"
    given = credentials(named.strip("[]"))
    with tempfile.TemporaryDirectory(prefix="kubelogic-") as directory:
        certificate, key = _written(given, Path(directory))
        config = uvicorn.Config(
            application(served, given.token),
            log_level="warning",
            access_log=False,
            ssl_certfile=str(certificate),
            ssl_keyfile=str(key),
            ssl_version=ssl.PROTOCOL_TLS_SERVER,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=_IDLE,
            server_header=False,
            lifespan="on",
        )
        write_whole(settings.kubeconfig, kubeconfig(url, given).encode())
        ready(url, given.token)
        uvicorn.Server(config).run(sockets=[listening])


def listen(host: str, port: int) -> socket.socket:
    """A socket for connections whose answers leave at once.

    An answer is written in parts. A system that keeps the second until the first is acknowledged (Nagle's algorithm)
    makes each request wait for the client's delayed acknowledgement, 40 ms; connections inherit that it does not.

    Raises:
        OSError: the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.bind((host, port))
    listening.listen(1024)
    return listening


def _written(given: Credentials, directory: Path) -> tuple[Path, Path]:
    certificate, key = directory / "tls.crt", directory / "tls.key"
    write_whole(certificate, given.certificate)
    write_whole(key, given.key)
    return certificate, key
