"""What an object tells about where it comes from: a cluster that stored it, or a person who wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STAND_IN = "kubelogic/stand-in"
"""The annotation of an object that was not in the input: what it was made from."""

UNPRINTED = ("-unprinted", "-unprinted-old")
"""How the name of a ReplicaSet ends that is made up: of the present template of its Deployment, and of another one."""

UNKNOWN_NODE = "not-in-the-input"
"""Where pods are that a controller counts and the input does not have."""


def is_stored(document: Mapping[str, Any]) -> bool:
    """Whether an object was printed by a cluster. Manifests have no uid, no version, no moment and no status.

    >>> is_stored({"metadata": {"name": "a", "uid": "1"}}), is_stored({"metadata": {"name": "a"}, "status": {}})
    (True, False)
    """
    metadata = document.get("metadata")
    about: Mapping[str, Any] = metadata if type(metadata) is dict or isinstance(metadata, Mapping) else {}
    return bool(
        about.get("uid") or about.get("resourceVersion") or about.get("creationTimestamp") or document.get("status")
    )


def stand_in_reason(document: Mapping[str, Any]) -> str:
    """What a stand-in was made from; empty for objects that are in the input."""
    about = document.get("metadata")
    annotations = about.get("annotations") if about else None
    return str(annotations.get(STAND_IN) or "") if annotations else ""


def is_nameless(document: Mapping[str, Any]) -> bool:
    """Whether a stand-in has a name of kubelogic's making, as nothing in the input tells the real one."""
    about: Mapping[str, Any] = document.get("metadata") or {}
    return bool(stand_in_reason(document)) and str(about.get("name")).endswith(UNPRINTED)
