"""Pods that are resized in place: what is said of them, and when nothing is."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.cluster import Cluster, Object
from kubelogic.facts import MODULES, FactBase
from kubelogic.facts.resizes import given

CPU = {"cpu": "500m"}
REFUSED: dict[str, Any] = {"conditions": [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}]}


def spec(requests: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"containers": [{"name": "c", "resources": {"requests": requests}}], **more}


def status(requests: dict[str, Any], allocated: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    container = {"name": "c", "resources": {"requests": requests}, "allocatedResources": allocated or {}}
    return {"containerStatuses": [container], **more}


@pytest.mark.parametrize(
    "reported",
    [
        {},
        {"containerStatuses": [{"name": "c", "allocatedResources": {"cpu": 2}}]},
        status(CPU),
        status(CPU, CPU),
        status({"cpu": "0.5"}),
        status({"cpu": "100m"}),
        {"initContainerStatuses": status({"cpu": 2})["containerStatuses"][:0]},
        status(CPU, CPU, **REFUSED),
        {"resources": {"requests": {"cpu": 2}}},
    ],
)
def test_nothing_is_said_of_a_pod_that_counts_with_what_it_asks_for(reported: dict[str, Any]) -> None:
    assert given(spec(CPU), reported) == ()


def test_a_limit_is_asked_for_too() -> None:
    limited = {"containers": [{"name": "c", "resources": {"limits": {"cpu": "1"}}}]}
    assert given(limited, status({"cpu": 1})) == ()


@pytest.mark.parametrize(
    ("asked", "reported", "facts"),
    [
        (CPU, status({"cpu": 1}), [("container_given", ("main-0", "cpu", 1000))]),
        (
            CPU,
            status({"cpu": 1}, {"cpu": 2}),
            [("container_given", ("main-0", "cpu", 1000)), ("container_given", ("main-0", "cpu", 2000))],
        ),
        (CPU, status({"memory": 1}), [("container_given", ("main-0", "memory", 1))]),
        (
            {"cpu": 4},
            status(CPU, **REFUSED),
            [("container_resize_refused", ("main-0",)), ("container_given", ("main-0", "cpu", 500))],
        ),
    ],
)
def test_what_a_container_has_counts_where_it_differs(
    asked: dict[str, Any], reported: dict[str, Any], facts: list[Any]
) -> None:
    assert list(given(spec(asked), reported)) == facts


def test_only_sidecars_among_init_containers_are_resized() -> None:
    inits = [
        {"name": "s", "restartPolicy": "Always", "resources": {"requests": CPU}},
        {"name": "i", "resources": {"requests": CPU}},
    ]
    reported = [{"name": name, "resources": {"requests": {"cpu": 2}}} for name in ("s", "i")]
    found = given(spec(CPU, initContainers=inits), {"initContainerStatuses": reported})
    assert list(found) == [("container_given", ("sidecar-0", "cpu", 2000))]


def test_a_pod_as_a_whole_has_only_what_it_asks_for_as_a_whole() -> None:
    whole = spec({}, resources={"requests": {"cpu": 1}})
    assert list(given(whole, {"resources": {"requests": {"cpu": 2, "memory": 5}}})) == [
        ("shape_level_given", ("cpu", 2000))
    ]
    assert list(given(whole, {"resources": {}, **REFUSED})) == [
        ("shape_resize_refused", ()),
        ("shape_level_given", ("cpu", 0)),
    ]


def pod(name: str, reported: dict[str, Any]) -> Object:
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "d"},
        "spec": {**spec(CPU), "nodeName": "n"},
        "status": {"phase": "Running", **reported},
    }
    return Object(api_version="v1", kind="Pod", namespace="d", name=name, document=document)


def test_pods_share_their_shape_until_one_has_something_else_and_again_afterwards() -> None:
    base = FactBase(MODULES)
    base.update(Cluster.of([pod("a", {}), pod("b", {})]))
    shapes = [{"d/a": "d/a", "d/b": "d/a"}]
    for reported in (status(CPU), status({"cpu": 1}), status({"cpu": 1}, phase="Failed"), {}):
        delta = base.update(base.cluster.replacing([pod("b", reported)]))
        gone = {str(name) for name, _ in delta.removed.get("pod_shape", ())}
        kept = {name: shape for name, shape in shapes[-1].items() if name not in gone}
        shapes.append(kept | {str(name): str(shape) for name, shape in delta.added.get("pod_shape", ())})
    assert [found["d/b"] for found in shapes] == ["d/a", "d/a", "d/b", "d/b", "d/a"]
