"""What an explanation does grows as the cluster does: calls are counted, of one cluster and of a larger one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from kubelogic.api import Options, load
from kubelogic.verbs import repairs
from kubelogic.verbs.explain import explain_run
from kubelogic.verbs.reconciled import reconcile
from tests.explain.small import HOST, ZONE, Document, node, pod, spec, workload

pytestmark = pytest.mark.slow
FEW = 40
MOST = 2.3
"""How much more the second doubling may add than the first: twice if work grows as clusters do, 4 times as squares."""

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def beside(kind: str, app: str, key: str = HOST) -> Document:
    return {kind: {REQUIRED: [{"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": key}]}}


def spread(key: str) -> list[Document]:
    every = {"matchLabels": {"app": "stuck"}}
    return [{"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": every}]


def port() -> Document:
    return {"containers": [{"name": "app", "image": "app:1", "ports": [{"containerPort": 9, "hostPort": 9}]}]}


STUCK: dict[str, Document] = {
    "host": spec(nodeSelector={HOST: "gone"}),
    "company": spec(affinity=beside("podAffinity", "nobody")),
    "apart": spec(affinity=beside("podAntiAffinity", "holder")),
    "no domain": spec(topologySpreadConstraints=spread("nothing")),
    "hosts are full": spec(cpu="500", topologySpreadConstraints=spread(HOST)),
}


def cluster(number: int, stuck: Document, *, taints: bool) -> Iterator[Document]:
    """Nodes with a pod each that has a port, and keeps away from the pods that are stuck."""
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}}
    for each in range(number):
        name = f"n{each:04}"
        own = [{"key": "team", "value": name, "effect": "NoSchedule"}] if taints else []
        yield node(name, labels={ZONE: f"z{each % 3}"}, taints=own)
        held = {**port(), "affinity": beside("podAntiAffinity", "stuck")}
        yield pod(f"holder-{name}", held, on=name, labels={"app": "holder"})
        yield pod(f"far-{name}", on=name, labels={"app": "far"}, namespace="other")
    yield workload("Deployment", "stuck", stuck, replicas=1)


def calls(what: Callable[[], object]) -> int:
    """How many functions are called, those of C among them."""
    number = 0

    def count(_frame: FrameType, event: str, _of: Any) -> None:
        nonlocal number
        number += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        what()
    finally:
        sys.setprofile(None)
    return number


def work(number: int, stuck: Document, *, taints: bool = False) -> int:
    options = Options()
    done = reconcile(load(list(cluster(number, stuck, taints=taints))), options, of_pods=True)
    waiting = next(each for key, each in done.cluster.objects("Pod").items() if key.startswith("default/stuck"))
    return calls(lambda: explain_run(done, waiting, options))


@pytest.fixture(autouse=True)
def without_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is proposed is counted, not the simulations of it, which are counted elsewhere."""
    monkeypatch.setattr(repairs, "MOST_TRIALS", 0)


@pytest.mark.parametrize("kind", STUCK)
def test_twice_as_many_nodes_and_pods(kind: str) -> None:
    work(2, STUCK[kind])  # what is loaded and compiled once is not counted
    assert is_linear(*(work(FEW * times, STUCK[kind]) for times in (1, 2, 4)))


def test_nodes_that_all_differ() -> None:
    work(2, spec(cpu="500"), taints=True)
    assert is_linear(*(work(200 * times, spec(cpu="500"), taints=True) for times in (1, 2, 4)))


def is_linear(once: int, twice: int, four_times: int) -> bool:
    return four_times - twice < MOST * (twice - once)
