"""What the API server refuses of admission policies and their bindings."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.kinds.validation import admit
from kubelogic.text.location import dotted

RULES = {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}]}
GOOD = {"matchConstraints": RULES, "validations": [{"expression": "true"}]}
CHANGE = {
    "matchConstraints": RULES,
    "reinvocationPolicy": "Never",
    "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "[]"}}],
}
BOUND = {"policyName": "p", "validationActions": ["Deny"]}


def faults(kind: str, spec: dict[str, Any]) -> list[str]:
    document = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "p"},
        "spec": spec,
    }
    return [f"{dotted(each.path)} {each.code}" for each in admit(document).problems]


@pytest.mark.parametrize(
    ("kind", "spec", "found"),
    [
        ("ValidatingAdmissionPolicy", GOOD, []),
        ("ValidatingAdmissionPolicy", {"matchConstraints": RULES}, ["spec.validations KL120"]),
        ("ValidatingAdmissionPolicy", {**GOOD, "matchConstraints": {}}, ["spec.matchConstraints.resourceRules KL120"]),
        ("ValidatingAdmissionPolicy", {**GOOD, "failurePolicy": "Maybe"}, ["spec.failurePolicy KL121"]),
        (
            "ValidatingAdmissionPolicy",
            {**GOOD, "validations": [{"expression": "a.("}, {"expression": ""}, {"expression": "true", "reason": "X"}]},
            [
                "spec.validations[0].expression KL143",
                "spec.validations[1].expression KL120",
                "spec.validations[2].reason KL121",
            ],
        ),
        ("MutatingAdmissionPolicy", CHANGE, []),
        ("MutatingAdmissionPolicy", {**CHANGE, "mutations": []}, ["spec.mutations KL120"]),
        ("MutatingAdmissionPolicy", {**CHANGE, "reinvocationPolicy": ""}, ["spec.reinvocationPolicy KL121"]),
        (
            "MutatingAdmissionPolicy",
            {**CHANGE, "mutations": [{"patchType": "Merge"}, {"patchType": "ApplyConfiguration"}]},
            ["spec.mutations[0].patchType KL121", "spec.mutations[1].applyConfiguration KL120"],
        ),
        ("ValidatingAdmissionPolicyBinding", BOUND, []),
        (
            "ValidatingAdmissionPolicyBinding",
            {"validationActions": ["Deny", "Warn", "Deny", "Shout"]},
            [
                "spec.policyName KL120",
                "spec.validationActions KL142",
                "spec.validationActions[2] KL126",
                "spec.validationActions[3] KL121",
            ],
        ),
        ("ValidatingAdmissionPolicyBinding", {"policyName": "p"}, ["spec.validationActions KL120"]),
        (
            "MutatingAdmissionPolicyBinding",
            {"policyName": "p", "paramRef": {"name": "a", "selector": {}}},
            ["spec.paramRef KL142", "spec.paramRef.parameterNotFoundAction KL120"],
        ),
    ],
)
def test_faults(kind: str, spec: dict[str, Any], found: list[str]) -> None:
    assert faults(kind, spec) == found
