"""Why a DaemonSet has no pods."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from kubelogic.apiserver.supposing import supposed
from kubelogic.cluster import Object
from kubelogic.cluster.state import State
from kubelogic.explain.blockers import blockers
from kubelogic.explain.filters import goals
from kubelogic.explain.units import some
from kubelogic.facts.pod_specs import pinned_node
from kubelogic.logic import Rulebook
from kubelogic.reconcile.problem import GOALS
from kubelogic.reconcile.relations import Relations


def daemon_set_reasons(state: State, rulebook: Rulebook, obj: Object) -> Iterator[str]:
    """Why no node gets a pod of a DaemonSet, in sentences.

    Source: kube-controller-manager, NodeShouldRunDaemonPod: node name, node affinity and taints count, room does not.
    """
    cluster = state.cluster
    everyone = cluster.objects("Node")
    if not everyone:
        yield "there is no node in the input"
        return
    pod = obj.document["spec"]["template"].get("spec") or {}
    for named in sorted({str(pod.get("nodeName") or ""), pinned_node(pod)} - {""}):
        if others := [name for name in everyone if name != named]:
            where = "which the input does not have" if named not in everyone else "and none of the others takes it"
            yield f"{some(others, 4)}: its template names the node {named}, {where}"
    from kubelogic.verbs.probe import probe

    asked = probe(cluster, obj)
    relations = Relations.of(rulebook, replace(state, cluster=supposed(cluster, [asked])), [*goals(rulebook), *GOALS])
    shape = next((str(row[1]) for row in relations.matching("pod_shape", {0: asked.key})), "")
    alike: dict[str, list[str]] = {}
    for each in blockers(relations, shape, subject=obj.key):
        if each.predicate in _DAEMON_FILTERS and each.witness.get("Key") != _CORDON:
            alike.setdefault(each.gist, []).append(each.node)
    for gist, nodes in alike.items():
        where = some(nodes, 4)
        yield f"{where}: {gist}"


_DAEMON_FILTERS = frozenset(
    {"rejects_node_selector", "rejects_node_affinity", "rejects_empty_term", "rejects_outside_names", "rejects_taint"}
)
_CORDON = "node.kubernetes.io/unschedulable"
