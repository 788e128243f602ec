"""Pieces of text that are read on their own, and what may be wrong with them, whatever format they are in."""

from __future__ import annotations

import msgspec

MAX_DEPTH = 200
"""How deep a document may be nested: the API server stops at 10,000, its own types need far less."""

TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
"""What is said of a document that is."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong with the text, at a line and column that count from 1. ``about`` names the object, if known."""

    line: int
    column: int
    code: str
    message: str
    about: str = ""


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a stream between two ``---`` lines: where it starts and its text in UTF-8."""

    start: int
    line: int
    data: bytes
