"""All fact modules together, over the clusters of the recorded scheduling cases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubelogic.cluster import Cluster, Object
from kubelogic.facts import MODULES, FactBase, Row
from kubelogic.logic import Rulebook

ROOT = Path(__file__).parents[2]
CASES = sorted((ROOT / "fixtures/conformance/scheduling").glob("*.json"))


def as_object(document: dict[str, object]) -> Object:
    metadata = document["metadata"]
    assert isinstance(metadata, dict)
    return Object(
        api_version=str(document["apiVersion"]),
        kind=str(document["kind"]),
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        document=document,
    )


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return Rulebook.read([ROOT / "rules"])


@pytest.mark.parametrize("path", CASES[::7], ids=lambda path: path.stem)
def test_every_fact_is_declared_and_goes_with_its_objects(path: Path, rulebook: Rulebook) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    base = FactBase(MODULES)
    state: dict[str, set[Row]] = {}
    cluster = Cluster()
    for document in [*case["objects"], *case["pods"]]:
        cluster = cluster.replacing([as_object(document)])
        delta = base.update(cluster)
        for name, rows in delta.removed.items():
            assert state[name] >= set(rows)
            state[name] -= set(rows)
        for name, rows in delta.added.items():
            assert {len(row) for row in rows} == {rulebook.declarations[name].arity}
            assert not state.setdefault(name, set()) & set(rows)
            state[name] |= set(rows)
    once = FactBase(MODULES).update(cluster)
    assert {name: len(rows) for name, rows in state.items() if rows} == {
        name: len(rows) for name, rows in once.added.items()
    }
    gone = base.update(Cluster())
    assert {name: set(rows) for name, rows in gone.removed.items()} == {n: rows for n, rows in state.items() if rows}
    assert not gone.added
