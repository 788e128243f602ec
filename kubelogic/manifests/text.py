"""Bytes to text: encodings, byte order marks, and where a character stands."""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_LONGEST_EXCERPT = 400


class EncodingError(ValueError):
    """The bytes are not text: ``line`` and ``column`` (from 1) say where."""

    def __init__(self, message: str, *, line: int, column: int) -> None:
        self.line = line
        self.column = column
        super().__init__(message)


def decode(data: bytes) -> str:
    """The text of a file in UTF-8 or, with a byte order mark, UTF-16 or UTF-32. The mark is dropped.

    Raises:
        EncodingError: at the first byte that does not fit the encoding.
    """
    encoding, skip = "utf-8", 0
    for mark, name in _MARKS:
        if data.startswith(mark):
            encoding, skip = name, len(mark)
            break
    try:
        return data[skip:].decode(encoding)
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(encoding, "replace")
        line, column = line_and_column(before, len(before))
        byte = error.object[error.start]
        raise EncodingError(f"byte 0x{byte:02x} is not {encoding.upper()} text", line=line, column=column) from error


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of the character at ``offset``.

    >>> line_and_column("ab" + chr(10) + "cd", 4)
    (2, 2)
    """
    start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, start) + 1, offset - start + 1


def forbidden_character(text: str) -> tuple[int, str] | None:
    """Offset and description of the first character that YAML does not allow, or None."""
    if match := _FORBIDDEN.search(text):
        return match.start(), f"control character U+{ord(match.group()):04X} is not allowed"
    return None


def excerpt(text: str, line: int) -> str:
    """Source line number ``line`` (from 1) for showing a caret; cut when it is very long.

    >>> excerpt("a: 1" + chr(10) + "b: 2", 2)
    'b: 2'
    """
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
        if not start:
            return ""
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    return text[start : min(end, start + _LONGEST_EXCERPT)].rstrip("\r")
