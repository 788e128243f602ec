"""Files that are written as a whole, and what is never replaced by one."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from kubelogic.text.writing import write_whole


def test_a_file_is_replaced_as_a_whole_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    place = tmp_path / ("n" * 250)
    write_whole(place, b"one")
    write_whole(str(place), b"two")
    assert place.read_bytes() == b"two"
    assert place.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [place]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    link = tmp_path / "link"
    link.symlink_to("below/file")
    write_whole(link, b"new")
    write_whole(link, b"newer")
    assert link.is_symlink()
    assert (tmp_path / "below" / "file").read_bytes() == b"newer"


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"x" * 200_000)
    reader.join()
    assert read == [b"x" * 200_000]
    assert pipe.is_fifo()


def test_a_device_is_never_replaced() -> None:
    with pytest.raises(OSError, match="No space left on device"):
        write_whole("/dev/full", b"x")
    assert Path("/dev/full").is_char_device()
    write_whole("/dev/null", b"x")
    assert Path("/dev/null").is_char_device()


def test_what_cannot_be_written_leaves_nothing_behind_and_says_what_was_meant(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in (tmp_path / "folder", tmp_path / "none" / "file"):
        with pytest.raises(OSError, match=r"directory|folder") as caught:
            write_whole(name, b"x")
        assert caught.value.filename == str(name)
    assert os.listdir(tmp_path) == ["folder"]  # noqa: PTH208
