"""The controllers of certificates: kubelets' own requests are approved, and what is approved is signed.

The authority is made when the first certificate is signed, and ends with the server; nobody is let in by a certificate.

Source: pkg/controller/certificates, approver/sarapprove.go, signer/signer.go and authority/{authority,policies}.go of
Kubernetes 1.36.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from kubelogic.cluster import Object
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.state import State
from kubelogic.serve.access import Attributes, allows
from kubelogic.serve.certificates import KIND, KUBELET, NoRequestError, common_name, parsed, unfit
from kubelogic.serve.credentials import key_usage, self_issued

if TYPE_CHECKING:
    from cryptography import x509

_LONGEST = 365 * 86_400
"""Seconds that a certificate lasts. Source: --cluster-signing-duration."""
_BACKDATED = 300
_SHORT = 8 * 3600
_EXTENDED = {
    "any": "2.5.29.37.0",
    "server auth": "1.3.6.1.5.5.7.3.1",
    "client auth": "1.3.6.1.5.5.7.3.2",
    "code signing": "1.3.6.1.5.5.7.3.3",
    "email protection": "1.3.6.1.5.5.7.3.4",
    "s/mime": "1.3.6.1.5.5.7.3.4",
    "ipsec end system": "1.3.6.1.5.5.7.3.5",
    "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
    "ipsec user": "1.3.6.1.5.5.7.3.7",
    "timestamping": "1.3.6.1.5.5.7.3.8",
    "ocsp signing": "1.3.6.1.5.5.7.3.9",
    "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
    "netscape sgc": "2.16.840.1.113730.4.1",
}
_KEY = {
    "digital_signature": ("digital signature", "signing"),
    "content_commitment": ("content commitment",),
    "key_encipherment": ("key encipherment",),
    "data_encipherment": ("data encipherment",),
    "key_agreement": ("key agreement",),
    "key_cert_sign": ("cert sign",),
    "crl_sign": ("crl sign",),
    "encipher_only": ("encipher only",),
    "decipher_only": ("decipher only",),
}


class Authority(msgspec.Struct, kw_only=True):
    """Approves and signs what a state asks for."""

    _made: tuple[Any, Any] | None = None

    def told(self, state: State) -> Iterator[tuple[Object, dict[str, Any]]]:
        """The requests of which something becomes, with their documents."""
        for _, obj in sorted(state.cluster.objects(KIND).items()):
            status = self._status(state, obj)
            if status is not None:
                yield obj, {**obj.document, "status": status}

    def _status(self, state: State, obj: Object) -> dict[str, Any] | None:
        status: Mapping[str, Any] = obj.document.get("status") or {}
        spec: Mapping[str, Any] = obj.document.get("spec") or {}
        conditions = list(status.get("conditions") or ())
        told = {each.get("type") for each in conditions}
        if status.get("certificate") or {"Denied", "Failed"} & told:
            return None
        try:
            request = parsed(spec.get("request"))
        except NoRequestError:
            return None
        usages = [str(each) for each in spec.get("usages") or ()]
        signer = str(spec.get("signerName"))
        why = unfit(request, usages, signer)
        if why is None:
            return None
        moment = timestamp(state.now - state.now % 1000)
        if "Approved" not in told:
            words = _approves(state, spec, common_name(request)) if signer == KUBELET and not why else ""
            if not words:
                return None
            conditions.append(_condition("Approved", "AutoApproved", words, moment))
        elif why:
            return {**status, "conditions": [*conditions, _condition("Failed", "SignerValidationFailure", why, moment)]}
        signed = self._signed(request, usages, spec.get("expirationSeconds"), state.now)
        return {**status, "conditions": conditions, "certificate": base64.b64encode(signed).decode()}

    def _signed(self, request: x509.CertificateSigningRequest, usages: list[str], seconds: Any, now: int) -> bytes:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization

        moment = datetime.datetime.fromtimestamp(now / 1000, datetime.UTC).replace(microsecond=0)
        key, own = self._authority(moment)
        lasts = _LONGEST if not isinstance(seconds, int) else min(max(seconds, 600), _LONGEST)
        since = moment - datetime.timedelta(seconds=_BACKDATED)
        until = (moment if lasts < _SHORT else since) + datetime.timedelta(seconds=lasts)
        made = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(own.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(min(until, own.not_valid_after_utc))
            .add_extension(_key_usage(usages), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()),
                critical=False,
            )
        )
        extended = [x509.ObjectIdentifier(_EXTENDED[each]) for each in usages if each in _EXTENDED]
        if extended:
            made = made.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
        for each in request.extensions:
            if isinstance(each.value, x509.SubjectAlternativeName):
                made = made.add_extension(each.value, critical=each.critical)
        signed = made.sign(key, hashes.SHA256())
        found: bytes = signed.public_bytes(serialization.Encoding.PEM)
        return found

    def _authority(self, now: datetime.datetime) -> tuple[Any, Any]:
        """The key and the certificate by which is signed."""
        if self._made is None:
            from cryptography import x509
            from cryptography.hazmat.primitives import hashes
            from cryptography.hazmat.primitives.asymmetric import ec

            key = ec.generate_private_key(ec.SECP256R1())
            own = (
                self_issued("kubernetes", key, now, days=3650)
                .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
                .sign(key, hashes.SHA256())
            )
            self._made = key, own
        return self._made


def _key_usage(usages: list[str]) -> x509.KeyUsage:
    wanted = {name for name, words in _KEY.items() if any(each in usages for each in words)}
    if "key_agreement" not in wanted:
        wanted -= {"encipher_only", "decipher_only"}
    return key_usage(wanted)


def _condition(kind: str, reason: str, message: str, moment: str) -> dict[str, Any]:
    found = {"type": kind, "status": "True", "reason": reason, "message": message, "lastUpdateTime": moment}
    return {**found, "lastTransitionTime": moment}


def _approves(state: State, spec: Mapping[str, Any], name: str) -> str:
    """In which words a request of a kubelet is approved; empty if who sent it may not have that."""
    user, groups = str(spec.get("username") or ""), tuple(str(each) for each in spec.get("groups") or ())
    for part, own, words in (
        ("selfnodeclient", True, "Auto approving self kubelet client certificate after SubjectAccessReview."),
        ("nodeclient", False, "Auto approving kubelet client certificate after SubjectAccessReview."),
    ):
        wanted = Attributes(
            verb="create", group="certificates.k8s.io", resource="certificatesigningrequests", part=part
        )
        if (user == name or not own) and allows(state.cluster, user, groups, wanted):
            return words
    return ""
