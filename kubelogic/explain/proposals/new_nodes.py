"""Proposals to add nodes: like one that is there, with what that one lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.owners import makers
from kubelogic.cluster.pods import has_ended, node_of
from kubelogic.explain.blockers import Blocker
from kubelogic.explain.proposals.amounts import as_written, requested
from kubelogic.explain.proposals.case import (
    Candidate,
    Case,
    Change,
    Create,
    Document,
    allocatable_of,
    by_platform,
    labels_of,
    pinned_to,
    taints_of,
)
from kubelogic.explain.proposals.nodes import goes, is_leaving, term_labels
from kubelogic.explain.proposals.patches import dig
from kubelogic.explain.proposals.workloads import HOSTNAME, NODE_TERMS, kept_to
from kubelogic.explain.units import amount
from kubelogic.facts.storage import named_class
from kubelogic.kinds import quantity

_ZONES = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
_PLACES = (*_ZONES, "topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
"""Labels whose value may be the name of a node by chance."""

_BY_THE_POD = frozenset({"rejects_features", "rejects_policy", "rejects_name_conflict"})
"""What another node does not mend."""

_BY_ROOM = frozenset(
    {
        "rejects_port",
        "rejects_pod_count",
        "rejects_disk",
        "rejects_attach",
        "rejects_anti_affinity",
        "rejects_existing_anti_affinity",
        "rejects_spread",
        "rejects_spread_promised",
        "rejects_unschedulable",
        "rejects_fit",
    }
)
"""What is not so on a node that is new and empty."""

_FAR = ("rejects_volume_node", "rejects_zone")
"""What bars where a volume cannot be used."""

_MOST_KINDS = 4
"""Kinds of nodes that are proposed, at most."""

_FEW, _MOST_RIVALS = 4, 4
"""Numbers of nodes that are tried one by one, and pods of others for which more are tried, at most."""


class _Draft(msgspec.Struct, kw_only=True):
    """A new node as it takes shape."""

    labels: dict[str, str] = msgspec.field(default_factory=dict)
    resources: dict[str, int] = msgspec.field(default_factory=dict)
    untainted: list[str] = msgspec.field(default_factory=list)
    elsewhere: str = ""
    possible: bool = True

    @property
    def cost(self) -> int:
        return 6 + len(self.labels) + len(self.resources) + len(self.untainted) + bool(self.elsewhere)

    def words(self) -> str:
        zones = [(key, value) for key, value in self.labels.items() if key in _ZONES]
        told = [f"{key}={value}" for key, value in self.labels.items() if key not in _ZONES]
        told += [f"{amount(resource, value)} of {resource}" for resource, value in self.resources.items()]
        text = f" with {' and '.join(told)}" if told else ""
        text += f" without the taint {' and '.join(self.untainted)}" if self.untainted else ""
        if zones and self.elsewhere not in _ZONES:
            return f"{text} in zone {zones[0][1]}"
        return f"{text} in another {self.elsewhere.rpartition('/')[2]}" if self.elsewhere else text


def more_nodes(case: Case) -> Iterator[Candidate]:
    """Nodes like those that are there, one of each kind, with what the pod misses there; and as many as are needed.

    Nodes that are going or not ready yet are a model only where there is no other: a new one is neither.
    """
    if case.workload.kind == "DaemonSet":  # whose waiting pods are for the nodes that are there
        return
    if any(blocker.predicate in _BY_THE_POD or not blocker.node for blocker in case.blockers if not _other(blocker)):
        return
    staying = [(name, node) for name, node in case.nodes() if not is_leaving(case, name)]
    drafts: dict[str, tuple[int, str, Object, _Draft]] = {}
    for name, node in staying or case.nodes():
        draft = _draft(case, name, node, _other_domains(case, name))
        if draft.possible:
            drafts.setdefault(_kind(node, draft), (draft.cost, name, node, draft))
    chosen = sorted(drafts.values(), key=lambda each: (each[0], each[1]))[:_MOST_KINDS]
    for kind, (cost, name, node, draft) in enumerate(chosen):
        for number in _numbers(case, node, draft, rivals=0 if kind else case.rivals):
            what = f"a node like {name}" if number == 1 else f"{number} nodes like {name}"
            yield by_platform(
                "node",
                cost + (number > 1),
                f"add {what}{draft.words()}",
                changes=tuple(
                    change
                    for n in range(number)
                    for change in _made(case, node, draft, f"-{n + 1}" if number > 1 else "")
                ),
                gives_up=number,
            )


def _numbers(case: Case, node: Object, draft: _Draft, *, rivals: int) -> list[int]:
    """How many nodes to try: few, as many as have room by what the pod asks for, and one for each pod.

    Pods of others that wait, too, may take the first ones.
    """
    offers = allocatable_of(node)
    held = {resource: quantity.amount(resource, value) for resource, value in offers.items()} | draft.resources
    asked = {resource: requested(case.spec, resource) for resource in held}
    room = min((held[resource] // number for resource, number in asked.items() if number), default=1)
    enough = -(-case.missing // max(room, 1))
    every = case.missing + min(rivals, _MOST_RIVALS)
    return sorted({1, *range(2, min(every, _FEW) + 1), enough, case.missing, every})


def nodes_for_daemons(case: Case) -> Iterator[Candidate]:
    """For a DaemonSet none of whose nodes reaches its volumes: a node that does, and the set on such nodes only."""
    name = pinned_to(case.pod) if case.workload.kind == "DaemonSet" else ""
    node = case.cluster.get("Node", name) if name else None
    if node is None or len(case.waiting) < len(case.pods):
        return
    draft = _draft(case, name, node, [])
    volumes = {str(blocker.witness["Volume"]) for kind in _FAR for blocker in case.about(kind) if blocker.node == name}
    where = _Draft()
    for volume in sorted(volumes):
        _reach(case, where, volume)
    if where.labels and where.possible and draft.possible:
        told = " and ".join(f"{key} In {value}" for key, value in where.labels.items())
        yield by_platform(
            "node",
            draft.cost + 3,
            f"add a node like {name}{draft.words()}, and keep the DaemonSet to such nodes (node affinity: {told})",
            kept_to(where.labels),
            changes=tuple(_made(case, node, draft, "")),
        )


def _other(blocker: Blocker) -> bool:
    """Whether a blocker about all nodes says what a new node could mend."""
    return blocker.predicate in ("rejects_exclusive_claim", "group_incomplete")


def _own(node: Object) -> list[str]:
    """The labels that name the node itself: its host name, and others of its name that do not say where it is."""
    labels = labels_of(node)
    return [key for key in labels if key == HOSTNAME or (labels[key] == node.name and key not in _PLACES)]


def _kind(node: Object, draft: _Draft) -> str:
    """What a new node would be like: nodes of which the same would come of are one kind."""
    own = _own(node)
    labels = {key: value for key, value in labels_of(node).items() if key not in own}
    return repr(
        (
            sorted({**labels, **draft.labels}.items()),
            sorted({**{k: str(v) for k, v in allocatable_of(node).items()}, **draft.resources}.items(), key=repr),
            sorted((t.get("key"), t.get("value"), t.get("effect")) for t in taints_of(node)),
            draft.untainted,
            draft.elsewhere,
        )
    )


def _draft(case: Case, name: str, node: Object, elsewhere: list[str]) -> _Draft:
    """What a node like this one would have to have besides, for the pod to fit on it.

    What bars a whole domain bars a new node in it, too: the new one is in another domain.
    """
    draft = _Draft(elsewhere=elsewhere[0] if elsewhere else "")
    selector = case.spec.get("nodeSelector") or {}
    for key in elsewhere:
        draft.labels[key] = _fresh(case, key)
    for blocker in case.at(name):
        match blocker.predicate:
            case "rejects_taint":
                key = str(blocker.witness["Key"])
                shown = f"{key}:{blocker.witness['Effect']}"
                if not goes(case, key) and shown not in draft.untainted:
                    draft.untainted.append(shown)
            case "rejects_node_selector":
                key = str(blocker.witness["Key"])
                draft.labels[key] = str(selector.get(key, blocker.witness["Value"]))
            case "rejects_node_affinity":
                _meet(case, draft)
            case "rejects_volume_node" | "rejects_zone":
                _reach(case, draft, str(blocker.witness["Volume"]))
            case "rejects_no_volume":
                _make_volumes(case, draft, str(blocker.witness["Claim"]))
            case "rejects_spread_key" | "rejects_affinity_key":
                draft.labels[str(blocker.witness["Key"])] = _fresh(case, str(blocker.witness["Key"]))
            case predicate if predicate not in _BY_ROOM:
                draft.possible = False
    _make_room(case, name, node, draft)
    if HOSTNAME in draft.labels:
        draft.possible = False
    return draft


def _make_room(case: Case, name: str, node: Object, draft: _Draft) -> None:
    """Have at least what the pod asks for, and what the pods of DaemonSets will, which come to a new node, too."""
    offers = allocatable_of(node)
    for blocker in case.at(name):
        if blocker.predicate == "rejects_fit":
            resource = str(blocker.witness["Resource"])
            needed = int(blocker.witness["Requested"]) + _of_daemons(case, name, resource)
            if needed > quantity.amount(resource, offers.get(resource, 0)):
                draft.resources[resource] = needed


def _of_daemons(case: Case, name: str, resource: str) -> int:
    """What the pods of DaemonSets that run on a node ask for."""
    by_node = case.cluster.kept("specs of daemon pods by node", lambda: _daemon_pods(case.cluster))
    return sum(requested(spec, resource) for spec in by_node.get(name, ()))


def _daemon_pods(cluster: Cluster) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """The specs of pods of DaemonSets that run, by the node that they are on."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for (_, _, kind, _), pods in makers(cluster).items():
        for pod in pods if kind == "DaemonSet" else ():
            if not has_ended(pod):
                found.setdefault(node_of(pod), []).append(pod.document.get("spec") or {})
    return found


def _meet(case: Case, draft: _Draft) -> None:
    terms = (dig(case.pod.document, NODE_TERMS) or {}).get("nodeSelectorTerms") or ()
    labels: dict[str, str] = next(filter(None, map(term_labels, terms)), {})
    draft.labels.update(labels)
    draft.possible &= bool(labels) or any(map(_keeps_off_nodes, terms))


def _keeps_off_nodes(term: Mapping[str, Any]) -> bool:
    """Whether a term names nodes that it does not want, of which a new one is none."""
    return any(each["key"] == HOSTNAME and each["operator"] == "NotIn" for each in term.get("matchExpressions") or ())


def _reach(case: Case, draft: _Draft, volume: str) -> None:
    """Be where a volume can be used."""
    obj = case.cluster.get("PersistentVolume", volume)
    terms = dig(obj.document, ("spec", "nodeAffinity", "required", "nodeSelectorTerms")) if obj is not None else None
    labels: dict[str, str] = next(filter(None, map(term_labels, terms or ())), {})
    if obj is not None and not labels:
        labels = {
            key: value.split("__")[0] for key, value in labels_of(obj).items() if "zone" in key or "region" in key
        }
    draft.labels.update(labels)
    draft.possible &= bool(labels)


def _make_volumes(case: Case, draft: _Draft, claim: str) -> None:
    """Be where the class of a claim makes volumes."""
    found = case.cluster.get("PersistentVolumeClaim", claim)
    name = named_class(found.document) if found is not None else None
    made = case.cluster.get("StorageClass", name or "")
    terms = (made.document.get("allowedTopologies") or ()) if made is not None else ()
    labels = {each["key"]: each["values"][0] for term in terms[:1] for each in term.get("matchLabelExpressions") or ()}
    draft.labels.update(labels)
    draft.possible &= bool(labels)


def _other_domains(case: Case, name: str) -> list[str]:
    """Topology keys of which another domain has to be found, as rules about them bar the domain of this node."""
    kinds = ("rejects_spread", "rejects_anti_affinity", "rejects_existing_anti_affinity")
    keys = {str(b.witness["Key"]) for b in case.at(name) if b.predicate in kinds}
    return sorted(keys - {HOSTNAME})


def _fresh(case: Case, key: str) -> str:
    """A value of a label that no node has."""
    nodes = case.cluster.objects("Node").values()
    taken = case.cluster.kept(f"values of the label {key}", lambda: {labels_of(node).get(key) for node in nodes})
    stem = key.rpartition("/")[2]
    return next(name for n in range(1, len(taken) + 2) if (name := f"new-{stem}-{n}") not in taken)


def _made(case: Case, node: Object, draft: _Draft, suffix: str) -> Iterator[Change]:
    """A node, and its CSINode where the one that it is like has one."""
    fresh = f"{node.name}-more{suffix}"
    while case.cluster.get("Node", fresh) is not None:
        fresh += "-more"
    yield Create(document=_node(fresh, node, draft, case))
    csi = case.cluster.get("CSINode", node.name)
    if csi is not None:
        drivers: list[Mapping[str, Any]] = [
            {**driver, "nodeID": fresh} for driver in dig(csi.document, ("spec", "drivers")) or ()
        ]
        yield Create(
            document={
                "apiVersion": "storage.k8s.io/v1",
                "kind": "CSINode",
                "metadata": {"name": fresh},
                "spec": {"drivers": drivers},
            }
        )


def _node(fresh: str, node: Object, draft: _Draft, case: Case) -> Document:
    labels = {**labels_of(node), **dict.fromkeys(_own(node), fresh)}
    spec: dict[str, Any] = {}
    taints = [
        taint
        for taint in taints_of(node)
        if not goes(case, str(taint.get("key"))) and f"{taint.get('key')}:{taint.get('effect')}" not in draft.untainted
    ]
    if taints:
        spec["taints"] = taints
    more = {resource: as_written(resource, value) for resource, value in draft.resources.items()}
    status = node.document.get("status") or {}
    held = {field: {**status[field], **more} for field in ("allocatable", "capacity") if status.get(field)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": fresh, "labels": {**labels, HOSTNAME: fresh, **draft.labels}},
        "spec": spec,
        "status": {
            **(held or {"allocatable": {**allocatable_of(node), **more}}),
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }
