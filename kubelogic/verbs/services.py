"""What a Service cannot do here, or does not do at all: notices for plans, explanations and checks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.pods import is_active, is_ready, node_of
from kubelogic.explain.units import some
from kubelogic.facts.blocks import block
from kubelogic.facts.services import SLICE_SERVICE
from kubelogic.facts.templates import MAKERS, template_of
from kubelogic.text import Notice

NO_LOAD_BALANCER, NO_RESOLVER, NO_PODS, NO_PORT = "KL150", "KL151", "KL152", "KL153"

_Groups = Mapping[str, Mapping[tuple[tuple[str, str], ...], list[Object]]]
"""Pods by namespace and labels."""


def service_notices(cluster: Cluster) -> tuple[Notice, ...]:
    """What there is to say about the Services of a cluster as its controllers left it.

    A cluster without any pod says nothing of selectors: often only Services were given.
    """
    services = sorted(cluster.objects("Service").items())
    groups = _groups(cluster) if services else {}
    found = (notice for _, service in services for notice in _notices(cluster, service, groups))
    return tuple(notice for notice in found if groups or notice.code != NO_PODS)


def notices_of(cluster: Cluster, service: Object) -> tuple[Notice, ...]:
    """The same of one Service that somebody asks about: that it selects no pod is told without any pod, too."""
    return tuple(_notices(cluster, service, _groups(cluster)))


OWN_ONLY = "a Service selects in its own namespace only"
"""What is told of a Service whose pods are in another namespace."""


def may_have_pods(cluster: Cluster, service: Object) -> bool:
    """Whether a Service that selects no pod may be right: its workload is at rest, or its namespace was not given.

    Args:
        cluster: with the workloads.
        service: one that selects no pod now.
    """
    near = any(obj.namespace == service.namespace for kind in MAKERS for obj in cluster.objects(kind).values())
    return not near or is_at_rest(cluster, service)


def is_at_rest(cluster: Cluster, service: Object) -> bool:
    """Whether a workload would make pods that a Service selects."""
    return _maker(cluster, service) is not None


def _maker(cluster: Cluster, service: Object) -> Object | None:
    """The workload that makes pods which a Service selects, if any; one that nobody owns rather than another."""
    wanted = set(((service.document.get("spec") or {}).get("selector") or {}).items())
    found = [
        obj
        for kind in MAKERS
        for obj in cluster.objects(kind).values()
        if obj.namespace == service.namespace and any(wanted <= labels for labels in _labels_to_come(obj))
    ]
    return min(found, key=lambda obj: (bool(obj.document["metadata"].get("ownerReferences")), str(obj)), default=None)


def _labels_to_come(obj: Object) -> Iterator[set[tuple[str, str]]]:
    """The labels of the pods that a workload makes: of a StatefulSet, with those that tell its pods apart.

    Source: pkg/controller/statefulset/stateful_set_utils.go, initIdentity and newVersionedStatefulSetPod.
    """
    labels = set(((template_of(obj).get("metadata") or {}).get("labels") or {}).items())
    yield labels
    if obj.kind == "StatefulSet":
        spec = obj.document.get("spec") or {}
        first = int((spec.get("ordinals") or {}).get("start") or 0)
        replicas = spec.get("replicas")
        for number in range(first, first + (1 if replicas is None else int(replicas))):
            own = {("statefulset.kubernetes.io/pod-name", f"{obj.name}-{number}")}
            yield labels | own | {("apps.kubernetes.io/pod-index", str(number))}


def selected(cluster: Cluster, service: Object) -> list[Object]:
    """The pods that a Service selects, by name; none if it has no selector."""
    spec = service.document.get("spec") or {}
    if not spec.get("selector") or spec.get("type") == "ExternalName":
        return []
    wanted, space = spec["selector"].items(), service.namespace
    here = [pod for pod in cluster.objects("Pod").values() if pod.namespace == space]
    found = [pod for pod in here if wanted <= (pod.document["metadata"].get("labels") or {}).items()]
    return sorted(found, key=lambda pod: pod.key)


def leads(spec: Mapping[str, Any], port: Mapping[str, Any]) -> bool:
    """Whether a port of a slice is one that a Service leads to: kube-proxy goes by name and protocol.

    A headless Service is no matter of kube-proxy: its name is answered with all addresses.

    Source: pkg/proxy/endpointslicecache.go, endpointInfoByServicePort (ServicePortName), and pkg/proxy/util/utils.go,
    ShouldSkipService, of Kubernetes 1.36.

    Args:
        spec: that of the Service.
        port: that of the slice.

    >>> web = {"ports": [{"port": 80}]}
    >>> leads(web, {"port": 9376}), leads(web, {"name": "http", "port": 9376})
    (True, False)
    >>> leads({**web, "clusterIP": "None"}, {"name": "http", "port": 9376})
    True
    """
    return spec.get("clusterIP") == "None" or _port_name(port) in {_port_name(each) for each in spec.get("ports") or ()}


def _port_name(port: Mapping[str, Any]) -> tuple[str, str]:
    return str(port.get("name") or ""), str(port.get("protocol") or "TCP")


def _strange_ports(spec: Mapping[str, Any], piece: Object) -> Iterator[str]:
    """The names of ports of a slice that a Service does not lead to, where it leads to none of them."""
    given = piece.document.get("ports") or ()
    if not any(leads(spec, port) for port in given):
        yield from (str(port.get("name") or "") for port in given)


def without_selector(cluster: Cluster, service: Object, ready: Sequence[str]) -> Iterator[str]:
    """What is missing of a Service that selects nothing, if nobody has given it endpoints.

    Args:
        cluster: with the slices.
        service: any.
        ready: its ready endpoints.
    """
    spec = service.document.get("spec") or {}
    if spec.get("selector") or spec.get("type") == "ExternalName" or ready:
        return
    slices = [
        each
        for each in cluster.objects("EndpointSlice").values()
        if each.namespace == service.namespace
        and (each.document["metadata"].get("labels") or {}).get(SLICE_SERVICE) == service.name
    ]
    if strange := sorted({name for each in slices for name in _strange_ports(spec, each)}):
        names = ", ".join(f'"{name}"' for name in strange)
        known = ", ".join(f'"{port.get("name") or ""}"' for port in spec.get("ports") or ())
        yield (
            f"{service} leads to no endpoint of the port named {names}: kube-proxy goes by the names of ports, and "
            f"those of the Service are {known}"
        )
        return
    label = f"{SLICE_SERVICE}: {service.name}"
    told = f"and none of those with the label {label} has a ready address" if slices else f"with the label {label}"
    yield f"{service} has no selector, so its endpoints are what somebody writes: an EndpointSlice {told}"


def outside_words(cluster: Cluster, service: Object) -> str:
    """Which nodes answer what comes from outside, for a Service that keeps such traffic on the node where it arrives.

    Source: pkg/proxy/topology.go, CategorizeEndpoints, of Kubernetes 1.36: with ``externalTrafficPolicy: Local`` only
    endpoints of the node itself are used.
    """
    return _local_words(cluster, service, "externalTrafficPolicy", "from outside", "what arrives there")


def inside_words(cluster: Cluster, service: Object) -> str:
    """Which nodes answer their own pods, for a Service whose ``internalTrafficPolicy`` is Local."""
    return _local_words(cluster, service, "internalTrafficPolicy", "pods on it", "what pods there send")


def _local_words(cluster: Cluster, service: Object, policy: str, whom: str, what: str) -> str:
    if (service.document.get("spec") or {}).get(policy) != "Local":
        return ""
    nodes = sorted(cluster.objects("Node"))
    having = {node_of(pod) for pod in selected(cluster, service) if is_ready(pod) and is_active(pod)}
    silent = [node for node in nodes if node not in having]
    if not silent:
        return ""
    answers = (
        f"only {some(sorted(having))} {'answer' if len(having) > 1 else 'answers'}" if having else "no node answers"
    )
    drops = "drops" if len(silent) == 1 else "drop"
    return f"{answers} {whom}: {some(silent)} {drops} {what} ({policy}: Local)"


def _is_here(cluster: Cluster, name: str) -> bool:
    """Whether a name is that of a Service in the input: ``web.shop.svc`` and what comes after it."""
    short, _, rest = name.partition(".")
    space, _, zone = rest.partition(".")
    return zone.partition(".")[0] == "svc" and cluster.get("Service", f"{space}/{short}") is not None


def _notices(cluster: Cluster, service: Object, groups: _Groups) -> Iterator[Notice]:
    spec = service.document.get("spec") or {}
    status = service.document.get("status") or {}
    kind, selector = spec.get("type"), spec.get("selector")
    if kind == "ExternalName":
        name = str(spec.get("externalName"))
        if block(name) is not None:
            message = (
                f"{service} stands for {name}, which is an address and no name, so DNS does not answer it: a Service "
                "without selector and an EndpointSlice with that address do what is meant"
            )
            yield _notice(service, NO_RESOLVER, message, "externalName")
        elif not _is_here(cluster, name):
            yield _notice(
                service, NO_RESOLVER, f"{service} stands for {name}, which nobody resolves here", "externalName"
            )
        return
    if kind == "LoadBalancer" and not (status.get("loadBalancer") or {}).get("ingress"):
        message = (
            f"nobody gives {service} an address from outside (it stays pending): --set cloud_provider=1 has a cloud "
            "controller manager play along"
        )
        yield _notice(service, NO_LOAD_BALANCER, message, "type")
    if not selector:
        return
    pods = list(_selected(service, selector, groups))
    if not pods and (maker := _maker(cluster, service)) is not None:
        message = f"{service} selects no pod now: {maker} makes such pods, and there is none of them"
        yield _notice(service, NO_PODS, message, "selector")
        return
    if not pods:
        here = groups.get(service.namespace, {})
        near = _nearest(selector, here) or _elsewhere(service, selector, groups) or _partly(selector, here)
        wanted = ",".join(f"{name}={value}" for name, value in sorted(selector.items()))
        message = f"{service} selects no pod: none in {service.namespace} has the labels {wanted}{near}"
        yield _notice(service, NO_PODS, message, "selector")
        return
    for index, port in enumerate(spec.get("ports") or ()):
        if wrong := port_nobody_has(port, pods):
            yield _notice(service, NO_PORT, f"{service} leads to {wrong}", "ports", index, "targetPort")


def _notice(service: Object, code: str, message: str, *path: str | int) -> Notice:
    return Notice(code=code, message=message, location=service.place(("spec", *path)))


def _groups(cluster: Cluster) -> _Groups:
    found: dict[str, dict[tuple[tuple[str, str], ...], list[Object]]] = defaultdict(lambda: defaultdict(list))
    known: dict[int, tuple[tuple[str, str], ...]] = {}
    for _, pod in sorted(cluster.objects("Pod").items()):
        labels = (pod.document.get("metadata") or {}).get("labels") or {}
        key = known.get(id(labels))  # pods of one template share the very mapping
        if key is None:
            key = known[id(labels)] = tuple(sorted(labels.items()))
        found[pod.namespace][key].append(pod)
    return found


def _selected(service: Object, selector: Mapping[str, str], groups: _Groups) -> Iterator[Object]:
    """One pod of each set of labels that the Service selects."""
    wanted = set(selector.items())
    for labels, pods in groups.get(service.namespace, {}).items():
        if wanted <= set(labels):
            yield pods[0]


def _nearest(selector: Mapping[str, str], labels: Mapping[tuple[tuple[str, str], ...], Any]) -> str:
    """What pods of the namespace have instead, where they have the very keys."""
    found = sorted(
        ",".join(f"{name}={dict(each)[name]}" for name in sorted(selector))
        for each in labels
        if all(name in dict(each) for name in selector)
    )
    wanted = ",".join(f"{name}={value}" for name, value in sorted(selector.items()))
    nearest = min(found, key=lambda each: (-SequenceMatcher(None, wanted, each).ratio(), each), default="")
    return f"; there are {nearest}" if nearest else ""


def _elsewhere(service: Object, selector: Mapping[str, str], groups: _Groups) -> str:
    """The namespaces whose pods have the labels: a Service selects in its own only."""
    wanted = set(selector.items())
    found = sorted(
        namespace
        for namespace, labels in groups.items()
        if namespace != service.namespace and any(wanted <= set(each) for each in labels)
    )
    return f"; pods in {', '.join(found[:3])} have, but {OWN_ONLY}" if found else ""


def _partly(selector: Mapping[str, str], labels: Mapping[tuple[tuple[str, str], ...], Any]) -> str:
    """What pods of the namespace have of the labels, and what they lack, of those that have the most of them."""
    wanted = sorted(selector.items())
    having = {tuple(each for each in wanted if each in own): own for own in sorted(labels, reverse=True)}
    most = min((each for each in having if each), key=lambda each: (-len(each), each), default=())
    if not most:
        return ""
    own = dict(having[most])
    has, lacks, other = (
        ",".join(f"{name}={value}" for name, value in found)
        for found in (
            most,
            [(name, value) for name, value in wanted if name not in own],
            [(name, own[name]) for name, value in wanted if own.get(name, value) != value],
        )
    )
    return f"; there are pods with {has}, which lack {lacks}" + (f" and have {other}" if other else "")


def port_nobody_has(port: Mapping[str, Any], pods: list[Object]) -> str:
    """What is wrong with the target of a port that no container of the pods declares; empty if nothing is."""
    target, protocol = port.get("targetPort") or port.get("port"), port.get("protocol") or "TCP"
    every = [
        each
        for pod in pods
        for field in ("containers", "initContainers")
        for container in (pod.document.get("spec") or {}).get(field) or ()
        for each in container.get("ports") or ()
    ]
    declared = [each for each in every if (each.get("protocol") or "TCP") == protocol]
    others = [each for each in every if target in (each.get("name"), each.get("containerPort"))]
    as_other = sorted({str(each.get("protocol") or "TCP") for each in others} - {protocol})
    but = f"; it is there for {' and '.join(as_other)}, and the Service is for {protocol}" if as_other else ""
    if isinstance(target, str):
        if any(each.get("name") == target for each in declared):
            return ""
        names = sorted({str(each["name"]) for each in declared if each.get("name")})
        have = f": they have {', '.join(names)}" if names and not but else ""
        return f"the port named {target}, which no container has{have}{but}"
    numbers = sorted({int(each.get("containerPort") or 0) for each in declared})
    if not numbers or target in numbers:
        return ""
    return f"port {target}, and its pods' containers declare {', '.join(map(str, numbers))} only{but}"


def _gates(spec: Mapping[str, Any], conditions: Sequence[Mapping[str, Any]]) -> str:
    """The readiness gates that nobody has opened, in words that go on a sentence; empty if there are none.

    Source: pkg/kubelet/status/generate.go, GeneratePodReadyCondition (ReadinessGatesNotReady), of Kubernetes 1.36.
    """
    true = {each.get("type") for each in conditions if each.get("status") == "True"}
    shut = [str(each.get("conditionType")) for each in spec.get("readinessGates") or ()]
    shut = [each for each in shut if each not in true]
    return f": its readiness gate {some(shut, 3)} is no condition that somebody has set to True" if shut else ""


def unserved(pod: Object, ready: Collection[str]) -> str:
    """Why a selected pod is not among the ready endpoints; empty if it is.

    Args:
        pod: selected by the Service.
        ready: the addresses that are served.
    """
    spec, status = pod.document.get("spec") or {}, pod.document.get("status") or {}
    addresses = {str(each.get("ip")) for each in status.get("podIPs") or ()} | {str(status.get("podIP"))}
    if not addresses.isdisjoint(ready):
        return ""
    if not spec.get("nodeName"):
        return "it has no node yet"
    if status.get("phase") in ("Succeeded", "Failed"):
        return f"it has ended ({status.get('phase')})"
    if not status.get("podIP"):
        return "it has no address yet"
    conditions: Sequence[Mapping[str, Any]] = status.get("conditions") or ()
    if not any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions):
        return f"it is not ready{_gates(spec, conditions)}"
    if (pod.document.get("metadata") or {}).get("deletionTimestamp"):
        return "it is being deleted"
    return "no port of the Service is one of its ports"
