"""Objects, under the name that the layers above use. They are defined where they are read."""

from __future__ import annotations

from kubelogic.manifests.objects import Document, Object, as_object

__all__ = ["Document", "Object", "as_object"]
