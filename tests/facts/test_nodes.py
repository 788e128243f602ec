"""Node classes: as few as the constraints of waiting pods allow."""

from __future__ import annotations

from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.facts import MODULES, FactBase, Row
from kubelogic.facts.base import Delta, Fact


def obj(kind: str, name: str, namespace: str = "", **document: Any) -> Object:
    metadata = {"name": name, "labels": document.pop("labels", {})}
    return Object(
        api_version="v1", kind=kind, namespace=namespace, name=name, document={"metadata": metadata, **document}
    )


def node(name: str, *, taints: list[dict[str, str]] | None = None, **labels: str) -> Object:
    return obj("Node", name, labels={"kubernetes.io/hostname": name, **labels}, spec={"taints": taints or []})


def pod(name: str, **spec: Any) -> Object:
    return obj("Pod", name, "d", spec={"containers": [], **spec}, status={})


def classes(base: FactBase, cluster: Cluster, before: dict[str, str]) -> dict[str, str]:
    delta = base.update(cluster)
    state = dict(before)
    for rows, put in ((delta.removed, False), (delta.added, True)):
        for name, node_class in rows.get("node_class", ()):
            if put:
                state[str(name)] = str(node_class)
            else:
                del state[str(name)]
    return state


def test_a_selector_on_one_host_name_makes_two_classes_and_they_join_again() -> None:
    base = FactBase(MODULES)
    cluster = Cluster.of([node(f"n{i}") for i in range(5)])
    found = classes(base, cluster, {})
    assert len(set(found.values())) == 1
    cluster = cluster.replacing([pod("a", nodeSelector={"kubernetes.io/hostname": "n3"})])
    found = classes(base, cluster, found)
    assert len(set(found.values())) == 2
    assert [name for name in found if list(found.values()).count(found[name]) == 1] == ["n3"]
    found = classes(base, cluster.replacing(without=[("Pod", "d/a")]), found)
    assert len(set(found.values())) == 1


def test_taints_and_cordons_tell_nodes_apart_and_running_pods_do_not() -> None:
    cordoned = obj("Node", "n3", spec={"unschedulable": True})
    tainted = node("n2", taints=[{"key": "k", "effect": "NoSchedule"}])
    bound = {"containers": [], "nodeName": "n1", "nodeSelector": {"kubernetes.io/hostname": "n1"}}
    running = obj("Pod", "a", "d", spec=bound, status={"phase": "Running"})
    found = classes(FactBase(MODULES), Cluster.of([node("n1"), node("n4"), tainted, cordoned, running]), {})
    assert found["n1"] == found["n4"]
    assert len({found["n1"], found["n2"], found["n3"]}) == 3


def test_numbers_are_kept_apart_only_where_they_are_compared() -> None:
    terms = [{"matchExpressions": [{"key": "cores", "operator": "Gt", "values": ["4"]}]}]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    nodes = [node("n1", cores="2", disk="a"), node("n2", cores="8", disk="b"), node("n3", cores="8", disk="c")]
    base = FactBase(MODULES)
    delta = base.update(Cluster.of([*nodes, pod("a", affinity=affinity)]))
    found = dict(delta.added["node_class"])
    assert found["n2"] == found["n3"] != found["n1"]
    rows: set[Row] = set(delta.added["class_number"])
    assert rows == {(found["n1"], "cores", 2), (found["n2"], "cores", 8)}


def test_local_volumes_in_use_do_not_split_nodes() -> None:
    def local(i: int) -> Object:
        terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [f"n{i}"]}]}]
        spec = {"storageClassName": "local", "nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}
        return obj("PersistentVolume", f"v{i}", spec=spec)

    nodes = [node(f"n{i}") for i in range(4)]
    bound = obj("PersistentVolumeClaim", "c", "d", spec={"volumeName": "v1", "storageClassName": "local"})
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]
    everything = Cluster.of([*nodes, *(local(i) for i in range(4)), bound])
    assert len(set(classes(FactBase(MODULES), everything, {}).values())) == 1
    found = classes(FactBase(MODULES), everything.replacing([pod("a", volumes=volumes)]), {})
    assert len(set(found.values())) == 2


def test_only_features_that_pods_may_need_make_classes() -> None:
    base = FactBase(MODULES)
    restart, other = "RestartAllContainersOnContainerExits", "InPlacePodLevelResourcesVerticalScaling"
    nodes = [
        obj("Node", f"n{number}", spec={}, status={"declaredFeatures": declared})
        for number, declared in enumerate([[], [other], [restart], [other, restart]])
    ]
    delta = base.update(Cluster.of(nodes))
    assert dict(delta.added["node_class"]) == {"n0": "n0", "n1": "n0", "n2": "n2", "n3": "n2"}
    assert list(delta.added["class_feature"]) == [("n2", restart)]


def test_classes_after_other_things_are_mentioned_are_those_of_a_new_look() -> None:
    images = {"status": {"images": [{"names": ["app:1"], "sizeBytes": 5}]}}
    nodes = [
        node("n1", disk="ssd"),
        node("n2", disk="hdd", cores="4"),
        node("n3"),
        obj("Node", "n4", labels={"cores": "8"}, **images),
    ]
    waiting = [
        pod("a", nodeSelector={"disk": "ssd"}),
        pod("b", affinity=at_least("cores", 6)),
        pod("c", containers=[{"name": "c", "image": "app:1"}], nodeName=""),
        pod("d", topologySpreadConstraints=[spread_over("disk")]),
    ]
    base, cluster = FactBase(MODULES), Cluster.of(nodes)
    kept = rows_after(base.update(cluster), frozenset())
    for number in range(1, 1 << len(waiting)):
        gray = number ^ (number >> 1)
        there = [each for place, each in enumerate(waiting) if gray >> place & 1]
        cluster = cluster.replacing(there, without=[("Pod", each.key) for each in waiting if each not in there])
        kept = rows_after(base.update(cluster), kept)
        assert kept == rows_after(FactBase(MODULES).update(cluster), frozenset()), [each.name for each in there]
    kept = rows_after(base.update(cluster.replacing(without=[("Node", "n1")])), kept)
    cluster = cluster.replacing([pod("e", nodeSelector={"nobody": "has"})], without=[("Node", "n1")])
    kept = rows_after(base.update(cluster), kept)
    assert kept == rows_after(FactBase(MODULES).update(cluster), frozenset())


def rows_after(delta: Delta, before: frozenset[Fact]) -> frozenset[Fact]:
    removed, added = (
        {(name, row) for name, rows in side.items() if name in OF_NODES for row in rows}
        for side in (delta.removed, delta.added)
    )
    assert removed <= before
    assert not added & before
    return (before - removed) | added


OF_NODES = frozenset(
    {
        "class_feature",
        "class_label",
        "class_number",
        "class_topology",
        "class_unschedulable",
        "is_node_class",
        "node_class",
        "node_image",
        "node_taint",
        "node_topology",
    }
)


def at_least(key: str, amount: int) -> dict[str, Any]:
    wanted = {"key": key, "operator": "Gt", "values": [str(amount - 1)]}
    terms = [{"matchExpressions": [wanted]}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


def spread_over(key: str) -> dict[str, Any]:
    return {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
