"""Requests for certificates: who made one is what the server knows, not what the body says.

Source: pkg/registry/certificates/certificates/strategy.go (csrStrategy, PrepareForCreate) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.serve.access import MASTERS
from kubelogic.serve.messages import Request
from kubelogic.serve.resources import Resource

_OF_USERS = ("username", "uid", "groups", "extra")


def with_requester(resource: Resource, request: Request, document: Mapping[str, Any]) -> dict[str, Any]:
    """A document that is created, with the user in it if it asks for a certificate.

    Args:
        resource: what is created; documents of other kinds stay as they are.
        request: whose user is meant.
        document: the object.
    """
    if resource.kind != "CertificateSigningRequest":
        return dict(document)
    spec = {key: value for key, value in (document.get("spec") or {}).items() if key not in _OF_USERS}
    spec["username"] = request.user
    if MASTERS in request.groups:
        spec["uid"] = request.user
    spec["groups"] = list(request.groups)
    kept = {key: value for key, value in document.items() if key != "status"}
    return {**kept, "spec": spec}
