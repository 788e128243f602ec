"""Who may open connections to whom, as a person asks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.api import load as api_load
from kubelogic.cluster import Cluster
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
