"""Deployments that are undone, paused and resumed, as kubectl rollout does it."""

from __future__ import annotations

from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.engine import reconciler
from tests.support.lab import Lab, workload

TICKER = reconciler(load_rulebook(), scheduler="kube")
REVISION = "deployment.kubernetes.io/revision"


def two_revisions() -> Lab:
    lab = Lab(TICKER)
    lab.create(workload("Deployment", "mail", replicas=2))
    lab.wait(10)
    lab.image("Deployment", "mail", "app:2")
    lab.wait(10)
    return lab


def test_an_undo_of_a_paused_deployment_is_refused_in_the_words_of_kubectl() -> None:
    lab = two_revisions()
    lab.patch("Deployment", "mail", {"spec": {"paused": True}})
    answer = lab.undo("mail")
    assert not answer.accepted
    assert answer.message == (
        "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again"
    )
    lab.patch("Deployment", "mail", {"spec": {"paused": None}})
    lab.wait(10)
    assert lab.sizes("mail") == {"app:2": 2}


def test_a_revision_that_is_not_there_is_told_before_the_pause() -> None:
    lab = two_revisions()
    lab.patch("Deployment", "mail", {"spec": {"paused": True}})
    assert lab.undo("mail", 7).message == "unable to find specified revision 7 in history"
    assert lab.undo("none").status == 404


def test_an_adopted_replica_set_without_a_number_is_revision_0_and_can_be_undone_to() -> None:
    lab = Lab(TICKER)
    by_hand = workload("ReplicaSet", "cart", image="app:old", replicas=1)
    by_hand["metadata"]["labels"] = {"app": "cart"}
    lab.create(by_hand)
    lab.wait(5)
    lab.create(workload("Deployment", "cart", image="app:new", replicas=2))
    lab.wait(10)
    assert lab.undo("cart").status == 200
    lab.wait(20)
    assert lab.sizes("cart") == {"app:old": 2}


def test_a_replica_set_without_labels_is_not_adopted_so_nothing_can_be_undone() -> None:
    """The controller and kubectl select ReplicaSets by their own labels, not by those of their pods."""
    lab = Lab(TICKER)
    lab.create(workload("ReplicaSet", "cart", image="app:old", replicas=1))
    lab.create(workload("Deployment", "cart", image="app:new", replicas=2))
    lab.wait(10)
    assert lab.undo("cart").message == (
        'no rollout history found for deployment "cart": ReplicaSet cart makes pods that it selects, but was not'
        " adopted, as its own metadata.labels do not match"
    )
    lab.wait(5)
    assert lab.sizes("cart") == {"app:new": 2}
    assert lab.document("ReplicaSet", "cart")["metadata"].get("ownerReferences") is None


def test_labels_that_come_later_have_it_adopted_and_undone_to() -> None:
    lab = Lab(TICKER)
    lab.create(workload("ReplicaSet", "cart", image="app:old", replicas=1))
    lab.create(workload("Deployment", "cart", image="app:new", replicas=2))
    lab.wait(10)
    lab.patch("ReplicaSet", "cart", {"metadata": {"labels": {"app": "cart"}}})
    lab.wait(10)
    assert lab.undo("cart").status == 200
    lab.wait(20)
    assert lab.sizes("cart") == {"app:old": 2}


def test_an_undo_to_the_present_template_is_skipped() -> None:
    lab = two_revisions()
    before = lab.document("Deployment", "mail")
    answer = lab.undo("mail", 2)
    assert answer.accepted
    assert answer.message == "skipped rollback (current template already matches revision 2)"
    assert lab.document("Deployment", "mail") == before


def test_annotations_of_the_revision_come_back_and_later_ones_go() -> None:
    lab = Lab(TICKER)
    first = workload("Deployment", "mail", replicas=1)
    first["metadata"]["annotations"] = {"kubernetes.io/change-cause": "first", "team": "a"}
    lab.create(first)
    lab.wait(10)
    lab.image("Deployment", "mail", "app:2")
    lab.patch(
        "Deployment",
        "mail",
        {"metadata": {"annotations": {"kubernetes.io/change-cause": "second", "team": None, "note": "new"}}},
    )
    lab.wait(10)
    lab.undo("mail")
    lab.wait(10)
    annotations = lab.document("Deployment", "mail")["metadata"]["annotations"]
    assert annotations == {"kubernetes.io/change-cause": "first", "team": "a", REVISION: "3"}


def test_no_deadline_runs_while_paused_and_a_resume_starts_it_anew() -> None:
    lab = Lab(TICKER)
    lab.world(("image_cannot_be_pulled", ("app:2",)))
    lab.create(workload("Deployment", "web", replicas=4, progressDeadlineSeconds=60))
    lab.wait(10)
    lab.image("Deployment", "web", "app:2")
    lab.wait(30)
    lab.patch("Deployment", "web", {"spec": {"paused": True}})
    lab.wait(200)
    assert lab.conditions("Deployment", "web")["Progressing"] == "Unknown/DeploymentPaused"
    lab.patch("Deployment", "web", {"spec": {"paused": None}})
    lab.wait(58)
    assert lab.conditions("Deployment", "web")["Progressing"] == "Unknown/DeploymentResumed"
    lab.wait(4)
    assert lab.conditions("Deployment", "web")["Progressing"] == "False/ProgressDeadlineExceeded"


def test_a_missed_deadline_is_not_forgotten_over_a_pause() -> None:
    lab = Lab(TICKER)
    lab.world(("image_cannot_be_pulled", ("app:2",)))
    lab.create(workload("Deployment", "web", replicas=4, progressDeadlineSeconds=20))
    lab.wait(10)
    lab.image("Deployment", "web", "app:2")
    lab.wait(40)
    for paused in (True, None):
        lab.patch("Deployment", "web", {"spec": {"paused": paused}})
        lab.wait(5)
        assert lab.conditions("Deployment", "web")["Progressing"] == "False/ProgressDeadlineExceeded"
