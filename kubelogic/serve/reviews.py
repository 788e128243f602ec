"""Reviews: kinds that are only asked, never stored.

Source: pkg/registry/authorization and pkg/registry/authentication of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.serve import access
from kubelogic.serve.cluster import Served
from kubelogic.serve.messages import Reply, Request
from kubelogic.serve.paths import Target
from kubelogic.serve.statuses import bad_request


def answer(served: Served, request: Request, where: Target, document: Mapping[str, Any]) -> Reply | None:
    """The reply to a review; None for kinds that are stored."""
    spec: Mapping[str, Any] = document.get("spec") or {}
    match where.resource.kind:
        case "SelfSubjectAccessReview":
            status = _access(served, spec, request.user, request.groups)
        case "SubjectAccessReview" | "LocalSubjectAccessReview":
            status = _access(served, spec, str(spec.get("user") or ""), tuple(spec.get("groups") or ()))
        case "SelfSubjectRulesReview":
            status = _rules(served, str(spec.get("namespace") or ""), request)
        case "SelfSubjectReview":
            who: dict[str, Any] = {"username": request.user, "groups": list(request.groups)}
            if access.MASTERS in request.groups:
                who["uid"] = request.user
            status = {"userInfo": who}
        case "TokenReview":
            status = _token(served, str(spec.get("token") or ""))
        case "Binding":
            raise bad_request("post a binding to pods/NAME/binding")
        case _:
            return None
    return _reply(where, document, status)


def _reply(where: Target, document: Mapping[str, Any], status: Mapping[str, Any]) -> Reply:
    resource = where.resource
    body = {**document, "kind": resource.kind, "apiVersion": resource.api_version}
    body["metadata"] = document.get("metadata") or {}
    return Reply(status=201, body={**body, "status": dict(status)})


def _access(served: Served, spec: Mapping[str, Any], user: str, groups: tuple[str, ...]) -> dict[str, Any]:
    about = spec.get("resourceAttributes")
    if about is not None:
        wanted = access.Attributes(
            verb=str(about.get("verb") or ""),
            group=str(about.get("group") or ""),
            resource=str(about.get("resource") or ""),
            part=str(about.get("subresource") or ""),
            namespace=str(about.get("namespace") or ""),
            name=str(about.get("name") or ""),
        )
    else:
        other = spec.get("nonResourceAttributes") or {}
        wanted = access.Attributes(verb=str(other.get("verb") or ""), path=str(other.get("path") or "/"))
    return {"allowed": access.allowed(served, user, groups, wanted)}


def _rules(served: Served, namespace: str, request: Request) -> dict[str, Any]:
    found = list(access.rules_in(served.cluster, request.user, request.groups, namespace))
    return {
        "resourceRules": [dict(each) for each in found if not each.get("nonResourceURLs")],
        "nonResourceRules": [dict(each) for each in found if each.get("nonResourceURLs")],
        "incomplete": False,
    }


def _token(served: Served, token: str) -> dict[str, Any]:
    account = served.accounts.get(token)
    if account is None:
        return {"user": {}, "error": "invalid bearer token"}
    user, groups = access.identity_of(account)
    return {"authenticated": True, "user": {"username": user, "groups": list(groups)}}
