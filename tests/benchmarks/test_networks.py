"""Who reaches whom in a large cluster: single questions, and everything at once, from the bottom up.

Seconds are of the processor, in one process. The share that each part takes of the whole says more than the seconds do:
compare them with docs/reference/performance.md.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from kubelogic.apiserver.reading import load
from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.relations import Relations
from kubelogic.verbs.reach import reach
from kubelogic.verbs.talkers import admitted, talkers
from tests.support.busy_networks import busy, space
from tests.support.fleets import as_json

T = TypeVar("T")

SHARE = float(os.environ.get("KUBELOGIC_BENCHMARK_SHARE", "1"))
"""The share of the full size: 5,000 nodes, 150,000 pods, 2,000 Services, 500 policies."""


def timed(name: str, what: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    found = what()
    seconds = time.process_time() - start
    print(f"  {name}: {seconds:.2f} s")
    return found, seconds


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    path: Path = tmp_path_factory.mktemp("busy") / "cluster.json"
    sizes = {"nodes": 5_000, "pods": 150_000, "services": 2_000, "policies": 500, "spaces": 100}
    path.write_bytes(as_json(busy(**{name: int(size * SHARE) for name, size in sizes.items()})))
    print()
    return timed("load", lambda: Cluster.of(load([path]).objects))[0]


@pytest.mark.benchmark
def test_single_questions(cluster: Cluster) -> None:
    spaces = int(100 * SHARE)
    web, other = f"{space(1)}/app-0001", f"{space(1)}/app-{spaces + 1:04}"
    load_rulebook()
    for name, question in {
        "who reaches one": ("any", web, "8080"),
        "who reaches one again": ("any", web, "8080"),
        "one asks one": (other, web, "8080"),
        "one asks one again": (web, other, "8080"),
        "one asks a Service": (web, f"service/{other}", "80"),
        "one reaches whom": (web, "any", "443"),
    }.items():
        found, seconds = timed(name, lambda asked=question: reach(cluster, *asked))  # type: ignore[misc]
        assert found.ways
        assert seconds < 2
    found, seconds = timed("nobody else", lambda: reach(cluster, "any", web, "9100", only=[other]))
    assert found.verdict in ("yes", "no")
    assert seconds < 2


@pytest.mark.benchmark
def test_everything_at_once(cluster: Cluster) -> None:
    """Who reaches whom on every port that anything names, where packets for every Service go, and what DNS holds."""
    start = time.process_time()
    book = load_rulebook()
    fresh = Cluster({kind: cluster.objects(kind) for kind in cluster.kinds()})  # nothing is kept of it
    whole, _ = timed("admit", lambda: admitted(fresh, book))
    who, _ = timed("group", lambda: talkers(whole, [None, None]))
    goals = ["talks", "talks_by_policy", "talks_freely"]
    evaluation, _ = timed(
        f"who talks, of {len(who.groups)} groups", lambda: Relations.of(book, State(cluster=who.cluster), goals)
    )
    print("    " + ", ".join(f"{len(evaluation.rows(goal)):,} {goal}" for goal in goals))
    services = Cluster.of(
        each for kind in ("EndpointSlice", "Node", "Service") for each in whole.objects(kind).values()
    )
    goals = ["drops", "forwards", "forwards_on", "refuses"]
    evaluation, _ = timed("where packets go", lambda: Relations.of(book, State(cluster=services), goals))
    print(f"    {sum(len(evaluation.rows(goal)) for goal in goals):,} rows")
    names = ["dns_address", "dns_alias", "dns_pointer", "dns_service"]
    evaluation, _ = timed("names", lambda: Relations.of(book, State(cluster=whole), names))
    print(f"    {sum(len(evaluation.rows(name)) for name in names):,} rows")
    assert time.process_time() - start < 60
