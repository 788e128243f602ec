"""Real and broken manifests of other people, read file by file. Needs ``--corpus DIR``."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest

from kubelogic.apiserver.reading import load
from kubelogic.text import Fault, InputError

GOLDEN = Path(__file__).parents[1] / "golden" / "broken"
LONGEST = 10.0
"""Seconds that one file may take."""
LARGEST = 600_000
"""Kilobytes by which one file may raise the memory in use."""


def said(path: Path, root: Path) -> str:
    """What reading a file says: its faults with their source lines, or its objects and notices."""
    try:
        reading = load([path])
    except InputError as error:
        text = "".join(shown(fault) for fault in error.faults)
    else:
        text = "".join(f"read {obj}\n" for obj in reading.objects)
        text += "".join(f"{notice} x{notice.count}\n" for notice in reading.notices)
    return text.replace(f"{root}/", "")


def shown(fault: Fault) -> str:
    about = f" ({fault.object})" if fault.object else ""
    text = f"{fault}{about}\n"
    if fault.excerpt and len(fault.excerpt) <= 120:
        text += f"  | {fault.excerpt}\n  | {' ' * (fault.caret - 1)}^\n"
    return text


def test_broken_files_are_explained(broken_file: Path, update_golden: bool) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    text = said(broken_file, broken_file.parent)
    assert time.perf_counter() - started < LONGEST
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < LARGEST
    golden = GOLDEN / f"{broken_file.name}.txt"
    if update_golden:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_every_fault_of_a_broken_file_has_a_place(broken_file: Path) -> None:
    for fault in faults_of(broken_file):
        assert fault.location.file == str(broken_file)
        if fault.code != "KL105":
            assert fault.location.line > 0
            assert fault.location.column > 0


def faults_of(path: Path) -> tuple[Fault, ...]:
    try:
        load([path])
    except InputError as error:
        return error.faults
    return ()


def test_real_files_are_read_or_refused_with_places(manifest_file: Path) -> None:
    started = time.perf_counter()
    faults = faults_of(manifest_file)
    assert time.perf_counter() - started < LONGEST
    assert all(fault.location.line for fault in faults)
    if faults:
        return
    reading = load([manifest_file])
    assert reading.objects or reading.notices
    for obj in reading.objects:
        if obj.origin is None:
            assert obj.document["metadata"].get("ownerReferences") or obj.kind == "Service"  # an operator made it
            continue
        location = obj.origin.locate(("kind",))
        line, caret = obj.origin.excerpt(location)
        assert line[caret - 1 :].lstrip("\"'").startswith(str(obj.document["kind"]))


def test_all_broken_files_together_say_all_at_once(corpus: Path) -> None:
    with pytest.raises(InputError) as caught:
        load([corpus / "broken"], strict=True)
    files = {Path(fault.location.file).name for fault in caught.value.faults}
    assert {"y01-unclosed-quote.yaml", "y04-duplicate-keys.yaml", "e04-unknown-kinds.yaml"} <= files
    assert list(caught.value.faults) == sorted(caught.value.faults)
