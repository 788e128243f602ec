"""Components of the control plane that can be down: the scheduler, the controller manager, single controllers.

A controller that is down derives nothing into actions: the clauses of its rule files with an action as their head are
left out. What other components do goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from types import MappingProxyType

from kubelogic.logic import Rulebook

SCHEDULER = "kube-scheduler"
MANAGER = "kube-controller-manager"

CONTROLLERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cronjob-controller": ("cronjob",),
        "daemonset-controller": ("daemonset",),
        "deployment-controller": ("deployment",),
        "disruption-controller": ("disruption", "stale_disruption"),
        "endpoints-controller": ("endpoints",),
        "endpointslice-controller": ("endpointslice",),
        "endpointslice-mirroring-controller": ("endpointslice_mirroring",),
        "ephemeral-volume-controller": ("ephemeral_volume",),
        "garbage-collector-controller": ("garbage_collector",),
        "horizontal-pod-autoscaler-controller": ("horizontal_pod_autoscaler", "autoscaler"),
        "job-controller": ("job",),
        "namespace-controller": ("namespace",),
        "node-ipam-controller": ("node_ipam",),
        "node-lifecycle-controller": ("node_lifecycle", "node_eviction_rate"),
        "persistentvolume-attach-detach-controller": ("attach_detach",),
        "persistentvolume-binder-controller": ("persistent_volume_binder", "provisioning"),
        "pod-garbage-collector-controller": ("podgc",),
        "replicaset-controller": ("replicaset",),
        "resourceclaim-controller": ("resource_claim",),
        "resourcequota-controller": ("resource_quota",),
        "serviceaccount-token-controller": ("service_account_tokens",),
        "statefulset-controller": ("statefulset",),
        "taint-eviction-controller": ("taint_eviction",),
        "ttl-controller": ("ttl",),
        "ttl-after-finished-controller": ("ttl_after_finished",),
    }
)
"""Controllers by their name in kube-controller-manager, with what their rule files are called, or begin with."""

COMPONENTS = (SCHEDULER, MANAGER, *CONTROLLERS)

_FOLDERS = ("controllers", "storage")


def component_of(name: str) -> str | None:
    """The component of a name as people write it; None if there is none.

    >>> component_of("scheduler"), component_of("deployment"), component_of("kubelet")
    ('kube-scheduler', 'deployment-controller', None)
    """
    plain = name.lower()
    for each in (plain, f"kube-{plain}", f"{plain}-controller"):
        if each in COMPONENTS:
            return each
    return None


def without(book: Rulebook, down: Iterable[str]) -> Rulebook:
    """The rules without what the components that are down would do.

    Args:
        book: all rules.
        down: names of ``COMPONENTS``; the scheduler is not a matter of rules.
    """
    names = set(down)
    files = {file.path for file in book.files if _is_down(PurePath(file.path), names)}
    clauses = tuple(
        clause
        for clause in book.clauses
        if clause.place.file not in files or not clause.head.predicate.startswith("action_")
    )
    return Rulebook.assemble(files=book.files, declarations=book.declarations, clauses=clauses, facts=book.facts)


def _is_down(path: PurePath, names: set[str]) -> bool:
    if path.parent.name not in _FOLDERS:
        return False
    if MANAGER in names:
        return True
    return any(_owner(path.stem) == name for name in names)


def _owner(stem: str) -> str | None:
    """The controller that a rule file is about: the one whose name the file's begins with, the longest first."""
    found = [
        (len(part), name)
        for name, parts in CONTROLLERS.items()
        for part in parts
        if stem == part or stem.startswith(f"{part}_")
    ]
    return max(found)[1] if found else None
