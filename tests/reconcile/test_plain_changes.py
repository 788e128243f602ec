"""Actions that change fields of any object, or make any object, without a line of Python for each."""

from __future__ import annotations

import pytest

from kubelogic.apiserver import requests
from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.logic import Row
from kubelogic.reconcile.actions import Action, Cause
from kubelogic.reconcile.apply.carry_out import carry_out
from kubelogic.reconcile.object_actions import CreateObject, SetField
from kubelogic.reconcile.refusals import held_back

CAUSE = Cause(predicate="p", row=())


def state() -> State:
    empty = State(cluster=Cluster(), now=1000)
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "annotations": {"kept": "yes"}},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "c"}]},
            },
        },
    }
    return requests.create(empty, deployment).state


def setting(*rows: Row) -> Action:
    return SetField(cause=CAUSE, kind="Deployment", key="default/web", rows=rows)


def test_fields_are_set_and_others_stay() -> None:
    carried = carry_out(state(), [setting(("/spec/replicas", 3), ("/metadata/annotations/a.io~1b", "c"))])
    web = carried.state.cluster.objects("Deployment")["default/web"].document
    assert web["spec"]["replicas"] == 3
    assert web["metadata"]["annotations"] == {"kept": "yes", "a.io/b": "c"}
    assert web["metadata"]["generation"] == 2


def test_a_status_is_no_new_generation() -> None:
    carried = carry_out(state(), [setting(("/status/replicas", 3))])
    web = carried.state.cluster.objects("Deployment")["default/web"].document
    assert (web["status"]["replicas"], web["metadata"]["generation"]) == (3, 1)


def test_what_is_refused_changes_nothing_and_is_tried_again_later() -> None:
    before = state()
    action = setting(("/spec/selector/matchLabels/app", "other"))
    carried = carry_out(before, [action])
    assert carried.state.cluster is before.cluster or carried.state.cluster == before.cluster
    assert carried.done == ()
    assert "field is immutable" in carried.refused[0].answer.message
    kept, again = held_back(carried.state, [action])
    assert (kept, again) == ([], before.now + 5)


def test_an_object_is_made_of_fields() -> None:
    rows: tuple[Row, ...] = (("/apiVersion", "v1"), ("/data/color", "blue"), ("/metadata/labels/app", "web"))
    action = CreateObject(cause=CAUSE, kind="ConfigMap", key="default/paint", rows=rows)
    carried = carry_out(state(), [action, action])
    made = carried.state.cluster.objects("ConfigMap")["default/paint"].document
    assert (made["data"], made["metadata"]["labels"]) == ({"color": "blue"}, {"app": "web"})
    assert made["metadata"]["uid"]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_what_is_gone_is_left_alone(kind: str) -> None:
    gone = SetField(cause=CAUSE, kind=kind, key="default/gone", rows=(("/spec/replicas", 3),))
    assert carry_out(state(), [gone]).refused == ()
