"""What may change in a pod through its parts: containers for debugging, and resources.

Source: pkg/apis/core/validation/validation.go, ValidatePodEphemeralContainersUpdate and ValidatePodResize;
pkg/registry/core/pod/strategy.go, dropNonResizeUpdates, of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.apiserver.registry.pod_updates import Fault, compact
from kubelogic.kinds.go_shape import difference
from kubelogic.kinds.qos import qos_class
from kubelogic.kinds.validation import api_words

Spec = Mapping[str, Any]

_CONTAINERS = ("containers", "initContainers")
_RESIZABLE = ("resources", "resizePolicy")
_RESIZED = ("cpu", "memory")


def with_debuggers(before: Spec, after: Spec) -> tuple[dict[str, Any], list[Fault]]:
    """A pod's spec with the containers for debugging of another one, and why they may not be so."""
    return {**before, "ephemeralContainers": after.get("ephemeralContainers") or []}, list(_debuggers(before, after))


def _debuggers(before: Spec, after: Spec) -> Iterator[Fault]:
    given = {each.get("name"): each for each in after.get("ephemeralContainers") or ()}
    for old in before.get("ephemeralContainers") or ():
        name, where = old.get("name"), "spec.ephemeralContainers"
        new = given.get(name)
        if new is None:
            yield where, f'Forbidden: existing ephemeral containers "{name}" may not be removed\n'
        elif compact(old) != compact(new):
            text = difference(compact(old), compact(new), "EphemeralContainer")
            yield where, f'Forbidden: existing ephemeral containers "{name}" may not be changed\n{text}'


def resized(before: Spec, after: Spec) -> tuple[dict[str, Any], list[Fault]]:
    """A pod's spec with the resources of another one, and why they may not be so.

    Nothing else of the other one counts, unless its containers are others: then it is looked at as it is, and refused.
    """
    kept = _with_resources(before, after)
    return kept, list(_resized(before, kept))


def _with_resources(before: Spec, after: Spec) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in _CONTAINERS:
        old, new = before.get(part) or (), after.get(part) or ()
        if len(old) != len(new):
            return dict(after)
        renamed = any(first.get("name") != second.get("name") for first, second in zip(old, new, strict=True))
        if part in before:
            found[part] = [*new] if renamed else [_merged(*pair) for pair in zip(old, new, strict=True)]
    return {**before, **found}


def _merged(old: Spec, new: Spec) -> dict[str, Any]:
    kept = {key: value for key, value in old.items() if key not in _RESIZABLE}
    return {**kept, **{key: new[key] for key in _RESIZABLE if key in new}}


def _resized(before: Spec, after: Spec) -> Iterator[Fault]:
    for part in _CONTAINERS:
        old, new = before.get(part) or (), after.get(part) or ()
        if len(old) != len(new):
            yield f"spec.{part}", f"Forbidden: {part} may not be added or removed on resize"
            return
        for index, (first, second) in enumerate(zip(old, new, strict=True)):
            if first.get("name") != second.get("name"):
                yield f"spec.{part}[{index}].name", "Forbidden: containers may not be renamed or reordered on resize"
                return
            yield from _taken_away(f"spec.{part}[{index}].resources", first, second)
    if qos_class(before) != qos_class(after):
        words = "Pod QOS Class may not change as a result of resizing"
        yield "spec", api_words.invalid(qos_class(before), words)[0]
    munged = {**after, "containers": [_as_before(*pair) for pair in _pairs(before, after)]}
    if compact(munged) != compact(before):
        text = difference(compact(before), compact(munged), "PodSpec")
        yield "spec", f"Forbidden: only cpu and memory resources are mutable\n{text}"


def _taken_away(where: str, before: Spec, after: Spec) -> Iterator[Fault]:
    old, new = before.get("resources") or {}, after.get("resources") or {}
    for which, words in (("requests", "resource requests"), ("limits", "resource limits")):
        if any(name in _RESIZED and name not in (new.get(which) or {}) for name in old.get(which) or {}):
            yield f"{where}.{which}", f"Forbidden: {words} cannot be removed"


def _pairs(before: Spec, after: Spec) -> Iterator[tuple[Spec, Spec]]:
    return zip(before.get("containers") or (), after.get("containers") or (), strict=True)


def _as_before(old: Spec, new: Spec) -> dict[str, Any]:
    """A container with cpu and memory as they were."""
    resources: dict[str, Any] = dict(new.get("resources") or {})
    for which in ("requests", "limits"):
        was = (old.get("resources") or {}).get(which) or {}
        kept = {name: each for name, each in (resources.get(which) or {}).items() if name not in _RESIZED}
        resources[which] = {**kept, **{name: was[name] for name in _RESIZED if name in was}}
    return {**new, "resources": resources}
