"""Files to objects: what is read, what is refused, and that order does not matter."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.apiserver.reading import load
from kubelogic.cluster import Cluster
from kubelogic.text import InputError
from kubelogic.text.sources import Source

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {containers: [{name: c, image: a/b:1}]}\n"


def write(tmp_path: Path, name: str, text: str | bytes) -> str:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def names(*paths: str, stdin: bytes | None = None) -> list[str]:
    return [str(obj) for obj in load(paths, stdin=stdin).objects]


def test_a_directory_is_walked_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "b/two.yml", POD % "two")
    write(tmp_path, "a.yaml", POD % "one")
    write(tmp_path, "c.json", '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"three"}}')
    write(tmp_path, "notes.txt", "not: [yaml")
    write(tmp_path, ".hidden.yaml", "not: [yaml")
    write(tmp_path, ".git/x.yaml", "not: [yaml")
    assert names(str(tmp_path)) == ["Namespace three", "Pod default/one", "Pod default/two"]


def test_standard_input_is_read_for_a_dash() -> None:
    assert names("-", stdin=(POD % "one" + "---\n" + POD % "two").encode()) == [
        "Pod default/one",
        "Pod default/two",
    ]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = write(tmp_path, "a.yaml", POD % "one")
    assert load([path, str(tmp_path), path]).notices == ()


def test_lists_are_taken_apart_and_typed_lists_lend_their_kind(tmp_path: Path) -> None:
    text = """
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: PodList
  items:
  - metadata: {name: inner}
    spec: {containers: [{name: c, image: a}]}
- apiVersion: v1
  kind: Namespace
  metadata: {name: outer}
"""
    path = write(tmp_path, "list.yaml", text)
    reading = load([path])
    assert [str(obj) for obj in reading.objects] == ["Namespace outer", "Pod default/inner"]
    inner = reading.objects[1]
    assert inner.origin is not None
    assert str(inner.origin.locate(("metadata", "name"))) == f"{path}:8:22"


def test_equal_copies_are_a_notice_and_different_ones_a_fault(tmp_path: Path) -> None:
    first = write(tmp_path, "a.yaml", POD % "one")
    second = write(tmp_path, "b.yaml", "# a comment\n" + POD % "one")
    reading = load([first, second])
    assert [obj.key for obj in reading.objects] == ["default/one"]
    assert [notice.code for notice in reading.notices] == ["KL103"]
    third = write(tmp_path, "c.yaml", (POD % "one").replace("a/b:1", "a/b:2"))
    with pytest.raises(InputError) as caught:
        load([first, third])
    assert str(caught.value) == (
        f"{third}:3:18: metadata.name: there is another Pod default/one, with other content, at {first}:3:18 [KL103]"
    )


def test_all_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "a: [1\n---\n" + POD % "fine" + "---\nkind: Pod\n")
    write(tmp_path, "b.json", '{"a": 1,}')
    with pytest.raises(InputError) as caught:
        load([str(tmp_path), "no-such-file"])
    assert [fault.code for fault in caught.value.faults] == ["KL100", "KL102", "KL100", "KL105"]


def test_custom_kinds_are_counted_in_one_notice(tmp_path: Path) -> None:
    widget = "apiVersion: example.test/v1\nkind: Widget\nmetadata: {name: w%d}\n"
    path = write(tmp_path, "a.yaml", POD % "one" + "".join("---\n" + widget % i for i in range(3)))
    reading = load([path])
    assert [(notice.code, notice.count) for notice in reading.notices] == [("KL108", 3)]
    assert len(reading.objects) == 1


@pytest.mark.parametrize(
    ("api_version", "kind", "about"),
    [
        pytest.param("resource.k8s.io/v1beta2", "DeviceTaintRule", "name: a", id="behind a gate"),
        pytest.param("networking.k8s.io/v2", "Mesh", "name: a, uid: u", id="of another release, in a dump"),
    ],
)
def test_kinds_that_this_release_does_not_serve_by_itself_are_left_out(
    api_version: str, kind: str, about: str, tmp_path: Path
) -> None:
    path = write(
        tmp_path, "a.yaml", f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{{about}}}\n---\n" + POD % "one"
    )
    reading = load([path])
    assert [notice.code for notice in reading.notices] == ["KL109"]
    assert [obj.kind for obj in reading.objects] == ["Pod"]


def test_a_manifest_of_a_kind_that_nobody_serves_is_a_fault(tmp_path: Path) -> None:
    path = write(tmp_path, "a.yaml", "apiVersion: networking.k8s.io/v2\nkind: Mesh\nmetadata: {name: a}\n")
    with pytest.raises(InputError) as caught:
        load([path])
    assert [fault.code for fault in caught.value.faults] == ["KL102"]


def test_the_result_is_a_cluster(tmp_path: Path) -> None:
    cluster = Cluster.of(load([write(tmp_path, "a.yaml", POD % "one")]).objects)
    pod = cluster.get("Pod", "default/one")
    assert pod is not None
    assert pod.document["metadata"]["namespace"] == "default"


@pytest.mark.parametrize(("printed", "made"), [((), 1), (("PersistentVolumeClaim",), 0)])
def test_a_claim_that_no_list_has_exists_only_where_the_list_was_not_read(printed: tuple[str, ...], made: int) -> None:
    pod = (
        '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "uid": "u"}, "spec": {"containers": '
        '[{"name": "a", "image": "a"}], "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}}'
    )
    reading = load([], texts=[Source(name="cluster", data=pod.encode())], printed=printed)
    assert sum(obj.kind == "PersistentVolumeClaim" for obj in reading.objects) == made
