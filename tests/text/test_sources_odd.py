"""What is named but is no readable file: told with its path, never opened, never skipped in silence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kubelogic.apiserver.reading import load
from kubelogic.text.location import InputError

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: 'web:1'}]}\n"


def fault(*paths: object) -> str:
    with pytest.raises(InputError) as caught:
        load([str(path) for path in paths])
    return str(caught.value)


def test_pipes_and_devices_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.yaml")
    assert fault(tmp_path) == f"{tmp_path}/p.yaml: cannot be read: it is a pipe, not a file [KL105]"
    assert fault(tmp_path / "p.yaml") == f"{tmp_path}/p.yaml: cannot be read: it is a pipe, not a file [KL105]"
    assert fault("/dev/zero") == "/dev/zero: cannot be read: it is a device, not a file [KL105]"


def test_a_file_that_changes_while_it_is_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(POD)
    real = os.fstat

    def cut_afterwards(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        path.write_text(POD[:20])
        return found

    monkeypatch.setattr(os, "fstat", cut_afterwards)
    assert fault(path) == f"{path}: cannot be read: it was changed while it was read; try again [KL105]"


def test_links_that_lead_nowhere_and_names_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nothing")
    (tmp_path / "web.yaml").write_text(POD)
    assert fault(tmp_path) == f"{tmp_path}/gone.yaml: cannot be read: no such file or directory [KL105]"
    assert fault("") == "'': cannot be read: the name is empty [KL105]"
    assert "embedded null byte" in fault("a\0b")
    assert "name too long" in fault("a" * 5000)


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "web.yaml").write_text(POD)
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "link").symlink_to(tmp_path / "base")
    (tmp_path / "top" / "loop").symlink_to(tmp_path / "top")
    (tmp_path / "top" / "x.yaml").mkdir()
    assert [each.name for each in load([tmp_path / "top"]).objects] == ["web"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser reads everything")
def test_folders_that_are_closed(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(POD)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    assert fault(tmp_path) == f"{closed}: cannot be read: permission denied [KL105]"


def test_what_a_shell_has_opened_already_is_read(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(POD)
    root = Path(__file__).resolve().parents[2]
    found = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m kubelogic query "pod_phase(P, _)" <(cat {tmp_path}/web.yaml)'],
        capture_output=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert b"default/web" in found.stdout, found.stderr
