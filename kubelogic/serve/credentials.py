"""What a server needs to be trusted: its own certificate, a token, and the kubeconfig that holds both."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import secrets
from collections.abc import Collection
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that is its own authority, its key, and a bearer token."""

    certificate: bytes
    key: bytes
    token: str


def self_issued(
    name: str, key: EllipticCurvePrivateKey, now: datetime.datetime, *, days: int
) -> x509.CertificateBuilder:
    """A certificate that has still to be signed with the key that it is about.

    Args:
        name: whose it is, and who issues it.
        key: its own.
        now: an hour after it begins to be valid.
        days: how long it is valid from then on.
    """
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def key_usage(wanted: Collection[str]) -> x509.KeyUsage:
    """What a key is for, by the names of ``x509.KeyUsage``; for nothing else."""
    from cryptography import x509

    return x509.KeyUsage(**{name: name in wanted for name in _USES})


def credentials(host: str) -> Credentials:
    """New credentials for a server at an address, valid for a year of the machine's time.

    Args:
        host: name or address at which it is reached, beside localhost.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    names: list[x509.GeneralName] = [
        x509.DNSName(each) for each in ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
    ]
    addresses = {"127.0.0.1", "::1", "10.96.0.1"}
    try:
        ipaddress.ip_address(host)
        addresses.add(host)
    except ValueError:
        names.append(x509.DNSName(host))
    names += [x509.IPAddress(ipaddress.ip_address(each)) for each in sorted(addresses)]
    certificate = (
        self_issued("kubelogic", key, now, days=365)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage({"digital_signature", "key_cert_sign"}), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Credentials(
        certificate=certificate.public_bytes(serialization.Encoding.PEM),
        key=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        token=secrets.token_urlsafe(32),
    )


def kubeconfig(url: str, given: Credentials) -> str:
    """The kubeconfig of the administrator, as JSON, which is YAML."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "kubelogic",
                "cluster": {
                    "server": url,
                    "certificate-authority-data": base64.b64encode(given.certificate).decode(),
                },
            }
        ],
        "users": [{"name": "admin", "user": {"token": given.token}}],
        "contexts": [{"name": "kubelogic", "context": {"cluster": "kubelogic", "user": "admin"}}],
        "current-context": "kubelogic",
    }
    return json.dumps(document, indent=2) + "\n"
