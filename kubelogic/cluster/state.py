"""What a tick reads: the cluster, the time, what the world does, and what controllers remember."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.cluster import Cluster
from kubelogic.cluster.clock import milliseconds, moments_in
from kubelogic.cluster.columns import Columns
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.cluster.objects import Object
from kubelogic.cluster.owners import with_owners
from kubelogic.cluster.pods import nodes_of
from kubelogic.cluster.unready import unready_world
from kubelogic.kinds.evidence import is_stored
from kubelogic.kinds.references import OF_EVERY_NAMESPACE
from kubelogic.logic import Row, Rulebook, Value

TOKEN_SECRET = "kubernetes.io/service-account-token"
"""The type of Secrets that hold a token of a ServiceAccount."""

World = Mapping[str, frozenset[Row]]
"""What happens outside the control plane, by predicate of ``rules/facts/world.dl``: silent nodes, broken images..."""

Memory = Mapping[tuple[str, str], Value]
"""What controllers keep in their own memory between ticks, by (topic, key): retries, timers."""


class Warned(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What the API server said about an object that it took.

    Attributes:
        kind: of the object, or of what made it.
        key: its key.
        text: the warning.
        reason: the reason of the Event that is recorded, if there is one.
    """

    kind: str
    key: str
    text: str
    reason: str = ""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a tick depends on, as a value.

    Attributes:
        cluster: the objects that the API server holds.
        now: milliseconds of the simulated clock (see ``kubelogic.cluster.clock``).
        world: facts about what happens outside the control plane.
        memory: see ``Memory``.
        names: how many names were made so far, by what stands before the generated suffix.
        rules: the rules and parameters that the API server decides by; None for the built-in ones.
        unseen_accounts: the namespaces whose ServiceAccounts were not in the input: nobody knows which ones there are.
        warned: what the API server has warned of so far.
    """

    cluster: Cluster
    now: int = 0
    world: World = msgspec.field(default_factory=dict)
    memory: Memory = msgspec.field(default_factory=dict)
    names: Mapping[str, int] = msgspec.field(default_factory=dict)
    rules: Rulebook | None = None
    unseen_accounts: frozenset[str] = frozenset()
    warned: frozenset[Warned] = frozenset()

    @classmethod
    def of(cls, cluster: Cluster, *, rules: Rulebook | None = None) -> State:
        """The state in which nothing has happened yet. Its clock starts at the latest moment that the cluster mentions.

        A cluster without any moment starts at 0.
        """
        now = _latest(cluster)
        return cls(
            cluster=cluster,
            now=now,
            world=world_of(cluster, now),
            rules=rules,
            unseen_accounts=without_accounts(cluster),
        )

    def with_world(self, *, add: Iterable[tuple[str, Row]] = (), remove: Iterable[tuple[str, Row]] = ()) -> State:
        """The state after changes of the world; what is not there is removed in vain."""
        world = {name: set(rows) for name, rows in self.world.items()}
        for name, row in remove:
            world.get(name, set()).discard(row)
        for name, row in add:
            world.setdefault(name, set()).add(row)
        return replace(self, world={name: frozenset(rows) for name, rows in world.items()})


_EVERY_CLUSTER_HAS = frozenset({"cluster-admin", "system:basic-user", "system:node-proxier"})
"""ClusterRoles that the API server makes: where they were printed, all were."""


def world_of(cluster: Cluster, now: int | None = None) -> World:
    """What a cluster as it was read says of the world outside of it.

    A node whose Ready condition is Unknown has a kubelet that is silent since then, one with Ready=False a kubelet
    that reports so. So is one silent whose lease ran out before another node's was renewed last: kubelets renew theirs
    every ten seconds. Pods that were not getting ready stay so (``cluster.unready``). An owner that is named but not
    there, and a node on which a pod of the cluster runs, are taken to exist elsewhere: often only a part is read.

    Args:
        cluster: as it was read.
        now: the newest moment that it mentions, where that is known.
    """
    found: dict[str, set[Row]] = {}
    for name, node in cluster.objects("Node").items():
        for condition in (node.document.get("status") or {}).get("conditions") or ():
            if condition.get("type") != "Ready":
                continue
            since = condition.get("lastTransitionTime")
            if condition.get("status") == "Unknown":
                found.setdefault("node_silent_since", set()).add((name, milliseconds(since) if since else 0))
            elif condition.get("status") == "False":
                found.setdefault("node_reports", set()).add((name, "False"))
    nodes, pods, homes = cluster.objects("Node"), cluster.objects("Pod"), nodes_of(cluster)
    for name, since in _lapsed(cluster).items():
        if name in nodes and not any(row[0] == name for row in found.get("node_silent_since", ())):
            found.setdefault("node_silent_since", set()).add((name, since))
    named = [(key, name) for key, name in homes.items() if name not in nodes]
    named += [(key, name) for key in pods.keys() - homes.keys() if (name := _meant_for(pods[key])) not in nodes]
    outside = {name for key, name in named if name and is_stored(pods[key].document)}
    if outside:
        found["outside_node"] = {(each,) for each in outside}
    if listed := _listed_configs(cluster):
        found["config_listed"] = listed
    if listed_accounts := _listed_accounts(cluster):
        found["accounts_listed"] = listed_accounts
    if unexplained := _unexplained_roles(cluster):
        found["rules_from_elsewhere"] = {(name, f"ClusterRole {name}") for name in unexplained}
    if accounts := cluster.objects("ServiceAccount").values():
        found["account_seen"] = {(each.namespace, each.name) for each in accounts}
    for name, row in unready_world(cluster, _latest(cluster) if now is None else now):
        found.setdefault(name, set()).add(row)
    if missing := _missing_owners(cluster):
        found["presumed_owner"] = {(uid,) for uid in missing}
    return {name: frozenset(rows) for name, rows in found.items()}


def _missing_owners(cluster: Cluster) -> set[str]:
    """The uids of owners that objects name and the cluster does not have."""
    references = [reference for owners, _ in with_owners(cluster) for reference in owners]
    missing = {str(reference.get("uid") or "") for reference in references}
    kinds = {str(reference.get("kind")) for reference in references}
    for kind in sorted(cluster.kinds(), key=lambda kind: kind not in kinds):
        if not missing:
            break
        missing.difference_update(map(uid_of, cluster.objects(kind).values()))
    return missing


def _meant_for(pod: Object) -> str:
    """The node for which the DaemonSet controller has made a pod; empty for other pods.

    Source: pkg/controller/daemon/util/daemonset_util.go, ReplaceDaemonSetPodNodeNameNodeAffinity.
    """
    rules = ((pod.document.get("spec") or {}).get("affinity") or {}).get("nodeAffinity") or {}
    required = rules.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for field in (term or {}).get("matchFields") or ():
            if field.get("key") == "metadata.name" and field.get("operator") == "In" and len(field["values"]) == 1:
                return str(field["values"][0])
    return ""


def _lapsed(cluster: Cluster) -> dict[str, int]:
    """The nodes whose heartbeats have stopped, and when they last renewed their lease.

    Source: pkg/kubelet of Kubernetes 1.36, nodelease: a lease has the name of its node, in kube-node-lease.
    """
    renewed: dict[str, tuple[int, int]] = {}
    for lease in cluster.objects("Lease").values():
        spec = lease.document.get("spec") or {}
        if lease.namespace == "kube-node-lease" and spec.get("renewTime") and spec.get("leaseDurationSeconds"):
            renewed[lease.name] = milliseconds(str(spec["renewTime"])), 1000 * int(spec["leaseDurationSeconds"])
    newest = max((moment for moment, _ in renewed.values()), default=0)
    return {name: moment for name, (moment, lasts) in renewed.items() if moment + lasts < newest}


def without_accounts(cluster: Cluster) -> frozenset[str]:
    """The namespaces whose ServiceAccounts were not given.

    They were if ``default``, which every namespace has, is among them, or if the namespace itself is only about to be
    made: it has nothing yet but what is in the input.
    """
    named = namespaces(cluster)
    listed = {key.removesuffix("/default") for key in cluster.objects("ServiceAccount") if key.endswith("/default")}
    new = {name for name, obj in cluster.objects("Namespace").items() if _is_new(obj.document)}
    return frozenset(named - listed - new)


def namespaces(cluster: Cluster) -> frozenset[str]:
    """The namespaces in which a cluster has objects; found once of each cluster."""
    everything = cluster.everything()
    return cluster.kept("namespaces", lambda: frozenset({obj.namespace for obj in everything} - {""}))


def without_uid(cluster: Cluster) -> Sequence[Object]:
    """The objects that no API server has given a uid; found once of each cluster."""

    def found(columns: Columns) -> Iterable[Object]:
        uids = columns.values("metadata.uid")
        return columns.objects if not uids else [obj for obj, uid in zip(columns.objects, uids, strict=True) if not uid]

    kinds = map(cluster.columns, cluster.kinds())
    return cluster.kept("objects without uid", lambda: [obj for kind in kinds for obj in found(kind)])


def _unexplained_roles(cluster: Cluster) -> list[str]:
    """The roles that take in the rules of others, of which some may not be in the input."""
    stored = {name: role for name, role in cluster.objects("ClusterRole").items() if is_stored(role.document)}
    if stored.keys() >= _EVERY_CLUSTER_HAS:
        return []
    return [name for name, role in stored.items() if role.document.get("aggregationRule")]


def _listed_accounts(cluster: Cluster) -> set[Row]:
    """Of which namespaces that have Secrets for tokens all ServiceAccounts are in the input."""
    spots = {obj.namespace for obj in cluster.objects("Secret").values() if obj.document.get("type") == TOKEN_SECRET}
    return {(name,) for name in spots - without_accounts(cluster)} if spots else set()


def _listed_configs(cluster: Cluster) -> set[Row]:
    """Of which namespaces all ConfigMaps, or all Secrets, are in the input.

    Of those that are only about to be made; all ConfigMaps, too, where the one is there that a controller keeps in
    every namespace.
    """
    new = {name for name, obj in cluster.objects("Namespace").items() if _is_new(obj.document)}
    printed = {obj.namespace for obj in cluster.objects("ConfigMap").values() if obj.name in OF_EVERY_NAMESPACE}
    return {("Secret", name) for name in new} | {("ConfigMap", name) for name in new | printed}


def _is_new(document: Mapping[str, Any]) -> bool:
    """Whether no API server has seen the document of a namespace yet."""
    metadata = document.get("metadata") or {}
    return not (metadata.get("uid") or metadata.get("creationTimestamp"))


def _asked_to_go(about: Mapping[str, Any]) -> int:
    """When an object was deleted: its deletion timestamp is when its grace period ends.

    Source: staging/src/k8s.io/apiserver/pkg/registry/rest/delete.go BeforeDelete.
    """
    grace = about.get("deletionGracePeriodSeconds")
    seconds = grace if isinstance(grace, int) and not isinstance(grace, bool) else 0
    return milliseconds(str(about["deletionTimestamp"])) - seconds * 1000


_PLACES = frozenset({"podIP", "podIPs", "hostIP", "hostIPs", "phase", "qosClass"})
"""Fields of a pod's status that say where and how it is, and never when."""


def _latest(cluster: Cluster) -> int:
    """The latest moment that a cluster mentions as past, rounded up to a second; at least 0.

    Those are creations, requests to delete, all moments in statuses (heartbeats, transitions, starts and ends of
    containers, schedules, completions), the renewal of leases, and the moments of events.
    """
    parts: list[object] = []
    deletions: list[int] = []
    for kind in cluster.kinds():
        columns = cluster.columns(kind)
        said = [columns.values("metadata.creationTimestamp")]
        if kind == "Pod":
            said += [columns.values(f"status.{name}") for name in columns.fields("status") if name not in _PLACES]
        else:
            said.append(columns.section("status"))
        if kind == "Lease":
            said.append(columns.section("spec"))
        elif kind == "Event":
            parts += [
                {name: value for name, value in obj.document.items() if name != "metadata"} for obj in columns.objects
            ]
        for values in said:
            parts += _distinct(values)
        deletions += [_asked_to_go(metadata(obj)) for obj, _ in columns.having("metadata.deletionTimestamp")]
    latest = max((*deletions, *moments_in(parts)), default=0)
    return -(-max(latest, 0) // 1000) * 1000


def _distinct(values: Sequence[object]) -> Iterable[object]:
    """Values, each once: in a large cluster many objects say the same, or share what they say."""
    try:
        return set(values)
    except TypeError:
        return dict(zip(map(id, values), values, strict=True)).values()
