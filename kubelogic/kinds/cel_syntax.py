"""From the dialect of CEL that Kubernetes speaks to the plainer one of ``common-expression-language``.

The library has no optional selection (``a.?b``, ``a[?k]``), no ``cel.bind``, no loops with two variables, no objects
that are built by name (``Object.spec{...}``, ``JSONPatch{...}``), and no entries that may be left out. All of these are
rewritten: selections as calls of ``optional_field``, a binding as a map over one value, two variables as a loop over
pairs, objects as maps, optional entries as a list of pairs.
Source: k8s.io/apiserver 1.36, pkg/cel/environment/base.go (which libraries there are) and pkg/cel/mutation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from kubelogic.patterns import regex

OPTIONAL_FIELD = "optional_field"
"""The function that a selection becomes which may find nothing."""

MERGED = "merged_entries"
"""The function that a map becomes of which some entries may be left out."""

LISTED = "listed_entries"
"""The function that a list becomes of which some entries may be left out."""

ENTRIES = "entries_of"
"""The function that gives pairs of key and value, of a map or a list."""
MAP_OF = "map_of_entries"
"""The function that makes a map of pairs of key and value."""
UNITED = "united_maps"
"""The function that makes one map of several."""
SORTED_BY = "sorted_by_first"
"""The function that sorts pairs by what comes first, and gives what comes second."""
RANGE_ADDRESS = "address_of_range"
"""What ``cidr(...).ip()`` becomes: ``ip`` is a function of texts, too."""

_TOKEN = regex(
    r"""(?P<space>\s+|//[^\n]*)
    |(?P<text>[rRbB]{0,2}(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
    |(?P<number>0[xX][0-9a-fA-F]+u?|(?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?u?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>\.\?|\[\?|&&|\|\||==|!=|<=|>=|[-+*/%!<>?:,.()\[\]{}])""",
    re.VERBOSE | re.DOTALL,
)
_CLOSE = {"(": ")", "[": "]", "[?": "]", "{": "}"}
_TESTS = {"all": "all", "exists": "exists", "existsOne": "exists_one"}
"""Loops with two variables that end in yes or no, and the loop with one that does the same."""
_FILTERED = ("transformList", "transformMap", "transformMapEntry")
"""Loops with two variables that make something; a condition may come before what they make."""
_IN_PAIRS = dict.fromkeys((*_TESTS, *_FILTERED), 3)
_CHAINED = frozenset({"or", "optMap", "optFlatMap"})
"""Methods of an optional value that give one again."""


@lru_cache(maxsize=1 << 12)
def plain(expression: str) -> str:
    """An expression that the library can compile and that means the same.

    Raises:
        ValueError: a character that no CEL has, or a bracket that nothing closes.

    >>> plain("object.spec.?replicas.orValue(1)")
    'optional_field(object.spec,"replicas").orValue(1)'
    >>> plain("Object{spec: Object.spec{replicas: 3}}")
    '{"spec":{"replicas":3}}'
    """
    tokens = tokens_of(expression)
    text, end = _several(tokens, 0, "")
    if end != len(tokens):
        raise ValueError(f"Syntax error: unexpected {tokens[end][1]}")
    return text


def tokens_of(expression: str) -> list[tuple[str, str]]:
    """The tokens of an expression, each with its kind.

    Raises:
        ValueError: a character that no CEL has.
    """
    found, at = [], 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None:
            raise ValueError(f"Syntax error: token recognition error at: '{expression[at : at + 10]}'")
        if match.lastgroup != "space":
            found.append((str(match.lastgroup), match[0]))
        at = match.end()
    return found


def _several(tokens: Sequence[tuple[str, str]], at: int, close: str) -> tuple[str, int]:
    """Everything up to a closing sign, which is not taken."""
    parts: list[str] = []
    while at < len(tokens):
        if tokens[at][1] == close or (not close and tokens[at][1] in ")]}"):
            break
        text, at = _piece(tokens, at)
        parts.append(text)
    return _joined(parts), at


def _joined(parts: Sequence[str]) -> str:
    """The parts in one text; two operands without an operator between them stay two."""
    text = ""
    for part in parts:
        apart = (
            text and part and (text[-1].isalnum() or text[-1] in "_\"'") and (part[0].isalnum() or part[0] in "_\"'")
        )
        text = f"{text} {part}" if apart else text + part
    return text


def _piece(tokens: Sequence[tuple[str, str]], at: int) -> tuple[str, int]:
    """An operand with all that is selected of it, or an operator."""
    kind, token = tokens[at]
    if token == "in" and kind == "name":
        return " in ", at + 1
    if kind in ("name", "text", "number") or token in _CLOSE:
        return _operand(tokens, at)
    return token, at + 1


def _items(tokens: Sequence[tuple[str, str]], at: int, close: str) -> tuple[list[str], int]:
    """The parts between commas, from after an opening sign to after the closing one."""
    items: list[str] = []
    parts: list[str] = []
    while True:
        if at >= len(tokens):
            raise ValueError(f"Syntax error: missing '{close}'")
        token = tokens[at][1]
        if token == close:
            if parts:
                items.append(_joined(parts))
            return items, at + 1
        if token == ",":
            items.append(_joined(parts))
            parts, at = [], at + 1
            continue
        text, at = _piece(tokens, at)
        parts.append(text)


def _operand(tokens: Sequence[tuple[str, str]], at: int) -> tuple[str, int]:
    """A primary with everything that is selected of it or called on it."""
    kind, token = tokens[at]
    if token == "(":
        items, at = _items(tokens, at + 1, ")")
        text = f"({','.join(items)})"
    elif token in ("[", "[?"):
        text, at = _list(tokens, at + 1, first=token == "[?")
    elif token == "{":
        text, at = _map(tokens, at + 1, named=False)
    elif kind == "name":
        text, at = _named(tokens, at)
    else:
        text, at = token, at + 1
    return _suffixes(tokens, at, text)


def _named(tokens: Sequence[tuple[str, str]], at: int) -> tuple[str, int]:
    """A name, an object that is built by name, or ``cel.bind``."""
    end = at + 1
    while end + 1 < len(tokens) and tokens[end][1] == "." and tokens[end + 1][0] == "name":
        end += 2
    name = "".join(token for _, token in tokens[at:end])
    if end < len(tokens) and tokens[end][1] == "{" and tokens[at][1][0].isupper():
        return _map(tokens, end + 1, named=True)
    if name == "cel.bind" and end < len(tokens) and tokens[end][1] == "(":
        items, end = _items(tokens, end + 1, ")")
        if len(items) == 3:
            return f"([{items[1]}].map({items[0]},{items[2]})[0])", end
    return tokens[at][1], at + 1


def _list(tokens: Sequence[tuple[str, str]], at: int, *, first: bool) -> tuple[str, int]:
    """A list, from after its opening sign; with ``first`` its first entry may be left out."""
    items, at = _items(tokens, at, "]")
    if first and items:
        items[0] = f"?{items[0]}"
    if not any(item.startswith("?") for item in items):
        return f"[{','.join(items)}]", at
    pairs = [f"[true,{item[1:]}]" if item.startswith("?") else f"[false,{item}]" for item in items]
    return f"{LISTED}([{','.join(pairs)}])", at


def _map(tokens: Sequence[tuple[str, str]], at: int, *, named: bool) -> tuple[str, int]:
    entries: list[tuple[bool, str, str]] = []
    while True:
        if at >= len(tokens):
            raise ValueError("Syntax error: missing '}'")
        if tokens[at][1] == "}":
            at += 1
            break
        if tokens[at][1] == ",":
            at += 1
            continue
        optional = tokens[at][1] == "?"
        at += optional
        if named:
            if at >= len(tokens) or tokens[at][0] != "name":
                raise ValueError("Syntax error: a field of an object is a name")
            key, at = f'"{tokens[at][1]}"', at + 1
        else:
            key, at = _key(tokens, at)
        if at >= len(tokens) or tokens[at][1] != ":":
            raise ValueError("Syntax error: expecting ':'")
        value, at = _value(tokens, at + 1)
        entries.append((optional, key, value))
    if any(optional for optional, _, _ in entries):
        pairs = [f"[{'true' if optional else 'false'},{key},{value}]" for optional, key, value in entries]
        return f"{MERGED}([{','.join(pairs)}])", at
    return "{" + ",".join(f"{key}:{value}" for _, key, value in entries) + "}", at


def _key(tokens: Sequence[tuple[str, str]], at: int) -> tuple[str, int]:
    parts: list[str] = []
    while at < len(tokens) and tokens[at][1] not in (":", ",", "}"):
        text, at = _piece(tokens, at)
        parts.append(text)
    return _joined(parts), at


def _value(tokens: Sequence[tuple[str, str]], at: int) -> tuple[str, int]:
    parts: list[str] = []
    while at < len(tokens) and tokens[at][1] not in (",", "}"):
        text, at = _piece(tokens, at)
        parts.append(text)
    return _joined(parts), at


def _suffixes(tokens: Sequence[tuple[str, str]], at: int, text: str) -> tuple[str, int]:
    optional = False
    while at < len(tokens):
        token = tokens[at][1]
        following = tokens[at + 1] if at + 1 < len(tokens) else ("", "")
        called = at + 2 < len(tokens) and tokens[at + 2][1] == "("
        if token == ".?" and following[0] == "name":
            text, at, optional = f'{OPTIONAL_FIELD}({text},"{following[1]}")', at + 2, True
        elif token == "." and following[0] == "name" and called:
            items, at = _items(tokens, at + 3, ")")
            text = _call(text, following[1], items)
            optional = optional and following[1] in _CHAINED
        elif token == "." and following[0] == "name":
            text = f'{OPTIONAL_FIELD}({text},"{following[1]}")' if optional else f"{text}.{following[1]}"
            at += 2
        elif token in ("[", "[?"):
            items, at = _items(tokens, at + 1, "]")
            optional = optional or token == "[?"
            text = f"{OPTIONAL_FIELD}({text},{items[0]})" if optional and items else f"{text}[{','.join(items)}]"
        elif token == "(":
            items, at = _items(tokens, at + 1, ")")
            text = f"{text}({','.join(items)})"
        else:
            break
    return text, at


def _call(target: str, name: str, items: Sequence[str]) -> str:
    if name in ("optMap", "optFlatMap") and len(items) == 2:
        inner = f"[{target}.value()].map({items[0]},{items[1]})[0]"
        held = f"optional.of({inner})" if name == "optMap" else inner
        return f"({target}.hasValue()?{held}:optional.none())"
    if name == "ip" and not items:
        return f"{RANGE_ADDRESS}({target})"
    if name == "sortBy" and len(items) == 2:
        return f"{SORTED_BY}({target}.map({items[0]},[{items[1]},{items[0]}]))"
    if name == "existsOne" and len(items) == 2:
        return f"{target}.exists_one({','.join(items)})"
    if len(items) == _IN_PAIRS.get(name) or (name in _FILTERED and len(items) == 4):
        return _over_pairs(target, name, items)
    return f"{target}.{name}({','.join(items)})"


def _over_pairs(target: str, name: str, items: Sequence[str]) -> str:
    """A loop with two variables, as one over pairs; each variable is bound by a map over one value."""
    pair = f"pair_of_{items[0]}_{items[1]}"

    def bound(text: str) -> str:
        return f"[{pair}[0]].map({items[0]},[{pair}[1]].map({items[1]},{text})[0])[0]"

    pairs = f"{ENTRIES}({target})"
    if name in _TESTS:
        return f"{pairs}.{_TESTS[name]}({pair},{bound(items[2])})"
    if len(items) == 4:
        pairs = f"{pairs}.filter({pair},{bound(items[2])})"
    result = bound(items[-1])
    if name == "transformMap":
        return f"{MAP_OF}({pairs}.map({pair},[{pair}[0],{result}]))"
    made = f"{pairs}.map({pair},{result})"
    return f"{UNITED}({made})" if name == "transformMapEntry" else made
