"""Requests made up by schemathesis from the server's own OpenAPI: no 500, no answer that does not come, no leak."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubelogic.serve.remote import Remote, remote

PROGRAM = Path(sys.executable).with_name("schemathesis")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAM.exists(), reason="schemathesis is not installed: pip install 'kubelogic[fuzz]'"),
]
SEED, EXAMPLES = 7, 4
GROWTH = 128 * 1024
"""KiB that the server may grow by: a few thousand objects and their history are kept, requests are not."""
GROUPS = (
    "api/v1",
    "apis/apps/v1",
    "apis/autoscaling/v2",
    "apis/certificates.k8s.io/v1",
    "apis/apiextensions.k8s.io/v1",
    "apis/authorization.k8s.io/v1",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Remote, int]]:
    """A server, and its process."""
    kubeconfig = tmp_path_factory.mktemp("fuzz") / "kubeconfig"
    arguments = ["--nodes", "2:4cpu:16Gi", "--clock", "manual", "--kubeconfig", str(kubeconfig)]
    process = subprocess.Popen([sys.executable, "-m", "kubelogic", "serve", *arguments], stdout=subprocess.DEVNULL)
    try:
        while not kubeconfig.exists():
            assert process.poll() is None
            time.sleep(0.1)
        yield remote(str(kubeconfig)), process.pid
    finally:
        process.terminate()
        process.wait(30)


def resident(process: int) -> int:
    """The memory of a process, in KiB."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


@pytest.mark.parametrize("group", GROUPS)
def test_made_up_requests_meet_no_internal_error(group: str, served: tuple[Remote, int], tmp_path: Path) -> None:
    to, process = served
    document = tmp_path / "openapi.json"
    document.write_bytes(to.send("GET", f"/openapi/v3/{group}"))
    before = resident(process)
    arguments = ["run", str(document), "--url", to.url, "--tls-verify", "false", "--seed", str(SEED)]
    arguments += ["--header", f"Authorization: Bearer {to.token}", "--max-examples", str(EXAMPLES), "--no-color"]
    arguments += ["--phases", "coverage,fuzzing", "--checks", "not_a_server_error", "--suppress-health-check", "all"]
    arguments += ["--request-timeout", "30", "--continue-on-failure", "--generation-database", "none"]
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=900, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    generated = re.search(r"(\d+) generated", done.stdout)
    assert generated is not None, done.stdout[-4000:]
    assert int(generated[1]) > 0
    assert resident(process) - before < GROWTH
    assert to.send("GET", "/readyz") == b"ok"
