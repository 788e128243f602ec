"""Ingresses, their classes, and NetworkPolicies.

Source: Kubernetes, "Ingress", "Network Policies".
"""

from __future__ import annotations

import ipaddress

from kubelogic.kinds.validation import names
from kubelogic.kinds.validation.common import check_name, metadata, required_name, selector
from kubelogic.kinds.validation.containers import PROTOCOLS, port_number_or_name
from kubelogic.kinds.validation.problems import Report, Tree
from kubelogic.text.location import Path, dotted

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
        words = "either `defaultBackend` or `rules` must be specified"
        text = "is required: give rules or a defaultBackend"
        report.wrong((*path, "rules"), "KL120", text, None, words, at="spec")
    if "defaultBackend" in spec:
        _backend(report, (*path, "defaultBackend"), spec["defaultBackend"])
    for index, each in enumerate(spec.get("rules", ())):
        _rule(report, (*path, "rules", index), each)
    for index, tls in enumerate(spec.get("tls", ())):
        for number, host in enumerate(tls.get("hosts", ())):
            rule = names.wildcard_subdomain if "*" in host else names.dns_subdomain
            report.check((*path, "tls", index, "hosts", number), "KL123", host, rule)
        if tls.get("secretName"):
            check_name(report, (*path, "tls", index, "secretName"), tls["secretName"], names.dns_subdomain)
    name = spec.get("ingressClassName")
    if name is not None:
        check_name(report, (*path, "ingressClassName"), name, names.dns_subdomain)
    noted = tree.get("metadata", {}).get("annotations", {}).get(_CLASS)
    if noted is not None and name is not None and noted != name:
        words = "must match `ingressClassName` when both are specified"
        text = f"must be the same as ingressClassName ({name})"
        at = f"annotations.{_CLASS}"
        report.wrong(("metadata", "annotations", _CLASS), "KL142", text, noted, words, at=at)


def _rule(report: Report, path: Path, rule: Tree) -> None:
    host = rule.get("host", "")
    if host:
        if names.parse_ip(host) is not None:
            detail = "must be a DNS name, not an IP address"
            report.invalid((*path, "host"), "KL123", host, "must be a DNS name, not an address", detail=detail)
        else:
            report.check(
                (*path, "host"), "KL123", host, names.wildcard_subdomain if "*" in host else names.dns_subdomain
            )
    if "http" not in rule:
        return
    paths = rule["http"].get("paths", [])
    report.present((*path, "http", "paths"), paths)
    for index, item in enumerate(paths):
        where = (*path, "http", "paths", index)
        kind, text = item.get("pathType"), item.get("path", "")
        if kind is None:
            words = "Required value: pathType must be specified"
            report.add((*where, "pathType"), "KL120", f"is required: use {', '.join(_PATH_TYPES)}", api=words)
            continue
        report.choice((*where, "pathType"), kind, _PATH_TYPES)
        _path(report, (*where, "path"), text, kind)
        _backend(report, (*where, "backend"), item.get("backend", {}))


def _path(report: Report, path: Path, text: str, kind: str) -> None:
    if kind in ("Exact", "Prefix"):
        if not text.startswith("/"):
            report.invalid(path, "KL133", text, "must be an absolute path", detail="must be an absolute path")
        if text:
            parts = [part for part in _BAD_PARTS if part in text]
            ends = [end for end in _BAD_ENDS if text.endswith(end)]
            detail = [f"must not contain '{part}'" for part in parts] + [f"cannot end with '{end}'" for end in ends]
            if detail:
                report.invalid(path, "KL133", text, f"must not contain {[*parts, *ends][0]!r}", detail=detail)
    elif kind == "ImplementationSpecific" and text and not text.startswith("/"):
        report.invalid(path, "KL133", text, "must be an absolute path", detail="must be an absolute path")


def _backend(report: Report, path: Path, backend: Tree) -> None:
    service, resource = backend.get("service"), backend.get("resource")
    if (service is None) == (resource is None):
        detail = (
            "cannot set both resource and service backends" if service else "resource or service backend is required"
        )
        report.wrong(path, "KL142", "set either service or resource", "", detail)
    elif resource is not None:
        _typed(report, (*path, "resource"), resource)
    elif service is not None:
        required_name(report, (*path, "service", "name"), service.get("name"), names.dns_label)
        port = service.get("port", {})
        name, number = port.get("name", ""), port.get("number", 0)
        where = (*path, "service", "port")
        if name and number:
            words = "cannot set both port name & port number"
            report.wrong(where, "KL142", "name and number exclude each other", "", words, at=dotted(path))
        elif name or number:
            port_number_or_name(report, (*where, "name" if name else "number"), name or number)
        else:
            said = "port name or number is required"
            report.required(where, "give the port's name or number", api=said, at=dotted(path))


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
    report.no_longer(("spec", "controller"), controller, 250)
    required_name(report, ("spec", "controller"), controller, names.domain_prefixed_path)
    parameters = spec.get("parameters")
    if parameters is None:
        return
    path: Path = ("spec", "parameters")
    _typed(report, path, parameters)
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    report.one_of((*path, "scope"), scope, ("Cluster", "Namespace"))
    if scope == "Namespace":
        required_name(
            report, (*path, "namespace"), namespace, names.dns_label, api="`parameters.scope` is set to 'Namespace'"
        )
    elif scope == "Cluster" and namespace is not None:
        words = "`parameters.scope` is set to 'Cluster'"
        report.forbidden((*path, "namespace"), "may only be set when the scope is Namespace", api=words)


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
        words = "may not specify more than two policyTypes"
        report.wrong((*path, "policyTypes"), "KL129", f"has {len(types)} entries; at most 2 are allowed", types, words)
    for index, kind in enumerate(types):
        report.choice((*path, "policyTypes", index), kind, ("Egress", "Ingress"), api=("Ingress", "Egress"))


def _policy_port(report: Report, path: Path, port: Tree) -> None:
    report.choice((*path, "protocol"), port.get("protocol"), PROTOCOLS, api=("TCP", "UDP", "SCTP"))
    number, end = port.get("port"), port.get("endPort")
    if number is not None:
        port_number_or_name(report, (*path, "port"), number)
    if end is None:
        return
    if not isinstance(number, int):
        what = "specified" if number is None else "non-numeric"
        words = f"may not be specified when `port` is {'not ' if number is None else ''}{what}"
        report.wrong((*path, "endPort"), "KL127", "may only be set when port is a number", end, words)
    else:
        if end < number:
            words = "must be greater than or equal to `port`"
            report.wrong((*path, "endPort"), "KL131", f"must be at least port ({number}), is {end}", number, words)
        report.between(end, (*path, "endPort"), 1, 65535, "KL131")


def _peer(report: Report, path: Path, peer: Tree) -> None:
    for key in ("podSelector", "namespaceSelector"):
        selector(report, (*path, key), peer.get(key))
    report.present(path, peer, "set podSelector, namespaceSelector or ipBlock", api="must specify a peer")
    if "ipBlock" not in peer:
        return
    if len(peer) > 1:
        words = "Forbidden: may not specify both ipBlock and another peer"
        report.add(path, "KL142", "ipBlock excludes selectors", api=words)
        further = Report()
        _block(further, path, peer["ipBlock"])
        report.beyond(further)
    else:
        _block(report, path, peer["ipBlock"])


def _block(report: Report, path: Path, block: Tree) -> None:
    where = (*path, "ipBlock")
    outer = block.get("cidr", "")
    if not outer:
        report.required((*where, "cidr"))
        return
    report.check((*where, "cidr"), "KL132", outer, names.cidr)
    for index, inner in enumerate(block.get("except", ())):
        here = (*where, "except", index)
        if report.check(here, "KL132", inner, names.cidr) and not names.cidr(outer) and not _inside(inner, outer):
            detail = "must be a strict subset of `cidr`"
            report.invalid(here, "KL132", inner, f"must be a part of {outer}, and smaller", detail=detail)


def _inside(inner: str, outer: str) -> bool:
    small, large = ipaddress.ip_network(inner), ipaddress.ip_network(outer)
    if isinstance(small, ipaddress.IPv4Network) and isinstance(large, ipaddress.IPv4Network):
        return small != large and small.subnet_of(large)
    if isinstance(small, ipaddress.IPv6Network) and isinstance(large, ipaddress.IPv6Network):
        return small != large and small.subnet_of(large)
    return False
