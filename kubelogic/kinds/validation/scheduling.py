"""Where a pod may go: affinity, tolerations, spreading, gates.

Source: Kubernetes, "Assigning Pods to Nodes", "Taints and Tolerations", "Pod Topology Spread Constraints".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kubelogic.kinds.validation import names
from kubelogic.kinds.validation.common import (
    check_name,
    expression_values,
    label_key,
    selector,
    unknown_operator,
)
from kubelogic.kinds.validation.problems import Report, Tree
from kubelogic.text.location import Path

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_NODE_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_POLICIES = ("Honor", "Ignore")
_ACTIONS = ("DoNotSchedule", "ScheduleAnyway")


def _node_expression(report: Report, path: Path, expression: Tree, *, hard: bool) -> None:
    operator, values = expression.get("operator", ""), expression.get("values", [])
    expression_values(report, path, operator, values)
    if operator in ("Gt", "Lt"):
        if len(values) != 1:
            report.add((*path, "values"), "KL135", f"must have exactly one value when the operator is {operator}")
        elif not values[0].lstrip("+-").isdigit():
            report.warn((*path, "values", 0), "KL190", f"is not a number, so {operator} matches no node")
    elif operator not in _NODE_OPERATORS:
        unknown_operator(report, path, operator, _NODE_OPERATORS)
    label_key(report, (*path, "key"), expression.get("key", ""))
    if hard:
        for index, value in enumerate(values):
            if wrong := names.label_value(value):
                report.invalid((*path, "values", index), "KL125", value, wrong)


def _node_field(report: Report, path: Path, expression: Tree) -> None:
    operator, values = expression.get("operator", ""), expression.get("values", [])
    if operator not in ("In", "NotIn"):
        unknown_operator(report, path, operator, ("In", "NotIn"))
    elif len(values) != 1:
        report.add((*path, "values"), "KL135", f"must have exactly one value when the operator is {operator}")
    if expression.get("key") != "metadata.name":
        report.invalid((*path, "key"), "KL121", expression.get("key", ""), "is not supported: use metadata.name")
        return
    for index, value in enumerate(values):
        check_name(report, (*path, "values", index), value, names.dns_subdomain)


def _node_term(report: Report, path: Path, term: Tree, *, hard: bool) -> None:
    for index, expression in enumerate(term.get("matchExpressions", ())):
        _node_expression(report, (*path, "matchExpressions", index), expression, hard=hard)
    for index, expression in enumerate(term.get("matchFields", ())):
        _node_field(report, (*path, "matchFields", index), expression)


def node_selector(report: Report, path: Path, node: Tree) -> None:
    """Check the terms that a node must fulfil one of."""
    terms = node.get("nodeSelectorTerms", [])
    if not terms:
        report.required((*path, "nodeSelectorTerms"), "give at least one term")
    for index, term in enumerate(terms):
        where = (*path, "nodeSelectorTerms", index)
        _node_term(report, where, term, hard=True)
        if not term:
            report.warn(where, "KL190", "an empty term matches no node")


def _weight(report: Report, path: Path, node: Tree) -> None:
    report.between(node.get("weight", 0), (*path, "weight"), 1, 100)


def affinity(report: Report, path: Path, node: Tree) -> None:
    """Check all three kinds of affinity."""
    nodes = node.get("nodeAffinity", {})
    here = (*path, "nodeAffinity")
    if _REQUIRED in nodes:
        node_selector(report, (*here, _REQUIRED), nodes[_REQUIRED])
    for index, term in enumerate(nodes.get(_PREFERRED, ())):
        where = (*here, _PREFERRED, index)
        _weight(report, where, term)
        _node_term(report, (*where, "preference"), term.get("preference", {}), hard=False)
    for direction in ("podAffinity", "podAntiAffinity"):
        terms = node.get(direction, {})
        for index, term in enumerate(terms.get(_REQUIRED, ())):
            _pod_term(report, (*path, direction, _REQUIRED, index), term)
        for index, weighted in enumerate(terms.get(_PREFERRED, ())):
            where = (*path, direction, _PREFERRED, index)
            _weight(report, where, weighted)
            _pod_term(report, (*where, "podAffinityTerm"), weighted.get("podAffinityTerm", {}))


def _pod_term(report: Report, path: Path, term: Tree) -> None:
    selector(report, (*path, "labelSelector"), term.get("labelSelector"))
    selector(report, (*path, "namespaceSelector"), term.get("namespaceSelector"))
    for index, name in enumerate(term.get("namespaces", ())):
        check_name(report, (*path, "namespaces", index), name, names.dns_label)
    _label_keys(report, path, term, ("matchLabelKeys", "mismatchLabelKeys"))
    key = term.get("topologyKey", "")
    if not key:
        report.required((*path, "topologyKey"), "for example kubernetes.io/hostname")
    else:
        label_key(report, (*path, "topologyKey"), key)
    if "labelSelector" not in term:
        report.warn((*path, "labelSelector"), "KL190", "a term without labelSelector matches no pod")


def _label_keys(report: Report, path: Path, term: Tree, fields: Collection[str]) -> None:
    for name in fields:
        keys = term.get(name, [])
        if keys and "labelSelector" not in term:
            report.forbidden((*path, name), "may not be set without a labelSelector")
        for index, key in enumerate(keys):
            label_key(report, (*path, name, index), key)
    matched = term.get("matchLabelKeys", [])
    for index, key in enumerate(matched):
        if key in term.get("mismatchLabelKeys", ()):
            report.invalid((*path, "matchLabelKeys", index), "KL142", key, "is also in mismatchLabelKeys")
    chosen = term.get("labelSelector", {})
    seen = set(chosen.get("matchLabels", {}))
    for expression in chosen.get("matchExpressions", ()):
        key = expression.get("key", "")
        if key in matched and key in seen:
            index = matched.index(key)
            report.invalid((*path, "matchLabelKeys", index), "KL142", key, "is also in the labelSelector")
        seen.add(key)


def tolerations(report: Report, path: Path, items: Sequence[Tree], *, unique: bool = False) -> None:
    """Check tolerations."""
    seen: set[tuple[str, str, str, str]] = set()
    for index, item in enumerate(items):
        where = (*path, index)
        _toleration(report, where, item)
        identity = (item.get("key", ""), item.get("operator", ""), item.get("value", ""), item.get("effect", ""))
        if unique and identity in seen:
            report.duplicate(where, item)
        seen.add(identity)


def _toleration(report: Report, path: Path, item: Tree) -> None:
    key, operator = item.get("key", ""), item.get("operator", "")
    value, effect = item.get("value", ""), item.get("effect", "")
    if key:
        label_key(report, (*path, "key"), key)
    elif operator != "Exists":
        report.add((*path, "operator"), "KL135", "must be Exists when there is no key, which tolerates every taint")
    if item.get("tolerationSeconds") is not None and effect != "NoExecute":
        report.add((*path, "effect"), "KL142", "must be NoExecute when tolerationSeconds is set")
    if operator in ("", "Equal"):
        if wrong := names.label_value(value):
            report.invalid((*path, "value"), "KL125", value, wrong)
    elif operator == "Exists":
        if value:
            report.invalid((*path, "value"), "KL135", value, "may not be set when the operator is Exists")
    else:
        report.unsupported((*path, "operator"), operator, ("Equal", "Exists"))
    if effect and effect not in EFFECTS:
        report.unsupported((*path, "effect"), effect, EFFECTS)


def taints(report: Report, path: Path, items: Sequence[Tree]) -> None:
    """Check a node's taints."""
    seen: set[tuple[str, str]] = set()
    for index, item in enumerate(items):
        where = (*path, index)
        key, value, effect = item.get("key", ""), item.get("value", ""), item.get("effect", "")
        label_key(report, (*where, "key"), key)
        if wrong := names.label_value(value):
            report.invalid((*where, "value"), "KL125", value, wrong)
        report.one_of((*where, "effect"), effect, EFFECTS)
        if (key, effect) in seen:
            report.duplicate(where, f"{key}:{effect}", "is there twice; a node has one taint per key and effect")
        seen.add((key, effect))


def spread_constraints(report: Report, path: Path, items: Sequence[Tree]) -> None:
    """Check topology spread constraints."""
    seen: set[tuple[str, str]] = set()
    for index, item in enumerate(items):
        where = (*path, index)
        _spread_constraint(report, where, item)
        identity = (item.get("topologyKey", ""), item.get("whenUnsatisfiable", ""))
        if identity in seen:
            report.duplicate(
                where, ", ".join(identity), "is there twice; one constraint per topologyKey and whenUnsatisfiable"
            )
        seen.add(identity)


def _spread_constraint(report: Report, path: Path, item: Tree) -> None:
    skew, action = item.get("maxSkew", 0), item.get("whenUnsatisfiable", "")
    if skew <= 0:
        report.add((*path, "maxSkew"), "KL122", f"must be greater than 0, is {skew}")
    if not item.get("topologyKey"):
        report.required((*path, "topologyKey"), "for example topology.kubernetes.io/zone")
    report.one_of((*path, "whenUnsatisfiable"), action, _ACTIONS)
    domains = item.get("minDomains")
    if domains is not None:
        if domains <= 0:
            report.add((*path, "minDomains"), "KL122", f"must be greater than 0, is {domains}")
        if action != "DoNotSchedule":
            report.forbidden((*path, "minDomains"), "may only be set when whenUnsatisfiable is DoNotSchedule")
    for policy in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        if policy in item and item[policy] not in _POLICIES:
            report.unsupported((*path, policy), item[policy], _POLICIES)
    _label_keys(report, path, item, ("matchLabelKeys",))
    selector(report, (*path, "labelSelector"), item.get("labelSelector"))
    if "labelSelector" not in item:
        report.warn((*path, "labelSelector"), "KL190", "a constraint without labelSelector matches no pod")


def scheduling_gates(report: Report, path: Path, items: Sequence[Tree]) -> None:
    """Check what holds a pod back."""
    seen: set[str] = set()
    for index, item in enumerate(items):
        name = item.get("name", "")
        label_key(report, (*path, index, "name"), name)
        if name in seen:
            report.duplicate((*path, index, "name"), name)
        seen.add(name)
