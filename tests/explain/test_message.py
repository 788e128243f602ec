"""The scheduler's line: its order, its halves, and reading it back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubelogic.cluster import Cluster
from kubelogic.cluster.objects import as_object
from kubelogic.cluster.state import State
from kubelogic.explain import message
from kubelogic.explain.events import Pasted, read
from kubelogic.explain.filter_verdicts import Verdict, Verdicts
from kubelogic.explain.filters import goals
from kubelogic.explain.message import event, line
from kubelogic.facts.filters import TABLES, filters
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Evaluation
from kubelogic.placement.kube.tables import KINDS
from kubelogic.placement.placement import Refusal, Rejection
from kubelogic.reconcile.relations import Relations

CPU, TAINT = "Insufficient cpu", "node(s) had untolerated taint(s)"


@pytest.fixture(scope="module")
def relations() -> Evaluation:
    evaluation = Evaluation(
        load_rulebook(), goals=[*TABLES, "reports_all", "reports_first", "reports_again", "searched"]
    )
    evaluation.update({})
    return evaluation


def test_counts_are_ordered_as_text_not_as_numbers() -> None:
    reasons = {f"n{i}": (CPU,) if i < 10 else (TAINT,) for i in range(12)}
    found = Verdict(nodes=12, reasons=reasons)
    assert line(found) == f"0/12 nodes are available: 10 {CPU}, 2 {TAINT}."


def test_a_pod_that_is_turned_away_as_a_whole_and_one_without_nodes() -> None:
    found = Verdict(nodes=2, everywhere='persistentvolumeclaim "absent" not found')
    assert line(found) == '0/2 nodes are available: persistentvolumeclaim "absent" not found. not found'
    assert line(Verdict(nodes=0)) == "no nodes available to schedule pods"
    assert line(Verdict(nodes=3, gated=True)) == "Scheduling is blocked due to non-empty scheduling gates"


def test_what_came_of_preemption(relations: Evaluation) -> None:
    found = Verdict(nodes=4, reasons={"a": (CPU,), "b": (CPU,), "c": (CPU,), "d": (TAINT,)})
    left = Rejection(stage=600, filter="NodeResourcesFit", reason="resource", subject="cpu", nodes=("b",))
    later = Rejection(stage=1200, filter="InterPodAffinity", reason="anti_affinity", subject="zone", nodes=("b", "c"))
    refusal = Refusal(shape="s", rejections=(), attempted=True, preemption=(left, later), helpless=("a",))
    assert line(found, refusal, relations=relations) == (
        f"0/4 nodes are available: 1 {TAINT}, 3 {CPU}. no new claims to deallocate, preemption: "
        f"0/4 nodes are available: 1 {CPU}, 1 No preemption victims found for incoming pod, "
        "1 Preemption is not helpful for scheduling, 1 node(s) didn't match pod anti-affinity rules."
    )
    never = Refusal(shape="s", rejections=(), ineligible="never")
    assert line(found, never, relations=relations).endswith("preemption: not eligible due to preemptionPolicy=Never.")


def test_preemption_does_not_change_what_is_said_of_volumes(relations: Evaluation) -> None:
    storage = "node(s) did not have enough free storage"
    found = Verdict(nodes=2, reasons={"a": (CPU,), "b": (CPU,)}, again={("a", "VolumeBinding"): (storage,)})
    left = Rejection(stage=900, filter="VolumeBinding", reason="claim", subject="d/c", nodes=("a", "b"))
    refusal = Refusal(shape="s", rejections=(), attempted=True, preemption=(left,))
    assert line(found, refusal, relations=relations).endswith(
        f"preemption: 0/2 nodes are available: 1 {storage}, 1 node(s) didn't find available persistent volumes to bind."
    )


def storage_class(name: str, provisioner: str) -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": provisioner,
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def claim(name: str, storage: str, *, size: str = "1Gi", chosen: str = "") -> dict[str, Any]:
    annotations = {"volume.kubernetes.io/selected-node": chosen} if chosen else {}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "d", "annotations": annotations},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage,
            "volumeMode": "Filesystem",
            "resources": {"requests": {"storage": size}},
        },
        "status": {"phase": "Pending"},
    }


NONE_TO_BIND = "node(s) didn't find available persistent volumes to bind"
NO_STORAGE = "node(s) did not have enough free storage"


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ([claim("a", "full"), claim("b", "static", size="2Gi")], NO_STORAGE),
        ([claim("a", "full", size="3Gi"), claim("b", "static", size="2Gi")], NONE_TO_BIND),
        ([claim("a", "full"), claim("b", "static")], NO_STORAGE),
        ([claim("a", "static"), claim("b", "full")], NONE_TO_BIND),
        ([claim("a", "static"), claim("b", "full", chosen="n")], NO_STORAGE),
        ([claim("a", "full"), claim("b", "full", chosen="elsewhere")], NONE_TO_BIND),
        ([claim("a", "full", chosen="n"), claim("b", "full", chosen="elsewhere")], NONE_TO_BIND),
    ],
)
def test_of_several_claims_that_wait_the_first_that_fails_is_reported(claims: list[dict[str, Any]], words: str) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "d"},
        "spec": {
            "containers": [{"name": "c", "image": "i"}],
            "volumes": [
                {"name": each["metadata"]["name"], "persistentVolumeClaim": {"claimName": each["metadata"]["name"]}}
                for each in claims
            ],
        },
    }
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": {"allocatable": {"pods": "9"}}}
    driver = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSIDriver",
        "metadata": {"name": "csi.example"},
        "spec": {"storageCapacity": True},
    }
    classes = [storage_class("full", "csi.example"), storage_class("static", "kubernetes.io/no-provisioner")]
    documents = [pod, node, driver, *classes, *claims]
    cluster = Cluster.of([as_object(document) for document in documents])
    book = load_rulebook()
    assert Verdicts(Relations.of(book, State.of(cluster), goals(book))).of("d/p").reasons == {"n": (words,)}


def by_name(*nodes: str) -> dict[str, Any]:
    terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]} for node in nodes]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


AFFINITY = "node(s) didn't match Pod's node affinity/selector"
CORDONED = "node(s) were unschedulable"
OUTSIDE = "node(s) didn't satisfy plugin(s) [{}]"


@pytest.mark.parametrize(
    ("named", "cordoned", "reasons"),
    [
        (("gone",), "", {"a": AFFINITY, "b": OUTSIDE.format("NodeAffinity")}),
        (("gone", "away"), "", {"a": AFFINITY, "b": OUTSIDE.format("NodeAffinity")}),
        (("gone",), "a", {"a": CORDONED, "b": OUTSIDE.format("NodeAffinity NodeUnschedulable")}),
        (("gone",), "b", {"a": AFFINITY, "b": OUTSIDE.format("NodeAffinity")}),
        (("a", "gone"), "a", {"a": CORDONED, "b": OUTSIDE.format("NodeAffinity NodeUnschedulable")}),
        (("b", "gone"), "b", {"a": AFFINITY, "b": CORDONED}),
    ],
)
def test_a_promised_node_is_looked_at_like_any_other_though_the_pod_does_not_name_it(
    named: tuple[str, ...], cordoned: str, reasons: dict[str, str]
) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "d"},
        "spec": {"containers": [{"name": "c", "image": "i"}], "affinity": by_name(*named)},
        "status": {"nominatedNodeName": "a"},
    }
    nodes = [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name},
            "spec": {"unschedulable": name == cordoned},
            "status": {"allocatable": {"pods": "9"}},
        }
        for name in ("a", "b")
    ]
    cluster = Cluster.of([as_object(document) for document in (pod, *nodes)])
    book = load_rulebook()
    found = Verdicts(Relations.of(book, State.of(cluster), goals(book))).of("d/p").reasons
    assert found == {node: (words,) for node, words in reasons.items()}


def test_every_rejection_of_the_one_by_one_scheduler_has_words(relations: Evaluation) -> None:
    kinds = {kind for filter_ in KINDS for kind in filter_}
    searched = {str(row[2]) for row in relations.rows("searched")}
    assert kinds == searched | {row[1] for row in relations.rows("constraint")}
    assert kinds - searched <= message.by_reason(filters(relations)).keys()


def test_reading_a_line_as_kubectl_wraps_it() -> None:
    text = """Warning  FailedScheduling  0/216 nodes are available: 1 Too many pods, 200 Insufficient cpu, 15 node(s)
      had untolerated taint(s). no new claims to deallocate, preemption: 0/216 nodes are available: 15 Preemption is not
      helpful for scheduling, 201 No preemption victims found for incoming pod."""
    assert read(text) == Pasted(
        nodes=216,
        counts={"Too many pods": 1, CPU: 200, TAINT: 15},
        preemption={message.NOT_HELPFUL: 15, message.NO_VICTIMS: 201},
    )
    unbound = "pod has unbound immediate PersistentVolumeClaims"
    assert read(unbound) == Pasted(nodes=None, everywhere=unbound)
    assert read("pod has no luck") is None


def test_reading_a_line_about_the_pod_and_one_that_was_cut() -> None:
    read_whole = read("0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found")
    assert read_whole == Pasted(nodes=2, everywhere="pod has unbound immediate PersistentVolumeClaims")
    cut = read(f"0/9 nodes are available: 5 {CPU}, 4 node(s) had untol ...")
    assert cut == Pasted(nodes=9, counts={CPU: 5, "node(s) had untol": 4}, cut=True)


REASONS = st.sampled_from([CPU, TAINT, "Too many pods", "node(s) were unschedulable", "Insufficient example.com/gpu"])


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from([f"n{i}" for i in range(30)]), st.frozensets(REASONS, min_size=1), min_size=1))
def test_a_line_reads_back_as_its_counts(reasons: dict[str, frozenset[str]]) -> None:
    found = Verdict(nodes=len(reasons), reasons={node: tuple(sorted(words)) for node, words in reasons.items()})
    counts: dict[str, int] = {}
    for words in reasons.values():
        for word in words:
            counts[word] = counts.get(word, 0) + 1
    assert read(line(found)) == Pasted(nodes=len(reasons), counts=counts)


def test_events_are_cut_at_1024_bytes() -> None:
    assert event("ä" * 600).endswith(" ...")
    assert len(event("ä" * 600).encode()) <= 1024
