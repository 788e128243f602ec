"""Requests have to satisfy the expressions of the policies that are bound to them.

Source: k8s.io/apiserver 1.36, pkg/admission/plugin/policy/validating/{dispatcher,validator}.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from kubelogic.apiserver.answers import Obstacle, Status, forbidden
from kubelogic.apiserver.policies import Invocation, applies, invocations, value_of, with_variables
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.kinds.failed import Failed

KIND = "ValidatingAdmissionPolicy"
_CODES = {"Unauthorized": 401, "Forbidden": 403, "RequestEntityTooLarge": 413, "Invalid": 422}
_LONGEST = 5 * 1024


class _Denied(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    reason: str = ""
    number: int | None = None


def validate(tx: Transaction, obj: Object, old: Object | None) -> Status | None:
    """Refuse what a policy denies; warn of what it only warns of."""
    return judge(tx, obj, old, "CREATE" if old is None else "UPDATE")


def judge(tx: Transaction, obj: Object, old: Object | None, operation: str) -> Status | None:
    """Ask all policies about a request, and answer with the first that denies it."""
    first: Status | None = None
    for invocation in invocations(tx, KIND, obj, old, operation):
        actions = invocation.bound.get("validationActions") or ()
        for denied in _denials(invocation):
            if "Warn" in actions:
                where = f"'{invocation.policy}' with binding '{invocation.binding}'"
                tx.warn(obj, f"Validation failed for ValidatingAdmissionPolicy {where}: {denied.message}")
            if first is None and ("Deny" in actions or invocation.error):
                first = _answer(obj, invocation, denied)
    return first


def _answer(obj: Object, invocation: Invocation, denied: _Denied) -> Status:
    who = f"ValidatingAdmissionPolicy '{invocation.policy}' with binding '{invocation.binding}'"
    message = f"{who} denied request: {denied.message}"
    path: tuple[str | int, ...] = ("spec",)
    if denied.number is not None:
        path = ("spec", "validations", denied.number, "expression")
    standing = Obstacle(kind=KIND, key=invocation.policy, path=path, remedy="satisfy the policy, or change it")
    refusal = forbidden(obj, message, causes=(message,), obstacles=(standing,))
    reason = denied.reason or "Invalid"
    return Status(
        status=_CODES.get(reason, _CODES["Invalid"]),
        reason=reason,
        message=refusal.message,
        causes=refusal.causes,
        obstacles=refusal.obstacles,
    )


def _denials(invocation: Invocation) -> Iterator[_Denied]:
    if invocation.error:
        if invocation.fails:
            yield _Denied(message=invocation.error)
        return
    seen = with_variables(invocation)
    match applies(invocation, seen):
        case False:
            return
        case Failed(why=why):
            if invocation.fails:
                yield _Denied(message=why)
            return
    for number, each in enumerate(invocation.spec.get("validations") or ()):
        expression = str(each.get("expression") or "")
        found = value_of(invocation, expression, seen)
        if found is True:
            continue
        if found is not False:
            if invocation.fails:
                why = found.why if isinstance(found, Failed) else "the result is no boolean"
                yield _Denied(message=f"expression '{expression}' resulted in error: {why}", number=number)
            continue
        reason = str(each.get("reason") or "")
        yield _Denied(message=_message(invocation, each, expression, seen), reason=reason, number=number)


def _message(invocation: Invocation, validation: dict[str, Any], expression: str, seen: dict[str, Any]) -> str:
    """What a validation says when it fails: its computed message, its written one, or the expression."""
    if validation.get("messageExpression"):
        text = value_of(invocation, str(validation["messageExpression"]), seen)
        if isinstance(text, str) and text.strip() and "\n" not in text and len(text) <= _LONGEST:
            return text.strip()
    return str(validation.get("message") or "").strip() or f"failed expression: {' '.join(expression.split())}"
