"""Rules of ClusterRoles that are put together from those of others."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.cluster import Cluster
from kubelogic.cluster.objects import as_object
from kubelogic.cluster.state import world_of
from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.reconcile.engine import reconciler
from tests.support.lab import Lab

TICKER = reconciler(builtin_rulebook(), scheduler="kube")


def rule(*verbs: str, resource: str = "pods") -> dict[str, Any]:
    return {"apiGroups": [""], "resources": [resource], "verbs": list(verbs)}


def role(name: str, *rules: dict[str, Any], labels: dict[str, str] | None = None, takes: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": labels or {}},
        "rules": list(rules),
    }
    if takes:
        found["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": {"to": takes}}]}
    return found


def rules(lab: Lab, name: str) -> list[dict[str, Any]]:
    return list(lab.document("ClusterRole", name)["rules"])


def test_rules_come_and_go_with_the_roles_that_they_are_of() -> None:
    lab = Lab(TICKER, nodes=())
    lab.create(role("top", rule("delete"), takes="top"))
    lab.create(role("b", rule("list"), rule("get"), labels={"to": "top"}))
    lab.create(role("a", rule("get"), rule("watch"), labels={"to": "top"}))
    lab.wait(1)
    assert rules(lab, "top") == [rule("get"), rule("watch"), rule("list")]
    lab.delete("ClusterRole", "a")
    lab.wait(1)
    assert rules(lab, "top") == [rule("list"), rule("get")]


def test_rules_of_a_role_that_takes_in_another_one_that_does() -> None:
    lab = Lab(TICKER, nodes=())
    lab.create(role("top", takes="top"))
    lab.create(role("middle", labels={"to": "top"}, takes="middle"))
    lab.create(role("leaf", rule("get"), labels={"to": "middle"}))
    lab.wait(1)
    assert rules(lab, "top") == rules(lab, "middle") == [rule("get")]


EVERYWHERE = ("cluster-admin", "system:basic-user", "system:node-proxier")


@pytest.mark.parametrize(("printed", "known"), [(EVERYWHERE, True), (("view",), False)])
def test_a_role_that_was_read_is_explained_if_all_were(printed: tuple[str, ...], known: bool) -> None:
    documents = [role("top", takes="top"), *map(role, printed)]
    for document in documents:
        document["metadata"]["uid"] = document["metadata"]["name"]
    world = world_of(Cluster.of(as_object(document) for document in documents))
    assert world.get("rules_from_elsewhere", frozenset()) == (frozenset() if known else {("top", "ClusterRole top")})
