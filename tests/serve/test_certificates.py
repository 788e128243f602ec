"""Requests for certificates: what is refused, who is approved, what is signed."""

from __future__ import annotations

import base64
import ipaddress
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.serving import Client

URL = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
SERVING, KUBELET = "kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet"
CLIENT = "kubernetes.io/kube-apiserver-client"
KEY = ec.generate_private_key(ec.SECP256R1())


def pem(name: str = "jane", organization: str = "", *others: x509.GeneralName) -> bytes:
    """A request for a certificate."""
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organization:
        subject.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if others:
        made = made.add_extension(x509.SubjectAlternativeName(others), critical=False)
    return made.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def body(
    request: bytes, signer: str = CLIENT, usages: tuple[str, ...] = ("client auth",), **more: Any
) -> dict[str, Any]:
    """The object that asks for one."""
    spec = {"request": base64.b64encode(request).decode(), "signerName": signer, "usages": list(usages), **more}
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": "a"},
        "spec": spec,
    }


def approve(client: Client, kind: str = "Approved") -> Any:
    """What ``kubectl certificate approve`` sends, and the object after it."""
    document = client.get(f"{URL}/a")
    document.setdefault("status", {})["conditions"] = [{"type": kind, "status": "True", "reason": "KubectlApprove"}]
    assert client.send("PUT", f"{URL}/a/approval", document).status == 200
    return client.get(f"{URL}/a")


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        (
            {"request": base64.b64encode(b"no").decode()},
            "spec.request",
            "[]byte{0x6e, 0x6f}: PEM block type must be CERTIFICATE REQUEST",
        ),
        ({"request": ""}, "spec.request", "PEM block type must be CERTIFICATE REQUEST"),
        ({"request": base64.b64encode(pem().replace(b"MI", b"MJ", 1)).decode()}, "spec.request", "x509: "),
        ({"usages": []}, "spec.usages", "Required value"),
        (
            {"usages": ["client auth", "cooking"]},
            "spec.usages[1]",
            'Unsupported value: "cooking": supported values: "any", "cert sign"',
        ),
        ({"usages": ["client auth", "client auth"]}, "spec.usages[1]", 'Duplicate value: "client auth"'),
        ({"signerName": ""}, "spec.signerName", "Required value"),
        ({"signerName": "plain"}, "spec.signerName", "must be a fully qualified domain and path"),
        (
            {"signerName": "local/x"},
            "spec.signerName",
            "should be a domain with at least two segments separated by dots",
        ),
        ({"signerName": "a.b/C"}, "spec.signerName", 'Invalid value: "C": validating label "C"'),
        ({"signerName": "kubernetes.io/legacy-unknown"}, "spec.signerName", "the legacy signerName is not allowed"),
        (
            {"expirationSeconds": 599},
            "spec.expirationSeconds",
            "may not specify a duration less than 600 seconds (10 minutes)",
        ),
    ],
)
def test_what_no_certificate_is_made_of_is_refused(
    client: Client, change: dict[str, Any], field: str, words: str
) -> None:
    document = body(pem())
    document["spec"] |= change
    reply = client.send("POST", URL, document)
    assert reply.status == 422
    [cause] = [each for each in reply.body["details"]["causes"] if each["field"] == field]
    assert words in cause["message"]


def test_an_approved_request_is_signed(client: Client) -> None:
    assert (
        client.send(
            "POST", URL, body(pem("jane", "devs"), usages=("client auth", "digital signature"), expirationSeconds=3600)
        ).status
        == 201
    )
    assert "certificate" not in client.get(f"{URL}/a")["status"]
    made = x509.load_pem_x509_certificate(base64.b64decode(approve(client)["status"]["certificate"]))
    assert made.subject.rfc4514_string() == "CN=jane,O=devs" or made.subject.rfc4514_string() == "O=devs,CN=jane"
    assert made.public_key() == KEY.public_key()
    assert (made.not_valid_after_utc - made.not_valid_before_utc).total_seconds() == 3600 + 300
    assert list(made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH
    ]
    assert [row[-1] for row in client.table(URL)] == ["Approved,Issued"]


@pytest.mark.parametrize(
    ("request_", "signer", "usages", "why"),
    [
        (pem(), CLIENT, ("client auth", "server auth"), "invalid usage for client certificate: server auth"),
        (pem(), CLIENT, ("digital signature",), "missing required usage for client certificate: client auth"),
        (
            pem("system:node:n1"),
            KUBELET,
            ("client auth", "digital signature"),
            "subject organization is not system:nodes",
        ),
        (
            pem("n1", "system:nodes"),
            KUBELET,
            ("client auth", "digital signature"),
            "subject common name does not begin with system:node:",
        ),
        (
            pem("system:node:n1", "system:nodes"),
            KUBELET,
            ("client auth",),
            "usages did not match [client auth digital signature]",
        ),
        (
            pem("system:node:n1", "system:nodes", x509.DNSName("n1")),
            KUBELET,
            ("client auth", "digital signature"),
            "DNS subjectAltNames are not allowed",
        ),
        (
            pem("system:node:n1", "system:nodes"),
            SERVING,
            ("server auth", "digital signature"),
            "DNS or IP subjectAltName is required",
        ),
        (
            pem("system:node:n1", "system:nodes", x509.DNSName("n1"), x509.RFC822Name("a@b.c")),
            SERVING,
            ("server auth", "digital signature"),
            "Email subjectAltNames are not allowed",
        ),
    ],
)
def test_what_a_signer_does_not_sign_fails(
    client: Client, request_: bytes, signer: str, usages: tuple[str, ...], why: str
) -> None:
    assert client.send("POST", URL, body(request_, signer, usages)).status == 201
    status = approve(client)["status"]
    assert "certificate" not in status
    assert status["conditions"][-1]["type"] == "Failed"
    assert (status["conditions"][-1]["reason"], status["conditions"][-1]["message"]) == ("SignerValidationFailure", why)


def test_kubelets_are_approved_by_their_roles_and_served_by_hand(client: Client) -> None:
    role = {
        "apiGroups": ["certificates.k8s.io"],
        "resources": ["certificatesigningrequests/selfnodeclient", "certificatesigningrequests"],
        "verbs": ["create"],
    }
    meta = {"name": "nodes"}
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    assert client.send("POST", f"{rbac}/clusterroles", {"metadata": meta, "rules": [role]}).status == 201
    binding = {
        "metadata": meta,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "nodes"},
    }
    binding["subjects"] = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:nodes"}]
    assert client.send("POST", f"{rbac}/clusterrolebindings", binding).status == 201
    who = {"user": "system:node:n1", "groups": ("system:nodes", "system:authenticated")}
    usages = ("client auth", "digital signature")
    own = body(pem("system:node:n1", "system:nodes"), KUBELET, usages)
    assert client.send("POST", URL, own, **who).status == 201
    status = client.get(f"{URL}/a")["status"]
    assert [(each["type"], each["reason"]) for each in status["conditions"]] == [("Approved", "AutoApproved")]
    assert status["certificate"]
    other = body(pem("system:node:n2", "system:nodes"), KUBELET, usages)
    other["metadata"]["name"] = "b"
    assert client.send("POST", URL, other, **who).status == 201
    serving = body(
        pem("system:node:n1", "system:nodes", x509.IPAddress(ipaddress.ip_address("192.0.2.1"))),
        SERVING,
        ("server auth", "digital signature"),
    )
    serving["metadata"]["name"] = "c"
    assert client.send("POST", URL, serving, **who).status == 201
    assert [row[-1] for row in client.table(URL)] == ["Approved,Issued", "Pending", "Pending"]


def test_signers_of_others_and_what_is_denied_are_left_alone(client: Client) -> None:
    assert client.send("POST", URL, body(pem(), "example.com/mine")).status == 201
    assert "certificate" not in approve(client)["status"]
    assert client.send("DELETE", f"{URL}/a").status == 200
    assert client.send("POST", URL, body(pem())).status == 201
    assert "certificate" not in approve(client, "Denied")["status"]
