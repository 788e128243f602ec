"""Result documents on standard output, in characters that it has."""

from __future__ import annotations

import codecs
import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

from kubelogic.cli import streams

_UNICODE = frozenset({"utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"})
"""Encodings that have every character."""


def emit(document: Mapping[str, Any], output: str) -> None:
    """Write a result document as JSON or YAML, in characters that standard output has."""
    ascii_only = codecs.lookup(streams.encoding()).name not in _UNICODE
    if output == "json":
        streams.emit_text(_json(document, ascii_only=ascii_only))
        return
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = not ascii_only
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    written = io.StringIO()
    yaml.dump(document, written)
    streams.emit_text(written.getvalue().removesuffix("\n"))


def emit_list(items: Sequence[Mapping[str, Any]]) -> None:
    """Write documents as one JSON list."""
    ascii_only = codecs.lookup(streams.encoding()).name not in _UNICODE
    streams.emit_text(_json(items, ascii_only=ascii_only))


def _json(document: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, ascii_only: bool) -> str:
    import json

    import msgspec

    if not ascii_only:
        with contextlib.suppress(OverflowError, UnicodeEncodeError):  # integers beyond 64 bits, names that are no text
            return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    built = msgspec.to_builtins(document)
    return json.dumps(built, indent=2, ensure_ascii=True)
