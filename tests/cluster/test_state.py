"""Clusters are values: changing one gives another that shares what did not change."""

from __future__ import annotations

import pickle
from types import MappingProxyType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.clock import milliseconds
from kubelogic.cluster.state import State


def thing(kind: str, namespace: str, name: str, **fields: Any) -> Object:
    document = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **fields}
    return Object(api_version="v1", kind=kind, namespace=namespace, name=name, document=document)


OBJECTS = st.builds(
    thing, st.sampled_from(["Pod", "Node"]), st.sampled_from(["", "a", "b"]), st.sampled_from(["x", "y", "z"])
)


def test_keys_and_text() -> None:
    assert thing("Pod", "a", "x").key == "a/x"
    assert thing("Node", "", "n").key == "n"
    assert str(thing("Pod", "a", "x")) == "Pod a/x"


def test_objects_are_found_by_kind_and_key_and_come_in_order() -> None:
    cluster = Cluster.of([thing("Pod", "b", "x"), thing("Node", "", "n"), thing("Pod", "a", "x")])
    assert cluster.kinds() == ["Node", "Pod"]
    assert [str(obj) for obj in cluster] == ["Node n", "Pod a/x", "Pod b/x"]
    assert len(cluster) == 3
    assert cluster.get("Pod", "a/x") is not None
    assert cluster.get("Pod", "a/y") is None
    assert cluster.get("Job", "a/x") is None
    assert cluster.objects("Job") == {}


def test_a_later_object_replaces_an_earlier_one() -> None:
    first, second = thing("Pod", "a", "x"), thing("Pod", "a", "x")
    assert list(Cluster.of([first, second])) == [second]


def test_changing_leaves_the_old_value_alone() -> None:
    before = Cluster.of([thing("Pod", "a", "x"), thing("Node", "", "n")])
    after = before.replacing([thing("Pod", "a", "y")], without=[("Node", "n"), ("Node", "gone")])
    assert [str(obj) for obj in before] == ["Node n", "Pod a/x"]
    assert [str(obj) for obj in after] == ["Pod a/x", "Pod a/y"]
    assert after.kinds() == ["Pod"]
    assert before.replacing() is before


@given(st.lists(OBJECTS), st.lists(OBJECTS), st.lists(st.integers(0, 10)))
def test_changes_lead_from_one_cluster_to_the_other(old: list[Object], new: list[Object], gone: list[int]) -> None:
    before = Cluster.of(old)
    without = [(obj.kind, obj.key) for index, obj in enumerate(before) if index in gone]
    after = before.replacing(new, without=without)
    removed, added = after.changes_since(before)
    assert {id(obj) for obj in removed} == {id(obj) for obj in before} - {id(obj) for obj in after}
    assert {id(obj) for obj in added} == {id(obj) for obj in after} - {id(obj) for obj in before}
    again = before.replacing(added, without=[(obj.kind, obj.key) for obj in removed])
    assert list(again) == list(after)


def test_clusters_can_be_pickled() -> None:
    cluster = Cluster.of([thing("Pod", "a", "x"), thing("Node", "", "n")])
    copy = pickle.loads(pickle.dumps(cluster))
    assert [(str(obj), obj.document) for obj in copy] == [(str(obj), obj.document) for obj in cluster]


def test_the_clock_starts_when_an_object_was_last_asked_to_go() -> None:
    about = {"name": "x", "deletionTimestamp": "2026-03-01T10:00:30Z", "deletionGracePeriodSeconds": 30}
    gone = thing("Pod", "a", "x", metadata={**about, "creationTimestamp": "2026-02-01T00:00:00Z"})
    assert State.of(Cluster.of([gone])).now == milliseconds("2026-03-01T10:00:00Z")


def lease(node: str, renewed: str) -> Object:
    spec = {"holderIdentity": node, "leaseDurationSeconds": 40, "renewTime": f"2026-01-01T00:{renewed}.000000Z"}
    return thing("Lease", "kube-node-lease", node, spec=spec)


def test_a_node_whose_lease_ran_out_while_another_one_renewed_its_own_is_silent() -> None:
    nodes = [thing("Node", "", name) for name in ("a", "b", "c")]
    leases = [lease("a", "00:05"), lease("b", "01:00"), lease("c", "00:20"), lease("gone", "00:00")]
    silent = State.of(Cluster.of([*nodes, *leases])).world["node_silent_since"]
    assert silent == {("a", milliseconds("2026-01-01T00:00:05Z"))}
    assert "node_silent_since" not in State.of(Cluster.of([*nodes, *leases[1:3]])).world


def test_the_clock_starts_at_the_latest_moment_that_is_one_and_a_value() -> None:
    status = {
        "conditions": [{"lastTransitionTime": "2026-01-01T00:00:00+01:00", "message": 'at "2026-01-04T00:00:00Z"'}],
        "2026-01-04T00:00:00Z": [None, 1, {"at": "2026-01-01T00:00:00.5Z"}],
        "message": "2026-13-01T00:00:00Z",
        "reason": "٢٠٢٦-01-04T00:00:00Z",
    }
    about = {"name": "p", "annotations": {"at": "2026-01-04T00:00:00Z"}}
    pod = thing("Pod", "a", "p", metadata=about, status=MappingProxyType(status))
    assert State.of(Cluster.of([pod])).now == milliseconds("2026-01-01T00:00:01Z")
