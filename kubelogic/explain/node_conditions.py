"""What kubelets say in the conditions of their nodes, for taints that stand for a condition."""

from __future__ import annotations

from collections.abc import Mapping

from kubelogic.cluster import Object
from kubelogic.explain.filters import Relations


def condition_types(relations: Relations) -> Mapping[str, str]:
    """By taint, the type of the condition that it stands for (``condition_taint`` of the rules)."""
    rows = [each.terms for each in relations.rulebook.facts if each.predicate == "condition_taint"]
    return {str(key).strip("'"): str(kind).strip("'") for kind, _, key in rows}


def said(node: Object | None, kind: str) -> str:
    """What a kubelet says in a condition of its node, in words that go on a sentence; empty if it says nothing.

    Args:
        node: the node, if it is there.
        kind: the type of the condition.
    """
    conditions = ((node.document.get("status") or {}).get("conditions") or ()) if node is not None else ()
    message = next((str(each.get("message") or "") for each in conditions if each.get("type") == kind), "")
    return f"; it says: {message}" if message else ""
