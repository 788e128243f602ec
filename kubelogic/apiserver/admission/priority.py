"""The priority of pods, from their class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.apiserver.transaction import Transaction


def with_priority(tx: Transaction, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """A pod spec with the number and policy of its PriorityClass, or of the global default.

    Source: admission plugin Priority.
    """
    name = spec.get("priorityClassName")
    classes = tx.state.cluster.objects("PriorityClass")
    system = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
    if name:
        found = classes.get(name)
        value = system.get(name) if found is None else int(found.document.get("value") or 0)
        if value is None:
            return spec
    else:
        defaults = sorted(
            (int(c.document.get("value") or 0), key) for key, c in classes.items() if c.document.get("globalDefault")
        )
        if not defaults:
            return {**spec, "priority": 0, "preemptionPolicy": spec.get("preemptionPolicy", "PreemptLowerPriority")}
        value, name = defaults[0]
        found = classes[name]
    policy = "PreemptLowerPriority" if found is None else found.document.get("preemptionPolicy")
    return {**spec, "priorityClassName": name, "priority": value, "preemptionPolicy": policy or "PreemptLowerPriority"}
