"""Tables: the columns and cells that ``kubectl get`` prints, which are the server's work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kubelogic.serve.resources import Resource
from kubelogic.serve.tables import cluster, others, pods, workloads
from kubelogic.serve.tables.common import AGE, NAME, Cells, Document, Printer, age, column, meta_of, name_of
from kubelogic.serve.tables.custom import printer_of

_PRINTERS: Mapping[str, Printer] = {
    **pods.PRINTERS,
    **workloads.PRINTERS,
    **cluster.PRINTERS,
    **others.PRINTERS,
}


def _plain(document: Document, now: int) -> Cells:
    return [name_of(document), age(document, now)]


def _scale(document: Document, now: int) -> list[Any]:
    spec, status = document.get("spec") or {}, document.get("status") or {}
    return [meta_of(document)["name"], spec.get("replicas", 0), status.get("replicas", 0), age(document, now)]


SCALES = Printer(columns=(NAME, column("Desired", "integer"), column("Available", "integer"), AGE), cells=_scale)
"""Of sizes: the scale subresource. Source: pkg/printers/internalversion/printers.go, printScale."""
_FALLBACK = Printer(columns=(NAME, AGE), cells=_plain)


def printer_for(resource: Resource) -> Printer:
    """The printer of a resource."""
    if resource.custom is not None:
        versions: Iterable[Mapping[str, Any]] = (resource.custom.get("spec") or {}).get("versions") or ()
        return printer_of(next((each for each in versions if each.get("name") == resource.version), {}))
    return _PRINTERS.get(resource.kind, _FALLBACK)


def table(
    resource: Resource,
    documents: Iterable[Document],
    now: int,
    *,
    metadata: Mapping[str, Any],
    api: str = "v1",
    include: str = "Metadata",
    columns: bool = True,
) -> dict[str, Any]:
    """A ``Table``.

    Args:
        resource: what the rows are.
        documents: the objects in the order of rows, as they are written out.
        now: the moment, in milliseconds.
        metadata: of the list.
        api: version of the table.
        include: ``Metadata``, ``Object`` or ``None``: what each row has of its object.
        columns: whether to say what the columns are, which only the first table of a watch does.
    """
    return table_with(
        printer_for(resource), documents, now, metadata=metadata, api=api, include=include, columns=columns
    )


def table_with(
    printer: Printer,
    documents: Iterable[Document],
    now: int,
    *,
    metadata: Mapping[str, Any],
    api: str = "v1",
    include: str = "Metadata",
    columns: bool = True,
) -> dict[str, Any]:
    """A ``Table`` by a printer; see ``table``."""
    about = {
        "Metadata": lambda document: {
            "kind": "PartialObjectMetadata",
            "apiVersion": f"meta.k8s.io/{api}",
            "metadata": meta_of(document),
        },
        "Object": lambda document: document,
    }
    chosen: Callable[[Document], Any] | None = about.get(include)
    rows = []
    for document in documents:
        row: dict[str, Any] = {"cells": printer.cells(document, now)}
        if chosen is not None:
            row["object"] = chosen(document)
        rows.append(row)
    definitions = [
        {"name": each.name, "type": each.type, "format": each.format, "description": "", "priority": each.priority}
        for each in printer.columns
    ]
    return {
        "kind": "Table",
        "apiVersion": f"meta.k8s.io/{api}",
        "metadata": dict(metadata),
        "columnDefinitions": definitions if columns else [],
        "rows": rows,
    }
