"""Services, Endpoints and EndpointSlices.

Source: Kubernetes, "Service", "EndpointSlices", "IPv4/IPv6 dual-stack".
"""

from __future__ import annotations

from collections.abc import Collection

from kubelogic.kinds.evidence import is_stored
from kubelogic.kinds.validation import api_words, names
from kubelogic.kinds.validation.common import (
    check_name,
    label_key,
    labels,
    metadata,
    required_name,
)
from kubelogic.kinds.validation.containers import PROTOCOLS, port_number_or_name
from kubelogic.kinds.validation.problems import Report, Tree
from kubelogic.text.location import Path, dotted

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_FAMILIES = ("IPv4", "IPv6")
_FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_SPEC: Path = ("spec",)
_DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
_BALANCED = "may only be used when `type` is 'LoadBalancer'"
_NOT_EXTERNAL = "may not be set for ExternalName services"
_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"


def service(report: Report, tree: Tree, families: Collection[str]) -> None:
    """Check a Service.

    Args:
        report: where problems go.
        tree: the Service.
        families: the address families that the cluster has; a Service that it printed has those that it was given.
    """
    metadata(report, tree, names.dns_label, namespaced=True)
    spec = tree.get("spec", {})
    kind = spec.get("type", "")
    headless = spec.get("clusterIPs") == ["None"]
    ports = spec.get("ports", [])
    if not ports and not headless and kind != "ExternalName":
        report.required((*_SPEC, "ports"), "give at least one port, or make the Service headless")
    if headless and kind in ("LoadBalancer", "NodePort"):
        words = f"may not be set to 'None' for {kind} services"
        text = f"may not be None for a Service of the type {kind}"
        report.wrong((*_SPEC, "clusterIP"), "KL142", text, "None", words, at="spec.clusterIPs[0]")
    if kind == "ExternalName":
        _external_name(report, spec)
    _ports(report, (*_SPEC, "ports"), ports)
    labels(report, (*_SPEC, "selector"), spec.get("selector"))
    _affinity(report, spec)
    if kind != "ExternalName":
        _addresses(report, spec)
        _families(report, spec, _FAMILIES if is_stored(tree) else families)
    for index, address in enumerate(spec.get("externalIPs", ())):
        _endpoint_address(report, (*_SPEC, "externalIPs", index), address)
    report.one_of((*_SPEC, "type"), kind, _TYPES)
    _taken_twice(report, (*_SPEC, "ports"), ports, kind)
    _outside(report, tree, spec, kind)
    internal = spec.get("internalTrafficPolicy")
    if internal is not None:
        report.one_of((*_SPEC, "internalTrafficPolicy"), internal, ("Cluster", "Local"))
    if "trafficDistribution" in spec and spec["trafficDistribution"] not in _DISTRIBUTIONS:
        report.unsupported((*_SPEC, "trafficDistribution"), spec["trafficDistribution"], _DISTRIBUTIONS)


def _external_name(report: Report, spec: Tree) -> None:
    for key in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(key):
            report.forbidden((*_SPEC, key), "may not be set for a Service of the type ExternalName", api=_NOT_EXTERNAL)
    if spec.get("clusterIP"):
        text = "may not be set for a Service of the type ExternalName"
        report.forbidden((*_SPEC, "clusterIP"), text, api=_NOT_EXTERNAL, at="spec.clusterIPs")
    name = spec.get("externalName", "").removesuffix(".")
    required_name(report, (*_SPEC, "externalName"), name, names.dns_subdomain)


def _ports(report: Report, path: Path, ports: list[Tree]) -> None:
    seen_names: set[str] = set()
    for index, port in enumerate(ports):
        where = (*path, index)
        name, number = port.get("name", ""), port.get("port", 0)
        protocol = port.get("protocol", "")
        if name:
            check_name(report, (*where, "name"), name, names.dns_label)
            if name in seen_names:
                report.duplicate((*where, "name"), name, "is there twice; ports need different names")
            seen_names.add(name)
        elif len(ports) > 1:
            report.required((*where, "name"), "a Service with several ports must name each")
        report.between(number, (*where, "port"), 1, 65535, "KL131")
        report.one_of((*where, "protocol"), protocol, PROTOCOLS)
        port_number_or_name(report, (*where, "targetPort"), port.get("targetPort", number) or 0)
        if "appProtocol" in port:
            label_key(report, (*where, "appProtocol"), port["appProtocol"])


def _taken_twice(report: Report, path: Path, ports: list[Tree], kind: str) -> None:
    """Check that no port of a Service is there twice, within the Service and on the nodes."""
    for index, port in enumerate(ports):
        if port.get("nodePort") and kind == "ClusterIP":
            words = "may not be used when `type` is 'ClusterIP'"
            text = "may not be set for a Service of the type ClusterIP"
            report.forbidden((*path, index, "nodePort"), text, api=words)
    node_ports: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        where = (*path, index)
        protocol, node_port = port.get("protocol", ""), port.get("nodePort", 0)
        if node_port and (protocol, node_port) in node_ports:
            report.duplicate((*where, "nodePort"), node_port)
        node_ports.add((protocol, node_port))
        if node_port and not 1 <= node_port <= 65535:
            report.between(node_port, (*where, "nodePort"), 1, 65535, "KL131")
        elif node_port and not 30000 <= node_port <= 32767:
            report.warn(
                (*where, "nodePort"), "KL191", f"{node_port} is outside 30000-32767, the range of most clusters"
            )
    seen: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        protocol, number = port.get("protocol", ""), port.get("port", 0)
        if (protocol, number) in seen:
            key = {
                "Name": "",
                "Protocol": protocol,
                "AppProtocol": None,
                "Port": number,
                "TargetPort": 0,
                "NodePort": 0,
            }
            report.duplicate((*path, index), f"{protocol} {number}", "is there twice", api=api_words.shown(key))
        seen.add((protocol, number))


def _affinity(report: Report, spec: Tree) -> None:
    affinity = spec.get("sessionAffinity")
    report.one_of((*_SPEC, "sessionAffinity"), affinity, ("ClientIP", "None"))
    if affinity == "ClientIP":
        seconds = spec.get("sessionAffinityConfig", {}).get("clientIP", {}).get("timeoutSeconds", 10800)
        where = (*_SPEC, "sessionAffinityConfig", "clientIP", "timeoutSeconds")
        if not 1 <= seconds <= 86400:
            words = "must be greater than 0 and less than 86400"
            report.wrong(where, "KL122", f"must be between 1 and 86400, is {seconds}", seconds, words)


def _addresses(report: Report, spec: Tree) -> None:
    one, many = spec.get("clusterIP", ""), spec.get("clusterIPs", [])
    where = (*_SPEC, "clusterIPs")
    if (many[0] if many else "") != one:
        detail = "first value must match `clusterIP`" if one else "must be empty when `clusterIP` is not specified"
        text = "must begin with clusterIP; set clusterIP alone" if one else "needs clusterIP too"
        report.wrong(where, "KL142", text, many, detail)
    if len(many) > 2:
        words = "may only hold up to 2 values"
        report.wrong(where, "KL129", f"has {len(many)} entries; at most 2 are allowed", many, words)
    if many and many[0] == "None":
        if len(many) > 1:
            report.wrong(where, "KL142", "None must be the only value", many, "'None' must be the first and only value")
        return
    wrong_ones = False
    for index, address in enumerate(many):
        if not report.check(_address(spec, index), "KL132", address, names.ip_address, at=f"spec.clusterIPs[{index}]"):
            wrong_ones = True
    if not wrong_ones and len(many) == 2 and (":" in many[0]) == (":" in many[1]):
        words = "may specify no more than one IP for each IP family"
        report.wrong(where, "KL142", "may hold one address of each family only", many, words)


def _address(spec: Tree, index: int) -> Path:
    """Where an address was written: the first one as clusterIP, which clusterIPs repeats."""
    single = index == 0 and spec.get("clusterIP") == spec["clusterIPs"][0]
    return (*_SPEC, "clusterIP") if single else (*_SPEC, "clusterIPs", index)


def _families(report: Report, spec: Tree, families: Collection[str]) -> None:
    wanted, policy = spec.get("ipFamilies", []), spec.get("ipFamilyPolicy")
    addresses = spec.get("clusterIPs", [])
    where = (*_SPEC, "ipFamilies")
    for index, family in enumerate(wanted):
        if family not in _FAMILIES:
            report.unsupported((*where, index), family, _FAMILIES)
        elif family in wanted[:index]:
            report.duplicate((*where, index), family)
    if policy is not None:
        report.one_of((*_SPEC, "ipFamilyPolicy"), policy, _FAMILY_POLICIES)
    if policy == "SingleStack":
        for key, values in (("clusterIPs", addresses), ("ipFamilies", wanted)):
            if len(values) == 2:
                report.add((*_SPEC, key), "KL142", "may have one value when ipFamilyPolicy is SingleStack")
    for index, (address, family) in enumerate(zip(addresses, wanted, strict=False)):
        if address != "None" and family in _FAMILIES and not names.ip_address(address):
            own = "IPv6" if ":" in address else "IPv4"
            if own != family:
                detail = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
                text = f"is {own}, but ipFamilies asks for {family}"
                report.wrong(_address(spec, index), "KL142", text, address, detail, at=f"spec.clusterIPs[{index}]")
    if spec.get("clusterIP") == "None" and not spec.get("selector"):
        return
    if policy == "RequireDualStack" and len(families) < 2:
        only = " and ".join(sorted(families))
        words = "this cluster is not configured for dual-stack services"
        text = f"RequireDualStack needs a dual-stack cluster; this one has {only}"
        report.wrong((*_SPEC, "ipFamilyPolicy"), "KL127", text, policy, words)
    for index, family in enumerate(wanted):
        if family in _FAMILIES and family not in families:
            words = "not configured on this cluster"
            report.wrong((*where, index), "KL127", f"this cluster has no {family} addresses", family, words)


def _outside(report: Report, tree: Tree, spec: Tree, kind: str) -> None:
    balanced = kind == "LoadBalancer"
    ranges = spec.get("loadBalancerSourceRanges", [])
    if ranges and not balanced:
        text = "may only be set for the type LoadBalancer"
        report.forbidden((*_SPEC, "loadBalancerSourceRanges"), text, api=_BALANCED, at="spec.LoadBalancerSourceRanges")
    for index, value in enumerate(ranges):
        at = f"spec.LoadBalancerSourceRanges[{index}]"
        report.check((*_SPEC, "loadBalancerSourceRanges", index), "KL132", value.strip(), names.cidr, at=at)
    noted = tree.get("metadata", {}).get("annotations", {}).get(_RANGES)
    if noted is not None and not ranges:
        where: Path = ("metadata", "annotations", _RANGES)
        if not balanced:
            report.forbidden(where, "may only be set for the type LoadBalancer", api=_BALANCED)
        for value in filter(None, (part.strip() for part in noted.split(","))):
            report.check(where, "KL132", value, names.cidr)
    for key in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
        if key in spec and not balanced:
            report.forbidden((*_SPEC, key), "may only be set for the type LoadBalancer", api=_BALANCED)
    if balanced and "loadBalancerClass" in spec:
        label_key(report, (*_SPEC, "loadBalancerClass"), spec["loadBalancerClass"])
    _traffic(report, spec, kind)


def _traffic(report: Report, spec: Tree, kind: str) -> None:
    reachable = kind in ("LoadBalancer", "NodePort") or (kind == "ClusterIP" and spec.get("externalIPs"))
    policy = spec.get("externalTrafficPolicy")
    where = (*_SPEC, "externalTrafficPolicy")
    if reachable:
        report.one_of(where, policy, ("Cluster", "Local"))
    elif policy:
        words = "may only be set for externally-accessible services"
        report.wrong(where, "KL127", "may only be set for Services that can be reached from outside", policy, words)
    port = spec.get("healthCheckNodePort", 0)
    if port and not (kind == "LoadBalancer" and policy == "Local"):
        detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        text = "may only be set for the type LoadBalancer with externalTrafficPolicy Local"
        report.wrong((*_SPEC, "healthCheckNodePort"), "KL127", text, port, detail)
    elif port:
        report.between(port, (*_SPEC, "healthCheckNodePort"), 1, 65535, "KL131")


def _endpoint_address(report: Report, path: Path, address: str) -> None:
    if report.check(path, "KL132", address, names.ip_address):
        report.check(path, "KL132", address, names.endpoint_ip)


def endpoints(report: Report, tree: Tree) -> None:
    """Check Endpoints."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    for index, subset in enumerate(tree.get("subsets", ())):
        where = ("subsets", index)
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            report.required(
                where, "give addresses or notReadyAddresses", api="must specify `addresses` or `notReadyAddresses`"
            )
        for group in ("addresses", "notReadyAddresses"):
            for number, address in enumerate(subset.get(group, ())):
                here = (*where, group, number)
                _endpoint_address(report, (*here, "ip"), address.get("ip", ""))
                if address.get("hostname"):
                    check_name(report, (*here, "hostname"), address["hostname"], names.dns_label)
                if "nodeName" in address:
                    check_name(report, (*here, "nodeName"), address["nodeName"], names.dns_subdomain)
        ports = subset.get("ports", [])
        for number, port in enumerate(ports):
            here = (*where, "ports", number)
            if port.get("name"):
                check_name(report, (*here, "name"), port["name"], names.dns_label)
            elif len(ports) > 1:
                report.required((*here, "name"), "each of several ports needs a name")
            report.between(port.get("port", 0), (*here, "port"), 1, 65535, "KL131")
            report.one_of((*here, "protocol"), port.get("protocol"), PROTOCOLS)


def endpoint_slice(report: Report, tree: Tree) -> None:
    """Check an EndpointSlice."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    kind = tree.get("addressType", "")
    report.one_of(("addressType",), kind, ("FQDN", "IPv4", "IPv6"))
    ports = tree.get("ports", [])
    if len(ports) > 20000:
        report.too_many(("ports",), len(ports), 20000)
    seen: set[str] = set()
    for index, port in enumerate(ports):
        where = ("ports", index)
        name = port.get("name", "")
        if name:
            check_name(report, (*where, "name"), name, names.dns_label)
        if name in seen:
            report.duplicate((*where, "name"), name)
        seen.add(name)
        report.one_of((*where, "protocol"), port.get("protocol"), PROTOCOLS)
        if "appProtocol" in port:
            label_key(report, (*where, "appProtocol"), port["appProtocol"])
    found = tree.get("endpoints", [])
    if len(found) > 1000:
        report.too_many(("endpoints",), len(found), 1000)
    for index, endpoint in enumerate(found):
        _endpoint(report, ("endpoints", index), endpoint, kind)


def _endpoint(report: Report, path: Path, endpoint: Tree, kind: str) -> None:
    addresses = endpoint.get("addresses", [])
    if not addresses:
        report.required((*path, "addresses"), "give at least one address", api="must contain at least 1 address")
    elif len(addresses) > 100:
        report.too_many((*path, "addresses"), len(addresses), 100)
    for index, address in enumerate(addresses):
        where = (*path, "addresses", index)
        if kind == "FQDN":
            name = address.removesuffix(".")
            check_name(report, where, name, names.dns_subdomain)
            if "." not in name:
                words = "should be a domain with at least two segments separated by dots"
                report.invalid(where, "KL132", address, "must be a domain with at least two parts", detail=words)
        elif kind in _FAMILIES:
            _endpoint_address(report, where, address)
            parsed = names.parse_ip(address)
            if parsed is not None and f"IPv{parsed.version}" != kind:
                report.invalid(
                    where,
                    "KL132",
                    address,
                    f"must be an {kind} address",
                    detail=f"must be an {kind} address",
                    at=dotted((*path, "addresses")),
                )
    if "nodeName" in endpoint:
        check_name(report, (*path, "nodeName"), endpoint["nodeName"], names.dns_subdomain)
    if "hostname" in endpoint:
        check_name(report, (*path, "hostname"), endpoint["hostname"], names.dns_label)
    for key, rule in (("forZones", names.label_value), ("forNodes", names.dns_subdomain)):
        hints = endpoint.get("hints", {}).get(key, [])
        if len(hints) > 8:
            report.too_many((*path, "hints", key), len(hints), 8)
        for index, hint in enumerate(hints):
            if wrong := rule(hint.get("name", "")):
                report.invalid((*path, "hints", key, index, "name"), "KL123", hint.get("name", ""), wrong)
