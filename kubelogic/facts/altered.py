"""Documents with other values: what may be asked of an extractor to find out which fields it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kubelogic.text.location import Path, Step, value_at

_OPPOSITES = {
    "DoesNotExist": "Exists",
    "Equal": "Exists",
    "Exists": "DoesNotExist",
    "Gt": "Lt",
    "In": "NotIn",
    "Lt": "Gt",
    "NotIn": "In",
}
"""Operators, which have no values but these."""

_ABSENT = object()


def with_value(document: Any, path: Path, value: Any) -> Any:
    """A document with another value at a path; it shares all the rest."""
    if not path:
        return value
    step, *rest = path
    copy: Any = dict(document) if isinstance(document, Mapping) else list(document)
    copy[step] = with_value(document[step], tuple(rest), value)
    return copy


def changed(document: Any, path: Path, steps: Iterable[Step], change: Callable[[Any], Any]) -> Any:
    """A document in which some parts of what is at a path are changed, or gone where that gives ``_ABSENT``."""
    above = value_at(document, path)
    copy: Any = dict(above) if isinstance(above, Mapping) else list(above)
    same = True
    for step in steps:
        before = copy[step]
        value = change(before)
        if value is before and value is not None:
            continue
        same = False
        if value is not _ABSENT:
            copy[step] = value
        elif isinstance(copy, dict):
            del copy[step]
        else:
            copy[step] = _emptied(before)
    return document if same else with_value(document, path, copy)


def gone(value: Any) -> Any:  # noqa: ARG001 - whatever it is
    return _ABSENT


def _emptied(value: Any) -> Any:
    """Nothing of the same type: items of lists are not taken out, which would move the others."""
    return type(value)() if isinstance(value, dict | list | str | int | float) else None


def other(value: Any) -> Any:
    """Another value of the same form: all scalars differ, quantities and times stay such."""
    match value:
        case dict():
            return {key: each if (new := other(each)) is _ABSENT else new for key, each in value.items()} or _ABSENT
        case list() | tuple():
            return [each if (new := other(each)) is _ABSENT else new for each in value] or _ABSENT
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return _other_text(value)
        case _:
            return _ABSENT


def far(value: Any) -> Any:
    """The same with counts and percentages that are far off, as those nearby may be rounded to the same."""
    match value:
        case dict():
            found = {key: far(each) for key, each in value.items()}
            return found if any(found[key] is not value[key] for key in value) else value
        case list() | tuple():
            items = [far(each) for each in value]
            return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
        case bool():
            return value
        case int():
            return value + 1000
        case str() if value.endswith("%") and value[:-1].isdigit():
            return f"{(int(value[:-1]) + 50) % 100}%"
        case _:
            return value


def _other_text(text: str) -> str:
    if text in _OPPOSITES:
        return _OPPOSITES[text]
    for index in range(len(text) - 1, -1, -1):
        if text[index] in "0123456789":
            return f"{text[:index]}{(int(text[index]) + 1) % 10}{text[index + 1 :]}"
    return f"{text}x"
