"""Pods by who made them, of a cluster and of those that came from it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.columns import Columns
from kubelogic.cluster.objects import as_object
from kubelogic.cluster.owners import Maker, by_controller, by_owners, makers, with_owners


def pod(name: str, owner: str = "", *, namespace: str = "d") -> Object:
    owners = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "uid": owner, "controller": True}]
    about = {"name": name, "namespace": namespace, **({"ownerReferences": owners} if owner else {})}
    return as_object({"apiVersion": "v1", "kind": "Pod", "metadata": about})


def names(found: Mapping[Maker, Sequence[Object]]) -> dict[Maker, list[str]]:
    return {maker: sorted(each.key for each in pods) for maker, pods in found.items()}


def test_they_are_the_same_however_a_cluster_came_about() -> None:
    dice = random.Random(3)
    for _ in range(40):
        found = Cluster.of([pod(str(n), dice.choice(("", "a", "b"))) for n in range(6)])
        for _ in range(8):
            made = [pod(str(dice.randrange(8)), dice.choice(("", "a", "b"))) for _ in range(2)]
            gone = [("Pod", f"d/{dice.randrange(8)}")] if dice.random() < 0.4 else []
            before, found = found, found.replacing(made, without=gone)
            makers(before)
            anew = Cluster({"Pod": dict(found.objects("Pod"))})
            assert names(makers(found)) == names(makers(anew))


def test_makers_of_which_no_pod_changed_have_the_same_pods() -> None:
    before = Cluster.of([pod("1", "a"), pod("2", "b")])
    after = before.replacing([pod("1", "a")])
    old, new = makers(before), makers(after)
    assert {maker[3] for maker, pods in new.items() if pods is old[maker]} == {"b"}


def test_objects_with_one_list_of_owners_are_together_and_those_of_other_namespaces_apart() -> None:
    first = pod("1", "a")
    shared = first.document["metadata"]["ownerReferences"]
    others = [
        as_object({**first.document, "metadata": {"name": name, "namespace": space, "ownerReferences": shared}})
        for name, space in (("2", "d"), ("3", "e"))
    ]
    found = by_owners(Columns([first, *others, pod("4", "a"), pod("5")]))
    assert [[each.key for each in mine] for _, mine in found] == [["d/1", "d/2"], ["e/3"], ["d/4"], ["d/5"]]
    by_uid = by_controller(found)
    assert {uid: [each.key for each in mine] for uid, mine in by_uid.items()} == {"a": ["d/1", "d/2", "e/3", "d/4"]}


def test_what_an_object_without_owners_says_is_nothing() -> None:
    ((owners, mine),) = with_owners(Cluster.of([pod("1")]))
    assert (list(owners), [each.key for each in mine]) == ([], ["d/1"])
