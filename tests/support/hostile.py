"""Hostile input: objects, scenarios, rule files, bytes, options and archives, mutated; equal for equal seeds.

``case`` writes the files of one case into a folder and says which command to run.
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Literal

import yaml

Kind = Literal["objects", "scenario", "rules", "bytes", "options"]

KINDS: tuple[Kind, ...] = ("objects", "scenario", "rules", "bytes", "options")
ODD: tuple[Any, ...] = (
    None,
    "",
    "\033[2J\u202e",
    "x" * 300,
    "a.b",
    "a/b",
    "A",
    "-",
    "1\n",
    "²",
    "١",
    0,
    -1,
    1,
    2,
    3,
    100,
    10**6,
    2**31 - 1,
    2**31,
    2**63 - 1,
    2**63,
    -(2**63),
    10**400,
    1e300,
    0.5,
    True,
    False,
    [],
    {},
    [None],
    [{}],
    [[]],
    {"": ""},
    {"a": None},
    "9223372036854775807",
    "9Ei",
    "1n",
    "0",
    "-5",
    "1e100",
    "1e-100",
    "0.0000000001",
    "50%",
    "101%",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-12:00",
    "2026-01-01T00:00:00.999999999Z",
    "* * * * *",
    "@every 1s",
    "0 0 30 2 *",
    "TZ=Mars/Olympus * * * * *",
    "10.0.0.300",
    "::1",
    "0.0.0.0/0",
    "Always",
    "Never",
    "NoExecute",
    "Exists",
    "DoesNotExist",
    "DoNotSchedule",
    "Pod",
    "Node",
    "Terminating",
    "n1",
    "shop",
    "web",
    "kubernetes.io/hostname",
)
"""Values to put anywhere."""

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("plan", "{}"),
    ("plan", "{}", "--scheduler", "kube", "-o", "json"),
    ("plan", "{}", "--allow-moves", "3"),
    ("explain", "shop/web-0", "{}"),
    ("explain", "shop/ran", "{}", "--node", "n2"),
    ("explain", "deploy/web", "-n", "shop", "{}"),
    ("simulate", "{}", "--fail", "n1@30s", "--horizon", "5m"),
    ("simulate", "{}", "--drain", "n2@10s"),
    ("capacity", "{}"),
    ("capacity", "{}", "--pod", "{}"),
    ("query", "pod_phase(Pod, Phase)", "{}"),
    ("query", "feasible(Pod, Node)", "{}"),
    ("query", "--settled", "service_address(S, A)", "{}"),
)
"""What mutated objects are given to."""

RULES = """#! title: t
#! source: s
#! omits: nothing
#: output lonely(Pod: pod) "{Pod} is alone"
lonely(Pod) <= pod_phase(Pod, 'Pending') & ~pod_node(Pod, _)
#: output chain(A: pod, N: int) "{A} has {N}"
chain(A, 0) <= pod_phase(A, _)
chain(A, N + 1) <= chain(A, N) & (N < 3)
#: output pair(A: pod, B: pod) "{A} and {B}"
pair(A, B) <= pod_phase(A, _) & pod_phase(B, _) & (A != B)
"""
PIECES = (
    *("", "(", ")", "'", '"', "N", "+ N", "* N", "- 1", " & chain(A, N)", " & ~lonely(A)", "99999999999999999999"),
    *(
        "f'{N}'",
        "\0",
        "~",
        "<=",
        "==",
        "_",
        "#",
        "#:",
        "#!",
        "\n",
        "\r",
        "\\",
        "\ufeff",
        "(((((((((",
        "lambda: 0",
        "A.b",
    ),
    *("1.5", "None", "pair(B, A)", "chain", "é", "\u202e", "**", "//0", "% 0", "[0]", "__import__('os')", "if", "not "),
)

EVENTS = (
    "0/5 nodes are available: 1 Insufficient cpu, 4 node(s) had untolerated taint {a: b}.",
    "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules. preemption: 0/3 nodes are available: "
    "3 No preemption victims found for incoming pod..",
    "0/4 nodes are available: 1 node(s) were unschedulable, 3 node(s) had volume node affinity conflict.",
    "pod didn't trigger scale-up: 1 max node group size reached, 2 node(s) didn't match Pod's node affinity/selector",
    'running PreBind plugin "VolumeBinding": binding volumes: timed out waiting for the condition',
)

SCENARIO: dict[str, Any] = {
    "horizon": "5m",
    "steps": [
        {"at": 0, "image": {"name": "j:1", "exitAfter": "10s", "exitCode": 1}},
        {"at": "10s", "fail": "n1"},
        {"at": "20s", "heal": "n1"},
        {"at": "1m", "scale": {"kind": "Deployment", "name": "web", "namespace": "shop", "replicas": 3}},
        {"at": "1m", "setImage": {"name": "web", "namespace": "shop", "image": "web:2"}},
        {"at": 90, "drain": "n2"},
        {"at": 91, "drain": {"node": "n1", "force": True, "deleteEmptyDirData": True}},
        {"at": 95, "uncordon": "n2"},
        {"at": "2m", "taint": {"node": "n2", "key": "a", "value": "b", "effect": "NoExecute"}},
        {"at": "2m", "untaint": {"node": "n2", "key": "a", "effect": "NoExecute"}},
        {"at": "2m", "fail": {"probe": "readiness", "image": "web:1", "status": 503}},
        {"at": "2m10s", "patch": {"kind": "Deployment", "name": "web", "namespace": "shop", "type": "merge",
                                  "patch": {"spec": {"paused": True}}}},
        {"at": "2m20s", "patch": {"kind": "StatefulSet", "name": "db", "namespace": "shop", "type": "json",
                                  "patch": [{"op": "replace", "path": "/spec/replicas", "value": 2}]}},
        {"at": "2m30s", "undo": {"name": "web", "namespace": "shop", "revision": 1}},
        {"at": "2m40s", "metric": {"name": "web", "namespace": "shop", "resource": "cpu", "each": "250m"}},
        {"at": "2m50s", "exit": {"kind": "Job", "name": "once", "namespace": "shop", "container": "c", "code": 1}},
        {"at": "3m", "evict": {"name": "ran", "namespace": "shop"}},
        {"at": "3m", "pause": {"name": "web", "namespace": "shop"}},
        {"at": "3m", "resume": {"name": "web", "namespace": "shop"}},
        {"at": "3m", "pod": {"name": "web-0", "namespace": "shop", "ready": False}},
        {"at": "3m", "delete": {"kind": "Pod", "name": "web-0", "namespace": "shop", "grace": 5}},
        {"at": "4m", "apply": "more.yaml"},
    ],
}  # fmt: skip

OPTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("-n", ("", "Bad Ns", "shop", "x" * 300, "\033", "a/b", "-")),
    ("--set", ("", "a", "a=", "=1", "node_monitor_period=0", "node_monitor_period=-1", "name=²", "a=9" * 50, "a=b=c")),
    ("--timeout", ("0", "-1", "nan", "inf", "1e400", "", "²", "0.001", "3s")),
    ("--horizon", ("0", "-1", "9" * 400, "1ms", "", "5m5m", "99999999h", "0.0001")),
    ("--allow-moves", ("0", "-1", "9" * 30, "x")),
    ("--repairs", ("0", "-1", "9" * 30, "x")),
    ("--replicas", ("0", "-1", "9" * 30, "100000000", "x")),
    ("--resource", ("", "cpu", "cpu=", "=1", "cpu=-1", "cpu=9Ei", "memory=1e100", "a b=1", "cpu=²", "pods=1")),
    ("--node", ("", "nobody", "\033[2J", "n1\n")),
    ("--fail", ("", "@", "n1@", "n1@x", "@1s", "n1@-1s", "n1@9999999999h", "nobody@1s")),
    ("--drain", ("", "@", "n1@", "n1@0", "n1@1e9")),
    ("--start", ("", "2026", "0001-01-01T00:00Z", "9999-12-31T23:59:59Z", "2026-02-30T00:00Z", "²")),
    ("--exclude", ("", "*", "[", "**", "\0")),
    (
        "--event",
        (*EVENTS, "", "0/0", "0/99999999999999999999 nodes are available: ", "0/5 nodes are available: x" * 500),
    ),
    ("--minimize", ("nodes", "nothing", "x")),
    ("-o", ("text", "json", "yaml", "xml", "")),
    ("--engine", ("pydatalog", "compiled", "z3")),
    ("--scheduler", ("kube", "optimal", "")),
    ("--strict", ()),
    ("--keep-going", ()),
    ("--settled", ()),
)
"""Options and their odd values."""


@cache
def objects() -> tuple[dict[str, Any], ...]:
    """A small cluster with something of most kinds, as a dump has them."""
    text = (Path(__file__).parents[1] / "property" / "hostile_input.yaml").read_text(encoding="utf-8")
    return tuple(each for each in yaml.safe_load_all(text) if each)


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a tree: what it is in, and its key or index."""
    for key, value in list(tree.items()) if isinstance(tree, dict) else list(enumerate(tree)):
        yield tree, key
        if isinstance(value, dict | list):
            yield from places(value)


def mutated(tree: Any, random: Random, others: Sequence[Any] = ()) -> Any:
    """A copy with one to three places taken away, doubled, exchanged, or holding something odd.

    Args:
        tree: what to copy.
        random: decides.
        others: trees from which a part may come instead.
    """
    tree = copy.deepcopy(tree)
    for _ in range(random.randint(1, 3)):
        found = list(places(tree))
        if not found:
            return tree
        where, key = random.choice(found)
        match random.randrange(8):
            case 0:
                del where[key]
            case 1 if isinstance(where, list):
                where.append(copy.deepcopy(where[key]))
            case 2:
                other, name = random.choice(found)
                where[key] = copy.deepcopy(other[name])
            case 3 if others:
                other, name = random.choice(list(places(random.choice(others))))
                where[key] = copy.deepcopy(other[name])
            case 4 if others and isinstance(where, dict):
                other, name = random.choice(list(places(random.choice(others))))
                if isinstance(name, str):
                    where[name] = copy.deepcopy(other[name])
            case 5 if isinstance(where[key], str) and where[key]:
                where[key] = _bent(where[key], random)
            case 6 if isinstance(where[key], int) and not isinstance(where[key], bool):
                where[key] = random.choice((where[key] + 1, -where[key], where[key] * 1000, where[key] // 2))
            case _:
                where[key] = copy.deepcopy(random.choice(ODD))
    return tree


def _bent(text: str, random: Random) -> str:
    place = random.randrange(len(text))
    piece = random.choice(("", text[place] * 2, "0", "-", ".", "/", " ", "A", "\u00e9", "x" * 64))
    return text[:place] + piece + text[place + 1 :]


def damaged(text: str, random: Random, pieces: Sequence[str] = PIECES) -> bytes:
    """A text with some characters changed, in some encoding."""
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(text))
        text = text[:place] + random.choice(pieces) + text[place + random.choice((0, 1, 4)) :]
    return text.encode(random.choice(("utf-8", "utf-8", "utf-8", "utf-16", "utf-16-le", "latin-1")), "replace")


def case(kind: Kind, random: Random, folder: Path) -> list[str]:
    """Write the files of a case; the command to run on them.

    Args:
        kind: what is mutated.
        random: decides everything.
        folder: for the files.
    """
    command = _CASES[kind](random, folder)
    if command[0] != "simulate" and "--keep-going" not in command and random.random() < 0.7:
        command.append("--keep-going")
    if command[0] != "query" and "--timeout" not in command:
        command += ["--timeout", "3"]
    return command


def _written(trees: Sequence[Any], folder: Path, random: Random) -> Path:
    """The objects in one of the forms in which they come."""
    form = random.randrange(4)
    file = folder / ("x.yaml" if form == 0 else "x.json")
    match form:
        case 0:
            documents = [json.dumps(each) for each in trees]
            file.write_text("\n---\n".join(documents) + "\n", encoding="utf-8")
        case 1:
            file.write_text(json.dumps(list(trees)), encoding="utf-8")
        case _:
            file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(trees)}), encoding="utf-8")
    return file


def _objects(random: Random, folder: Path) -> list[str]:
    trees: list[Any] = list(objects())
    for index in random.sample(range(len(trees)), random.choice((1, 1, 1, 2, 3))):
        trees[index] = mutated(trees[index], random, trees)
    if random.random() < 0.2:
        trees = random.sample(trees, random.randint(1, len(trees)))
    file = _written(trees, folder, random)
    return [part.replace("{}", str(file)) for part in random.choice(COMMANDS)]


def _scenario(random: Random, folder: Path) -> list[str]:
    trees = [mutated(each, random, objects()) if random.random() < 0.02 else each for each in objects()]
    file = _written(trees, folder, random)
    (folder / "more.yaml").write_text(
        json.dumps(mutated(random.choice(objects()), random, objects())), encoding="utf-8"
    )
    steps = random.sample(SCENARIO["steps"], random.randint(1, 6))
    given = {**SCENARIO, "steps": steps}
    if random.random() < 0.6:
        given = mutated(given, random)
    if random.random() < 0.15:
        (folder / "s.yaml").write_bytes(
            damaged(json.dumps(given), random, ("", "{", "]", ":", ",", "\0", "&a", "*a", "!!x "))
        )
    else:
        (folder / "s.yaml").write_text(json.dumps(given), encoding="utf-8")
    command = ["simulate", str(file), "--scenario", str(folder / "s.yaml")]
    return command + (["--horizon", "10m"] if random.random() < 0.3 else [])


def _rules(random: Random, folder: Path) -> list[str]:
    rules = folder / "rules"
    rules.mkdir(exist_ok=True)
    (rules / "x.dl").write_bytes(damaged(RULES, random))
    file = str(_written(objects(), folder, random))
    asked = random.choice(("chain(A, N)", "lonely('shop/web-0')", "chain('shop/web-0', N)", "pair(A, B)", "lonely(A)"))
    if random.random() < 0.3:
        asked = damaged(asked, random).decode("utf-8", "replace").replace("\0", "")
    command = ["query", asked, file]
    if random.random() < 0.25:
        command = ["plan", file]
    elif random.random() < 0.2:
        command += ["--engine", "pydatalog"]
    return [*command, "--rules", str(rules)]


def _bytes(random: Random, folder: Path) -> list[str]:
    text = yaml.safe_dump_all(objects()) if random.random() < 0.7 else json.dumps(objects())
    pieces = ("", "{", "}", "[", ":", "- ", "\t", "\0", "&a ", "*a", "!!python/object:os ", "<<: *a", "|", "---\n", "%")
    data = bytearray(damaged(text, random, pieces))
    for _ in range(random.choice((0, 0, 1, 5))):
        data[random.randrange(len(data))] = random.randrange(256)
    name, given = random.choice(
        (("x.yaml", _plain), ("x.json", _plain), ("x.json.gz", _zipped), ("x.tar.gz", _archived))
    )
    file = folder / name
    file.write_bytes(given(bytes(data), random))
    return [part.replace("{}", str(file)) for part in random.choice(COMMANDS)]


def _plain(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data))] if random.random() < 0.2 else data


def _zipped(data: bytes, random: Random) -> bytes:
    return _plain(gzip.compress(data), random)


def _archived(data: bytes, random: Random) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        for name in random.sample(("d/pods.json", "../up.yaml", "/etc/x.yaml", "d/nodes.yaml", "\033.json"), 3):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            if random.random() < 0.2:
                entry.type, entry.linkname, entry.size = (
                    random.choice((tarfile.SYMTYPE, tarfile.FIFOTYPE)),
                    "/etc/passwd",
                    0,
                )
            archive.addfile(entry, io.BytesIO(data))
    return _plain(held.getvalue(), random)


def _options(random: Random, folder: Path) -> list[str]:
    file = str(_written(objects(), folder, random))
    command = [part.replace("{}", file) for part in random.choice(COMMANDS)]
    for option, values in random.sample(OPTIONS, random.randint(1, 3)):
        command += [option, random.choice(values)] if values else [option]
    if random.random() < 0.1:
        command[random.randrange(1, len(command))] = str(
            random.choice(("", "\033", "x" * 5000, ".", "-", "--", "²", "a b"))
        )
    return [part.replace("\0", "") for part in command]


_CASES: dict[Kind, Callable[[Random, Path], list[str]]] = {
    "objects": _objects,
    "scenario": _scenario,
    "rules": _rules,
    "bytes": _bytes,
    "options": _options,
}
