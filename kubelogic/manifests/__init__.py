"""Text to objects: YAML, JSON, directories and stdin, with positions, validation and defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubelogic.manifests.location import Fault, InputError, Location
from kubelogic.manifests.notices import Notice
from kubelogic.manifests.objects import Document, Object

if TYPE_CHECKING:
    from kubelogic.manifests.reading import Reading, load

__all__ = ["Document", "Fault", "InputError", "Location", "Notice", "Object", "Reading", "load"]


def __getattr__(name: str) -> Any:
    """Import the reader (libyaml, msgspec, the checks of all kinds) only when something is read."""
    if name in ("Reading", "load"):
        from kubelogic.manifests import reading

        return getattr(reading, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
