"""Where a pod may go: affinity, tolerations, spreading, gates.

Source: Kubernetes, "Assigning Pods to Nodes", "Taints and Tolerations", "Pod Topology Spread Constraints".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kubelogic.kinds.validation import api_words, names
from kubelogic.kinds.validation.common import (
    check_name,
    expression_values,
    label_key,
    selector,
    unknown_operator,
)
from kubelogic.kinds.validation.problems import Report, Tree, listed
from kubelogic.text.location import Path, dotted

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_NODE_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_NO_FIELD = "not a valid field selector key"
_IN_BOTH = "exists in both matchLabelKeys and {}"
_POLICIES = ("Honor", "Ignore")
_ACTIONS = ("DoNotSchedule", "ScheduleAnyway")


def _node_expression(report: Report, path: Path, expression: Tree, *, hard: bool) -> None:
    operator, values = expression.get("operator", ""), expression.get("values", [])
    expression_values(report, path, operator, values)
    if operator in ("Gt", "Lt"):
        if len(values) != 1:
            words = "Required value: must be specified single value when `operator` is 'Lt' or 'Gt'"
            text = f"must have exactly one value when the operator is {operator}"
            report.add((*path, "values"), "KL135", text, api=words)
        elif not values[0].lstrip("+-").isdigit():
            report.warn((*path, "values", 0), "KL190", f"is not a number, so {operator} matches no node")
    elif operator not in _NODE_OPERATORS:
        unknown_operator(report, path, operator, _NODE_OPERATORS)
    label_key(report, (*path, "key"), expression.get("key", ""))
    if hard:
        for index, value in enumerate(values):
            report.check((*path, "values", index), "KL125", value, names.label_value)


def _node_field(report: Report, path: Path, expression: Tree) -> None:
    operator, values = expression.get("operator", ""), expression.get("values", [])
    if operator not in ("In", "NotIn"):
        unknown_operator(report, path, operator, ("In", "NotIn"))
    elif len(values) != 1:
        words = "Required value: must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        text = f"must have exactly one value when the operator is {operator}"
        report.add((*path, "values"), "KL135", text, api=words)
    if expression.get("key") != "metadata.name":
        report.invalid(
            (*path, "key"), "KL121", expression.get("key", ""), "is not supported: use metadata.name", detail=_NO_FIELD
        )
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
    report.present(
        (*path, "nodeSelectorTerms"), terms, "give at least one term", api="must have at least one node selector term"
    )
    for index, term in enumerate(terms):
        where = (*path, "nodeSelectorTerms", index)
        _node_term(report, where, term, hard=True)
        if not term:
            report.warn(where, "KL190", "an empty term matches no node")


def _weight(report: Report, path: Path, node: Tree) -> None:
    weight = node.get("weight", 0)
    if not 1 <= weight <= 100:
        words = "must be in the range 1-100"
        report.wrong((*path, "weight"), "KL122", f"must be between 1 and 100, is {weight}", weight, words)


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
        report.check((*path, "namespaces", index), "KL123", name, names.dns_label, at=f"{dotted(path)}.namespace")
    _label_keys(report, path, term, ("matchLabelKeys", "mismatchLabelKeys"))
    key = term.get("topologyKey", "")
    if not key:
        words = ("Required value: can not be empty", *api_words.invalid("", *api_words.qualified_name("")))
        report.add((*path, "topologyKey"), "KL120", "is required: for example kubernetes.io/hostname", api=words)
    else:
        label_key(report, (*path, "topologyKey"), key)
    if "labelSelector" not in term:
        report.warn((*path, "labelSelector"), "KL190", "a term without labelSelector matches no pod")


def _label_keys(report: Report, path: Path, term: Tree, fields: Collection[str]) -> None:
    for name in fields:
        keys = term.get(name, [])
        if keys and "labelSelector" not in term:
            words = "must not be specified when labelSelector is not set"
            report.forbidden((*path, name), "may not be set without a labelSelector", api=words)
        for index, key in enumerate(keys):
            label_key(report, (*path, name, index), key)
    matched = term.get("matchLabelKeys", [])
    for index, key in enumerate(matched):
        if key in term.get("mismatchLabelKeys", ()):
            words = _IN_BOTH.format("mismatchLabelKeys")
            report.invalid((*path, "matchLabelKeys", index), "KL142", key, "is also in mismatchLabelKeys", detail=words)
    chosen = term.get("labelSelector", {})
    seen = set(chosen.get("matchLabels", {}))
    for expression in chosen.get("matchExpressions", ()):
        key = expression.get("key", "")
        if key in matched and key in seen:
            index = matched.index(key)
            words = _IN_BOTH.format("labelSelector")
            report.invalid((*path, "matchLabelKeys", index), "KL142", key, "is also in the labelSelector", detail=words)
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
        detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        text = "must be Exists when there is no key, which tolerates every taint"
        report.wrong((*path, "operator"), "KL135", text, operator, detail)
    if item.get("tolerationSeconds") is not None and effect != "NoExecute":
        words = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        report.wrong((*path, "effect"), "KL142", "must be NoExecute when tolerationSeconds is set", effect, words)
    at = f"{dotted(path)}.operator"
    if operator in ("", "Equal"):
        if wrong := names.label_value(value):
            detail = ";".join(api_words.label_value(value))
            report.invalid((*path, "value"), "KL125", value, wrong, detail=detail, at=at)
    elif operator == "Exists":
        if value:
            said = "value must be empty when `operator` is 'Exists'"
            text = "may not be set when the operator is Exists"
            report.invalid((*path, "value"), "KL135", value, text, detail=said, at=at)
    else:
        told = ("Equal", "Exists", "Lt", "Gt") if operator in ("Lt", "Gt") else ("Equal", "Exists")
        report.unsupported((*path, "operator"), operator, ("Equal", "Exists"), api=told)
    report.choice((*path, "effect"), effect or None, EFFECTS, api=EFFECTS)


def taints(report: Report, path: Path, items: Sequence[Tree]) -> None:
    """Check a node's taints."""
    seen: set[tuple[str, str]] = set()
    for index, item in enumerate(items):
        where = (*path, index)
        told = f"metadata.taints[{index}]"
        key, value, effect = item.get("key", ""), item.get("value", ""), item.get("effect", "")
        label_key(report, (*where, "key"), key, at=f"{told}.key")
        if wrong := names.label_value(value):
            detail = ";".join(api_words.label_value(value))
            report.invalid((*where, "value"), "KL125", value, wrong, detail=detail, at=f"{told}.value")
        if not effect:
            text = f"is required: use {listed(EFFECTS)}"
            report.add((*where, "effect"), "KL120", text, told=[(f"{told}.effect", "Required value")])
        elif effect not in EFFECTS:
            report.unsupported((*where, "effect"), effect, EFFECTS, api=EFFECTS, at=f"{told}.effect")
        if (key, effect) in seen:
            shown = api_words.shown({"Key": key, "Value": value, "Effect": effect, "TimeAdded": item.get("timeAdded")})
            text = "is there twice; a node has one taint per key and effect"
            words = f"{shown}: taints must be unique by key and effect pair"
            report.duplicate(where, f"{key}:{effect}", text, api=words, at=told)
        seen.add((key, effect))


def spread_constraints(report: Report, path: Path, items: Sequence[Tree]) -> None:
    """Check topology spread constraints."""
    seen: dict[tuple[str, str], int] = {}
    for index, item in enumerate(items):
        where = (*path, index)
        _spread_constraint(report, where, item)
        identity = (item.get("topologyKey", ""), item.get("whenUnsatisfiable", ""))
        if identity in seen:
            report.duplicate(
                where,
                ", ".join(identity),
                "is there twice; one constraint per topologyKey and whenUnsatisfiable",
                api=api_words.shown(f"{{{', '.join(identity)}}}"),
                at=f"{dotted((*path, seen[identity]))}.{{topologyKey, whenUnsatisfiable}}",
            )
        seen.setdefault(identity, index)


def _spread_constraint(report: Report, path: Path, item: Tree) -> None:
    skew, action = item.get("maxSkew", 0), item.get("whenUnsatisfiable", "")
    if skew <= 0:
        words = "must be greater than zero"
        report.wrong((*path, "maxSkew"), "KL122", f"must be greater than 0, is {skew}", skew, words)
    if not item.get("topologyKey"):
        report.required((*path, "topologyKey"), "for example topology.kubernetes.io/zone", api="can not be empty")
    report.one_of((*path, "whenUnsatisfiable"), action, _ACTIONS, empty=api_words.unsupported("", _ACTIONS))
    domains = item.get("minDomains")
    if domains is not None:
        if domains <= 0:
            words = "must be greater than zero"
            report.wrong((*path, "minDomains"), "KL122", f"must be greater than 0, is {domains}", domains, words)
        if action != "DoNotSchedule":
            detail = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
            text = "may only be set when whenUnsatisfiable is DoNotSchedule"
            report.wrong((*path, "minDomains"), "KL127", text, domains, detail)
    for policy in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        report.choice((*path, policy), item.get(policy), _POLICIES)
    _label_keys(report, path, item, ("matchLabelKeys",))
    selector(report, (*path, "labelSelector"), item.get("labelSelector"))
    if "labelSelector" not in item:
        report.warn((*path, "labelSelector"), "KL190", "a constraint without labelSelector matches no pod")


def scheduling_gates(report: Report, path: Path, items: Sequence[Tree]) -> None:
    """Check what holds a pod back."""
    seen: set[str] = set()
    for index, item in enumerate(items):
        name = item.get("name", "")
        label_key(report, (*path, index, "name"), name, at=dotted((*path, index)))
        report.once((*path, index, "name"), name, seen, at=dotted((*path, index)))
