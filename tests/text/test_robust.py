"""Whatever the bytes are, reading ends soon, with objects or with an InputError whose faults have places."""

from __future__ import annotations

import time
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from kubelogic.apiserver.reading import Reading, load
from kubelogic.text import InputError

FOLDER = Path(__file__).parent / "malformed"
SMALL = [path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix != ".txt" and path.stat().st_size < 2000]
POD = b"""\
apiVersion: v1
kind: List
items:
- &pod
  apiVersion: v1
  kind: Pod
  metadata: {name: a, labels: &l {x: "1"}}
  spec:
    containers:
    - {name: c, image: x, resources: {requests: {cpu: 100m, memory: 1Gi}}}
- <<: *pod
  metadata: {name: b, labels: *l}
"""
JSON = b"""\
{"apiVersion": "v1", "kind": "PodList",
 "items": [{"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c"}]}}]}
"""
TOKENS = [
    b"---\n", b"...\n", b"{", b"}", b"[", b"]", b": ", b"- ", b"&a ", b"*a", b"<<: *l\n", b"!!int ", b"? ", b"%", b"\t",
    b'"', b"'", b"|\n", b"null", b"\x00", b"\xff", b"\xc3", b"items: ", b"kind: List\n", b'"items":', b",", b"\\",
    b"\r", b"\xef\xbb\xbf", b"#", b"~", b".nan", b"metadata: ", b"\xe2\x80\xa8", b"1e999", b"-", b"\n",
]  # fmt: skip
EDITS = st.tuples(st.integers(0, 600), st.integers(0, 20), st.sampled_from(TOKENS) | st.binary(max_size=3))


def reading_of(data: bytes) -> Reading | InputError:
    try:
        return load(["-"], stdin=data)
    except InputError as error:
        return error


@given(st.sampled_from([*SMALL, POD, POD, JSON, JSON]), st.lists(EDITS, max_size=5))
@settings(max_examples=400)
def test_edited_manifests_never_break_the_reader(data: bytes, edits: list[tuple[int, int, bytes]]) -> None:
    for place, length, text in edits:
        at = place % (len(data) + 1)
        data = data[:at] + text + data[at + length :]
    started = time.perf_counter()
    read = reading_of(data)
    assert time.perf_counter() - started < 5
    if isinstance(read, InputError):
        assert read.faults
        assert all(fault.location.line or fault.code == "KL105" for fault in read.faults)
        return
    breaks = sum(map(data.count, (b"\n", b"\r", "\u2028".encode(), b"\xc2\x85")))
    for obj in read.objects:
        assert obj.origin is not None
        location = obj.origin.locate(("metadata", "name"))
        assert 1 <= location.line <= breaks + 1


@given(st.binary(max_size=200))
def test_any_bytes_at_all(data: bytes) -> None:
    assert str(reading_of(data))
