"""Actions that change fields of any object, or make any object, without a line of Python for each."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kubelogic.apiserver import requests
from kubelogic.cluster import Cluster
from kubelogic.cluster.edit import with_document
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


SIX = ("/spec/hard/pods", "6")


@pytest.mark.parametrize(
    ("kind", "key", "rows", "words"),
    [
        ("ResourceQota", "default/q", [SIX], "did you mean ResourceQuota in v1?"),
        ("ResourceQuota", "q", [SIX], "the key of a ResourceQuota is NAMESPACE/NAME, not"),
        ("Namespace", "default/q", [("/metadata/labels/a", "b")], "the key of a Namespace is NAME alone"),
        ("ResourceQuota", "default/q", [("/spec/hard/pods", "six")], 'spec.hard.pods: "six" is no quantity'),
        ("ResourceQuota", "default/q", [("/spec/hart/pods", "6")], "spec.hart"),
        ("ResourceQuota", "default/q", [("spec/hard/pods", "6")], "begins with /"),
        ("ResourceQuota", "default/q", [("/spec", "x"), SIX], "leads into what another path gives"),
        ("ResourceQuota", "default/q", [SIX, ("/spec/hard/pods", 7)], "two values"),
    ],
)
def test_what_a_rule_makes_is_validated(kind: str, key: str, rows: list[Row], words: str) -> None:
    before = state()
    carried = carry_out(before, [CreateObject(cause=CAUSE, kind=kind, key=key, rows=tuple(rows))])
    assert carried.done == ()
    assert words in carried.refused[0].answer.message
    assert carried.state.cluster == before.cluster


def test_what_is_there_is_not_made_again_but_tried_later() -> None:
    action = CreateObject(cause=CAUSE, kind="ResourceQuota", key="default/q", rows=(SIX,))
    once = carry_out(state(), [action]).state
    again = carry_out(once, [action])
    assert again.refused[0].answer.message == 'resourcequotas "q" already exists'
    assert held_back(again.state, [action])[0] == []


def test_what_a_rule_makes_has_its_defaults() -> None:
    rows: tuple[Row, ...] = (("/spec/ports/[0]/port", 80), ("/spec/selector/app", "web"))
    carried = carry_out(state(), [CreateObject(cause=CAUSE, kind="Service", key="default/web", rows=rows)])
    spec = carried.state.cluster.objects("Service")["default/web"].document["spec"]
    assert (spec["type"], spec["ports"][0]["protocol"]) == ("ClusterIP", "TCP")


def test_a_field_that_a_rule_sets_wrongly_is_refused() -> None:
    carried = carry_out(state(), [setting(("/spec/replicas", "three"))])
    assert carried.done == ()
    assert "spec.replicas" in carried.refused[0].answer.message


def test_faults_that_were_there_before_are_no_reason_to_refuse_a_change() -> None:
    odd = state()
    web = odd.cluster.objects("Deployment")["default/web"]
    spec = {**web.document["spec"], "ofALaterVersion": 1}
    cluster = odd.cluster.replacing([with_document(web, {**web.document, "spec": spec})])
    carried = carry_out(replace(odd, cluster=cluster), [setting(("/spec/replicas", 3))])
    assert carried.refused == ()
    assert carried.state.cluster.objects("Deployment")["default/web"].document["spec"]["replicas"] == 3
