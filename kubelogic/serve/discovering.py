"""Discovery: what is served, in the aggregated form and in the old one."""

from __future__ import annotations

from typing import Any

from kubelogic.serve import discovery as tables
from kubelogic.serve.cluster import Served
from kubelogic.serve.messages import JSON, Reply, Request
from kubelogic.serve.resources import Resource
from kubelogic.serve.statuses import no_such_resource


def answer(served: Served, request: Request, path: str) -> Reply | None:
    """The reply to a question about what is served; None if it is another question."""
    steps = path.strip("/").split("/")
    if request.method not in ("GET", "HEAD") or steps[0] not in ("api", "apis") or len(steps) > 3:
        return None
    known = served.resources()
    if len(steps) == 1:
        version = _aggregated(request.accept)
        if version:
            found = tables.aggregated(known, core=steps[0] == "api", api=version)
            return Reply(body=found, content_type=f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList")
        return Reply(body=_versions(served) if steps[0] == "api" else tables.group_list(known))
    if steps[0] == "api":
        return _listed(known, "", steps[1]) if len(steps) == 2 else None
    if len(steps) == 2:
        names = tables.versions(known).get(steps[1])
        if not names:
            raise no_such_resource()
        return Reply(body=tables.group_document(steps[1], names))
    return _listed(known, steps[1], steps[2])


def _listed(known: tuple[Resource, ...], group: str, version: str) -> Reply:
    found = tables.resource_list(known, group, version)
    if found is None:
        raise no_such_resource()
    return Reply(body=found)


def _versions(served: Served) -> dict[str, Any]:
    ways = [{"clientCIDR": "0.0.0.0/0", "serverAddress": served.address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": ways}


def _aggregated(accept: str) -> str:
    """The version of the aggregated form that is asked for first; empty if none is."""
    for part in accept.split(","):
        options = {each.strip() for each in part.split(";")}
        if "as=APIGroupDiscoveryList" in options:
            for version in ("v2", "v2beta1"):
                if f"v={version}" in options:
                    return version
        elif "application/json" in options:
            return ""
    return ""
