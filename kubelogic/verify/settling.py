"""Letting a cluster come up before anything happens to it: what is not ready yet is not held against a failure."""

from __future__ import annotations

from kubelogic.cluster import Cluster
from kubelogic.cluster.edit import is_being_deleted
from kubelogic.cluster.pods import node_of
from kubelogic.cluster.state import State
from kubelogic.reconcile.settle import Run, Ticker, settle

PATIENCE = 30 * 60_000
"""Milliseconds of simulated time that pods on nodes have to become ready."""

_MINUTE = 60_000


def come_up(ticker: Ticker, start: State, *, horizon: int) -> Run:
    """Run until nothing happens before the horizon, and on while pods on nodes become ready after it.

    Args:
        ticker: decides what the control plane does.
        start: where nothing has happened yet.
        horizon: milliseconds to look ahead at least.
    """
    run = settle(ticker, start, until=start.now + horizon)
    while (
        run.settled
        and run.next_at is not None
        and run.next_at <= start.now + PATIENCE
        and _coming_up(run.state.cluster)
    ):
        minutes = -(-(run.next_at - start.now) // _MINUTE)
        run = settle(ticker, run.state, until=start.now + minutes * _MINUTE)
    return run


def _coming_up(cluster: Cluster) -> bool:
    """Whether a pod on a node is neither over nor ready."""
    for pod in cluster.objects("Pod").values():
        status = pod.document.get("status") or {}
        over = status.get("phase") in ("Succeeded", "Failed") or is_being_deleted(pod)
        if not over and node_of(pod):
            conditions = {each.get("type"): each.get("status") for each in status.get("conditions") or ()}
            if conditions.get("Ready") != "True":
                return True
    return False
