"""What the API server refuses of a selector of devices before it is ever asked about one.

Source: k8s.io/dynamic-resource-allocation 1.36, cel/compile.go, CompileCELExpression; pkg/apis/resource/validation,
validateCELSelector. The types of an expression are known only as far as an empty device tells them, and its cost is
that of the loops in it, each as long as the list that is written there or as a device can have attributes.
"""

from __future__ import annotations

import re
from functools import lru_cache

from kubelogic.kinds.cel_cost import LOOP, steps, without_literals
from kubelogic.kinds.cel_functions import FUNCTIONS
from kubelogic.kinds.cel_syntax import plain
from kubelogic.kinds.device_selectors import verdict
from kubelogic.kinds.expressions import wrong
from kubelogic.patterns import regex

COSTLY = "too complex, exceeds cost limit"
_MOST_STEPS = 1_000_000
_LONGEST_MAP = 32
_FIELD = regex(r"(?<![\w.])device\.(\w+)")
_FIELDS = frozenset({"driver", "allowMultipleAllocations", "attributes", "capacity"})
_KNOWN = frozenset(
    {
        *FUNCTIONS,
        *("size", "has", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string", "bool"),
        *("bytes", "dyn", "type", "duration", "timestamp", "orValue", "or", "value", "hasValue", "optional.of"),
        *("optional.none", "optional.ofNonZeroValue", "of", "none", "ofNonZeroValue", "all", "exists", "exists_one"),
        *("map", "filter", "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
        *(
            "getHours",
            "getMinutes",
            "getSeconds",
            "getMilliseconds",
            "format",
            "sum",
            "min",
            "max",
            "isSorted",
            "reverse",
        ),
        *("isURL", "url", "isIP", "ip", "isCIDR", "cidr", "quote", "strings.quote", "distinct", "slice", "flatten"),
        *("equivalent", "intersects"),
    }
)


@lru_cache(maxsize=1 << 10)
def refused(expression: str) -> str:
    """Why the API server takes no such selector; empty if it does, or if that is not known.

    >>> refused('device.attributes["gpu.example.com"].model == "a100"')
    ''
    >>> refused("device.foo == 1"), refused("device.driver")
    ("compilation failed: undefined field 'foo'", 'must evaluate to bool or the unknown type, not string')
    >>> refused("foo(device)"), refused("devices.driver == 'x'")
    ("compilation failed: undeclared reference to 'foo'", "compilation failed: undeclared reference to 'devices'")
    """
    if found := wrong(expression):
        return f"compilation failed: {found}"
    import cel  # with it come pydantic and typer, which nobody needs who has no devices

    text = without_literals(plain(expression))
    used = cel.compile(plain(expression)).references()
    for field in _FIELD.findall(text):
        if field not in _FIELDS:
            return f"compilation failed: undefined field '{field}'"
    for name in sorted(used["functions"]):
        if name not in _KNOWN and name.isidentifier() and not name.startswith("_"):
            return f"compilation failed: undeclared reference to '{name}'"
    for name in sorted(used["variables"]):
        if name not in ("device", *_bound(text), *_TYPES):
            return f"compilation failed: undeclared reference to '{name}'"
    if steps(text, _LONGEST_MAP) > _MOST_STEPS:
        return COSTLY
    said = verdict(expression, "driver.example.com", {})
    other = _OTHER.search(said)
    if other is None or _DYNAMIC.search(text):
        return ""
    return f"must evaluate to bool or the unknown type, not {other[1]}"


_TYPES = (
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "bytes",
    "list",
    "map",
    "null_type",
    "type",
    "optional",
    "strings",
    "sets",
)
_OTHER = regex(r"CEL result of type (\w+) could not be converted")
_DYNAMIC = regex(r"\bdyn\(|\.orValue\(|optional")


def _bound(text: str) -> list[str]:
    """The names that loops give."""
    return [name for match in LOOP.finditer(text) for name in re.findall(r"\s*(\w+)\s*,", text[match.end() :])[:2]]
