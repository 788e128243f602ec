"""What may not change any more of volumes, claims on them and their drivers.

Source: pkg/apis/core/validation/validation.go, ValidatePersistentVolumeUpdate and ValidatePersistentVolumeClaimUpdate;
pkg/apis/storage/validation/validation.go, ValidateCSIDriverUpdate, ValidateVolumeAttachmentUpdate and
ValidateCSINodeUpdate of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.apiserver.registry.pod_updates import Fault, compact
from kubelogic.kinds.go_shape import difference, in_go
from kubelogic.kinds.quantity import parse
from kubelogic.kinds.validation import api_words

Document = Mapping[str, Any]
_NOT_SOURCES = frozenset(
    {
        "capacity",
        "accessModes",
        "claimRef",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "mountOptions",
        "volumeMode",
        "nodeAffinity",
        "volumeAttributesClassName",
    }
)
"""Fields of a volume's spec beside the one that says where its data is."""
_IMMUTABLE = "field is immutable"


def claim(before: Document, after: Document) -> Iterator[Fault]:
    """Only a bound claim may ask for another size, and none for less than it has: there is no shrinking."""
    status = before.get("status") or {}
    stored, given = _spec(before), _spec(after)
    old, new = dict(stored), dict(given)
    if not stored.get("volumeName"):
        old["volumeName"] = given.get("volumeName")
    if stored.get("storageClassName") is None and given.get("storageClassName"):
        new["storageClassName"] = None
    if status.get("phase") == "Bound":
        new["resources"] = {**(given.get("resources") or {}), "requests": _requests(stored)}
        new["volumeAttributesClassName"] = stored.get("volumeAttributesClassName")
    if compact(old) != compact(new):
        text = difference(compact(old), compact(new), "PersistentVolumeClaimSpec")
        free = "resources.requests and volumeAttributesClassName for bound claims"
        yield "spec", f"Forbidden: spec is immutable after creation except {free}\n{text}"
    size, wanted = (parse(_requests(each).get("storage", 0)) for each in (stored, given))
    if wanted < size and wanted <= parse((status.get("capacity") or {}).get("storage", 0)):
        yield "spec.resources.requests.storage", "Forbidden: field can not be less than status.capacity"
    yield from _mode(stored, given)


def volume(before: Document, after: Document) -> Iterator[Fault]:
    """A volume stays where its data is; which nodes reach it may be said once."""
    stored, given = _spec(before), _spec(after)
    old, new = _source(stored), _source(given)
    if "controllerExpandSecretRef" not in (old.get("csi") or {}) and "csi" in old and "csi" in new:
        new["csi"] = {key: value for key, value in new["csi"].items() if key != "controllerExpandSecretRef"}
    if old != new:
        text = difference(old, new, "PersistentVolumeSource")
        words = f"spec.persistentvolumesource is immutable after creation\n{text}"
        yield "spec.persistentvolumesource", f"Forbidden: {words}"
    yield from _mode(stored, given)
    reach, other = compact(stored.get("nodeAffinity")), compact(given.get("nodeAffinity"))
    if stored.get("nodeAffinity") is not None and reach != other:
        shown = None if given.get("nodeAffinity") is None else in_go(other, "VolumeNodeAffinity")
        yield "nodeAffinity", _invalid(shown, f"{_IMMUTABLE}, except for updating from beta label to GA")
    if stored.get("volumeAttributesClassName") is not None and given.get("volumeAttributesClassName") is None:
        yield "spec.volumeAttributesClassName", "Forbidden: update from non-nil value to nil is forbidden"


def driver(before: Document, after: Document) -> Iterator[Fault]:
    """Whether volumes are attached, and what kinds of volumes there are, is said for good."""
    stored, given = _spec(before), _spec(after)
    if stored.get("attachRequired", True) != given.get("attachRequired", True):
        yield "spec.attachedRequired", _invalid(given.get("attachRequired"), _IMMUTABLE)
    modes, others = (each.get("volumeLifecycleModes") or ["Persistent"] for each in (stored, given))
    if modes != others:
        yield "spec.volumeLifecycleModes", _invalid(others, _IMMUTABLE)


def attachment(before: Document, after: Document) -> Iterator[Fault]:
    """Nothing of what is attached where may change."""
    if compact(_spec(before)) != compact(_spec(after)):
        yield "spec", _invalid(in_go(_spec(after), "VolumeAttachmentSpec"), _IMMUTABLE)


def node_drivers(before: Document, after: Document) -> Iterator[Fault]:
    """Of a driver on a node only how many volumes it takes may change."""
    known = {each.get("name"): each for each in _spec(before).get("drivers") or ()}
    for each in _spec(after).get("drivers") or ():
        old = known.get(each.get("name"))
        if old is not None and _but_count(old) != _but_count(each):
            yield "CSINodeDriver", _invalid(in_go(each, "CSINodeDriver"), _IMMUTABLE)


def _but_count(entry: Document) -> Any:
    return compact({key: value for key, value in entry.items() if key != "allocatable"})


def _mode(stored: Document, given: Document) -> Iterator[Fault]:
    old, new = (each.get("volumeMode") or "Filesystem" for each in (stored, given))
    if old != new:
        yield "volumeMode", _invalid(new, _IMMUTABLE)


def _source(spec: Document) -> dict[str, Any]:
    return dict(compact({key: value for key, value in spec.items() if key not in _NOT_SOURCES}))


def _invalid(value: Any, words: str) -> str:
    return api_words.invalid(value, words)[0]


def _requests(spec: Document) -> dict[str, Any]:
    return dict((spec.get("resources") or {}).get("requests") or {})


def _spec(document: Document) -> Document:
    found: Document = document.get("spec") or {}
    return found
