"""Who a question about connections is about: pods of a name, a Service, a block of addresses, or anybody.

Pods that a workload has not made yet are stood in for by its template: policies go by labels, which the template has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver.supposing import supposed
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.owners import Workloads, makers
from kubelogic.facts.blocks import block
from kubelogic.facts.services import named_ports
from kubelogic.facts.templates import MAKERS, is_written, template_of
from kubelogic.verbs.services import selected
from kubelogic.verbs.targets import Target, UnknownPodError, find

_ALL = ("0.0.0.0/0", "::/0")
"""All addresses."""

ANY = "any"
"""Everybody: all pods and all addresses outside."""

Port = tuple[str, int]
"""Protocol and number."""


class End(msgspec.Struct, frozen=True, kw_only=True):
    """One end of a connection.

    Attributes:
        text: as typed.
        told: what it is.
        pods: the keys of pods that it means.
        blocks: blocks of addresses that it means.
        everybody: whether it means all pods and all addresses, but for those that are left out.
        service: the Service that it means, whose ports are not those of its pods.
        left_out: blocks of addresses that it does not mean, though they lie in one that it means.
        spared: the keys of pods that it does not mean, though it means everybody.
        anybody: whether nobody in particular is meant: a pod and itself are no question then.
    """

    text: str
    told: str
    pods: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    everybody: bool = False
    service: Object | None = None
    left_out: frozenset[str] = frozenset()
    spared: frozenset[str] = frozenset()
    anybody: bool = False

    @property
    def nobody(self) -> bool:
        """Whether there is nobody to speak of."""
        return not (self.pods or self.blocks or self.everybody)

    def means(self, pod: str) -> bool:
        """Whether it means a pod.

        Args:
            pod: its key.
        """
        return pod not in self.spared if self.everybody else pod in self.pods


def resolved(cluster: Cluster, text: str, namespace: str) -> End:
    """Who a text means.

    Args:
        cluster: with the stand-ins of ``with_stand_ins``.
        text: ``any``, an address, a block, or a name of a pod, a workload or a Service as ``targets.find`` takes it.
        namespace: where to look for what names none.

    Raises:
        UnknownPodError: nobody has that name.
    """
    if text == ANY:
        return End(text=text, told="any pod or address", everybody=True, anybody=True)
    if (found := block(text)) is not None:
        if found.num_addresses == 1 and (service := _service_at(cluster, str(found.network_address))) is not None:
            pods, blocks = _behind(cluster, service)
            told = f"Service {service.key} ({found.network_address})"
            return End(text=text, told=told, pods=pods, blocks=blocks, service=service)
        inside = tuple(sorted(pod.key for pod in cluster.objects("Pod").values() if _address_in(pod, str(found))))
        return End(text=text, told=f"addresses of {found}", pods=inside, blocks=(str(found),))
    target = _target(cluster, text, namespace)
    if target.kind == "Service":
        service = cluster.objects("Service")[target.key]
        pods, blocks = _behind(cluster, service)
        return End(text=text, told=f"Service {target.key}", pods=pods, blocks=blocks, service=service)
    if target.kind == "Pod":
        return End(text=text, told=f"Pod {target.key}", pods=(target.key,))
    if target.kind == "Node":
        raise UnknownPodError(text, (), "pod, workload or Service (a node has no policies; ask about its address)")
    owner = f"{target.kind} {target.key}"
    space = target.key.rpartition("/")[0]
    workloads = Workloads(cluster)
    near = (pod for pod in cluster.objects("Pod").values() if pod.namespace == space)
    mine = tuple(sorted(pod.key for pod in near if workloads.of(pod) == owner))
    return End(text=text, told=owner, pods=mine)


def _service_at(cluster: Cluster, address: str) -> Object | None:
    """The Service with a virtual address: packets go to what is behind it before policies see them."""
    for service in cluster.objects("Service").values():
        spec = service.document.get("spec") or {}
        if address in (spec.get("clusterIP"), *(spec.get("clusterIPs") or ())):
            return service
    return None


def without(end: End, others: Sequence[End]) -> End:
    """An end but for others.

    Args:
        end: whom it means.
        others: who is left out of it.
    """
    out = {pod for each in others for pod in each.pods}
    blocks = _ALL if end.everybody else end.blocks
    left_out = frozenset(block for each in others for block in each.blocks)
    told = f"{end.told} but {', '.join(each.told for each in others)}"
    if any(each.everybody for each in others):
        return replace(end, told=told, pods=(), blocks=(), everybody=False, left_out=frozenset(_ALL))
    return replace(
        end,
        told=told,
        pods=tuple(pod for pod in end.pods if pod not in out),
        blocks=tuple(each for each in blocks if each not in left_out),
        spared=frozenset(out) if end.everybody else frozenset(),
        left_out=left_out,
    )


def inside(address: str, network: str) -> bool:
    """Whether an address is in a block; what is no address is in none."""
    try:
        return ip_address(address) in ip_network(network)
    except ValueError:
        return False


def _target(cluster: Cluster, text: str, namespace: str) -> Target:
    try:
        return find(cluster, text, namespace)
    except UnknownPodError:
        key = text if "/" in text else f"{namespace}/{text}"
        if cluster.get("Service", key) is None:
            raise
        return Target(kind="Service", key=key)


def _address_in(pod: Object, network: str) -> bool:
    address = (pod.document.get("status") or {}).get("podIP")
    found = block(str(address)) if address else None
    return found is not None and found.version == ip_network(network).version and _contains(network, str(address))


def _contains(network: str, address: str) -> bool:
    return ip_address(address) in ip_network(network)


def _behind(cluster: Cluster, service: Object) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The pods behind a Service, and the addresses that a person put there."""
    if (service.document.get("spec") or {}).get("selector"):
        return tuple(pod.key for pod in selected(cluster, service)), ()
    endpoints = cluster.get("Endpoints", service.key)
    subsets = (endpoints.document.get("subsets") or ()) if endpoints is not None else ()
    texts = [str(each.get("ip") or "") for subset in subsets for each in subset.get("addresses") or ()]
    return (), tuple(sorted(str(found) for text in texts if (found := block(text)) is not None))


def service_ports(cluster: Cluster, service: Object, asked: str) -> tuple[tuple[str, Mapping[str, Port]], ...]:
    """The ports of a Service: how each is told, and what it is on each pod behind it.

    Args:
        cluster: with the pods.
        service: whose ports.
        asked: a number, ``number/PROTOCOL`` or a name; empty for all.
    """
    found: list[tuple[str, Mapping[str, Port]]] = []
    for port in own_ports(service, asked):
        protocol, number = port.get("protocol") or "TCP", int(port["port"])
        target = port.get("targetPort") or number
        on_pods: dict[str, Port] = {}
        for pod in selected(cluster, service):
            named = named_ports(pod.document.get("spec") or {})
            resolved_port = target if isinstance(target, int) else named.get((target, protocol))
            if resolved_port is not None:
                on_pods[pod.key] = (protocol, resolved_port)
        found.append((f"{number}/{protocol}", on_pods))
    return tuple(found)


def own_ports(service: Object, asked: str) -> Iterator[Mapping[str, Any]]:
    """The ports that a Service itself has.

    Args:
        service: whose ports.
        asked: as for ``service_ports``.
    """
    for port in (service.document.get("spec") or {}).get("ports") or ():
        protocol, number, name = port.get("protocol") or "TCP", int(port["port"]), str(port.get("name") or "")
        if not asked or asked in (str(number), f"{number}/{protocol}", name):
            yield port


def declared_ports(cluster: Cluster, pods: tuple[str, ...]) -> dict[str, tuple[Port, ...]]:
    """The ports that the containers of pods declare."""
    return {key: tuple(sorted(set(_ports_of(cluster.objects("Pod")[key])))) for key in pods}


def _ports_of(pod: Object) -> Iterator[Port]:
    for container in (pod.document.get("spec") or {}).get("containers") or ():
        for port in container.get("ports") or ():
            yield port.get("protocol") or "TCP", int(port["containerPort"])


def with_stand_ins(cluster: Cluster) -> Cluster:
    """The cluster with a pod for each workload that has none: of its template, without a node and an address."""
    other = cluster.kept("with stand-ins", lambda: _with_stand_ins(cluster))
    return cluster if other is None else other


def _with_stand_ins(cluster: Cluster) -> Cluster | None:
    having = Workloads(cluster).of_all(makers(cluster).items())
    made = [
        pod
        for kind in MAKERS
        if kind != "Pod"
        for obj in cluster.objects(kind).values()
        if is_written(obj) and str(obj) not in having
        for pod in _stand_ins(obj)
    ]
    return supposed(cluster, made) if made else None


def _stand_ins(obj: Object) -> Iterator[Object]:
    """The pods that a workload would make, as far as policies tell them apart."""
    template: Mapping[str, Any] = template_of(obj)
    labels = (template.get("metadata") or {}).get("labels") or {}
    names: list[tuple[str, dict[str, str]]] = [(f"{obj.name}-*", {})]
    if obj.kind == "StatefulSet":
        spec = obj.document.get("spec") or {}
        first, replicas = int((spec.get("ordinals") or {}).get("start") or 0), spec.get("replicas")
        numbers = range(first, first + (1 if replicas is None else int(replicas)))
        names = [
            (
                f"{obj.name}-{number}",
                {
                    "statefulset.kubernetes.io/pod-name": f"{obj.name}-{number}",
                    "apps.kubernetes.io/pod-index": str(number),
                },
            )
            for number in numbers
        ]
    for name, own in names:
        metadata = {
            "name": name,
            "namespace": obj.namespace,
            "labels": {**labels, **own},
            "ownerReferences": [
                {"apiVersion": obj.api_version, "kind": obj.kind, "name": obj.name, "uid": "", "controller": True}
            ],
        }
        document = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template.get("spec") or {}}
        yield Object(api_version="v1", kind="Pod", namespace=obj.namespace, name=name, document=document)
