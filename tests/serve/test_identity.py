"""Who sends a request, as whom it is answered, and what the server says of its own parts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubelogic.serve.access import impersonated
from kubelogic.serve.statuses import RequestError
from tests.serve.test_page import get
from tests.support.serving import Client

ADMIN = ("admin", ("system:masters", "system:authenticated"))
RBAC = "/apis/rbac.authorization.k8s.io/v1"


@pytest.mark.parametrize(
    ("user", "groups", "found"),
    [
        ("", (), ADMIN),
        ("jane", (), ("jane", ("system:authenticated",))),
        ("jane", ("devs",), ("jane", ("devs", "system:authenticated"))),
        ("jane", ("system:authenticated",), ("jane", ("system:authenticated",))),
        ("system:anonymous", (), ("system:anonymous", ("system:unauthenticated",))),
        (
            "system:serviceaccount:shop:robot",
            (),
            (
                "system:serviceaccount:shop:robot",
                ("system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"),
            ),
        ),
        (
            "system:serviceaccount:shop:robot",
            ("devs",),
            ("system:serviceaccount:shop:robot", ("devs", "system:authenticated")),
        ),
    ],
)
def test_whom_an_administrator_may_be(client: Client, user: str, groups: tuple[str, ...], found: Any) -> None:
    assert impersonated(client.served, *ADMIN, user, groups) == found


def test_others_may_be_whom_their_roles_let_them_be(client: Client) -> None:
    jane = ("jane", ("system:authenticated",))
    with pytest.raises(RequestError) as refused:
        impersonated(client.served, *jane, "bob", ())
    assert refused.value.document["message"] == (
        'users "bob" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope'
    )
    rule = {"apiGroups": [""], "resources": ["users"], "resourceNames": ["bob"], "verbs": ["impersonate"]}
    assert client.send("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "be"}, "rules": [rule]}).status == 201
    binding: dict[str, Any] = {"metadata": {"name": "be"}, "subjects": [{"kind": "User", "name": "jane"}]}
    binding["subjects"][0]["apiGroup"] = "rbac.authorization.k8s.io"
    binding["roleRef"] = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "be"}
    assert client.send("POST", f"{RBAC}/clusterrolebindings", binding).status == 201
    assert impersonated(client.served, *jane, "bob", ()) == ("bob", ("system:authenticated",))
    with pytest.raises(RequestError, match='resource "groups"'):
        impersonated(client.served, *jane, "bob", ("system:masters",))
    with pytest.raises(RequestError, match='resource "serviceaccounts" in API group "" in the namespace "a"'):
        impersonated(client.served, *jane, "system:serviceaccount:a:b", ())
    with pytest.raises(RequestError, match="without impersonating a user"):
        impersonated(client.served, *jane, "", ("system:masters",))


def test_a_refused_impersonation_is_answered_and_not_forgotten(client: Client) -> None:
    client.settle(1)
    reply = client.send("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", {"spec": {}})
    token = reply.body["status"]["token"]
    status, _, body = get(client, "/api/v1/pods", authorization=f"Bearer {token}", impersonate_user="admin")
    assert status == 403
    assert json.loads(body)["message"].startswith('users "admin" is forbidden: User "system:serviceaccount:default:')
    assert get(client, "/api/v1/pods", authorization="Bearer secret", impersonate_user="jane")[0] == 403
    assert get(client, "/api/v1/pods", authorization="Bearer wrong", impersonate_user="jane")[0] == 401


def test_parts_of_the_control_plane_say_how_they_are(client: Client) -> None:
    url = "/api/v1/componentstatuses"
    well = [[name, "Healthy", "ok", ""] for name in ("controller-manager", "etcd-0", "scheduler")]
    assert client.table(url) == well
    assert client.get(f"{url}/scheduler")["conditions"][0]["status"] == "True"
    client.served.control.failure = "KeyError: x"
    assert client.table(url)[0] == ["controller-manager", "Unhealthy", "KeyError: x", ""]
    assert client.table(url)[1] == well[1]


@pytest.mark.parametrize(
    ("path", "status"), [("/livez/ping", 200), ("/readyz/etcd", 200), ("/healthz/nothing", 404), ("/livez/ping/x", 404)]
)
def test_single_checks_of_health(client: Client, path: str, status: int) -> None:
    assert client.send("GET", path).status == status


def test_the_roles_that_every_cluster_has_can_be_looked_at_and_bound(client: Client) -> None:
    names = [row[0] for row in client.table(f"{RBAC}/clusterroles")]
    assert {"admin", "cluster-admin", "edit", "system:discovery", "view"} <= set(names)
    view = client.get(f"{RBAC}/clusterroles/view")
    assert view["aggregationRule"]["clusterRoleSelectors"][0]["matchLabels"] == {
        "rbac.authorization.k8s.io/aggregate-to-view": "true"
    }
    own = client.get(f"{RBAC}/clusterroles/system:aggregate-to-view")["rules"]
    assert view["rules"] == own
    edit, admin = (client.get(f"{RBAC}/clusterroles/{name}")["rules"] for name in ("edit", "admin"))
    assert all(rule in edit for rule in own)
    assert all(rule in admin for rule in edit)
    assert not [rule for rule in own if "secrets" in rule["resources"]]
    binding = {
        "metadata": {"name": "viewers"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "Group", "name": "viewers", "apiGroup": "rbac.authorization.k8s.io"}],
    }
    assert client.send("POST", f"{RBAC}/namespaces/default/rolebindings", binding).status == 201
    who = {"user": "vera", "groups": ("viewers", "system:authenticated")}
    space = "/api/v1/namespaces/default"
    assert client.send("GET", f"{space}/pods", **who).status == 200
    assert client.send("GET", f"{space}/secrets", **who).status == 403
    assert client.send("POST", f"{space}/configmaps", {"metadata": {"name": "c"}}, **who).status == 403


def test_the_controller_agrees_with_the_roles_at_the_start(client: Client) -> None:
    before = client.get(f"{RBAC}/clusterroles")["items"]
    client.settle(1)
    assert client.get(f"{RBAC}/clusterroles")["items"] == before
