"""The same objects are accepted and refused as by a real API server of Kubernetes 1.36. Needs ``--corpus DIR``.

Its answers were recorded as server-side dry runs with strict field validation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubelogic.apiserver.loading import load_state
from kubelogic.apiserver.operators import operator_of
from kubelogic.apiserver.reading import Reading, load
from kubelogic.cluster import Cluster
from kubelogic.kinds.table import GROUPS, NOT_SERVED, lookup
from kubelogic.text import Fault, InputError

Identity = tuple[str, str]
"""Kind, and the first characters of the name (long names are cut in the recording)."""


def known(differences: Mapping[str, str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Mark the files for which a test is known to fail, each with the reason."""

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        test.differences = differences  # type: ignore[attr-defined]
        return test

    return mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a file: what was read of it, if anything, and who was refused."""

    read: Reading | None
    refused: frozenset[Identity]


def answer_to(path: Path) -> Answer:
    """Read a file and let the API server take its objects."""
    try:
        read = load([path], keep_going=True, strict=True)
    except InputError as error:
        return Answer(read=None, refused=frozenset(refused(error.faults)))
    loaded = load_state(Cluster.of(read.objects))
    by_door = {identity(obj.kind, obj.name) for obj, _ in loaded.refused}
    return Answer(read=read, refused=frozenset(refused(read.refused) | by_door))


def identity(kind: object, name: object) -> Identity:
    return str(kind), str(name or "")[:20].rstrip("…")


def refused(faults: tuple[Fault, ...]) -> set[Identity]:
    found = set()
    for fault in faults:
        kind, _, key = fault.object.partition(" ")
        found.add(identity(kind, key.rpartition("/")[2]))
    return found


def is_custom(answer: Mapping[str, Any]) -> bool:
    """Whether the kind is not served because its definition is missing."""
    group = str(answer["apiVersion"]).rpartition("/")[0]
    return answer["answer"] == "kind not served" and "." in group and group not in GROUPS - NOT_SERVED


def is_left_out(answer: Mapping[str, Any]) -> bool:
    """Whether an object is left out with a notice: nobody reads its kind."""
    version, kind = str(answer["apiVersion"]), str(answer["kind"])
    return is_custom(answer) and lookup(version, kind) is None and operator_of(version, kind) is None


@known(
    {
        "kubernetes-examples/_archived/openshift-origin/etcd-controller.yaml": "a key twice: refused on purpose (the "
        "recording sent JSON, in which the later one had won)",
        "kueue/site/static/examples/serving-workloads/sample-leaderworkerset-tas.yaml": "a request without a limit, "
        "for which the API server refuses the StatefulSet that is made of it",
    }
)
def test_real_objects(manifest_file: Path, corpus: Path) -> None:
    recorded = json.loads((corpus / "manifests-api-answers.json").read_text(encoding="utf-8"))["files"]
    answers = recorded[str(manifest_file.relative_to(corpus / "manifests"))]
    wrong = [answer for answer in answers if answer["answer"] != "accepted"]
    expected = {identity(answer["kind"], answer.get("name")) for answer in wrong if not is_custom(answer)}
    answer = answer_to(manifest_file)
    assert answer.refused == expected
    if answer.read is not None and not answer.refused:
        left_out = sum(notice.count for notice in answer.read.notices if notice.code == "KL108")
        assert left_out == sum(map(is_left_out, answers))


@known(
    {
        "y06-anchors-and-merge.yaml": "merged fields may be overridden, as every client allows",
        "e06-list-mixed.yaml": "kinds of unknown groups are left out with a notice",
        "e10-cluster-scoped-with-namespace.yaml": "namespaces need not exist: a plan starts from nothing",
    }
)
def test_broken_files(broken_file: Path, corpus: Path) -> None:
    recorded = json.loads((corpus / "broken" / "expected.json").read_text(encoding="utf-8"))["files"]
    documents = recorded[broken_file.name]["documents"]
    wrong = [document for document in documents if document.get("strict") != "accepted"]
    answer = answer_to(broken_file)
    assert (answer.read is not None and not answer.refused) == (not wrong and bool(documents))
    if answer.refused and broken_file.name.startswith("v"):
        assert len(answer.refused) == len(wrong)
        assert answer.refused >= {
            identity(document["kind"], document["name"]) for document in wrong if "name" in document
        }
