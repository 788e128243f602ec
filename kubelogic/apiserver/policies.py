"""What the two kinds of admission policies have in common: matching, parameters, variables, conditions.

Source: k8s.io/apiserver 1.36, pkg/admission/plugin/policy/generic (dispatcher CollectParams) and
pkg/admission/plugin/cel. Left out: the authorizer, and of the cost budget all but loops in loops. What people send
comes from an administrator, what the control plane sends from the account of the component that sends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import metadata
from kubelogic.facts.policies import Asked, Tree, concerns, request_variable
from kubelogic.facts.selectors import matches, requirements
from kubelogic.kinds.failed import Failed
from kubelogic.kinds.table import is_namespaced, lookup

READS = frozenset(
    {
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
)

_POLICIES = ("MutatingAdmissionPolicy", "ValidatingAdmissionPolicy")


def present(tx: Transaction) -> bool:
    """Whether there is any policy that may have a say about a request."""
    return any(map(tx.state.cluster.objects, _POLICIES)) or not tx.kinds.isdisjoint(_POLICIES)


_NO_NAMESPACE = (
    "failed to configure binding: cannot use namespaced paramRef in policy binding that matches "
    "cluster-scoped resources"
)
_NO_PARAMS = "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """One policy asked about one request, with one parameter object (or none).

    Attributes:
        policy: name of the policy.
        binding: name of the binding.
        spec: of the policy.
        bound: spec of the binding.
        param: key of the parameter object; empty if there is none.
        variables: what its expressions see.
        error: why it cannot be asked; empty if it can.
    """

    policy: str
    binding: str
    spec: Tree
    bound: Tree
    param: str
    variables: Mapping[str, Any]
    error: str = ""

    @property
    def fails(self) -> bool:
        """Whether an error refuses the request."""
        return (self.spec.get("failurePolicy") or "Fail") == "Fail"


def asked_of(tx: Transaction, obj: Object, old: Object | None, operation: str) -> Asked:
    """A request as policies see it."""
    labels = tuple(dict(metadata(each).get("labels") or {}) for each in (obj, old) if each is not None)
    own: Mapping[str, str] | None = None
    if obj.kind == "Namespace":
        own = labels[0]
    elif obj.namespace:
        found = namespace_of(tx, obj.namespace)
        own = found["metadata"].get("labels") or {}
    return Asked(
        operation=operation,
        api_version=obj.api_version,
        kind=obj.kind,
        namespace=obj.namespace,
        name=obj.name,
        labels=labels,
        namespace_labels=own,
        user=tx.sender,
    )


def namespace_of(tx: Transaction, name: str) -> dict[str, Any]:
    """The namespace as expressions see it; one that nobody wrote has the label that every namespace has."""
    found = tx.get("Namespace", name)
    none: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace"}
    document = dict(found.document) if found is not None else none
    meta: dict[str, Any] = dict(document.get("metadata") or {"name": name})
    meta["labels"] = {**(meta.get("labels") or {}), "kubernetes.io/metadata.name": name}
    return {**document, "metadata": meta}


def invocations(tx: Transaction, kind: str, obj: Object, old: Object | None, operation: str) -> Iterator[Invocation]:
    """The policies of a kind that a request meets, in the order of their names.

    Args:
        tx: what there is by now.
        kind: ``ValidatingAdmissionPolicy`` or ``MutatingAdmissionPolicy``.
        obj: the object of the request.
        old: as it was; None if it is new.
        operation: ``CREATE``, ``UPDATE`` or ``DELETE``.
    """
    policies = tx.state.cluster.objects(kind)
    if not policies:
        return
    from kubelogic.kinds.expressions import unread

    asked = asked_of(tx, obj, old, operation)
    bindings = tx.state.cluster.objects(f"{kind}Binding")
    common: dict[str, Any] = {
        "object": None if operation == "DELETE" else obj.document,
        "oldObject": old.document if old is not None else None,
        "request": request_variable(asked),
        "namespaceObject": namespace_of(tx, obj.namespace) if obj.namespace else None,
    }
    for name in sorted(policies):
        spec = policies[name].document.get("spec") or {}
        if not concerns(spec.get("matchConstraints"), asked):
            continue
        for key in sorted(bindings):
            bound = bindings[key].document.get("spec") or {}
            if bound.get("policyName") != name or not concerns(bound.get("matchResources"), asked):
                continue
            if what := next(filter(None, map(unread, expressions(spec))), ""):
                tx.warn(obj, f"the policy {name} was not asked: its expressions use {what}, which is not modelled")
                continue
            for param, document, error in _params(tx, obj, name, spec, bound):
                seen = {**common, "params": document}
                yield Invocation(
                    policy=name, binding=key, spec=spec, bound=bound, param=param, variables=seen, error=error
                )


def expressions(spec: Tree) -> Iterator[str]:
    """All expressions of a policy."""
    for field in ("matchConditions", "variables", "validations", "mutations", "auditAnnotations"):
        for each in spec.get(field) or ():
            parts = (each, each.get("applyConfiguration") or {}, each.get("jsonPatch") or {})
            for part in parts:
                for key in ("expression", "messageExpression", "valueExpression"):
                    if part.get(key):
                        yield str(part[key])


def _params(
    tx: Transaction, obj: Object, policy: str, spec: Tree, bound: Tree
) -> Iterator[tuple[str, Mapping[str, Any] | None, str]]:
    """Key and document of each parameter object, or why there is none. Source: generic.CollectParams."""
    kind, reference = spec.get("paramKind"), bound.get("paramRef")
    if not kind or not reference:
        yield "", None, ""
        return
    if lookup(str(kind.get("apiVersion")), str(kind.get("kind"))) is None:
        tx.warn(
            obj, f"the policy {policy} was not asked: its parameters are of the kind {kind.get('kind')}, unread here"
        )
        return
    spot = str(reference.get("namespace") or obj.namespace or "")
    scoped = is_namespaced(str(kind["apiVersion"]), str(kind["kind"])) is not False
    if scoped and not spot:
        yield (
            "",
            None,
            _NO_NAMESPACE,
        )
        return
    found: list[Object] = []
    if reference.get("name"):
        one = tx.get(str(kind["kind"]), f"{spot}/{reference['name']}" if scoped else str(reference["name"]))
        found = [one] if one is not None else []
    else:
        wanted = requirements(reference.get("selector") or {})
        keys = {*tx.state.cluster.objects(str(kind["kind"])), *(k for each, k in tx.changed if each == kind["kind"])}
        for key in sorted(keys):
            each = tx.get(str(kind["kind"]), key)
            if each is not None and (not scoped or each.namespace == spot):
                found += [each] if matches(wanted, metadata(each).get("labels") or {}) else []
    for each in found:
        yield each.key, each.document, ""
    if not found and reference.get("parameterNotFoundAction") != "Allow":
        yield (
            "",
            None,
            _NO_PARAMS,
        )


def with_variables(invocation: Invocation, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What expressions of a policy see, its own variables among it; one that fails is not there.

    Args:
        invocation: the policy and the request.
        document: the object as it is by now, if something has changed it.
    """
    from kubelogic.kinds.expressions import evaluate

    seen = dict(invocation.variables)
    if document is not None:
        seen["object"] = document
    composed: dict[str, Any] = {}
    for each in invocation.spec.get("variables") or ():
        value = evaluate(str(each.get("expression") or ""), {**seen, "variables": composed})
        if not isinstance(value, Failed):
            composed[str(each.get("name"))] = value
    return {**seen, "variables": composed}


def value_of(invocation: Invocation, expression: str, seen: Mapping[str, Any]) -> Any:
    """What an expression comes to; what fails because a variable fails says so."""
    from kubelogic.kinds.expressions import evaluate

    found = evaluate(expression, seen)
    if isinstance(found, Failed) and (match := re.fullmatch(r"no such key: (\w+)", found.why)):
        for each in invocation.spec.get("variables") or ():
            if each.get("name") == match[1] and match[1] not in seen["variables"]:
                inner = evaluate(str(each.get("expression") or ""), seen)
                why = inner.why if isinstance(inner, Failed) else found.why
                return Failed(why=f'composited variable "{match[1]}" fails to evaluate: {why}')
    return found


def applies(invocation: Invocation, seen: Mapping[str, Any]) -> bool | Failed:
    """Whether the conditions of a policy hold. One that is false settles it, even if another fails.

    Source: k8s.io/apiserver, pkg/admission/plugin/webhook/matchconditions/matcher.go.
    """
    failed: Failed | None = None
    for each in invocation.spec.get("matchConditions") or ():
        found = value_of(invocation, str(each.get("expression") or ""), seen)
        if found is False:
            return False
        if found is not True and failed is None:
            why = found.why if isinstance(found, Failed) else "the result is no boolean"
            failed = Failed(why=f"expression '{each.get('expression')}' resulted in error: {why}")
    return True if failed is None else failed
