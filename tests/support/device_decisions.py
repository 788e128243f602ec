"""Recorded decisions about pods with devices, with the claim controller's and the scheduler's own writes in between."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubelogic.placement.devices.model import Granted
from kubelogic.placement.devices.record import allocation
from kubelogic.placement.kube.extended_resources import extended_requests
from kubelogic.placement.problem import Problem
from tests.support.decisions import Case, Document, Pipeline, read_case

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceAttempt:
    """One pod of a case when its turn came, and the cluster then."""

    pod: str
    outcome: Document
    problem: Problem
    documents: Mapping[Key, Document]


def device_attempts(path: Path, pipeline: Pipeline) -> Iterator[DeviceAttempt]:
    """Each pod of a case; earlier ones are bound with what the recording gave to their claims, or gone again."""
    case: Case = read_case(path)
    generated = json.loads(path.read_text(encoding="utf-8")).get("claims_generated", True)
    documents: dict[Key, Document] = {_key(document): document for document in case.objects}
    for pod, outcome in zip(case.pods, case.outcomes, strict=True):
        present = dict(documents)
        asking = _with_claims(pod, present) if generated else pod
        present[_key(pod)] = asking
        problem = pipeline.problem(list(present.values()))
        yield DeviceAttempt(pod=outcome["pod"], outcome=outcome, problem=problem, documents=present)
        if outcome["scheduled"]:
            for claim, document in recorded_claims(outcome, asking, present).items():
                present[claim] = document
            node = outcome["node"]
            present[_key(pod)] = {
                **asking,
                "spec": {**asking["spec"], "nodeName": node},
                "status": {**asking.get("status", {}), "phase": "Running"},
            }
            documents = present


def recorded_claims(outcome: Document, pod: Document, present: Mapping[Key, Document]) -> dict[Key, Document]:
    """The claims as the recording has them after the pod was bound."""
    found: dict[Key, Document] = {}
    namespace, uid = pod["metadata"]["namespace"], pod["metadata"]["uid"]
    for entry, recorded in (outcome.get("allocations") or {}).items():
        name = recorded.get("claim") or f"{pod['metadata']['name']}-{entry}"
        key = "ResourceClaim", namespace, name
        before = present.get(key) or {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceClaim",
            "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}"},
            "spec": {"devices": {}},
        }
        status = deepcopy(before.get("status") or {})
        kept = {"devices": {"results": recorded["devices"]}}
        if recorded.get("nodeSelector"):
            kept["nodeSelector"] = recorded["nodeSelector"]
        users = [*(status.get("reservedFor") or ()), {"resource": "pods", "name": pod["metadata"]["name"], "uid": uid}]
        found[key] = {**before, "status": {**status, "allocation": kept, "reservedFor": users}}
    return found


def ours(attempt: DeviceAttempt, node: str, granted: tuple[Granted, ...]) -> dict[str, Any]:
    """What our search gives to the pod's claims on a node, in the form of the recording."""
    namespace, name = attempt.pod.split("/")
    pod = attempt.documents["Pod", namespace, name]
    classes = {key[2]: document["spec"] for key, document in attempt.documents.items() if key[0] == "DeviceClass"}
    got = {each.claim: each for each in granted}
    made = {
        each["name"]: each.get("resourceClaimName")
        for each in (pod.get("status") or {}).get("resourceClaimStatuses") or ()
    }
    found: dict[str, Any] = {}
    for entry in pod["spec"].get("resourceClaims") or ():
        claim = entry.get("resourceClaimName") or made[entry["name"]]
        document = attempt.documents["ResourceClaim", namespace, claim]
        status = document.get("status") or {}
        users = [each["name"] for each in status.get("reservedFor") or ()]
        full = f"{namespace}/{claim}"
        if full in got:
            found[entry["name"]] = _form(allocation(got[full], node, document["spec"].get("devices") or {}, classes))
        else:
            found[entry["name"]] = _form(status["allocation"])
        found[entry["name"]]["claim"] = claim
        found[entry["name"]]["reservedFor"] = sorted({*users, name})
    for each in granted:
        if each.claim.endswith("<extended-resources>"):
            found["extended-resources"] = _extended(attempt, node, each, classes, name)
    return found


def _extended(
    attempt: DeviceAttempt, node: str, granted: Granted, classes: Mapping[str, Any], name: str
) -> dict[str, Any]:
    devices = attempt.problem.devices
    assert devices is not None
    pod = next(each for each in attempt.problem.pods if each.name == attempt.pod)
    reported = next(each for each in attempt.problem.nodes if each.name == node).allocatable
    wanted = {
        r
        for each in pod.containers
        for r, n in each.requests.items()
        if n and r in devices.extended and not reported.get(r)
    }
    requests = extended_requests(pod.containers, sorted(wanted), devices)
    spec = {
        "requests": [{"name": each.name, "exactly": {"deviceClassName": each.device_class}} for each, _ in requests]
    }
    return {
        **_form(allocation(granted, node, spec, classes)),
        "reservedFor": [name],
        "requests": [
            {"count": each.count, "deviceClassName": each.device_class, "name": each.name} for each, _ in requests
        ],
        "requestMappings": [
            {"containerName": container, "requestName": each.name, "resourceName": resource}
            for each, uses in requests
            for container, resource in uses
        ],
    }


def _form(kept: Mapping[str, Any]) -> dict[str, Any]:
    """An allocation as the recordings write one."""
    devices = [
        {**result, "shareID": "generated"} if "shareID" in result else dict(result)
        for result in kept["devices"].get("results") or ()
    ]
    found: dict[str, Any] = {"devices": devices}
    if config := kept["devices"].get("config"):
        found["config"] = config
    if selector := kept.get("nodeSelector"):
        found["nodeSelector"] = selector
    return found


def _with_claims(pod: Document, present: dict[Key, Document]) -> Document:
    """The pod as the claim controller leaves it: claims are made from templates that exist."""
    metadata = pod["metadata"]
    namespace, statuses = metadata["namespace"], []
    for entry in pod["spec"].get("resourceClaims") or ():
        template = present.get(("ResourceClaimTemplate", namespace, entry.get("resourceClaimTemplateName", "")))
        if template is None:
            continue
        name = f"{metadata['name']}-{entry['name']}"
        key = "ResourceClaim", namespace, name
        owner = {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": metadata["name"],
            "uid": metadata["uid"],
            "controller": True,
        }
        present.setdefault(
            key,
            {
                "apiVersion": "resource.k8s.io/v1",
                "kind": "ResourceClaim",
                "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "ownerReferences": [owner]},
                "spec": template["spec"]["spec"],
            },
        )
        statuses.append({"name": entry["name"], "resourceClaimName": name})
    if not statuses:
        return pod
    return {**pod, "status": {**pod.get("status", {}), "resourceClaimStatuses": statuses}}


def _key(document: Document) -> Key:
    metadata = document["metadata"]
    return document["kind"], metadata.get("namespace", ""), metadata["name"]
