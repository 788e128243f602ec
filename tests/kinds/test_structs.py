"""Objects written by structs are those that are completed field by field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelogic.kinds import structs
from kubelogic.kinds.table import fields_of
from kubelogic.kinds.wire import completed

_MOMENTS = ["2026-11-02T00:00:00Z", "2026-11-02T00:00:00.25Z", ""]
_SCALARS: dict[str, Any] = {
    "s": ["", "a"],
    "i": [0, 7],
    "l": [0, 7],
    "f": [0, 7, 0.5],
    "b": [False, True],
    "q": ["0", "1", 2, 0.5],
    "x": [0, 80, "http"],
    "t": _MOMENTS,
    "T": _MOMENTS,
}
_TYPES = (
    "Pod",
    "Node",
    "ReplicaSet",
    "Role",
    "Lease",
    "Event",
    "EndpointSlice",
    "CronJob",
    "ResourceClaim",
    "ConfigMap",
)


def values(code: str, depth: int) -> st.SearchStrategy[Any]:
    """What may stand in a field of a code, and now and then something that may not."""
    odd = st.sampled_from([None, "odd", 3, [], {}])
    match code[:1]:
        case "@":
            found = documents(code[1:], depth - 1) if depth else st.just({})
        case "[":
            found = st.lists(values(code[1:], depth), max_size=2)
        case "{":
            found = st.dictionaries(st.sampled_from("ab"), values(code[1:], depth), max_size=2)
        case _:
            found = st.sampled_from(_SCALARS.get(code, [None, 1, "a", {"a": None}]))
    return st.one_of(found, found, found, found, found, found, odd) if depth else found


@st.composite
def documents(draw: st.DrawFn, type_name: str, depth: int) -> dict[str, Any]:
    """An object of a type with some of its fields."""
    known = fields_of(type_name)
    names = draw(st.lists(st.sampled_from(sorted(known)), max_size=3, unique=True)) if known else []
    return {name: draw(values(known[name], depth)) for name in names}


@pytest.mark.parametrize("type_name", _TYPES)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_what_is_written_at_once_is_what_is_completed(type_name: str, data: st.DataObject) -> None:
    document = data.draw(documents(type_name, 4))
    text = structs.text(document, type_name)
    assert text is None or json.loads(text) == completed(document, f"@{type_name}")


@pytest.mark.parametrize(
    ("type_name", "document", "expected"),
    [
        (
            "ConfigMap",
            {"binaryData": {}, "data": {"a": ""}, "metadata": {"name": "a"}},
            '{"metadata":{"name":"a"},"data":{"a":""}}',
        ),
        ("Pod", {"metadata": {}}, '{"metadata":{},"spec":{"containers":null},"status":{}}'),
        (
            "Lease",
            {"spec": {"renewTime": "2026-11-02T00:00:00Z"}},
            '{"spec":{"renewTime":"2026-11-02T00:00:00.000000Z"}}',
        ),
        ("Role", {"rules": []}, None),
        ("ConfigMap", {"data": None}, None),
        ("ConfigMap", {"more": 1}, None),
        ("Node", {"spec": {"unschedulable": "yes"}}, None),
        ("CustomResourceDefinition", {"spec": {}}, None),
    ],
)
def test_only_what_is_as_the_tables_say_is_written(
    type_name: str, document: dict[str, Any], expected: str | None
) -> None:
    text = structs.text(document, type_name)
    assert (None if text is None else text.decode()) == expected
