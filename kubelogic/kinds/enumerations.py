"""The values of fields that take one of a few.

``enumerations.json`` names, for types of ``fields.json``, the fields that are marked as enumerations, and the values of
each enumeration, sorted. Only OpenAPI documents are made from it; what is refused is said by ``validation``.

Source: the types marked ``+enum`` in k8s.io/api, types.go of each group, and their constants, Kubernetes 1.36.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec


class _Table(msgspec.Struct, frozen=True):
    values: dict[str, list[str]]
    fields: dict[str, dict[str, str]]


@cache
def _table() -> _Table:
    raw: Any = Path(__file__).with_name("enumerations.json").read_bytes()
    return msgspec.json.decode(raw, type=_Table)


def values_of(type_name: str, field: str) -> tuple[str, ...]:
    """The values that a field of a type takes, sorted; empty where it takes any.

    Args:
        type_name: a name in ``fields.json``.
        field: the field's name in JSON.

    >>> values_of("ServicePort", "protocol"), values_of("ServicePort", "name")
    (('SCTP', 'TCP', 'UDP'), ())
    """
    table = _table()
    name = table.fields.get(type_name, {}).get(field)
    return tuple(table.values[name]) if name is not None else ()
