"""Containers wait as the kubelet has it for ConfigMaps, Secrets and keys that are known not to be there."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.api import load, simulate
from kubelogic.kinds.pools import node_documents, parse
from kubelogic.reconcile.scenario import Apply, Event, Scenario
from kubelogic.verbs.simulate import Simulation, SimulationOptions

Document = dict[str, Any]
NEW = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
ROOT_CA = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "kube-root-ca.crt", "namespace": "shop", "uid": "r"},
}


def pod(*, optional: bool = False, **spec: Any) -> Document:
    container = {"name": "app", "image": "app:1", **spec.pop("container", {})}
    metadata = {"name": "a", "namespace": "shop"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], **spec}}


def env(kind: str, name: str, key: str = "", **more: Any) -> Document:
    if key:
        source = {f"{kind}KeyRef": {"name": name, "key": key, **more}}
        return {"container": {"env": [{"name": "X", "valueFrom": source}]}}
    return {"container": {"envFrom": [{f"{kind}Ref": {"name": name, **more}}]}}


def config(name: str, kind: str = "ConfigMap", **data: str) -> Document:
    metadata = {"name": name, "namespace": "shop"}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "stringData" if kind == "Secret" else "data": data}


def run(*objects: Document, later: Document | None = None) -> Simulation:
    pool, _ = parse("1:2cpu:4Gi")
    assert pool is not None
    cluster = load([*node_documents([pool]), *objects])
    events = ()
    if later is not None:
        events = (Event(at=60_000, operation=Apply(objects=tuple(load(later).objects(later["kind"]).values()))),)
    return simulate(cluster, Scenario(events=events, horizon=600_000), SimulationOptions())


def waits(found: Simulation) -> list[tuple[str, str]]:
    return [(each.reason, each.message) for each in found.final.troubles]


@pytest.mark.parametrize(
    ("given", "reason", "message"),
    [
        (pod(**env("configMap", "c")), "CreateContainerConfigError", 'configmap "c" not found'),
        (pod(**env("secret", "s", "k")), "CreateContainerConfigError", 'secret "s" not found'),
        (
            pod(**env("configMap", "there", "none")),
            "CreateContainerConfigError",
            "couldn't find key none in ConfigMap shop/there",
        ),
        (pod(volumes=[{"name": "v", "secret": {"secretName": "s"}}]), "FailedMount", 'secret "s" not found'),
        (
            pod(volumes=[{"name": "v", "projected": {"sources": [{"configMap": {"name": "c"}}]}}]),
            "FailedMount",
            'configmap "c" not found',
        ),
        (
            pod(volumes=[{"name": "v", "configMap": {"name": "there", "items": [{"key": "no", "path": "p"}]}}]),
            "FailedMount",
            "references non-existent config key: no",
        ),
        (
            pod(initContainers=[{"name": "first", "image": "i", **env("configMap", "c")["container"]}]),
            "CreateContainerConfigError",
            'configmap "c" not found',
        ),
    ],
)
def test_what_is_known_to_be_missing(given: Document, reason: str, message: str) -> None:
    assert waits(run(NEW, config("there", a="1"), given)) == [(reason, message)]


@pytest.mark.parametrize(
    "objects",
    [
        (NEW, pod(**env("configMap", "c", optional=True))),
        (NEW, pod(**env("secret", "s", "k", optional=True))),
        (NEW, pod(volumes=[{"name": "v", "configMap": {"name": "c", "optional": True}}])),
        (NEW, pod(volumes=[{"name": "v", "configMap": {"name": "kube-root-ca.crt"}}])),
        (NEW, pod(imagePullSecrets=[{"name": "s"}])),
        (NEW, config("c", k="1"), pod(**env("configMap", "c", "k"))),
        (NEW, config("s", "Secret", k="1"), pod(**env("secret", "s", "k"))),
        (pod(**env("configMap", "c")),),
        (ROOT_CA, pod(**env("secret", "s"))),
    ],
    ids=[
        "optional",
        "optional key",
        "optional volume",
        "root CA",
        "pull secret",
        "key",
        "secret",
        "unknown",
        "secrets",
    ],
)
def test_what_is_optional_or_there_or_not_known(objects: tuple[Document, ...]) -> None:
    assert waits(run(*objects)) == []


def test_all_config_maps_are_known_where_the_one_of_every_namespace_was_printed() -> None:
    assert waits(run(ROOT_CA, pod(**env("configMap", "c")))) == [
        ("CreateContainerConfigError", 'configmap "c" not found')
    ]


@pytest.mark.parametrize(
    "given", [pod(**env("configMap", "c", "k")), pod(volumes=[{"name": "v", "configMap": {"name": "c"}}])]
)
def test_it_starts_once_the_reference_is_there(given: Document) -> None:
    found = run(NEW, given, later=config("c", k="1"))
    assert waits(found) == []
    started = [each.time for each in found.run.timeline if each.type == "StartContainer"]
    assert [moment >= 60_000 for moment in started] == [True]
