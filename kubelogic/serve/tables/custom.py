"""Tables of custom resources: the columns that their definition asks for.

Source: staging/src/k8s.io/apiextensions-apiserver, pkg/registry/customresource/tableconvertor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.serve.jsonpath import find
from kubelogic.serve.tables.common import NAME, Cells, Column, Document, Printer, name_of, since


def printer_of(version: Mapping[str, Any]) -> Printer:
    """The printer of a version of a CustomResourceDefinition; without columns of its own it shows the age."""
    asked = version.get("additionalPrinterColumns") or [
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
    ]
    columns = [
        Column(
            name=str(each.get("name")),
            type=str(each.get("type") or "string"),
            format=str(each.get("format") or ""),
            priority=int(each.get("priority") or 0),
        )
        for each in asked
    ]

    def cells(document: Document, now: int) -> Cells:
        return [name_of(document), *(_cell(document, each, now) for each in asked)]

    return Printer(columns=(NAME, *columns), cells=cells)


def _cell(document: Document, asked: Mapping[str, Any], now: int) -> Any:
    found = find(document, str(asked.get("jsonPath") or ""))
    if not found:
        return None
    value = found[0]
    match asked.get("type"):
        case "date":
            return since(value, now) if isinstance(value, str) else "<invalid>"
        case "integer" if isinstance(value, int | float):
            return int(value)
        case "string" if isinstance(value, dict | list):
            import json

            return json.dumps(value, separators=(",", ":"))
        case "string" if isinstance(value, bool):
            return "true" if value else "false"
        case _:
            return str(value) if asked.get("type") == "string" else value
