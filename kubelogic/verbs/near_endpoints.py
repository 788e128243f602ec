"""Which endpoints the nodes use of a Service that prefers those that are near (``trafficDistribution``).

What kube-proxy chooses is derived: ``rules/network/traffic_distribution.dl``.
"""

from __future__ import annotations

from collections import defaultdict

from kubelogic.cluster import Object
from kubelogic.explain.units import count, some
from kubelogic.reconcile.relations import Relations
from kubelogic.verbs.reconciled import Reconciled

_CHOSEN, _IN_ZONE, _ON_NODE, _UNPLACED = "chosen_near", "in_same_zone", "stays_on_node", "endpoint_without_zone"


def near_words(done: Reconciled, service: Object) -> tuple[str, ...]:
    """What a Service's ``trafficDistribution`` comes to on the nodes; empty if it has none, or no endpoint is ready.

    Args:
        done: a run with all of the Services' endpoints.
        service: of its end.
    """
    spec = service.document.get("spec") or {}
    wanted = spec.get("trafficDistribution")
    if not wanted or spec.get("clusterIP") == "None":  # of a headless one whoever asks DNS chooses
        return ()
    relations = Relations.of(done.rulebook, done.run.state, (_CHOSEN, _IN_ZONE, _ON_NODE, _UNPLACED))
    rows = relations.matching(_CHOSEN, {0: service.key})
    first = min((int(str(row[1])) for row in rows), default=0)  # all ports have the same pods, as a rule
    used: dict[str, set[str]] = defaultdict(set)
    for _, _, node, address, port in relations.matching(_CHOSEN, {0: service.key, 1: first}):
        used[str(node)].add(f"{address}:{port}")
    nearby = {str(row[2]) for name in (_IN_ZONE, _ON_NODE) for row in relations.matching(name, {0: service.key})}
    unplaced = bool(relations.matching(_UNPLACED, {0: service.key}))
    everything = set[str]().union(*used.values())
    told: dict[str, list[str]] = defaultdict(list)
    for node, addresses in sorted(used.items()):
        whole = count(len(everything), "endpoint")
        if node in nearby:
            words = f"goes to {some(sorted(addresses))}"
        elif unplaced:
            words = f"goes to any of {whole}: not all of them are on nodes with a zone, so that none is preferred"
        else:
            words = f"goes to any of {whole}, as none is ready in the zone of the node"
        told[words].append(node)
    return tuple(f"{wanted}: what pods on {some(nodes)} send {words}" for words, nodes in told.items())
