"""Texts that are equal but for some of their strings are found again, and no others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelogic.text.alike import Alike, Own, cut, put_together
from kubelogic.text.location import Path, value_at

ONE = {"name": "a", "spec": {"on": "n1", "as": ["x", {"name": "c"}]}, "z": 1}


PATHS: list[Path] = [("name",), ("spec", "on"), ("on",)]


NOT_PLAIN = ('"', "ü", "\\")


def own_of(tree: Any) -> list[Own]:
    places = [(path, value_at(tree, path)) for path in PATHS]
    order = [*tree]
    found = [
        Own(path=path, value=value, rule="own")
        for path, value in places
        if isinstance(value, str) and value not in NOT_PLAIN
    ]
    return sorted(found, key=lambda each: order.index(each.path[0]))


def parts_of(tree: Any, indent: int | None = None) -> list[bytes]:
    parts = cut(json.dumps(tree, indent=indent).encode(), own_of(tree))
    assert parts is not None
    return parts


def kept(*trees: Any, indent: int | None = None) -> Alike[int]:
    alike: Alike[int] = Alike()
    for number, tree in enumerate(trees):
        alike.keep(parts_of(tree, indent), number)
    return alike


@pytest.mark.parametrize("indent", [None, 4])
def test_a_text_with_other_strings_of_its_own_is_found(indent: int | None) -> None:
    other = {**ONE, "name": "bcd", "spec": {**ONE["spec"], "on": ""}}  # type: ignore[dict-item]
    text = json.dumps(other, indent=indent).encode()
    found = kept(ONE, indent=indent).find(b"[" + text + b", ...", 1, 1 + len(text))
    assert found == (0, [b"bcd", b""])


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b'{"name": "b',
        b'{"name": "b", "spec": {"on": "n1", "as": ["x", {"name": "d"}]}, "z": 1}',
        b'{"name": "b", "spec": {"on": "n1", "as": ["x", {"name": "c"}]}, "z": 1} ',
        b'{"name": "b", "spec": {"on": "n1", "as": ["x", {"name": "c"}]}, "z": 2}',
        b'{"name": "b", "spec": {"on": "n1", "as": ["x", {"name": "c"}]}, "z": 1',
        b'{"name": "b", "name": "c", "spec": {"on": "n1", "as": ["x", {"name": "c"}]}, "z": 1}',
        b'{"name":"b", "spec": {"on": "n1", "as": ["x", {"name": "c"}]}, "z": 1}',
        b'{"name": "b", "spec": {"on": 1, "as": ["x", {"name": "c"}]}, "z": 1}',
        b'{"name": "\\"", "spec": {"on": "n1", "as": ["x", {"name": "c"}]}, "z": 1}',
    ],
)
def test_a_text_that_differs_otherwise_is_not_found(text: bytes) -> None:
    assert kept(ONE).find(text, 0, len(text)) is None


def test_a_text_that_goes_on_behind_its_end_is_not_found() -> None:
    text = json.dumps(ONE).encode()
    assert [kept(ONE).find(text, 0, len(text) - less) is None for less in range(len(text))] == [
        False,
        *[True] * (len(text) - 1),
    ]


def test_nothing_is_found_where_nothing_is_kept() -> None:
    assert Alike[int]().find(b"{}", 0, 2) is None


TREES = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b"]), "at": st.sampled_from([1, "n", "nn", ["on"]])},
    optional={"on": st.sampled_from(["", "x", '"', "ü", "\\", None]), "spec": st.just({"name": "c"})},
)


@given(st.lists(TREES, max_size=6), TREES)
def test_what_is_found_is_put_together_from_its_parts(known: list[Any], tree: Any) -> None:
    alike = kept(*known)
    text = json.dumps(tree).encode()
    found = alike.find(text, 0, len(text))
    if found is not None:
        number, own = found
        parts = parts_of(known[number])
        assert b"".join(part + end for part, end in zip(parts, [*own, b""], strict=True)) == text
    for last in known[-1:]:
        text = json.dumps(last).encode()
        assert alike.find(text, 0, len(text)) is not None


def test_what_is_not_there_is_not_cut_and_what_was_cut_wrong_can_be_seen() -> None:
    own = [Own(path=("name",), value="b", rule="own")]
    assert cut(b'{"a": {"b": "name"}}', own) is None
    parts = cut(b'{"a": {"name": "b"}, "name": "b"}', own)
    assert parts is not None
    assert put_together(parts, ["x"]) == {"a": {"name": "x"}, "name": "b"}
