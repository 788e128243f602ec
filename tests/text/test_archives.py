"""Archives of dumps: read as the files in them; bombs, links and names that lead elsewhere are refused."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from kubelogic.apiserver.reading import load
from kubelogic.text import InputError, archives

POD = b"apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: shop}\nspec: {containers: [{name: a, image: a}]}\n"
NODES = b'{"apiVersion": "v1", "kind": "NodeList", "items": [{"metadata": {"name": "oak"}}]}'
FILES = {
    "dump/nodes.json": NODES,
    "dump/shop/pods.yaml": POD % b"a",
    "dump/shop/a/logs.txt": b"\0hello",
    "dump/.x.yaml": b"{",
}
EMPTY = b'{"apiVersion": "v1", "kind": "PodList", "items": null}'


def tarred(files: Mapping[str, bytes], mode: str = "w:gz", *more: tarfile.TarInfo) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in more:
            archive.addfile(info)
    return target.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def names(data: bytes, tmp_path: Path, called: str) -> list[str]:
    path = tmp_path / called
    path.write_bytes(data)
    return [str(each) for each in load([path]).objects]


@pytest.mark.parametrize(
    ("called", "data"),
    [
        ("d.tar.gz", tarred(FILES)),
        ("d.tgz", tarred(FILES)),
        ("d.tar", tarred(FILES, "w")),
        ("d.zip", zipped(FILES)),
        ("whatever", zipped(FILES)),
    ],
    ids=["tar.gz", "tgz", "tar", "zip", "no-suffix"],
)
def test_what_is_inside_is_read(called: str, data: bytes, tmp_path: Path) -> None:
    assert names(data, tmp_path, called) == ["Node oak", "Pod shop/a"]


def test_one_file_that_is_compressed(tmp_path: Path) -> None:
    assert names(gzip.compress(NODES), tmp_path, "nodes.json.gz") == ["Node oak"]
    assert [str(each) for each in load(["-"], stdin=gzip.compress(POD % b"b")).objects] == ["Pod shop/b"]


def test_places_are_in_the_entry(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        names(zipped({"shop/bad.yaml": b"apiVersion: v1\nkind: Pood\n"}), tmp_path, "d.zip")
    (fault,) = error.value.faults
    assert fault.location.file.endswith("d.zip/shop/bad.yaml")
    assert (fault.location.line, fault.location.column) == (2, 7)


def link(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return info


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (tarred({"../up.yaml": POD % b"a"}), "leads out of the archive"),
        (tarred({"/etc/up.yaml": POD % b"a"}), "leads out of the archive"),
        (zipped({"a/../../up.yaml": POD % b"a"}), "leads out of the archive"),
        (zipped({"C:\\up.yaml": POD % b"a"}), "leads out of the archive"),
        (tarred({}, "w:gz", link("pods.yaml")), "is a link or a device"),
        (zipped({"a\x1b[31m.yaml": POD % b"a"}), "characters that cannot be shown"),
        (zipped({"read.me": b"x"}), "no file in the archive ends in .yaml, .yml, .json"),
        (tarred(FILES)[:60], "damaged or encrypted"),
        (gzip.compress(NODES)[:-9], "damaged or encrypted"),
        (zipped(FILES)[:80], "damaged or encrypted"),
        (b"\x1f\x8bnothing", "damaged or encrypted"),
    ],
    ids=[str(number) for number in range(11)],
)
def test_what_is_refused(data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words) as error:
        names(data, tmp_path, "d")
    assert all(each.code == "KL105" and each.location.file.endswith("/d") for each in error.value.faults)


@pytest.mark.parametrize("kind", ["gz", "tar.gz", "zip"])
def test_bombs_are_refused_before_they_are_large(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "FREE_BYTES", 1 << 20)
    bomb = bytes(4 << 20)
    files = {"a.yaml": bomb}
    data = gzip.compress(bomb) if kind == "gz" else tarred(files) if kind == "tar.gz" else zipped(files)
    with pytest.raises(InputError, match="grows as no dump does"):
        names(data, tmp_path, "d")


def test_too_many_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_FILES", 3)
    for data in (tarred({f"{n}.txt": b"" for n in range(5)}), zipped({f"{n}.txt": b"" for n in range(5)})):
        with pytest.raises(InputError, match="more than 3 entries"):
            names(data, tmp_path, "d")


def test_what_cluster_info_dump_prints(tmp_path: Path) -> None:
    who = b"for container a of pod shop/a ===="
    logs = b"==== START logs " + who + b'\n{"no": json\n---\nkind: x\n==== END logs ' + who + b"\n"
    text = NODES + b"\n" + EMPTY + b"\n" + logs + logs
    assert names(text, tmp_path, "dump.txt") == ["Node oak"]
    folder = tmp_path / "out"
    for name, data in {"nodes.json": NODES, "shop/pods.json": EMPTY, "shop/a/logs.txt": logs}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    assert [str(each) for each in load([folder]).objects] == ["Node oak"]
