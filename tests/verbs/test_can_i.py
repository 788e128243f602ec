"""Who may do what, as a person asks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.cluster import Cluster
from kubelogic.cluster.objects import as_object
from kubelogic.report.can_i import render_can_i
from kubelogic.verbs.can_i import can_i
from kubelogic.verbs.load import load
from kubelogic.verbs.missing import NO_NODES
from kubelogic.verbs.query import query
from kubelogic.verbs.resource_names import UnknownResourceError

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
        "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ours}\n"
        "subjects: [{kind: User, name: ann, apiGroup: rbac.authorization.k8s.io}]\n"
    )
    found = can_i(load([tmp_path]), "get", "pods", user="ann", namespace="d")
    assert (found.allowed, found.unsure) == (False, True)
    assert "RoleBinding d/b" in found.remarks[-1]
    other = can_i(load([tmp_path]), "get", "pods", user="bob", namespace="d")
    assert (other.allowed, other.unsure) == (False, False)


def test_without_any_binding_nothing_is_known() -> None:
    """Every cluster has some of its own, so they were not printed."""
    found = can_i(Cluster.of([]), "get", "pods", user="ann")
    assert (found.allowed, found.unsure) == (False, True)


def test_a_resource_that_is_not_there_is_said(shop: Cluster) -> None:
    with pytest.raises(UnknownResourceError, match="did you mean configmap, configmaps"):
        can_i(shop, "get", "configmapz", user=WEB)


BINDINGS = """
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: edits, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects:
- {kind: User, name: ann, apiGroup: rbac.authorization.k8s.io}
- {kind: Group, name: devs, apiGroup: rbac.authorization.k8s.io}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: widgets, labels: {rbac.authorization.k8s.io/aggregate-to-edit: "true"}}
rules: [{apiGroups: [example.com], resources: [widgets, gauges], verbs: [patch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: looks}
rules:
- {apiGroups: [""], resources: [nodes, namespaces, pods], verbs: [get]}
- {nonResourceURLs: [/metrics], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: looks, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: looks}
subjects: [{kind: User, name: bob, apiGroup: rbac.authorization.k8s.io}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wd]}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gauges.example.com}
spec:
  group: example.com
  scope: Cluster
  names: {plural: gauges, singular: gauge, kind: Gauge}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
"""


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    path = tmp_path_factory.mktemp("bound") / "b.yaml"
    path.write_text(BINDINGS)
    return load([path])


@pytest.mark.parametrize(
    ("user", "verb", "resource", "namespace", "allowed"),
    [
        ("ann", "create", "deploy", "shop", True),
        ("ann", "create", "deployments.v1.apps", "shop", True),
        ("ann", "create", "deploy.apps", "shop", True),
        ("ann", "create", "deployments", "toys", False),
        ("ann", "create", "roles", "shop", False),
        ("ann", "get", "po", "shop", True),
        ("ann", "patch", "widgets", "shop", True),
        ("ann", "patch", "wd/one", "shop", True),
        ("ann", "patch", "widget.v1.example.com", "shop", True),
        ("ann", "patch", "gauges", "shop", False),
        ("bob", "get", "nodes", "shop", False),
        ("bob", "get", "no", "shop", False),
        ("bob", "get", "/metrics", "shop", False),
        ("bob", "get", "namespaces", "shop", False),
        ("bob", "get", "ns/shop", "default", True),
        ("bob", "get", "ns/toys", "shop", False),
        ("bob", "fetch", "pods", "shop", False),
    ],
)
def test_names_as_people_type_them_and_roles_that_every_cluster_has(
    bound: Cluster, user: str, verb: str, resource: str, namespace: str, *, allowed: bool
) -> None:
    found = can_i(bound, verb, resource, user=user, namespace=namespace)
    assert (found.allowed, found.unsure) == (allowed, False)
    assert any("taken as every API server makes it: ClusterRole edit" in each for each in found.remarks)


def test_groups_are_listed_among_those_who_may(bound: Cluster) -> None:
    found = can_i(bound, "create", "pods", namespace="shop")
    assert sorted({each.user for each in found.grants}) == ["ann", "group devs"]
    assert render_can_i(found).startswith("yes: 1 user and 1 group may create pods in shop\n")


@pytest.mark.parametrize(
    ("verb", "resource", "words"),
    [
        ("fetch", "pods", "fetch is no verb that the API server knows, so only rules for all verbs can be for it; did"),
        ("GET", "pods", "GET is no verb that the API server knows, so only rules for all verbs can be for it; did you"),
        ("list", "/metrics", "list is no verb that the API server knows"),
        ("create", "pods/exec", "exec is taken as the name of an object, as kubectl takes it; --subresource exec asks"),
        ("get", "pods", ""),
        ("impersonate:user-info", "users", ""),
    ],
)
def test_what_is_probably_meant_otherwise_is_said(bound: Cluster, verb: str, resource: str, words: str) -> None:
    doubts = [each for each in can_i(bound, verb, resource, user="bob").remarks if "ClusterRole" not in each]
    assert [each.startswith(words) for each in doubts] == [True] * bool(words)


def test_what_has_no_namespace_is_not_said_to_be_in_all_of_them(bound: Cluster) -> None:
    assert render_can_i(can_i(bound, "get", "nodes", user="bob")).startswith("no: bob may not get nodes: no binding")


def test_a_question_about_roles_has_those_of_every_cluster_and_says_so(bound: Cluster) -> None:
    found = query(bound, "escalation(User, 'shop', How)")
    assert ("ann", "shop", "may run pods as any ServiceAccount there") in found.rows
    assert ("group devs", "shop", "may read tokens and passwords") in found.rows
    assert found.lacking.remarks[-1].startswith("Not in the input, and taken as every API server makes it")
    assert query(bound, "namespace(N)").lacking.remarks == ()


@pytest.mark.parametrize("user", ["web", "shop/web"])
def test_the_name_of_an_account_is_not_its_user_and_that_is_said(user: str) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web", "namespace": "shop"}}
    cluster = Cluster.of([*load([FIXTURES]), as_object(account)])
    hint = f"{user} is the name of a ServiceAccount, not of its user: --as {WEB} asks about it."
    assert hint in can_i(cluster, "get", "secrets", user=user, namespace="shop").remarks
    assert hint not in can_i(cluster, "get", "secrets", user=WEB, namespace="shop").remarks


def test_a_question_that_no_node_decides_says_nothing_of_nodes() -> None:
    meta, spec = {"name": "a", "namespace": "shop"}, {"containers": [{"name": "c", "image": "c"}]}
    cluster = Cluster.of([as_object({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})])
    assert NO_NODES not in query(cluster, "escalation(User, Namespace, How)").lacking.remarks
    assert NO_NODES in query(cluster, "feasible(Shape, Node)").lacking.remarks
