"""Names, hashes and uids that look like the real ones and are the same in every run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Letters and digits that form no words. Source: k8s.io/apimachinery/pkg/util/rand."""

_MAX_BASE = 58
"""Longest text before a generated suffix of five: a name has at most 63."""

NAMESPACE_LABEL = "kubernetes.io/metadata.name"
"""The label by which the API server says of each namespace how it is called."""

HASH_LABEL = "pod-template-hash"

REVISION = "deployment.kubernetes.io/revision"
"""The annotation with the number of a ReplicaSet's revision."""


_MOST_TEXTS = 4096
_TEXTS: dict[int, tuple[Mapping[str, Any], str]] = {}
"""Templates by identity, each with its canonical text."""


def suffix(text: str, length: int = 5) -> str:
    """A name suffix that depends on all of ``text``.

    >>> suffix("shop/cart-1") == suffix("shop/cart-1")
    True
    """
    number = int.from_bytes(sha256(text.encode()).digest()[:16])
    letters = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[digit])
    return "".join(letters)


def generated(base: str, number: str) -> str:
    """A name that starts with what a client asks for. Source: apiserver, pkg/storage/names/generate.go."""
    return f"{base[:_MAX_BASE]}{suffix(f'{base}{number}')}"


def pod_name(owner: str, number: int) -> str:
    """The key of the pod that ``owner`` (a key) makes as its ``number``-th, from 0."""
    namespace, _, name = owner.rpartition("/")
    return f"{namespace}/{name[:_MAX_BASE]}-{suffix(f'{owner}#{number}')}"


def uid(kind: str, key: str, moment: int) -> str:
    """A uid for an object made at ``moment``."""
    digest = sha256(f"{kind}:{key}@{moment}".encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


def template_hash(template: Mapping[str, Any], collisions: int = 0) -> str:
    """The pod-template-hash of a pod template, whatever hash label it carries itself.

    Args:
        template: a ``PodTemplateSpec`` document.
        collisions: the owner's ``collisionCount``.
    """
    return suffix(f"{canonical_template(template)}{collisions or ''}", 10)


_written = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode

_TOLD_APART = frozenset({"labels", "annotations", "creationTimestamp"})
"""Metadata of a template that is compared by itself, or that says nothing."""


def canonical_template(template: Mapping[str, Any]) -> str:
    """Text that is equal for templates that are equal but for the hash label.

    Documents never change, so the very same template has the text that it had. Bodies in protobuf have empty names in
    the metadata of a template, which is as good as none.

    >>> spec = {"containers": [{"name": "c"}]}
    >>> sent = {"metadata": {"name": "", "generation": 0, "labels": {"a": "b"}}, "spec": spec}
    >>> canonical_template(sent) == canonical_template({"metadata": {"labels": {"a": "b"}}, "spec": spec})
    True

    Source: the Deployment controller compares templates semantically and ignores ``pod-template-hash``.
    """
    known = _TEXTS.get(id(template))
    if known is not None and known[0] is template:
        return known[1]
    metadata = template.get("metadata") or {}
    labels = {name: value for name, value in (metadata.get("labels") or {}).items() if name != HASH_LABEL}
    meaning = {
        "labels": labels,
        "annotations": metadata.get("annotations") or {},
        "spec": _without_empty(template.get("spec") or {}),
    }
    said = {name: value for name, value in metadata.items() if name not in _TOLD_APART and value not in ("", 0)}
    if other := _without_empty(said):
        meaning["metadata"] = other
    text = _written(meaning)
    if len(_TEXTS) >= _MOST_TEXTS:
        _TEXTS.clear()
    _TEXTS[id(template)] = template, text
    return text


def _without_empty(value: Any) -> Any:
    """Semantic equality takes an empty list or mapping for an absent one."""
    if type(value) is dict or isinstance(value, Mapping):
        return {
            name: _without_empty(inner)
            for name, inner in value.items()
            if inner or (inner is not None and inner != [] and (inner != {} or name == "emptyDir"))
        }
    return list(map(_without_empty, value)) if isinstance(value, list) else value
