"""Ingresses, their classes, and NetworkPolicies.

Source: Kubernetes, "Ingress", "Network Policies".
"""

from __future__ import annotations

import ipaddress

from kubelogic.kinds.validation import names
from kubelogic.kinds.validation.common import check_name, metadata, required_name, selector
from kubelogic.kinds.validation.containers import PROTOCOLS, port_number_or_name
from kubelogic.kinds.validation.problems import Report, Tree
from kubelogic.text.location import Path

_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_BAD_PARTS = ("//", "/./", "/../", "%2f", "%2F")
_BAD_ENDS = ("/..", "/.")
_CLASS = "kubernetes.io/ingress.class"


def ingress(report: Report, tree: Tree) -> None:
    """Check an Ingress."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    spec = tree.get("spec", {})
    path: Path = ("spec",)
    if not spec.get("rules") and "defaultBackend" not in spec:
        report.required((*path, "rules"), "give rules or a defaultBackend")
    if "defaultBackend" in spec:
        _backend(report, (*path, "defaultBackend"), spec["defaultBackend"])
    for index, rule in enumerate(spec.get("rules", ())):
        _rule(report, (*path, "rules", index), rule)
    for index, tls in enumerate(spec.get("tls", ())):
        for number, host in enumerate(tls.get("hosts", ())):
            wrong = names.wildcard_subdomain(host) if "*" in host else names.dns_subdomain(host)
            if wrong:
                report.invalid((*path, "tls", index, "hosts", number), "KL123", host, wrong)
        if tls.get("secretName"):
            check_name(report, (*path, "tls", index, "secretName"), tls["secretName"], names.dns_subdomain)
    name = spec.get("ingressClassName")
    if name is not None:
        check_name(report, (*path, "ingressClassName"), name, names.dns_subdomain)
    noted = tree.get("metadata", {}).get("annotations", {}).get(_CLASS)
    if noted is not None and name is not None and noted != name:
        report.add(("metadata", "annotations", _CLASS), "KL142", f"must be the same as ingressClassName ({name})")


def _rule(report: Report, path: Path, rule: Tree) -> None:
    host = rule.get("host", "")
    if host:
        wrong = names.wildcard_subdomain(host) if "*" in host else names.dns_subdomain(host)
        if names.parse_ip(host) is not None:
            wrong = "must be a DNS name, not an address"
        if wrong:
            report.invalid((*path, "host"), "KL123", host, wrong)
    if "http" not in rule:
        return
    paths = rule["http"].get("paths", [])
    if not paths:
        report.required((*path, "http", "paths"))
    for index, item in enumerate(paths):
        where = (*path, "http", "paths", index)
        kind, text = item.get("pathType"), item.get("path", "")
        if kind is None:
            report.add((*where, "pathType"), "KL120", f"is required: use {', '.join(_PATH_TYPES)}")
            continue
        if kind not in _PATH_TYPES:
            report.unsupported((*where, "pathType"), kind, _PATH_TYPES)
        _path(report, (*where, "path"), text, kind)
        _backend(report, (*where, "backend"), item.get("backend", {}))


def _path(report: Report, path: Path, text: str, kind: str) -> None:
    if kind in ("Exact", "Prefix"):
        if not text.startswith("/"):
            report.invalid(path, "KL133", text, "must be an absolute path")
        bad = [part for part in _BAD_PARTS if part in text] + [end for end in _BAD_ENDS if text.endswith(end)]
        if bad:
            report.invalid(path, "KL133", text, f"must not contain {bad[0]!r}")
    elif kind == "ImplementationSpecific" and text and not text.startswith("/"):
        report.invalid(path, "KL133", text, "must be an absolute path")


def _backend(report: Report, path: Path, backend: Tree) -> None:
    service, resource = backend.get("service"), backend.get("resource")
    if (service is None) == (resource is None):
        report.add(path, "KL142", "set either service or resource")
    elif resource is not None:
        _typed(report, (*path, "resource"), resource)
    elif service is not None:
        required_name(report, (*path, "service", "name"), service.get("name"), names.dns_label)
        port = service.get("port", {})
        name, number = port.get("name", ""), port.get("number", 0)
        where = (*path, "service", "port")
        if name and number:
            report.add(where, "KL142", "name and number exclude each other")
        elif name or number:
            port_number_or_name(report, (*where, "name" if name else "number"), name or number)
        else:
            report.required(where, "give the port's name or number")


def _typed(report: Report, path: Path, reference: Tree) -> None:
    if "apiGroup" in reference:
        check_name(report, (*path, "apiGroup"), reference["apiGroup"], names.dns_subdomain)
    for key in ("kind", "name"):
        required_name(report, (*path, key), reference.get(key), names.path_segment)


def ingress_class(report: Report, tree: Tree) -> None:
    """Check an IngressClass."""
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    spec = tree.get("spec", {})
    controller = spec.get("controller", "")
    if len(controller) > 250:
        report.too_long(("spec", "controller"), len(controller), 250)
    required_name(report, ("spec", "controller"), controller, names.domain_prefixed_path)
    parameters = spec.get("parameters")
    if parameters is None:
        return
    path: Path = ("spec", "parameters")
    _typed(report, path, parameters)
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    report.one_of((*path, "scope"), scope, ("Cluster", "Namespace"))
    if scope == "Namespace":
        required_name(report, (*path, "namespace"), namespace, names.dns_label)
    elif scope == "Cluster" and namespace is not None:
        report.forbidden((*path, "namespace"), "may only be set when the scope is Namespace")


def network_policy(report: Report, tree: Tree) -> None:
    """Check a NetworkPolicy."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    spec = tree.get("spec", {})
    path: Path = ("spec",)
    selector(report, (*path, "podSelector"), spec.get("podSelector"))
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction, ())):
            where = (*path, direction, index)
            for number, port in enumerate(rule.get("ports", ())):
                _policy_port(report, (*where, "ports", number), port)
            for number, peer in enumerate(rule.get(peers, ())):
                _peer(report, (*where, peers, number), peer)
    types = spec.get("policyTypes", [])
    if len(types) > 2:
        report.too_many((*path, "policyTypes"), len(types), 2)
    for index, kind in enumerate(types):
        if kind not in ("Egress", "Ingress"):
            report.unsupported((*path, "policyTypes", index), kind, ("Egress", "Ingress"))


def _policy_port(report: Report, path: Path, port: Tree) -> None:
    if port.get("protocol", "TCP") not in PROTOCOLS:
        report.unsupported((*path, "protocol"), port["protocol"], PROTOCOLS)
    number, end = port.get("port"), port.get("endPort")
    if number is not None:
        port_number_or_name(report, (*path, "port"), number)
    if end is None:
        return
    if not isinstance(number, int):
        report.forbidden((*path, "endPort"), "may only be set when port is a number")
    else:
        report.between(end, (*path, "endPort"), 1, 65535, "KL131")
        if end < number:
            report.add((*path, "endPort"), "KL131", f"must be at least port ({number}), is {end}")


def _peer(report: Report, path: Path, peer: Tree) -> None:
    for key in ("podSelector", "namespaceSelector"):
        selector(report, (*path, key), peer.get(key))
    if not peer:
        report.required(path, "set podSelector, namespaceSelector or ipBlock")
    if "ipBlock" not in peer:
        return
    if len(peer) > 1:
        report.add(path, "KL142", "ipBlock excludes selectors")
    block = peer["ipBlock"]
    where = (*path, "ipBlock")
    outer = block.get("cidr", "")
    if not outer:
        report.required((*where, "cidr"))
        return
    if wrong := names.cidr(outer):
        report.invalid((*where, "cidr"), "KL132", outer, wrong)
    for index, inner in enumerate(block.get("except", ())):
        here = (*where, "except", index)
        if wrong := names.cidr(inner):
            report.invalid(here, "KL132", inner, wrong)
        elif not names.cidr(outer) and not _inside(inner, outer):
            report.invalid(here, "KL132", inner, f"must be a part of {outer}, and smaller")


def _inside(inner: str, outer: str) -> bool:
    small, large = ipaddress.ip_network(inner), ipaddress.ip_network(outer)
    if isinstance(small, ipaddress.IPv4Network) and isinstance(large, ipaddress.IPv4Network):
        return small != large and small.subnet_of(large)
    if isinstance(small, ipaddress.IPv6Network) and isinstance(large, ipaddress.IPv6Network):
        return small != large and small.subnet_of(large)
    return False
