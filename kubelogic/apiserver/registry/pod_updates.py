"""What may change in a pod that is there.

Source: pkg/apis/core/validation/validation.go, ValidatePodUpdate and the functions that it calls, of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubelogic.kinds.go_shape import difference
from kubelogic.kinds.validation import api_words

Fault = tuple[str, str]
Spec = Mapping[str, Any]

_MOST = 2**31 - 1
_FREE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_GRACE = "terminationGracePeriodSeconds"
_DEADLINE = "activeDeadlineSeconds"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def refuse_pod(before: Spec, after: Spec) -> Iterator[Fault]:
    """What a change of a pod's spec may not do.

    Args:
        before: the spec as it is.
        after: as it should become.
    """
    for part in ("containers", "initContainers"):
        if len(before.get(part) or ()) != len(after.get(part) or ()):
            yield f"spec.{part}", "Forbidden: pod updates may not add or remove containers"
            return
    stops = list(_deadline(before, after))
    yield from stops
    if stops and after.get(_DEADLINE) is not None:
        return
    yield from _tolerations(before.get("tolerations") or (), after.get("tolerations") or ())
    yield from _gates(before.get("schedulingGates") or (), after.get("schedulingGates") or ())
    munged = _munged(before, after)
    if before.get("schedulingGates"):
        yield from _gated(before, munged)
        munged["nodeSelector"] = before.get("nodeSelector")
        munged["affinity"] = _with_node_affinity(munged.get("affinity"), before.get("affinity"))
    if compact(munged) != compact(before):
        text = difference(compact(before), compact(munged), "PodSpec")
        yield "spec", f"Forbidden: pod updates may not change fields other than {_FREE}\n{text}"


def _deadline(before: Spec, after: Spec) -> Iterator[Fault]:
    old, new = before.get(_DEADLINE), after.get(_DEADLINE)
    if new is None:
        if old is not None:
            detail = "must not update from a positive integer to nil value"
            yield f"spec.{_DEADLINE}", api_words.invalid(None, detail)[0]
    elif not 0 <= new <= _MOST:
        yield f"spec.{_DEADLINE}", api_words.invalid(new, f"must be between 0 and {_MOST}, inclusive")[0]
    elif old is not None and old < new:
        yield f"spec.{_DEADLINE}", api_words.invalid(new, "must be less than or equal to previous value")[0]


def _tolerations(before: Sequence[Spec], after: Sequence[Spec]) -> Iterator[Fault]:
    kept = [{key: value for key, value in each.items() if key != "tolerationSeconds"} for each in after]
    for each in before:
        if {key: value for key, value in each.items() if key != "tolerationSeconds"} not in kept:
            yield "spec.tolerations", "Forbidden: existing toleration can not be modified except its tolerationSeconds"
            return


def _gates(before: Sequence[Spec], after: Sequence[Spec]) -> Iterator[Fault]:
    known = {each.get("name") for each in before}
    for index, each in enumerate(after):
        if each.get("name") not in known:
            words = f"only deletion is allowed, but found new scheduling gate '{each.get('name')}'"
            yield f"spec.schedulingGates[{index}].name", f"Forbidden: {words}"


def _munged(before: Spec, after: Spec) -> dict[str, Any]:
    """The new spec with everything as before that may change."""
    munged = dict(after)
    for part in ("containers", "initContainers"):
        pairs = zip(after.get(part) or (), before.get(part) or (), strict=True)
        munged[part] = [{**new, "image": old.get("image")} for new, old in pairs]
    for field in (_DEADLINE, "schedulingGates", "tolerations"):
        munged[field] = before.get(field)
    if (before.get(_GRACE) or 0) < 0 and after.get(_GRACE) == 1:
        munged[_GRACE] = before[_GRACE]
    return munged


def _gated(before: Spec, after: Spec) -> Iterator[Fault]:
    """What may not change in a pod that waits for gates: demands on nodes may only be added."""
    old, new = before.get("nodeSelector") or {}, after.get("nodeSelector") or {}
    if any(new.get(key) != value for key, value in old.items()):
        words = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
        yield "spec.nodeSelector", api_words.invalid({key: new[key] for key in sorted(new)}, words)[0]
    terms, given = _terms(before), _terms(after)
    if not terms or terms == given:
        return
    where = f"spec.affinity.nodeAffinity.{_REQUIRED}.nodeSelectorTerms"
    if len(terms) != len(given):
        words = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        yield where, api_words.invalid(given or None, words)[0]
        return
    for index, (first, second) in enumerate(zip(terms, given, strict=True)):
        parts = ("matchExpressions", "matchFields")
        if any(each not in (second.get(part) or ()) for part in parts for each in first.get(part) or ()):
            words = "only additions are allowed (no mutations or deletions)"
            yield f"{where}[{index}]", api_words.invalid(second, words)[0]


def _terms(spec: Spec) -> list[Spec]:
    nodes = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    found: list[Spec] = (nodes.get(_REQUIRED) or {}).get("nodeSelectorTerms") or []
    return found


def _with_node_affinity(new: Spec | None, old: Spec | None) -> Spec:
    """The new affinity with the old one's demands on nodes."""
    rest = {key: value for key, value in (new or {}).items() if key != "nodeAffinity"}
    nodes = (old or {}).get("nodeAffinity")
    return {**rest, **({"nodeAffinity": nodes} if nodes else {})}


def compact(value: Any) -> Any:
    """A tree without what is empty: the API server takes empty and absent as equal.

    >>> compact({"a": [], "b": {"c": None}, "d": 0})
    {'d': 0}
    """
    if isinstance(value, Mapping):
        found = {key: compact(each) for key, each in value.items()}
        return {key: each for key, each in found.items() if each not in (None, [], {}, "")}
    return [compact(each) for each in value] if isinstance(value, list | tuple) else value
