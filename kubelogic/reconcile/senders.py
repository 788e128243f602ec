"""Who sends what an action stands for: the user that admission policies see in ``request.userInfo``.

Source: cmd/kube-controller-manager/app (the names that ClientOrDie gets: core.go, apps.go, batch.go and so on);
plugin/pkg/auth/authorizer/rbac/bootstrappolicy/controller_policy.go, of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.pods import controller_reference, node_of
from kubelogic.reconcile.actions import Action

SCHEDULER = "system:kube-scheduler"
MANAGER = "system:kube-controller-manager"
"""The user of the one controller that works before accounts have tokens: that of tokens in Secrets."""

_OF_OWNERS: Mapping[str, str] = MappingProxyType(
    {
        "CronJob": "cronjob-controller",
        "DaemonSet": "daemon-set-controller",
        "Deployment": "deployment-controller",
        "Job": "job-controller",
        "ReplicaSet": "replicaset-controller",
        "ReplicationController": "replication-controller",
        "StatefulSet": "statefulset-controller",
    }
)
"""The account of the controller of each kind of workload."""

_OF_ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "AddTaint": "node-controller",
        "AssignPodRange": "node-controller",
        "BindClaim": "persistent-volume-binder",
        "CollectPod": "pod-garbage-collector",
        "CreateDeviceClaim": "resource-claim-controller",
        "CreateEphemeralClaim": "ephemeral-volume-controller",
        "CreateIndexedPod": "job-controller",
        "CreatePersistentVolumeClaim": "statefulset-controller",
        "CreateReplicaSet": "deployment-controller",
        "CreateServiceAccount": "service-account-controller",
        "DropOwner": "generic-garbage-collector",
        "EvictPod": "node-controller",
        "PaceReplicaSet": "deployment-controller",
        "ProvisionVolume": "persistent-volume-binder",
        "PublishRootCa": "root-ca-cert-publisher",
        "RemoveTaint": "node-controller",
        "ScaleReplicaSet": "deployment-controller",
        "ScaleTarget": "horizontal-pod-autoscaler",
        "StartCronRun": "cronjob-controller",
        "TakeSnapshot": "snapshot-controller",
        "WriteEndpoints": "endpoint-controller",
        "WriteHints": "endpointslice-controller",
        "WriteMirrorPorts": "endpointslicemirroring-controller",
        "WriteRules": "clusterrole-aggregation-controller",
        "WriteSlice": "endpointslice-controller",
        "WriteSlicePorts": "endpointslice-controller",
    }
)
"""The account of the controller that alone sends such actions."""

_KUBELET = frozenset({"RemovePod", "RestorePod", "RejectPod", "FailPod"})
_OF_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "EndpointSlice": "endpointslice-controller",
        "Endpoints": "endpoint-controller",
        "Job": "ttl-after-finished-controller",
        "Node": "node-controller",
        "PersistentVolume": "persistent-volume-binder",
        "PersistentVolumeClaim": "pvc-protection-controller",
        "VolumeAttachment": "attachdetach-controller",
    }
)
"""The account of the controller that takes care of objects of a kind that no workload owns."""


def sender_of(tx: Transaction, action: Action) -> str:
    """The user of the requests that an action stands for.

    Args:
        tx: what there is by now.
        action: of a tick.
    """
    name = action.type
    values = action.arguments()
    pod = str(values.get("pod") or "")
    if name in ("PreemptPod", "BindPod", "NominateNode"):
        return SCHEDULER
    if name in _KUBELET:
        found = tx.get("Pod", pod)
        node = node_of(found) if found is not None else ""
        return f"system:node:{node}" if node else _account("pod-garbage-collector")
    if name in _OF_ACTIONS:
        return _account(_OF_ACTIONS[name])
    owner = str(values.get("owner_kind") or "")
    if owner in _OF_OWNERS:
        return _account(_OF_OWNERS[owner])
    kind, key = ("Pod", pod) if pod else (str(values.get("kind") or ""), str(values.get("key") or ""))
    return MANAGER if kind == "Secret" else _account(_keeper(tx, kind, key))


def _keeper(tx: Transaction, kind: str, key: str) -> str:
    """The controller that deletes or changes an object: of its namespace's end, its owner's, or its kind's."""
    found = tx.get(kind, key)
    owner = ""
    if found is not None:
        space = tx.get("Namespace", found.namespace) if found.namespace else None
        if space is not None and metadata(space).get("deletionTimestamp"):
            return "namespace-controller"
        references = metadata(found).get("ownerReferences") or ()
        owner = str((controller_reference(found) or {}).get("kind") or "")
        gone = [each for each in references if tx.get(str(each.get("kind")), _beside(found.namespace, each)) is None]
        if references and len(gone) == len(references):
            return "generic-garbage-collector"
    return _OF_OWNERS.get(owner) or _OF_KINDS.get(kind) or _OF_OWNERS.get(kind) or "generic-garbage-collector"


def _beside(namespace: str, reference: Mapping[str, object]) -> str:
    return f"{namespace}/{reference.get('name')}" if namespace else str(reference.get("name"))


def _account(name: str) -> str:
    return f"system:serviceaccount:kube-system:{name}"
