"""What kube-proxy and the cluster's DNS read of Services, nodes, pods and CoreDNS's configuration.

These facts are given only to questions that need them: no controller reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.cluster import Object
from kubelogic.facts.base import Fact, FactModule, reader
from kubelogic.facts.blocks import block
from kubelogic.patterns import regex

_COREDNS = "kube-system/coredns"
_ZONE = regex(r"^\s*kubernetes\s+([a-z0-9.-]+)", re.MULTILINE)


def service_facts(obj: Object) -> Iterator[Fact]:
    """How one Service is reached beside its ports."""
    key = obj.key
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    if spec.get("type") == "ExternalName":
        if spec.get("externalName"):
            name = str(spec["externalName"]).rstrip(".").lower()
            yield "service_external_name", (key, name)
            if block(name) is not None:
                yield "service_stands_for_address", (key,)
        return
    for address in dict.fromkeys(spec.get("clusterIPs") or [spec.get("clusterIP")]):
        if address and address != "None":
            yield "service_ip", (key, str(address))
    for address in dict.fromkeys(spec.get("externalIPs") or ()):
        yield "service_external_ip", (key, str(address))
    if spec.get("internalTrafficPolicy") == "Local":
        yield "service_internal_local", (key,)
    if spec.get("externalTrafficPolicy") == "Local":
        yield "service_external_local", (key,)
    if spec.get("sessionAffinity") == "ClientIP":
        seconds = ((spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}).get("timeoutSeconds")
        yield "service_affinity", (key, 10800 if seconds is None else int(seconds))


def node_facts(obj: Object) -> Iterator[Fact]:
    """The addresses of one node."""
    for each in dict.fromkeys(
        (str(each.get("type") or ""), str(each.get("address") or ""))
        for each in (obj.document.get("status") or {}).get("addresses") or ()
    ):
        yield "node_address", (obj.name, *each)


def pod_facts(obj: Object) -> Iterator[Fact]:
    """Where one pod looks names up."""
    spec = obj.document.get("spec") or {}
    policy = spec.get("dnsPolicy") or "ClusterFirst"
    if policy == "ClusterFirst" and spec.get("hostNetwork"):
        policy = "Default"
    yield "pod_dns_policy", (obj.key, "ClusterFirst" if policy == "ClusterFirstWithHostNet" else policy)
    config: Mapping[str, Any] = spec.get("dnsConfig") or {}
    if not config:
        return
    yield "pod_dns_config", (obj.key,)
    told = [str(each.get("value")) for each in config.get("options") or () if each.get("name") == "ndots"]
    if told and told[-1].isdecimal():
        yield "pod_dns_ndots", (obj.key, int(told[-1]))
    for index, suffix in enumerate(config.get("searches") or ()):
        yield "pod_search", (obj.key, index, str(suffix).rstrip(".").lower())
    for server in dict.fromkeys(config.get("nameservers") or ()):
        yield "pod_name_server", (obj.key, str(server))


def config_facts(obj: Object) -> Iterator[Fact]:
    """The domain of the cluster, if this is CoreDNS's configuration."""
    if obj.key == _COREDNS:
        match = _ZONE.search(str((obj.document.get("data") or {}).get("Corefile") or ""))
        if match:
            yield "corefile_domain", (match[1].rstrip("."),)


MODULE = FactModule(
    name="networks",
    extractors={
        "Service": (reader(service_facts, "spec"),),
        "Node": (reader(node_facts, "status.addresses"),),
        "Pod": (reader(pod_facts, "spec.dnsConfig", "spec.dnsPolicy", "spec.hostNetwork"),),
        "ConfigMap": (reader(config_facts, "data"),),
    },
    gives=frozenset(
        {
            "corefile_domain",
            "node_address",
            "pod_dns_config",
            "pod_dns_ndots",
            "pod_dns_policy",
            "pod_name_server",
            "pod_search",
            "service_affinity",
            "service_external_ip",
            "service_external_local",
            "service_external_name",
            "service_internal_local",
            "service_ip",
            "service_stands_for_address",
        }
    ),
)
