"""The result does not depend on the order of files and documents, nor on how objects are packed into them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelogic.apiserver.reading import Reading, load
from kubelogic.text import InputError

SPEC = {"containers": [{"name": "c", "image": "example.test/a:1"}]}


def pod(name: str = "", *, namespace: str | None = None, prefix: str = "", label: str = "x") -> dict[str, Any]:
    metadata: dict[str, Any] = {"labels": {"l": label}}
    metadata |= {"name": name} if name else {}
    metadata |= {"namespace": namespace} if namespace else {}
    metadata |= {"generateName": prefix} if prefix else {}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": SPEC}


OBJECTS: list[dict[str, Any]] = [
    pod("b"),
    pod("a"),
    pod("a", namespace="other"),
    pod("a", namespace="default"),
    pod(prefix="job-"),
    pod(prefix="job-"),
    pod(prefix="job-", label="y"),
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}},
    {"apiVersion": "example.test/v1", "kind": "Widget", "metadata": {"name": "w"}},
    {"apiVersion": "example.test/v1", "kind": "Widget", "metadata": {"name": "v"}},
]


def content(reading: Reading) -> bytes:
    """All of a reading but the places in files."""
    objects = [(o.api_version, o.kind, o.namespace, o.name, o.document) for o in reading.objects]
    notices = [(notice.code, notice.count) for notice in reading.notices]
    return msgspec.json.encode((objects, notices), order="deterministic")


def one_file(objects: list[dict[str, Any]]) -> Reading:
    return load(["-"], stdin="\n---\n".join(map(json.dumps, objects)).encode())


EXPECTED = content(one_file(OBJECTS))


@given(st.permutations(OBJECTS))
def test_documents_may_come_in_any_order(objects: list[dict[str, Any]]) -> None:
    assert content(one_file(objects)) == EXPECTED


@given(st.permutations(OBJECTS), st.lists(st.integers(0, 3), min_size=len(OBJECTS), max_size=len(OBJECTS)), st.data())
@settings(max_examples=30)
def test_objects_may_be_spread_over_files_and_lists(
    tmp_path_factory: pytest.TempPathFactory, objects: list[dict[str, Any]], places: list[int], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("manifests")
    paths: list[Path] = []
    for number in sorted(set(places)):
        inside = [obj for obj, place in zip(objects, places, strict=True) if place == number]
        packing = data.draw(st.sampled_from(["list", "stream", "documents"]))
        path = folder / f"{number}.{'yaml' if packing == 'documents' else 'json'}"
        match packing:
            case "list":
                path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": inside}, indent=2))
            case "stream":
                path.write_text("\n".join(map(json.dumps, inside)))
            case _:
                path.write_text("---\n" + "\n---\n".join(json.dumps(obj, indent=1) for obj in inside))
        paths.append(path)
    assert content(load(data.draw(st.permutations(paths)))) == EXPECTED


def test_generated_names_are_stable_distinct_and_look_generated() -> None:
    pods = [obj for obj in one_file(OBJECTS).objects if obj.name.startswith("job-")]
    assert len({obj.name for obj in pods}) == 3
    assert all(len(obj.name) == len("job-") + 5 for obj in pods)
    assert all(obj.document["metadata"]["name"] == obj.name for obj in pods)
    long = one_file([pod(prefix="x" * 80)]).objects[0]
    assert len(long.name) == 63


def test_the_default_namespace_is_a_parameter() -> None:
    text = json.dumps(pod("a")).encode()
    (obj,) = load(["-"], stdin=text, namespace="mine").objects
    assert obj.key == "mine/a"
    assert obj.document["metadata"]["namespace"] == "mine"


def test_cluster_scoped_objects_lose_their_namespace() -> None:
    text = b"apiVersion: v1\nkind: Namespace\nmetadata: {name: a, namespace: b}\n"
    (obj,) = load(["-"], stdin=text).objects
    assert obj.key == "a"
    assert "namespace" not in obj.document["metadata"]


def test_faults_do_not_depend_on_the_order_of_the_arguments(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text(json.dumps(pod("same", label="1")))
    second.write_text(json.dumps(pod("same", label="2")) + "\n---\n]\n")
    said = set()
    for paths in ([first, second], [second, first]):
        with pytest.raises(InputError) as caught:
            load(paths)
        said.add(tuple(sorted(fault.code for fault in caught.value.faults)))
    assert said == {("KL100", "KL103")}, "only which of the two is the other one follows the command line"
