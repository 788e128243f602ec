"""What of a refused change is it that cannot change, and how an object is made anew with it.

Source: kubernetes.io/docs, concepts/workloads/controllers/deployment ("Label selector updates"), and kubectl delete
--cascade=orphan; a StatefulSet of the same selector adopts the pods that stay.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from kubelogic.cluster import Object
from kubelogic.text.location import Path, value_at

_IMMUTABLE = re.compile(r"field is immutable|updates to statefulset spec|pod updates may not change")
_ANEW: Mapping[str, tuple[str, str]] = {
    "DaemonSet": ("", "its pods go with it"),
    "Deployment": ("", "its pods go with it"),
    "Job": ("", "its pods go with it"),
    "Pod": ("", "it stops"),
    "ReplicaSet": ("", "its pods go with it"),
    "StatefulSet": (" --cascade=orphan", "its pods stay"),
}
"""By kind that holds no data of its own: what to add to kubectl delete, and what becomes of the pods."""


def anew_words(old: Object, words: str) -> str:
    """How to make an object anew that does not take a change, in words that go on a sentence; empty for other refusals.

    Args:
        old: as the cluster printed it.
        words: why the change was refused.
    """
    if not _IMMUTABLE.search(words) or old.kind not in _ANEW:
        return ""
    flag, pods = _ANEW[old.kind]
    space = f" -n {old.namespace}" if old.namespace else ""
    return f"; kubectl delete {old.kind.lower()} {old.name}{space}{flag} ({pods}), then apply, makes it anew"


def differing(old: Object, document: Mapping[str, Any], path: Path, words: str) -> Path:
    """The first field below a path at which a manifest is not what the cluster has; the path itself if none is found.

    Args:
        old: as the cluster printed it.
        document: the manifest.
        path: what the refusal is about.
        words: why the change was refused: fields that it names in quotes may change.
    """
    if not _IMMUTABLE.search(words):
        return path
    found = _first(
        value_at(document, path), value_at(old.document, path), path, frozenset(re.findall(r"'(\w+)'", words))
    )
    return path if found is None else found


def _first(mine: Any, theirs: Any, path: Path, spared: Collection[str] = ()) -> Path | None:
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        steps = [(key, value, theirs.get(key)) for key, value in mine.items() if key not in spared]
    elif isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        steps = [(number, value, theirs[number]) for number, value in enumerate(mine)]
    else:
        return None if mine == theirs or not mine else path
    found = (_first(value, other, (*path, step)) for step, value, other in steps)
    return next((each for each in found if each is not None), None)
