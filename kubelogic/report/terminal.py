"""Text on its way to a terminal: control characters shown instead of sent, lines that fit, characters it can draw.

Everything that is printed for a person passes :func:`prepared`. Names, values and messages of the input may hold
escape sequences, and marks that turn the direction of writing: they are shown, as ``^[`` or ``\\u202e``. What
``report.style`` marks up is kept apart from them, so that no input can pretend to be our own colour.
"""

from __future__ import annotations

import os
import unicodedata

from kubelogic.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = f"\033{os.urandom(8).hex()}"
"""Stands for the escape character of our own sequences until the text is written."""
_UNUSUAL = regex(r"[^\n\x20-\x7e]")
_OWN = regex(MARK + r"\[\d+m")
_PREFIX = regex(r"(?:[ │]|[├└]─ |- |\d+\. )*")
_ITEM = regex(r"\d+\. |- ")
_WORDS = regex(r"( +)")
_CARET = regex(r"\s*\^+$")
_STEP = regex(r"(.*\b(?:[Nn]ext|Then)\b[^:]*:) (kubelogic .*)")
"""A line that ends with a command to type next."""
_NARROWEST = 20
"""Columns that are left for words, however deep a line is indented."""
_DRAWINGS = str.maketrans(
    {"─": "-", "│": "|", "├": "|", "└": "`", "…": "...", "—": "-", "–": "-", "→": "->", "×": "x", "≤": "<=", "≥": ">="}
)


def visible(text: str) -> str:
    """The text with every control character shown: C0 as ``^[``, others as ``\\x9b`` or ``\\u202e``. Lines stay lines.

    >>> print(visible("web" + chr(27) + "[2J" + chr(0x202E)))
    web^[[2J\\u202e
    """
    bare = text.replace("\n", "")
    return text if bare.isascii() and bare.isprintable() else _UNUSUAL.sub(lambda match: _shown(match[0]), text)


def one_line(text: str) -> str:
    """The text with its line ends shown, so that no value can pretend to be a line of the report."""
    return text.replace("\n", "\\n") if "\n" in text else text


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] != "C" and category not in ("Zl", "Zp"):
        return character
    code = ord(character)
    if character in "\t\r":
        return "\\t" if character == "\t" else "\\r"
    if code < 0x20:
        return f"^{chr(code + 0x40)}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def cells(text: str) -> int:
    """How many columns a text takes: marks of style none, wide characters two, accents none.

    >>> cells("web"), cells("日本")
    (3, 4)
    """
    if text.isascii() and MARK not in text:
        return len(text)
    total = 0
    for character in _OWN.sub("", text):
        if not unicodedata.combining(character):
            total += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return total


def prepared(text: str, *, width: int | None = None, encoding: str = "utf-8") -> str:
    """What is written to a stream for a text of the report.

    Args:
        text: lines, with marks of ``Style`` in them.
        width: columns of the terminal; None to leave long lines long.
        encoding: of the stream; what it cannot write is drawn in ASCII or escaped.
    """
    if MARK not in text:
        clean = visible(text)
    else:
        marks = [mark.replace(MARK, "\033") for mark in _OWN.findall(text)]
        shown = [visible(part) for part in _OWN.split(text)]
        clean = "".join(f"{MARK}{mark[1:]}{part}" for mark, part in zip(marks, shown[1:], strict=True))
        clean = shown[0] + clean
    if width is not None:
        clean = fitted(clean, width)
    return drawable(clean, encoding).replace(MARK, "\033")


def drawable(text: str, encoding: str) -> str:
    """The text in characters that an encoding has: lines of trees in ASCII, the rest escaped.

    >>> drawable("├─ é", "ascii")
    '|- \\\\xe9'
    """
    if text.isascii():
        return text
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        drawn = text.translate(_DRAWINGS)
        return drawn.encode(encoding, "backslashreplace").decode(encoding)
    return text


def fitted(text: str, width: int) -> str:
    """The text with lines that are no longer than ``width`` columns, but where a single name is.

    A line is broken at spaces; what follows is indented below its first word. Source lines with a caret below them
    are cut instead, around the caret. A command to type next stays whole, on a line of its own.

    >>> print(fitted("  - one two three four five six seven", 24))
      - one two three four
        five six seven
    """
    if all(cells(line) <= width for line in text.split("\n")):
        return text
    lines = text.split("\n")
    result: list[str] = []
    skip = False
    for number, line in enumerate(lines):
        below = lines[number + 1] if number + 1 < len(lines) else ""
        if skip:
            skip = False
        elif _CARET.match(_OWN.sub("", below)) and cells(line) > width:
            result += _excerpt(line, below, width)
            skip = True
        else:
            result += _broken(line, width)
    return "\n".join(result)


def _excerpt(line: str, below: str, width: int) -> Iterator[str]:
    """A source line and its caret, cut to the width."""
    column = len(_OWN.sub("", below).rstrip().rstrip("^"))
    start = max(0, column - width // 2)
    room = width - (3 if start else 0)
    cut = line[start : start + room]
    if start + room < len(line):
        cut = cut[:-3] + "..."
    yield ("..." if start else "") + cut
    yield " " * (column - start + (3 if start else 0)) + below.lstrip()


def _broken(line: str, width: int) -> Iterator[str]:
    if cells(line) <= width:
        yield line
        return
    bare = _OWN.sub("", line)
    prefix = _PREFIX.match(bare)
    lead = prefix[0] if prefix else ""
    if step := _STEP.fullmatch(bare):
        yield from _broken(step[1], width)
        yield f"{_ITEM.sub(lambda match: ' ' * len(match[0]), lead)}  {step[2]}"
        return
    indent = _ITEM.sub(lambda match: " " * len(match[0]), lead.replace("├─ ", "│  ").replace("└─ ", "   "))
    if indent == lead:
        indent += "  "
    indent = indent[: max(0, width - _NARROWEST)]
    current, used = "", 0
    empty = True
    for part in _WORDS.split(line):
        size = cells(part)
        if not empty and part.strip(" ") and used + size > width:
            yield current.rstrip(" ")
            current, used, empty = indent, len(indent), True
        if empty and current == indent and current and not part.strip(" "):
            continue
        current, used = current + part, used + size
        empty = empty and used <= len(lead)
    yield current.rstrip(" ")
