"""Names in expressions that nothing declares: the API server refuses to compile such an expression.

Source: cel-go, checker (undeclared reference); k8s.io/apiserver 1.36, pkg/admission/plugin/cel (which variables there
are).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from kubelogic.kinds.cel_syntax import tokens_of

_KEYWORDS = frozenset({"true", "false", "null", "in"})
_TYPES = frozenset(
    {"bool", "bytes", "double", "dyn", "duration", "int", "list", "map", "null_type", "optional_type", "string"}
    | {"timestamp", "type", "uint"}
)
_LOOPS = frozenset(
    {"all", "exists", "exists_one", "existsOne", "filter", "map", "optFlatMap", "optMap", "sortBy"}
    | {"transformList", "transformMap", "transformMapEntry"}
)
"""Macros whose first arguments are variables."""
_BUILT_IN = _TYPES | {"has", "matches", "size", "startsWith", "endsWith", "contains"}
_METHODS = frozenset(
    {
        "contains",
        "endsWith",
        "matches",
        "size",
        "startsWith",
        "hasValue",
        "or",
        "orValue",
        "value",
        "bind",
        "of",
        "none",
    }
    | {"ofNonZeroValue", "unwrap", "unwrapOpt", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"}
    | {"getFullYear", "getHours", "getMilliseconds", "getMinutes", "getMonth", "getSeconds"}
    | {"allowed", "check", "decision", "error", "errored", "fieldSelector", "group", "labelSelector", "name"}
    | {"namespace", "path", "reason", "resource", "serviceAccount", "subresource"}
    | {"digest", "identifier", "registry", "repository", "tag"}
)
_SPACES = frozenset({"cel", "optional"})
"""What stands before functions and is no variable."""


def undeclared(expression: str, variables: Collection[str], functions: Collection[str]) -> str:
    """The first name in an expression that nothing declares; empty if there is none.

    Args:
        expression: in CEL; one that cannot be read has none.
        variables: that there are.
        functions: that there are beside those of CEL itself.

    >>> undeclared("object.spec.replicas < most && foo(1)", {"object"}, ())
    'most'
    >>> undeclared("object.items.all(i, i.name != 'x')", {"object"}, ())
    ''
    """
    try:
        tokens = tokens_of(expression)
    except ValueError:
        return ""
    bound = set(_bound(tokens))
    known = {*variables, *bound, *_KEYWORDS, *_TYPES}
    for at, (kind, name) in enumerate(tokens):
        if kind != "name":
            continue
        before, after = _sign(tokens, at - 1), _sign(tokens, at + 1)
        if before in (".", ".?"):
            if after == "(" and name not in _METHODS and name not in _LOOPS and not _is_known(name, functions):
                return name
        elif after == "(":
            if name not in _BUILT_IN and not _is_known(name, functions):
                return name
        elif not (name in known or _leads_to_function(tokens, at, functions) or _is_of_object(before, after, name)):
            return name
    return ""


def _sign(tokens: Sequence[tuple[str, str]], at: int) -> str:
    return tokens[at][1] if 0 <= at < len(tokens) else ""


def _is_known(name: str, functions: Collection[str]) -> bool:
    return name in functions or any(each.endswith(f".{name}") for each in functions)


def _leads_to_function(tokens: Sequence[tuple[str, str]], at: int, functions: Collection[str]) -> bool:
    name = tokens[at][1]
    return name in _SPACES or any(each.startswith(f"{name}.") for each in functions)


def _is_of_object(before: str, after: str, name: str) -> bool:
    """Whether a name is that of a type, or of a field of an object or a map that is built."""
    return name[0].isupper() or name == "google" or (after == ":" and before in ("{", ",", "?"))


def _bound(tokens: Sequence[tuple[str, str]]) -> Iterator[str]:
    """The variables of loops and bindings, wherever they count."""
    for at, (kind, name) in enumerate(tokens):
        if kind != "name" or _sign(tokens, at + 1) != "(" or _sign(tokens, at - 1) != ".":
            continue
        if name in _LOOPS or name == "bind":
            yield _sign(tokens, at + 2)
            if _sign(tokens, at + 3) == "," and _sign(tokens, at + 5) == ",":
                yield _sign(tokens, at + 4)
