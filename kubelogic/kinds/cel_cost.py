"""How long an expression of CEL can take: its loops, each as long as the list that is written or as any can be."""

from __future__ import annotations

from kubelogic.patterns import regex

LOOP = regex(r"\.(?:all|exists|exists_one|map|filter|sortBy|transformList|transformMap)\(")
_LITERAL = regex(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_OPEN, _CLOSE = "([{", ")]}"


def without_literals(text: str) -> str:
    """An expression in which all texts are empty."""
    return _LITERAL.sub('""', text)


def steps(text: str, longest: int) -> int:
    """How often the innermost parts of an expression are come to, at most.

    Args:
        text: the expression, without its literals.
        longest: how long a list or map can be that is not written out.

    >>> steps("[1,2,3].all(a, [1,2].exists(b, a == b)) && device.attributes.all(c, true)", 32)
    38
    """
    total, at = 0, 0
    while (match := LOOP.search(text, at)) is not None:
        end = _end(text, match.end() - 1)
        total += _length(text[: match.start()], longest) * max(1, steps(text[match.end() : end], longest))
        at = end
    return total


def _end(text: str, start: int) -> int:
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] in _OPEN) - (text[at] in _CLOSE)
        if not depth:
            return at
    return len(text)


def _length(before: str, longest: int) -> int:
    """How long the list is that a text ends with."""
    if not before.endswith("]"):
        return longest
    depth, commas = 0, 0
    for at in range(len(before) - 1, -1, -1):
        char = before[at]
        depth += (char in _CLOSE) - (char in _OPEN)
        if not depth:
            selected = at > 0 and (before[at - 1].isalnum() or before[at - 1] in "_)]")
            return longest if selected else commas + 1
        commas += depth == 1 and char == ","
    return longest
