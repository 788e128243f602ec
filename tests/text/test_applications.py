"""Objects that differ in what their application is called come out as if each had been admitted on its own."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelogic.kinds.validation import Admitter, admit
from kubelogic.text.location import Path
from tests.text.test_cached import TIME, long_list, put, read, running, told

MANY = 20
"""More objects of a kind than are admitted before one becomes a model for other applications."""


def _of_cluster(kind: str, name: str, version: str = "v1") -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "resourceVersion": "7"}
    return {"apiVersion": version, "kind": kind, "metadata": {**metadata, "creationTimestamp": TIME}}


def _template(app: str) -> dict[str, Any]:
    said = {"env": [{"name": "APP", "value": f'"{app}"'}], "command": ["run", app], "args": [f"--app={app}\n"]}
    container = {"name": app, "image": f"example.test/{app}:1", "resources": {"requests": {"cpu": "0.1"}}, **said}
    return {"metadata": {"labels": {"app": app, "tier": "front"}}, "spec": {"containers": [container]}}


def deployment(app: str) -> dict[str, Any]:
    said = {"type": "Progressing", "status": "True", "lastUpdateTime": TIME, "lastTransitionTime": TIME}
    return {
        **_of_cluster("Deployment", app, "apps/v1"),
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": app}}, "template": _template(app)},
        "status": {"conditions": [{**said, "message": f'ReplicaSet "{app}-5d4f" has progressed.'}]},
    }


def replica_set(app: str) -> dict[str, Any]:
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": app, "uid": f"uid-{app}", "controller": True}
    found = _of_cluster("ReplicaSet", f"{app}-5d4f", "apps/v1")
    found["metadata"] |= {"labels": {"app": app}, "ownerReferences": [owner]}
    return {**found, "spec": {"selector": {"matchLabels": {"app": app}}, "template": _template(app)}}


def service(app: str) -> dict[str, Any]:
    address = f"10.96.0.{1 + sum(map(ord, app)) % 200}"
    spec = {"selector": {"app": app}, "clusterIP": address, "clusterIPs": [address], "ports": [{"port": 80}]}
    return {**_of_cluster("Service", app), "spec": spec}


def pod(app: str, number: int = 0) -> dict[str, Any]:
    found = _of_cluster("Pod", f"{app}-{number}")
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": app, "uid": f"uid-{app}", "controller": True}
    found["metadata"] |= {
        "labels": {"app": app, "tier": "front"},
        "ownerReferences": [owner],
        "generateName": f"{app}-",
    }
    spec = {**_template(app)["spec"], "nodeName": f"n{number}", "hostname": found["metadata"]["name"]}
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": f"v-{app}-{number}"}}
    running = {"name": app, "image": f"example.test/{app}:1", "state": {"running": {"startedAt": TIME}}}
    return {**found, "spec": {**spec, "volumes": [volume]}, "status": {"containerStatuses": [running]}}


KINDS = {"Deployment": deployment, "ReplicaSet": replica_set, "Service": service, "Pod": pod}
META, SPEC = ("metadata",), ("spec",)
TEMPLATE = (*SPEC, "template")
LABEL, SELECTED = (*TEMPLATE, "metadata", "labels", "app"), (*SPEC, "selector", "matchLabels", "app")
CONTAINERS = (*SPEC, "containers"), (*TEMPLATE, "spec", "containers")
SECOND = {"name": "web-1", "image": "example.test/web-1:1"}
NAMES = (
    "",
    "a" * 63,
    "a" * 64,
    "A_b.c",
    "-a",
    "a-",
    "a.b",
    "ä",
    "a b",
    'a"b',
    "a\\b",
    "a\x7fb",
    "example.test/a",
    None,
    7,
)
IMAGES = (
    "a:1",
    "a",
    "a:latest",
    "a:latest@sha256:" + "0" * 64,
    "latest",
    "A",
    "",
    " a:1",
    "a:1 ",
    "a:1\n",
    "ä:1",
    None,
)
ADDRESSES = ("10.0.0.1", "10.0.0.01", "fd00::1", "None", "", "127.0.0.1", "x")

CHANGES: dict[str, list[tuple[tuple[Path, ...], tuple[Any, ...]]]] = {
    "Deployment": [
        *(((path,), NAMES) for path in (LABEL, SELECTED, (*META, "name"), (*META, "uid"))),
        ((LABEL, SELECTED), NAMES),
        (((*TEMPLATE, "metadata", "labels", "tier"),), NAMES),
        (((*CONTAINERS[1], 0, "image"),), IMAGES),
        *((((*CONTAINERS[1], 0, *path),), NAMES) for path in (("name",), ("env", 0, "value"), ("args", 0))),
        (((*SPEC, "selector", "matchExpressions"),), ([{"key": "app", "operator": "NotIn", "values": ["web-3"]}],)),
        (((*SPEC, "selector", "matchLabels"),), ({}, {"app": "web-1", "tier": "back"}, None)),
        (((*LABEL[:-1],),), ({"tier": "front", "app": "web-1"}, {"app": "web-1"}, None)),
        ((("status", "conditions", 0, "message"),), (*NAMES, "\n", "\u2028")),
    ],
    "ReplicaSet": [
        *(((path,), NAMES) for path in (LABEL, SELECTED, (*META, "labels", "app"))),
        *((((*META, "ownerReferences", 0, field),), NAMES) for field in ("name", "uid", "kind")),
    ],
    "Service": [
        *(((path,), NAMES) for path in ((*META, "name"), (*SPEC, "selector", "app"))),
        (((*META, "generateName"),), ("a-", "A-", "")),
        (((*SPEC, "clusterIP"),), ADDRESSES),
        (((*SPEC, "clusterIPs", 0),), ADDRESSES),
        (((*SPEC, "clusterIP"), (*SPEC, "clusterIPs", 0)), ADDRESSES),
    ],
    "Pod": [
        *((((*META, "labels", key),), NAMES) for key in ("app", "tier")),
        *((((*META, "ownerReferences", 0, field),), NAMES) for field in ("name", "uid", "controller")),
        (((*META, "generateName"),), ("web-1-", "web-1", "Web-", "", "-")),
        (((*CONTAINERS[0], 0, "image"),), IMAGES),
        *((((*CONTAINERS[0], 0, *path),), NAMES) for path in (("name",), ("env", 0, "value"), ("command", 0))),
        (((*CONTAINERS[0], 0, "name"), ("status", "containerStatuses", 0, "name")), NAMES),
        (((*SPEC, "initContainers"),), ([SECOND], [{**SECOND, "image": "a"}], [{**SECOND, "name": "other"}])),
        (((*SPEC, "hostname"),), ("web-2", *NAMES)),
        (((*SPEC, "volumes", 0, "persistentVolumeClaim", "claimName"),), NAMES),
        ((("status", "containerStatuses", 0, "image"),), NAMES),
    ],
}
CHANGED = [(kind, paths, value) for kind, changes in CHANGES.items() for paths, values in changes for value in values]


def changed(document: dict[str, Any], paths: tuple[Path, ...], value: Any) -> dict[str, Any]:
    for path in paths:
        document = put(document, path, value)
    return document


def knowing(kind: str) -> Admitter:
    """An admitter that has a model of a kind for other applications."""
    admitter = Admitter()
    for number in range(MANY):
        assert admitter.admit(KINDS[kind](f"web-{number}")) == admit(KINDS[kind](f"web-{number}"))
    return admitter


@pytest.mark.parametrize("kind", KINDS)
def test_other_applications_are_recalled(kind: str) -> None:
    admitter = knowing(kind)
    for app in ("shop", "web-17x", "a" * 40):
        text = json.dumps(KINDS[kind](app), separators=(",", ":")).encode()
        stored = admitter.recall(text, 0, len(text))
        assert stored == admit(KINDS[kind](app)).document
        assert json.dumps(stored) == json.dumps(admit(KINDS[kind](app)).document)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_wrong_with_another_application_is_told_as_if_it_were_alone(kind: str) -> None:
    admitter = knowing(kind)
    for kind_of, paths, value in CHANGED:
        document = changed(KINDS[kind]("other"), paths, value) if kind_of == kind else KINDS[kind]("other")
        assert admitter.admit(document) == admit(document), (paths, value)


@given(st.sampled_from([*KINDS]), st.data())
def test_what_became_a_model_does_not_matter(kind: str, data: st.DataObject) -> None:
    changes = [change for change in CHANGED if change[0] == kind]
    admitter = Admitter()
    for number in range(MANY):
        document = KINDS[kind](f"web-{number % 7}")
        for _, paths, value in data.draw(st.lists(st.sampled_from(changes), max_size=2)):
            try:
                document = changed(document, paths, value)
            except (TypeError, KeyError):
                continue
        assert admitter.admit(document) == admit(document)


def test_pods_of_an_application_share_what_is_equal_in_any_order() -> None:
    admitter = Admitter()
    pods = [put(pod(f"app-{app}", number), (*SPEC, "volumes"), []) for app in range(40) for number in range(5)]
    random.Random(1).shuffle(pods)
    found: dict[str, list[Any]] = {}
    for each in pods:
        stored = admitter.admit(each).document
        assert stored == admit(each).document
        found.setdefault(each["metadata"]["labels"]["app"], []).append(stored)
    for alike in found.values():
        assert len({id(each["metadata"]["labels"]) for each in alike[-4:]}) == 1
        assert len({id(each["spec"]["containers"]) for each in alike[-4:]}) == 1


def test_a_label_that_others_of_the_template_decide_about_is_no_name() -> None:
    unlike = [{"key": "app", "operator": "NotIn", "values": ["other"]}]

    def apart(app: str) -> dict[str, Any]:
        document = put(deployment(app), (*SPEC, "selector"), {"matchExpressions": unlike})
        return put(document, LABEL, app)

    admitter = Admitter()
    for number in range(MANY):
        admitter.admit(apart(f"web-{number}"))
    assert admitter.admit(apart("other")).problems == admit(apart("other")).problems != ()


def test_containers_of_one_pod_are_not_called_the_same() -> None:
    admitter = Admitter()
    for number in range(MANY):
        several = [{"name": f"{each}-{number}", "image": "example.test/web:1"} for each in "ab"]
        assert not admitter.admit(put(pod(f"web-{number}"), CONTAINERS[0], several)).problems
    twice = put(pod("shop"), CONTAINERS[0], [{"name": "a", "image": "example.test/web:1"}] * 2)
    assert admitter.admit(twice).problems == admit(twice).problems != ()


def test_a_variable_with_a_value_from_elsewhere_has_none_of_its_own() -> None:
    def valued(app: str, value: str) -> dict[str, Any]:
        variable = {"name": "A", "value": value, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
        return put(pod(app), (*CONTAINERS[0], 0, "env"), [variable])

    admitter = Admitter()
    for number in range(MANY):
        assert not admitter.admit(valued(f"web-{number}", "")).problems
    assert admitter.admit(valued("shop", "x")).problems == admit(valued("shop", "x")).problems != ()


def test_a_claim_that_the_pod_makes_is_not_taken_for_any_claim() -> None:
    made = {"name": "own", "ephemeral": {"volumeClaimTemplate": {"spec": _claim()}}}

    def claiming(app: str, claim: str) -> dict[str, Any]:
        named = {"name": "v", "persistentVolumeClaim": {"claimName": claim}}
        return put(pod(app), (*SPEC, "volumes"), [named, made])

    admitter = Admitter()
    for number in range(MANY):
        assert not admitter.admit(claiming(f"web-{number}", f"c-{number}")).problems
    wrong = claiming("shop", "shop-0-own")
    assert admitter.admit(wrong).problems == admit(wrong).problems != ()


def _claim() -> dict[str, Any]:
    return {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


def test_an_empty_uid_is_none() -> None:
    """What was added to a pod since is refused where nothing says that a cluster printed it."""
    added = [{"name": "debug", "image": "example.test/debug:1"}]
    pods = [put(running(number), (*SPEC, "ephemeralContainers"), added) for number in range(3)]
    for each in pods:
        del each["metadata"]["resourceVersion"], each["metadata"]["creationTimestamp"]
    pods[-1] = put(pods[-1], (*META, "uid"), "")
    admitter = Admitter()
    assert [bool(admitter.admit(each).problems) for each in pods] == [False, False, True]


@pytest.mark.parametrize("indent", [None, 4])
def test_applications_of_a_long_list_are_those_of_as_many_files(indent: int | None) -> None:
    right = [KINDS[kind](f"web-{number}") for number in range(MANY + 5) for kind in KINDS]
    wrong = [changed(KINDS[kind](f"bad-{number}"), paths, value) for number, (kind, paths, value) in enumerate(CHANGED)]
    objects = [*right, *wrong]
    expected, found = read(*(json.dumps(each).encode() for each in objects)), read(long_list(objects, indent))
    assert told(found) == told(expected)
    documents = {str(obj): obj.document for obj in expected.objects}
    assert {str(obj): obj.document for obj in found.objects if obj.kind != "ConfigMap"} == documents


@pytest.mark.parametrize("made", [deployment, pod])
def test_a_string_that_is_spelled_with_escapes_is_not_taken_for_another(made: Callable[[str], Any]) -> None:
    """What it says stands again behind it, without escapes, and is found there."""
    admitter = Admitter()
    for number in range(MANY):
        document = made(f"web-{number}")
        plain = json.dumps(document).encode()
        text = plain.replace(b'"app": "web-', b'"app": "\\u0077eb-')
        assert json.loads(text) == document
        assert text != plain
        assert admitter.recall(text, 0, len(text)) is None
        assert admitter.admit(document, text) == admit(document)
