"""Selectors of devices: CEL as Kubernetes 1.36 evaluates it over one device.

The language is that of ``common-expression-language``; quantities, versions and the functions of Kubernetes are added
here. Source: k8s.io/dynamic-resource-allocation 1.36, cel/compile.go; k8s.io/apiserver, cel/library (quantity,
semver, strings).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from kubelogic.kinds import quantity

YES, NO = "yes", ""
_NANO = 10**9
_LITERAL = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'")
_SEMVER = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?", re.ASCII)
_DEVICE = re.compile(r"\bdevice\b(?!\s*\.\s*(?:driver|allowMultipleAllocations)\b)")
_NAMED = re.compile(
    r'""\s*in\s*device\.(?:attributes|capacity)(?:\s*\[\s*""\s*\])?'
    r'|device\.(?:attributes|capacity)\s*\[\s*\??""\s*\]\s*(?:\.\s*\??\s*[A-Za-z_]\w*(?!\s*[\w(])|\[\s*\??""\s*\])'
)
_BIND = re.compile(r"\bcel\.bind\s*\(")

Value = Mapping[str, Any]


def verdict(expression: str, driver: str, device: Mapping[str, Any]) -> str:
    """Whether a device meets a selector.

    Args:
        expression: in CEL.
        driver: of the device; the domain of names that have none.
        device: as a slice lists it.

    Returns:
        ``yes``, empty for no, or what went wrong: ``compile error: ...`` or ``runtime error: ...``.

    >>> gpu = {"attributes": {"model": {"string": "a100"}}, "capacity": {"memory": {"value": "40Gi"}}}
    >>> verdict('device.attributes["gpu.example.com"].model == "a100"', "gpu.example.com", gpu)
    'yes'
    >>> verdict('device.capacity["gpu.example.com"].memory.compareTo(quantity("80Gi")) >= 0', "gpu.example.com", gpu)
    ''
    >>> verdict('device.attributes["gpu.example.com"].index > 1', "gpu.example.com", gpu)
    'runtime error: no such key: index'
    """
    look = msgspec.json.encode([driver, {key: device.get(key) for key in _READ}], order="deterministic")
    return _verdict(expression, look)


_READ = ("attributes", "capacity", "allowMultipleAllocations")


def read_by(expressions: Iterable[str], name: str) -> bool:
    """Whether any of some expressions may read an attribute or capacity.

    Args:
        expressions: in CEL.
        name: of the attribute, with or without a domain.

    >>> read_by(['device.attributes["gpu.example.com"].model == "a100"'], "gpu.example.com/uuid")
    False
    >>> read_by(['device.attributes["gpu.example.com"].exists(key, key == "model")'], "uuid")
    True
    """
    key = name.rpartition("/")[2]
    return any(key in expression or not _by_name(expression) for expression in expressions)


@lru_cache(maxsize=1 << 12)
def _by_name(expression: str) -> bool:
    """Whether an expression names all that it reads of a device."""
    plain = _NAMED.sub("", _LITERAL.sub('""', expression))
    return not _DEVICE.search(plain)


@lru_cache(maxsize=1 << 16)
def _verdict(expression: str, look: bytes) -> str:
    program = _compiled(expression)
    if isinstance(program, str):
        return f"compile error: {program}"
    import cel  # with it come pydantic and typer, which nobody needs who has no devices

    driver, device = msgspec.json.decode(look)
    try:
        context = cel.Context({"device": _variables(expression, driver, device)})
        for name, function in FUNCTIONS.items():
            context.add_function(name, function)
        result = program.execute(context)
    except Exception as error:  # noqa: BLE001  the library raises whatever its functions do
        return f"runtime error: {error_words(error)}"
    if isinstance(result, bool):
        return YES if result else NO
    kind = _kind(result)
    return f"runtime error: CEL result of type {kind} could not be converted to bool: unsupported type conversion"


@lru_cache(maxsize=1 << 12)
def _compiled(expression: str) -> Any:
    """The program of an expression, or what is wrong with it."""
    import cel

    try:
        return cel.compile(_without_bind(expression))
    except Exception as error:  # noqa: BLE001  as above
        return str(error).strip().splitlines()[-1] if str(error).strip() else "compilation failed"


def _variables(expression: str, driver: str, device: Mapping[str, Any]) -> dict[str, Any]:
    attributes: dict[str, dict[str, Any]] = {}
    for name, attribute in (device.get("attributes") or {}).items():
        domain, key = _split(name, driver)
        attributes.setdefault(domain, {})[key] = _attribute(attribute)
    capacity: dict[str, dict[str, Any]] = {}
    for name, amount in (device.get("capacity") or {}).items():
        domain, key = _split(name, driver)
        capacity.setdefault(domain, {})[key] = _quantity(amount.get("value") or "0")
    for literal in _LITERAL.findall(expression):
        # a domain that the device knows nothing of reads as an empty map
        domain = literal[0] or literal[1]
        attributes.setdefault(domain, {})
        capacity.setdefault(domain, {})
    return {
        "driver": driver,
        "allowMultipleAllocations": bool(device.get("allowMultipleAllocations")),
        "attributes": attributes,
        "capacity": capacity,
    }


def _split(name: str, driver: str) -> tuple[str, str]:
    domain, slash, key = name.partition("/")
    return (domain, key) if slash else (driver, name)


def _attribute(attribute: Mapping[str, Any]) -> Any:
    for kind in ("int", "bool", "string"):
        if kind in attribute:
            return attribute[kind]
    if "version" in attribute:
        return _semver(attribute["version"])
    raise ValueError("unsupported attribute value")


def error_words(error: Exception) -> str:
    """What Kubernetes says of an error in an expression."""
    if isinstance(error, KeyError) and error.args:
        return f"no such key: {error.args[0]}"
    if isinstance(error, ZeroDivisionError):
        return "division by zero"
    if isinstance(error, TypeError):
        return "no such overload"
    return str(error)


def _kind(value: Any) -> str:
    kinds = {int: "int", float: "double", str: "string", list: "list", dict: "map", type(None): "null_type"}
    return kinds.get(type(value), type(value).__name__)


def _without_bind(expression: str) -> str:
    """``cel.bind(name, value, result)`` as the map over a list of one that means the same."""
    match = _BIND.search(expression)
    while match is not None:
        parts, end = _arguments(expression, match.end())
        if len(parts) != 3:
            return expression
        name, value, result = parts
        expression = f"{expression[: match.start()]}([{value}].map({name}, {result})[0]){expression[end:]}"
        match = _BIND.search(expression)
    return expression


def _arguments(text: str, start: int) -> tuple[list[str], int]:
    """The arguments of a call from after its parenthesis, and where the call ends."""
    parts: list[str] = []
    depth, at, begin = 0, start, start
    while at < len(text):
        literal = _LITERAL.match(text, at)
        if literal:
            at = literal.end()
            continue
        char = text[at]
        if char in "([{":
            depth += 1
        elif char in ")]}":
            if not depth:
                return [*parts, text[begin:at]], at + 1
            depth -= 1
        elif char == "," and not depth:
            parts.append(text[begin:at])
            begin = at + 1
        at += 1
    return parts, at


# -- quantities and versions -------------------------------------------------------------------------------


def _quantity(value: str) -> Value:
    return {"@quantity": str(quantity.read(value).nanos)}


def _semver(value: str) -> Value:
    if not _SEMVER.fullmatch(value):
        raise ValueError(f"{value} is not a semantic version")
    return {"@version": value}


def _is(read: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            read(text)
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


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "quantity": _quantity,
    "isQuantity": _is(quantity.read),
    "semver": _semver,
    "isSemver": _is(_semver),
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


def _index(values: list[Any], wanted: Any) -> int:
    return values.index(wanted) if wanted in values else -1
