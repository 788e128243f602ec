"""Every fact has a place: each is traced to an object that gives it, and to fields of it that are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.objects import as_object
from kubelogic.facts import FactBase, FactModule, Row, World, modules_for
from kubelogic.facts.base import Fact, Value
from kubelogic.facts.places import CONTEXT, Places
from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.facts.tracing import decided, extant
from kubelogic.verbs.load import load
from kubelogic.verbs.reconciled import Options, begin, reconcile

FIXTURES = Path(__file__).parents[2] / "fixtures"
OF_RULES = frozenset({"node_label_mentioned", "topology_key"})
"""Facts that may come from what a rule mentions, and from no object."""


def traced(cluster: Cluster, modules: Iterable[FactModule], most: int) -> tuple[Places, dict[str, list[Row]]]:
    given = list(modules)
    added = FactBase(given).update(cluster).added

    def rows(predicate: str, known: Mapping[int, Value]) -> list[Row]:
        return [row for row in added.get(predicate, ()) if all(row[i] == value for i, value in known.items())]

    chosen = {name: list(found)[:most] for name, found in sorted(added.items())}
    return Places(World(cluster=cluster, rows=rows), given), chosen


def check(cluster: Cluster, most: int) -> set[str]:
    rulebook = builtin_rulebook()
    places, facts = traced(cluster, modules_for(rulebook), most)
    for predicate, rows in facts.items():
        for row in rows:
            sources = places.of((predicate, row))
            assert sources or predicate in OF_RULES, f"{predicate}{row} has no place: say in its module what is traced"
            for source in sources:
                for path in source.decided.paths:
                    there = path if source.decided.stated else path[:-1]
                    assert extant(source.obj.document, there) == there, (predicate, row, path)
                    assert source.decided.stated or extant(source.obj.document, path) != path or not path
    return set(facts)


def test_every_fact_of_a_cluster_has_a_place() -> None:
    cluster = begin(load([FIXTURES / "places"]), builtin_rulebook())[0].cluster
    assert len(check(cluster, most=1)) > 110


@pytest.mark.slow
@pytest.mark.parametrize("name", ["places", "shop", "scenarios/cluster.yaml", "worlds", "moves/cluster.yaml"])
def test_every_fact_has_a_place(name: str) -> None:
    cluster = load([FIXTURES / name])
    check(cluster, most=4)
    check(reconcile(cluster, Options()).run.state.cluster, most=4)


def test_context_is_declared() -> None:
    assert set(CONTEXT) <= set(builtin_rulebook().declarations)


def thing(**document: object) -> Object:
    return Object(api_version="v1", kind="Thing", namespace="", name="a", document=document)


def numbers(obj: Object) -> Iterable[tuple[str, Row]]:
    spec = obj.document["spec"]
    yield "total", ("a", sum(int(each["cpu"]) for each in spec["items"]))
    for index, item in enumerate(spec["items"]):
        yield "item", ("a", index)
        yield "cpu", ("a", item["cpu"])
    if not spec.get("paused"):
        yield "runs", ("a",)
    if "quiet" in spec:
        yield "quiet", ("a",)
    yield "share", ("a", -(-int(spec["part"].removesuffix("%")) * spec["of"] // 100))
    yield "thing", ("a",)


SPEC = {"items": [{"cpu": "1"}, {"cpu": "1"}, {"cpu": "2"}], "quiet": "", "part": "10%", "of": 2}


@pytest.mark.parametrize(
    ("fact", "paths"),
    [
        (("cpu", ("a", "2")), [("spec", "items", 2, "cpu")]),
        (("total", ("a", 4)), [("spec", "items", i, "cpu") for i in range(3)]),
        (("item", ("a", 1)), [("spec", "items", 1)]),
        (("cpu", ("a", "1")), [("spec", "items", 0, "cpu"), ("spec", "items", 1, "cpu")]),
        (("runs", ("a",)), [("spec", "paused")]),
        (("quiet", ("a",)), [("spec", "quiet")]),
        (("share", ("a", 1)), [("spec", "part"), ("spec", "of")]),
        (("thing", ("a",)), [()]),
    ],
)
def test_deciding_fields(fact: tuple[str, Row], paths: list[tuple[str | int, ...]]) -> None:
    """Alike values, sums, positions, presence, absence, percentages that are rounded, and mere existence."""
    found = decided(numbers, thing(spec=SPEC), fact)
    assert found is not None
    assert list(found.paths) == paths
    assert found.stated == (fact[0] not in {"runs", "thing"})


def test_a_fact_that_an_object_does_not_give() -> None:
    assert decided(numbers, thing(spec=SPEC), ("cpu", ("a", "9"))) is None


def test_an_absent_field_is_found_among_a_list_of_many() -> None:
    tried = 0

    def extract(obj: Object) -> Iterator[Fact]:
        nonlocal tried
        tried += 1
        spec: Mapping[str, Any] = obj.document["spec"]
        is_open = not spec.get("ports")
        if all(not each.get("except") for each in spec["from"]) and is_open:
            yield "open", (obj.key,)

    blocks = [{"cidr": f"10.0.{number}.0/24"} for number in range(300)]
    policy = as_object({"apiVersion": "v1", "kind": "List", "metadata": {"name": "a"}, "spec": {"from": blocks}})
    found = decided(extract, policy, ("open", (policy.key,)))
    assert found is not None
    assert not found.stated
    assert tried < 2_000  # each absent field of each block would be 3,000


def test_one_of_very_many_parts_is_found_in_few_readings() -> None:
    asked = 0

    def extract(obj: Object) -> Iterator[Fact]:
        nonlocal asked
        asked += 1
        for each in obj.document["spec"]["blocks"]:
            yield "block", (str(each.get("cidr")),)

    blocks = [{"cidr": f"10.{number // 256}.{number % 256}.0/24"} for number in range(2000)]
    found = decided(extract, thing(spec={"blocks": blocks}), ("block", ("10.5.7.0/24",)))
    assert found is not None
    assert found.paths == (("spec", "blocks", 5 * 256 + 7, "cidr"),)
    assert asked < 200
