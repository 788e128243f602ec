"""Rules that keep no pods apart, as no node has the label that they go by.

A node without the topology key of an anti-affinity is in no domain: pods there are kept apart from nobody. Other rules
over such a label keep pods out, which is told with those that wait, or were only wishes.

Source: pkg/scheduler/framework/plugins/interpodaffinity/filtering.go (updateWithPod, satisfyPodAntiAffinity) of
Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from kubelogic.cluster import Cluster
from kubelogic.facts.templates import is_written
from kubelogic.kinds.references import TEMPLATES
from kubelogic.text import Notice
from kubelogic.text.location import value_at

CODE = "KL417"

_TERMS = ("affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution")


def idle_rules(cluster: Cluster, of: Collection[str] | None = None) -> Iterator[Notice]:
    """One notice for each required anti-affinity over a label that no node has; none where there is no node.

    Args:
        cluster: with the nodes.
        of: look only at these objects, ``Kind namespace/name``; None: at all.
    """
    nodes = cluster.objects("Node").values()
    labels = {key for node in nodes for key in (node.document.get("metadata") or {}).get("labels") or {}}
    for kind, path in TEMPLATES.items() if nodes else ():
        steps = (*path, *_TERMS)
        asked = [(obj, terms) for obj in cluster.objects(kind).values() if (terms := value_at(obj.document, steps))]
        for obj, terms in sorted(asked, key=lambda each: each[0].key):
            if not is_written(obj) or (of is not None and str(obj) not in of):
                continue
            for index, term in enumerate(terms):
                key = term.get("topologyKey")
                if key and key not in labels:
                    message = (
                        f"{obj}: no node of the input has the label {key}, so its anti-affinity keeps no pods apart"
                    )
                    place = obj.place((*steps, index, "topologyKey"))
                    yield Notice(code=CODE, message=message, location=place)
