"""Quantities in proofs, as a manifest would write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kubelogic.explain.units import amount, in_bytes
from kubelogic.logic import Value

if TYPE_CHECKING:
    from kubelogic.logic.words import Formats

_BINARY = ((1 << 40, "Ti"), (1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki"))


def exact(resource: str, value: int) -> str:
    """An amount of a resource as a manifest could write it, not rounded; CPUs in one unit, so that two can be compared.

    >>> exact("cpu", 1500), exact("cpu", 2000), exact("memory", 1610612736), exact("memory", 1000), exact("pods", 110)
    ('1.5', '2', '1536Mi', '1000', '110')
    """
    if resource == "cpu":
        return amount(resource, value)
    if in_bytes(resource):
        for unit, suffix in _BINARY:
            if value and value % unit == 0:
                return f"{value // unit}{suffix}"
    return str(value)


def _quantity(value: Value, row: Mapping[str, Value]) -> str:
    """A ``quantity`` of the ``resource`` that is named in the same row."""
    resource = row.get("resource")
    return exact(resource, value) if isinstance(resource, str) and isinstance(value, int) else str(value)


FORMATS: Formats = {"quantity": _quantity}
"""How the values of the built-in rules are written in texts."""
