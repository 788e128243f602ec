"""Files about hosts: YAML or JSON to what kubeadm's checks need, or every fault with its place."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.facts.hosts import ETCD_FILES, ROLES, TOPICS, minor
from kubelogic.kinds.quantity import amount
from kubelogic.patterns import regex
from kubelogic.text import sources
from kubelogic.text.documents import fault_at, trees
from kubelogic.text.location import Fault, InputError, Location, Path
from kubelogic.text.origin import ItemOrigin

# A form is what a value has to be: a type, one of several forms, a mapping with fields, or many of one form.


class _Each(msgspec.Struct, frozen=True):
    """A list, or a mapping with any keys, of which every value is of one form."""

    kind: type
    form: Any


_ETCD: Mapping[str, Any] = {
    "endpoints": _Each(list, str),
    "versions": _Each(dict, str),
    **dict.fromkeys(ETCD_FILES, str),
}
_SETTINGS: Mapping[str, Any] = {
    "kubernetesVersion": str,
    "endpoint": str,
    "bindPort": int,
    "podSubnet": str,
    "serviceSubnet": str,
    "externalEtcd": _ETCD,
    "certificateKey": str,
}
_TYPES: Mapping[str, Any] = {
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
    "kernelOptions": _Each(dict, (str, bool)),
    "cgroups": {"version": int, "controllers": _Each(list, str)},
    "programs": _Each(list, str),
    "ports": _Each(list, int),
    "files": _Each(list, str),
    "settings": _Each(dict, (str, int)),
    "services": _Each(dict, {"enabled": bool, "active": bool}),
    "kubelet": str,
    "kubeadm": str,
    "runtime": ({"running": bool, "error": str, "failing": _Each(list, str)}, bool),
    "resolves": bool,
    "proxy": {"https": str, "except": _Each(list, (str, int, float))},
    "docker": {"version": str, "driver": str},
    "packages": _Each(dict, (str, int, float)),
}
_KERNEL = regex(r"[0-9]+\.[0-9]+")
_PORTS = range(65536)
_MOST = 2**63 - 1
"""The largest amount that Kubernetes counts."""
_WORDS: Mapping[type, str] = {
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
        cpus = host.get("cpus")
        if isinstance(cpus, int) and not isinstance(cpus, bool) and cpus < 0:
            self._fault((*path, "cpus"), "KL131", f"has to be 0 or more, is {cpus}")
        name = host.get("name")
        if not name:
            self._fault(path, "KL104", "the host has no name")
        elif str(name) in self.seen:
            self._fault((*path, "name"), "KL103", f"there is another host {name}, at {self.seen[str(name)]}")
        else:
            self.seen[str(name)] = self.origin.locate((*path, "name"))
        if isinstance(host.get("role"), str) and host["role"] not in ROLES:
            self._fault((*path, "role"), "KL121", f"{host['role']} is no role; use {', '.join(ROLES)}")
        for field in ("kubelet", "kubeadm"):
            if isinstance(host.get(field), str) and minor(host[field]) is None:
                self._fault((*path, field), "KL143", f"{host[field]} is no version such as v1.36.0")
        if isinstance(host.get("address"), str):
            self._reads(ipaddress.ip_address, host["address"], (*path, "address"), "KL132", "is no address")
        if isinstance(host.get("memory"), str | int) and not isinstance(host["memory"], bool):
            self._reads(_memory, host["memory"], (*path, "memory"), "KL113", "is no amount of memory")
        if isinstance(host.get("kernel"), str) and not _KERNEL.match(host["kernel"]):
            self._fault(
                (*path, "kernel"), "KL143", f"{host['kernel']} is no release of a kernel such as 6.8.0-40-generic"
            )
        for number, port in enumerate(_list(host.get("ports"))):
            self._port(port, (*path, "ports", number))
        groups = host.get("cgroups")
        version = groups.get("version") if isinstance(groups, Mapping) else None
        if isinstance(version, int) and version not in (1, 2):
            self._fault(
                (*path, "cgroups", "version"), "KL121", f"{version} is no version of control groups; use 1 or 2"
            )

    def _port(self, port: Any, path: Path) -> None:
        if isinstance(port, int) and not isinstance(port, bool) and port not in _PORTS:
            self._fault(path, "KL131", f"{port} is no port: ports are 1 to 65535")

    def _meanings(self, cluster: Mapping[str, Any], path: Path) -> None:
        version = cluster.get("kubernetesVersion")
        if isinstance(version, str) and minor(version) is None:
            self._fault((*path, "kubernetesVersion"), "KL143", f"{version} is no version such as v1.36.0")
        self._port(cluster.get("bindPort"), (*path, "bindPort"))
        for field in ("podSubnet", "serviceSubnet"):
            blocks = cluster.get(field)
            for block in blocks.split(",") if isinstance(blocks, str) else ():
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

    def _is(self, value: Any, form: Any, path: Path) -> bool:
        """Whether a value is of a form; every fault in it is told."""
        forms = form if isinstance(form, tuple) else (form,)
        fitting = [each for each in forms if _fits(value, each)]
        if not fitting:
            self._fault(path, "KL110", f"has to be {' or '.join(_WORDS[_kind(each)] for each in forms)}")
            return False
        inner = fitting[0]
        if isinstance(inner, _Each):
            for key, entry in value.items() if inner.kind is dict else enumerate(value):
                self._is(entry, inner.form, (*path, key if inner.kind is list else str(key)))
        elif isinstance(inner, Mapping):
            self._fields(value, inner, path)
        return True


def _kind(form: Any) -> type:
    """The type of a value of a form."""
    return form.kind if isinstance(form, _Each) else dict if isinstance(form, Mapping) else form


def _fits(value: Any, form: Any) -> bool:
    """Whether a value is of the type of a form; a boolean is no number."""
    kind = _kind(form)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _memory(value: str | float) -> int:
    found = amount("memory", value)
    if not 0 <= found <= _MOST:
        raise ValueError(value)
    return found
