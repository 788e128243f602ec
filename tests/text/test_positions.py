"""Every field can be named as file:line:column, in YAML and in JSON."""

from __future__ import annotations

import json
import pickle
from pathlib import Path as FilePath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelogic.apiserver.reading import load
from kubelogic.text import InputError, documents
from kubelogic.text.location import Path, dotted
from kubelogic.text.origin import DocumentOrigin, ItemOrigin
from kubelogic.text.sources import Source

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\ufeff")),
)
KEYS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)
TREES = st.recursive(SCALARS, lambda inside: st.lists(inside, max_size=3) | st.dictionaries(KEYS, inside, max_size=3))
MAPPINGS = st.dictionaries(KEYS, TREES, min_size=1, max_size=4)


class Writer:
    """Writes a tree as YAML in block style, or as JSON, and records where each value and key went."""

    def __init__(self, *, yaml: bool) -> None:
        self.yaml = yaml
        self.lines = [""]
        self.values: dict[Path, tuple[int, int]] = {}
        self.keys: dict[Path, tuple[int, int]] = {}

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def here(self) -> tuple[int, int]:
        return len(self.lines), len(self.lines[-1]) + 1

    def put(self, text: str) -> None:
        self.lines[-1] += text

    def write(self, tree: Any, path: Path, indent: int) -> None:
        if isinstance(tree, (dict, list)) and tree and self.yaml:
            self.block(tree, path, indent)
            return
        self.values[path] = self.here()
        if isinstance(tree, dict):
            self.inside("{", "}", [((*path, key), value) for key, value in tree.items()], indent)
        elif isinstance(tree, list):
            self.inside("[", "]", [((*path, index), value) for index, value in enumerate(tree)], indent)
        else:
            self.put(json.dumps(tree, ensure_ascii=False))

    def inside(self, left: str, right: str, entries: list[tuple[Path, Any]], indent: int) -> None:
        self.put(left)
        for number, (path, value) in enumerate(entries):
            self.put("," if number else "")
            self.lines.append(" " * (indent + 1))
            if isinstance(path[-1], str):
                self.keys[path] = self.here()
                self.put(json.dumps(path[-1]) + ": ")
            self.write(value, path, indent + 1)
        self.put(right)

    def block(self, tree: Any, path: Path, indent: int) -> None:
        entries = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for number, (step, value) in enumerate(entries):
            if number or self.lines[-1].strip(" -") or len(self.lines[-1]) != indent:
                self.lines.append(" " * indent)
            if not number:
                self.values[path] = self.here()
            if isinstance(step, str):
                self.keys[(*path, step)] = self.here()
                self.put(json.dumps(step) + ": ")
                deeper = indent + 2
            else:
                self.put("- ")
                deeper = indent + 2
            self.write(value, (*path, step), deeper)


def check(tree: dict[str, Any], *, yaml: bool, before: str = "") -> None:
    writer = Writer(yaml=yaml)
    writer.write(tree, (), 0)
    data = (before + writer.text).encode()
    shift = before.count("\n")
    source = Source(name="f", data=data)
    origin = ItemOrigin(
        document=DocumentOrigin(
            source=source, number=0, start=len(before.encode()), end=len(data), json=not yaml, line=shift + 1
        )
    )
    for path, (line, column) in writer.values.items():
        location = origin.locate(path)
        assert (location.line, location.column) == (line + shift, column), (path, writer.text)
        assert location.path == dotted(path)
    for path, (line, column) in writer.keys.items():
        location = origin.locate(path, key=True)
        assert (location.line, location.column) == (line + shift, column), (path, writer.text)


@given(MAPPINGS)
def test_every_value_and_key_of_yaml_is_found(tree: dict[str, Any]) -> None:
    check(tree, yaml=True, before="# first\nx: ü\n---\n")


@given(MAPPINGS)
def test_every_value_and_key_of_json_is_found(tree: dict[str, Any]) -> None:
    check(tree, yaml=False, before='{"ü": "\\n"}\n\n')


@given(MAPPINGS)
def test_what_is_written_is_read(tree: dict[str, Any]) -> None:
    for yaml in (True, False):
        writer = Writer(yaml=yaml)
        writer.write(tree, (), 0)
        faults: list[Any] = []
        source = Source(name="f.yaml" if yaml else "f.json", data=writer.text.encode())
        ((_, found),) = documents.trees(source, faults)
        assert faults == []
        assert found == tree


def place(text: str, *path: str | int, key: bool = False) -> str:
    (obj,) = load(["-"], stdin=text.encode()).objects
    assert obj.origin is not None
    location = obj.origin.locate(path, key=key)
    return f"{location.line}:{location.column}"


POD = """\
# a comment
---
apiVersion: v1
kind: Pod
metadata:
  name: a
  labels: &labels {app: a}
  annotations: *labels
spec:
  containers:
  - &base
    name: one
    image: x
  - <<: *base
    name: two
"""


def test_a_field_that_is_not_there_is_placed_at_what_encloses_it() -> None:
    assert place(POD, "spec", "nodeSelector", "disk") == "10:3"
    assert place(POD, "spec", "containers", 7, "image") == "11:3"
    assert place(POD, "spec", "containers", key=True) == "10:3"


def test_an_alias_is_found_where_it_stands_and_its_content_at_the_anchor() -> None:
    assert place(POD, "metadata", "annotations") == "8:16"
    assert place(POD, "metadata", "annotations", "app") == "7:25"


def test_merged_fields_are_found_where_they_were_written() -> None:
    assert place(POD, "spec", "containers", 1, "name") == "15:11"
    assert place(POD, "spec", "containers", 1, "image") == "13:12"


def test_the_source_line_is_there_for_a_caret() -> None:
    (obj,) = load(["-"], stdin=POD.encode()).objects
    assert obj.origin is not None
    location = obj.origin.locate(("spec", "containers", 0, "image"))
    assert obj.origin.excerpt(location).text == "    image: x"
    assert str(location) == "<stdin>:13:12"


def test_items_of_a_long_json_list_are_found() -> None:
    items = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"n{i}", "annotations": {"note": "ü" * 50}}}
        for i in range(20_000)
    ]
    text = json.dumps({"apiVersion": "v1", "items": items, "kind": "List"}, indent=1, ensure_ascii=False)
    objects = load(["-"], stdin=text.encode()).objects
    assert len(objects) == 20_000
    lines = text.splitlines()
    for obj in objects[::2_000]:
        assert obj.origin is not None
        location = obj.origin.locate(("metadata", "name"))
        assert lines[location.line - 1][location.column - 1 :] == f'"{obj.name}",'
    assert objects[0].origin is not None
    assert objects[0].origin.order < objects[1].origin.order if objects[1].origin else False


def test_objects_can_be_pickled_with_their_origins() -> None:
    (obj,) = load(["-"], stdin=POD.encode()).objects
    copy = pickle.loads(pickle.dumps(obj))
    assert copy.document == obj.document
    assert copy.origin.locate(("metadata", "name")) == obj.origin.locate(("metadata", "name")) if obj.origin else False


def test_a_place_far_out_in_a_long_line_is_shown_with_its_surroundings(tmp_path: FilePath) -> None:
    for filler in ("x", "é"):
        many = ", ".join(f'"k{n}": "{filler}"' for n in range(5000))
        path = tmp_path / "one-line.json"
        path.write_text(
            f'{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "p", "annotations": {{{many}}}}}, '
            '"spec": {"containers": [{"name": "c", "image": 7}]}}'
        )
        with pytest.raises(InputError) as caught:
            load([path])
        (fault,) = caught.value.faults
        assert fault.location.column > 50_000
        assert fault.excerpt[fault.caret - 1 :].startswith("7}]}}")
        assert len(fault.excerpt) <= 400
