"""Kinds that are not served, and the names that generateName asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from kubelogic.kinds.short_names import SHORT_NAMES
from kubelogic.kinds.table import GROUPS, REMOVED, did_you_mean
from kubelogic.text import mistaken

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_LONGEST_BASE = 58
_LONG = {short: plural for plural, names in SHORT_NAMES.items() for short in names}
"""The plural of a resource by its short names."""


def unknown_kind(api_version: str, kind: str) -> tuple[str, str] | None:
    """What is wrong with a kind that Kubernetes does not serve: the field and the message.

    None if it is a custom resource, which the API server would serve once its definition is there: its
    group is not one of Kubernetes' own and has a dot, as groups of definitions must.
    """
    group, _, _version = api_version.rpartition("/")
    if (replacement := REMOVED.get((api_version, kind))) is not None:
        advice = f"use {replacement}" if replacement else "there is no replacement"
        return "apiVersion", f"Kubernetes no longer serves {api_version} {kind}: {advice}"
    meant = did_you_mean(api_version, kind) or did_you_mean(api_version, _LONG.get(kind.lower(), kind))
    if meant is not None and meant.kind == kind and meant.api_version.partition("/")[0] == group:
        return "apiVersion", f"Kubernetes serves no {api_version} {kind}: did you mean {meant.api_version} {kind}?"
    if tool := mistaken.of_kind(api_version, kind):
        return "kind", f"{api_version} {kind} is {tool}"
    known_group = group in GROUPS
    if not known_group and "." in group:
        return None
    message = f"Kubernetes serves no {api_version} {kind}"
    if meant is not None:
        message += f": did you mean {meant.api_version} {meant.kind}?"
    wrong_version = meant is not None and meant.kind == kind
    return ("apiVersion" if wrong_version or not known_group else "kind"), message


def generated_name(prefix: str, document: Mapping[str, Any], *, copy: int) -> str:
    """A name for an object that has only ``generateName``: formed as by the API server, but not at random.

    It depends on the content of the object, and for equal objects on ``copy`` (0, 1, ...), so the order in
    which objects are read does not matter.

    >>> generated_name("job-", {"kind": "Job"}, copy=0) == generated_name("job-", {"kind": "Job"}, copy=0)
    True
    """
    content = msgspec.json.encode((document, copy), order="deterministic")
    digest = int.from_bytes(hashlib.sha256(content).digest()[:8])
    suffix = ""
    for _ in range(5):
        digest, index = divmod(digest, len(_ALPHABET))
        suffix += _ALPHABET[index]
    return prefix[:_LONGEST_BASE] + suffix
