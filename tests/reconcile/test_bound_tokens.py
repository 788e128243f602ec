"""Tokens that are bound to pods: who holds which, and what follows when the account goes."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.api import load, query, simulate
from kubelogic.reconcile.scenario import Apply, Delete, Event, Scenario
from kubelogic.verbs.simulate import Simulation

Document = dict[str, Any]
NODE: Document = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "oak"},
    "status": {
        "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"},
        "conditions": [{"type": "Ready", "status": "True"}],
    },
}
PATH = "/var/run/secrets/kubernetes.io/serviceaccount/token"
VAULT = {"serviceAccountToken": {"audience": "vault", "path": "vault", "expirationSeconds": 7200}}


def account(name: str, **more: Any) -> Document:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "shop"}, **more}


def pod(**spec: Any) -> Document:
    container = {"name": "a", "image": "a", **spec.pop("container", {})}
    meta = {"name": "p", "namespace": "shop"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container], **spec}}


ELSEWHERE = {"volumeMounts": [{"name": "t", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]}


@pytest.mark.parametrize(
    ("made", "asked", "held"),
    [
        (account("robot"), pod(serviceAccountName="robot"), {("system:serviceaccount:shop:robot", PATH, 3607)}),
        (account("robot"), pod(serviceAccount="robot"), {("system:serviceaccount:shop:robot", PATH, 3607)}),
        (account("robot"), pod(), {("system:serviceaccount:shop:default", PATH, 3607)}),
        (account("robot", automountServiceAccountToken=False), pod(serviceAccountName="robot"), set()),
        (
            account("robot", automountServiceAccountToken=False),
            pod(serviceAccountName="robot", automountServiceAccountToken=True),
            {("system:serviceaccount:shop:robot", PATH, 3607)},
        ),
        (account("robot"), pod(serviceAccountName="robot", automountServiceAccountToken=False), set()),
        (
            account("robot"),
            pod(
                automountServiceAccountToken=False,
                volumes=[{"name": "t", "projected": {"sources": [VAULT]}}],
                serviceAccountName="robot",
            ),
            {("system:serviceaccount:shop:robot", "vault", 7200)},
        ),
        (account("robot"), pod(container=ELSEWHERE, volumes=[{"name": "t", "emptyDir": {}}]), set()),
    ],
)
def test_who_holds_which_token(made: Document, asked: Document, held: set[tuple[str, str, int]]) -> None:
    rows = query(load([NODE, made, asked]), "holds_token(Pod, User, Audience, Path, Seconds)").rows
    assert {(user, path, seconds) for _, user, _, path, seconds in rows} == held


TEMPLATE: Document = {"metadata": {"labels": {"app": "web"}}, "spec": pod(serviceAccountName="robot")["spec"]}
WEB: Document = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE},
}


def without(*steps: Document) -> Simulation:
    return simulate(load([NODE, account("robot"), WEB]), [*steps])


GONE: Document = {"at": "1m", "delete": {"kind": "ServiceAccount", "name": "robot", "namespace": "shop"}}


def test_a_pod_goes_on_without_its_account_and_is_told() -> None:
    found = without(GONE)
    assert [(each.kind, each.reason) for each in found.final.troubles] == [("Pod", "Unauthorized")]
    assert len(found.final.placements) == 1


def test_no_pod_is_made_without_its_account() -> None:
    found = without(GONE, {"at": "2m", "scale": {"name": "web", "namespace": "shop", "replicas": 2}})
    assert [each.missing for each in found.final.refusals] == [1]
    assert 'error looking up service account shop/robot: serviceaccount "robot" not found' in (
        found.final.refusals[0].message
    )


def test_a_pod_that_starts_at_that_moment_waits_for_its_token() -> None:
    found = without({**GONE, "at": "0.1s"})
    assert [each.reason for each in found.final.troubles] == ["FailedMount"]
    assert 'failed to fetch token: serviceaccounts "robot" not found' in found.final.troubles[0].message


def test_all_is_well_once_the_account_is_back() -> None:
    robot = load([account("robot")]).get("ServiceAccount", "shop/robot")
    assert robot is not None
    gone = Event(at=100, operation=Delete(kind="ServiceAccount", key="shop/robot"))
    back = Event(at=180_000, operation=Apply(objects=(robot,)))
    found = simulate(load([NODE, account("robot"), WEB]), Scenario(events=(gone, back)))
    assert not found.final.troubles
    assert len(found.final.placements) == 1
