"""What an admission policy and its binding say: which requests they are about, and what else they ask for.

Source: k8s.io/api 1.36, admissionregistration/v1; k8s.io/apiserver, pkg/admission/plugin/policy/matching/matching.go
and pkg/admission/plugin/webhook/predicates/rules/rules.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from kubelogic.facts.quota_costs import plural_of
from kubelogic.facts.selectors import matches, requirements
from kubelogic.kinds.table import NOT_SERVED

Tree = Mapping[str, Any]

NEVER = frozenset(
    {
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
)
"""Kinds that no policy looks at: it could lock itself in."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as policies see it.

    Attributes:
        operation: ``CREATE``, ``UPDATE`` or ``DELETE``.
        api_version: of the object.
        kind: of the object.
        namespace: of the object; empty if it has none.
        name: of the object.
        labels: of the object, or of what it was; one of them has to match.
        namespace_labels: of its namespace, or of the namespace that it is; None for objects without one.
        user: who asks.
    """

    operation: str
    api_version: str
    kind: str
    namespace: str
    name: str
    labels: tuple[Mapping[str, str], ...]
    namespace_labels: Mapping[str, str] | None
    user: str = "kubernetes-admin"


def concerns(match: Tree | None, asked: Asked) -> bool:
    """Whether ``matchConstraints`` or ``matchResources`` are about a request."""
    if asked.kind in NEVER or asked.api_version.rpartition("/")[0] in NOT_SERVED:
        return False
    match = match or {}
    selector = match.get("namespaceSelector") or {}
    if selector and asked.namespace_labels is not None and not matches(requirements(selector), asked.namespace_labels):
        return False
    chosen = match.get("objectSelector") or {}
    if chosen and not any(matches(requirements(chosen), labels) for labels in asked.labels):
        return False
    if any(_is_covered(rule, asked) for rule in match.get("excludeResourceRules") or ()):
        return False
    rules = match.get("resourceRules")
    return not rules or any(_is_covered(rule, asked) for rule in rules)


def _is_covered(rule: Tree, asked: Asked) -> bool:
    group, _, version = asked.api_version.rpartition("/")
    scope = rule.get("scope") or "*"
    return (
        _has(rule.get("operations"), asked.operation)
        and _has(rule.get("apiGroups"), group)
        and _has(rule.get("apiVersions"), version)
        and any(each in ("*", "*/*", plural_of(asked.kind)) for each in rule.get("resources") or ())
        and (not rule.get("resourceNames") or asked.name in rule["resourceNames"])
        and (scope == "*" or (scope == "Namespaced") == bool(asked.namespace))
    )


def _has(listed: Iterable[str] | None, wanted: str) -> bool:
    return any(each in ("*", wanted) for each in listed or ())


def request_variable(asked: Asked) -> dict[str, Any]:
    """The variable ``request`` of expressions."""
    group, _, version = asked.api_version.rpartition("/")
    resource = {"group": group, "version": version, "resource": plural_of(asked.kind)}
    kind = {"group": group, "version": version, "kind": asked.kind}
    return {
        "uid": "",
        "kind": kind,
        "requestKind": kind,
        "resource": resource,
        "requestResource": resource,
        "name": asked.name,
        "namespace": asked.namespace,
        "operation": asked.operation,
        "subResource": "",
        "requestSubResource": "",
        "dryRun": False,
        "userInfo": {"username": asked.user, "groups": groups_of(asked.user)},
    }


def groups_of(user: str) -> list[str]:
    """The groups that the API server gives a user of the control plane, or an administrator.

    >>> groups_of("system:serviceaccount:kube-system:job-controller")
    ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated']
    >>> groups_of("system:node:n1")
    ['system:nodes', 'system:authenticated']

    Source: staging/src/k8s.io/apiserver/pkg/authentication/serviceaccount/util.go: MakeGroupNames.
    """
    kind, _, name = user.removeprefix("system:").partition(":")
    if not user.startswith("system:"):
        return ["kubeadm:cluster-admins", "system:authenticated"]
    if kind == "serviceaccount":
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{name.partition(':')[0]}"]
    else:
        groups = ["system:nodes"] if kind == "node" else []
    return [*groups, "system:authenticated"]
