"""What an object is called in messages."""

from __future__ import annotations

from typing import Any


def title(document: Any) -> str:
    """``Kind namespace/name`` of a document, as far as it has them."""
    if not isinstance(document, dict):
        return ""
    metadata = document.get("metadata")
    fields = metadata if isinstance(metadata, dict) else {}
    names = [fields.get("namespace"), fields.get("name") or fields.get("generateName")]
    key = "/".join(name for name in names if isinstance(name, str) and name)
    kind = document.get("kind")
    return f"{kind} {key}".strip() if isinstance(kind, str) else key
