"""Requests for certificates: whose they are, what is refused, and who approves and signs them.

Source: pkg/registry/certificates/certificates/strategy.go; pkg/apis/certificates/helpers.go and validation;
pkg/controller/certificates, approver/sarapprove.go and signer/signer.go of Kubernetes 1.36.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kubelogic.kinds.validation.names import dns_label, dns_subdomain
from kubelogic.serve.access import MASTERS
from kubelogic.serve.messages import Request
from kubelogic.serve.resources import Resource
from kubelogic.serve.statuses import cause_of, invalid

if TYPE_CHECKING:
    from cryptography.x509 import CertificateSigningRequest

KIND = "CertificateSigningRequest"
SERVING = "kubernetes.io/kubelet-serving"
KUBELET = "kubernetes.io/kube-apiserver-client-kubelet"
CLIENT = "kubernetes.io/kube-apiserver-client"
LEGACY = "kubernetes.io/legacy-unknown"
_OF_USERS = ("username", "uid", "groups", "extra")
_BLOCK = "CERTIFICATE REQUEST"
_USAGES = (
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
)
_SHORTEST = 600
_LONGEST_NAME = 571
"""Bytes of a signer's name: a subdomain, a slash, a subdomain, a dot and a label."""


def with_requester(resource: Resource, request: Request, document: Mapping[str, Any]) -> dict[str, Any]:
    """A document that is created, with the user in it if it asks for a certificate.

    Args:
        resource: what is created; documents of other kinds stay as they are.
        request: whose user is meant.
        document: the object.

    Raises:
        RequestError: 422; it asks for what no certificate is made of.
    """
    if resource.kind != KIND:
        return dict(document)
    spec = {key: value for key, value in (document.get("spec") or {}).items() if key not in _OF_USERS}
    spec["username"] = request.user
    if MASTERS in request.groups:
        spec["uid"] = request.user
    spec["groups"] = list(request.groups)
    kept = {key: value for key, value in document.items() if key != "status"}
    found = [cause_of(field, words) for field, words in faults(spec)]
    if found:
        name = str((document.get("metadata") or {}).get("name") or "")
        raise invalid(resource.group, resource.kind, name, found)
    return {**kept, "spec": spec}


class NoRequestError(ValueError):
    """What is sent is no request for a certificate; says why."""


def parsed(text: Any) -> CertificateSigningRequest:
    """The request within the field ``request``.

    Raises:
        NoRequestError: it cannot be read, or its signature is not that of its key.
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    raw = _raw(text)
    if f"-----BEGIN {_BLOCK}-----".encode() not in raw:
        raise NoRequestError(f"PEM block type must be {_BLOCK}")
    try:
        found = x509.load_pem_x509_csr(raw)
        if not found.is_signature_valid:
            raise NoRequestError("x509: signature is not that of the key in the request")
    except (ValueError, UnsupportedAlgorithm) as error:
        raise NoRequestError(f"x509: {error}") from error
    return found


def _raw(text: Any) -> bytes:
    try:
        return base64.b64decode(str(text or ""), validate=False)
    except binascii.Error:
        return b""


def faults(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with the specification of a request, as field and words.

    Source: validateCertificateSigningRequest.
    """
    try:
        parsed(spec.get("request"))
    except NoRequestError as error:
        raw = _raw(spec.get("request"))
        shown = "[]byte(nil)" if not raw else f"[]byte{{{', '.join(hex(each) for each in raw)}}}"
        yield "spec.request", f"Invalid value: {shown}: {error}"
    usages = [str(each) for each in spec.get("usages") or ()]
    if not usages:
        yield "spec.usages", "Required value"
    for number, usage in enumerate(usages):
        if usage not in _USAGES:
            known = ", ".join(f'"{each}"' for each in _USAGES)
            yield f"spec.usages[{number}]", f'Unsupported value: "{usage}": supported values: {known}'
    for number, usage in enumerate(usages):
        if usage in usages[:number]:
            yield f"spec.usages[{number}]", f'Duplicate value: "{usage}"'
    yield from _signer_faults(str(spec.get("signerName") or ""))
    seconds = spec.get("expirationSeconds")
    if isinstance(seconds, int) and seconds < _SHORTEST:
        words = "may not specify a duration less than 600 seconds (10 minutes)"
        yield "spec.expirationSeconds", f"Invalid value: {seconds}: {words}"


def _signer_faults(name: str) -> Iterator[tuple[str, str]]:
    field = "spec.signerName"
    if not name:
        yield field, "Required value"
        return
    if name == LEGACY:
        yield field, f'Invalid value: "{name}": the legacy signerName is not allowed via this API version'
        return
    domain, slash, path = name.partition("/")
    if not slash or "/" in path:
        words = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        yield field, f'Invalid value: "{name}": {words}'
        return
    for part, fault_of in ((domain, dns_label), (path, dns_subdomain)):
        for label in part.split("."):
            why = fault_of(label)
            if why:
                yield field, f'Invalid value: "{part}": validating label "{label}": {why}'
                break
    if "." not in domain:
        yield field, f'Invalid value: "{domain}": should be a domain with at least two segments separated by dots'
    if len(name) > _LONGEST_NAME:
        yield field, f"Too long: may not be more than {_LONGEST_NAME} bytes"


# -- whom controllers approve and what they sign ------------------------------------------------------------------

_TLS = frozenset({"digital signature", "key encipherment"})


def unfit(request: CertificateSigningRequest, usages: Sequence[str], signer: str) -> str | None:
    """Why a signer of Kubernetes does not sign a request; empty if it does, None if it is not its own.

    Source: ValidateKubeletServingCSR, ValidateKubeletClientCSR, validAPIServerClientUsages.
    """
    match signer:
        case "kubernetes.io/kubelet-serving":
            return _unfit_of_kubelet(request, usages, "server auth")
        case "kubernetes.io/kube-apiserver-client-kubelet":
            return _unfit_of_kubelet(request, usages, "client auth")
        case "kubernetes.io/kube-apiserver-client":
            for each in usages:
                if each not in (*_TLS, "client auth"):
                    return f"invalid usage for client certificate: {each}"
            return "" if "client auth" in usages else "missing required usage for client certificate: client auth"
    return None


def _unfit_of_kubelet(request: CertificateSigningRequest, usages: Sequence[str], needs: str) -> str:
    from cryptography.x509.oid import NameOID

    names = _alternative_names(request)
    if _subject(request, NameOID.ORGANIZATION_NAME) != ["system:nodes"]:
        return "subject organization is not system:nodes"
    serves = needs == "server auth"
    if serves and not names["DNS"] and not names["IP"]:
        return "DNS or IP subjectAltName is required"
    for kind in ("Email", "URI") if serves else ("DNS", "Email", "IP", "URI"):
        if names[kind]:
            return f"{kind} subjectAltNames are not allowed"
    wanted = {"digital signature", needs}
    if set(usages) not in (wanted, wanted | {"key encipherment"}):
        ordered = sorted(wanted)
        return f"usages did not match [{' '.join(ordered)}]"
    if not "".join(_subject(request, NameOID.COMMON_NAME)[-1:]).startswith("system:node:"):
        return "subject common name does not begin with system:node:"
    return ""


def _subject(request: CertificateSigningRequest, part: Any) -> list[str]:
    return [str(each.value) for each in request.subject.get_attributes_for_oid(part)]


def common_name(request: CertificateSigningRequest) -> str:
    """Whom a request names."""
    from cryptography.x509.oid import NameOID

    return "".join(_subject(request, NameOID.COMMON_NAME)[-1:])


def _alternative_names(request: CertificateSigningRequest) -> Counter[str]:
    """How many names of each kind a request asks for, beside its subject."""
    from cryptography import x509

    try:
        found = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return Counter()
    kinds: dict[type, str] = {
        x509.DNSName: "DNS",
        x509.IPAddress: "IP",
        x509.RFC822Name: "Email",
        x509.UniformResourceIdentifier: "URI",
    }
    return Counter(kinds[type(each)] for each in found if type(each) in kinds)
