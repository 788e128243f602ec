"""Policies of the whole cluster, as a person asks about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubelogic.cluster import Cluster
from kubelogic.text import InputError
from kubelogic.verbs.load import load
from kubelogic.verbs.reach import reach

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "network-tiers"
GROUP = "policy.networking.k8s.io"


@pytest.fixture(scope="module")
def tiers() -> Cluster:
    return load([FIXTURES])


@pytest.mark.parametrize(
    ("question", "verdict", "because"),
    [
        ("shop/web shop/db 5432", "yes", "rule 2 (teams-decide) of AdminNetworkPolicy guard passes it on"),
        ("shop/web shop/db 9187", "no", "policy shop/db: Ingress rule 0 for this peer, but not for this port"),
        ("shop/debug shop/db 5432", "no", "rule 1 (no-debug) of AdminNetworkPolicy guard denies it"),
        (
            "monitoring/scraper shop/db metrics",
            "yes",
            "rule 0 (monitoring) of AdminNetworkPolicy guard allows it",
        ),
        ("monitoring/scraper toys/game 9100", "yes", "rule 0 (monitoring) of AdminNetworkPolicy guard allows it"),
        ("toys/game shop/web 8080", "no", "rule 0 (shut) of BaselineAdminNetworkPolicy default denies it"),
        ("8.8.8.8 shop/web 8080", "yes", "no policy governs either end"),
        ("shop/web 169.254.169.254 80", "no", "rule 0 (metadata) of ClusterNetworkPolicy no-metadata-service"),
    ],
)
def test_each_tier_has_its_say(tiers: Cluster, question: str, verdict: str, because: str) -> None:
    (way,) = reach(tiers, *question.split()).ways
    assert (way.verdict, way.doubt) == (verdict, "")
    assert because in way.reasons[0].text
    assert way.reasons[0].location is not None or because.startswith("no policy")


def policy(name: str, action: str, *, priority: int = 7, **peer: Any) -> dict[str, Any]:
    rule = {"action": action, "to": [peer or {"namespaces": {}}]}
    return {
        "apiVersion": f"{GROUP}/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": name},
        "spec": {"tier": "Admin", "priority": priority, "subject": {"namespaces": {}}, "egress": [rule]},
    }


@pytest.mark.parametrize(
    ("policies", "target", "verdict", "doubt"),
    [
        ([policy("a", "Accept"), policy("b", "Deny")], "shop/db", "unknown", "priorities"),
        ([policy("a", "Accept"), policy("b", "Deny", priority=8)], "shop/db", "yes", ""),
        ([policy("a", "Deny"), policy("b", "Deny")], "shop/db", "no", ""),
        ([policy("a", "Deny", networks=["10.0.0.0/8"])], "shop/db", "unknown", "addresses"),
        (
            [
                policy("a", "Accept", domainNames=["example.com"]),
                policy("b", "Deny", priority=8, networks=["0.0.0.0/0"]),
            ],
            "192.0.2.1",
            "unknown",
            "names",
        ),
        (
            [
                policy("a", "Accept", domainNames=["example.com"]),
                policy("b", "Deny", priority=6, networks=["0.0.0.0/0"]),
            ],
            "192.0.2.1",
            "no",
            "",
        ),
    ],
)
def test_what_nobody_knows_is_not_answered(
    policies: list[dict[str, Any]], target: str, verdict: str, doubt: str
) -> None:
    found = reach(load([FIXTURES / "cluster.yaml", *policies]), "shop/web", target, "5432")
    assert (found.verdict, found.ways[0].doubt) == (verdict, doubt)
    assert bool(found.remarks) is bool(doubt)


def test_what_the_definitions_refuse_is_refused_with_its_place() -> None:
    text = f"""
apiVersion: {GROUP}/v1alpha1
kind: AdminNetworkPolicy
metadata: {{name: guard}}
spec:
  priority: 1001
  subject: {{namespaces: {{}}, pods: {{namespaceSelector: {{}}, podSelector: {{}}}}}}
  ingress:
  - {{action: Accept, from: [], ports: []}}
  - {{action: Deny, from: [{{networks: [10.0.0.0/8]}}]}}
  egress:
  - action: Pass
    to: [{{networks: [10.0.0.0/33]}}]
    ports: [{{namedPort: a}}, {{portNumber: {{port: 0, protocol: ICMP}}}}, {{}}]
---
apiVersion: {GROUP}/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {{name: mine}}
spec: {{subject: {{pods: {{podSelector: {{}}}}}}, egress: [{{action: Pass, to: [{{namespaces: {{}}}}]}}]}}
---
apiVersion: {GROUP}/v1alpha2
kind: ClusterNetworkPolicy
metadata: {{name: new}}
spec:
  subject: {{namespaces: {{}}}}
  egress:
  - action: Allow
    to: [{{domainNames: []}}]
    protocols:
    - {{tcp: {{}}}}
    - {{udp: {{destinationPort: {{range: {{start: 9, end: 9}}}}}}}}
    - {{sctp: {{destinationPort: {{number: 70000}}}}}}
"""
    with pytest.raises(InputError) as caught:
        load(text)
    told = str(caught.value)
    for words in (
        "spec.priority: must be between 0 and 1000, is 1001",
        "spec.subject: sets namespaces and pods",
        'spec.ingress[0].action: "Accept" is not supported',
        "spec.ingress[0].from: is required",
        "spec.ingress[0].ports: is required",
        "spec.ingress[1].from[0].networks: unknown field",
        "spec.egress[0].to[0].networks[0]",
        "spec.egress[0].ports: names a port",
        "spec.egress[0].ports[1].portNumber.port: must be between 1 and 65535, is 0",
        'spec.egress[0].ports[1].portNumber.protocol: "ICMP" is not supported',
        "spec.egress[0].ports[2]: is empty",
        'metadata.name: must be "default"',
        "spec.subject.pods.namespaceSelector: is required",
        'spec.egress[0].action: "Pass" is not supported',
        "spec.tier: is required",
        "spec.priority: is required",
        "spec.egress[0].to[0].domainNames: has 0 entries",
        "spec.egress[0].protocols[0].tcp.destinationPort: is required",
        "spec.egress[0].protocols[1].udp.destinationPort.range: must end after it starts (9), and ends at 9",
        "spec.egress[0].protocols[2].sctp.destinationPort.number: must be between 1 and 65535, is 70000",
    ):
        assert words in told, (words, told)
