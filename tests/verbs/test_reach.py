"""Who may open connections to whom, as a person asks it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from kubelogic.api import load as api_load
from kubelogic.cluster import Cluster
from kubelogic.report.reach import render_reach
from kubelogic.verbs.load import load
from kubelogic.verbs.reach import reach
from kubelogic.verbs.targets import UnknownPodError

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "network"


@pytest.fixture(scope="module")
def shop() -> Cluster:
    return load([FIXTURES])


@pytest.mark.parametrize(
    ("source", "target", "port", "verdict"),
    [
        ("shop/web", "shop/db", "5432", "yes"),
        ("shop/web", "sts/shop/db", "sql", "yes"),
        ("shop/debug", "shop/db", "5432", "no"),
        ("shop/web", "shop/db", "9187", "no"),
        ("shop/web", "shop/db", "5432/UDP", "no"),
        ("8.8.8.8", "shop/web", "8080", "yes"),
        ("8.8.8.8", "shop/web", "22", "no"),
        ("any", "shop/db", "", "yes"),
        ("shop/debug", "svc/shop/web", "80", "yes"),
        ("shop/debug", "svc/shop/web", "81", "no"),
        ("shop/web", "192.0.2.7", "443", "yes"),
        ("shop/web", "192.0.2.129", "443", "no"),
        ("shop/web", "8.8.8.8", "443", "no"),
        ("shop/db", "8.8.8.8", "443", "yes"),
        ("shop/debug", "shop/debug", "22", "yes"),
    ],
)
def test_the_verdict(shop: Cluster, source: str, target: str, port: str, verdict: str) -> None:
    assert reach(shop, source, target, port).verdict == verdict


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("any", "no: no pod or address may reach StatefulSet shop/db on 22"),
        ("shop/debug", "no: Pod shop/debug may not reach StatefulSet shop/db on 22"),
    ],
)
def test_a_no_is_about_everybody_who_was_asked_about(shop: Cluster, source: str, told: str) -> None:
    assert render_reach(reach(shop, source, "shop/db", "22")).startswith(f"{told}\n")


def test_what_opens_and_what_stops_is_named_with_its_place(shop: Cluster) -> None:
    found = reach(shop, "any", "shop/db", "5432")
    open_ways = [way for way in found.ways if way.verdict == "yes"]
    assert [(way.source, way.target) for way in open_ways] == [("Deployment shop/web", "StatefulSet shop/db")]
    assert [each.text for each in open_ways[0].reasons] == [
        "Egress rule 0 of policy shop/web",
        "Ingress rule 0 of policy shop/db-in",
    ]
    stopped = {way.source: way.reasons[0] for way in found.ways if way.verdict == "no"}
    assert "policy shop/db-in has no Ingress rule for this peer" in stopped["Pod shop/debug"].text
    assert str(stopped["Pod shop/debug"].location).endswith("policies.yaml:2:1")
    assert found.proof is not None
    assert found.proof.goal.predicate == "talks"


def test_an_address_that_is_not_there_yet_leaves_the_answer_open(tmp_path: Path, shop: Cluster) -> None:
    manifest = tmp_path / "policy.yaml"
    manifest.write_text(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: only, namespace: shop}\n"
        "spec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 10.244.0.0/16}}]}]}\n"
    )
    mine = load([FIXTURES / "shop.yaml", FIXTURES / "nodes.yaml", manifest])
    found = reach(mine, "shop/debug", "shop/db", "5432")
    assert found.verdict == "unknown"
    assert "--settled" in found.remarks[-1]
    assert reach(mine, "shop/debug", "shop/db", "5432", settled=True).verdict == "yes"


def test_without_policies_everything_is_open_and_that_is_said() -> None:
    found = reach(load([FIXTURES / "shop.yaml"]), "shop/debug", "shop/db", "5432")
    assert found.verdict == "yes"
    assert "no NetworkPolicy" in found.remarks[0]


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [("shop/web", "shop/bd", "shop/db"), ("nobody", "shop/db", "there is no"), ("node/oak", "shop/db", "node")],
)
def test_a_name_that_is_not_there_is_said(shop: Cluster, source: str, target: str, words: str) -> None:
    with pytest.raises(UnknownPodError, match=words):
        reach(shop, source, target)


def test_a_service_with_an_address_of_the_cluster_is_not_reached_from_outside() -> None:
    web = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    files = [FIXTURES / name for name in ("shop.yaml", "policies.yaml", "nodes.yaml")]
    for kind, verdict in (("ClusterIP", "no"), ("NodePort", "yes")):
        web["metadata"]["name"] = kind.lower()  # type: ignore[index] # a mapping
        web["spec"]["type"] = kind  # type: ignore[index] # a mapping
        found = reach(load([*files, web]), "8.8.8.8", f"svc/shop/{kind.lower()}")
        assert found.verdict == verdict, found
    assert reach(load([*files, web]), "192.168.0.11", "svc/shop/nodeport").verdict == "yes"


ONE_SHUT = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: a, image: "a:1", ports: [{containerPort: 80}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: shut}
spec: {podSelector: {}, policyTypes: [Ingress, Egress], RULES}
"""


@pytest.mark.parametrize(
    ("source", "rules", "verdict"),
    [
        ("web", "ingress: []", "yes"),
        ("any", "ingress: []", "no"),
        ("any", "ingress: [null]", "yes"),
        ("any", "ingress: [{from: null, ports: null}]", "yes"),
        ("any", "ingress: [{ports: [null]}]", "yes"),
    ],
)
def test_no_policy_keeps_a_pod_from_itself_and_null_is_what_is_not_set(source: str, rules: str, verdict: str) -> None:
    found = reach(api_load(ONE_SHUT.replace("RULES", rules)), source, "web", "80")
    assert found.verdict == verdict
    assert bool(found.proof) is (source == "any" and verdict == "yes")


def test_the_address_of_a_service_means_what_is_behind_it() -> None:
    text = (
        ONE_SHUT.replace("RULES", "egress: [{to: [{ipBlock: {cidr: 10.96.0.10/32}}]}]")
        + """---
apiVersion: v1
kind: Pod
metadata: {name: other, labels: {app: other}}
spec: {containers: [{name: a, image: "a:1", ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: other}
spec: {clusterIP: 10.96.0.10, selector: {app: other}, ports: [{port: 8080, targetPort: 80}]}
"""
    )
    cluster = api_load(text)
    found = reach(cluster, "web", "10.96.0.10", "8080")
    assert (found.verdict, found.target) == ("no", "Service default/other (10.96.0.10)")
    assert [way.targets for way in found.ways] == [("Pod default/other",)]
    assert reach(cluster, "web", "10.96.0.11", "8080").verdict == "no"


def _crowd(*more: dict[str, object]) -> Cluster:
    """Three pods of a Deployment, an agent of each of two nodes, and a policy that lets in all of the namespace."""

    def pod(name: str, owner: str, node: str, **spec: object) -> dict[str, object]:
        kind = "DaemonSet" if owner == "agent" else "ReplicaSet"
        made = [{"apiVersion": "apps/v1", "kind": kind, "name": owner, "uid": owner, "controller": True}]
        metadata = {"name": name, "labels": {"app": owner}, "uid": name, "ownerReferences": made}
        container = {"name": "main", "image": "main:1"}
        body = {"nodeName": node, "containers": [container], **spec}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": body, "status": {"phase": "Running"}}

    rule = {"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "db", "uid": "db"},
        "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [rule]},
    }
    agents = [pod(f"agent-{node}", "agent", node, hostNetwork=True) for node in ("n1", "n2")]
    webs = [pod(f"web-{n}", "web", f"n{n}") for n in (1, 2, 3)]
    return load([*webs, pod("db-1", "db", "n2"), *agents, policy, *more])


@pytest.mark.parametrize(
    ("only", "verdict", "open_to"),
    [
        (["web-1"], "yes", ["DaemonSet default/agent", "ReplicaSet default/web"]),
        (["web-1", "web-2", "web-3"], "yes", ["DaemonSet default/agent"]),
        (["web-1", "web-2", "web-3", "agent-n2"], "no", []),
        (["replicaset/web", "daemonset/agent"], "no", []),
        (["web-1", "web-2", "web-3", "agent-n1"], "yes", ["DaemonSet default/agent"]),
    ],
)
def test_who_is_left_out_of_everybody_is_left_out_of_the_groups(
    only: list[str], verdict: str, open_to: list[str]
) -> None:
    found = reach(_crowd(), "any", "db-1", "5432", only=[*only, "0.0.0.0/0", "::/0"])
    assert found.verdict == verdict
    assert [way.source for way in found.ways if way.verdict == "yes"] == open_to


def test_nobody_is_left_where_all_pods_and_addresses_are_left_out() -> None:
    everybody = ["replicaset/web", "daemonset/agent", "db-1", "0.0.0.0/0", "::/0"]
    found = reach(_crowd(), "any", "db-1", "5432", only=everybody)
    assert found.verdict == "no"
    assert found.remarks[0].startswith("There is nobody but replicaset/web, ")


def test_what_is_kept_of_a_cluster_is_not_said_of_the_next() -> None:
    cluster = _crowd()
    first = reach(cluster, "any", "db-1", "5432")
    assert [reach(cluster, "any", "db-1", "5432").ways for _ in range(2)] == [first.ways] * 2
    shut = cluster.objects("NetworkPolicy")["default/db"]
    shut = msgspec.structs.replace(shut, document={**shut.document, "spec": {**shut.document["spec"], "ingress": []}})
    later = reach(cluster.replacing([shut]), "any", "db-1", "5432")
    assert {way.source for way in first.ways if way.verdict == "yes"} > {
        way.source for way in later.ways if way.verdict == "yes"
    }
    assert reach(cluster, "any", "db-1", "5432").ways == first.ways


def test_a_large_cluster_is_gone_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = _crowd()
    first = reach(cluster, "any", "db-1", "5432")
    for name in ("was_admitted", "by_maker"):
        monkeypatch.setattr(f"kubelogic.verbs.talkers.{name}", lambda *_: pytest.fail("asked again"))
    monkeypatch.setattr("kubelogic.cluster.owners.by_maker", lambda *_: pytest.fail("asked again"))
    assert reach(cluster, "any", "any", "5432").ways
    assert first.ways


def test_only_a_node_of_the_very_pod_reaches_it_whatever_policies_say() -> None:
    """A pod that policies do not tell from another runs elsewhere: who reaches the one by its node not the other."""
    cluster = _crowd()
    db = cluster.objects("Pod")["default/db-1"]
    metadata = {**db.document["metadata"], "name": "db-9", "uid": "db-9"}
    spec = {**db.document["spec"], "nodeName": "n9"}
    alone = msgspec.structs.replace(
        db, name="db-9", key="", document={**db.document, "metadata": metadata, "spec": spec}
    )
    both = cluster.replacing([alone])
    for name, open_to in {
        "db-1": ["DaemonSet default/agent", "ReplicaSet default/web"],
        "db-9": ["ReplicaSet default/web"],
    }.items():
        found = reach(both, "any", name, "5432")
        ways = [way for way in found.ways if way.verdict == "yes" and not way.source.startswith("outside")]
        assert [way.source for way in ways] == open_to


def test_labels_of_a_namespace_that_is_not_in_the_input_are_said_to_be_unknown() -> None:
    pod = (
        "{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: shop}, spec: {containers: [{name: c, image: i}]}}"
    )
    policy = (
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: some, namespace: shop}, spec: "
        "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {%s: shop}}}]}]}}"
    )
    space = "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: shop}}}"
    pods = [pod % "web", pod % "db"]

    def said(*texts: str) -> list[str]:
        return [
            each.message for each in reach(api_load("\n---\n".join(texts)), "shop/web", "shop/db", "80").lacking.notices
        ]

    (notice,) = said(*pods, policy % "team")
    assert notice.startswith(
        "not in the input: Namespace shop; NetworkPolicy shop/some asks for labels of namespaces (team)"
    )
    assert said(*pods, policy % "kubernetes.io/metadata.name") == []
    assert said(*pods, policy % "team", space) == []


def test_a_port_of_a_service_that_leads_nowhere_is_told_as_that() -> None:
    pod = (
        "{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {app: web}}, "
        "spec: {containers: [{name: c, image: i, ports: [{name: http, containerPort: 8080}]}]}}"
    )
    service = (
        "{apiVersion: v1, kind: Service, metadata: {name: web}, "
        "spec: {selector: {app: web}, ports: [{port: 80, targetPort: htpp}]}}"
    )
    cluster = api_load(f"{pod}\n---\n{service}")
    said = "Service default/web leads port 80 to the port named htpp, which no container has: they have http."
    assert reach(cluster, "any", "svc/web", "80").remarks == (said,)
    assert reach(cluster, "any", "svc/web", "81").remarks == ("Service default/web has no port 81.",)
