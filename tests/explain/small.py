"""Small objects for tests of explanations, as mappings that ``load`` takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Document = dict[str, Any]
READY = [{"type": "Ready", "status": "True"}]
ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"


def node(name: str, *, labels: Mapping[str, str] = {}, taints: Sequence[Document] = (), **held: str) -> Document:
    """A node of 4 cpu and 8Gi, unless told otherwise; its name is its host name."""
    amounts = {"cpu": "4", "memory": "8Gi", "pods": "110", **held}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {HOST: name, **labels}},
        "spec": {"taints": list(taints)} if taints else {},
        "status": {"capacity": amounts, "allocatable": amounts, "conditions": READY},
    }


def cordoned(document: Document) -> Document:
    """The node, taking no new pods."""
    taints = [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]
    return {**document, "spec": {"unschedulable": True, "taints": taints}}


def spec(cpu: str = "", **more: Any) -> Document:
    """A pod spec with one container."""
    container: Document = {"name": "app", "image": "app:1"}
    if cpu:
        container["resources"] = {"requests": {"cpu": cpu}}
    return {"containers": [container], **more}


def pod(name: str, what: Document | None = None, *, on: str = "", **meta: Any) -> Document:
    """A pod, running if it is on a node."""
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **meta}, "spec": what or spec()}
    if on:
        document["spec"] = {**document["spec"], "nodeName": on}
        document["status"] = {"phase": "Running", "conditions": READY}
    return document


def workload(kind: str, name: str, what: Document, *, replicas: int = 1, **more: Any) -> Document:
    """A Deployment, StatefulSet or ReplicaSet whose pods have the label ``app``."""
    template = {"metadata": {"labels": {"app": name}}, "spec": what}
    own: Document = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template, **more}
    if kind == "StatefulSet":
        own["serviceName"] = name
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": own}


def volume(name: str, *, claim: str = "", zone: str = "", modes: Sequence[str] = ("ReadWriteOnce",)) -> Document:
    """A volume of the class disk, bound to a claim of the default namespace if one is named."""
    own: Document = {
        "capacity": {"storage": "1Gi"},
        "accessModes": list(modes),
        "storageClassName": "disk",
        "persistentVolumeReclaimPolicy": "Retain",
        "csi": {"driver": "disk.example.com", "volumeHandle": name},
    }
    if zone:
        term = {"matchExpressions": [{"key": ZONE, "operator": "In", "values": [zone]}]}
        own["nodeAffinity"] = {"required": {"nodeSelectorTerms": [term]}}
    if claim:
        own["claimRef"] = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "name": claim,
            "namespace": "default",
            "uid": f"uid-{claim}",
        }
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": own,
        "status": {"phase": "Bound" if claim else "Available"},
    }


def claim(
    name: str, *, bound: str = "", modes: Sequence[str] = ("ReadWriteOnce",), of: str | None = "disk"
) -> Document:
    """A claim of 1Gi, bound to a volume if one is named."""
    own: Document = {"accessModes": list(modes), "resources": {"requests": {"storage": "1Gi"}}}
    if of is not None:
        own["storageClassName"] = of
    document: Document = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "uid": f"uid-{name}"},
        "spec": own,
    }
    if bound:
        document["metadata"]["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}
        own["volumeName"] = bound
        document["status"] = {"phase": "Bound", "accessModes": list(modes), "capacity": {"storage": "1Gi"}}
    return document


def storage_class(name: str = "disk", provisioner: str = "disk.example.com") -> Document:
    """A class whose volumes wait for their first pod."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": provisioner,
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def csi_node(name: str, count: int) -> Document:
    """How many volumes a node attaches."""
    drivers = [{"name": "disk.example.com", "nodeID": name, "allocatable": {"count": count}}]
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSINode",
        "metadata": {"name": name},
        "spec": {"drivers": drivers},
    }


def uses(name: str) -> list[Document]:
    """The volumes of a pod that uses a claim."""
    return [{"name": "d", "persistentVolumeClaim": {"claimName": name}}]


def apart(labels: Mapping[str, str], key: str) -> Document:
    """A required anti-affinity."""
    term = {"labelSelector": {"matchLabels": dict(labels)}, "topologyKey": key}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def spread(name: str, key: str, **more: Any) -> list[Document]:
    """A hard spread constraint over pods of a workload."""
    selector = {"matchLabels": {"app": name}}
    own = {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector}
    return [{**own, **more}]
