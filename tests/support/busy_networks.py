"""A large cluster with policies, as JSON manifests: for benchmarks of networks and of who reaches whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.support.fleets import running

Document = dict[str, Any]

GROUP = "policy.networking.k8s.io"


def busy(*, nodes: int, pods: int, services: int, policies: int, spaces: int = 100) -> Iterator[Document]:
    """Workloads at rest in many namespaces, five NetworkPolicies in each, and three policies of the whole cluster.

    Args:
        nodes: how many.
        pods: how many run.
        services: how many Services, each with a Deployment.
        policies: how many NetworkPolicies.
        spaces: how many namespaces.
    """
    for number in range(spaces):
        labels = {"team": f"team-{number % 20}", "stage": "prod" if number % 3 else "test"}
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space(number), "labels": labels}}
    for each in running(nodes=nodes, pods=pods, deployments=services, endpoints=True):
        found: Document = dict(each)
        if found["kind"] == "Node":
            number = int(found["metadata"]["name"].rpartition("-")[2])
            address = f"192.168.{number // 250}.{number % 250 + 1}"
            found["status"] = {**found["status"], "addresses": [{"type": "InternalIP", "address": address}]}
        else:
            home = space(int(found["metadata"]["name"].split("-")[1]) % spaces)
            found["metadata"] = {**found["metadata"], "namespace": home}
            if found["kind"] == "EndpointSlice":
                found["endpoints"] = [_moved(end, home) for end in found["endpoints"]]
            if found["kind"] == "Endpoints":
                subset = found["subsets"][0]
                found["subsets"] = [{**subset, "addresses": [_moved(end, home) for end in subset["addresses"]]}]
        yield found
    for number in range(policies):
        yield _policy(number, space(number % spaces), number // spaces, spaces)
    yield from _cluster_policies()


def space(number: int) -> str:
    """The name of a namespace."""
    return f"space-{number:03}"


def _moved(end: Document, home: str) -> Document:
    return {**end, "targetRef": {**end["targetRef"], "namespace": home}}


def _policy(number: int, home: str, turn: int, spaces: int) -> Document:
    """The five policies of a namespace: shut, open within, open to a team, out to few, one application for another."""
    first = number % spaces
    own = f"app-{first + spaces * (turn % 4):04}"
    specs: list[Document] = [
        {"podSelector": {}, "policyTypes": ["Ingress"]},
        {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 8080}]}]},
        {
            "podSelector": {"matchLabels": {"app": own}},
            "ingress": [
                {
                    "from": [{"namespaceSelector": {"matchLabels": {"team": f"team-{first % 20}"}}}],
                    "ports": [{"port": 8080}, {"port": 9090 + first % 5}],
                }
            ],
        },
        {
            "podSelector": {"matchLabels": {"app": own}},
            "policyTypes": ["Egress"],
            "egress": [
                {"to": [{"podSelector": {}}]},
                {"to": [{"ipBlock": {"cidr": f"203.0.{first}.0/24"}}], "ports": [{"port": 443}]},
                {"to": [{"namespaceSelector": {}}], "ports": [{"port": 53, "protocol": "UDP"}]},
            ],
        },
        {
            "podSelector": {"matchLabels": {"app": f"app-{first:04}"}},
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": f"app-{first + spaces:04}"}}}]}],
        },
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"policy-{number:03}", "namespace": home},
        "spec": specs[turn % len(specs)],
    }


def _cluster_policies() -> Iterator[Document]:
    everywhere: Document = {"namespaces": {}}
    yield {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "AdminNetworkPolicy",
        "metadata": {"name": "monitoring"},
        "spec": {
            "priority": 10,
            "subject": everywhere,
            "ingress": [
                {
                    "action": "Allow",
                    "from": [{"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": space(0)}}}],
                    "ports": [{"portNumber": {"port": 9100, "protocol": "TCP"}}],
                }
            ],
        },
    }
    yield {
        "apiVersion": f"{GROUP}/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": "metadata-service"},
        "spec": {
            "tier": "Admin",
            "priority": 5,
            "subject": everywhere,
            "egress": [{"action": "Deny", "to": [{"networks": ["169.254.169.254/32"]}]}],
        },
    }
    yield {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "BaselineAdminNetworkPolicy",
        "metadata": {"name": "default"},
        "spec": {
            "subject": {"namespaces": {"matchLabels": {"stage": "test"}}},
            "ingress": [{"action": "Deny", "from": [{"namespaces": {"matchLabels": {"stage": "prod"}}}]}],
        },
    }
