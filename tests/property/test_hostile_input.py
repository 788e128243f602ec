"""Mutated objects, scenarios and rule files through every command: an answer or a fault, never a fault of kubelogic.

"An input never ends in a traceback" (README, exit codes). Each run is one process's worth of work done in this one; a
run may take 20 seconds. ``--hypothesis-profile`` has no part in it: the seed decides.
"""

from __future__ import annotations

import copy
import json
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from kubelogic.cli import main

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 20.0
"""Seconds for one run."""
MOST_MEMORY = 2 << 20
"""KiB that this process may have grown to."""
ODD: tuple[Any, ...] = (
    None,
    "",
    "\033[2J\u202e",
    "x" * 300,
    "a.b",
    "1\n",
    "²",
    0,
    -1,
    1,
    2**31 - 1,
    2**31,
    2**63 - 1,
    2**63,
    -(2**63),
    1e300,
    0.5,
    True,
    [],
    {},
    [None],
    [{}],
    {"": ""},
    "9223372036854775807",
    "9Ei",
    "1n",
    "0",
    "-5",
    "50%",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-12:00",
    "* * * * *",
    "Pod",
    "Node",
)
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("plan", "{}"),
    ("plan", "{}", "--scheduler", "kube", "-o", "json"),
    ("explain", "shop/web-0", "{}"),
    ("simulate", "{}", "--fail", "n1@30s", "--horizon", "5m"),
    ("capacity", "{}", "--pod", "{}"),
    ("query", "pod_phase(Pod, Phase)", "{}"),
)
PIECES = ("", "(", ")", "'", "N", "+ N", " & chain(A, N)", "99999999999999999999", "f'{N}'", "\0", "~")
RULES = """#! title: t
#! source: s
#: output lonely(Pod: pod) "{Pod} is alone"
lonely(Pod) <= pod_phase(Pod, 'Pending') & ~pod_node(Pod, _)
#: output chain(A: pod, N: int) "{A} has {N}"
chain(A, 0) <= pod_phase(A, _)
chain(A, N + 1) <= chain(A, N) & (N < 3)
"""
SCENARIO = {
    "horizon": "5m",
    "steps": [
        {"at": "10s", "fail": "n1"},
        {"at": "1m", "scale": {"kind": "Deployment", "name": "web", "namespace": "shop", "replicas": 3}},
        {"at": 90, "drain": "n2"},
        {"at": "2m", "taint": {"node": "n2", "key": "a", "value": "b", "effect": "NoExecute"}},
        {"at": "3m", "delete": {"kind": "Pod", "name": "web-0", "namespace": "shop"}},
    ],
}


def objects() -> list[dict[str, Any]]:
    """A small cluster with something of most kinds, as a dump has them."""
    text = (Path(__file__).parent / "hostile_input.yaml").read_text(encoding="utf-8")
    return [each for each in yaml.safe_load_all(text) if each]


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a tree: what it is in, and its key or index."""
    for key, value in list(tree.items()) if isinstance(tree, dict) else list(enumerate(tree)):
        yield tree, key
        if isinstance(value, dict | list):
            yield from places(value)


def mutated(tree: Any, random: Random) -> Any:
    """A copy with one to three places taken away, doubled, or holding something odd."""
    tree = copy.deepcopy(tree)
    for _ in range(random.randint(1, 3)):
        found = list(places(tree))
        if not found:
            return tree
        where, key = random.choice(found)
        match random.randrange(5):
            case 0:
                del where[key]
            case 1 if isinstance(where, list):
                where.append(copy.deepcopy(where[key]))
            case 2:
                other, name = random.choice(found)
                where[key] = copy.deepcopy(other[name]) if name in other or isinstance(other, list) else None
            case _:
                where[key] = copy.deepcopy(random.choice(ODD))
    return tree


def damaged(text: str, random: Random) -> bytes:
    """A text with some characters changed, in some encoding."""
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(text))
        piece = random.choice(
            ("", "(", ")", "'", "N", "+ N", " & chain(A, N)", "99999999999999999999", "f'{N}'", "\0", "~")
        )
        text = text[:place] + piece + text[place + random.choice((0, 1, 4)) :]
    return text.encode(random.choice(("utf-8", "utf-8", "utf-8", "utf-16", "utf-16-le")), "replace")


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What went wrong with one run; empty if nothing did."""
    began = time.monotonic()
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = int(str(ended.code))
    took = time.monotonic() - began
    printed = capsys.readouterr()
    wrong = [] if code in (0, 1, 2, 3) else [f"code {code}: {printed.err[-400:]}"]
    if took > LONGEST:
        wrong.append(f"took {took:.0f} s")
    if "-o" not in arguments and "\033" in printed.out + printed.err:
        wrong.append("sent an escape sequence")
    return "; ".join(wrong)


def fuzz(seed: int, runs: int, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Run so many mutations; the faults that were found, each with its seed and command."""
    base = objects()
    found = []
    for number in range(runs):
        random = Random(f"{seed}.{number}")
        file = folder / "x.json"
        kind = random.randrange(10)
        trees = base
        if kind < 7:
            trees = list(base)
            index = random.randrange(len(trees))
            trees[index] = mutated(trees[index], random)
        file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": trees}), encoding="utf-8")
        command = [part.replace("{}", str(file)) for part in random.choice(COMMANDS)]
        if kind in (7, 8):
            scenario = folder / "s.json"
            scenario.write_text(json.dumps(mutated(SCENARIO, random)), encoding="utf-8")
            command = ["simulate", str(file), "--scenario", str(scenario)]
            if not random.randrange(3):
                command += ["--horizon", "10m"]
        if kind == 9:
            rules = folder / "rules"
            rules.mkdir(exist_ok=True)
            (rules / "x.dl").write_bytes(damaged(RULES, random))
            asked = random.choice(("chain(A, N)", "lonely('shop/web-0')", "chain('shop/web-0', N)"))
            command = ["query", asked, str(file), "--rules", str(rules)]
        if command[0] in ("plan", "explain", "capacity", "query"):
            command += ["--keep-going"]
        if command[0] in ("plan", "explain", "capacity", "simulate"):
            command += ["--timeout", "3"]
        if wrong := run(command, capsys):
            found.append(f"{seed}.{number} {' '.join(command[:2])}: {wrong}")
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > MOST_MEMORY:
        found.append(f"more than {MOST_MEMORY >> 10} MiB")
    return found


def test_a_few_hostile_inputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz(1, 60, tmp_path, capsys) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_many_hostile_inputs(seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz(seed, 650, tmp_path, capsys) == []
