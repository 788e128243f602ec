"""A document of every modelled kind that the API server accepts, rich enough to have something to break."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]


def _object(api_version: str, kind: str, name: str, **rest: Any) -> Document:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "labels": {"app": "x"}}, **rest}


CONTAINER: Document = {
    "name": "main",
    "image": "registry.test/app:1",
    "ports": [{"containerPort": 8080, "name": "http", "hostPort": 8080}],
    "env": [
        {"name": "PLAIN", "value": "x"},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ],
    "envFrom": [{"prefix": "P_", "configMapRef": {"name": "c"}}],
    "resources": {
        "requests": {"cpu": "100m", "memory": "64Mi", "example.com/gpu": "1"},
        "limits": {"memory": "128Mi", "example.com/gpu": 1},
    },
    "volumeMounts": [{"name": "config", "mountPath": "/config", "subPath": "a"}],
    "livenessProbe": {"httpGet": {"path": "/live", "port": "http"}, "periodSeconds": 5},
    "readinessProbe": {"exec": {"command": ["true"]}},
    "startupProbe": {"grpc": {"port": 9000}},
    "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
    "securityContext": {"runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
}
DEVICES: Document = {
    "devices": {
        "requests": [
            {"name": "gpus", "exactly": {"deviceClassName": "gpu", "allocationMode": "ExactCount", "count": 2}},
        ],
        "constraints": [{"requests": ["gpus"], "matchAttribute": "gpu.test/model"}],
    }
}
TERM: Document = {
    "labelSelector": {"matchLabels": {"app": "x"}, "matchExpressions": [{"key": "a", "operator": "Exists"}]},
    "topologyKey": "kubernetes.io/hostname",
    "matchLabelKeys": ["tier"],
}
POD_SPEC: Document = {
    "containers": [CONTAINER],
    "initContainers": [{"name": "side", "image": "side:1", "restartPolicy": "Always"}],
    "volumes": [
        {"name": "config", "configMap": {"name": "c", "items": [{"key": "a", "path": "b"}]}},
        {"name": "claim", "persistentVolumeClaim": {"claimName": "p"}},
        {
            "name": "own",
            "ephemeral": {
                "volumeClaimTemplate": {
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
                }
            },
        },
        {"name": "all", "projected": {"sources": [{"secret": {"name": "s"}}, {"configMap": {"name": "c"}}]}},
    ],
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]},
                    {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]},
                ]
            },
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "preference": {"matchExpressions": [{"key": "k", "operator": "Gt", "values": ["3"]}]}}
            ],
        },
        "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [TERM]},
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": TERM}]
        },
    },
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "minDomains": 2,
            "labelSelector": {"matchLabels": {"app": "x"}},
        }
    ],
    "resources": {"limits": {"cpu": "2"}},
    "dnsConfig": {"nameservers": ["10.0.0.10"], "searches": ["a.test"], "options": [{"name": "ndots"}]},
    "hostAliases": [{"ip": "10.1.1.1", "hostnames": ["a.test"]}],
    "securityContext": {"sysctls": [{"name": "net.core.somaxconn", "value": "1"}], "fsGroup": 1},
}
TEMPLATE: Document = {"metadata": {"labels": {"app": "x"}}, "spec": POD_SPEC}
SELECTOR: Document = {"matchLabels": {"app": "x"}}
CLAIM_SPEC: Document = {
    "accessModes": ["ReadWriteOnce"],
    "resources": {"requests": {"storage": "1Gi"}},
    "storageClassName": "fast",
    "selector": SELECTOR,
}
JOB_SPEC: Document = {
    "completions": 5,
    "parallelism": 2,
    "completionMode": "Indexed",
    "backoffLimitPerIndex": 1,
    "maxFailedIndexes": 2,
    "successPolicy": {"rules": [{"succeededIndexes": "0,2-3", "succeededCount": 2}]},
    "podFailurePolicy": {
        "rules": [
            {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [1, 42]}},
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
        ]
    },
    "template": {"spec": {**POD_SPEC, "restartPolicy": "Never"}},
}
AUTOSCALER: Document = {
    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
    "minReplicas": 2,
    "maxReplicas": 5,
}

SAMPLES: dict[tuple[str, str], Document] = {
    (document["apiVersion"], document["kind"]): document
    for document in (
        _object("v1", "Pod", "p", spec=POD_SPEC, status={"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]}),
        _object("v1", "PodTemplate", "t", template=TEMPLATE),
        _object("v1", "ReplicationController", "rc", spec={"replicas": 2, "template": TEMPLATE}),
        _object(
            "apps/v1",
            "Deployment",
            "d",
            spec={
                "replicas": 3,
                "selector": SELECTOR,
                "template": TEMPLATE,
                "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": "10%"}},
            },
        ),
        _object("apps/v1", "ReplicaSet", "rs", spec={"selector": SELECTOR, "template": TEMPLATE}),
        _object(
            "apps/v1",
            "StatefulSet",
            "s",
            spec={
                "serviceName": "s",
                "selector": SELECTOR,
                "template": TEMPLATE,
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": CLAIM_SPEC}],
                "ordinals": {"start": 1},
            },
        ),
        _object("apps/v1", "DaemonSet", "ds", spec={"selector": SELECTOR, "template": TEMPLATE}),
        _object("apps/v1", "ControllerRevision", "cr", revision=1, data={"spec": {}}),
        _object("batch/v1", "Job", "j", spec=JOB_SPEC),
        _object(
            "batch/v1",
            "CronJob",
            "cj",
            spec={"schedule": "*/5 * * * mon-fri", "timeZone": "Etc/UTC", "jobTemplate": {"spec": JOB_SPEC}},
        ),
        _object("autoscaling/v1", "HorizontalPodAutoscaler", "h", spec=AUTOSCALER),
        _object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "h",
            spec={
                **AUTOSCALER,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
                    },
                    {
                        "type": "Pods",
                        "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "1k"}},
                    },
                ],
                "behavior": {"scaleDown": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}},
            },
        ),
        _object(
            "v1",
            "Service",
            "svc",
            spec={
                "type": "NodePort",
                "selector": {"app": "x"},
                "ports": [
                    {"name": "a", "port": 80, "targetPort": "http", "nodePort": 30080},
                    {"name": "b", "port": 53, "protocol": "UDP"},
                ],
                "sessionAffinity": "ClientIP",
            },
        ),
        _object(
            "v1",
            "Endpoints",
            "svc",
            subsets=[{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}],
        ),
        _object(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            "svc-1",
            addressType="IPv4",
            endpoints=[{"addresses": ["10.0.0.1"], "conditions": {"ready": True}, "nodeName": "n"}],
            ports=[{"name": "a", "port": 80}],
        ),
        _object(
            "v1",
            "Node",
            "n",
            spec={"podCIDR": "10.1.0.0/24", "taints": [{"key": "a", "effect": "NoSchedule"}]},
            status={"capacity": {"cpu": 4, "memory": "8Gi", "pods": "110"}, "conditions": [{"type": "Ready"}]},
        ),
        _object("v1", "Namespace", "ns"),
        _object("v1", "ServiceAccount", "sa", imagePullSecrets=[{"name": "pull"}]),
        _object("v1", "ConfigMap", "c", data={"a": "b"}, binaryData={"c": "AAEC"}),
        _object("v1", "Secret", "s", stringData={"a": "b"}, data={"c": "AAEC"}),
        _object(
            "v1",
            "PersistentVolume",
            "pv",
            spec={
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "local": {"path": "/mnt"},
                "nodeAffinity": {
                    "required": {
                        "nodeSelectorTerms": [{"matchExpressions": [{"key": "h", "operator": "In", "values": ["n"]}]}]
                    }
                },
            },
        ),
        _object("v1", "PersistentVolumeClaim", "pvc", spec=CLAIM_SPEC),
        _object(
            "v1",
            "ResourceQuota",
            "q",
            spec={
                "hard": {"pods": "10", "requests.cpu": "4"},
                "scopeSelector": {
                    "matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["a"]}]
                },
            },
        ),
        _object(
            "v1",
            "LimitRange",
            "l",
            spec={
                "limits": [
                    {"type": "Container", "max": {"cpu": "2"}, "min": {"cpu": "100m"}, "default": {"cpu": "1"}},
                    {"type": "PersistentVolumeClaim", "max": {"storage": "1Ti"}},
                ]
            },
        ),
        _object("policy/v1", "PodDisruptionBudget", "b", spec={"minAvailable": "50%", "selector": SELECTOR}),
        _object("scheduling.k8s.io/v1alpha2", "PodGroup", "g", spec={"schedulingPolicy": {"gang": {"minCount": 2}}}),
        _object("scheduling.k8s.io/v1", "PriorityClass", "high", value=1000, preemptionPolicy="Never"),
        _object(
            "storage.k8s.io/v1",
            "StorageClass",
            "fast",
            provisioner="disk.test",
            parameters={"type": "ssd"},
            volumeBindingMode="WaitForFirstConsumer",
            allowedTopologies=[{"matchLabelExpressions": [{"key": "zone", "values": ["a"]}]}],
        ),
        _object(
            "storage.k8s.io/v1",
            "CSINode",
            "n",
            spec={
                "drivers": [{"name": "disk.test", "nodeID": "n", "topologyKeys": ["zone"], "allocatable": {"count": 5}}]
            },
        ),
        _object("storage.k8s.io/v1", "CSIDriver", "disk.test", spec={"storageCapacity": True}),
        _object(
            "storage.k8s.io/v1",
            "CSIStorageCapacity",
            "cap",
            storageClassName="fast",
            capacity="10Gi",
            nodeTopology=SELECTOR,
        ),
        _object(
            "storage.k8s.io/v1",
            "VolumeAttachment",
            "va",
            spec={"attacher": "disk.test", "nodeName": "n", "source": {"persistentVolumeName": "pv"}},
        ),
        _object(
            "coordination.k8s.io/v1",
            "Lease",
            "n",
            spec={"holderIdentity": "n", "leaseDurationSeconds": 40, "renewTime": "2026-01-01T00:00:00.000000Z"},
        ),
        _object(
            "node.k8s.io/v1",
            "RuntimeClass",
            "vm",
            handler="vm",
            overhead={"podFixed": {"cpu": "250m"}},
            scheduling={"nodeSelector": {"vm": "yes"}, "tolerations": [{"key": "vm", "operator": "Exists"}]},
        ),
        _object(
            "networking.k8s.io/v1",
            "Ingress",
            "i",
            spec={
                "rules": [
                    {
                        "host": "a.test",
                        "http": {
                            "paths": [
                                {
                                    "path": "/",
                                    "pathType": "Prefix",
                                    "backend": {"service": {"name": "svc", "port": {"number": 80}}},
                                }
                            ]
                        },
                    }
                ],
                "tls": [{"hosts": ["*.test"], "secretName": "t"}],
            },
        ),
        _object("networking.k8s.io/v1", "IngressClass", "ic", spec={"controller": "a.test/b"}),
        _object(
            "kubescheduler.config.k8s.io/v1",
            "KubeSchedulerConfiguration",
            "scheduler",
            profiles=[{"schedulerName": "packed", "plugins": {"score": {"disabled": [{"name": "ImageLocality"}]}}}],
        ),
        _object(
            "resource.k8s.io/v1",
            "DeviceClass",
            "gpu",
            spec={"selectors": [{"cel": {"expression": 'device.driver == "gpu.test"'}}]},
        ),
        _object(
            "resource.k8s.io/v1",
            "ResourceSlice",
            "slice",
            spec={
                "driver": "gpu.test",
                "nodeName": "n",
                "pool": {"name": "n", "generation": 1, "resourceSliceCount": 1},
                "devices": [{"name": "gpu-0", "attributes": {"model": {"string": "a"}}}],
            },
        ),
        _object("resource.k8s.io/v1", "ResourceClaim", "claim", spec=DEVICES),
        _object("resource.k8s.io/v1", "ResourceClaimTemplate", "template", spec={"spec": DEVICES}),
        _object(
            "rbac.authorization.k8s.io/v1",
            "Role",
            "reader",
            rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "resourceNames": ["a"]}],
        ),
        _object(
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            "all",
            aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]},
            rules=[{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}],
        ),
        _object(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            "reads",
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
            subjects=[{"kind": "ServiceAccount", "name": "web", "namespace": "d"}],
        ),
        _object(
            "rbac.authorization.k8s.io/v1",
            "ClusterRoleBinding",
            "all",
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "all"},
            subjects=[{"kind": "User", "name": "ann", "apiGroup": "rbac.authorization.k8s.io"}],
        ),
        _object(
            "snapshot.storage.k8s.io/v1",
            "VolumeSnapshot",
            "monday",
            spec={"source": {"persistentVolumeClaimName": "data"}, "volumeSnapshotClassName": "fast"},
            status={"readyToUse": True, "restoreSize": "1Gi"},
        ),
        _object(
            "snapshot.storage.k8s.io/v1",
            "VolumeSnapshotContent",
            "content",
            spec={
                "driver": "disk.example.com",
                "deletionPolicy": "Retain",
                "source": {"snapshotHandle": "h"},
                "volumeSnapshotRef": {"kind": "VolumeSnapshot", "namespace": "default", "name": "monday"},
            },
        ),
        _object(
            "snapshot.storage.k8s.io/v1",
            "VolumeSnapshotClass",
            "fast",
            driver="disk.example.com",
            deletionPolicy="Delete",
        ),
        _object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "np",
            spec={
                "podSelector": {},
                "ingress": [
                    {
                        "from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}],
                        "ports": [{"port": 80, "endPort": 90}],
                    }
                ],
            },
        ),
        *(
            _object(
                f"policy.networking.k8s.io/{version}",
                kind,
                "default",
                spec={
                    **more,
                    "subject": {"namespaces": {}},
                    "ingress": [{"action": action, "from": [{"namespaces": {}}]}],
                },
            )
            for version, kind, action, more in (
                ("v1alpha1", "AdminNetworkPolicy", "Allow", {"priority": 1}),
                ("v1alpha1", "BaselineAdminNetworkPolicy", "Deny", {}),
                ("v1alpha2", "ClusterNetworkPolicy", "Accept", {"priority": 1, "tier": "Admin"}),
            )
        ),
    )
}
"""By (apiVersion, kind)."""
