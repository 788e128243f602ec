"""DaemonSets."""

from __future__ import annotations

from collections.abc import Iterator

from kubelogic.cluster import Object
from kubelogic.cluster.naming import template_hash
from kubelogic.facts.base import Fact, FactModule
from kubelogic.facts.objects import identity_facts, sibling, status_facts
from kubelogic.facts.selectors import selector

COUNTERS = (
    "observedGeneration",
    "desiredNumberScheduled",
    "currentNumberScheduled",
    "numberMisscheduled",
    "numberReady",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
)


def daemon_set_facts(obj: Object) -> Iterator[Fact]:
    """Facts of a DaemonSet."""
    key = obj.key
    spec = obj.document.get("spec") or {}
    template = spec.get("template") or {}
    strategy = spec.get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate") or {}
    chosen = selector(spec.get("selector"))
    yield from identity_facts(obj)
    yield from status_facts(obj, COUNTERS)
    yield "daemon_set", (key,)
    yield "daemon_set_selector", (key, obj.namespace, chosen)
    yield "selector", (chosen,)
    yield "daemon_set_min_ready", (key, 1000 * int(spec.get("minReadySeconds") or 0))
    if strategy.get("type") == "OnDelete":
        yield "daemon_set_on_delete", (key,)
    unavailable = rolling.get("maxUnavailable")
    for name, value in (
        ("daemon_set_unavailable", 1 if unavailable is None else unavailable),
        ("daemon_set_surge", rolling.get("maxSurge") or 0),
    ):
        if isinstance(value, str):
            yield name, (key, "percent", int(value.removesuffix("%")))
        else:
            yield name, (key, "number", int(value))
    node = (template.get("spec") or {}).get("nodeName")
    if node:
        yield "daemon_set_node", (key, node)
    code = template_hash(template)
    yield "revision_wanted", ("DaemonSet", key, code, sibling(obj.namespace, f"{obj.name}-{code}"))
    limit = spec.get("revisionHistoryLimit")
    yield "revision_limit", ("DaemonSet", key, 10 if limit is None else int(limit))


MODULE = FactModule(name="daemon sets", extractors={"DaemonSet": daemon_set_facts})
