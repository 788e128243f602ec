"""Admission of one document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubelogic.manifests.kinds import lookup
from kubelogic.manifests.location import Path


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """Something wrong with a field."""

    path: Path
    code: str
    message: str
    on_key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The document with its defaults, and what is wrong with it."""

    document: dict[str, Any]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def admit(document: Mapping[str, Any], *, namespace: str = "default") -> Admission:
    """Check the metadata of a document and fill in its namespace."""
    known = lookup(document["apiVersion"], document["kind"])
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not (metadata.get("name") or metadata.get("generateName")):
        problem = Problem(path=("metadata", "name"), code="KL104", message="name or generateName is required")
        return Admission(document=dict(document), problems=(problem,), warnings=())
    fields = {key: value for key, value in metadata.items() if key != "namespace"}
    if known is not None and known.namespaced:
        fields["namespace"] = metadata.get("namespace") or namespace
    return Admission(document={**document, "metadata": fields}, problems=(), warnings=())


def cross_check(documents: Sequence[Mapping[str, Any]]) -> list[tuple[int, Problem]]:
    """Objects of two kinds under one API version that cannot be: none are known here."""
    return [(index, problem) for index, document in enumerate(documents) for problem in _unnamed(document)]


def _unnamed(document: Mapping[str, Any]) -> tuple[Problem, ...]:
    if document["metadata"].get("name") or document["metadata"].get("generateName"):
        return ()
    return (Problem(path=("metadata", "name"), code="KL104", message="name or generateName is required"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitter:
    """Admits many documents."""

    namespace: str = "default"

    def admit(self, document: Mapping[str, Any]) -> Admission:
        """As the function ``admit``."""
        return admit(document, namespace=self.namespace)
