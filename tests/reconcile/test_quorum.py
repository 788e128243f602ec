"""A control plane that has lost its members writes nothing: pods are not replaced until a majority is back."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.api import load, simulate
from kubelogic.reconcile.scenario import Event, FailNode, HealNode, Scenario
from kubelogic.verbs.hosts_file import Hosts
from kubelogic.verbs.kubeadm import Kubeadm
from kubelogic.verbs.kubeadm_cluster import cluster_of
from kubelogic.verbs.reconciled import Options
from kubelogic.verbs.simulate import Simulation, SimulationOptions

FACTS: dict[str, Any] = {"cpus": 4, "memory": "8Gi", "user": "root"}
WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}},
    },
}


def simulated(masters: int, *events: Event) -> Simulation:
    roles = ["init", *["control-plane"] * (masters - 1)]
    hosts = [{"name": f"m{number}", "role": role, **FACTS} for number, role in enumerate(roles, start=1)]
    hosts += [{"name": f"w{number}", "role": "worker", **FACTS} for number in (1, 2)]
    made = Kubeadm(Hosts(settings={}, hosts=tuple(hosts)), ignored=["all"])
    cluster = load([*cluster_of(made.hosts, made.phases()), WEB])
    return simulate(
        cluster, Scenario(events=events, horizon=600_000), SimulationOptions(options=Options(scheduler="kube"))
    )


def failed(*nodes: str, at: int = 60_000) -> list[Event]:
    return [Event(at=at, operation=FailNode(node=node)) for node in nodes]


def living(found: Simulation) -> set[str]:
    return {each.node for each in found.final.placements if each.owner == "Deployment default/web"}


def test_one_of_three_masters_may_fail() -> None:
    found = simulated(3, *failed("m1", "w1"))
    assert living(found) == {"w2"}
    assert not [each for each in found.not_well if each.kind == "Component"]


@pytest.mark.parametrize(("masters", "down"), [(1, ["m1"]), (3, ["m1", "m2"])])
def test_without_a_majority_nothing_is_replaced(masters: int, down: list[str]) -> None:
    found = simulated(masters, *failed(*down, "w1"))
    told = [each.message for each in found.not_well if each.kind == "Component"]
    assert len(told) == 2
    assert "members of etcd are left" in told[0]
    assert "w1" in living(found)


def test_with_its_members_back_it_goes_on() -> None:
    heal = Event(at=120_000, operation=HealNode(node="m1"))
    found = simulated(1, *failed("m1", "w1"), heal)
    assert living(found) == {"w2"}
    assert [each.arguments["down"] for each in found.run.timeline if each.type == "Down"] == [True, True, False, False]
