"""From objects to the placement problem."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.placement.check import faults
from kubelogic.placement.problem import Problem, Reach, dumps
from tests.support.decisions import Pipeline

Document = dict[str, Any]
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline()


def node(name: str, **labels: str) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
        "status": {"allocatable": {"cpu": "4", "pods": "10"}},
    }


def pod(name: str, *, on: str = "", labels: dict[str, str] | None = None, **spec: Any) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "d", "labels": labels or {}},
        "spec": {
            "containers": [{"name": "main", "resources": {"requests": {"cpu": "1"}}}],
            **({"nodeName": on} if on else {}),
            **spec,
        },
        "status": {"phase": "Running" if on else "Pending"},
    }


def shape_of(problem: Problem, name: str) -> str:
    return next(each.shape for each in problem.pods if each.name == name)


def test_equal_pods_are_one_shape_and_labels_count_only_if_a_selector_reads_them(pipeline: Pipeline) -> None:
    pods = [pod("a", labels={"app": "x"}), pod("b", labels={"app": "y"}), pod("c", on="n1")]
    problem = pipeline.problem([node("n1"), *pods])
    assert len(problem.shapes) == 1
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "x"}}}
    reader = pod("reader", affinity={"podAntiAffinity": {REQUIRED: [term]}})
    problem = pipeline.problem([node("n1"), *pods, reader])
    assert len({shape_of(problem, f"d/{name}") for name in ("a", "b", "reader")}) == 3
    assert shape_of(problem, "d/c") not in {shape_of(problem, "d/a")}
    (rule,) = problem.affinities
    assert (rule.owner, rule.matches, rule.anti) == (
        shape_of(problem, "d/reader"),
        frozenset({shape_of(problem, "d/a")}),
        True,
    )


def test_nodes_that_no_constraint_tells_apart_are_one_class(pipeline: Pipeline) -> None:
    nodes = [node("n1", disk="ssd"), node("n2", disk="hdd"), node("n3", disk="nvme")]
    problem = pipeline.problem([*nodes, pod("a")])
    assert len({each.node_class for each in problem.nodes}) == 1
    problem = pipeline.problem([*nodes, pod("a", nodeSelector={"disk": "ssd"})])
    classes = {each.name: each.node_class for each in problem.nodes}
    assert classes["n2"] == classes["n3"] != classes["n1"]
    assert problem.allowed[shape_of(problem, "d/a")] == Reach(node_classes=frozenset({classes["n1"]}))


def test_pods_tied_to_one_node_by_name_have_a_shape_each_while_they_wait(pipeline: Pipeline) -> None:
    def tied(name: str, to: str, **spec: Any) -> Document:
        terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [to]}]}]
        return pod(name, affinity={"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}}, **spec)

    problem = pipeline.problem([node("n1"), node("n2"), tied("a", "n1"), tied("b", "n2"), tied("c", "n1", on="n1")])
    assert len({each.node_class for each in problem.nodes}) == 1
    for name, home in (("a", "n1"), ("b", "n2")):
        shape = shape_of(problem, f"d/{name}")
        assert shape.endswith(f"@{home}")
        assert problem.allowed[shape] == Reach(nodes=frozenset({home}))
    assert "@" not in shape_of(problem, "d/c")
    gone = pipeline.problem([node("n1"), tied("a", "elsewhere")])
    assert gone.allowed[shape_of(gone, "d/a")] == Reach()


def test_gated_pods_and_those_of_other_schedulers_take_no_part(pipeline: Pipeline) -> None:
    problem = pipeline.problem(
        [node("n1"), pod("gated", schedulingGates=[{"name": "x"}]), pod("theirs", schedulerName="theirs"), pod("ours")]
    )
    assert [each.name for each in problem.pods] == ["d/ours"]


def test_finished_pods_and_pods_on_missing_nodes_hold_nothing(pipeline: Pipeline) -> None:
    done = pod("done", on="n1")
    done["status"] = {"phase": "Succeeded"}
    problem = pipeline.problem([node("n1"), done, pod("lost", on="gone"), pod("there", on="n1")])
    assert [each.name for each in problem.pods] == ["d/there"]


def test_pods_queue_in_the_order_of_their_creation(pipeline: Pipeline) -> None:
    pods = [pod("a"), pod("b"), pod("c")]
    for each, second in zip(pods, (3, 1, 2), strict=True):
        each["metadata"]["creationTimestamp"] = f"2026-01-01T00:00:0{second}Z"
    problem = pipeline.problem([node("n1"), *pods])
    assert [each.name for each in sorted(problem.pods, key=lambda each: each.order)] == ["d/b", "d/c", "d/a"]


def test_claims_that_get_their_volume_with_the_pod(pipeline: Pipeline) -> None:
    documents: list[Document] = [
        node("n1", zone="a"),
        node("n2", zone="b"),
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "fast"},
            "provisioner": "csi.example.com",
            "volumeBindingMode": "WaitForFirstConsumer",
            "allowedTopologies": [{"matchLabelExpressions": [{"key": "zone", "values": ["a"]}]}],
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "namespace": "d"},
            "spec": {
                "storageClassName": "fast",
                "accessModes": ["ReadWriteOncePod"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        },
        pod("a", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]),
    ]
    problem = pipeline.problem(documents)
    (claim,) = problem.claims
    classes = {each.name: each.node_class for each in problem.nodes}
    assert (claim.name, claim.volumes, claim.confines) == ("d/data", (), "zone")
    assert claim.provisions == Reach(node_classes=frozenset({classes["n1"]}))
    (shape,) = problem.shapes
    assert shape.claims == ("d/data",)
    assert [(use.token, use.scope) for use in shape.exclusive] == [("claim d/data", "cluster")]


def test_claims_take_volumes_by_size_and_place_and_none_that_is_kept_for_an_earlier_claim(pipeline: Pipeline) -> None:
    """Source: kube-scheduler, findMatchingVolumes; component-helpers, IsVolumeBoundToClaim."""

    def claim(name: str, size: str) -> Document:
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": "d", "uid": f"new-{name}"},
            "spec": {
                "storageClassName": "local",
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": size}},
            },
        }

    def volume(name: str, phase: str, **spec: Any) -> Document:
        common = {"storageClassName": "local", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "5Gi"}}
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {**common, "hostPath": {"path": "/data"}, **spec},
            "status": {"phase": phase},
        }

    uses = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in ("large", "z", "a")]
    kept = {"claimRef": {"namespace": "d", "name": "a", "uid": "old-a"}}
    ours = {"claimRef": {"namespace": "d", "name": "z", "uid": "new-z"}}
    documents: list[Document] = [
        node("n1"),
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "local"},
            "provisioner": "kubernetes.io/no-provisioner",
            "volumeBindingMode": "WaitForFirstConsumer",
        },
        *(claim(name, size) for name, size in (("large", "3Gi"), ("z", "1Gi"), ("a", "1Gi"))),
        volume("free", "Available"),
        volume("kept", "Released", **kept),
        volume("ours", "Available", **ours),
        pod("p", volumes=uses),
    ]
    problem = pipeline.problem(documents)
    assert problem.shapes[0].claims == ("d/z", "d/a", "d/large")
    assert {each.name: each.volumes for each in problem.claims} == {
        "d/a": ("free",),
        "d/large": ("free",),
        "d/z": ("ours",),
    }


def test_the_constraints_that_a_profile_lists_say_which_nodes_they_count(pipeline: Pipeline) -> None:
    """Source: kube-scheduler, buildDefaultConstraints: of a listed constraint only the selector is replaced."""
    listed = [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 3},
        {"maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "ScheduleAnyway", "nodeTaintsPolicy": "Honor"},
    ]
    arguments = {"defaultingType": "List", "defaultConstraints": listed}
    tainted = node("n2", zone="b", rack="b")
    tainted["spec"] = {"taints": [{"key": "k", "effect": "NoSchedule"}]}
    documents: list[Document] = [
        {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "metadata": {"name": "scheduler"},
            "profiles": [
                {
                    "schedulerName": "default-scheduler",
                    "pluginConfig": [{"name": "PodTopologySpread", "args": arguments}],
                }
            ],
        },
        node("n1", zone="a", rack="a"),
        tainted,
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": "d"},
            "spec": {"selector": {"app": "web"}},
        },
        pod("p", labels={"app": "web"}),
    ]
    problem = pipeline.problem(documents)
    classes = {each.name: each.node_class for each in problem.nodes}
    (hard,), (soft,) = problem.spreads, problem.soft_spreads
    assert (hard.key, hard.min_domains) == ("zone", 3)
    assert hard.eligible == Reach(node_classes=frozenset(classes.values()))
    assert (soft.key, soft.eligible) == ("rack", Reach(node_classes=frozenset({classes["n1"]})))


def test_equal_clusters_give_equal_bytes_and_no_faults(pipeline: Pipeline) -> None:
    documents = [node("n1"), node("n2"), pod("a"), pod("b", on="n1", labels={"app": "x"})]
    problem = pipeline.problem(documents)
    assert faults(problem) == ()
    assert dumps(Pipeline().problem(documents[::-1])) == dumps(problem)


def test_pods_that_may_go_to_one_node_each_do_not_name_all_others(pipeline: Pipeline) -> None:
    """Of each is said which node it names: all others for each of them would be the square of a large cluster."""

    def only(name: str) -> Document:
        terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]}]
        return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}}

    names = [f"n{number}" for number in range(12)]
    waiting = [pod(f"agent-{name}", affinity=only(name)) for name in names]
    found = pipeline.problem([*map(node, names), *waiting])
    denials = {denial.shape: denial.reach for denial in found.denials}
    assert len(denials) == len(names)
    for each in found.waiting:
        named = each.name.rpartition("-")[2]
        barred = [node.name for node in found.nodes if denials[each.shape].has(node)]
        assert barred == [name for name in sorted(names) if name != named]
    assert sum(len(reach.nodes) + len(reach.left_out) for reach in denials.values()) == len(names)
