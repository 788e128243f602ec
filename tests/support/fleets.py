"""Large clusters as JSON manifests, equal for equal arguments: for benchmarks, and to try what a real one would cost.

Two kinds. ``pending`` writes a placement problem of ``tests.support.problems`` as API objects: nodes in pools,
and Deployments or bare pods that wait for them. ``running`` writes a cluster at rest: Deployments with their
ReplicaSets, pods that run, and a Service each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from kubelogic.placement.problem import Node, Problem, Shape
from tests.support.problems import Recipe, generate

Document = Mapping[str, Any]

POOL = "example.com/pool"
"""The label that tells the classes of nodes apart."""

MADE = "2026-01-01T00:00:00Z"
"""When everything was made."""

_READY = ("Initialized", "PodReadyToStartContainers", "ContainersReady", "PodScheduled", "Ready")


def as_json(documents: Iterable[Document]) -> bytes:
    """A ``List`` of objects as kubectl prints one."""
    return msgspec.json.encode({"apiVersion": "v1", "kind": "List", "items": list(documents)})


def pending(recipe: Recipe, *, workloads: Literal["Deployment", "Pod"] = "Deployment") -> Iterator[Document]:
    """Empty nodes and what waits for them: a Deployment for each shape, or its pods one by one.

    Args:
        recipe: sizes; ``leftovers``, ``coupled`` and ``priorities`` are not taken over.
        workloads: what the pods are written as.
    """
    problem = generate(msgspec.structs.replace(recipe, leftovers=False, coupled=0.0, priorities=1))
    for node in problem.nodes:
        yield _node(node)
    counts: dict[str, int] = defaultdict(int)
    for pod in problem.pods:
        counts[pod.shape] += 1
    for shape in problem.shapes:
        template = {"metadata": {"labels": {"app": shape.name}}, "spec": _spec(problem, shape)}
        if workloads == "Deployment":
            yield _deployment(shape.name, counts[shape.name], template, uid="")
            continue
        for number in range(counts[shape.name]):
            yield {
                "apiVersion": "v1",
                "kind": "Pod",
                **template,
                "metadata": {**template["metadata"], "namespace": "default", "name": f"{shape.name}-{number:05}"},
            }


def running(
    *, nodes: int, pods: int, deployments: int, classes: int = 60, seed: int = 0, endpoints: bool = False
) -> Iterator[Document]:
    """A cluster at rest, as ``kubectl get`` shows one: nothing is left to do, but for what is left out.

    Args:
        nodes: how many.
        pods: how many run; each Deployment has its share of them.
        deployments: how many Deployments, each with one ReplicaSet and one Service.
        classes: how many pools the nodes are in.
        seed: varies sizes.
        endpoints: whether the Endpoints and EndpointSlices of the Services are there.
    """
    problem = generate(Recipe(nodes=nodes, classes=classes, pods=deployments, shapes=deployments, fill=0.1, seed=seed))
    for node in problem.nodes:
        yield _node(node)
    placed = 0
    for number, shape in enumerate(problem.shapes):
        count = pods * (number + 1) // deployments - pods * number // deployments
        name, ip = f"app-{number:04}", f"10.96.{number // 250}.{number % 250 + 1}"
        spec = _spec(problem, shape, restricted=False)
        spec["containers"][0]["resources"]["requests"] = {"cpu": "10m", "memory": "16Mi"}
        template = {"metadata": {"labels": {"app": name}}, "spec": spec}
        yield _deployment(name, count, template, uid=f"d-{number}")
        yield _replica_set(name, count, template, number)
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"namespace": "default", "name": name, "uid": f"s-{number}", "creationTimestamp": MADE},
            "spec": {"selector": {"app": name}, "clusterIP": ip, "clusterIPs": [ip], "ports": [{"port": 80}]},
        }
        members = []
        for index in range(count):
            place = problem.nodes[placed % nodes].name
            members.append(_running_pod(template, number=number, index=index, node=place, placed=placed))
            placed += 1
        yield from members
        if endpoints:
            yield _endpoints(name, members)
            for start in range(0, count, _SLICE):
                yield _endpoint_slice(name, number, start // _SLICE, members[start : start + _SLICE])


def _node(node: Node) -> Document:
    zone = node.topology["zone"]
    labels = {
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": node.name,
        "topology.kubernetes.io/zone": zone,
        POOL: node.node_class,
    }
    amounts = {
        "cpu": f"{node.allocatable['cpu']}m",
        "memory": str(node.allocatable["memory"]),
        "pods": str(node.allocatable["pods"]),
        "ephemeral-storage": "100Gi",
    }
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": MADE}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": labels, "uid": f"n-{node.name}", "creationTimestamp": MADE},
        "status": {"allocatable": amounts, "capacity": amounts, "conditions": [ready]},
    }


def _spec(problem: Problem, shape: Shape, *, restricted: bool = True) -> dict[str, Any]:
    """The pod spec of a shape, without the fields that the API server adds."""
    requests = {"cpu": f"{shape.requests['cpu']}m", "memory": str(shape.requests["memory"])}
    container = {
        "name": "main",
        "image": f"registry.example.com/{shape.name}:1.0",
        "resources": {"requests": requests},
        "ports": [{"containerPort": 8080}],
    }
    spec: dict[str, Any] = {"containers": [container]}
    pools = sorted(problem.allowed[shape.name].node_classes)
    if restricted and len(pools) < len({node.node_class for node in problem.nodes}):
        terms = [{"matchExpressions": [{"key": POOL, "operator": "In", "values": pools}]}]
        wanted = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
        spec["affinity"] = {"nodeAffinity": wanted}
    return spec


def _deployment(name: str, replicas: int, template: Document, *, uid: str) -> Document:
    """A Deployment that was just written, or (with a uid) one whose pods are all there."""
    metadata: dict[str, Any] = {"namespace": "default", "name": name}
    document: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template},
    }
    if uid:
        metadata |= {
            "uid": uid,
            "generation": 1,
            "creationTimestamp": MADE,
            "annotations": {"deployment.kubernetes.io/revision": "1"},
        }
        document["status"] = {
            **_counters(replicas),
            "updatedReplicas": replicas,
            "conditions": [
                _condition("Available", "MinimumReplicasAvailable", "Deployment has minimum availability."),
                _condition(
                    "Progressing",
                    "NewReplicaSetAvailable",
                    f'ReplicaSet "{name}-{_HASH}" has successfully progressed.',
                ),
            ],
        }
    return document


_HASH = "5d4f8b9c7d"


def _replica_set(name: str, replicas: int, template: Document, number: int) -> Document:
    labels = {"app": name, "pod-template-hash": _HASH}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "namespace": "default",
            "name": f"{name}-{_HASH}",
            "uid": f"r-{number}",
            "generation": 1,
            "creationTimestamp": MADE,
            "labels": labels,
            "annotations": {
                "deployment.kubernetes.io/revision": "1",
                "deployment.kubernetes.io/desired-replicas": str(replicas),
                "deployment.kubernetes.io/max-replicas": str(replicas + -(-replicas // 4)),
            },
            "ownerReferences": [_owner("Deployment", name, f"d-{number}")],
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {**template, "metadata": {"labels": labels}},
        },
        "status": {**_counters(replicas), "fullyLabeledReplicas": replicas},
    }


def _running_pod(template: Document, *, number: int, index: int, node: str, placed: int) -> Document:
    name = template["metadata"]["labels"]["app"]
    ip = f"10.{128 + placed // 62500}.{placed // 250 % 250}.{placed % 250 + 1}"
    container = {
        "name": "main",
        "image": template["spec"]["containers"][0]["image"],
        "imageID": "",
        "ready": True,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": MADE}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": "default",
            "name": f"{name}-{_HASH}-{index:05}",
            "uid": f"p-{placed}",
            "creationTimestamp": MADE,
            "labels": {"app": name, "pod-template-hash": _HASH},
            "ownerReferences": [_owner("ReplicaSet", f"{name}-{_HASH}", f"r-{number}")],
        },
        "spec": {**template["spec"], "nodeName": node, "priority": 0, "preemptionPolicy": "PreemptLowerPriority"},
        "status": {
            "phase": "Running",
            "podIP": ip,
            "podIPs": [{"ip": ip}],
            "startTime": MADE,
            "conditions": [{"type": each, "status": "True", "lastTransitionTime": MADE} for each in _READY],
            "containerStatuses": [container],
        },
    }


def _endpoints(service: str, pods: Sequence[Document]) -> Document:
    """What lists the addresses of the pods behind a Service, in one piece."""
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "namespace": "default",
            "name": service,
            "uid": f"e-{service}",
            "creationTimestamp": MADE,
            "labels": {"endpoints.kubernetes.io/managed-by": "endpoint-controller"},
        },
        "subsets": [
            {
                "addresses": [{"ip": pod["status"]["podIP"], **_target(pod)} for pod in pods],
                "ports": [{"port": 80, "protocol": "TCP"}],
            }
        ],
    }


_SLICE = 100
"""The most endpoints that the controller puts into one slice."""


def _endpoint_slice(service: str, number: int, part: int, pods: Sequence[Document]) -> Document:
    name = f"{service}-{part:05}"
    managers = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}
    conditions = {"ready": True, "serving": True, "terminating": False}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": "default",
            "name": name,
            "uid": f"l-{name}",
            "generation": 1,
            "creationTimestamp": MADE,
            "labels": {"kubernetes.io/service-name": service, **managers},
            "ownerReferences": [{**_owner("Service", service, f"s-{number}"), "apiVersion": "v1"}],
        },
        "addressType": "IPv4",
        "endpoints": [
            {"addresses": [pod["status"]["podIP"]], "conditions": conditions, **_target(pod)} for pod in pods
        ],
        "ports": [{"name": "", "port": 80, "protocol": "TCP"}],
    }


def _target(pod: Document) -> dict[str, Any]:
    """The pod of an address, and its node."""
    metadata = pod["metadata"]
    reference = {"kind": "Pod", **{key: metadata[key] for key in ("namespace", "name", "uid")}}
    return {"nodeName": pod["spec"]["nodeName"], "targetRef": reference}


def _owner(kind: str, name: str, uid: str) -> Document:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _counters(replicas: int) -> dict[str, int]:
    return {
        "observedGeneration": 1,
        "replicas": replicas,
        "readyReplicas": replicas,
        "availableReplicas": replicas,
    }


def _condition(kind: str, reason: str, message: str) -> Document:
    times = {"lastUpdateTime": MADE, "lastTransitionTime": MADE}
    return {"type": kind, "status": "True", "reason": reason, "message": message, **times}
