"""Bytes to text: encodings, byte order marks, and where a character stands."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple

from kubelogic.patterns import regex

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ASCII = r"\t\n\r\x20-\x7e"
_BEYOND = "\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff"
"""The characters that YAML allows."""
_INNER_MARK = regex(
    rb"(^---[^\n]*\n(?:[ \t]*(?:#[^\n]*)?\n)*|\n(?=\xef\xbb\xbf(?:---|[{\[#])))\xef\xbb\xbf", re.MULTILINE
)
"""A byte order mark at the start of a document that follows another: files that were put together have them."""
_LONGEST_EXCERPT = 400
_LONGEST_WORD = 300
"""Characters of the longest word that a message has: names of objects have 253, and of files 255, at most."""
_WORD = regex(r"[^\s/]{301,}")
_SPACES = regex(r"[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]")
"""What looks like a space and is none to YAML."""
_BLOCK = 1 << 16
_CONTINUES = bytes(range(0x80, 0xC0))


class EncodingError(ValueError):
    """The bytes are not text: ``line`` and ``column`` (from 1) say where."""

    def __init__(self, message: str, *, line: int, column: int) -> None:
        self.line = line
        self.column = column
        super().__init__(message)


def as_utf8(data: bytes) -> bytes:
    """The text of a file as UTF-8, whether it is written so or, with a byte order mark, in UTF-16 or UTF-32.

    Raises:
        EncodingError: at the first byte that does not fit the encoding.
    """
    encoding, skip = "utf-8", 0
    for mark, name in _MARKS:
        if data.startswith(mark):
            encoding, skip = name, len(mark)
            break
    data = data[skip:]
    if encoding == "utf-8" and data.isascii():
        return data
    if encoding == "utf-8" and codecs.BOM_UTF8 in data:
        data = _INNER_MARK.sub(rb"\1", data)
    try:
        content = data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding, "replace").encode()
        line, column = line_and_column(before, len(before))
        message = f"byte 0x{data[error.start]:02x} is not {encoding.upper()} text"
        raise EncodingError(message, line=line, column=column) from error
    return data if encoding == "utf-8" else content.encode()


def shortened(text: str) -> str:
    """A message with every word that is longer than any name cut in its middle.

    >>> shortened("no pod " + "x" * 5000 + " here")[60:]
    'xxxxxxx…xxxxxxxxxxxx here'
    """
    return text if len(text) <= _LONGEST_WORD else _WORD.sub(lambda word: f"{word[0][:60]}…{word[0][-12:]}", text)


def odd_space(text: str) -> str:
    """What the first character is that looks like a space and is none to YAML; empty if there is none.

    >>> odd_space("  name: p"), odd_space(chr(0xA0) + "name: p")
    ('', 'a no-break space (U+00A0)')
    """
    found = None if text.isascii() else _SPACES.search(text)
    if found is None:
        return ""
    import unicodedata

    name = unicodedata.name(found[0]).lower()
    return f"{'an' if name[0] in 'aeio' else 'a'} {name} (U+{ord(found[0]):04X})"


def line_and_column(data: bytes, offset: int) -> tuple[int, int]:
    """Line and column (in characters), from 1, of the byte at ``offset`` of a text in UTF-8.

    >>> line_and_column("ä".encode() + bytes([10]) + "öd".encode(), 5)
    (2, 2)
    """
    start = data.rfind(b"\n", 0, offset) + 1
    column = len(data[start:offset].decode("utf-8", "replace")) + 1
    return data.count(b"\n", 0, start) + 1, column


class Lines:
    """Where the lines and characters of a text in UTF-8 are, for many questions about one long text.

    >>> Lines("ä".encode() + bytes([10]) + "öd".encode()).position(5)
    (2, 2)
    """

    __slots__ = ("_before", "_data", "_starts")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._starts = [0]
        while at := data.find(b"\n", self._starts[-1]) + 1:
            self._starts.append(at)
        blocks = (
            len(data[start : start + _BLOCK].translate(None, _CONTINUES)) for start in range(0, len(data), _BLOCK)
        )
        self._before = [] if data.isascii() else [0, *accumulate(blocks)]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column (in characters), from 1, of the byte at ``offset``."""
        line = bisect_right(self._starts, offset)
        return line, self._characters(offset) - self._characters(self._starts[line - 1]) + 1

    def start(self, line: int) -> int | None:
        """The byte at which a line (from 1) starts; None if there is no such line."""
        return self._starts[line - 1] if 0 < line <= len(self._starts) else None

    def _characters(self, offset: int) -> int:
        if not self._before:
            return offset
        block = offset // _BLOCK
        return self._before[block] + len(self._data[block * _BLOCK : offset].translate(None, _CONTINUES))


def forbidden_character(data: bytes) -> tuple[int, str] | None:
    """Byte offset and description of the first character that YAML does not allow, or None."""
    text = data.decode("utf-8", "replace")
    # The pattern for all of Unicode takes longer to compile than most files to read, and most have no need of it.
    if match := re.search(f"[^{_ASCII}]" if text.isascii() else f"[^{_ASCII}{_BEYOND}]", text):
        return len(text[: match.start()].encode()), f"control character U+{ord(match.group()):04X} is not allowed"
    return None


class Excerpt(NamedTuple):
    """A source line, or the part of a very long one around a column, and that column within the part (from 1)."""

    text: str
    caret: int


def excerpt(data: bytes, line: int, column: int = 1) -> Excerpt:
    """Source line number ``line`` (from 1) for showing a caret under ``column``.

    >>> excerpt(b"a: 1" + bytes([10]) + b"b: 2", 2, 4)
    Excerpt(text='b: 2', caret=4)
    """
    start = 0
    for _ in range(line - 1):
        start = data.find(b"\n", start) + 1
        if not start:
            return Excerpt("", column)
    return line_at(data, start, column)


def line_at(data: bytes, start: int, column: int = 1) -> Excerpt:
    """The source line that starts at a byte; of a very long one the part around ``column``."""
    reach = column + _LONGEST_EXCERPT
    end = data.find(b"\n", start, start + 4 * reach)
    line = data[start : start + 4 * reach if end < 0 else end]
    skipped = column - _LONGEST_EXCERPT // 2 if column > _LONGEST_EXCERPT else 0
    shown = line[skipped:reach].decode() if line.isascii() else line.decode("utf-8", "replace")[skipped:reach]
    return Excerpt(shown[:_LONGEST_EXCERPT].rstrip("\r\n"), column - skipped)
