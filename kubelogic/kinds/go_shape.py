"""Specs as the API server's own types hold them: what it compares, and prints where a change is refused.

``go_types.json`` has the fields of those types in their order, each with its kind: ``s`` text, ``i`` number, ``b``
Boolean, ``q`` quantity, ``x`` number or text, ``y`` bytes, ``{`` mapping, ``j`` as in the API, ``@T`` another type;
``*`` before it what may be absent, ``[`` a list. A field without a name lends its fields to the type that holds it.

Source: pkg/apis/core/types.go of Kubernetes 1.36; apimachinery, pkg/util/diff/diff.go.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

Tree = dict[str, Any]

_RENAMED = {"datadiskuri": "diskURI", "containerport": "containerPort"}
_HOST = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers")
"""Settings of a pod that the API server keeps in the pod's security context."""
_ZERO: Mapping[str, Any] = {"s": "", "i": 0, "b": False, "q": "0", "x": 0}


@cache
def _types() -> Mapping[str, tuple[tuple[str, str], ...]]:
    text = Path(__file__).with_name("go_types.json").read_text(encoding="utf-8")
    return {
        name: tuple((field.partition(":")[0], field.partition(":")[2]) for field in fields.split())
        for name, fields in json.loads(text).items()
    }


def in_go(value: Mapping[str, Any], type_name: str) -> Tree:
    """A mapping of the API as the API server's own type, with all its fields.

    >>> in_go({"name": "A", "value": "b"}, "EnvVar")
    {'Name': 'A', 'Value': 'b', 'ValueFrom': None}
    """
    given: Mapping[str, Any] = value
    if type_name == "PodSpec":
        inner = {**(value.get("securityContext") or {}), **{key: value[key] for key in _HOST if key in value}}
        given = {**value, "securityContext": inner}
    folded = {key.lower(): each for key, each in given.items()}
    return dict(_fields(folded, given, type_name))


def _fields(folded: Mapping[str, Any], given: Mapping[str, Any], type_name: str) -> Iterator[tuple[str, Any]]:
    for name, kind in _types()[type_name]:
        if name:
            key = _RENAMED.get(name.lower(), name).lower()
            yield name, _value(folded.get(key), kind)
        elif kind.startswith("@"):
            yield from _fields(folded, given, kind[1:])
        else:
            yield from (given.get("metadata") or {}).items()


def _value(value: Any, kind: str) -> Any:
    if kind.startswith("*"):
        return None if value is None else _value(value, kind[1:])
    if kind.startswith("["):
        return [_value(each, kind[1:]) for each in value] if value else None
    if kind.startswith("@"):
        return in_go(value or {}, kind[1:])
    if kind == "{":
        return {key: value[key] for key in sorted(value)} if value else None
    return _ZERO.get(kind) if value is None else value


def difference(before: Mapping[str, Any], after: Mapping[str, Any], type_name: str) -> str:
    """How two specs differ, as the API server prints it."""
    old, new = (_pretty(in_go(each, type_name)) for each in (before, after))
    return "".join(_unified(old, new))


def _pretty(tree: Tree) -> list[str]:
    text = json.dumps(tree, indent=1, ensure_ascii=False)
    return [f"{line}\n" for line in escaped(text).split("\n")]


def _unified(old: list[str], new: list[str]) -> Iterator[str]:
    lines = difflib.unified_diff(old, new, n=3)
    for number, line in enumerate(lines):
        if number > 1:  # no names of files before the first hunk
            yield line


def escaped(text: str) -> str:
    """JSON as Go writes it: what HTML reads otherwise is escaped."""
    for mark, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(mark, code)
    return text
