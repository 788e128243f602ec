"""Result documents on standard output, in characters that it has."""

from __future__ import annotations

import codecs
import io
from collections.abc import Mapping, Sequence
from typing import Any

from kubelogic.cli import streams
from kubelogic.report.json_text import json_text

_UNICODE = frozenset({"utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"})
"""Encodings that have every character."""


def ascii_only() -> bool:
    """Whether standard output has no characters but those of ASCII for certain."""
    return codecs.lookup(streams.encoding()).name not in _UNICODE


def emit(document: Mapping[str, Any], output: str) -> None:
    """Write a result document as JSON or YAML, in characters that standard output has."""
    if output == "json":
        streams.emit_text(json_text(document, ascii_only=ascii_only()))
        return
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = not ascii_only()
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    written = io.StringIO()
    yaml.dump(document, written)
    streams.emit_text(written.getvalue().removesuffix("\n"))


def emit_markup(page: str) -> None:
    """Write HTML or XML that says it is UTF-8: in references to characters where standard output is not."""
    safe = "ascii" if ascii_only() else "utf-8"
    streams.emit_text(page.encode(safe, "xmlcharrefreplace").decode(safe))


def emit_list(items: Sequence[Mapping[str, Any]]) -> None:
    """Write documents as one JSON list."""
    streams.emit_text(json_text(items, ascii_only=ascii_only()))
