"""Files about hosts: YAML or JSON to what kubeadm's checks need, or every fault with its place."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.facts.hosts import ETCD_FILES, ROLES, TOPICS, minor
from kubelogic.kinds.quantity import amount
from kubelogic.text import sources
from kubelogic.text.documents import fault_at, trees
from kubelogic.text.location import Fault, InputError, Location, Path
from kubelogic.text.origin import ItemOrigin

_SETTINGS: Mapping[str, type | tuple[type, ...]] = {
    "kubernetesVersion": str,
    "endpoint": str,
    "bindPort": int,
    "podSubnet": str,
    "serviceSubnet": str,
    "externalEtcd": dict,
    "certificateKey": str,
}
_ETCD: Mapping[str, type | tuple[type, ...]] = {"endpoints": list, "versions": dict, **dict.fromkeys(ETCD_FILES, str)}
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "name": str,
    "role": str,
    "address": str,
    "productUuid": str,
    "macAddress": str,
    "cpus": int,
    "memory": (str, int),
    "user": str,
    "swap": bool,
    "os": str,
    "kernel": (str, float),
    "kernelOptions": dict,
    "cgroups": dict,
    "programs": list,
    "ports": list,
    "files": list,
    "settings": dict,
    "services": dict,
    "kubelet": str,
    "kubeadm": str,
    "runtime": (dict, bool),
    "resolves": bool,
    "proxy": dict,
    "docker": dict,
    "packages": dict,
}
_WORDS = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    dict: "a mapping",
    list: "a list",
    float: "a number",
}
assert set(TOPICS) < set(_TYPES)


class Hosts(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says: settings of the cluster, and the hosts in their order."""

    settings: Mapping[str, Any]
    hosts: tuple[Mapping[str, Any], ...]


def read_hosts(names: Sequence[str], stdin: bytes | None = None) -> Hosts:
    """Read files about hosts. Several documents (what a collector printed on each host) count as one list.

    Args:
        names: paths of the files; ``-`` for what is in ``stdin``.
        stdin: see ``names``.

    Raises:
        InputError: with every fault of all files.
    """
    faults: list[Fault] = []
    settings: dict[str, Any] = {}
    hosts: list[Mapping[str, Any]] = []
    seen: dict[str, Location] = {}
    for name in names:
        source = sources.read(name, stdin)
        if isinstance(source, Fault):
            faults.append(source)
            continue
        for document, tree in trees(source, faults):
            if tree is not None:
                _Reader(ItemOrigin(document=document), faults, seen).read(tree, settings, hosts)
    if not faults and not hosts:
        faults.append(Fault(location=Location(file=names[0]), code="KL105", message="the file names no host"))
    if faults:
        raise InputError(faults)
    return Hosts(settings=settings, hosts=tuple(hosts))


class _Reader:
    """Reads one document; what is wrong is collected."""

    def __init__(self, origin: ItemOrigin, faults: list[Fault], seen: dict[str, Location]) -> None:
        self.origin, self.faults, self.seen = origin, faults, seen

    def _fault(self, path: Path, code: str, message: str) -> None:
        self.faults.append(fault_at(self.origin, path, code, message, title=""))

    def read(self, tree: Any, settings: dict[str, Any], hosts: list[Mapping[str, Any]]) -> None:
        if not isinstance(tree, Mapping) or not {"hosts", "cluster"} & set(map(str, tree)):
            self._fault((), "KL106", "a file about hosts has the list hosts, and may have cluster")
            return
        for key in tree:
            if key not in ("hosts", "cluster"):
                self._fault((str(key),), "KL112", f"unknown field {key}; known are hosts and cluster")
        cluster = tree.get("cluster") or {}
        if self._is(cluster, dict, ("cluster",)):
            self._fields(cluster, _SETTINGS, ("cluster",))
            self._meanings(cluster, ("cluster",))
            if isinstance(cluster.get("externalEtcd"), dict):
                self._fields(cluster["externalEtcd"], _ETCD, ("cluster", "externalEtcd"))
            settings.update(cluster)
        listed = tree.get("hosts") or []
        if not self._is(listed, list, ("hosts",)):
            return
        for number, host in enumerate(listed):
            path: Path = ("hosts", number)
            if self._is(host, dict, path):
                self._host(host, path)
                hosts.append(host)

    def _host(self, host: Mapping[str, Any], path: Path) -> None:
        self._fields(host, _TYPES, path)
        for field, kind in _TYPES.items():
            if kind is int and isinstance(host.get(field), int) and host[field] < 0:
                self._fault((*path, field), "KL131", f"has to be 0 or more, is {host[field]}")
        name = host.get("name")
        if not name:
            self._fault(path, "KL104", "the host has no name")
        elif str(name) in self.seen:
            self._fault((*path, "name"), "KL103", f"there is another host {name}, at {self.seen[str(name)]}")
        else:
            self.seen[str(name)] = self.origin.locate((*path, "name"))
        if host.get("role", "worker") not in ROLES:
            self._fault((*path, "role"), "KL121", f"{host['role']} is no role; use {', '.join(ROLES)}")
        for field in ("kubelet", "kubeadm"):
            if isinstance(host.get(field), str) and minor(host[field]) is None:
                self._fault((*path, field), "KL143", f"{host[field]} is no version such as v1.36.0")
        if isinstance(host.get("address"), str):
            self._reads(ipaddress.ip_address, host["address"], (*path, "address"), "KL132", "is no address")
        if host.get("memory") is not None and not isinstance(host["memory"], bool):
            self._reads(lambda text: amount("memory", text), host["memory"], (*path, "memory"), "KL113", "is no amount")

    def _meanings(self, cluster: Mapping[str, Any], path: Path) -> None:
        version = cluster.get("kubernetesVersion")
        if isinstance(version, str) and minor(version) is None:
            self._fault((*path, "kubernetesVersion"), "KL143", f"{version} is no version such as v1.36.0")
        for field in ("podSubnet", "serviceSubnet"):
            for block in str(cluster.get(field) or "").split(","):
                if block.strip():
                    self._reads(
                        lambda text: ipaddress.ip_network(text, strict=False),
                        block.strip(),
                        (*path, field),
                        "KL132",
                        "is no range of addresses",
                    )

    def _reads(self, read: Any, value: Any, path: Path, code: str, why: str) -> None:
        try:
            read(value)
        except (ValueError, TypeError, ArithmeticError):
            self._fault(path, code, f"{value} {why}")

    def _fields(self, tree: Mapping[str, Any], known: Mapping[str, Any], path: Path) -> None:
        for key, value in tree.items():
            if key not in known:
                near = difflib.get_close_matches(str(key), sorted(known), n=1)
                hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}"
                self._fault((*path, str(key)), "KL112", f"unknown field {key}{hint}")
            elif value is not None:
                self._is(value, known[key], (*path, str(key)))

    def _is(self, value: Any, wanted: type | tuple[type, ...], path: Path) -> bool:
        types = wanted if isinstance(wanted, tuple) else (wanted,)
        if isinstance(value, types) and (bool in types or not isinstance(value, bool)):
            return True
        self._fault(path, "KL110", f"has to be {' or '.join(_WORDS[each] for each in types)}")
        return False
