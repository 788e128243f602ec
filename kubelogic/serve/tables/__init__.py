"""Tables: the columns and cells that ``kubectl get`` prints, which are the server's work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kubelogic.serve.resources import Resource
from kubelogic.serve.tables import cluster, others, pods, workloads
from kubelogic.serve.tables.common import AGED, NAMED, Document, Printer, meta_of, number, printer
from kubelogic.serve.tables.custom import printer_of

_PRINTERS: Mapping[str, Printer] = {
    **pods.PRINTERS,
    **workloads.PRINTERS,
    **cluster.PRINTERS,
    **others.PRINTERS,
}


SCALES = printer(NAMED, number("Desired", "spec", "replicas"), number("Available", "status", "replicas"), AGED)
"""Of sizes: the scale subresource. Source: pkg/printers/internalversion/printers.go, printScale."""
_FALLBACK = printer(NAMED, AGED)


def printer_for(resource: Resource) -> Printer:
    """The printer of a resource."""
    if resource.custom is not None:
        return printer_of(resource.definition)
    return _PRINTERS.get(resource.kind, _FALLBACK)


def table(
    resource: Resource | Printer,
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
        resource: what the rows are, or the printer that makes them.
        documents: the objects in the order of rows, as they are written out.
        now: the moment, in milliseconds.
        metadata: of the list.
        api: version of the table.
        include: ``Metadata``, ``Object`` or ``None``: what each row has of its object.
        columns: whether to say what the columns are, which only the first table of a watch does.
    """
    made_by = resource if isinstance(resource, Printer) else printer_for(resource)
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
        row: dict[str, Any] = {"cells": made_by.cells(document, now)}
        if chosen is not None:
            row["object"] = chosen(document)
        rows.append(row)
    definitions = [
        {"name": each.name, "type": each.type, "format": each.format, "description": "", "priority": each.priority}
        for each in made_by.columns
    ]
    return {
        "kind": "Table",
        "apiVersion": f"meta.k8s.io/{api}",
        "metadata": dict(metadata),
        "columnDefinitions": definitions if columns else [],
        "rows": rows,
    }
