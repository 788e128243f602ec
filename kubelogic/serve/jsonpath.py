"""The small part of JSONPath that definitions of custom resources use: names, quoted names, indexes and ``*``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kubelogic.patterns import regex

_STEP = regex(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>-?\d+|\*)\]|\['(?P<quoted>[^']*)'\]")


def find(document: Any, path: str) -> list[Any]:
    r"""What stands at a path.

    >>> find({"a": {"b.c": [{"d": 1}, {"d": 2}]}}, r".a['b.c'][*].d")
    [1, 2]
    """
    found = [document]
    text = path.replace(r"\.", "\0").strip().strip("{}")
    place = 0
    while place < len(text):
        step = _STEP.match(text, place)
        if step is None:
            return []
        place = step.end()
        found = [each for value in found for each in _take(value, step)]
    return [each for each in found if each is not None]


def _take(value: Any, step: re.Match[str]) -> list[Any]:
    name = step["name"] if step["name"] is not None else step["quoted"]
    if name is not None:
        name = name.replace("\0", ".")
        if name == "*":
            return list(value.values()) if isinstance(value, Mapping) else list(value or ())
        return [value[name]] if isinstance(value, Mapping) and name in value else []
    if not isinstance(value, list):
        return []
    if step["index"] == "*":
        return list(value)
    index = int(step["index"])
    return [value[index]] if -len(value) <= index < len(value) else []
