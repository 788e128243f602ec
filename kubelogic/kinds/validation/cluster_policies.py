"""AdminNetworkPolicy, BaselineAdminNetworkPolicy and ClusterNetworkPolicy, as their definitions check them.

Source: sigs.k8s.io/network-policy-api, the kubebuilder markers of apis/v1alpha1 and apis/v1alpha2.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kubelogic.kinds.validation import names
from kubelogic.kinds.validation.common import metadata, selector
from kubelogic.kinds.validation.containers import PROTOCOLS
from kubelogic.kinds.validation.problems import Report, Tree
from kubelogic.text.location import Path, dotted


class _Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """What the kinds differ in."""

    actions: Sequence[str]
    ports: str
    rules: int
    items: int


_ADMIN = _Dialect(actions=("Allow", "Deny", "Pass"), ports="ports", rules=100, items=100)
_BASELINE = _Dialect(actions=("Allow", "Deny"), ports="ports", rules=100, items=100)
_CLUSTER = _Dialect(actions=("Accept", "Deny", "Pass"), ports="protocols", rules=25, items=25)
_NETWORKS = 25
_LONGEST_NAME = 100
_PRIORITY = (0, 1000)
_PORTS = (1, 65535)
_POD_PEERS = ("namespaces", "pods")
_PEERS = ("domainNames", "namespaces", "networks", "nodes", "pods")
_PORT_FIELDS = ("namedPort", "portNumber", "portRange")
_PROTOCOL_FIELDS = ("destinationNamedPort", "sctp", "tcp", "udp")


def admin(report: Report, tree: Tree) -> None:
    """Check an AdminNetworkPolicy."""
    _policy(report, tree, _ADMIN)
    _priority(report, tree)


def baseline(report: Report, tree: Tree) -> None:
    """Check a BaselineAdminNetworkPolicy, of which there is one."""
    name = tree.get("metadata", {}).get("name")
    if name and name != "default":
        words = (
            'Invalid value: "object": Only one baseline admin network policy with metadata.name="default" '
            "can be created in the cluster"
        )
        report.add(("metadata", "name"), "KL121", 'must be "default": a cluster has one', api=words, at="<nil>")
    _policy(report, tree, _BASELINE)


def cluster(report: Report, tree: Tree) -> None:
    """Check a ClusterNetworkPolicy."""
    spec: Tree = tree.get("spec") or {}
    report.one_of(("spec", "tier"), spec.get("tier"), ("Admin", "Baseline"))
    _policy(report, tree, _CLUSTER)
    _priority(report, tree)


def _priority(report: Report, tree: Tree) -> None:
    priority = (tree.get("spec") or {}).get("priority")
    if priority is None:
        report.required(("spec", "priority"), "give a number from 0 to 1000, the smallest of which decides")
    else:
        _bounds(report, ("spec", "priority"), priority, _PRIORITY)


def _bounds(report: Report, path: Path, value: int, bounds: tuple[int, int]) -> None:
    """A number of a custom resource, in the words of its schema."""
    low, high = bounds
    if low <= value <= high:
        return
    limit = f"greater than or equal to {low}" if value < low else f"less than or equal to {high}"
    words = f"Invalid value: {value}: {dotted(path)} in body should be {limit}"
    report.add(path, "KL122", f"must be between {low} and {high}, is {value}", api=words)


def _policy(report: Report, tree: Tree, dialect: _Dialect) -> None:
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    spec: Tree = tree.get("spec") or {}
    subject = spec.get("subject")
    if subject is None:
        report.required(("spec", "subject"), "say for which namespaces or pods the policy is")
    else:
        _exactly_one(report, ("spec", "subject"), subject, _POD_PEERS)
        _pods(report, ("spec", "subject"), subject)
    for direction in ("ingress", "egress"):
        rules = spec.get(direction) or ()
        report.no_more(("spec", direction), rules, dialect.rules)
        for index, rule in enumerate(rules):
            _rule(report, ("spec", direction, index), rule, dialect)


def _rule(report: Report, path: Path, rule: Tree, dialect: _Dialect) -> None:
    peers, allowed = ("from", _POD_PEERS) if "ingress" in path else ("to", _PEERS)
    report.one_of((*path, "action"), rule.get("action"), dialect.actions)
    report.no_longer((*path, "name"), rule.get("name") or "", _LONGEST_NAME)
    found = rule.get(peers) or ()
    report.present((*path, peers), found, "a rule needs at least one peer; namespaces: {} is every pod")
    report.no_more((*path, peers), found, dialect.items)
    for number, peer in enumerate(found):
        where = (*path, peers, number)
        _exactly_one(report, where, peer, allowed)
        _pods(report, where, peer)
        selector(report, (*where, "nodes"), peer.get("nodes"))
        _networks(report, where, peer, rule)
    ports = rule.get(dialect.ports)
    if ports is not None and not ports:
        report.required((*path, dialect.ports), "leave it out where all ports are meant")
    for number, port in enumerate(ports or ()):
        (_protocol if dialect.ports == "protocols" else _port)(report, (*path, dialect.ports, number), port)
    named = any(each.get("namedPort") or each.get("destinationNamedPort") for each in ports or ())
    if named and any({"domainNames", "networks", "nodes"} & set(each) for each in found):
        words = (
            'Invalid value: "object": networks/nodes/domainNames peer cannot be set with namedPorts since there are no '
            "namedPorts for networks/nodes/domainNames"
        )
        told = "names a port, which networks, nodes and domain names do not have: give its number"
        report.add((*path, dialect.ports), "KL142", told, api=words, at=dotted(path))


def _exactly_one(report: Report, path: Path, field: Tree, allowed: Sequence[str]) -> None:
    there = [each for each in allowed if each in field]
    if len(there) == 1:
        return
    choice = f"set exactly one of {', '.join(allowed)}"
    if not there:
        words = f"Invalid value: 0: {dotted(path)} in body should have at least 1 properties"
        report.add(path, "KL120", f"is empty: {choice}", api=words)
    else:
        words = f"Too many: {len(there)}: must have at most 1 items"
        report.add(path, "KL142", f"sets {' and '.join(there)}: {choice}", api=words)


def _pods(report: Report, path: Path, field: Tree) -> None:
    selector(report, (*path, "namespaces"), field.get("namespaces"))
    pods = field.get("pods")
    if pods is None:
        return
    for key in ("namespaceSelector", "podSelector"):
        if pods.get(key) is None:
            report.required((*path, "pods", key), "{} selects all")
        selector(report, (*path, "pods", key), pods.get(key))


def _networks(report: Report, path: Path, peer: Tree, rule: Tree) -> None:
    for key in ("networks", "domainNames"):
        if key in peer and not 1 <= len(peer[key]) <= _NETWORKS:
            report.add((*path, key), "KL129", f"has {len(peer[key])} entries; 1 to {_NETWORKS} are allowed")
    for index, text in enumerate(peer.get("networks") or ()):
        report.check((*path, "networks", index), "KL132", text, names.cidr)
    if peer.get("domainNames") and rule.get("action") in ("Deny", "Pass"):
        told = f"is only heeded in rules that allow, and this one says {rule['action']}"
        report.warn((*path, "domainNames"), "KL142", told)


def _port(report: Report, path: Path, port: Tree) -> None:
    _exactly_one(report, path, port, _PORT_FIELDS)
    for key in ("portNumber", "portRange"):
        found = port.get(key)
        if found is not None and found.get("protocol", "TCP") not in PROTOCOLS:
            report.unsupported((*path, key, "protocol"), found["protocol"], PROTOCOLS)
    if (single := port.get("portNumber")) is not None:
        _number(report, (*path, "portNumber", "port"), single.get("port"))
    if (several := port.get("portRange")) is not None:
        _range(report, (*path, "portRange"), several, increasing=False)


def _protocol(report: Report, path: Path, protocol: Tree) -> None:
    _exactly_one(report, path, protocol, _PROTOCOL_FIELDS)
    for key in ("sctp", "tcp", "udp"):
        if protocol.get(key) is None:
            continue
        port = protocol[key].get("destinationPort")
        where = (*path, key, "destinationPort")
        if port is None:
            report.required(where, "give a number or a range")
            continue
        _exactly_one(report, where, port, ("number", "range"))
        if "number" in port:
            _number(report, (*where, "number"), port["number"])
        if port.get("range") is not None:
            _range(report, (*where, "range"), port["range"], increasing=True)


def _range(report: Report, path: Path, several: Tree, *, increasing: bool) -> None:
    """The first and the last port; v1alpha2 refuses a last one that is not larger."""
    for key in ("start", "end"):
        _number(report, (*path, key), several.get(key))
    first, last = several.get("start"), several.get("end")
    if increasing and first is not None and last is not None and first >= last:
        words = 'Invalid value: "object": Start port must be less than End port'
        report.add(path, "KL131", f"must end after it starts ({first}), and ends at {last}", api=words)


def _number(report: Report, path: Path, value: int | None) -> None:
    if value is None:
        report.required(path, "give a port")
    else:
        _bounds(report, path, value, _PORTS)
