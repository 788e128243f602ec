"""Secrets that hold tokens of service accounts are filled, and go with their accounts."""

from __future__ import annotations

from typing import Any

from kubelogic.api import load, simulate
from kubelogic.reconcile.scenario import Delete, Event, Scenario
from kubelogic.verbs.simulate import Simulation, SimulationOptions

Document = dict[str, Any]
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": "shop"}}
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "robot-token",
        "namespace": "shop",
        "annotations": {"kubernetes.io/service-account.name": "robot"},
    },
    "type": "kubernetes.io/service-account-token",
}


def run(*objects: Document, events: tuple[Event, ...] = ()) -> Simulation:
    return simulate(load(list(objects)), Scenario(events=events, horizon=60_000), SimulationOptions())


def test_an_empty_secret_gets_a_token() -> None:
    secret = run(NAMESPACE, ACCOUNT, SECRET).final.cluster.get("Secret", "shop/robot-token")
    assert secret is not None
    assert sorted(secret.document["data"]) == ["ca.crt", "namespace", "token"]
    assert secret.document["data"]["namespace"] == "c2hvcA=="
    assert "kubernetes.io/service-account.uid" in secret.document["metadata"]["annotations"]


def test_it_goes_with_its_account() -> None:
    gone = Event(at=10_000, operation=Delete(kind="ServiceAccount", key="shop/robot"))
    final = run(NAMESPACE, ACCOUNT, SECRET, events=(gone,)).final.cluster
    assert final.get("Secret", "shop/robot-token") is None


def test_one_of_an_account_that_is_not_in_the_input_stays() -> None:
    assert run(SECRET).final.cluster.get("Secret", "shop/robot-token") is not None
