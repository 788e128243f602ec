"""Selectors of devices: CEL as Kubernetes 1.36 evaluates it over one device.

The language is that of ``common-expression-language`` with the functions of ``cel_functions``.
Source: k8s.io/dynamic-resource-allocation 1.36, cel/compile.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from kubelogic.kinds.cel_functions import FUNCTIONS, error_words, quantity_of, version_of
from kubelogic.kinds.cel_syntax import plain
from kubelogic.patterns import regex

YES, NO = "yes", ""
_UNDEFINED = "Undefined variable or function"
_LITERAL = regex(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'")
_DEVICE = regex(r"\bdevice\b(?!\s*\.\s*(?:driver|allowMultipleAllocations)\b)")
_NAMED = regex(
    r'""\s*in\s*device\.(?:attributes|capacity)(?:\s*\[\s*""\s*\])?'
    r'|device\.(?:attributes|capacity)\s*\[\s*\??""\s*\]\s*(?:\.\s*\??\s*[A-Za-z_]\w*(?!\s*[\w(])|\[\s*\??""\s*\])'
)
_WHOLE = regex(
    r"(?<=\bin )device\.(attributes|capacity)\b(?![.\[])"
    r"|\bdevice\.(attributes|capacity)(?=\.(?:all|exists|exists_one|map|filter|size)\()"
    r"|(?<=\bsize\()device\.(attributes|capacity)(?=\))"
)
"""Attributes or capacity where their domains are gone through, counted, or asked for one."""

_SELECTED = regex(r"\bdevice\s*\.\s*(?:attributes|capacity)\s*\.\s*([A-Za-z_]\w*)\b(?!\s*\()")


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
    >>> verdict('device.attributes["other.com"].size() == 0', "gpu.example.com", gpu)
    'yes'
    >>> verdict('device.attributes.exists(domain, domain == "other.com")', "gpu.example.com", gpu)
    ''
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
        words = error_words(error)
        # what is defined nowhere does not get past the API server: it is there, but not for these values
        return f"runtime error: {'no such overload' if words.startswith(_UNDEFINED) else words}"
    if isinstance(result, bool):
        return YES if result else NO
    kind = _kind(result)
    return f"runtime error: CEL result of type {kind} could not be converted to bool: unsupported type conversion"


@lru_cache(maxsize=1 << 12)
def _compiled(expression: str) -> Any:
    """The program of an expression, or what is wrong with it."""
    import cel

    try:
        return cel.compile(_WHOLE.sub(lambda match: f"device.own_{match[match.lastindex or 1]}", plain(expression)))
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
        capacity.setdefault(domain, {})[key] = quantity_of(amount.get("value") or "0")
    own = {"own_attributes": dict(attributes), "own_capacity": dict(capacity)}
    named = (literal[0] or literal[1] for literal in _LITERAL.findall(expression))
    for domain in (driver, *named, *_SELECTED.findall(expression)):
        # a domain that the device knows nothing of reads as an empty map, though it is not among its domains
        attributes.setdefault(domain, {})
        capacity.setdefault(domain, {})
    return {
        **own,
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
        return version_of(attribute["version"])
    raise ValueError("unsupported attribute value")


def _kind(value: Any) -> str:
    kinds = {int: "int", float: "double", str: "string", list: "list", dict: "map", type(None): "null_type"}
    return kinds.get(type(value), type(value).__name__)
