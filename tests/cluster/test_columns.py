"""What is got of many objects at once is what stands in each."""

from __future__ import annotations

import random
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.columns import Columns


def _object(name: str, **sections: Any) -> Object:
    return Object(api_version="v1", kind="Pod", namespace="d", name=name, document=sections)


def test_values_are_those_of_each_object() -> None:
    dice = random.Random(3)
    for _ in range(50):
        chosen = ({name: dice.choice((0, "x", None)) for name in "abc" if dice.random() < 0.6} for _ in range(4))
        objects = [_object(str(number), **({"spec": spec} if spec else {})) for number, spec in enumerate(chosen)]
        specs: list[dict[str, Any]] = [obj.document.get("spec", {}) for obj in objects]
        columns = Columns(objects)
        assert columns.fields("spec") == {name for spec in specs for name in spec}
        for name in "abcd":
            there = any(name in spec for spec in specs)
            assert list(columns.values(f"spec.{name}")) == ([spec.get(name) for spec in specs] if there else [])
            having = [(obj, spec[name]) for obj, spec in zip(objects, specs, strict=True) if spec.get(name)]
            assert columns.having(f"spec.{name}") == having


def test_columns_are_kept_while_no_object_of_the_kind_changes() -> None:
    node = Object(api_version="v1", kind="Node", namespace="", name="n", document={"spec": {"a": 1}})
    first = Cluster.of([_object("1", spec={"a": 1}), node])
    pods, nodes = first.columns("Pod"), first.columns("Node")
    changed, gone = first.replacing([_object("1", spec={"a": 2})]), first.replacing(without=[("Pod", "d/1")])
    assert changed.columns("Pod").values("spec.a") == [2]
    assert changed.columns("Node") is nodes
    assert gone.columns("Pod").values("spec.a") == ()
    assert first.columns("Pod") is pods
    assert first.with_unread(frozenset({"Secret"})).columns("Pod") is pods
