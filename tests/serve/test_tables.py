"""Tables of kinds that no recorded session prints, and who asks for a certificate."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kubelogic.serve.resources import built_in
from kubelogic.serve.tables import table
from kubelogic.serve.tables.common import Document
from tests.serve.test_certificates import pem
from tests.support.serving import Client

META = {"name": "x", "creationTimestamp": "1970-01-01T00:00:10Z"}
SELECTOR = {
    "matchLabels": {"b": "2", "a": "1"},
    "matchExpressions": [{"key": "c", "operator": "In", "values": ["d", "e"]}],
}
IN_GO = (
    "&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{"
    "LabelSelectorRequirement{Key:c,Operator:In,Values:[d e],},},}"
)
QUEUES = {"type": "Queue", "queuing": {"queues": 64, "handSize": 6, "queueLengthLimit": 50}}


def test_every_kind_of_the_api_server_has_a_table_of_its_own() -> None:
    """Only the kinds of gangs, whose printers were not read, are told by name and age alone."""
    plain = {each.kind for each in built_in() if "list" in each.verbs and [*_columns(each.kind, {})] == ["Name", "Age"]}
    assert plain == {"DeviceClass", "PodGroup", "ResourceClaimTemplate", "Workload"}


def _table(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    resource = next(each for each in built_in() if each.kind == kind)
    document: Document = {"metadata": META, **body}
    return table(resource, [document], 130_000, metadata={})


def _columns(kind: str, body: dict[str, Any]) -> list[str]:
    return [each["name"] for each in _table(kind, body)["columnDefinitions"]]


@pytest.mark.parametrize(
    ("kind", "body", "row"),
    [
        ("ValidatingAdmissionPolicy", {"spec": {"validations": [{}, {}]}}, "Validations 2 ParamKind <unset> Age 2m"),
        (
            "MutatingAdmissionPolicy",
            {"spec": {"mutations": [{}], "paramKind": {"apiVersion": "x.io/v1", "kind": "Limit"}}},
            "Mutations 1 ParamKind x.io/v1/Limit Age 2m",
        ),
        ("ValidatingAdmissionPolicyBinding", {"spec": {"policyName": "p"}}, "PolicyName p ParamRef <unset> Age 2m"),
        (
            "ValidatingAdmissionPolicyBinding",
            {"spec": {"policyName": "p", "paramRef": {"name": "l"}}},
            "PolicyName p ParamRef */l Age 2m",
        ),
        (
            "MutatingAdmissionPolicyBinding",
            {"spec": {"policyName": "p", "paramRef": {"name": "l", "namespace": "n"}}},
            "PolicyName p ParamRef n/l Age 2m",
        ),
        (
            "MutatingAdmissionPolicyBinding",
            {"spec": {"policyName": "p", "paramRef": {"selector": SELECTOR}}},
            f"PolicyName p ParamRef {IN_GO} Age 2m",
        ),
        (
            "PriorityLevelConfiguration",
            {"spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": 0, "limitResponse": QUEUES}}},
            "Type Limited NominalConcurrencyShares 0 Queues 64 HandSize 6 QueueLengthLimit 50 Age 2m",
        ),
        (
            "PriorityLevelConfiguration",
            {"spec": {"type": "Exempt"}},
            "Type Exempt NominalConcurrencyShares <none> Queues <none> HandSize <none> QueueLengthLimit <none> Age 2m",
        ),
        ("CSIStorageCapacity", {"storageClassName": "fast"}, "StorageClassName fast Capacity <unset>"),
        ("VolumeAttributesClass", {"driverName": "d.io"}, "DriverName d.io Age 2m"),
        ("APIService", {"spec": {}}, "Service Local Available Unknown Age 2m"),
        (
            "APIService",
            {
                "spec": {"service": {"namespace": "kube-system", "name": "metrics-server"}},
                "status": {"conditions": [{"type": "Available", "status": "False", "reason": "MissingEndpoints"}]},
            },
            "Service kube-system/metrics-server Available False (MissingEndpoints) Age 2m",
        ),
        (
            "ComponentStatus",
            {"conditions": [{"type": "Healthy", "status": "True", "message": "ok"}]},
            "Status Healthy Message ok Error ",
        ),
        (
            "IPAddress",
            {"spec": {"parentRef": {"resource": "services", "namespace": "default", "name": "kubernetes"}}},
            "ParentRef services/default/kubernetes",
        ),
        (
            "EndpointSlice",
            {"addressType": "IPv4", "ports": [{"port": 80}, {"name": "any"}, {}]},
            "AddressType IPv4 Ports 80,any,* Endpoints <unset> Age 2m",
        ),
    ],
)
def test_rows(kind: str, body: dict[str, Any], row: str) -> None:
    made = _table(kind, body)
    pairs = zip(_columns(kind, body), made["rows"][0]["cells"], strict=True)
    assert " ".join(f"{name} {cell}" for name, cell in pairs) == f"Name x {row}"


def test_who_asks_for_a_certificate_is_who_sends_the_request(client: Client) -> None:
    url = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    spec = {
        "request": base64.b64encode(pem()).decode(),
        "signerName": "x.io/y",
        "usages": ["client auth"],
        "username": "root",
        "uid": "0",
    }
    body = {"metadata": {"name": "jane"}, "spec": spec, "status": {"conditions": [{"type": "Approved"}]}}
    assert client.send("POST", url, body, user="jane", groups=("dev", "system:masters")).status == 201
    made = client.get(f"{url}/jane")
    told = {key: made["spec"].get(key) for key in ("username", "uid", "groups")}
    assert told == {"username": "jane", "uid": "jane", "groups": ["dev", "system:masters"]}
    assert client.table(url) == [["jane", "0s", "x.io/y", "jane", "<none>", "Pending"]]


@pytest.mark.parametrize(
    ("kind", "url", "body", "change"),
    [
        (
            "DeviceClass",
            "/apis/resource.k8s.io/v1/deviceclasses",
            {"spec": {}},
            {"spec": {"extendedResourceName": "x.io/gpu"}},
        ),
        (
            "PodTemplate",
            "/api/v1/namespaces/default/podtemplates",
            {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}},
            {"template": {"metadata": {"labels": {"a": "b"}}}},
        ),
        (
            "ValidatingAdmissionPolicyBinding",
            "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
            {"spec": {"policyName": "p", "validationActions": ["Deny"]}},
            {"spec": {"validationActions": ["Warn"]}},
        ),
        (
            "ValidatingWebhookConfiguration",
            "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
            {"webhooks": []},
            {
                "webhooks": [
                    {
                        "name": "a.x.io",
                        "clientConfig": {"url": "https://x.io/a"},
                        "sideEffects": "None",
                        "admissionReviewVersions": ["v1"],
                    }
                ]
            },
        ),
    ],
)
def test_changes_of_what_is_wished_for_are_counted(
    client: Client, kind: str, url: str, body: dict[str, Any], change: dict[str, Any]
) -> None:
    def counted(method: str, path: str, sent: dict[str, Any]) -> int:
        reply = client.send(method, path, sent, content_type="application/json" if method == "POST" else patch)
        assert reply.status in (200, 201), (kind, reply.body)
        return int(client.get(f"{url}/x")["metadata"]["generation"])

    patch = "application/merge-patch+json"
    assert counted("POST", url, {"metadata": {"name": "x"}, **body}) == 1
    assert counted("PATCH", f"{url}/x", {"metadata": {"labels": {"a": "b"}}}) == 1
    assert counted("PATCH", f"{url}/x", change) == 2
