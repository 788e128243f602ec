"""Expressions of admission policies: CEL as kube-apiserver 1.36 evaluates it over a request.

Source: k8s.io/apiserver 1.36, pkg/cel/library and pkg/admission/plugin/cel. What is not modelled (the authorizer, the
library of images) is told by ``unread``: who asks has to say so, and not to take an error for the answer. Of the cost
budget only loops in loops are counted: an expression that may take more steps than the budget allows fails as if it
did.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from kubelogic.kinds.cel_cost import steps, without_literals
from kubelogic.kinds.cel_functions import FUNCTIONS, error_words
from kubelogic.kinds.cel_library import FUNCTIONS as LIBRARY
from kubelogic.kinds.cel_names import undeclared
from kubelogic.kinds.cel_syntax import plain
from kubelogic.kinds.failed import Failed
from kubelogic.patterns import regex

_MOST_STEPS = 1_000_000
"""Expressions whose loops may take more are not evaluated: the API server stops at that cost, and a step costs more."""
_LONG = 1_000
"""A length that no list has which is written out."""
_FORMAT = regex(r"%(\.\d+)?([sdfxXobe%])")

_UNREAD = (
    (regex(r"(?<![\w.\"])authorizer\b"), "the authorizer"),
    (regex(r"(?<![\w.\"])(image|isImage)\("), "the library of images"),
)
"""What Kubernetes has in its expressions and is not modelled."""


def wrong(expression: str) -> str:
    """What keeps an expression from being compiled; empty if nothing does.

    >>> wrong("object.spec.replicas <= 5"), wrong("object.spec.(")[:13]
    ('', 'Syntax error:')
    """
    found = _compiled(expression)
    return found if isinstance(found, str) else ""


def undeclared_in(expression: str, variables: Collection[str]) -> str:
    """The first name that neither Kubernetes nor one of the variables declares; empty if there is none.

    >>> undeclared_in("object.spec.replicas <= max(params.most)", {"object"})
    'params'
    """
    return undeclared(expression, variables, _NAMES)


@lru_cache(maxsize=1 << 12)
def unread(expression: str) -> str:
    """What an expression uses that is not modelled, so that nobody knows what it comes to; empty if there is nothing.

    >>> unread("authorizer.path('/healthz').check('get').allowed()"), unread("object.spec.authorizer == 'image(x)'")
    ('the authorizer', '')
    """
    try:
        bare = _bare(expression)
    except ValueError:
        return ""
    return next((what for pattern, what in _UNREAD if pattern.search(bare)), "")


def evaluate(expression: str, variables: Mapping[str, Any]) -> Any:
    """What an expression comes to, or ``Failed``.

    Args:
        expression: in CEL.
        variables: by name, as JSON.

    >>> evaluate("object.spec.?replicas.orValue(1) <= limit", {"object": {"spec": {}}, "limit": 3})
    True
    >>> evaluate("object.spec.replicas > 1", {"object": {"spec": {}}})
    Failed(why='no such key: replicas')
    """
    program = _compiled(expression)
    if isinstance(program, str):
        return Failed(why=f"compilation error: {program}")
    if _nested(expression) and steps(_bare(expression), _longest(variables)) > _MOST_STEPS:
        return Failed(why="operation cancelled: actual cost limit exceeded")
    import cel  # with it come pydantic and typer, which nobody needs who has no policies

    try:
        context = cel.Context(dict(variables))
        for name, function in _ALL.items():
            context.add_function(name, function)
        return program.execute(context)
    except Exception as error:  # noqa: BLE001  the library raises whatever its functions do
        return Failed(why=_words(error))


@lru_cache(maxsize=1 << 12)
def _compiled(expression: str) -> Any:
    import cel

    try:
        return cel.compile(plain(expression))
    except Exception as error:  # noqa: BLE001  as above
        text = str(error).strip()
        found = re.search(r"ERROR: <input>:\d+:\d+: (.*)", text)
        return found[1] if found else (text.splitlines() or ["compilation failed"])[-1]


def _bare(expression: str) -> str:
    return without_literals(plain(expression))


@lru_cache(maxsize=1 << 12)
def _nested(expression: str) -> bool:
    """Whether there are loops in loops."""
    return steps(_bare(expression), _LONG) >= _LONG**2


def _longest(value: Any) -> int:
    """The length of the longest list or map in a value."""
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return max((len(parts), *map(_longest, parts)))


def _words(error: Exception) -> str:
    text = error_words(error)
    match = re.match(r"Undefined variable or function: '([^']*)'", text)
    return f"undeclared reference to '{match[1]}'" if match else text


def _format(text: str, values: Sequence[Any]) -> str:
    left = iter(values)

    def put(match: re.Match[str]) -> str:
        if match[2] == "%":
            return "%"
        value = next(left)
        if match[2] == "s":
            return ("true" if value else "false") if isinstance(value, bool) else str(value)
        return f"{value:{match[1] or ''}{match[2]}}"

    return _FORMAT.sub(put, text)


def _sum(values: Sequence[Any]) -> Any:
    return sum(values) if values else 0


def _distinct(values: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


_ALL: Mapping[str, Callable[..., Any]] = {
    **FUNCTIONS,
    **LIBRARY,
    "format": _format,
    "sum": _sum,
    "min": min,
    "max": max,
    "isSorted": lambda values: list(values) == sorted(values),
    "sort": sorted,
    "distinct": _distinct,
    "reverse": lambda values: values[::-1],
    "jsonpatch.escapeKey": lambda key: key.replace("~", "~0").replace("/", "~1"),
}
"""What Kubernetes adds to CEL, as far as it is modelled; a method's target is its first argument."""

_NAMES = frozenset({*_ALL, "image", "isImage", "Object", "JSONPatch"})
"""Functions that may stand in an expression, those that are not modelled among them."""
