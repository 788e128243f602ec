"""Large clusters through every layer, from JSON: a plan of 50,000 pods, a tick over 150,000, the shop at once.

Seconds are of the processor, in one process; a machine that is busy with other things needs up to twice as long.
Read the printed shares, and compare them with docs/reference/performance.md.
"""

from __future__ import annotations

import gc
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import pytest

from kubelogic.apiserver.reading import load
from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.placement.problem import Problem
from kubelogic.reconcile.functions import FUNCTIONS
from kubelogic.reconcile.problem import GOALS
from kubelogic.reconcile.schedulers import ComparedScheduler, KubeScheduler, OptimalScheduler, Remembering
from kubelogic.reconcile.settle import settle
from kubelogic.reconcile.tick import Reconciler, Tick
from tests.support.fleets import as_json, pending, running
from tests.support.problems import Recipe

ROOT = Path(__file__).resolve().parents[2]
BIG = Recipe(nodes=5_000, classes=60, pods=50_000, shapes=50, fill=0.8)
SMALL = Recipe(nodes=200, classes=20, pods=2_000, shapes=20, fill=0.8)


class Watch:
    """Processor seconds by the name of what was done."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def on(self, name: str) -> Iterator[None]:
        start = time.process_time()
        yield
        self.seconds[name] = time.process_time() - start

    def __str__(self) -> str:
        return ", ".join(f"{name} {seconds:.2f} s" for name, seconds in self.seconds.items())


def planned(path: Path, *arguments: str) -> tuple[dict[str, Any], float]:
    """The document of a plan that the command line makes, and its processor seconds, start-up included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "kubelogic", "plan", str(path), "-o", "json", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return msgspec.json.decode(done.stdout), seconds


@pytest.mark.benchmark
@pytest.mark.parametrize("workloads", ["Pod", "Deployment"])
def test_fifty_thousand_pods_are_planned_from_json(workloads: Any, tmp_path: Path) -> None:
    path = tmp_path / "cluster.json"
    path.write_bytes(as_json(pending(BIG, workloads=workloads)))
    plan, seconds = planned(path)
    assert plan["settled"]
    assert not plan["pending"]
    assert len(plan["placements"]) == pytest.approx(BIG.pods, rel=0.001)
    print(f"\nplan of {len(plan['placements']):,} pods of {workloads}s on {BIG.nodes:,} nodes: {seconds:.1f} s of CPU")


def both_schedulers() -> ComparedScheduler:
    """As ``plan`` has them: the joint scheduler decides, the other one says what it would have left out."""
    return ComparedScheduler(solver=Remembering(solver=OptimalScheduler()), rival=Remembering(solver=KubeScheduler()))


@pytest.mark.benchmark
@pytest.mark.parametrize(
    ("endpoints", "scheduled"),
    [(True, False), (False, False), (False, True)],
    ids=["with endpoints", "without", "without, scheduled"],
)
def test_ticks_over_a_hundred_and_fifty_thousand_pods(endpoints: bool, scheduled: bool, tmp_path: Path) -> None:
    """The first tick, and all ticks of the minute after a node falls silent.

    Endpoints are there or to be written; the 30 new pods wait, or are placed beside all others by both schedulers.
    """
    path = tmp_path / "cluster.json"
    path.write_bytes(as_json(running(nodes=5_000, pods=150_000, deployments=1_000, endpoints=endpoints)))
    watch = Watch()
    both_schedulers().place(Problem(nodes=(), shapes=(), pods=(), allowed={}))  # imports what a tick needs
    with watch.on("load"):
        cluster = Cluster.of(load([path]).objects)
    with watch.on("rules"):
        scheduler = both_schedulers() if scheduled else None
        reconciler = Reconciler(load_rulebook(), functions=FUNCTIONS, scheduler=scheduler, goals=GOALS)
    with watch.on("start"):
        state = State.of(cluster)
    with watch.on("tick"):
        first = reconciler.tick(state)
    with watch.on("to rest"):
        state = settle(reconciler, state, until=state.now + 10_000).state
    failed = state.with_world(add=[("node_silent_since", ("node-00017", state.now))])
    ticks = _Timed(reconciler)
    with watch.on("failure"):
        after = settle(ticks, failed, until=failed.now + 60_000).state
    waiting = sum(not pod.document["spec"].get("nodeName") for pod in after.cluster.objects("Pod").values())
    assert waiting == (0 if scheduled else 30)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"\n{watch}; {len(first.actions)} actions; {memory:.1f} GiB")
    print("ticks after a node's failure:", ", ".join(f"{seconds:.2f} s" for seconds in ticks.seconds))
    assert memory < 6
    assert max(ticks.seconds) < watch.seconds["tick"] / 15
    gc.collect()


class _Timed:
    """A reconciler whose ticks are timed."""

    def __init__(self, reconciler: Reconciler) -> None:
        self.reconciler = reconciler
        self.seconds: list[float] = []

    def due(self, now: int) -> frozenset[int]:
        return self.reconciler.due(now)

    def tick(self, state: State) -> Tick:
        start = time.process_time()
        found = self.reconciler.tick(state)
        self.seconds.append(time.process_time() - start)
        return found


@pytest.mark.benchmark
def test_the_shop_is_planned_at_once() -> None:
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "kubelogic", "plan", "fixtures/shop"],
            check=False,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    print(f"\nplan of the shop: {median(seconds):.2f} s of CPU, start-up included")
    assert median(seconds) < 10


def test_plans_do_not_depend_on_the_order_of_the_input_or_on_the_run(tmp_path: Path) -> None:
    documents = list(pending(SMALL))
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    one.write_bytes(as_json(documents))
    random.Random(7).shuffle(documents)
    other.write_bytes(as_json(documents))
    first, _ = planned(one)
    again, _ = planned(one)
    permuted, _ = planned(other)
    assert json.dumps(first) == json.dumps(again)
    assert json.dumps(first) == json.dumps(permuted)
    assert len(first["placements"]) == pytest.approx(SMALL.pods, rel=0.01)


@pytest.mark.benchmark
@pytest.mark.parametrize("threads", ["1", "2"])
def test_one_pod_that_waits_for_its_claim_costs_no_search(threads: str, tmp_path: Path) -> None:
    """94 pods on nine idle nodes, one of them waits for a claim that nobody binds."""
    recipe = Recipe(nodes=9, classes=3, pods=93, shapes=12, fill=0.4)
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {
            "storageClassName": "",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    waiting = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "waiting"},
        "spec": {
            "containers": [{"name": "main", "image": "main:1"}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        },
    }
    path = tmp_path / "cluster.json"
    path.write_bytes(as_json([*pending(recipe, workloads="Pod"), claim, waiting]))
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-m", "kubelogic", "plan", str(path), "-o", "json"],
            cwd=ROOT,
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
            stdout=subprocess.PIPE,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    plan = msgspec.json.decode(done.stdout)
    assert [each["pod"] for each in plan["pending"]] == ["default/waiting"]
    print(f"\n94 pods on nine nodes, one waits, {threads} threads: {median(seconds):.2f} s of CPU, start-up included")
    assert median(seconds) < 10
