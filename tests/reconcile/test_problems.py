"""Problems that are kept while the cluster changes are those that would be read anew."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kubelogic.cluster import Cluster, Object
from kubelogic.facts import MODULES, FactBase
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Evaluation, Rulebook
from kubelogic.placement.check import faults
from kubelogic.placement.kube.tables import Tables, tables_of
from kubelogic.placement.problem import Problem, Shape
from kubelogic.reconcile.functions import FUNCTIONS
from kubelogic.reconcile.problem import GOALS, Problems, problem
from tests.support.random_clusters import random_cluster

Key = tuple[str, str, str]


@pytest.fixture(scope="module")
def book() -> Rulebook:
    return load_rulebook()


class Kept:
    """Facts, relations and problems that follow a cluster."""

    def __init__(self, book: Rulebook) -> None:
        self.facts = FactBase(MODULES)
        self.relations = Evaluation(book, FUNCTIONS, GOALS)
        self.problems = Problems(self.relations)

    def follow(self, objects: dict[Key, Object]) -> None:
        delta = self.facts.update(Cluster.of(objects.values()))
        self.problems.note(self.relations.update(delta.added, delta.removed))

    def read(self) -> Problem:
        return self.problems.read()


def objects_of(seed: int) -> dict[Key, Object]:
    """A random cluster; equal keys in those of different seeds are different objects."""
    found: dict[Key, Object] = {}
    for document in random_cluster(seed):
        metadata = document["metadata"]
        key = (document["kind"], metadata.get("namespace", ""), metadata["name"])
        version = document["apiVersion"]
        found[key] = Object(api_version=version, kind=key[0], namespace=key[1], name=key[2], document=document)
    return found


@settings(max_examples=25, deadline=None)
@given(seeds=st.lists(st.integers(0, 2000), min_size=2, max_size=4), shuffle=st.randoms(use_true_random=False))
def test_what_is_kept_is_what_would_be_read_anew(seeds: list[int], shuffle: Random, book: Rulebook) -> None:
    """Objects come, change and go: one, a few or all at once; several changes between two looks, or none."""
    kept = Kept(book)
    present = objects_of(seeds[0])
    kept.follow(present)
    assert_alike(kept)
    for seed in seeds[1:]:
        other = objects_of(seed)
        changing = sorted(present.keys() | other.keys())
        shuffle.shuffle(changing)
        while changing:
            many = shuffle.choice((1, 2, 5, len(changing)))
            for key in changing[:many]:
                if key in other and shuffle.random() < 0.8:
                    present[key] = other[key]
                else:
                    present.pop(key, None)
            del changing[:many]
            kept.follow(present)
            if shuffle.random() < 0.7:
                assert_alike(kept)
                assert faults(kept.read()) == ()
        kept.follow(present)
        assert_alike(kept)


def assert_alike(kept: Kept) -> None:
    """What is kept is what is read anew, and so is what the problem would find out about its pods."""
    found = kept.read()
    assert found == problem(kept.relations)
    again = replace(found)
    assert (found.running, found.waiting, found.places) == (again.running, again.waiting, again.places)
    kept_tables, fresh = tables_of(found), Tables(again)
    for name in ("nodes", "number", "shapes", "shape_number", "resources", "requests", "checked", "assumes"):
        assert getattr(kept_tables, name) == getattr(fresh, name)
    assert (kept_tables.allocatable == fresh.allocatable).all()


def test_a_shape_follows_what_becomes_of_its_claims(book: Rulebook) -> None:
    """Two claims wait for the first pod that uses them; one may then be used by one pod only, and is given a volume."""
    kept = Kept(book)
    present = {key: obj for key, obj in objects_of(7).items() if key[0] == "Node"}
    node = next(iter(present.values())).name

    def follow(kind: str, name: str, version: str = "v1", **document: object) -> Shape:
        metadata = (
            {"name": name, "namespace": "default"} if kind in ("Pod", "PersistentVolumeClaim") else {"name": name}
        )
        obj = Object(
            api_version=version,
            kind=kind,
            namespace=metadata.get("namespace", ""),
            name=name,
            document={"apiVersion": version, "kind": kind, "metadata": metadata, **document},
        )
        present[kind, obj.namespace, name] = obj
        kept.follow(present)
        assert_alike(kept)
        return next((shape for shape in kept.read().shapes if shape.name == "default/p"), Shape(name="none"))

    def claim(name: str, mode: str = "ReadWriteOnce", **more: object) -> Shape:
        spec = {"storageClassName": "late", "accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}}
        return follow("PersistentVolumeClaim", name, spec={**spec, **more})

    late = {"provisioner": "csi.example.com", "volumeBindingMode": "WaitForFirstConsumer"}
    follow("StorageClass", "late", "storage.k8s.io/v1", **late)
    for name in ("b", "a"):
        claim(name)
    volumes = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in ("b", "a")]
    both = follow("Pod", "p", spec={"containers": [{"name": "c", "image": "app:1"}], "volumes": volumes})
    assert sorted(both.claims) == ["default/a", "default/b"]
    assert not both.exclusive
    alone = claim("a", "ReadWriteOncePod")
    assert [each.token for each in alone.exclusive] == ["claim default/a"]
    follow(
        "PersistentVolume",
        "v",
        spec={
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOncePod"],
            "storageClassName": "late",
            "claimRef": {"namespace": "default", "name": "a"},
            "hostPath": {"path": f"/{node}"},
        },
    )
    assert claim("a", "ReadWriteOncePod", volumeName="v").claims == ("default/b",)


def test_what_did_not_change_is_not_made_again(book: Rulebook) -> None:
    objects = objects_of(7)
    kept = Kept(book)
    kept.follow(objects)
    before = kept.read()
    kept.follow(objects)
    assert kept.read() is before
    gone = next(key for key in sorted(objects) if key[0] == "Pod" and objects[key].document["spec"].get("nodeName"))
    name = f"{gone[1]}/{gone[2]}"
    assert any(pod.name == name for pod in before.pods)
    kept.follow({key: entry for key, entry in objects.items() if key != gone})
    after = kept.read()
    old = {pod.name: pod for pod in before.pods if pod.node}
    assert {pod.name for pod in after.pods if pod.node} == old.keys() - {name}
    assert all(pod is old[pod.name] for pod in after.pods if pod.node)
    assert after.nodes is before.nodes
