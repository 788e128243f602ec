"""DaemonSets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.naming import template_hash
from kubelogic.facts.base import Fact, FactModule, reader
from kubelogic.facts.objects import controller, identity_facts, sibling, status_facts
from kubelogic.facts.pod_specs import pinned_node
from kubelogic.facts.replacements import EVERYTHING
from kubelogic.facts.selectors import selector
from kubelogic.text.numbers import whole

GENERATION = "deprecated.daemonset.template.generation"
"""The annotation in which the API server counts the changes of a DaemonSet's template."""

GENERATION_LABEL = "pod-template-generation"
"""The label of a daemon pod that names the change of the template it was made from."""

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
    pod = template.get("spec") or {}
    for node in sorted({str(pod.get("nodeName") or ""), pinned_node(pod)} - {""}):
        yield "daemon_set_node", (key, node)
    code = template_hash(template)
    yield "revision_wanted", ("DaemonSet", key, code, sibling(obj.namespace, f"{obj.name}-{code}"))
    yield "daemon_set_template_generation", (key, str(template_generation(obj.document)))
    limit = spec.get("revisionHistoryLimit")
    yield "revision_limit", ("DaemonSet", key, 10 if limit is None else int(limit))


def template_generation(document: Mapping[str, Any]) -> int:
    """How often the template of a DaemonSet was written or changed; 1 where nothing says otherwise.

    Source: pkg/controller/daemon/util/daemonset_util.go, GetTemplateGeneration; pkg/registry/apps/daemonset,
    strategy.go.

    >>> template_generation({"metadata": {"annotations": {"deprecated.daemonset.template.generation": "3"}}})
    3
    """
    written = ((document.get("metadata") or {}).get("annotations") or {}).get(GENERATION)
    return whole(written) or 1


def generation_facts(obj: Object) -> Sequence[Fact]:
    """Which generation of its template a pod says it is of."""
    label = (obj.document["metadata"].get("labels") or {}).get(GENERATION_LABEL)
    return (("pod_template_generation", (obj.key, str(label))),) if label else ()


def daemon_pod_facts(obj: Object) -> Sequence[Fact]:
    """What a DaemonSet's controller notices of one of its pods: every change wakes it."""
    if not _is_of_daemon_set(obj):
        return ()
    text = json.dumps(obj.document, sort_keys=True, default=str)
    return (("daemon_pod_mark", (obj.key, int.from_bytes(sha256(text.encode()).digest()[:6]))),)


def _is_of_daemon_set(obj: Object) -> bool:
    owner = controller(obj.document["metadata"])
    return owner is not None and bool(owner["kind"] == "DaemonSet")


MODULE = FactModule(
    name="daemon sets",
    extractors={
        "DaemonSet": daemon_set_facts,
        "Pod": (
            reader(generation_facts, "metadata.labels", by=["metadata.labels"]),
            reader(daemon_pod_facts, *EVERYTHING, by=["metadata.ownerReferences"], asks=_is_of_daemon_set),
        ),
    },
)
