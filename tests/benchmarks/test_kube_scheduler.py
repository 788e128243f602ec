"""How fast ``kube`` is, and how that grows: linear in pods, at most log-linear in nodes."""

from __future__ import annotations

import math
import time
from random import Random

import pytest

from kubelogic.placement.kube.scheduler import schedule
from kubelogic.placement.problem import (
    Affinity,
    Node,
    Pod,
    Preference,
    Problem,
    Reach,
    Shape,
    SoftAffinity,
    SoftSpread,
    Spread,
)
from tests.support.mixture import SCORERS

GIB = 1024**3
MIB = 1024**2
CLASSES = tuple(f"pool-{i}" for i in range(10))
EVERYWHERE = Reach(node_classes=frozenset(CLASSES))


def cluster(nodes: int, pods: int, *, shapes: int = 40, fill: float = 0.75) -> Problem:
    """Pods of ``shapes`` shapes in turn, an eighth of them each with anti-affinity, affinity, hard and soft spread."""
    random = Random(nodes * shapes)
    hosts = [
        Node(
            name=f"node-{i:05}",
            node_class=CLASSES[i % 10],
            allocatable={"cpu": (16000, 32000)[i % 2], "memory": (64, 128)[i % 2] * GIB, "pods": 110},
            topology={"host": f"node-{i:05}", "zone": f"zone-{i % 3}"},
        )
        for i in range(nodes)
    ]
    each = 24000 * nodes * fill / pods
    kinds, allowed = [], {}
    parts: dict[str, list[object]] = {"affinities": [], "spreads": [], "soft_spreads": [], "soft_affinities": []}
    preferences = []
    for number in range(shapes):
        name = f"shape-{number:02}"
        requests = {"cpu": int(each * random.choice((0.25, 0.5, 1, 1, 2))), "memory": random.randint(64, 512) * MIB}
        kinds.append(Shape(name=name, requests={**requests, "pods": 1}, scored_requests=requests))
        pools = frozenset(random.sample(CLASSES, 7))
        allowed[name] = EVERYWHERE if number % 3 else Reach(node_classes=pools)
        _couple(number % 8, name=name, reach=allowed[name], parts=parts)
        if number % 5 == 0:
            tainted = Reach(node_classes=frozenset(CLASSES[:2]))
            preferences.append(Preference(shape=name, scorer="TaintToleration", value=1, reach=tainted))
        if number % 7 == 0:
            liked = Reach(node_classes=frozenset(CLASSES[3:5]))
            preferences.append(Preference(shape=name, scorer="NodeAffinity", value=50, reach=liked))
    waiting = [Pod(name=f"pod-{i:06}", shape=f"shape-{i % shapes:02}", order=i) for i in range(pods)]
    return Problem(
        nodes=tuple(hosts),
        shapes=tuple(kinds),
        pods=tuple(waiting),
        allowed=allowed,
        scorers=SCORERS,
        preferences=tuple(preferences),
        **{name: tuple(rows) for name, rows in parts.items()},  # type: ignore[arg-type]
    )


def _couple(kind: int, *, name: str, reach: Reach, parts: dict[str, list[object]]) -> None:
    own = frozenset({name})
    if kind == 0:
        parts["affinities"].append(Affinity(owner=name, key="host", matches=own, anti=True))
    elif kind == 1:
        parts["spreads"].append(Spread(owner=name, key="zone", max_skew=1, matches=own, eligible=reach))
    elif kind == 2:
        parts["affinities"].append(Affinity(owner=name, key="zone", matches=own, self_satisfied=True))
        parts["soft_affinities"].append(SoftAffinity(shape=name, key="zone", neighbours=own, weight=1))
    elif kind == 3:
        parts["soft_affinities"].append(SoftAffinity(shape=name, key="host", neighbours=own, weight=-100))
    elif kind == 4:
        parts["spreads"].append(Spread(owner=name, key="host", max_skew=3, matches=own, eligible=reach))
    else:
        for key, skew in (("host", 3), ("zone", 5)):
            parts["soft_spreads"].append(
                SoftSpread(
                    owner=name,
                    key=key,
                    max_skew=skew,
                    matches=own,
                    eligible=EVERYWHERE,
                    requires_keys=False,
                    per_node=key == "host",
                )
            )


def seconds(problem: Problem) -> float:
    """Processor time of the better of two runs."""
    best = math.inf
    for _ in range(2):
        start = time.process_time()
        placement = schedule(problem)
        best = min(best, time.process_time() - start)
    assert len(placement.bindings) + len(placement.unplaced) == sum(not pod.node for pod in problem.pods)
    return best


@pytest.mark.benchmark
def test_two_thousand_pods_a_second_on_a_thousand_nodes(capsys: pytest.CaptureFixture[str]) -> None:
    took = seconds(cluster(1000, 10_000))
    with capsys.disabled():
        print(f"\nkube: 1,000 nodes, 10,000 pods, 40 shapes: {10_000 / took:,.0f} pods/s")
    assert 10_000 / took >= 2000


@pytest.mark.benchmark
def test_linear_in_pods(capsys: pytest.CaptureFixture[str]) -> None:
    """Twice the pods take at most 2.6 times as long."""
    times = {pods: seconds(cluster(500, pods)) for pods in (2500, 5000, 10_000)}
    with capsys.disabled():
        print("\nkube: 500 nodes:", ", ".join(f"{n:,} pods {n / t:,.0f}/s" for n, t in times.items()))
    assert times[5000] < 2.6 * times[2500]
    assert times[10_000] < 2.6 * times[5000]


@pytest.mark.benchmark
def test_at_most_log_linear_in_nodes(capsys: pytest.CaptureFixture[str]) -> None:
    """The time for a pod grows no faster than n log n, from 250 nodes to 5,000."""
    times = {nodes: seconds(cluster(nodes, 4000)) for nodes in (250, 1000, 5000)}
    with capsys.disabled():
        print("\nkube: 4,000 pods:", ", ".join(f"{n:,} nodes {4000 / t:,.0f}/s" for n, t in times.items()))
    for few, many in ((250, 1000), (1000, 5000)):
        growth = many * math.log(many) / (few * math.log(few))
        assert times[many] < growth * times[few]


@pytest.mark.benchmark
def test_a_full_cluster_is_not_slower(capsys: pytest.CaptureFixture[str]) -> None:
    """Pods that find no node: equal ones fail together."""
    problem = cluster(1000, 10_000, fill=1.4)
    took = seconds(problem)
    with capsys.disabled():
        print(f"\nkube: 1,000 nodes asked for 1.4 times what they have: {10_000 / took:,.0f} pods/s")
    assert 10_000 / took >= 2000


@pytest.mark.benchmark
def test_making_room_for_many_equal_pods_is_cheap(capsys: pytest.CaptureFixture[str]) -> None:
    """Nodes that did not change are not tried again: many preemptors cost little more than one."""
    times = {}
    for preemptors in (10, 400):
        nodes = [
            Node(name=f"node-{i:04}", node_class="pool-0", allocatable={"cpu": 10, "pods": 20}) for i in range(1000)
        ]
        shapes = [Shape(name=f"low-{i}", priority=i, requests={"cpu": 1, "pods": 1}) for i in range(4)]
        shapes.append(Shape(name="high", priority=9, requests={"cpu": 3, "pods": 1}))
        pods = [
            Pod(name=f"{node.name}-{i}", shape=f"low-{(i + n) % 4}", node=node.name, started=i)
            for n, node in enumerate(nodes)
            for i in range(10)
        ]
        pods += [Pod(name=f"high-{i:03}", shape="high", order=i) for i in range(preemptors)]
        problem = Problem(
            nodes=tuple(nodes),
            shapes=tuple(shapes),
            pods=tuple(pods),
            allowed={shape.name: EVERYWHERE for shape in shapes},
            scorers=SCORERS,
        )
        times[preemptors] = seconds(problem)
    with capsys.disabled():
        print("\nkube: 1,000 full nodes:", ", ".join(f"{n} preemptors {t:.2f} s" for n, t in times.items()))
    assert times[400] < 40 * times[10]
