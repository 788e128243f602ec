"""Drains: which pods of a node ``kubectl drain`` evicts, what it refuses to touch, and what it tries again.

Source: k8s.io/kubectl, pkg/drain (filters.go, drain.go evictPods) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from kubelogic.apiserver import requests
from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.registry.eviction import budgets_of
from kubelogic.cluster import Object
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.cluster.pods import controller_reference, has_ended, node_of
from kubelogic.cluster.state import State
from kubelogic.facts.parameters import parameters_of
from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.facts.selectors import matches, selector_of
from kubelogic.reconcile.performing import Performed, done, perform, performed, refused
from kubelogic.reconcile.scenario import Drain, NodeOperation
from kubelogic.reconcile.times import go_duration

_DAEMONS = "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)"
LOCAL = "cannot delete Pods with local storage (use --delete-emptydir-data to override)"
UNMANAGED = "cannot delete Pods that declare no controller (use --force to override)"

Meant = tuple[tuple[str, str], ...]
"""Pods by key and uid."""


class DrainAgain(NodeOperation, frozen=True, kw_only=True):
    """A drain tries again to evict the pods that were refused.

    Attributes:
        node: that is drained.
        pods: those that are left, by key and uid.
        grace: seconds that the pods get to end; None for their own.
        until: the moment at which it gives up; None: never.
        timeout: milliseconds that it was given.
    """

    pods: Meant
    grace: int | None = None
    until: int | None = None
    timeout: int = 0

    def arguments(self) -> dict[str, Any]:
        """The node, and the keys of the pods."""
        return {"node": self.node, "pods": [key for key, _ in self.pods]}


@perform.register
def _(operation: Drain, state: State) -> Performed:
    outcome = requests.cordon(state, operation.node, unschedulable=True)
    if not outcome.answer.accepted:
        return performed(outcome)
    chosen, against = meant(operation, outcome.state)
    if against:
        why = "; ".join(f"{reason}: {', '.join(keys)}" for reason, keys in against.items())
        message = f"{why} (nothing is evicted; the node is cordoned)"
        return refused(outcome.state, message, status=422, reason="Refused")
    until = None if operation.timeout is None else state.now + operation.timeout
    again = DrainAgain(
        node=operation.node, pods=chosen, grace=operation.grace, until=until, timeout=operation.timeout or 0
    )
    return _deleted(again, outcome.state) if operation.disable_eviction else _evicted(again, outcome.state)


@perform.register
def _(operation: DrainAgain, state: State) -> Performed:
    return _evicted(operation, state)


def meant(operation: Drain, state: State) -> tuple[Meant, dict[str, list[str]]]:
    """The pods that a drain evicts, and those because of which it refuses to do anything, by its words."""
    chosen: list[tuple[str, str]] = []
    refused: dict[str, list[str]] = {}
    wanted = selector_of(operation.pod_selector) if operation.pod_selector else ()
    for key, pod in sorted(state.cluster.objects("Pod").items()):
        if node_of(pod) != operation.node:
            continue
        if wanted and not matches(wanted, metadata(pod).get("labels") or {}):
            continue
        why = _judged(operation, pod, state)
        if why:
            refused.setdefault(why, []).append(key)
        elif why is not None:
            chosen.append((key, uid_of(pod)))
    return tuple(chosen), refused


def _judged(operation: Drain, pod: Object, state: State) -> str | None:
    """Why a drain refuses to evict a pod; empty if it evicts it, None if it leaves it alone."""
    spec: Mapping[str, Any] = pod.document.get("spec") or {}
    meta = metadata(pod)
    owner = controller_reference(pod)
    ended = has_ended(pod)
    if owner is not None and owner.get("kind") == "DaemonSet" and not ended:
        presumed = (str(owner.get("uid") or ""),) in state.world.get("presumed_owner", ())
        if not presumed and state.cluster.get("DaemonSet", f"{pod.namespace}/{owner.get('name')}") is None:
            return "" if operation.force else f'daemonsets.apps "{owner.get("name")}" not found'
        return None if operation.ignore_daemon_sets else _DAEMONS
    if "kubernetes.io/config.mirror" in (meta.get("annotations") or {}):
        return None
    local = any("emptyDir" in volume for volume in spec.get("volumes") or ())
    if local and not ended and not operation.delete_empty_dir:
        return LOCAL
    if owner is None and not ended and not operation.force:
        return UNMANAGED
    return ""


def _deleted(drain: DrainAgain, state: State) -> Performed:
    """Delete pods, as with ``--disable-eviction``: no budget is asked."""
    for key, _ in drain.pods:
        state = requests.delete(state, "Pod", key, grace=drain.grace).state
    return done(state)


def _evicted(drain: DrainAgain, state: State) -> Performed:
    """Evict pods: what a budget protects is tried again, any other error is final for its pod."""
    left: list[tuple[str, str]] = []
    again: list[str] = []
    errors: list[str] = []
    for key, uid in drain.pods:
        pod = state.cluster.get("Pod", key)
        if pod is None or uid_of(pod) != uid:
            continue
        outcome = requests.evict(state, key, grace=drain.grace)
        if outcome.answer.accepted:
            state = outcome.state
        elif outcome.answer.status == 429:
            left.append((key, uid))
            again.append(_told(pod, outcome.answer, state))
        else:
            errors.append(_told(pod, outcome.answer, state))
    if not left and not errors:
        return done(state)
    every = int(parameters_of(state.rules or builtin_rulebook())["drain_retry"])
    over = drain.until is not None and state.now + every > drain.until
    operation = replace(drain, pods=tuple(left)) if left and not over else None
    how = f"global timeout reached: {go_duration(drain.timeout)}" if over else f"tried again every {every / 1000:g}s"
    retried = f"{'; '.join(again)} ({how})" if again else ""
    message = "; ".join(filter(None, [*errors, retried]))
    return Performed(state=state, answer=Status(status=429 if left else 500, message=message), again=operation)


def _told(pod: Object, answer: Status, state: State) -> str:
    budgets = ", ".join(f"PodDisruptionBudget {b.key}" for b in budgets_of(state.cluster, pod))
    causes = " ".join(answer.causes)
    return f"error when evicting pod {pod.key}: {answer.message}{' ' if causes else ''}{causes} ({budgets})"
