"""JSON: one value, streams, long lists, and duplicate keys."""

from __future__ import annotations

import json

import pytest

from kubelogic.text import json_reader
from kubelogic.text.characters import Lines
from kubelogic.text.json_reader import JsonDocument, JsonError


def read(data: bytes) -> list[JsonDocument]:
    return json_reader.read(data, Lines(data).position)


def trees(text: str) -> list[object]:
    return [document.tree for document in read(text.encode())]


def test_one_value_and_streams() -> None:
    assert trees(' {"a": [1, 2.5, null, true, "\\u00e4"]}\n') == [{"a": [1, 2.5, None, True, "ä"]}]
    assert trees('{"a":1}{"b":2}\n\n {"c":3} ') == [{"a": 1}, {"b": 2}, {"c": 3}]


def test_the_spans_of_a_stream_hold_its_values() -> None:
    data = ' {"ä": 1}\n{"b": 2}'.encode()
    assert [data[d.start : d.end].strip() for d in read(data)] == ['{"ä": 1}'.encode(), b'{"b": 2}']


@pytest.mark.parametrize(
    "text",
    ['{"a": "\\/\\u0041"}', '{"a": 1.50, "b": 1e2}', '{"a": -0, "b": 100000000000000000000000}', '{"\\u0061": 1}'],
)
def test_unusual_spellings_are_no_duplicates(text: str) -> None:
    assert trees(text) == [json.loads(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1, "a": 1}', [(1, 10, "a")]),
        ('{"a": 1,\n "\\u0061": 1}', [(2, 2, "a")]),
        (
            '{"x": {"a": 1, "b": {"c": 1,\n"c": 2}, "a": 2}, "y": "{\\"a\\": 1, \\"a\\": 2}"}',
            [(2, 1, "c"), (2, 10, "a")],
        ),
        ('{"b": 1}\n{"ä": 1, "a": 1, "a": 2}', [(2, 18, "a")]),
    ],
)
def test_duplicate_keys_are_told_with_their_places_and_the_last_counts(
    text: str, found: list[tuple[int, int, str]]
) -> None:
    data = text.encode()
    documents = read(data)
    troubles = [trouble for document in documents for trouble in document.doubled]
    assert [document.tree for document in documents] == [json.loads(data[d.start : d.end]) for d in documents]
    assert [(t.line, t.column, t.code) for t in troubles] == [(line, col, "KL101") for line, col, _ in found]
    assert [t.message for t in troubles] == [f'key "{key}" is already set in this object' for *_, key in found]


def whole(data: bytes) -> list[object]:
    documents, position = read(data), Lines(data).position
    items = json_reader.Items(data=data, position=position)
    return [items.decode(start, end) for document in documents for start, end in document.items]


def long_list(extra: str = "", item: str = "") -> str:
    items = [json.dumps({"name": f"n{i}", "ü": "x" * 100}, ensure_ascii=False) for i in range(10_000)]
    return '{"kind": "List",\n' + extra + '"items": [' + ",\n ".join([*items, item] if item else items) + '], "z": 1}'


def test_long_lists_give_the_place_of_every_item() -> None:
    data = long_list().encode()
    (document,) = read(data)
    expected = json.loads(data)
    assert document.tree == {**expected, "items": []}
    assert whole(data) == expected["items"]


@pytest.mark.parametrize(
    ("extra", "end", "item"),
    [
        ('"metadata": {"a": "[{}]", "items": 1}, "b": -1.5, ', ', "z": {"items": "]"}}', ""),
        ('"a": [1], ', "}\n", "[]"),
        ('"a": {"b": {}}, ', ', "z": [{}]}', "7"),
        ('"a": "\\"items\\": [", ', ', "items ": 1}', ' {"a": "]}"} '),
        ("", ', "metadata": {"resourceVersion": ""}}\n', '"{"'),
    ],
)
def test_items_are_found_whatever_stands_around_them(extra: str, end: str, item: str) -> None:
    data = long_list(extra, item).replace(', "z": 1}', end).encode()
    (document,) = read(data)
    expected = json.loads(data)
    assert document.tree == {**expected, "items": []}
    assert [json.loads(data[begin:stop]) for begin, stop in document.items] == expected["items"]


@pytest.mark.parametrize("end", [", ]}", "]}}", ",}", '], "z": [1}', "]", "]} x", '] "z": 1}'])
def test_long_lists_that_are_no_json_are_told(end: str) -> None:
    with pytest.raises(JsonError) as caught:
        read(long_list().replace('], "z": 1}', end).encode())
    assert [trouble.code for trouble in caught.value.troubles] == ["KL100"]


@pytest.mark.parametrize(
    "text",
    [
        long_list(extra='"kind": "x", '),
        long_list(extra='"items": [], '),
        long_list(item='{"a": 1, "a": 2}'),
        long_list().replace('"z": 1}', '"items": []}'),
    ],
    ids=["envelope", "items before", "in an item", "items after"],
)
def test_duplicate_keys_of_long_lists_are_told(text: str) -> None:
    data = text.encode()
    documents = read(data)
    told = [trouble for document in documents for trouble in document.doubled]
    if not told:
        with pytest.raises(JsonError) as caught:
            whole(data)
        told = list(caught.value.troubles)
    assert [trouble.code for trouble in told] == ["KL101"]


def test_long_objects_that_are_no_lists_are_read_whole() -> None:
    value = {"data": {f"k{i}": "x" * 100 for i in range(10_000)}, "items": {"a": 1}}
    (document,) = read(json.dumps(value).encode())
    assert document.tree == value
    assert document.items == ()


@pytest.mark.parametrize("indent", [None, 4])
def test_parts_of_items_that_are_equal_to_the_letter_are_one_tree(indent: int | None) -> None:
    pods = [{"metadata": {"name": f"p{i}"}, "spec": {"x": ["y" * 100, i % 2, None]}} for i in range(10_000)]
    first, second, third, *_ = items = whole(json.dumps({"kind": "List", "items": pods}, indent=indent).encode())
    assert items == pods
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert isinstance(third, dict)
    assert first["spec"] is third["spec"]
    assert first["spec"] is not second["spec"]


@pytest.mark.parametrize(
    ("item", "value"),
    [
        ('{"spec": {"ä": "\\u00e4", "\\u0062": 1e3, "c": 1.0}}', {"spec": {"ä": "ä", "b": 1000.0, "c": 1.0}}),
        ('{"spec": ' + "[" * 150 + "]" * 150 + "}", None),
        ("[1, null]", [1, None]),
        ("null", None),
    ],
    ids=["unusual spelling", "deep", "a list", "nothing"],
)
def test_items_that_need_a_closer_look_are_read_as_well(item: str, value: object) -> None:
    assert whole(long_list(item=item).encode())[-1] == (json.loads(item) if value is None else value)


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ('{"spec": {"a": {"b": 1, "b": 2}}}', "KL101"),
        ('{"spec": {"a": 1, "\\u0061": 2}}', "KL101"),
        ('{"spec": {}, "spec": {}}', "KL101"),
        ('{"spec": ' + "[" * 200 + "]" * 200 + "}", "KL107"),
        ('{"spec": {"a": 1e999}}', "KL100"),
    ],
    ids=["in a part", "spelt otherwise", "two parts", "too deep", "too large"],
)
def test_faults_in_parts_of_items_are_found(item: str, code: str) -> None:
    with pytest.raises(JsonError) as caught:
        whole(long_list(item=item).encode())
    assert [trouble.code for trouble in caught.value.troubles] == [code]


@pytest.mark.parametrize("outer", ["%s", '{"kind": "Twice", "kind": %s}', '{"kind": "First"}\n%s'])
@pytest.mark.parametrize("levels", [250, 2_000, 100_000])
def test_the_bracket_that_is_too_deep_is_named_however_deep_a_decoder_can_go(outer: str, levels: int) -> None:
    text = outer % ('{"text": "[[{{", "a": ' + "[" * levels + "]" * levels + "}")
    with pytest.raises(JsonError) as raised:
        read(text.encode())
    (trouble,) = raised.value.troubles
    within = 200 - outer.startswith('{"kind": "Twice"')
    column = text.splitlines()[-1].index('a": [') + 5 + within - 1
    assert (trouble.code, trouble.line, trouble.column) == ("KL107", text.count("\n") + 1, column)


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" + "0" * 5_000])
def test_a_number_that_nothing_holds_is_named_by_its_place(number: str) -> None:
    with pytest.raises(JsonError) as raised:
        read(f'{{"a": "1e400", "b": [1, 2.5e3],\n "c": {number}}}'.encode())
    assert [(t.code, t.line, t.column) for t in raised.value.troubles] == [("KL100", 2, 7)]


@pytest.mark.parametrize(
    ("escape", "text"),
    [
        ("\\ud800", "\ufffd"),
        ("\\udc00", "\ufffd"),
        ("\\uD800x", "\ufffdx"),
        ("\\ud800\\u0041", "\ufffdA"),
        ("\\ud800\\ud83d\\ude00", "\ufffd😀"),
        ("\\\\ud800\\ud800", "\\ud800\ufffd"),
        ("\\ud83d\\ude00", "😀"),
    ],
)
def test_half_a_surrogate_pair_is_read_as_the_api_server_reads_it(escape: str, text: str) -> None:
    assert trees(f'{{"a": "{escape}"}}{{"b": 1}}') == [{"a": text}, {"b": 1}]
    doubled = f'{{"a": "{escape}", "a": "{escape}"}}'
    (document,) = read(doubled.encode())
    assert document.tree == {"a": text}
    assert len(document.doubled) == 1
    assert json_reader.last_of_each(doubled.encode(), 0, len(doubled), Lines(doubled.encode()).position) == {"a": text}
    items = json_reader.Items(
        data=doubled.replace(', "a"', ', "b"').encode(), position=Lines(doubled.encode()).position
    )
    assert items.decode(0, len(doubled)) == {"a": text, "b": text}
