"""The same objects accepted and refused as by a real API server. Needs ``--corpus DIR``.

``--update-golden`` writes the table of ``docs/reference/api-agreement.md``.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kubelogic.apiserver.admission import ADMISSION_READS
from kubelogic.apiserver.loading import load_state
from kubelogic.cluster import Cluster
from kubelogic.cluster.objects import as_object
from kubelogic.facts.modules import kinds_read
from kubelogic.kinds.table import NOT_SERVED, lookup
from kubelogic.kinds.validation import admit
from kubelogic.text import documents, sources
from kubelogic.text.documents import Item
from kubelogic.text.location import Fault
from kubelogic.text.sources import Source

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "api-agreement.md"
SAME_NAME = "the recording met an object of this name already; two of one name are refused when they are loaded"
KNOWN = {
    ("kubernetes-examples/_archived/openshift-origin/etcd-controller.yaml", "Deployment"): (
        "stricter on purpose: a key that is there twice is a fault, also where the usual client takes the last one"
    ),
    ("e07-duplicate-objects.yaml", "same"): SAME_NAME,
    ("e10-cluster-scoped-with-namespace.yaml", "in-no-such-namespace"): (
        "laxer on purpose: manifests are written for namespaces that exist"
    ),
    ("y06-anchors-and-merge.yaml", "*"): (
        "laxer on purpose: a merge key whose content is overridden is no repetition, as for the usual client"
    ),
}
"""Differences that are meant, by file and by the object's name or kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What was recorded for one object, and what we say."""

    file: str
    api_version: str
    kind: str
    name: str
    recorded: str
    ours: str
    because: str

    @property
    def agrees(self) -> bool:
        return self.recorded == self.ours

    @property
    def known(self) -> tuple[str, str] | None:
        """The entry of KNOWN that speaks of this object."""
        for which in (self.name, self.kind, "*"):
            if (self.file, which) in KNOWN:
                return self.file, which
        return None

    def __str__(self) -> str:
        return f"{self.file}: {self.kind} {self.name}: {self.recorded}, but {self.ours} by us {self.because}"


def verdict(item: Item | None, faults: list[Fault]) -> tuple[str, str]:
    """Accepted, refused or kind not served, and the first reason."""
    if item is None:
        return "refused", str(faults[0]) if faults else "(not read)"
    document = item.document
    version = document["apiVersion"]
    if lookup(version, document["kind"]) is None or version.partition("/")[0] in NOT_SERVED:
        return "kind not served", ""  # by Kubernetes itself, as in the recording
    admission = admit(document)
    if admission.problems:
        return "refused", f"{admission.problems[0].path}: {admission.problems[0].message}"
    refused = load_state(Cluster.of([as_object(admission.document)])).refused if _is_named(admission.document) else ()
    return ("refused", refused[0][1].message) if refused else ("accepted", "")


def _is_named(document: Mapping[str, Any]) -> bool:
    return bool(document["metadata"].get("name"))


def read(path: Path) -> tuple[list[Item], list[Fault]]:
    faults: list[Fault] = []
    match sources.read(str(path), None):
        case Source() as source:
            items = list(documents.read(source, faults))
            doubled = {fault.object for fault in faults if fault.code == "KL101"}  # refused by strict validation
            return [item for item in items if item.title not in doubled], faults
        case Fault() as fault:
            return [], [fault]


def fits(item: Item, entry: dict[str, Any]) -> bool:
    """Whether a recorded answer is about an object (long names were shortened)."""
    meta = item.document.get("metadata")
    name = (meta.get("name") if isinstance(meta, dict) else "") or ""
    wanted = str(entry.get("name") or "")
    same = name.startswith(wanted.rstrip("…")) if wanted.endswith("…") else name == wanted
    return item.document["kind"] == entry.get("kind") and (same or (not name and wanted == "generateName"))


def answers_of(path: Path, file: str, entries: list[dict[str, Any]], key: str) -> Iterator[Status]:
    items, faults = read(path)
    left = list(items)
    for entry in entries:
        if str(entry.get("kind", "")).endswith("List") or not entry.get("kind"):
            continue  # judged by what is in them, or by the reader
        item = next((item for item in left if fits(item, entry)), None)
        if item is not None:
            left.remove(item)
        elif not entry.get("apiVersion") and entry[key] == "kind not served":
            continue  # no usable envelope: the reader's tests have these
        ours, because = verdict(item, faults)
        yield Status(
            file=file,
            api_version=str(entry.get("apiVersion") or (item.document["apiVersion"] if item else "")),
            kind=str(entry["kind"]),
            name=str(entry.get("name") or ""),
            recorded=entry[key],
            ours=ours,
            because=because,
        )


@cache
def real(corpus: Path) -> tuple[Status, ...]:
    recorded = json.loads((corpus / "manifests-api-answers.json").read_text())["files"]
    return tuple(
        answer
        for file, entries in sorted(recorded.items())
        for answer in answers_of(corpus / "manifests" / file, file, entries, "answer")
    )


@cache
def broken(corpus: Path) -> tuple[Status, ...]:
    recorded = json.loads((corpus / "broken" / "expected.json").read_text())["files"]
    return tuple(
        answer
        for file, found in sorted(recorded.items())
        for answer in answers_of(corpus / "broken" / file, file, found["documents"], "strict")
    )


def table(answers: tuple[Status, ...]) -> list[str]:
    """Rows per kind: how many, how many refused by the API server, how many alike."""
    rows: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    unserved: Counter[str] = Counter()
    for answer in answers:
        counts = unserved if answer.recorded == "kind not served" else rows[answer.kind, answer.api_version]
        counts["all"] += 1
        counts["refused"] += answer.recorded == "refused"
        counts["alike"] += answer.agrees
    lines = ["| kind | rules read it | objects | refused | same answer |", "| --- | --- | ---: | ---: | ---: |"]
    for (kind, version), counts in sorted(rows.items()):
        read_by = "yes" if kind in kinds_read() | ADMISSION_READS else "no"
        numbers = " | ".join(str(counts[column]) for column in ("all", "refused", "alike"))
        lines.append(f"| {kind} ({version or 'unreadable'}) | {read_by} | {numbers} |")
    lines.append(f"| kinds that are not served | no | {unserved['all']} | | {unserved['alike']} |")
    alike = sum(answer.agrees for answer in answers)
    return [*lines, f"| **all** | | {len(answers)} | {_refused(answers)} | {alike} |"]


def _refused(answers: tuple[Status, ...]) -> int:
    return sum(answer.recorded == "refused" for answer in answers)


def quantity_rows(corpus: Path) -> list[tuple[str, str, str]]:
    """Name, recorded and own form of each quantity that the API server gives back."""
    recorded = json.loads((corpus / "broken" / "expected.json").read_text())["files"]
    rows = []
    for file, found in sorted(recorded.items()):
        by_name = {entry["name"]: entry["reads_as"] for entry in found["documents"] if "reads_as" in entry}
        items = read(corpus / "broken" / file)[0] if by_name else []
        for item in items:
            name = item.document["metadata"]["name"]
            if name in by_name:
                requests = admit(item.document).document["spec"]["containers"][0]["resources"]["requests"]
                rows.append((name, by_name[name], next(iter(requests.values()))))
    return rows


def page(corpus: Path) -> str:
    """The page of the reference."""
    parts = [(corpus / "manifests-api-answers.json"), (corpus / "broken" / "expected.json")]
    digest = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:16]
    every = (*real(corpus), *broken(corpus))
    differing = sorted({(answer.known, answer.recorded, answer.ours) for answer in every if not answer.agrees})
    return "\n".join(
        [
            "# Agreement with the API server",
            "",
            "What kube-apiserver 1.36.0 (server-side dry run, strict field validation, an IPv4 cluster) answered to",
            "each object of a corpus, and whether kubelogic gives the same answer: accepted, refused, or kind not",
            f"served. Written by `pytest tests/conformance --corpus DIR --update-golden`; recording {digest}.",
            "",
            "## Manifests of 20 projects",
            "",
            *table(real(corpus)),
            "",
            "## Malformed and hostile objects",
            "",
            *table(broken(corpus)),
            "",
            "## Differences",
            "",
            "| file | object | API server | kubelogic | why |",
            "| --- | --- | --- | --- | --- |",
            *(
                f"| {known[0]} | {known[1]} | {recorded} | {ours} | {KNOWN[known]} |"
                for known, recorded, ours in differing
                if known is not None
            ),
            "",
        ]
    )


@pytest.mark.parametrize("part", [real, broken], ids=["manifests", "broken"])
def test_the_answers_are_those_of_the_api_server(corpus: Path, part: Any, capsys: pytest.CaptureFixture[str]) -> None:
    answers = part(corpus)
    with capsys.disabled():
        print("", *table(answers), sep="\n")
    unknown = [str(answer) for answer in answers if not answer.agrees and answer.known is None]
    assert not unknown, "\n".join(unknown)


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(known, id=f"{known[0].rpartition('/')[2]}-{known[1]}", marks=pytest.mark.xfail(reason=reason))
        for known, reason in sorted(KNOWN.items())
    ],
)
def test_known_differences(corpus: Path, known: tuple[str, str]) -> None:
    about = [answer for answer in (*real(corpus), *broken(corpus)) if answer.known == known]
    if not about:
        pytest.skip("not in this corpus")
    assert all(answer.agrees for answer in about)


def test_quantities_are_given_back_as_by_the_api_server(corpus: Path) -> None:
    rows = quantity_rows(corpus)
    assert rows
    assert [(name, ours) for name, _, ours in rows] == [(name, recorded) for name, recorded, _ in rows]


def test_the_page_of_the_reference_is_current(corpus: Path, update_golden: bool) -> None:
    text = page(corpus)
    if update_golden:
        REFERENCE.write_text(text, encoding="utf-8")
    written = REFERENCE.read_text(encoding="utf-8")
    recording = written.partition("recording ")[2][:16]
    if recording in text:
        assert written == text
