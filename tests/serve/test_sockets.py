"""Bytes that no client sends, to a server that is a process of its own: it refuses them and goes on."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubelogic.serve.remote import Remote, remote

pytestmark = pytest.mark.slow

PATIENCE = 10.0
GET = b"GET /readyz HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

PLAIN: tuple[bytes, ...] = (
    b"",
    GET + b"\r\n",
    b"\x00" * 64,
    b"\x16\x03\x01\xff\xff" + b"\x01" * 100,
    b"\x16\x03\x01\x00\x05\x01\x00",
    b"SSH-2.0-x\r\n",
)
"""What is sent without TLS."""

INSIDE: tuple[bytes, ...] = (
    b"\r\n\r\n",
    b"\x00\xff" * 50 + b"\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET /readyz HTTP/9.9\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://elsewhere/readyz HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /\xff\xfe%zz%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    GET + b"no colon\r\n\r\n",
    GET + b"X: " + b"a" * 300_000 + b"\r\n\r\n",
    GET + b"".join(b"X%d: a\r\n" % number for number in range(5000)) + b"\r\n",
    GET + b"Authorization: Bearer \xff\xfe\r\n\r\n",
    GET + b"Authorization: Bearer " + b"a" * 50_000 + b"\r\n\r\n",
    GET + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n",
    (GET + b"\r\n") * 100,
    POST + b"Content-Length: -1\r\n\r\n{}",
    POST + b"Content-Length: many\r\n\r\n{}",
    POST + b"Content-Length: 99999999999999999999\r\n\r\n{}",
    POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST + b"Content-Length: 1000\r\n\r\n{",
    POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n{}",
    POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}",
    POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
)
"""What is sent inside of TLS; the last ones are requests that never end."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Remote, int]]:
    """A server, and its process."""
    kubeconfig = tmp_path_factory.mktemp("sockets") / "kubeconfig"
    arguments = ["--nodes", "1:4cpu:16Gi", "--clock", "manual", "--kubeconfig", str(kubeconfig)]
    process = subprocess.Popen([sys.executable, "-m", "kubelogic", "serve", *arguments], stdout=subprocess.DEVNULL)
    try:
        while not kubeconfig.exists():
            assert process.poll() is None
            time.sleep(0.1)
        yield remote(str(kubeconfig)), process.pid
    finally:
        process.terminate()
        process.wait(30)


def _answered(to: Remote, content: bytes, *, tls: bool) -> bytes:
    """What comes back, up to the end or, where the server waits for more, until the sender gives up."""
    host, _, port = to.url.removeprefix("https://").partition(":")
    found = socket.create_connection((host, int(port)), timeout=PATIENCE)
    got = b""
    try:
        if tls:
            found = ssl.create_default_context(cadata=to.authority).wrap_socket(found, server_hostname=host)
        found.sendall(content)
        found.settimeout(0.3)
        while part := found.recv(1 << 16):
            got += part
    except (TimeoutError, ConnectionError, ssl.SSLError):
        return got
    finally:
        found.close()
    return got


def _open_files(process: int) -> int:
    return sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())


def test_bytes_that_are_no_requests_do_not_disturb_the_server(served: tuple[Remote, int]) -> None:
    to, process = served
    before = _open_files(process)
    for content, tls in (*((each, False) for each in PLAIN), *((each, True) for each in INSIDE)):
        got = _answered(to, content, tls=tls)
        assert b" 500 " not in got.partition(b"\r\n")[0], (content[:80], got[:300])
        assert b"Traceback" not in got, content[:80]
        assert to.send("GET", "/readyz") == b"ok", content[:80]
    deadline = time.monotonic() + PATIENCE
    while _open_files(process) > before + 2:
        assert time.monotonic() < deadline, "connections stay open"
        time.sleep(0.1)


def test_connections_that_say_nothing_keep_nobody_out(served: tuple[Remote, int]) -> None:
    to, _ = served
    host, _, port = to.url.removeprefix("https://").partition(":")
    silent = [socket.create_connection((host, int(port)), timeout=PATIENCE) for _ in range(200)]
    try:
        assert to.send("GET", "/readyz") == b"ok"
    finally:
        for each in silent:
            each.close()
