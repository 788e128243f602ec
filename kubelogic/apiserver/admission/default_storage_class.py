"""The storage class of claims that name none.

Source: plugin/pkg/admission/storage/storageclass/setdefault/admission.go of Kubernetes 1.36. Decided by
``rules/admission/default_storage_class.dl``.
"""

from __future__ import annotations

from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.deciding import IT, decide
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import edited, metadata
from kubelogic.facts.base import Fact
from kubelogic.facts.storage import CLASS_ANNOTATION

_GOALS = ("grants_storage_class",)


def admit(tx: Transaction, claim: Object, old: Object | None) -> Status | None:
    """Give a new claim the default class, if it leaves the choice to the cluster and there is one."""
    if claim.kind != "PersistentVolumeClaim" or old is not None:
        return None
    asked: list[Fact] = [("asks_for_claim", (IT,))]
    named = (claim.document.get("spec") or {}).get("storageClassName")
    if named is None:
        named = (metadata(claim).get("annotations") or {}).get(CLASS_ANNOTATION)
    if named is not None:
        asked.append(("asks_storage_class", (IT, named)))
    for _, name in decide(tx, tuple(asked), _GOALS)["grants_storage_class"]:
        tx.put(edited(claim, ["spec"], {"storageClassName": name}))
    return None
