"""Admission of nodes, namespaces, claims and volumes, and of anything in a namespace that is going."""

from __future__ import annotations

from kubelogic.apiserver.answers import Obstacle, Status, forbidden
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.clock import milliseconds
from kubelogic.cluster.edit import edited, metadata
from kubelogic.facts.storage import DEFAULT_CLASS

NOT_READY = "node.kubernetes.io/not-ready"
CLAIM_PROTECTION = "kubernetes.io/pvc-protection"
VOLUME_PROTECTION = "kubernetes.io/pv-protection"


def admit_node(tx: Transaction, node: Object) -> Status | None:
    """A new node takes no pods before the node controller has seen it ready. Source: TaintNodesByCondition."""
    taints = list((node.document.get("spec") or {}).get("taints") or ())
    if not any(t.get("key") == NOT_READY and t.get("effect") == "NoSchedule" for t in taints):
        taints.append({"key": NOT_READY, "effect": "NoSchedule"})
    tx.put(edited(node, ["spec"], {"taints": taints}))
    return None


def admit_claim(tx: Transaction, claim: Object) -> Status | None:
    """The default storage class, and protection while in use.

    Source: DefaultStorageClass (the newest default wins, then the first by name), StorageObjectInUseProtection.
    """
    spec = claim.document.get("spec") or {}
    if "storageClassName" not in spec:
        name = default_storage_class(tx)
        if name:
            claim = edited(claim, ["spec"], {"storageClassName": name})
    tx.put(_protected(claim, CLAIM_PROTECTION))
    return None


def admit_volume(tx: Transaction, volume: Object) -> Status | None:
    """Protection while bound. Source: StorageObjectInUseProtection."""
    tx.put(_protected(volume, VOLUME_PROTECTION))
    return None


def default_storage_class(tx: Transaction) -> str:
    """The name of the storage class for claims that name none; empty if there is no default."""
    defaults = []
    for name, found in tx.state.cluster.objects("StorageClass").items():
        if (metadata(found).get("annotations") or {}).get(DEFAULT_CLASS) == "true":
            created = metadata(found).get("creationTimestamp")
            defaults.append((-milliseconds(created) if created else 0, name))
    return min(defaults)[1] if defaults else ""


def _protected(obj: Object, finalizer: str) -> Object:
    present = list(metadata(obj).get("finalizers") or ())
    return obj if finalizer in present else edited(obj, ["metadata"], {"finalizers": [*present, finalizer]})


def refuse_in_ending_namespace(tx: Transaction, obj: Object) -> Status | None:
    """Nothing new is made in a namespace that is being deleted. Source: NamespaceLifecycle."""
    namespace = tx.get("Namespace", obj.namespace) if obj.namespace else None
    if namespace is None or not metadata(namespace).get("deletionTimestamp"):
        return None
    why = f"unable to create new content in namespace {obj.namespace} because it is being terminated"
    return forbidden(obj, why, causes=(f"namespace {obj.namespace} is being terminated",))


def refuse_unknown_priority(tx: Transaction, pod: Object) -> Status | None:
    """Refuse a pod that names a PriorityClass which does not exist. Source: admission plugin Priority."""
    present = tx.get(pod.kind, pod.key) or pod
    spec = present.document.get("spec") or {}
    name = spec.get("priorityClassName")
    if not name or spec.get("priority") is not None:
        return None
    missing = Obstacle(kind="PriorityClass", key=name, path=(), remedy="create it")
    return forbidden(pod, f"no PriorityClass with name {name} was found", obstacles=(missing,))
