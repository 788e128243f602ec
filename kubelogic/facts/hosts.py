"""What a file about hosts says, as facts: read leniently of forms, strictly of meanings.

Everything that a host says of a topic makes the topic known (``host_knows``); what it does not mention is not known.
Source of the topics: cmd/kubeadm/app/preflight/checks.go of Kubernetes 1.36, and k8s.io/system-validators.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.facts.base import Fact
from kubelogic.kinds.quantity import amount
from kubelogic.patterns import regex

Tree = Mapping[str, Any]

ROLES = ("init", "control-plane", "worker", "node", "upgrade", "reset")
"""What a host is to become; ``node`` is one already."""

TOPICS = (
    *("cpus", "memory", "user", "swap", "os", "kernel", "kernelOptions", "cgroups", "programs", "ports", "files"),
    *("settings", "services", "kubelet", "kubeadm", "runtime", "resolves", "proxy", "docker", "packages"),
)
"""The fields of a host that checks read."""

ETCD_FILES = ("caFile", "certFile", "keyFile")
"""Fields of an etcd elsewhere that name files of hosts."""

_VERSION = regex(r"v?1\.([0-9]+)(?:\.[0-9]+)?(?:[-+].*)?")
_KERNEL = regex(r"([0-9]+)\.([0-9]+)")
_NAME = regex(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_VALIDATED = regex(r"1\.1[1-3]\.|17\.0[369]\.|18\.0[69]\.|19\.03\.|20\.10\.")
_DOCKER = regex(r"\d{2}\.\d+\.\d+")
_MEGABYTE = 1024 * 1024


def minor(version: Any) -> int | None:
    """The minor version of a text such as ``v1.36.2``; None if it is none."""
    match = _VERSION.fullmatch(str(version or ""))
    return int(match[1]) if match else None


def host_facts(name: str, host: Tree, settings: Tree) -> Iterator[Fact]:
    """The facts of one host.

    Args:
        name: of the host.
        host: what the file says of it.
        settings: what is to become of the cluster.
    """
    yield "host", (name,)
    yield "host_role", (name, str(host.get("role") or "worker"))
    for topic in TOPICS:
        if host.get(topic) is not None:
            yield "host_knows", (name, _KNOWN.get(topic, topic))
    yield from _machine(name, host)
    yield from _versions(name, host)
    yield from _things(name, host)
    yield from _names(name, host)
    yield from _proxies(name, host, settings)
    for what in ("address", "productUuid", "macAddress"):
        if host.get(what):
            yield "host_identity", (name, _IDENTITIES[what], str(host[what]).lower())
    if host.get("address"):
        yield "host_address", (name, str(host["address"]), int(ipaddress.ip_address(str(host["address"]))))


_KNOWN = {"kernelOptions": "kernel options", "resolves": "address behind the name"}
_IDENTITIES = {"address": "address", "productUuid": "product_uuid", "macAddress": "MAC address"}


def _machine(name: str, host: Tree) -> Iterator[Fact]:
    if host.get("cpus") is not None:
        yield "host_cpus", (name, int(host["cpus"]), str(host["cpus"]))
    if host.get("memory") is not None:
        megabytes = amount("memory", host["memory"]) // _MEGABYTE
        yield "host_memory", (name, megabytes, str(megabytes))
    if host.get("user"):
        yield "host_user", (name, str(host["user"]))
    if host.get("swap") is not None:
        yield "host_swap", (name, "on" if host["swap"] else "off")
    if host.get("os"):
        yield "host_system", (name, str(host["os"]))
    if host.get("kernel"):
        match = _KERNEL.match(str(host["kernel"]))
        major, lesser = (int(match[1]), int(match[2])) if match else (0, 0)
        yield "host_kernel", (name, str(host["kernel"]), major, lesser)
    for option, value in sorted((host.get("kernelOptions") or {}).items()):
        text = "y" if value is True else "n" if value is False else str(value)
        yield "host_kernel_option", (name, str(option).removeprefix("CONFIG_"), text)
    groups = host.get("cgroups") or {}
    if groups:
        yield "host_cgroup_version", (name, int(groups.get("version") or 2))
        for each in groups.get("controllers") or ():
            yield "host_cgroup", (name, str(each))


def _versions(name: str, host: Tree) -> Iterator[Fact]:
    for field in ("kubelet", "kubeadm"):
        number = minor(host.get(field))
        if number is not None:
            yield f"host_{field}", (name, number, str(host[field]))
    runtime = host.get("runtime")
    if runtime is not None:
        is_up = runtime.get("running", True) if isinstance(runtime, Mapping) else bool(runtime)
        words = str(runtime.get("error") or "") if isinstance(runtime, Mapping) else ""
        yield "host_runtime", (name, "up" if is_up else "down", words)
        for image in (runtime.get("failing") or ()) if isinstance(runtime, Mapping) else ():
            yield "host_image_fails", (name, str(image))
    docker = host.get("docker") or {}
    if docker:
        version = str(docker.get("version") or "")
        fit = (
            "validated" if _VALIDATED.search(version) else "not validated" if _DOCKER.search(version) else "unsupported"
        )
        yield "host_docker", (name, version, fit)
        if fit == "validated":
            yield "host_docker_driver", (name, str(docker.get("driver") or ""))
    for package, version in sorted((host.get("packages") or {}).items()):
        yield "host_package", (name, str(package), str(version))


def _things(name: str, host: Tree) -> Iterator[Fact]:
    for program in host.get("programs") or ():
        yield "host_program", (name, str(program))
    for port in host.get("ports") or ():
        yield "host_port", (name, str(port))
    for path in host.get("files") or ():
        yield "host_path", (name, str(path).rstrip("/"))
        if str(path).endswith("/"):
            yield "host_full_directory", (name, str(path).rstrip("/"))
    for path, value in sorted((host.get("settings") or {}).items()):
        yield "host_setting", (name, str(path), str(value)[:1])
    for service, state in sorted((host.get("services") or {}).items()):
        yield "host_service", (name, str(service))
        if state.get("enabled"):
            yield "host_service_enabled", (name, str(service))
        if state.get("active"):
            yield "host_service_active", (name, str(service))


def _names(name: str, host: Tree) -> Iterator[Fact]:
    if not _NAME.fullmatch(name):
        words = "it has to be of lower case letters, digits, '-' and '.', and to begin and end with a letter or digit"
        yield "host_name_unfit", (name, words)
    if host.get("resolves") is False:
        yield "host_name_unresolved", (name,)


def _proxies(name: str, host: Tree, settings: Tree) -> Iterator[Fact]:
    proxy = host.get("proxy") or {}
    if not proxy.get("https"):
        return
    spared = [str(each).strip() for each in proxy.get("except") or ()]
    role = host.get("role") or "worker"
    endpoint = str(settings.get("endpoint") or "").rpartition(":")[0] or str(host.get("address") or "")
    target = str(host.get("address") or "") if role == "init" else endpoint
    if target and not _is_spared(target, spared):
        yield "host_proxied", (name, "HTTPProxy", f"https://{target}", str(proxy["https"]))
    for subnet in ("serviceSubnet", "podSubnet"):
        for block in _blocks(settings.get(subnet)):
            if not _is_spared(str(ipaddress.ip_network(block, strict=False)[1]), spared):
                yield "host_proxied", (name, "HTTPProxyCIDR", block, str(proxy["https"]))


def _is_spared(address: str, spared: list[str]) -> bool:
    """Whether ``NO_PROXY`` has an address: as such, in a block, or as the end of a name."""
    for each in spared:
        if each in ("*", address) or (each.startswith(".") and address.endswith(each)):
            return True
        try:
            if "/" in each and ipaddress.ip_address(address) in ipaddress.ip_network(each, strict=False):
                return True
        except ValueError:
            continue  # a name is in no block
    return False


def _blocks(text: Any) -> list[str]:
    return [each.strip() for each in str(text or "").split(",") if each.strip()]


def cluster_facts(settings: Tree) -> Iterator[Fact]:
    """What is to become of the cluster: the settings of kubeadm that checks read."""
    version = settings.get("kubernetesVersion")
    if (number := minor(version)) is not None:
        yield "cluster_version", (number, str(version))
    port = str(settings.get("bindPort") or "6443")
    yield "cluster_port", (port, f"Port-{port}")
    etcd = settings.get("externalEtcd") or {}
    yield "cluster_etcd", ("external" if etcd else "local",)
    for each in ETCD_FILES:
        if etcd.get(each):
            yield "cluster_etcd_file", (str(etcd[each]).rstrip("/"),)
    if settings.get("certificateKey"):
        yield "cluster_sends_certificates", ("certificateKey",)
    for name, field in (("pods", "podSubnet"), ("Services", "serviceSubnet")):
        for block in _blocks(settings.get(field)):
            network = ipaddress.ip_network(block, strict=False)
            yield "cluster_range", (name, block, int(network[0]), int(network[-1]))
            yield "cluster_family", (f"IPv{network.version}",)


def external_etcd(host: str, settings: Tree) -> Iterator[Fact]:
    """The versions at which members of an external etcd answer, where the file says so."""
    etcd = settings.get("externalEtcd") or {}
    versions = etcd.get("versions") or {}
    if versions:
        yield "host_knows", (host, "external etcd")
    for endpoint, version in sorted(versions.items()):
        numbers = re.findall(r"\d+", str(version))
        yield "host_external_etcd", (host, str(endpoint), str(version), int(numbers[1]) if len(numbers) > 1 else 0)
