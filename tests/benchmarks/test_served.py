"""How quickly a server answers for 5,000 nodes and 50,000 pods. Prints the figures of docs/reference/performance.md."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import pytest

from kubelogic.serve.remote import Remote, remote
from tests.support.fleets import as_json, running

pytestmark = pytest.mark.benchmark

NODES, PODS = 5000, 50_000
WRITES, WATCHERS = 600, 200


@contextmanager
def server(folder: Path, *more: str) -> Iterator[tuple[Remote, subprocess.Popen[bytes], float]]:
    """A server of the big cluster whose clock stands still, and how long it took to come up."""
    dump, kubeconfig = folder / "cluster.json", folder / "kubeconfig"
    dump.write_bytes(as_json(running(nodes=NODES, pods=PODS, deployments=500)))
    arguments = ["serve", str(dump), "--clock", "manual", "--kubeconfig", str(kubeconfig), *more]
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "kubelogic", *arguments])
    try:
        while not kubeconfig.exists():
            assert process.poll() is None
            time.sleep(0.2)
        yield remote(str(kubeconfig)), process, time.monotonic() - begun
    finally:
        process.terminate()
        process.wait(60)


def memory(process: subprocess.Popen[bytes]) -> float:
    """The most that a process has taken, in GiB."""
    lines = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 2**20


def spent(process: subprocess.Popen[bytes]) -> float:
    """Seconds of the processor that a process has taken, which depend less on what runs beside it than the clock."""
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Connection:
    """One connection that stays open, as clients keep theirs."""

    def __init__(self, to: Remote) -> None:
        import http.client

        host = to.url.removeprefix("https://")
        context = ssl.create_default_context(cadata=to.authority)
        self.inner = http.client.HTTPSConnection(host, context=context, timeout=600)
        self.headers = {"Authorization": f"Bearer {to.token}", "Content-Type": "application/json"}

    def send(self, method: str, path: str, body: bytes | None = None) -> bytes:
        self.inner.request(method, path, body, self.headers)
        answer = self.inner.getresponse()
        found = answer.read()
        assert answer.status < 300, found
        return found


async def watched(to: Remote, number: int, change: Connection) -> float:
    """Seconds until so many watchers have heard of one change."""
    host, _, port = to.url.removeprefix("https://").partition(":")
    context = ssl.create_default_context(cadata=to.authority)
    request = (
        "GET /api/v1/namespaces/default/configmaps?watch=true HTTP/1.1\r\n"
        f"Host: {host}\r\nAuthorization: Bearer {to.token}\r\n\r\n"
    ).encode()
    streams = []
    for _ in range(number):
        reader, writer = await asyncio.open_connection(host, int(port), ssl=context, limit=1 << 24)
        writer.write(request)
        await reader.readuntil(b"\r\n\r\n")
        streams.append((reader, writer))
    await asyncio.sleep(1)
    begun = time.monotonic()
    body = json.dumps({"metadata": {"name": "heard"}, "data": {"a": "b"}}).encode()
    await asyncio.to_thread(change.send, "POST", "/api/v1/namespaces/default/configmaps", body)
    await asyncio.gather(*(reader.readuntil(b'"heard"') for reader, _ in streams))
    took = time.monotonic() - begun
    for _, writer in streams:
        writer.close()
    return took


@pytest.mark.parametrize("stored", [False, True])
def test_five_thousand_nodes_served(stored: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--store", str(tmp_path / "cluster.db")] if stored else []
    with server(tmp_path, *more) as (to, process, up), ExitStack() as stack:
        connection = Connection(to)
        stack.callback(connection.inner.close)
        assert connection.send("GET", "/readyz") == b"ok"
        connection.send("POST", "/kubelogic/v1/clock", b'{"step": 0}')
        used, begun = spent(process), time.monotonic()
        listed = connection.send("GET", "/api/v1/pods")
        first, first_used = time.monotonic() - begun, spent(process) - used
        used, begun = spent(process), time.monotonic()
        connection.send("GET", "/api/v1/pods")
        again, again_used = time.monotonic() - begun, spent(process) - used
        names = [each["metadata"]["name"] for each in json.loads(listed)["items"]]
        assert len(names) == PODS
        gets = []
        for name in names[:: PODS // 200]:
            begun = time.monotonic()
            connection.send("GET", f"/api/v1/namespaces/default/pods/{name}")
            gets.append(time.monotonic() - begun)
        used, begun = spent(process), time.monotonic()
        for number in range(WRITES):
            body = json.dumps({"metadata": {"name": f"c{number}"}, "data": {"a": "b"}}).encode()
            connection.send("POST", "/api/v1/namespaces/default/configmaps", body)
        writes, writes_used = WRITES / (time.monotonic() - begun), (spent(process) - used) / WRITES
        heard = asyncio.run(watched(to, WATCHERS, connection))
        most = memory(process)
    with capsys.disabled():
        print(
            f"\n{'with a store' if stored else 'in memory'}: up {up:.0f} s, list {first:.1f} s (processor "
            f"{first_used:.1f}), again {again:.1f} s ({again_used:.1f}; {len(listed) >> 20} MiB), get "
            f"{median(gets) * 1000:.1f} ms (median of {len(gets)}, worst {max(gets) * 1000:.0f}), writes "
            f"{writes:.0f}/s ({writes_used * 1000:.1f} ms each), {WATCHERS} watchers heard in {heard:.2f} s, "
            f"memory {most:.1f} GiB"
        )
    assert len(gets) == 200
