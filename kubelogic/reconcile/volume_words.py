"""What is told of volumes that a pod waits for."""

from __future__ import annotations


def unbound_words(claim: str) -> str:
    """What is said of a claim that has no volume, though a pod with a node wants it.

    >>> unbound_words("shop/data")
    'the claim shop/data is not bound to a volume'
    """
    return f"the claim {claim} is not bound to a volume"


def refused_claim_words(claim: str) -> str:
    """What is said of a claim with a selector for which a volume was to be made.

    Source: kubernetes-csi external-provisioner, controller.go, Provision ("claim Selector is not supported");
    pkg/scheduler/framework/plugins/volumebinding, PreBind, of Kubernetes 1.36.

    >>> refused_claim_words("shop/data").partition(": ")[2]
    'it has a selector, and no provisioner makes a volume for such a claim; a real pod stays Pending until it is bound'
    """
    why = "it has a selector, and no provisioner makes a volume for such a claim"
    return f"{unbound_words(claim)}: {why}; a real pod stays Pending until it is bound"


def unchosen_words(claim: str) -> str:
    """What is said of a claim that waits for the scheduler, though a pod that was never scheduled wants it.

    Source: pkg/scheduler/framework/plugins/volumebinding/binder.go, bindAPIUpdate, of Kubernetes 1.36: only there is
    the node chosen.

    >>> unchosen_words("shop/data").partition("and ")[2]
    'spec.nodeName goes past the scheduler; a nodeSelector does not'
    """
    why = "a node is chosen for it when the scheduler places a pod, and spec.nodeName goes past the scheduler"
    return f"{unbound_words(claim)}: {why}; a nodeSelector does not"


def missing_claim_words(claim: str) -> str:
    """What is said of a claim that does not exist.

    >>> missing_claim_words("shop/data")
    'persistentvolumeclaim "data" not found'
    """
    return f'persistentvolumeclaim "{_bare(claim)}" not found'


def missing_driver_words(driver: str, node: str) -> str:
    """What is said of a node without the driver of a volume.

    >>> missing_driver_words("disk.example.com", "oak")
    'driver name disk.example.com not found in the list of registered CSI drivers of oak'
    """
    return f"driver name {driver} not found in the list of registered CSI drivers of {node}"


def multi_attach_words(volume: str, claim: str, node: str, pod: str) -> str:
    """What is said of a volume that another node has; ``pod`` is empty if no pod there uses it.

    Source: attachdetach reconciler, reportMultiAttachError.

    >>> multi_attach_words("pv", "shop/data", "oak", "shop/a")
    'Multi-Attach error for volume "pv" Volume is already used by pod(s) a: ReadWriteOnce claim shop/data, held by oak'
    """
    used = (
        f"is already used by pod(s) {_bare(pod)}"
        if pod
        else "is already exclusively attached to one node and can't be attached to another"
    )
    return f'Multi-Attach error for volume "{volume}" Volume {used}: ReadWriteOnce claim {claim}, held by {node}'


def _bare(key: str) -> str:
    return key.rpartition("/")[2]
