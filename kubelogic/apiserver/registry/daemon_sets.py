"""The count of changes of a DaemonSet's template, which the API server keeps in an annotation.

Source: pkg/registry/apps/daemonset/strategy.go, PrepareForCreate and PrepareForUpdate; pkg/apis/apps/v1/conversion.go.
"""

from __future__ import annotations

from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import edited
from kubelogic.facts.daemon_sets import GENERATION, template_generation


def count_template(tx: Transaction, obj: Object) -> Status | None:
    """A new DaemonSet has the first template, or the one whose number it brings."""
    _write(tx, obj, template_generation(obj.document))
    return None


def count_template_change(tx: Transaction, old: Object, new: Object) -> Status | None:
    """A changed template is the next one; nobody else can change the number."""
    before, after = (each.document["spec"].get("template") for each in (old, new))
    _write(tx, new, template_generation(old.document) + (before != after))
    return None


def _write(tx: Transaction, obj: Object, number: int) -> None:
    tx.put(edited(obj, ["metadata", "annotations"], {GENERATION: str(number)}))
