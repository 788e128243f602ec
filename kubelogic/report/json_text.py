"""A document as the text of JSON."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any


def json_text(document: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, ascii_only: bool = False) -> str:
    """The document, indented. What is no text, such as half of a pair of surrogates in a name, is escaped."""
    import json

    import msgspec

    if not ascii_only:
        with contextlib.suppress(OverflowError, UnicodeEncodeError):  # integers beyond 64 bits, names that are no text
            return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    return json.dumps(msgspec.to_builtins(document), indent=2, ensure_ascii=True)
