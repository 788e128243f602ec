"""The rules of ClusterRoles as texts, for the controller that puts those of some together in others."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kubelogic.cluster import Object
from kubelogic.facts.base import Fact, FactModule
from kubelogic.facts.selectors import label_set, selector


def cluster_role(obj: Object) -> Iterator[Fact]:
    """The facts of one ClusterRole: its rules, each once and as text, and whose it takes in."""
    labels = label_set((obj.document.get("metadata") or {}).get("labels"))
    yield "cluster_role", (obj.name, labels)
    yield "label_set", (labels,)
    chosen = (obj.document.get("aggregationRule") or {}).get("clusterRoleSelectors") or ()
    for place, text in enumerate(dict.fromkeys(selector(each) for each in chosen)):
        yield "cluster_role_takes", (obj.name, place, text)
        yield "selector", (text,)
    rules = obj.document.get("rules") or ()
    texts = dict.fromkeys(msgspec.json.encode(rule, order="deterministic").decode() for rule in rules)
    for index, text in enumerate(texts):
        yield "cluster_role_rule", (obj.name, index, text)


MODULE = FactModule(
    name="aggregation", extractors={"ClusterRole": cluster_role}, shared=frozenset({"label_set", "selector"})
)
