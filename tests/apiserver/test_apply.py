"""Applying manifests: what is set, what goes, and what stays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubelogic.apiserver import requests
from kubelogic.apiserver.patches.client_side import LAST_APPLIED, client_side_apply, last_applied
from kubelogic.apiserver.patches.errors import PatchError
from kubelogic.apiserver.patches.server_side import server_side_apply
from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State


def deployment(metadata: dict[str, Any] | None = None, template: dict[str, Any] | None = None, **spec: Any) -> Any:
    pod = {"containers": [{"name": "a", "image": "a:1"}], **(template or {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default", **(metadata or {})},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod},
            **spec,
        },
    }


def noted(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest as kubectl's client-side apply would have made it."""
    return {LAST_APPLIED: json.dumps(manifest)}


def live(manifest: dict[str, Any], *, replicas: int = 2) -> dict[str, Any]:
    """What a cluster stores: the manifest with defaults, a uid, an annotation of its controller and a status."""
    pod = manifest["spec"]["template"]["spec"]
    return {
        **manifest,
        "metadata": {
            **manifest["metadata"],
            "uid": "u-1",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {"deployment.kubernetes.io/revision": "3", **noted(manifest)},
        },
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 10,
            **manifest["spec"],
            "template": {**manifest["spec"]["template"], "spec": {"restartPolicy": "Always", **pod}},
        },
        "status": {"replicas": replicas},
    }


APPLIES = {
    "server-side": lambda stored, manifest: server_side_apply(stored, manifest).document,
    "client-side": client_side_apply,
}


@pytest.mark.parametrize("apply", APPLIES.values(), ids=APPLIES)
class TestBothWays:
    def test_what_the_manifest_says_is_set_and_the_rest_stays(self, apply: Any) -> None:
        stored = live(deployment())
        result = apply(stored, deployment(replicas=5))
        assert result["spec"]["replicas"] == 5
        assert result["spec"]["revisionHistoryLimit"] == 10
        assert result["spec"]["template"]["spec"]["restartPolicy"] == "Always"
        assert result["metadata"]["uid"] == "u-1"
        assert result["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
        assert result["status"] == {"replicas": 2}
        assert (last_applied(result) or {})["spec"]["replicas"] == 5

    def test_replicas_that_the_manifest_leaves_to_an_autoscaler_stay(self, apply: Any) -> None:
        assert apply(live(deployment(), replicas=7), deployment(minReadySeconds=5))["spec"]["replicas"] == 7

    def test_a_field_that_was_applied_and_is_no_longer_there_goes(self, apply: Any) -> None:
        before = deployment(minReadySeconds=9, template={"nodeSelector": {"a": "1"}, "hostNetwork": True})
        result = apply(live(before), deployment())
        assert "minReadySeconds" not in result["spec"]
        assert "nodeSelector" not in result["spec"]["template"]["spec"]
        assert "hostNetwork" not in result["spec"]["template"]["spec"]

    def test_a_container_that_was_applied_goes_and_one_that_another_added_stays(self, apply: Any) -> None:
        before = deployment(template={"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}]})
        stored = live(before)
        stored["spec"]["template"]["spec"]["containers"] = [
            {"name": "a", "image": "a:1", "imagePullPolicy": "IfNotPresent"},
            {"name": "b", "image": "b:1"},
            {"name": "sidecar", "image": "s:1"},
        ]
        after = deployment(template={"containers": [{"name": "a", "image": "a:2"}]})
        assert apply(stored, after)["spec"]["template"]["spec"]["containers"] == [
            {"name": "a", "image": "a:2", "imagePullPolicy": "IfNotPresent"},
            {"name": "sidecar", "image": "s:1"},
        ]

    def test_labels_go_one_by_one(self, apply: Any) -> None:
        before = deployment(metadata={"labels": {"a": "1", "b": "2"}})
        stored = live(before)
        stored["metadata"]["labels"]["other"] = "x"
        result = apply(stored, deployment(metadata={"labels": {"b": "3"}}))
        assert result["metadata"]["labels"] == {"b": "3", "other": "x"}

    def test_an_environment_variable_and_an_argument_change(self, apply: Any) -> None:
        def with_env(*env: tuple[str, str], args: list[str]) -> Any:
            variables = [{"name": name, "value": value} for name, value in env]
            return deployment(template={"containers": [{"name": "a", "image": "a", "env": variables, "args": args}]})

        stored = live(with_env(("x", "1"), ("y", "2"), args=["-a", "-b"]))
        result = apply(stored, with_env(("z", "3"), ("x", "5"), args=["-c"]))
        container = result["spec"]["template"]["spec"]["containers"][0]
        assert {each["name"]: each["value"] for each in container["env"]} == {"z": "3", "x": "5"}
        assert container["args"] == ["-c"]

    def test_applying_the_same_again_changes_nothing_but_notes(self, apply: Any) -> None:
        stored = live(deployment(replicas=3, template={"tolerations": [{"operator": "Exists"}]}))
        result = apply(stored, deployment(replicas=3, template={"tolerations": [{"operator": "Exists"}]}))
        assert result["spec"] == stored["spec"]


def test_ports_of_a_service_are_told_apart_by_port_and_protocol() -> None:
    def service(*ports: dict[str, Any]) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "dns"}, "spec": {"ports": list(ports)}}

    udp, tcp = {"name": "u", "port": 53, "protocol": "UDP"}, {"name": "t", "port": 53, "protocol": "TCP"}
    stored = service({**udp, "nodePort": 30053}, {**tcp, "nodePort": 30054})
    stored["spec"]["clusterIP"] = "10.96.0.10"
    change = service({"name": "t", "port": 53, "targetPort": 5353}, udp)
    result = server_side_apply(stored, change, before=service(udp, tcp)).document["spec"]
    assert result["clusterIP"] == "10.96.0.10"
    assert sorted(each["nodePort"] for each in result["ports"]) == [30053, 30054]
    assert next(each for each in result["ports"] if each["name"] == "t")["targetPort"] == 5353
    gone = server_side_apply(stored, service(udp), before=service(udp, tcp))
    assert [each["protocol"] for each in gone.document["spec"]["ports"]] == ["UDP"]
    assert gone.removed == ('spec.ports.{"port":53,"protocol":"TCP"}',)


def test_what_another_manager_owns_stays() -> None:
    stored = live(deployment(metadata={"labels": {"team": "a", "tier": "web"}}))
    stored["metadata"]["managedFields"] = [
        {
            "manager": "kubectl-client-side-apply",
            "operation": "Update",
            "fieldsV1": {
                "f:metadata": {
                    "f:annotations": {f"f:{LAST_APPLIED}": {}},
                    "f:labels": {".": {}, "f:team": {}, "f:tier": {}},
                }
            },
        },
        {"manager": "policy", "operation": "Update", "fieldsV1": {"f:metadata": {"f:labels": {"f:team": {}}}}},
    ]
    result = server_side_apply(stored, deployment())
    assert result.document["metadata"]["labels"] == {"team": "a"}
    assert result.removed == ("metadata.labels.tier",)
    other = server_side_apply(stored, deployment(), manager="helm")
    assert other.document["metadata"]["labels"] == {"team": "a", "tier": "web"}
    assert not other.ownership_known


def test_nothing_goes_where_nothing_tells_who_set_it() -> None:
    stored = live(deployment(minReadySeconds=9))
    del stored["metadata"]["annotations"][LAST_APPLIED]
    result = server_side_apply(stored, deployment())
    assert result.document["spec"]["minReadySeconds"] == 9
    assert (result.removed, result.ownership_known) == ((), False)


def test_the_metadata_and_the_status_of_a_manifest_that_was_exported_say_nothing() -> None:
    exported = deployment(metadata={"creationTimestamp": None, "generation": 9, "resourceVersion": "7"}, replicas=4)
    exported["status"] = {}
    result = server_side_apply(live(deployment()), exported).document
    assert result["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"
    assert "resourceVersion" not in result["metadata"]
    assert result["status"] == {"replicas": 2}


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        (deployment(metadata={"uid": "u-2"}), 409, "UID in precondition: u-2, UID in object: u-1"),
        (
            deployment(template={"containers": [{"name": "a"}, {"name": "a"}]}),
            422,
            'duplicate entries for key {"name":"a"}',
        ),
        (deployment(template={"containers": [{"image": "a"}]}), 422, "omits name"),
    ],
)
def test_manifests_that_cannot_be_applied(change: dict[str, Any], status: int, message: str) -> None:
    with pytest.raises(PatchError) as raised:
        server_side_apply(live(deployment()), change)
    assert raised.value.status == status
    assert message in raised.value.message


@pytest.mark.parametrize("server_side", [True, False])
def test_requests_apply_twice_and_the_second_takes_away_what_the_first_had(server_side: bool) -> None:
    first = requests.apply(State(cluster=Cluster()), deployment(replicas=3, minReadySeconds=4), server_side=server_side)
    assert first.answer.status == 201
    second = requests.apply(first.state, deployment(paused=True), server_side=server_side)
    assert second.answer.status == 200
    stored = second.state.cluster.get("Deployment", "default/web")
    assert stored is not None
    assert stored.document["spec"]["replicas"] == 1, "the default again, as nobody says another number"
    assert "minReadySeconds" not in stored.document["spec"] or stored.document["spec"]["minReadySeconds"] == 0
    assert stored.document["spec"]["paused"] is True
    assert stored.document["metadata"]["generation"] == 2
    same = requests.apply(second.state, deployment(paused=True), server_side=server_side)
    again = same.state.cluster.get("Deployment", "default/web")
    assert again is not None
    assert again.document["metadata"]["generation"] == 2


def test_requests_apply_passes_validation_and_immutability() -> None:
    state = requests.apply(State(cluster=Cluster()), deployment()).state
    wrong = deployment(replicas=-1)
    assert requests.apply(state, wrong).answer.status == 422
    other = deployment(selector={"matchLabels": {"app": "other"}})
    other["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    answer = requests.apply(state, other).answer
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert "field is immutable" in answer.message


def test_a_name_that_the_server_makes_cannot_be_applied() -> None:
    document = deployment(metadata={"generateName": "web-"})
    del document["metadata"]["name"]
    outcome = requests.apply(State(cluster=Cluster()), document)
    assert outcome.answer.status == 400
    assert outcome.answer.message == "from web-: cannot use generate name with apply"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "api"}, "the name of the object (api) does not match the name on the URL (web)"),
        ({"name": None}, "name must be provided"),
        ({"namespace": "team"}, "the namespace of the object (team) does not match the namespace on the URL (default)"),
    ],
)
def test_a_patch_leaves_the_object_where_it_is(change: dict[str, Any], message: str) -> None:
    state = requests.apply(State(cluster=Cluster()), deployment()).state
    for patch in (requests.patch, requests.strategic_patch):
        outcome = patch(state, "Deployment", "default/web", {"metadata": change})
        assert (outcome.answer.status, outcome.answer.message) == (400, message)
        assert outcome.state is state
    assert requests.patch(state, "Deployment", "default/web", {"metadata": {"name": "web"}}).answer.accepted


def test_a_patch_leaves_the_object_what_it_is() -> None:
    state = requests.apply(State(cluster=Cluster()), deployment()).state
    other = requests.patch(state, "Deployment", "default/web", {"metadata": {"uid": "other"}}).answer
    assert (other.status, other.reason) == (409, "Conflict")
    assert "UID in precondition: other" in other.message
    no_mapping = [{"op": "replace", "path": "/metadata", "value": 5}]
    answer = requests.json_patch(state, "Deployment", "default/web", no_mapping).answer
    assert answer.status == 422
    assert answer.message == 'Deployment.apps "web" is invalid: metadata: must be a mapping'
