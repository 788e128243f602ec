"""Defaults of the kinds around workloads: nodes, Services, storage, policies."""

from __future__ import annotations

import base64
from typing import Any

from kubelogic.kinds.defaults.pods import Tree, claim_spec, disk, resources

_RBAC = "rbac.authorization.k8s.io"


def _spec(tree: Tree) -> Tree:
    spec: Tree = tree.setdefault("spec", {})
    return spec


def node(tree: Tree) -> None:
    """Defaults of a Node: allocatable is its capacity unless it says so."""
    spec, status = _spec(tree), tree.setdefault("status", {})
    cidr, cidrs = spec.get("podCIDR"), spec.get("podCIDRs", [])
    if cidr and (not cidrs or cidrs[0] != cidr):
        spec["podCIDRs"] = [cidr]
    elif cidrs and not cidr:
        spec["podCIDR"] = cidrs[0]
    resources(status.get("capacity"))
    if "capacity" in status:
        status.setdefault("allocatable", dict(status["capacity"]))
    resources(status.get("allocatable"))


def namespace(tree: Tree) -> None:
    """Defaults of a Namespace: a label with its name, active, and the finalizer that empties it."""
    metadata = tree.setdefault("metadata", {})
    if metadata.get("name"):
        metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata["name"]
    finalizers = _spec(tree).setdefault("finalizers", [])
    if "kubernetes" not in finalizers:
        finalizers.append("kubernetes")
    status = tree.setdefault("status", {})
    if not status.get("phase"):
        status["phase"] = "Active"


def secret(tree: Tree) -> None:
    """Defaults of a Secret: text of ``stringData`` becomes data."""
    if not tree.get("type"):
        tree["type"] = "Opaque"
    plain = tree.pop("stringData", None)
    if plain:
        data = tree.setdefault("data", {})
        for key, value in plain.items():
            data[key] = base64.b64encode(value.encode(errors="surrogatepass")).decode()


def service(tree: Tree) -> None:
    """Defaults of a Service."""
    spec = _spec(tree)
    if not spec.get("type"):
        spec["type"] = "ClusterIP"
    if not spec.get("sessionAffinity"):
        spec["sessionAffinity"] = "None"
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        client = spec.get("sessionAffinityConfig", {}).get("clientIP", {})
        if "timeoutSeconds" not in client:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": 10800}}
    for port in spec.get("ports", ()):
        if not port.get("protocol"):
            port["protocol"] = "TCP"
        if not port.get("targetPort"):
            port["targetPort"] = port.get("port", 0)
    kind = spec["type"]
    external = kind in ("LoadBalancer", "NodePort") or (kind == "ClusterIP" and spec.get("externalIPs"))
    if external and not spec.get("externalTrafficPolicy"):
        spec["externalTrafficPolicy"] = "Cluster"
    if kind != "ExternalName":
        if kind in ("ClusterIP", "NodePort", "LoadBalancer"):
            spec.setdefault("internalTrafficPolicy", "Cluster")
        if spec.get("clusterIP") and not spec.get("clusterIPs"):
            spec["clusterIPs"] = [spec["clusterIP"]]
        _families(spec)
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)


def _families(spec: Tree) -> None:
    """One address family, unless the Service is headless and chooses nothing: then both."""
    chooses_nothing = spec.get("clusterIP") == "None" and not spec.get("selector")
    spec.setdefault("ipFamilyPolicy", "RequireDualStack" if chooses_nothing else "SingleStack")
    if not spec.get("ipFamilies"):
        addresses = [address for address in spec.get("clusterIPs", ()) if address != "None"]
        spec["ipFamilies"] = ["IPv6" if ":" in address else "IPv4" for address in addresses] or ["IPv4"]
    if chooses_nothing and len(spec["ipFamilies"]) == 1 and spec["ipFamilyPolicy"] != "SingleStack":
        spec["ipFamilies"].append("IPv6" if spec["ipFamilies"][0] == "IPv4" else "IPv4")


def endpoints(tree: Tree) -> None:
    """Defaults of Endpoints."""
    for subset in tree.get("subsets", ()):
        for port in subset.get("ports", ()):
            if not port.get("protocol"):
                port["protocol"] = "TCP"


def endpoint_slice(tree: Tree) -> None:
    """Defaults of an EndpointSlice."""
    for port in tree.get("ports", ()):
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def network_policy(tree: Tree) -> None:
    """Defaults of a NetworkPolicy."""
    spec = _spec(tree)
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    for rule in [*spec.get("ingress", ()), *spec.get("egress", ())]:
        for port in rule.get("ports", ()):
            port.setdefault("protocol", "TCP")


def ingress_class(tree: Tree) -> None:
    """Defaults of an IngressClass."""
    parameters = tree.get("spec", {}).get("parameters")
    if parameters is not None:
        parameters.setdefault("scope", "Cluster")


def persistent_volume(tree: Tree) -> None:
    """Defaults of a PersistentVolume."""
    spec = _spec(tree)
    status = tree.setdefault("status", {})
    if not status.get("phase"):
        status["phase"] = "Pending"
    if not spec.get("persistentVolumeReclaimPolicy"):
        spec["persistentVolumeReclaimPolicy"] = "Retain"
    spec.setdefault("volumeMode", "Filesystem")
    resources(spec.get("capacity"))
    disk(spec)


def persistent_volume_claim(tree: Tree) -> None:
    """Defaults of a PersistentVolumeClaim."""
    status = tree.setdefault("status", {})
    if not status.get("phase"):
        status["phase"] = "Pending"
    resources(status.get("capacity"))
    claim_spec(_spec(tree))


def storage_class(tree: Tree) -> None:
    """Defaults of a StorageClass."""
    tree.setdefault("reclaimPolicy", "Delete")
    tree.setdefault("volumeBindingMode", "Immediate")


def csi_driver(tree: Tree) -> None:
    """Defaults of a CSIDriver."""
    spec = _spec(tree)
    spec.setdefault("attachRequired", True)
    for name in ("podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"):
        spec.setdefault(name, False)
    spec.setdefault("fsGroupPolicy", "ReadWriteOnceWithFSType")
    if not spec.get("volumeLifecycleModes"):
        spec["volumeLifecycleModes"] = ["Persistent"]


def device_claim(tree: Tree) -> None:
    """Defaults of a ResourceClaim: one device for each request, and tolerations of one value."""
    for request in (_spec(tree).get("devices") or {}).get("requests") or ():
        for asked in (request.get("exactly"), *(request.get("firstAvailable") or ())):
            if asked is None:
                continue
            asked["allocationMode"] = asked.get("allocationMode") or "ExactCount"
            if asked["allocationMode"] == "ExactCount":
                asked["count"] = asked.get("count") or 1
            for toleration in asked.get("tolerations") or ():
                toleration["operator"] = toleration.get("operator") or "Equal"


def device_claim_template(tree: Tree) -> None:
    """Defaults of a ResourceClaimTemplate."""
    device_claim(_spec(tree))


def resource_quota(tree: Tree) -> None:
    """Defaults of a ResourceQuota: amounts rounded."""
    resources(_spec(tree).get("hard"))
    for part in ("hard", "used"):
        resources(tree.get("status", {}).get(part))


def limit_range(tree: Tree) -> None:
    """Defaults of a LimitRange: for containers, limits default to the maximum, requests to limits or minimum."""
    for item in _spec(tree).get("limits", ()):
        if item.get("type") == "Container":
            limits = {**item.get("max", {}), **item.get("default", {})}
            item["default"] = limits
            item["defaultRequest"] = {**item.get("min", {}), **limits, **item.get("defaultRequest", {})}
        for part in ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio"):
            resources(item.get(part))


def priority_class(tree: Tree) -> None:
    """Defaults of a PriorityClass."""
    tree.setdefault("preemptionPolicy", "PreemptLowerPriority")


def pod_group(tree: Tree) -> None:
    """Defaults of a PodGroup of v1alpha2: its pods are evicted one by one."""
    _spec(tree).setdefault("disruptionMode", "Pod")


def scheduled_workload(tree: Tree) -> None:
    """Defaults of a Workload of v1alpha2: pods of its groups are evicted one by one."""
    for template in _spec(tree).get("podGroupTemplates", ()):
        template.setdefault("disruptionMode", "Pod")


def runtime_class(tree: Tree) -> None:
    """Defaults of a RuntimeClass: amounts rounded."""
    resources(tree.get("overhead", {}).get("podFixed"))


def role_binding(tree: Tree) -> None:
    """Defaults of a RoleBinding or ClusterRoleBinding: the API group of roles, users and groups."""
    reference = tree.get("roleRef")
    if reference is not None and not reference.get("apiGroup"):
        reference["apiGroup"] = _RBAC
    for subject in tree.get("subjects", ()):
        if not subject.get("apiGroup") and subject.get("kind") in ("User", "Group"):
            subject["apiGroup"] = _RBAC


def admission_configuration(tree: Tree) -> None:
    """A name for what configures admission, as files have none."""
    tree["metadata"].setdefault("name", "kube-apiserver")


def scheduler_configuration(tree: Tree) -> None:
    """Defaults of a KubeSchedulerConfiguration: a name, as files have none, and a profile for pods that name none."""
    tree["metadata"].setdefault("name", "kube-scheduler")
    profiles = tree.setdefault("profiles", [])
    if not profiles:
        profiles.append({})
    if len(profiles) == 1 and profiles[0].get("schedulerName") is None:
        profiles[0]["schedulerName"] = "default-scheduler"


def custom_resource_definition(tree: Tree) -> None:
    """Names, and how versions are converted. Source: SetDefaults_CustomResourceDefinitionSpec."""
    spec = _spec(tree)
    names = spec.get("names")
    if isinstance(names, dict) and isinstance(names.get("kind"), str):
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", f"{names['kind']}List")
    spec.setdefault("conversion", {"strategy": "None"})
    _port(spec["conversion"].get("webhook") if isinstance(spec["conversion"], dict) else None)


def flow_schema(tree: Tree) -> None:
    """Source: pkg/apis/flowcontrol/v1/defaults.go, SetDefaults_FlowSchemaSpec."""
    spec = _spec(tree)
    spec["matchingPrecedence"] = spec.get("matchingPrecedence") or 1000


def priority_level(tree: Tree) -> None:
    """Source: pkg/apis/flowcontrol/v1/defaults.go of Kubernetes 1.36."""
    spec = _spec(tree)
    for part, shares in (("exempt", 0), ("limited", 30)):
        limits = spec.get(part)
        if isinstance(limits, dict):
            limits.setdefault("nominalConcurrencyShares", shares)
            limits.setdefault("lendablePercent", 0)
    limited = spec.get("limited")
    answer = limited.get("limitResponse") if isinstance(limited, dict) else None
    queues = answer.get("queuing") if isinstance(answer, dict) else None
    if isinstance(queues, dict):
        for name, usual in (("queues", 64), ("handSize", 8), ("queueLengthLimit", 50)):
            queues[name] = queues.get(name) or usual


def webhooks(tree: Tree) -> None:
    """Source: pkg/apis/admissionregistration/v1/defaults.go, SetDefaults_{Validating,Mutating}Webhook."""
    for hook in tree.get("webhooks") or ():
        if not isinstance(hook, dict):
            continue
        hook.setdefault("failurePolicy", "Fail")
        hook.setdefault("matchPolicy", "Equivalent")
        hook.setdefault("namespaceSelector", {})
        hook.setdefault("objectSelector", {})
        hook.setdefault("timeoutSeconds", 10)
        if tree.get("kind") == "MutatingWebhookConfiguration":
            hook.setdefault("reinvocationPolicy", "Never")
        _rules(hook.get("rules"))
        _port(hook)


def admission_policy(tree: Tree) -> None:
    """Source: pkg/apis/admissionregistration/v1/defaults.go, SetDefaults_ValidatingAdmissionPolicySpec."""
    spec = _spec(tree)
    spec.setdefault("failurePolicy", "Fail")
    _matched(spec.get("matchConstraints"))


def admission_policy_binding(tree: Tree) -> None:
    """Source: pkg/apis/admissionregistration/v1/defaults.go, SetDefaults_MatchResources."""
    _matched(_spec(tree).get("matchResources"))


def _matched(resources: Any) -> None:
    if not isinstance(resources, dict):
        return
    resources.setdefault("matchPolicy", "Equivalent")
    resources.setdefault("namespaceSelector", {})
    resources.setdefault("objectSelector", {})
    _rules(resources.get("resourceRules"))
    _rules(resources.get("excludeResourceRules"))


def _rules(rules: Any) -> None:
    for rule in rules or ():
        if isinstance(rule, dict):
            rule.setdefault("scope", "*")


def _port(holder: Any) -> None:
    """The port of a Service that is called."""
    config = holder.get("clientConfig") if isinstance(holder, dict) else None
    service = config.get("service") if isinstance(config, dict) else None
    if isinstance(service, dict):
        service.setdefault("port", 443)
