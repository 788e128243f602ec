"""Admission policies and their bindings.

Source: pkg/apis/admissionregistration/validation/validation.go of Kubernetes 1.36: validateValidatingAdmissionPolicy,
validateMutatingAdmissionPolicy, and those of the bindings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from kubelogic.kinds.expressions import undeclared_in, wrong
from kubelogic.kinds.validation import names
from kubelogic.kinds.validation.common import metadata
from kubelogic.kinds.validation.problems import Report, Tree
from kubelogic.text.location import Path

_ACTIONS = ("Audit", "Deny", "Warn")
_FAILURES = ("Fail", "Ignore")
_VARIABLES = frozenset({"authorizer", "namespaceObject", "object", "oldObject", "request", "variables"})
"""What every expression may name. Source: pkg/admission/plugin/cel/compile.go, mustBuildEnvs."""
_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized")


def validating(report: Report, tree: Tree) -> None:
    """Check a ValidatingAdmissionPolicy."""
    spec: Tree = _policy(report, tree)
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        report.add(("spec", "validations"), "KL120", "validations or auditAnnotations must contain at least one item")
    for number, each in enumerate(spec.get("validations", ())):
        report.choice(("spec", "validations", number, "reason"), each.get("reason") or None, _REASONS)


def mutating(report: Report, tree: Tree) -> None:
    """Check a MutatingAdmissionPolicy."""
    spec: Tree = _policy(report, tree)
    if not spec.get("mutations"):
        report.add(("spec", "mutations"), "KL120", "must contain at least one item")
    for number, each in enumerate(spec.get("mutations", ())):
        path: Path = ("spec", "mutations", number)
        parts = {"ApplyConfiguration": "applyConfiguration", "JSONPatch": "jsonPatch"}
        kind = each.get("patchType")
        if kind not in parts:
            report.unsupported((*path, "patchType"), kind or "", tuple(parts))
        elif not each.get(parts[kind]):
            report.add((*path, parts[kind]), "KL120", f"must be specified when patchType is {kind}")
    if spec.get("reinvocationPolicy") not in ("IfNeeded", "Never"):
        report.unsupported(("spec", "reinvocationPolicy"), spec.get("reinvocationPolicy") or "", ("IfNeeded", "Never"))


def validating_binding(report: Report, tree: Tree) -> None:
    """Check a ValidatingAdmissionPolicyBinding."""
    spec: Tree = _binding(report, tree)
    path: Path = ("spec", "validationActions")
    actions = spec.get("validationActions", [])
    if not actions:
        report.add(path, "KL120", "is required: use Audit, Deny or Warn")
    for number, each in enumerate(actions):
        if each not in _ACTIONS:
            report.unsupported((*path, number), each, _ACTIONS)
        elif each in actions[:number]:
            report.add((*path, number), "KL126", f"{each} is there twice")
    if {"Deny", "Warn"} <= set(actions):
        report.add(path, "KL142", "must not contain both Deny and Warn (repeating the same information)")


def mutating_binding(report: Report, tree: Tree) -> None:
    """Check a MutatingAdmissionPolicyBinding."""
    _binding(report, tree)


def _binding(report: Report, tree: Tree) -> Tree:
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    spec: Tree = tree.get("spec", {})
    if not spec.get("policyName"):
        report.add(("spec", "policyName"), "KL120", "is required")
    reference = spec.get("paramRef")
    if reference is not None:
        if bool(reference.get("name")) == bool(reference.get("selector") is not None):
            report.add(("spec", "paramRef"), "KL142", "one of name or selector must be specified, and not both")
        if not reference.get("parameterNotFoundAction"):
            report.add(("spec", "paramRef", "parameterNotFoundAction"), "KL120", "is required: use Allow or Deny")
    return spec


def _policy(report: Report, tree: Tree) -> Tree:
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    spec: Tree = tree.get("spec", {})
    report.choice(("spec", "failurePolicy"), spec.get("failurePolicy"), _FAILURES)
    if not (spec.get("matchConstraints") or {}).get("resourceRules"):
        report.add(("spec", "matchConstraints", "resourceRules"), "KL120", "must contain at least one rule")
    variables = {*_VARIABLES, *(["params"] if spec.get("paramKind") else ())}
    for path, expression in _expressions(spec):
        if not str(expression or "").strip():
            report.add(path, "KL120", "expression is not specified")
        elif why := wrong(expression) or _undeclared(expression, variables):
            report.add(path, "KL143", f"compilation failed: {why}")
    return spec


def _undeclared(expression: str, variables: Collection[str]) -> str:
    name = undeclared_in(expression, variables)
    return f"undeclared reference to '{name}' (in container '')" if name else ""


def _expressions(spec: Tree) -> Iterator[tuple[Path, str]]:
    for field in ("matchConditions", "validations", "variables"):
        for number, each in enumerate(spec.get(field, ())):
            yield ("spec", field, number, "expression"), each.get("expression", "")
            if each.get("messageExpression"):
                yield ("spec", field, number, "messageExpression"), each["messageExpression"]
    for number, each in enumerate(spec.get("auditAnnotations", ())):
        yield ("spec", "auditAnnotations", number, "valueExpression"), each.get("valueExpression", "")
    for number, each in enumerate(spec.get("mutations", ())):
        for part in ("applyConfiguration", "jsonPatch"):
            if each.get(part):
                yield ("spec", "mutations", number, part, "expression"), each[part].get("expression", "")
