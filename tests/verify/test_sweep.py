"""The same question about many clusters: order, faults, workers that die, results that are kept, engines."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kubelogic.cli import main
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic.endless import runaway
from kubelogic.logic.terms import Place
from kubelogic.report.sweep import render_sweep
from kubelogic.verify.job import Job
from kubelogic.verify.sweep import (
    TRIES,
    Local,
    NoResultsError,
    Result,
    UnknownEngineError,
    _send,
    named,
    sweep,
    work,
)
from kubelogic.verify.verifying import Question

NODE = """---
apiVersion: v1
kind: Node
metadata: {{name: {name}, labels: {{kubernetes.io/hostname: {name}}}}}
status: {{allocatable: {{cpu: "4", memory: 8Gi, pods: "110"}}}}
"""
WEB = """---
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


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Clusters of two nodes, of three, and a file that is none."""
    monkeypatch.chdir(tmp_path)
    names = {"tight.yaml": ("ash", "elm"), "roomy.yaml": ("ash", "elm", "oak")}
    for name, nodes in names.items():
        (tmp_path / name).write_text("".join(NODE.format(name=node) for node in nodes), encoding="utf-8")
    (tmp_path / "wrong.yaml").write_text("kind: Node\n", encoding="utf-8")
    (tmp_path / "web.yaml").write_text(WEB, encoding="utf-8")
    return ["tight.yaml", "roomy.yaml", "wrong.yaml"]


def jobs(names: Sequence[str], question: Question | None = None) -> list[Job]:
    asked = question or Question(survive="node:1")
    return [Job(name=name, paths=(name, "web.yaml"), question=asked) for name in names]


class Here:
    """Does jobs in this process, the last first, and counts them."""

    def __init__(self, dying: Sequence[str] = ()) -> None:
        self.done: list[str] = []
        self.dying = list(dying)

    def run(self, given: Sequence[tuple[int, Job]]) -> Iterator[tuple[int, Result | None]]:
        for number, job in reversed(given):
            self.done.append(job.name)
            if job.name in self.dying:
                self.dying.remove(job.name)
                yield number, None
            else:
                yield number, work(job)


def verdicts(found: Sequence[Result]) -> list[tuple[str, str]]:
    return [(each["name"], each["verdict"]) for each in found]


EXPECTED = [("tight.yaml", "broken"), ("roomy.yaml", "holds"), ("wrong.yaml", "invalid")]


def test_results_come_in_the_order_of_the_clusters(fleet: list[str]) -> None:
    seen: list[tuple[int, int]] = []
    assert verdicts(sweep(jobs(fleet), Here(), progress=lambda *each: seen.append(each))) == EXPECTED
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("file", "verdict"),
    [("rules/scheduling/feasibility.dl", "unknown"), ("own.dl", "invalid"), ("rules/own.dl", "invalid")],
)
def test_a_limit_that_a_built_in_rule_reaches_is_unknown(
    file: str, verdict: str, fleet: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clause = msgspec.structs.replace(load_rulebook().clauses[0], place=Place(file=file, line=7))

    def explode(*_: object, **__: object) -> None:
        raise runaway(clause, "has more than 3 rows")

    monkeypatch.setattr(sys.modules[work.__module__], "verify", explode)
    found = work(jobs(fleet)[0])
    assert (found["verdict"], f"{file}:7" in found["text"]) == (verdict, True)


def test_a_job_whose_worker_dies_is_tried_again(fleet: list[str]) -> None:
    engine = Here(["roomy.yaml"])
    assert verdicts(sweep(jobs(fleet), engine)) == EXPECTED
    assert engine.done.count("roomy.yaml") == 2
    found = sweep(jobs(fleet), Here(["roomy.yaml"] * TRIES))
    assert verdicts(found)[1] == ("roomy.yaml", "unknown")
    assert found[1]["text"] == "the process that worked on it died 3 times"


def test_a_job_whose_workers_died_is_tried_by_the_next_sweep(tmp_path: Path) -> None:
    """The machine that had no memory for it may have more."""
    kept = tmp_path / "results.jsonl"
    given = [Job(name="one", paths=("one",), question=Question())]
    assert verdicts(sweep(given, Dying(), results=kept)) == [("one", "unknown")]
    done: Result = {"name": "one", "verdict": "holds", "document": None, "text": ""}
    assert sweep(given, Dying(then=done), results=kept) == [done]
    assert sweep(given, Dying(), results=kept) == [done]


class Dying(msgspec.Struct, frozen=True):
    """Loses its processes, or answers in their place."""

    then: Result | None = None

    def run(self, given: Sequence[tuple[int, Job]]) -> Iterator[tuple[int, Result | None]]:
        return ((number, self.then) for number, _ in given)


@pytest.mark.parametrize("text", ["kind: Node\n", "[]\n", '{"mark": 5}\n', '{"mark": "a", "verdict": "holds"}\n{}\n'])
def test_a_file_of_something_else_is_left_alone(fleet: list[str], tmp_path: Path, text: str) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(NoResultsError, match="holds no results"):
        sweep(jobs(fleet), Here(), results=file)
    assert file.read_text(encoding="utf-8") == text


class Pipe:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Result] = []

    def send(self, result: Result) -> None:
        self.sent.append(result)

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("error", [MemoryError(), ImportError("failed to map segment")])
def test_a_process_that_may_have_too_little_memory_says_so(fleet: list[str], error: Exception) -> None:
    def worker(_job: Job) -> Result:
        raise error

    pipe = Pipe()
    (job,) = jobs(fleet[:1])
    _send(pipe, worker, msgspec.structs.replace(job, memory=1 << 40))
    assert [(each["verdict"], each["text"]) for each in pipe.sent] == [
        ("unknown", "it takes more than 1,099,511,627,776 bytes of memory")
    ]


def test_what_is_in_the_results_is_not_done_again(fleet: list[str], tmp_path: Path) -> None:
    kept, first = tmp_path / "results.jsonl", Here()
    found = sweep(jobs(fleet), first, results=kept)
    with kept.open("a") as file:
        file.write('{"mark": "cut o')
    again = Here()
    assert sweep(jobs(fleet), again, results=kept) == found
    assert again.done == []
    (tmp_path / "tight.yaml").write_text(NODE.format(name="ash"), encoding="utf-8")
    assert sweep(jobs(fleet), again, results=kept) != found
    assert again.done == ["tight.yaml"]
    other = Here()
    sweep(jobs(fleet, Question(survive="node:2")), other, results=kept)
    assert len(other.done) == 3
    assert len([line for line in kept.read_text().splitlines() if line.startswith('{"mark": "cut')]) == 1


def test_the_mark_of_a_job_is_that_of_its_content(fleet: list[str]) -> None:
    one, other = jobs(fleet[:1])[0], jobs(fleet[1:2])[0]
    assert one.mark == jobs(fleet[:1])[0].mark != other.mark
    asked = Question(survive="node:1", invariants=("rollouts_complete",))
    assert jobs(fleet[:1], asked)[0].mark != one.mark


@pytest.mark.parametrize("wrong", ["spark:1", "dask", "dask:", "ray", "ray:", "ray://"])
def test_engines_that_there_are_not_are_refused(wrong: str) -> None:
    with pytest.raises(UnknownEngineError):
        named(wrong)


def echo(job: Job) -> Result:
    """A worker for tests: it kills its process for some names, the first time."""
    mark = Path(job.paths[0] if job.paths else f"{job.name}.died")
    if job.name.startswith("killed") and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if job.name.startswith("always"):
        os.kill(os.getpid(), signal.SIGKILL)
    return {"name": job.name, "verdict": "holds", "document": None, "text": ""}


@pytest.mark.parametrize("size", ["-5", "0", "-2Gi"])
def test_no_memory_is_refused(fleet: list[str], capsys: pytest.CaptureFixture[str], size: str) -> None:
    assert main(["verify", *fleet, "--each", f"--memory={size}"]) == 2
    assert f"--memory takes a size above 0, such as 2Gi, not '{size}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--write", "kept"], "--write keeps the counter-example of one cluster: leave --each out"),
        (["--results", "nowhere/kept.jsonl"], "--results nowhere/kept.jsonl: no such file or directory"),
        (["--results", "."], ".: it is a folder, not a file; name another file"),
    ],
)
def test_what_cannot_be_kept_is_told_before_anything_is_done(
    fleet: list[str], capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    assert main(["verify", *fleet, "--each", "--survive", "node:1", *more]) == 2
    assert message in capsys.readouterr().err


CLAIM = """---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: reader}
spec:
  containers: [{name: app, image: "reader:1"}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
"""
TWICE = "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  name: b\n"


@pytest.mark.parametrize(
    ("more", "files"),
    [
        (["--nodes", "1:4cpu:8Gi"], {}),
        (["--nodes", "more.yaml"], {"more.yaml": NODE.format(name="fir")}),
        (["--exclude", "web*"], {}),
        (["--strict"], {"tight/twice.yaml": TWICE}),
        (["--keep-going"], {"tight/wrong.yaml": "kind: Node\n"}),
        (["--set", "default_storage_class=fast"], {"tight/claim.yaml": CLAIM}),
        (["--scheduler-config", "tight/web.yaml"], {}),
        (["--invariant", "mine.dl"], {"mine.dl": "#! title: x\n"}),
    ],
)
def test_what_is_said_about_reading_counts_for_each_cluster(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, more: list[str], files: Any
) -> None:
    """A sweep of one cluster answers as the command does that is asked about it alone, and not as without the flag."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Local, "run", Here().run)
    nodes = "".join(NODE.format(name=name) for name in ("ash", "elm"))
    for name, text in {"tight/nodes.yaml": nodes, "tight/web.yaml": WEB, **files}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    asked = ["verify", "tight", "--survive", "node:1", "-o", "json"]

    def answered(arguments: list[str]) -> tuple[int, Any, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, json.loads(out) if out else None, err

    code, alone, _ = answered([*asked, *more])
    each = answered([*asked, "--each", *more])
    without = answered([*asked, "--each"])
    assert each != without
    assert each[0] == code
    if each[1] is not None:
        assert each[1]["results"][0]["verification"] == alone


def test_what_is_left_out_of_a_cluster_and_what_is_noticed_is_told(
    fleet: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Local, "run", Here().run)
    widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\n"
    (tmp_path / "odd.yaml").write_text(f"{widget}---\nkind: Node\n", encoding="utf-8")
    arguments = ["--each", *fleet[:2], "--with", "web.yaml", "--with", "odd.yaml", "--keep-going"]
    assert main(["verify", "--survive", "node:1", *arguments]) == 1
    out, err = capsys.readouterr()
    assert "NOTICES\n  tight.yaml and 1 other: example.com/v1 Widget is not part of Kubernetes and was left out" in out
    assert "roomy.yaml: left out: odd.yaml:5:1: " in err


def test_what_verify_noticed_while_it_read_is_told(fleet: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The nodes of an answer may have sizes that nobody typed."""
    assert main(["verify", "roomy.yaml", "web.yaml", "--nodes", "1", "--survive", "node:1"]) == 0
    assert "nodes have 4 of cpu and 16Gi of memory each" in capsys.readouterr().out


@pytest.mark.parametrize("more", [["--nodes", "-"], ["--scheduler-config", "-"]])
def test_a_sweep_reads_no_standard_input(fleet: list[str], capsys: pytest.CaptureFixture[str], more: list[str]) -> None:
    assert main(["verify", *fleet, "--each", "--survive", "node:1", *more]) == 2
    assert "--each reads files, not standard input" in capsys.readouterr().err


def test_a_job_goes_anywhere_with_all_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = Job(
        name="a",
        paths=("a",),
        question=Question(invariants=("every_pod_placed", "own.dl")),
        nodes=("3:4cpu", "nodes.yaml"),
        rules=("rules",),
        scheduler_config="scheduler.yaml",
    )
    sent = given.from_anywhere()
    files = [*sent.paths, sent.nodes[1], *sent.rules, sent.scheduler_config, sent.question.invariants[1]]
    assert files == [str(tmp_path / each) for each in ("a", "nodes.yaml", "rules", "scheduler.yaml", "own.dl")]
    assert (sent.nodes[0], sent.question.invariants[0]) == ("3:4cpu", "every_pod_placed")


@pytest.mark.parametrize("field", ["nodes", "scheduler_config", "invariants"])
def test_a_result_is_not_kept_where_a_file_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "one.dl"
    file.write_text("a")
    more: Any = {field: file.name} if field == "scheduler_config" else {field: (file.name,)}
    question = Question(**more) if field == "invariants" else Question()
    given = Job(name="a", paths=(), question=question, **({} if field == "invariants" else more))
    before = given.mark
    file.write_text("b")
    assert given.mark != before


def test_the_next_step_of_a_table_names_what_is_part_of_each() -> None:
    found = [{"name": "tight.yaml", "verdict": "broken", "document": None, "text": ""}]
    told = render_sweep("survives any node", found, again=lambda path: f"{path} web.yaml --survive node:1")
    assert told.endswith("Next, the run that breaks it: kubelogic verify tight.yaml web.yaml --survive node:1")


def test_a_process_that_finds_no_end_is_ended() -> None:
    given = [Job(name="long", paths=(), question=Question(), timeout=0.01)]
    found = sweep(given, Local(processes=1, worker=endless, grace=0.01))
    assert verdicts(found) == [("long", "unknown")]
    assert found[0]["text"] == "no answer within 0.02 s; a larger --timeout may find it"


def endless(job: Job) -> Result:
    """A worker that does not come back."""
    time.sleep(600)
    return {"name": job.name, "verdict": "holds", "document": None, "text": ""}


@pytest.mark.slow
def test_processes_of_this_machine_may_be_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["one", "killed", "two", "always", "three"]
    given = [Job(name=name, paths=(), question=Question()) for name in names]
    found = sweep(given, Local(processes=2, worker=echo))
    assert verdicts(found) == [(name, "unknown" if name == "always" else "holds") for name in names]


@pytest.mark.slow
def test_a_dask_cluster_with_a_worker_that_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    from kubelogic.verify.sweep import Dask

    monkeypatch.chdir(tmp_path)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        given = [Job(name=name, paths=(), question=Question()) for name in ("one", "killed", "two", "three")]
        found = sweep(given, Dask(address=cluster.scheduler_address, worker=echo))
    assert verdicts(found) == [(each.name, "holds") for each in given]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Ray's own
def test_a_ray_cluster_with_a_worker_that_is_killed(
    fleet: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two worker processes; one is killed. What it had to do is done by another, the rest is not done again."""
    ray = pytest.importorskip("ray")
    from kubelogic.verify.sweep import Ray

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    root = str(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", root)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        names = ("one", "killed", "two", "always", "three")
        given = [Job(name=name, paths=(f"{name}.died",), question=Question()) for name in names]
        kept = tmp_path / "results.jsonl"
        found = sweep(given, Ray(address="auto", worker=echo), results=kept)
        assert verdicts(found) == [(name, "unknown" if name == "always" else "holds") for name in names]
        assert sweep(given[:1], Here(), results=kept) == found[:1]
        assert verdicts(sweep(jobs(fleet), Ray(address="auto"))) == EXPECTED
    finally:
        ray.shutdown()


@pytest.mark.slow
def test_the_command_uses_processes(fleet: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["verify", *fleet, "--each", "--with", "web.yaml", "--survive", "node:1", "--results", "kept.jsonl"]
    assert main([*arguments, "--jobs", "2"]) == 2
    told = capsys.readouterr().out
    assert told.startswith("survives any node: 1 holds, 1 broken, 1 invalid of 3 clusters\n")
    assert main([*arguments, "-o", "json"]) == 2
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [each["verdict"] for each in document["results"]] == ["broken", "holds", "invalid"]
