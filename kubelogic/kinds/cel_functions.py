"""Functions that Kubernetes adds to CEL, and what it says of errors.

Source: k8s.io/apiserver 1.36, cel/library (quantity, semver, strings, lists).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kubelogic.kinds import quantity
from kubelogic.kinds.cel_syntax import LISTED, MERGED, OPTIONAL_FIELD
from kubelogic.patterns import regex

_NANO = 10**9
_SEMVER = regex(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?", re.ASCII)

Value = Mapping[str, Any]


def error_words(error: Exception) -> str:
    """What Kubernetes says of an error in an expression."""
    if isinstance(error, KeyError) and error.args:
        return f"no such key: {error.args[0]}"
    if isinstance(error, ZeroDivisionError):
        return "division by zero"
    if isinstance(error, TypeError):
        return "no such overload"
    return str(error)


def quantity_of(value: str) -> Value:
    """An amount.

    Raises:
        ValueError: if it is none.
    """
    return {"@quantity": str(quantity.read(value).nanos)}


def version_of(value: str, normalize: bool = False) -> Value:
    """A semantic version; with ``normalize`` also one that starts with v, or lacks its last numbers.

    Raises:
        ValueError: if it is none.
    """
    if normalize:
        value = _normal(value)
    if not _SEMVER.fullmatch(value):
        raise ValueError(f"{value} is not a semantic version")
    return {"@version": value}


def _normal(value: str) -> str:
    """Source: k8s.io/apiserver, cel/library/semverlib.go, normalizeAndParse."""
    numbers, sign, rest = re.fullmatch(r"v?([^-+]*)([-+]?)(.*)", value, re.DOTALL).groups()  # type: ignore[union-attr]
    parts = [part.lstrip("0") or "0" if part else part for part in numbers.split(".")]
    return ".".join([*parts, *["0"] * (3 - len(parts))]) + sign + rest


def _is(read: Callable[..., object]) -> Callable[..., bool]:
    def check(*given: Any) -> bool:
        try:
            read(*given)
        except ValueError:
            return False
        return True

    return check


def _nanos(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value * _NANO
    return int(value["@quantity"])


def _rank(value: Any) -> tuple[Any, ...]:
    """What versions and amounts are compared by. Pre-releases come before releases."""
    if not isinstance(value, Mapping) or "@version" not in value:
        return (_nanos(value),)
    match = _SEMVER.fullmatch(value["@version"])
    assert match is not None
    parts = [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in (match[4] or "").split(".") if p]
    return (int(match[1]), int(match[2]), int(match[3]), not parts, parts)


def _compare(one: Any, other: Any) -> int:
    a, b = _rank(one), _rank(other)
    return (a > b) - (a < b)


def _part(number: int) -> Callable[[Any], int]:
    return lambda value: int(_rank(value)[number])


def _amount(nanos: int) -> Value:
    return {"@quantity": str(nanos)}


def _as_integer(value: Any) -> int:
    nanos = _nanos(value)
    if nanos % _NANO:
        raise ValueError("cannot convert value to integer")
    return nanos // _NANO


def _index(values: list[Any], wanted: Any) -> int:
    return values.index(wanted) if wanted in values else -1


def _optional_field(holder: Any, key: Any) -> Any:
    """The field of something that may lack it, or that may itself be missing."""
    import cel

    if isinstance(holder, cel.OptionalValue):
        if not holder.has_value():
            return cel.OptionalValue.none()
        holder = holder.value()
    if isinstance(holder, Mapping):
        return cel.OptionalValue.of(holder[key]) if key in holder else cel.OptionalValue.none()
    if isinstance(holder, Sequence) and not isinstance(holder, str) and isinstance(key, int):
        return cel.OptionalValue.of(holder[key]) if 0 <= key < len(holder) else cel.OptionalValue.none()
    raise TypeError("no such overload")


def _held(value: Any) -> Any:
    return value.value() if hasattr(value, "has_value") else value


def _merged(entries: Sequence[Sequence[Any]]) -> dict[Any, Any]:
    kept = (entry for entry in entries if not entry[0] or entry[2].has_value())
    return {key: _held(value) if optional else value for optional, key, value in kept}


def _listed(entries: Sequence[Sequence[Any]]) -> list[Any]:
    return [_held(value) if optional else value for optional, value in entries if not optional or value.has_value()]


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    OPTIONAL_FIELD: _optional_field,
    MERGED: _merged,
    LISTED: _listed,
    "quantity": quantity_of,
    "isQuantity": _is(quantity.read),
    "semver": version_of,
    "isSemver": _is(version_of),
    "compareTo": _compare,
    "isGreaterThan": lambda one, other: _compare(one, other) > 0,
    "isLessThan": lambda one, other: _compare(one, other) < 0,
    "major": _part(0),
    "minor": _part(1),
    "patch": _part(2),
    "sign": lambda value: (_nanos(value) > 0) - (_nanos(value) < 0),
    "add": lambda one, other: _amount(_nanos(one) + _nanos(other)),
    "sub": lambda one, other: _amount(_nanos(one) - _nanos(other)),
    "isInteger": lambda value: _nanos(value) % _NANO == 0,
    "asInteger": _as_integer,
    "asApproximateFloat": lambda value: _nanos(value) / _NANO,
    "lowerAscii": lambda text: text.lower(),
    "upperAscii": lambda text: text.upper(),
    "trim": lambda text: text.strip(),
    "split": lambda text, by: text.split(by),
    "replace": lambda text, old, new: text.replace(old, new),
    "charAt": lambda text, at: text[at : at + 1],
    "indexOf": lambda text, part: text.find(part) if isinstance(text, str) else _index(text, part),
    "lastIndexOf": lambda text, part: text.rfind(part),
    "substring": lambda text, *ends: text[slice(*ends)] if len(ends) > 1 else text[ends[0] :],
    "join": lambda parts, by="": by.join(parts),
    "find": lambda text, pattern: (re.search(pattern, text) or [""])[0],
    "findAll": lambda text, pattern: [match[0] for match in re.finditer(pattern, text)],
}
"""What Kubernetes adds to CEL, as far as it is modelled; a method's target is its first argument."""
