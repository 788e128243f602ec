"""The text of a plan stays readable however large the cluster is."""

from __future__ import annotations

from kubelogic.cluster import Cluster
from kubelogic.explain.pending import PendingPod
from kubelogic.report.plan import render_plan
from kubelogic.verbs.results import PlacedPod, Plan


def test_long_tables_are_cut_and_say_so() -> None:
    placements = [PlacedPod(pod=f"a/p{n:03}", owner=f"Pod a/p{n:03}", node="n1", new=True) for n in range(100)]
    pending = [
        PendingPod(pod=f"a/w{n:03}", owner=f"Pod a/w{n:03}", verdict="impossible", message=f"line {n}", blockers=())
        for n in range(40)
    ]
    plan = Plan(
        settled=True,
        ticks=1,
        placements=tuple(placements),
        pending=tuple(pending),
        gone=(),
        evictions=(),
        endpoints=(),
        actions=(),
        nodes=(),
        notices=(),
        cluster=Cluster(),
    )
    text = render_plan(plan)
    assert text.startswith("140 pods on 0 nodes: 100 placed, 40 pending")
    assert "... and 40 more workloads; -o json has them all" in text
    assert "... and 10 more pods; -o json has them all" in text
    assert text.count("\n") < 140
