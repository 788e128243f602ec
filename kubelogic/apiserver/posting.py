"""What controllers send to make an object: made in the transaction and admitted, or taken away again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubelogic.apiserver import chain
from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """An object that was sent, and the answer.

    Attributes:
        obj: as it was sent.
        refusal: why it was not taken; None if it is there.
    """

    obj: Object
    refusal: Status | None


def post(
    tx: Transaction,
    *,
    api_version: str,
    kind: str,
    key: str,
    document: Mapping[str, Any],
    owner: Object | None = None,
) -> Posted:
    """POST an object within a transaction; what is refused leaves no trace in it.

    Args:
        tx: what there is by now.
        api_version: group and version.
        kind: kind.
        key: ``namespace/name`` or ``name``.
        document: the rest; ``metadata`` may hold labels, annotations, finalizers and so on.
        owner: the object that becomes its controller.
    """
    made = tx.create(api_version=api_version, kind=kind, key=key, document=document, owner=owner)
    refusal = chain.on_create(tx, made)
    if refusal is not None:
        tx.changed.pop((kind, key))
        tx.undone = True
    return Posted(obj=made, refusal=refusal)
