"""Proposals about what nodes are like: taints, labels, cordons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.explain.proposals.case import Candidate, Case, Patch, by_app, by_platform, labels_of, taints_of
from kubelogic.explain.proposals.marks import RESERVED, is_passing, states_a_fact
from kubelogic.explain.proposals.patches import appended, put, remove, setting, without
from kubelogic.explain.proposals.workloads import NODE_TERMS, REQUIRED
from kubelogic.patterns import regex

Taint = tuple[str, str, str]
"""Key, value and effect."""


def is_leaving(case: Case, node: str) -> bool:
    """Whether a node has a taint that says it is going or not ready."""
    obj = case.cluster.get("Node", node)
    cordoned = "node.kubernetes.io/unschedulable"
    return obj is not None and any(
        goes(case, str(taint.get("key"))) for taint in taints_of(obj) if taint.get("key") != cordoned
    )


def goes(case: Case, key: str) -> bool:
    """Whether a taint is one that somebody puts on and takes off."""
    return key in case.passing or is_passing(key)


def taints(case: Case) -> Iterator[Candidate]:
    """Tolerate the taints of a node, or take them off the node that has least else against the pod.

    Taints that controllers put on nodes are left alone: what they stand for has to be mended.
    """
    found: dict[Taint, list[str]] = {}
    for blocker in case.about("rejects_taint"):
        key, value, effect = (str(blocker.witness[name]) for name in ("Key", "Value", "Effect"))
        if not is_leaving(case, blocker.node) and not goes(case, key):
            found.setdefault((key, value, effect), []).append(blocker.node)
    for taint, names in sorted(found.items()):
        key, value, effect = taint
        dear = 6 if key in RESERVED else 0
        toleration = {"key": key, "operator": "Equal", "value": value, "effect": effect}
        what = f"tolerate the taint {_shown(taint)}"
        yield by_app("toleration", 2 + dear, what, appended(("spec", "tolerations"), toleration, added=case.defaults))
        name = min(names, key=lambda node: (len(case.on(node)), node))
        node = case.cluster.get("Node", name)
        for index, each in enumerate(taints_of(node) if node is not None else ()):
            if node is not None and (each.get("key"), each.get("effect")) == (key, effect):
                change = Patch(target=node, operations=(remove(("spec", "taints", index)),))
                # a toleration lets in this workload, not everybody
                what = f"remove the taint {_shown(taint)} from {name}"
                yield by_platform("taint", 5 + dear, what, changes=(change,), unless=frozenset({"toleration"}))


def _shown(taint: Taint) -> str:
    key, value, effect = taint
    return f"{key}={value}:{effect}" if value else f"{key}:{effect}"


def selected_labels(case: Case) -> Iterator[Candidate]:
    """Ask for one label less, ask for a value that nodes have, or label a node that is for everybody."""
    selector = case.spec.get("nodeSelector") or {}
    for key, value in sorted(selector.items()):
        lacking = [b.node for b in case.about("rejects_node_selector") if b.witness["Key"] == key]
        if not lacking:
            continue
        yield by_app("selector", 3, f"do not ask for nodes with {key}={value}", without("spec", "nodeSelector", key))
        others = Counter(labels_of(node)[key] for _, node in case.nodes() if labels_of(node).get(key, value) != value)
        for other, _ in sorted(others.items(), key=lambda item: (-item[1], item[0]))[:3]:
            yield by_app(
                "other selector",
                4,
                f"ask for nodes with {key}={other} instead of {value}",
                put(("spec", "nodeSelector", key), other),
                unless=frozenset({"selector"}),
            )
        yield from _labelled(case, {key: value}, sorted(set(lacking)))


_WHOLE = regex(r"[+-]?[0-9]{1,18}")
"""What Gt and Lt compare with: with any other text no label meets them."""


def node_affinity(case: Case) -> Iterator[Candidate]:
    """Do not require what no node meets, or label a node so that it does."""
    yield by_app("node affinity", 4, "do not require a node affinity", without(*NODE_TERMS))
    terms = (((case.spec.get("affinity") or {}).get("nodeAffinity") or {}).get(REQUIRED) or {}).get(
        "nodeSelectorTerms"
    ) or ()
    lacking = sorted({blocker.node for blocker in case.about("rejects_node_affinity")})
    for term in terms:
        labels = term_labels(term)
        if labels:
            yield from _labelled(case, labels, lacking)


def term_labels(term: Mapping[str, Any]) -> dict[str, str]:
    """Labels with which a node meets a term of a node affinity; none if labels alone do not do it."""
    labels: dict[str, str] = {}
    if term.get("matchFields"):
        return {}
    for each in term.get("matchExpressions") or ():
        match each.get("operator"):
            case "In":
                labels[each["key"]] = each["values"][0]
            case "Exists":
                labels[each["key"]] = "true"
            case "Gt" | "Lt" as operator:
                if not _WHOLE.fullmatch(text := str(each["values"][0])):
                    return {}
                labels[each["key"]] = str(int(text) + (1 if operator == "Gt" else -1))
            case _:
                continue
    return labels


def _labelled(case: Case, labels: Mapping[str, str], nodes: list[str]) -> Iterator[Candidate]:
    """Label a node that has no taint and least else against the pod; never with what states a fact."""
    for name in sorted(nodes, key=lambda node: (len(case.on(node)), node)):
        node = case.cluster.get("Node", name)
        missing = {k: v for k, v in labels.items() if node is not None and labels_of(node).get(k) != v}
        if node is None or taints_of(node) or not missing or any(map(states_a_fact, missing)):
            continue
        document: Any = node.document
        operations = []
        for key, value in missing.items():
            operations += setting(document, ("metadata", "labels", key), value)
            meta = document["metadata"]
            document = {**document, "metadata": {**meta, "labels": {**(meta.get("labels") or {}), key: value}}}
        shown = " and ".join(f"{key}={value}" for key, value in missing.items())
        yield by_platform(
            "label", 3, f"label {name} with {shown}", changes=(Patch(target=node, operations=tuple(operations)),)
        )
        return


def uncordon(case: Case) -> Iterator[Candidate]:
    """Let a node take pods again."""
    for name in sorted({blocker.node for blocker in case.about("rejects_unschedulable")}):
        node = case.cluster.get("Node", name)
        if node is not None and (node.document.get("spec") or {}).get("unschedulable") and not is_leaving(case, name):
            yield by_platform(
                "uncordon",
                2,
                f"uncordon {name}",
                changes=(Patch(target=node, operations=(remove(("spec", "unschedulable")),)),),
            )
