"""Pod presets put environment, volumes and mounts into the pods that they select.

Source: plugin/pkg/admission/podpreset/admission.go of Kubernetes 1.19, the last with it. Decided by
``rules/admission/pod_preset.dl``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.apiserver.admission.service_account import MIRROR
from kubelogic.apiserver.answers import Status, invalid
from kubelogic.apiserver.deciding import IT, decide
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import metadata, with_document
from kubelogic.facts.base import Fact
from kubelogic.facts.selectors import matches, requirements
from kubelogic.kinds.validation import admit as check
from kubelogic.text.location import dotted

READS = frozenset({"PodPreset"})
EXCLUDED = "podpreset.admission.kubernetes.io/exclude"
APPLIED = "podpreset.admission.kubernetes.io/podpreset-"
"""What stands before the name of a preset in the annotation that tells its version."""
CONFLICT = "PodPresetConflict"
"""The reason of the Event that a conflict leaves."""

_CONTAINERS = ("initContainers", "containers")
_GOALS = ("preset_conflicts", "preset_is_applied")


def admit(tx: Transaction, pod: Object, old: Object | None) -> Status | None:
    """Merge the presets that select a new pod into it; on any conflict record an event and change nothing."""
    presets = tx.state.cluster.objects("PodPreset")
    if not presets or pod.kind != "Pod" or old is not None:
        return None
    annotations = metadata(pod).get("annotations") or {}
    if MIRROR in annotations or annotations.get(EXCLUDED) == "true":
        return None
    labels = metadata(pod).get("labels") or {}
    chosen = {
        each.name: each.document.get("spec") or {}
        for _, each in sorted(presets.items())
        if each.namespace == pod.namespace
        and matches(requirements((each.document.get("spec") or {}).get("selector") or {}), labels)
    }
    if not chosen:
        return None
    answer = decide(tx, tuple(_question(pod, chosen)), _GOALS)
    if answer["preset_conflicts"]:
        for _, preset, what, key, other in answer["preset_conflicts"]:
            tell(tx, pod, f"PodPreset {preset} was not applied: its {what} {key} is not the one of {other}")
        return None
    names = [str(name) for _, name in answer["preset_is_applied"]]
    versions = {name: str(metadata(presets[f"{pod.namespace}/{name}"]).get("resourceVersion") or "") for name in names}
    found = check(_merged(pod.document, [chosen[name] for name in names], versions), namespace=pod.namespace)
    if found.problems:
        return invalid(pod, [(dotted(each.path), each.message) for each in found.problems])
    tx.put(with_document(pod, found.document))
    return None


def tell(tx: Transaction, pod: Object, text: str) -> None:
    """Record an Event about a pod, and say so."""
    tx.warn(pod, text, reason=CONFLICT)
    key = f"{pod.namespace}/{pod.name}.podpreset"
    if tx.get("Event", key) is None:
        about = {"apiVersion": "v1", "kind": "Pod", "namespace": pod.namespace, "name": pod.name}
        event = {
            "involvedObject": about,
            "reason": CONFLICT,
            "message": text,
            "type": "Warning",
            "source": {"component": "podpreset"},
            "firstTimestamp": tx.now,
            "lastTimestamp": tx.now,
            "count": 1,
        }
        tx.create(api_version="v1", kind="Event", key=key, document=event)


def _question(pod: Object, chosen: Mapping[str, Mapping[str, Any]]) -> Iterator[Fact]:
    spec = pod.document.get("spec") or {}
    slot = 0
    for kind in _CONTAINERS:
        for container in spec.get(kind) or ():
            slot += 1
            yield "asks_container_entry", (IT, slot, "container", str(container.get("name") or ""), "")
            for what, key, value in _entries(container.get("env"), container.get("volumeMounts")):
                yield "asks_container_entry", (IT, slot, what, key, value)
    for volume in spec.get("volumes") or ():
        yield "asks_volume_entry", (IT, str(volume.get("name") or ""), _text(volume))
    for name, preset in chosen.items():
        yield "asks_preset", (IT, name)
        for what, key, value in _entries(preset.get("env"), preset.get("volumeMounts")):
            yield "preset_entry", (name, what, key, value)
        for volume in preset.get("volumes") or ():
            yield "preset_entry", (name, "volume", str(volume.get("name") or ""), _text(volume))


def _entries(env: Any, mounts: Any) -> Iterator[tuple[str, str, str]]:
    """What a container or a preset has, by what must be alike: variables by name, mounts by name and by path."""
    for each in env or ():
        yield "environment variable", str(each.get("name") or ""), _text(each)
    for each in mounts or ():
        yield "volume mount", str(each.get("name") or ""), _text(each)
        yield "mount path", str(each.get("mountPath") or ""), _text(each)


def _text(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, sort_keys=True)


def _merged(
    document: Mapping[str, Any], presets: list[Mapping[str, Any]], versions: Mapping[str, str]
) -> Mapping[str, Any]:
    spec = dict(document.get("spec") or {})
    for kind in _CONTAINERS:
        if spec.get(kind):
            spec[kind] = [_filled(container, presets) for container in spec[kind]]
    volumes = _added(spec.get("volumes"), [each for preset in presets for each in preset.get("volumes") or ()], "name")
    if volumes:
        spec["volumes"] = volumes
    meta = dict(document.get("metadata") or {})
    notes = {APPLIED + name: version for name, version in versions.items()}
    meta["annotations"] = {**(meta.get("annotations") or {}), **notes}
    return {**document, "metadata": meta, "spec": spec}


def _filled(container: Mapping[str, Any], presets: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    fields: dict[str, Any] = {}
    for name, key in (("env", "name"), ("volumeMounts", "mountPath")):
        fields[name] = _added(container.get(name), [each for preset in presets for each in preset.get(name) or ()], key)
    sources = [each for preset in presets for each in preset.get("envFrom") or ()]
    fields["envFrom"] = [*(container.get("envFrom") or ()), *sources]
    return {**container, **{name: value for name, value in fields.items() if value}}


def _added(present: Any, more: list[Mapping[str, Any]], key: str) -> list[Mapping[str, Any]]:
    found = list(present or ())
    for each in more:
        if each.get(key) not in {other.get(key) for other in found}:
            found.append(each)
    return found
