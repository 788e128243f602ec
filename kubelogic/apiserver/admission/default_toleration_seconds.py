"""How long pods tolerate nodes that are not ready or unreachable, unless they say otherwise.

Source: plugin/pkg/admission/defaulttolerationseconds/admission.go of Kubernetes 1.36. Decided by
``rules/admission/default_toleration_seconds.dl``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.deciding import IT, decide
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import edited
from kubelogic.facts.base import Fact

_GOALS = ("grants_default_toleration",)


def admit(tx: Transaction, pod: Object, old: Object | None) -> Status | None:
    """Let a pod tolerate an unready or unreachable node for a while."""
    del old
    if pod.kind != "Pod":
        return None
    present = (pod.document.get("spec") or {}).get("tolerations") or ()
    answer = decide(tx, (("asks_for_pod", (IT,)), *asked_tolerations(present)), _GOALS)
    added = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}
        for _, key, seconds in answer["grants_default_toleration"]
    ]
    if added:
        tx.put(edited(pod, ["spec"], {"tolerations": [*present, *added]}))
    return None


def asked_tolerations(tolerations: Iterable[Mapping[str, Any]]) -> Iterator[Fact]:
    """What a pod says about taints, as facts."""
    for each in tolerations:
        seconds = each.get("tolerationSeconds")
        row = (
            IT,
            each.get("key") or "",
            each.get("operator") or "Equal",
            each.get("value") or "",
            each.get("effect") or "",
            -1 if seconds is None else seconds,
        )
        yield "asks_toleration", row
