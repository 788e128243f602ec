"""What a plan says about kube-scheduler's sampling of nodes in big clusters."""

from __future__ import annotations

import pytest

from kubelogic.cluster import Cluster, Object
from kubelogic.reconcile.schedulers import sampling
from kubelogic.verbs.plan import plan
from kubelogic.verbs.reconciled import Options


@pytest.mark.parametrize(
    ("nodes", "enough"), [(99, 0), (100, 0), (150, 100), (1000, 420), (5000, 500), (6000, 300), (10_000, 500)]
)
def test_how_many_nodes_the_scheduler_looks_for(nodes: int, enough: int) -> None:
    """Scheduler performance tuning: "a percentage ... 50% for a 100-node cluster and 10% for a 5000-node cluster. The
    lower bound for the automatic value is 5%."
    """
    found = [notice.message for notice in sampling(nodes)]
    assert [f"after {enough} of {nodes} nodes" in message for message in found] == [True] * bool(enough)


@pytest.mark.parametrize(("scheduler", "codes"), [("kube", ["KL297"]), ("optimal", [])])
def test_a_plan_by_kube_says_so(scheduler: str, codes: list[str]) -> None:
    nodes = [
        Object(
            api_version="v1",
            kind="Node",
            namespace="",
            name=f"n{i}",
            document={"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"n{i}"}},
        )
        for i in range(150)
    ]
    found = plan(Cluster.of(nodes), Options(scheduler=scheduler))  # type: ignore[arg-type]
    assert [notice.code for notice in found.notices] == codes
