"""Where things stand in JSON text: a small tokenizer, used only to report something."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator

from kubelogic.patterns import regex
from kubelogic.text.positions import Place

_TOKEN = regex(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')


def duplicate_keys(text: str) -> list[tuple[str, int]]:
    """Keys that repeat an earlier one of the same object, and where they start."""
    seen: list[set[str] | None] = []
    found: list[tuple[str, int]] = []
    for kind, token, offset in _tokens(text):
        match kind:
            case "{":
                seen.append(set())
            case "[":
                seen.append(None)
            case "end":
                seen.pop()
            case "key" if (keys := seen[-1]) is not None:
                key = _unquoted(token)
                if key in keys:
                    found.append((key, offset))
                keys.add(key)
    return found


def places(text: str, *, first_line: int = 1, first_column: int = 1) -> Place:
    """The places of everything in the JSON value of ``text``, which begins at the line and column given."""
    breaks = [match.end() for match in re.finditer("\n", text)]

    def at(offset: int) -> tuple[int, int]:
        row = bisect_right(breaks, offset)
        column = offset - breaks[row - 1] + 1 if row else offset + first_column
        return first_line + row, column

    root: Place | None = None
    stack: list[Place] = []
    key: list[str | None] = []
    for kind, token, offset in _tokens(text):
        line, column = at(offset)
        if kind == "end":
            stack.pop()
            key.pop()
            continue
        if kind == "key":
            key[-1] = name = _unquoted(token)
            stack[-1].keys[name] = (line, column)
            continue
        place = Place(line=line, column=column)
        if stack:
            step = key[-1]
            stack[-1].children[len(stack[-1].children) if step is None else step] = place
        if root is None:
            root = place
        if kind in "{[":
            stack.append(place)
            key.append(None)
        elif not stack:
            break
    return root or Place(line=first_line, column=first_column)


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """Tokens with their kind: ``{``, ``[``, ``end``, ``key`` or ``value``, to the end of the first value."""
    open_: list[str] = []
    expects_key = False
    for match in _TOKEN.finditer(text):
        token, offset = match.group(), match.start()
        match token[0]:
            case "{" | "[" as bracket:
                open_.append(bracket)
                expects_key = bracket == "{"
                yield bracket, token, offset
            case "}" | "]":
                open_.pop()
                expects_key = False
                yield "end", token, offset
            case ",":
                expects_key = open_[-1] == "{"
                continue
            case ":":
                expects_key = False
                continue
            case _:
                yield ("key" if expects_key else "value"), token, offset
        if not open_:
            return


def _unquoted(token: str) -> str:
    value = json.loads(token)
    return value if isinstance(value, str) else token
