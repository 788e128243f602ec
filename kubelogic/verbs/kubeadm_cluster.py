"""The cluster that kubeadm makes of hosts: nodes, static pods, add-ons, as manifests that every other verb reads.

Source: cmd/kubeadm/app/phases/controlplane/manifests.go, etcd/local.go, markcontrolplane, addons/{dns,proxy}, and
app/util/staticpod/utils.go of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from kubelogic.verbs.hosts_file import Hosts
from kubelogic.verbs.kubeadm import Phases

Json = dict[str, Any]

_STATIC: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "kube-apiserver": ("registry.k8s.io/kube-apiserver", {"cpu": "250m"}),
    "kube-controller-manager": ("registry.k8s.io/kube-controller-manager", {"cpu": "200m"}),
    "kube-scheduler": ("registry.k8s.io/kube-scheduler", {"cpu": "100m"}),
}
_ETCD = ("registry.k8s.io/etcd", {"cpu": "100m", "memory": "100Mi"})
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
_VERSION = "v1.36.0"
_SERVICES = "10.96.0.0/12"
_PODS_OF_A_NODE = "110"


def cluster_of(hosts: Hosts, phases: Phases) -> list[Json]:
    """The objects of the cluster that the phases that ran have made, in the order in which they are applied."""
    made: dict[str, set[str]] = {}
    for name, _, _, _, thing in phases.ran:
        made.setdefault(name, set()).add(thing)
    things = set().union(*made.values()) if made else set()
    found: list[Json] = [_named("Namespace", "kube-system", "v1")] if "API server" in things else []
    for each in hosts.hosts:
        own = made.get(str(each["name"]), set())
        if "API server" in own or "node" in own:
            found.append(_node(each, hosts.settings, own))
    for each in hosts.hosts:
        found += _static_pods(each, hosts.settings, made.get(str(each["name"]), set()))
    if "CoreDNS and kube-proxy" in things:
        found += _addons(hosts.settings)
    return found


def _named(kind: str, name: str, api_version: str, namespace: str = "", **more: Any) -> Json:
    meta: Json = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **more}


def _node(host: Mapping[str, Any], settings: Mapping[str, Any], own: set[str]) -> Json:
    name = str(host["name"])
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    spec: Json = {}
    if "control plane taint" in own:
        labels |= {_CONTROL_PLANE: "", "node.kubernetes.io/exclude-from-external-load-balancers": ""}
        spec["taints"] = [{"key": _CONTROL_PLANE, "effect": "NoSchedule"}]
    amounts = {"cpu": str(host.get("cpus") or 2), "memory": str(host.get("memory") or "2Gi"), "pods": _PODS_OF_A_NODE}
    kubelet = str(host.get("kubelet") or settings.get("kubernetesVersion") or _VERSION)
    addresses = [{"type": "Hostname", "address": name}]
    if host.get("address"):
        addresses.insert(0, {"type": "InternalIP", "address": str(host["address"])})
    status = {
        "capacity": amounts,
        "allocatable": amounts,
        "addresses": addresses,
        "conditions": [{"type": "Ready", "status": "True"}],
        "nodeInfo": {
            "kubeletVersion": kubelet if kubelet.startswith("v") else f"v{kubelet}",
            "kernelVersion": str(host.get("kernel") or ""),
            "operatingSystem": "linux",
            "architecture": "amd64",
            "containerRuntimeVersion": "containerd://2.0.0",
        },
    }
    node = _named("Node", name, "v1", spec=spec, status=status)
    node["metadata"]["labels"] = labels
    return node


def _static_pods(host: Mapping[str, Any], settings: Mapping[str, Any], own: set[str]) -> Iterator[Json]:
    name = str(host["name"])
    version = str(settings.get("kubernetesVersion") or _VERSION)
    parts = dict(_STATIC) if "static pods" in own else {}
    if "member of etcd" in own:
        parts["etcd"] = _ETCD
    for part, (image, requests) in sorted(parts.items()):
        tag = version if part != "etcd" else "3.6.6-0"
        container = {"name": part, "image": f"{image}:{tag}", "resources": {"requests": dict(requests)}}
        spec = {
            "nodeName": name,
            "hostNetwork": True,
            "priorityClassName": "system-node-critical",
            "tolerations": [{"operator": "Exists", "effect": "NoExecute"}],
            "containers": [container],
        }
        pod = _named("Pod", f"{part}-{name}", "v1", "kube-system", spec=spec)
        pod["metadata"]["labels"] = {"component": part, "tier": "control-plane"}
        pod["metadata"]["annotations"] = {"kubernetes.io/config.mirror": f"{part}-{name}"}
        yield pod


def _addons(settings: Mapping[str, Any]) -> Sequence[Json]:
    version = str(settings.get("kubernetesVersion") or _VERSION)
    services = ip_network(str(settings.get("serviceSubnet") or _SERVICES).split(",")[0].strip(), strict=False)
    dns_labels = {"k8s-app": "kube-dns"}
    dns = {
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": "coredns",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [
            {"key": "CriticalAddonsOnly", "operator": "Exists"},
            {"key": _CONTROL_PLANE, "effect": "NoSchedule"},
        ],
        "containers": [
            {
                "name": "coredns",
                "image": "registry.k8s.io/coredns/coredns:v1.13.1",
                "ports": [{"containerPort": 53, "protocol": "UDP", "name": "dns"}],
                "resources": {"limits": {"memory": "170Mi"}, "requests": {"cpu": "100m", "memory": "70Mi"}},
            }
        ],
    }
    proxy = {
        "priorityClassName": "system-node-critical",
        "serviceAccountName": "kube-proxy",
        "hostNetwork": True,
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"operator": "Exists"}],
        "containers": [{"name": "kube-proxy", "image": f"registry.k8s.io/kube-proxy:{version}"}],
    }
    proxy_labels = {"k8s-app": "kube-proxy"}
    return [
        _named("ServiceAccount", "coredns", "v1", "kube-system"),
        _named("ServiceAccount", "kube-proxy", "v1", "kube-system"),
        _named(
            "Deployment", "coredns", "apps/v1", "kube-system",
            spec={"replicas": 2, "selector": {"matchLabels": dns_labels},
                  "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
                  "template": {"metadata": {"labels": dns_labels}, "spec": dns}},
        ),
        _named(
            "Service", "kube-dns", "v1", "kube-system",
            spec={"clusterIP": str(services[10]), "selector": dns_labels,
                  "ports": [{"name": "dns", "port": 53, "protocol": "UDP"},
                            {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]},
        ),
        _named(
            "DaemonSet", "kube-proxy", "apps/v1", "kube-system",
            spec={"selector": {"matchLabels": proxy_labels},
                  "template": {"metadata": {"labels": proxy_labels}, "spec": proxy}},
        ),
    ]  # fmt: skip
