"""Clusters in which something is taken to be otherwise, for a question. Nothing is sent, and nothing comes of it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import uid_of, with_document
from kubelogic.cluster.pods import device_claims, extended_claim


def supposed(cluster: Cluster, objects: Iterable[Object] = (), *, without: Iterable[tuple[str, str]] = ()) -> Cluster:
    """The cluster as it would be with some objects more, or other ones, and without others.

    Args:
        cluster: as it is.
        objects: what is there instead, or besides; what is new has been tried by ``requests.send``.
        without: kinds and keys of what is not there.
    """
    return cluster.replacing(objects, without=without)


def without_taints(node: Object, keys: Container[str]) -> Object:
    """A node without the taints of some keys, and not cordoned."""
    spec = {name: value for name, value in (node.document.get("spec") or {}).items() if name != "unschedulable"}
    kept = [taint for taint in spec.get("taints") or () if taint.get("key") not in keys]
    return with_document(node, {**node.document, "spec": {**spec, "taints": kept}})


def unbound(pod: Object) -> Object:
    """A pod as it was before it had a node; the claims that were made for it are its own."""
    spec = {name: value for name, value in (pod.document.get("spec") or {}).items() if name != "nodeName"}
    made = (pod.document.get("status") or {}).get(_MADE)
    status = {"phase": "Pending", **({_MADE: made} if made else {})}
    return with_document(pod, {**pod.document, "spec": spec, "status": status})


_MADE = "resourceClaimStatuses"


def freed(cluster: Cluster, pods: Iterable[Object]) -> Cluster:
    """The cluster as it was before some of its pods had nodes: the devices that only they use are free."""
    were = list(pods)
    gone = {uid_of(pod) for pod in were}
    claims = [claim for pod in were for key in device_claims(pod) if (claim := cluster.get(_CLAIM, key))]
    unused = [claim for claim in claims if (users := _users(claim)) and users <= gone]
    return supposed(
        cluster,
        [*map(unbound, were), *(with_document(claim, {**claim.document, "status": {}}) for claim in unused)],
        without=[(_CLAIM, key) for pod in were if (key := extended_claim(pod))],
    )


_CLAIM = "ResourceClaim"


def _users(claim: Object) -> set[str]:
    return {str(each.get("uid")) for each in (claim.document.get("status") or {}).get("reservedFor") or ()}


def rolled_at_once(daemon_set: Object) -> Object:
    """A DaemonSet whose rolling updates replace all pods in one step, with surge where they go by that."""
    spec = daemon_set.document.get("spec") or {}
    strategy = spec.get("updateStrategy") or {}
    steps: Mapping[str, Any] = strategy.get("rollingUpdate") or {}
    wide = {name: number if number in (0, "0%") else "100%" for name, number in steps.items()}
    wider = {**strategy, "rollingUpdate": wide} if wide else strategy
    return with_document(daemon_set, {**daemon_set.document, "spec": {**spec, "updateStrategy": wider}})
