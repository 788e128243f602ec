"""YAML as Kubernetes reads it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kubelogic.text import yaml_reader
from kubelogic.text.scalars import key_text, resolve


def read(text: str) -> Any:
    (piece,) = yaml_reader.pieces(text.encode())
    ((_, tree),), troubles = yaml_reader.read(piece)
    assert troubles == []
    return tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("on", True),
        ("Y", True),
        ("TRUE", True),
        ("n", False),
        ("Off", False),
        ("No", False),
        ("oN", "oN"),
        ("~", None),
        ("Null", None),
        ("nULL", "nULL"),
        ("0", 0),
        ("-0", 0),
        ("+12", 12),
        ("1_000", 1000),
        ("_1", "_1"),
        ("1__0_", 10),
        ("014", 12),
        ("0o14", 12),
        ("-0o14", -12),
        ("08", 8),
        ("0o8", "0o8"),
        ("0x1F", 31),
        ("0X1f", 31),
        ("0xg", "0xg"),
        ("0b11", 3),
        ("-0b11", -3),
        ("0b2", "0b2"),
        ("9223372036854775808", 2**63),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 1.8446744073709552e19),
        ("-9223372036854775808", -(2**63)),
        ("1.0", 1),
        ("1.", 1),
        (".5", 0.5),
        ("+.5", 0.5),
        (".", "."),
        ("..", ".."),
        ("-", "-"),
        ("1e3", 1000),
        ("1E-1", 0.1),
        ("1e", "1e"),
        ("1e999", "1e999"),
        ("12e03", 12000),
        ("1:20", "1:20"),
        ("190:20:30", "190:20:30"),
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("1.2.3", "1.2.3"),
        ("100m", "100m"),
        ("1Gi", "1Gi"),
        ("=", "="),
        ("<<", "<<"),
        ("٣", "٣"),
    ],
)
def test_plain_scalars(text: str, value: object) -> None:
    found = resolve(text)
    assert (type(found), found) == (type(value), value)
    if text != "-":
        assert read(f"a: {text}") == {"a": value}
    assert read(f"a: '{text}'") == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!!str 12", "12"),
        ('!!int "12"', 12),
        ("!!float 3", 3),
        ("!!bool on", True),
        ("!!null ~", None),
        ("!!binary aGVsbG8=", "hello"),
        ("!!timestamp 2026-01-01", "2026-01-01"),
        ("!mine x", "x"),
        ("!!python/name:os.getcwd", ""),
        ('!!python/object/apply:os.system ["echo"]', ["echo"]),
        ("!!set {x, z}", {"x": None, "z": None}),
        ("! 12", 12),
        ('! "12"', 12),
    ],
)
def test_tags_choose_types_but_never_build_anything(text: str, value: object) -> None:
    assert read(f"a: {text}") == {"a": value}


def test_keys_are_text() -> None:
    assert read("{on: 1, 014: 2, 1.50: 3, 'on ': 4, .inf: 5}") == {"true": 1, "12": 2, "1.5": 3, "on ": 4, ".inf": 5}
    assert key_text(resolve("-.inf")) == "-.inf"
    assert key_text(resolve(".nan")) == ".nan"


def test_an_empty_value_is_null() -> None:
    assert read("a:\nb: ''\n") == {"a": None, "b": ""}


def test_merge_keys_give_way_to_what_follows() -> None:
    text = """
base: &base {name: one, image: a, env: {x: 1}}
other: &other {image: b, tier: web}
list:
- {<<: *base, name: two}
- {<<: [*base, *other], name: three}
- <<: {inline: yes}
  name: four
"""
    assert read(text)["list"] == [
        {"name": "two", "image": "a", "env": {"x": 1}},
        {"name": "three", "image": "a", "env": {"x": 1}, "tier": "web"},
        {"inline": True, "name": "four"},
    ]


def test_a_merge_that_comes_later_wins_as_in_go_yaml_v2() -> None:
    assert read("base: &base {a: 1}\nuse:\n  a: 2\n  <<: *base\n")["use"] == {"a": 1}


def test_a_quoted_merge_sign_is_a_key() -> None:
    assert read("'<<': {a: 1}") == {"<<": {"a": 1}}


def test_aliases_may_be_keys_and_scalars() -> None:
    assert read("- &a x\n- {*a : *a}") == ["x", {"x": "x"}]


def test_anchors_can_be_set_again() -> None:
    assert read("- &a 1\n- *a\n- &a 2\n- *a") == [1, 1, 2, 2]


def test_pieces_are_cut_where_documents_begin() -> None:
    text = "# c\na: 1\n--- # two\nb: |\n  text\n  --- inside\n---x: no\n"
    assert [piece.line for piece in yaml_reader.pieces(text.encode())] == [0, 2]
    lines = "a: 1\r\n---\r\nb: 2\r\n"
    assert [piece.data for piece in yaml_reader.pieces(lines.encode())] == [b"a: 1\r\n", b"---\r\nb: 2\r\n"]


def test_directives_and_end_marks_are_understood() -> None:
    text = "%YAML 1.1\n---\na: 1\n...\n%TAG ! tag:example.test,2026:\n---\nb: !x 2\n...\n"
    (piece,) = yaml_reader.pieces(text.encode())
    assert yaml_reader.read(piece) == ([(0, {"a": 1}), (1, {"b": "2"})], [])


def test_an_end_mark_asks_for_a_new_separator() -> None:
    (piece,) = yaml_reader.pieces(b"a: 1\n...\nb: 2\n")
    trees, (trouble,) = yaml_reader.read(piece)
    assert trees == [(0, {"a": 1})]
    assert (trouble.line, trouble.message) == (3, "did not find expected <document start>")


def test_documents_before_the_broken_one_survive() -> None:
    first, second = yaml_reader.pieces(b"a: 1\n---\nb: [\n")
    assert yaml_reader.read(first) == ([(0, {"a": 1})], [])
    trees, (trouble,) = yaml_reader.read(second)
    assert trees == []
    assert trouble.line == 4


def test_moderate_aliasing_is_allowed_and_bombs_are_not() -> None:
    many = "a: &a {x: 1, y: 2}\nb: [" + ", ".join(["*a"] * 90) + "]\n"
    assert len(read(many)["b"]) == 90
    bomb = "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 30))
    (piece,) = yaml_reader.pieces(bomb.encode())
    started = time.perf_counter()
    trees, (trouble,) = yaml_reader.read(piece)
    assert trees == []
    assert trouble.code == "KL107"
    assert time.perf_counter() - started < 1.0


def test_fifty_thousand_documents_take_seconds() -> None:
    one = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c%d\ndata: {a: b}\n---\n"
    text = "".join(one % i for i in range(50_000)).encode()
    started = time.perf_counter()
    read_ = [tree for piece in yaml_reader.pieces(text) for _, tree in yaml_reader.read(piece)[0] if tree]
    assert len(read_) == 50_000
    assert read_[-1]["metadata"] == {"name": "c49999"}
    assert time.perf_counter() - started < 20.0
