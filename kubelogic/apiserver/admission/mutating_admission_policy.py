"""Policies change objects before they are stored: by apply configurations or JSON patches.

Source: k8s.io/apiserver 1.36, pkg/admission/plugin/policy/mutating/{dispatcher,reinvocationcontext}.go and patch/.
Two policies that leave different objects in the two orders fight; ``rules/admission/mutations.dl`` says over what.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

from kubelogic.apiserver.answers import Obstacle, Status, forbidden, invalid
from kubelogic.apiserver.deciding import IT, decide
from kubelogic.apiserver.patches.errors import PatchError
from kubelogic.apiserver.policies import Invocation, applies, invocations, value_of, with_variables
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import with_document
from kubelogic.facts.base import Fact
from kubelogic.kinds.failed import Failed
from kubelogic.kinds.validation import admit as check
from kubelogic.text.location import dotted

KIND = "MutatingAdmissionPolicy"


def admit(tx: Transaction, obj: Object, old: Object | None) -> Status | None:
    """Let every policy that is bound to a request change its object, one after the other."""
    rounds = tx.rounds
    if not tx.state.cluster.objects(KIND):
        return None
    if rounds.again and rounds.last is not None and rounds.last != obj.document:
        rounds.due |= rounds.invoked
    present: Mapping[str, Any] = obj.document
    asked = list(invocations(tx, KIND, obj, old, "CREATE" if old is None else "UPDATE"))
    if not rounds.again:
        _compare(tx, obj, asked)
    for invocation in asked:
        mark = invocation.policy, invocation.binding, invocation.param
        if rounds.again and mark not in rounds.due:
            continue
        changed, error = _mutated(invocation, present)
        if error and invocation.fails:
            return _refused(obj, invocation, error)
        if changed != present:
            rounds.due |= rounds.invoked
            rounds.changed = True
        if invocation.spec.get("reinvocationPolicy") == "IfNeeded":
            rounds.invoked.add(mark)
        present = changed
    rounds.last = present
    if present is obj.document:
        return None
    found = check(present, namespace=obj.namespace or "default")
    if found.problems:
        return invalid(obj, [(dotted(each.path), each.message) for each in found.problems])
    tx.put(with_document(obj, found.document))
    rounds.last = found.document
    return None


def _mutated(invocation: Invocation, document: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """The document after all mutations of a policy, and the first error."""
    if invocation.error:
        return document, invocation.error
    match applies(invocation, with_variables(invocation, document)):
        case False:
            return document, ""
        case Failed(why=why):
            return document, why
    error = ""
    for mutation in invocation.spec.get("mutations") or ():
        after = _patched(invocation, mutation, document)
        if isinstance(after, Failed):
            error = error or after.why
        else:
            document = after
    return document, error


def _compare(tx: Transaction, obj: Object, asked: Sequence[Invocation]) -> None:
    """Warn of fields that two policies leave different in the one order and in the other."""
    question: list[Fact] = []
    for one, other in permutations(asked, 2):
        if one.policy != other.policy:
            after = _mutated(other, _mutated(one, obj.document)[0])[0]
            question += [
                ("mutations_leave", (IT, one.policy, other.policy, field, value))
                for field, value in written(obj.document, after)
            ]
    if question:
        for _, field, first, second in decide(tx, tuple(question), ("mutations_fight",))["mutations_fight"]:
            tx.warn(obj, f"{KIND}s {first} and {second} fight over {field}: which goes last decides what it becomes")


def written(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The fields in which two documents differ, and what the later one has in them.

    >>> list(written({"a": {"b": 1}}, {"a": {"b": 2, "c": [3]}}))
    [('a.b', '2'), ('a.c', '[3]')]
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            here = f"{path}.{key}" if path else str(key)
            yield from written(before.get(key), after.get(key), here)
    elif _are_named(before) and _are_named(after):
        old, new = ({str(each["name"]): each for each in items} for items in (before, after))
        for name in sorted({*old, *new}):
            yield from written(old.get(name), new.get(name), f"{path}[{name}]")
    elif before != after:
        yield path, json.dumps(after, sort_keys=True)


def _are_named(items: Any) -> bool:
    return isinstance(items, list) and all(isinstance(each, Mapping) and each.get("name") for each in items)


def _patched(invocation: Invocation, mutation: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    """The document after one mutation, or why it cannot be made."""
    from kubelogic.apiserver.patches.plain import json_patch
    from kubelogic.apiserver.patches.server_side import overlaid

    kind = str(mutation.get("patchType") or "")
    part = mutation.get("jsonPatch") if kind == "JSONPatch" else mutation.get("applyConfiguration")
    expression = str((part or {}).get("expression") or "")
    value = value_of(invocation, expression, with_variables(invocation, document))
    if isinstance(value, Failed):
        return Failed(why=f"expression '{expression}' resulted in error: {value.why}")
    is_patch = kind == "JSONPatch"
    fits = isinstance(value, list) and all(isinstance(each, Mapping) for each in value) if is_patch else None
    if not (fits if is_patch else isinstance(value, Mapping)):
        wanted = "a list of JSONPatch" if is_patch else "Object"
        return Failed(why=f"expression '{expression}' resulted in error: must evaluate to {wanted}")
    try:
        after = json_patch(document, value) if is_patch else overlaid(document, value)
    except PatchError as error:
        return Failed(why=error.message)
    if _identity(after) != _identity(document):
        return Failed(why=f"expression '{expression}' changes the name, the namespace or the kind of the object")
    return after


def _identity(document: Any) -> tuple[Any, ...]:
    """What names an object, which no mutation may change."""
    meta = document.get("metadata") if isinstance(document, Mapping) else None
    if not isinstance(meta, Mapping):
        return ()
    return document.get("apiVersion"), document.get("kind"), meta.get("name"), meta.get("namespace")


def _refused(obj: Object, invocation: Invocation, why: str) -> Status:
    message = f"policy '{invocation.policy}' with binding '{invocation.binding}' denied request: {why}"
    standing = Obstacle(kind=KIND, key=invocation.policy, path=("spec",), remedy="correct the policy")
    refusal = forbidden(obj, message, causes=(message,), obstacles=(standing,))
    return Status(
        status=422, reason="Invalid", message=refusal.message, causes=refusal.causes, obstacles=refusal.obstacles
    )
