"""What is printed as the next step can be typed as it stands, and answers what it promises."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from kubelogic.cli import main
from kubelogic.cli.again import shortened

ROOT = Path(__file__).resolve().parents[2]
_STEP = re.compile(r"^.*\b(?:[Nn]ext|Then)\b[^:\n]*: (kubelogic .*)$", re.MULTILINE)
_BIG = """
apiVersion: v1
kind: Pod
metadata: {name: big}
spec: {containers: [{name: a, image: i, resources: {requests: {cpu: "64"}}}]}
"""
_GATED = """
apiVersion: v1
kind: Pod
metadata: {name: big}
spec: {schedulingGates: [{name: example.com/wait}], containers: [{name: a, image: i}]}
"""
_SMALL = """
apiVersion: v1
kind: Pod
metadata: {name: small}
spec: {containers: [{name: a, image: i, resources: {requests: {cpu: "1"}}}]}
"""
_NODE = """
apiVersion: v1
kind: Node
metadata: {name: ash, labels: {kubernetes.io/hostname: ash}}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}}
"""
_PAIR = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: "web:1", resources: {requests: {cpu: "3"}}}]}
"""
_CONTROL_PLANE = """
apiVersion: v1
kind: Node
metadata: {name: oak, labels: {kubernetes.io/hostname: oak, node-role.kubernetes.io/control-plane: ""}}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}, nodeInfo: {kubeletVersion: v1.36.1}}
"""
_BUDGET = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
"""
_RULES = (ROOT / "fixtures/check/rules/replicas.dl").read_text().replace("SHOP1", "OWN-7")


class Ran(NamedTuple):
    """A command, and what it came to."""

    typed: str
    code: int
    out: str


Run = Callable[..., list[Ran]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def steps(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command and then all that it names as next; patterns are spread out by bash.

    Nothing is next where the output has nothing that matches ``why``.
    """

    def run(typed: str, stdin: str = "", code: int | None = None, *, why: str = "") -> list[Ran]:
        done = [_run(typed, stdin, code)]
        found = _STEP.findall(done[0].out)
        assert bool(found) == bool(re.search(why, done[0].out, re.MULTILINE)), done[0].out
        for each in dict.fromkeys(found):
            assert "..." not in each
            done.append(_run(each, stdin))
        return done

    def _run(typed: str, stdin: str, expected: int | None = None) -> Ran:
        words = ["bash", "-c", f'kubelogic() {{ printf "%s\\0" "$@"; }}; {typed}']
        shown = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split("\0")[:-1]
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code = main(shown)
        captured = capsys.readouterr()
        assert code in ((0, 1, 3) if expected is None else (expected,)), f"{typed}\n{captured.err}"
        return Ran(typed, code, captured.out)

    return run


def explained(ran: Ran) -> bool:
    """Whether it tells of a pod without a node, or of a workload that is stuck."""
    named = ran.typed.split()[2]
    key = named if named.count("/") < 2 else named.partition("/")[2]
    return ran.typed.startswith("kubelogic explain ") and ran.code in (1, 3) and key in ran.out


_WHY = {"plan": "^(PENDING|REFUSED)$|: (FailedAttachVolume|PodTerminating): ", "check --show note": r"\[KL\d+\]"}
"""By command, what it prints wherever something is left to be asked."""


@pytest.mark.parametrize("verb", _WHY)
@pytest.mark.parametrize(
    "path",
    [
        "fixtures/shop",
        "fixtures/moves",
        "fixtures/groups/jobset.yaml",
        "fixtures/quarantine/cluster.yaml",
        "fixtures/check/cluster.yaml",
        *sorted(each.relative_to(ROOT).as_posix() for each in (ROOT / "fixtures/situations").glob("*.yaml")),
    ],
)
def test_next_steps_of_fixtures(verb: str, path: str, steps: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    _, *following = steps(f"kubelogic {verb} {path}", why=_WHY[verb])
    for each in following:
        assert each.code == 0 if re.match(r"kubelogic (explain KL|why )", each.typed) else explained(each), each


@pytest.mark.parametrize(
    "flags",
    [
        "",
        "-n shop",
        "--nodes '1:8cpu:32Gi:zone=b:gpu=true!NoSchedule' --nodes 2:1cpu",
        "--exclude 'a b*' --exclude 'x'",
        "--set node_monitor_period=7000 --set cluster_cidr=10.9.0.0/16",
        "--scheduler kube --horizon 1500ms --timeout 20",
        "--keep-going --strict",
    ],
)
def test_flags_are_kept(flags: str, folder: Path, steps: Run) -> None:
    (folder / "it's $HOME").mkdir()
    (folder / "it's $HOME" / "pods.yaml").write_text(_BIG)
    (folder / "-node.yaml").write_text(_NODE)
    paths = './-node.yaml "it\'s \\$HOME"'
    first, told = steps(f"kubelogic plan {paths} {flags}")
    assert first.code == 1
    assert explained(told)
    assert told.typed.split()[2] == ("shop/big" if "-n shop" in flags else "default/big")
    steps(f"kubelogic check {paths} {flags}")


def test_nodes_that_were_added_first_are_added_again(steps: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    flags = "--scale-up fixtures/pools/pools.yaml"
    first, told = steps(f"kubelogic plan fixtures/pools/cluster.yaml {flags}")
    assert explained(told)
    assert told.typed.endswith(f" fixtures/pools/cluster.yaml {flags}")
    message = next(line for line in first.out.splitlines() if "nodes are available" in line)
    assert message.strip() in told.out
    assert told.out.startswith("Add 1 node for 0.19 (no cheaper way): ")


def test_a_rollout_that_does_not_finish_has_a_check_that_tells_why(folder: Path, steps: Run) -> None:
    web = (ROOT / "fixtures/check/web.yaml").read_text().replace("htpp", "http")
    (folder / "web.yaml").write_text(web)
    (folder / "nodes.yaml").write_text((ROOT / "fixtures/check/cluster.yaml").read_text())
    _, told = steps("kubelogic explain -n shop svc/web nodes.yaml web.yaml")
    assert told.typed == "kubelogic check nodes.yaml web.yaml --namespace shop"
    assert "a rollout of Deployment shop/web cannot finish" in told.out


def test_what_came_on_standard_input_has_to_come_again(folder: Path, steps: Run) -> None:
    (folder / "pod.yaml").write_text(_BIG)
    first, told = steps("kubelogic plan - pod.yaml", _NODE)
    assert explained(told)
    assert "Next, all about one of them, with the same on standard input: kubelogic explain " in first.out
    assert told.typed == "kubelogic explain default/big - pod.yaml"


def test_a_pipe_of_the_shell_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "pod.yaml").write_text(_NODE + "---" + _BIG)
    name = f"/dev/fd/{os.open('pod.yaml', os.O_RDONLY)}"
    assert main(["plan", name]) == 1
    assert f"with the same in place of {name}: kubelogic explain default/big {name}" in capsys.readouterr().out


def test_many_paths_are_a_pattern_if_they_are_all_of_a_folder(folder: Path, steps: Run) -> None:
    (folder / "k 8s").mkdir()
    for number in range(30):
        (folder / "k 8s" / f"{number}.yaml").write_text(_SMALL.replace("small", f"p{number}"))
    (folder / "node.yaml").write_text(_NODE)
    _, told = steps("kubelogic plan node.yaml 'k 8s'/*.yaml")
    assert explained(told)
    assert told.typed.endswith(" node.yaml 'k 8s/'*.yaml")
    assert list(shortened([f"k 8s/{number}.yaml" for number in range(29)])) == [
        f"'k 8s/{number}.yaml'" for number in range(29)
    ]


def test_a_revision_is_left_out_and_a_base_is_read_before(folder: Path, steps: Run) -> None:
    who = ("-c", "user.name=n", "-c", "user.email=n@example.com")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}

    def git(*words: str) -> None:
        subprocess.run(["git", *who, *words], check=True, capture_output=True, env=environment)

    (folder / "k8s").mkdir()
    (folder / "k8s" / "pod.yaml").write_text(_SMALL)
    (folder / "node.yaml").write_text(_NODE)
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "one")
    (folder / "k8s" / "pod.yaml").write_text(_SMALL + "---" + _GATED)
    for base in ("HEAD --nodes node.yaml", "HEAD --base node.yaml", "node.yaml"):
        document = steps(f"kubelogic check k8s --base {base}")
        assert [each.code for each in document if each.typed.startswith("kubelogic explain default/big ")] == [1]


def test_settings_of_a_project_are_typed(folder: Path, steps: Run) -> None:
    (folder / "k8s").mkdir()
    (folder / "rules").mkdir()
    (folder / "k8s" / "pod.yaml").write_text(_GATED)
    (folder / "kubelogic.toml").write_text(
        "paths = 'k8s'\nnodes = ['1:4cpu']\nnamespace = 'shop'\nscheduler = 'kube'\nexclude = ['*test*']\n"
        "[set]\nnode_monitor_period = 7000\n"
    )
    _, told, *_ = steps("kubelogic check")
    assert explained(told)
    assert told.typed == (
        "kubelogic explain shop/big k8s --namespace shop --nodes 1:4cpu --exclude '*test*' --scheduler kube "
        "--set node_monitor_period=7000"
    )


def test_objects_that_are_refused_are_left_out_of_what_is_asked_next(folder: Path, steps: Run) -> None:
    (folder / "all.yaml").write_text(_NODE + "---" + _GATED + "---" + _SMALL.replace("spec:", "sepc:"))
    ran = steps("kubelogic check all.yaml", code=2)
    assert any(explained(each) for each in ran)


def test_documents_name_the_input_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "all.yaml").write_text(_NODE + "---" + _GATED)
    assert main(["check", "all.yaml", "-o", "json", "--fail-on", "warning"]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    told = [each["next"]["text"] for each in found if each["next"] and not each["next"]["checked"]]
    assert "kubelogic explain default/big all.yaml" in told


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        ("--survive node:1", ["verify", "simulate"]),
        ("--survive node:1 --extra-nodes 1 --invariant never_fewer_ready_than=2 --limit 50", ["verify", "simulate"]),
        ("--survive node:1 --write 'k e p t'", ["simulate"]),
        ("--invariant every_pod_placed --nodes 1:1cpu --scheduler kube", ["plan"]),
    ],
)
def test_a_counter_example_can_be_run(flags: str, names: list[str], folder: Path, steps: Run) -> None:
    nodes = _NODE if "1:1cpu" in flags else _NODE + "---" + _NODE.replace("ash", "elm")
    (folder / "cluster.yaml").write_text(nodes + "---" + _PAIR)
    first, *told = steps(f"kubelogic verify cluster.yaml {flags}")
    assert first.code == 1
    assert [each.typed.split()[1] for each in told] == names
    assert {each.code for each in told} == {1}
    assert "default/web" in told[-1].out


def test_an_order_of_arrival_can_be_planned(folder: Path, steps: Run) -> None:
    (folder / "cluster.yaml").write_text(
        "---".join(
            [
                _NODE.replace('"4"', '"3"'),
                _NODE.replace("ash", "elm").replace('"4"', '"3"'),
                _SMALL,
                _SMALL.replace("small", "twin"),
                _SMALL.replace("small", "wide").replace('"1"', '"3"'),
            ]
        )
    )
    first, keeps, told = steps("kubelogic verify cluster.yaml --any-order")
    assert (first.code, keeps.code, told.code) == (1, 1, 1)
    assert told.typed == ("kubelogic plan counterexample/objects.yaml --nodes cluster.yaml --scheduler kube")
    assert "default/wide" in told.out


def test_one_of_many_clusters_is_asked_the_same(folder: Path, steps: Run) -> None:
    (folder / "cluster one.yaml").write_text(_NODE + "---" + _NODE.replace("ash", "elm"))
    (folder / "web.yaml").write_text(_PAIR)
    flags = "--survive node:1 --invariant every_pod_placed --limit 40 --scheduler kube"
    first, told = steps(f"kubelogic verify --each 'cluster one.yaml' --with web.yaml {flags}")
    assert told.typed == (
        "kubelogic verify 'cluster one.yaml' web.yaml --scheduler kube --survive node:1 "
        "--invariant every_pod_placed --limit 40"
    )
    assert (first.code, told.code) == (1, 1)
    assert "broken: survives any node" in told.out


def test_a_changed_workload_is_checked_next(folder: Path, steps: Run) -> None:
    (folder / "node.yaml").write_text(_NODE)
    (folder / "old.yaml").write_text(_PAIR.replace('"3"', '"1"'))
    (folder / "new.yaml").write_text(_PAIR.replace('"3"', '"1"').replace("web:1", "web:2"))
    typed = "kubelogic diff old.yaml new.yaml --with node.yaml -n shop --set node_monitor_period=7000 --exclude 'a*'"
    _, told = steps(typed)
    assert told.typed == (
        "kubelogic check node.yaml new.yaml --namespace shop --exclude 'a*' --set node_monitor_period=7000"
    )
    assert told.code in (0, 1)


def test_a_code_of_ones_own_rules_is_found(folder: Path, steps: Run) -> None:
    (folder / "own rules").mkdir()
    (folder / "own rules" / "own.dl").write_text(_RULES)
    (folder / "all.yaml").write_text(_NODE + "---" + _PAIR.replace("replicas: 2", "replicas: 1"))
    _, told = steps("kubelogic check all.yaml -n shop --rules 'own rules' --select OWN")
    assert told.typed == "kubelogic explain OWN-7 --rules 'own rules'"
    assert told.out.startswith("OWN-7")


def test_an_upgrade_that_no_drain_gets_past_is_shown(folder: Path, steps: Run) -> None:
    web = _PAIR.replace("replicas: 2", "replicas: 1")
    (folder / "cluster.yaml").write_text("---".join([_CONTROL_PLANE, web, _BUDGET]))
    _, told = steps("kubelogic upgrade-plan cluster.yaml --to 1.37 --from 1.36 -n shop")
    assert (told.typed, told.code) == ("kubelogic verify cluster.yaml --namespace shop --drain-all", 1)
