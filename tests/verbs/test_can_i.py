"""Who may do what, as a person asks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.cluster import Cluster
from kubelogic.verbs.can_i import UnknownResourceError, can_i
from kubelogic.verbs.load import load

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "access"
WEB, OPERATOR = "system:serviceaccount:shop:web", "system:serviceaccount:shop:operator"


@pytest.fixture(scope="module")
def shop() -> Cluster:
    return load([FIXTURES])


@pytest.mark.parametrize(
    ("user", "verb", "resource", "part", "namespace", "allowed"),
    [
        (WEB, "get", "configmaps", "", "shop", True),
        (WEB, "get", "configmap", "", "shop", True),
        (WEB, "get", "configmaps", "", "toys", False),
        (WEB, "get", "configmaps", "", "*", False),
        (WEB, "delete", "configmaps", "", "shop", False),
        (WEB, "get", "secrets", "", "shop", False),
        (WEB, "get", "secrets/web-keys", "", "shop", True),
        (OPERATOR, "deletecollection", "pods", "", "toys", True),
        (OPERATOR, "get", "pods", "log", "shop", False),
        (OPERATOR, "update", "deployments", "scale", "shop", True),
        (OPERATOR, "update", "deployments.apps", "", "*", True),
        (OPERATOR, "get", "/metrics/cadvisor", "", "shop", True),
        (OPERATOR, "get", "/healthz", "", "shop", False),
        (OPERATOR, "get", "nodes", "", "shop", False),
    ],
)
def test_the_answer(  # noqa: PLR0917 - the columns of a table
    shop: Cluster, user: str, verb: str, resource: str, part: str, namespace: str, *, allowed: bool
) -> None:
    found = can_i(shop, verb, resource, user=user, namespace=namespace, subresource=part)
    assert found.allowed is allowed
    assert bool(found.proof) is allowed
    assert not found.unsure


@pytest.mark.parametrize("resource", ["users", "groups/admins", "userextras.authentication.k8s.io", "signers"])
def test_what_only_roles_name_can_be_asked(shop: Cluster, resource: str) -> None:
    assert not can_i(shop, "impersonate", resource, user=OPERATOR).allowed


def test_who_may_is_listed_with_binding_and_rule(shop: Cluster) -> None:
    found = can_i(shop, "get", "secrets", namespace="shop")
    assert [(each.user, each.role, each.rule) for each in found.grants] == [(OPERATOR, "ClusterRole shop-operator", 0)]
    assert str(found.grants[0].rule_place).endswith("roles.yaml:27:3")


def test_masters_may_everything_and_that_is_said(shop: Cluster) -> None:
    found = can_i(shop, "delete", "nodes", user="ann", groups=["system:masters"])
    assert found.allowed
    assert "system:masters" in found.remarks[0]


def test_what_is_not_in_the_input_is_said(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b, namespace: d}\n"
        "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\n"
        "subjects: [{kind: User, name: ann, apiGroup: rbac.authorization.k8s.io}]\n"
    )
    found = can_i(load([tmp_path]), "get", "pods", user="ann", namespace="d")
    assert (found.allowed, found.unsure) == (False, True)
    assert "RoleBinding d/b" in found.remarks[1]
    other = can_i(load([tmp_path]), "get", "pods", user="bob", namespace="d")
    assert (other.allowed, other.unsure) == (False, False)


def test_without_any_binding_nothing_is_known() -> None:
    """Every cluster has some of its own, so they were not printed."""
    found = can_i(Cluster.of([]), "get", "pods", user="ann")
    assert (found.allowed, found.unsure) == (False, True)


def test_a_resource_that_is_not_there_is_said(shop: Cluster) -> None:
    with pytest.raises(UnknownResourceError, match="did you mean configmap, configmaps"):
        can_i(shop, "get", "configmapz", user=WEB)
