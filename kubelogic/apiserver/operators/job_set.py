"""Jobs of a JobSet: one for each replica of each replicated job, with the headless Service and the claims they share.

A JobSet is no gang by itself: its pods are one where their template names a group (``schedulingGroup``).

Source: kubernetes-sigs/jobset, pkg/controllers/jobset_controller.go (constructJob, labelAndAnnotateObject,
createHeadlessSvcIfNecessary), volume_claim_policy.go, pkg/webhooks/jobset_webhook.go (Default) and pod_webhook.go
(setExclusiveAffinities).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from kubelogic.apiserver.operators.made import Child, Document, Fields, Operator
from kubelogic.text.location import Path

KIND = "JobSet"
_OWN = "jobset.sigs.k8s.io/"
_EXCLUSIVE = "alpha.jobset.sigs.k8s.io/exclusive-topology"
_BY_SELECTOR = "alpha.jobset.sigs.k8s.io/node-selector"
_NAMESPACED = "alpha.jobset.sigs.k8s.io/namespaced-job"
_NO_SCHEDULE = "alpha.jobset.sigs.k8s.io/no-schedule"
_CONTROLLER = _OWN + "jobset-controller"
_GROUP = "default"


def jobs(given: Fields) -> Iterator[Child]:
    """The children of a JobSet. One that another controller manages, or that has ended, has none.

    Args:
        given: reads the JobSet.
    """
    if given.text("spec", "managedBy", default=_CONTROLLER) != _CONTROLLER or given.text("status", "terminalState"):
        return
    numbers: dict[tuple[int, int], dict[str, str]] = {}
    number = given.length("spec", "replicatedJobs")
    replicas = [given.number("spec", "replicatedJobs", i, "replicas", default=1) for i in range(number)]
    groups = [given.text("spec", "replicatedJobs", i, "groupName", default=_GROUP) for i in range(number)]
    _check_order(given, number)
    if not given.few(("spec", "replicatedJobs"), sum(replicas)):
        return
    in_group: dict[str, int] = {}
    for i in range(number):
        given.required("spec", "replicatedJobs", i, "name")
        for j in range(replicas[i]):
            numbers[i, j] = {
                "job-index": str(j),
                "job-global-index": str(sum(replicas[:i]) + j),
                "job-group-index": str(in_group.get(groups[i], 0)),
                "group-name": groups[i],
                "group-replicas": str(sum(n for n, group in zip(replicas, groups, strict=True) if group == groups[i])),
                "global-replicas": str(sum(replicas)),
                "replicatedjob-replicas": str(replicas[i]),
            }
            in_group[groups[i]] = in_group.get(groups[i], 0) + 1
    for (i, j), marks in numbers.items():
        yield _job(given, i, j, marks)
    if given.truth("spec", "network", "enableDNSHostnames", default=True) and numbers:
        yield _service(given)
    yield from _claims(given)


def _check_order(given: Fields, number: int) -> None:
    """A replicated job depends on those that stand before it, so that nothing goes round in a circle.

    Source: jobset_webhook.go (ValidateCreate); the rule of the CRD on startupPolicy and dependsOn.
    """
    ordered = given.text("spec", "startupPolicy", "startupPolicyOrder") == "InOrder"
    known: set[str] = set()
    for i in range(number):
        there: Path = ("spec", "replicatedJobs", i)
        known.add(given.text(*there, "name"))
        for k in range(given.length(*there, "dependsOn")):
            name = given.text(*there, "dependsOn", k, "name")
            if name not in known:
                given.wrong(
                    (*there, "dependsOn", k, "name"), "KL128", f"no replicated job {name!r} stands before this one"
                )
            if k == 0 and i == 0:
                given.wrong((*there, "dependsOn"), "KL127", "cannot be set for the first replicated job")
            if k == 0 and ordered:
                given.wrong((*there, "dependsOn"), "KL142", "cannot be set together with the startup policy InOrder")


def _job(given: Fields, i: int, j: int, numbers: dict[str, str]) -> Child:
    there: Path = ("spec", "replicatedJobs", i)
    name = given.text(*there, "name")
    own = f"{given.name}-{name}-{j}"
    key = hashlib.sha1(f"{_namespace(given)}/{own}".encode(), usedforsecurity=False).hexdigest()
    marks = {_OWN + mark: value for mark, value in numbers.items()}
    marks |= {_OWN + "jobset-name": given.name, _OWN + "replicatedjob-name": name, _OWN + "job-key": key}
    marks |= {_OWN + "jobset-uid": _uid(given), _OWN + "restart-attempt": str(_restarts(given))}
    if (coordinator := given.mapping("spec", "coordinator")) != {}:
        index, pod = coordinator.get("jobIndex") or 0, coordinator.get("podIndex") or 0
        host = f"{given.name}-{coordinator.get('replicatedJob')}-{index}-{pod}"
        marks[_OWN + "coordinator"] = f"{host}.{_subdomain(given)}"
    exclusive = {**given.texts("metadata", "annotations"), **given.texts(*there, "template", "metadata", "annotations")}
    kept = {each: exclusive[each] for each in (_EXCLUSIVE, _BY_SELECTOR) if each in exclusive}
    spec = dict(given.mapping(*there, "template", "spec"))
    template = given.mapping(*there, "template", "spec", "template")
    pod_spec = dict(given.mapping(*there, "template", "spec", "template", "spec"))
    pod_spec.setdefault("restartPolicy", "OnFailure")
    if given.truth("spec", "network", "enableDNSHostnames", default=True):
        pod_spec["subdomain"] = _subdomain(given)
    if volumes := list(_volumes(given, pod_spec)):
        pod_spec["volumes"] = [*_list(pod_spec.get("volumes")), *volumes]
    if _EXCLUSIVE in kept:
        _alone(pod_spec, kept, key, f"{_namespace(given)}_{own}")
    meta = _marked(given, (*there, "template", "spec", "template", "metadata"), marks, kept)
    spec["template"] = {**template, "metadata": {**_mapping(template.get("metadata")), **meta}, "spec": pod_spec}
    spec.setdefault("completionMode", "Indexed")
    spec["suspend"] = given.truth("spec", "suspend", default=False)
    document = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": own, **_marked(given, (*there, "template", "metadata"), marks, kept)},
        "spec": spec,
    }
    parts: tuple[tuple[Path, Path], ...] = (
        (("spec",), (*there, "template", "spec")),
        (("metadata",), (*there, "template", "metadata")),
        (("metadata", "name"), (*there, "name")),
        (("spec", "suspend"), ("spec", "suspend")),
    )
    return Child(document=document, parts=parts)


def _marked(given: Fields, path: Path, marks: dict[str, str], kept: dict[str, str]) -> dict[str, dict[str, str]]:
    labels, annotations = given.texts(*path, "labels"), given.texts(*path, "annotations")
    return {"labels": {**labels, **marks}, "annotations": {**annotations, **marks, **kept}}


def _alone(spec: dict[str, Any], kept: dict[str, str], key: str, job: str) -> None:
    """Let the pods of a Job share one domain, with those of no other Job."""
    if _BY_SELECTOR in kept:
        spec["nodeSelector"] = {**_mapping(spec.get("nodeSelector")), _NAMESPACED: job}
        toleration = {"key": _NO_SCHEDULE, "operator": "Exists", "effect": "NoSchedule"}
        spec["tolerations"] = [*_list(spec.get("tolerations")), toleration]
        return
    label = _OWN + "job-key"
    with_own = [{"key": label, "operator": "In", "values": [key]}]
    with_others = [{"key": label, "operator": "Exists"}, {"key": label, "operator": "NotIn", "values": [key]}]
    affinity = dict(_mapping(spec.get("affinity")))
    for name, expressions in (("podAffinity", with_own), ("podAntiAffinity", with_others)):
        required = "requiredDuringSchedulingIgnoredDuringExecution"
        term = {
            "labelSelector": {"matchExpressions": expressions},
            "topologyKey": kept[_EXCLUSIVE],
            "namespaceSelector": {},
        }
        before = _mapping(affinity.get(name))
        affinity[name] = {**before, required: [*_list(before.get(required)), term]}
    spec["affinity"] = affinity


def _service(given: Fields) -> Child:
    """The Service whose DNS records the pods have, called as their subdomain."""
    document = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": _subdomain(given)},
        "spec": {
            "clusterIP": "None",
            "selector": {_OWN + "jobset-name": given.name},
            "publishNotReadyAddresses": given.truth("spec", "network", "publishNotReadyAddresses", default=True),
        },
    }
    return Child(document=document, parts=(((), ("spec", "network")),))


def _claims(given: Fields) -> Iterator[Child]:
    for i, j in _templates(given):
        there: Path = ("spec", "volumeClaimPolicies", i, "templates", j)
        name = f"{given.text(*there, 'metadata', 'name')}-{given.name}"
        document = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {**given.mapping(*there, "metadata"), "name": name},
            "spec": given.mapping(*there, "spec"),
        }
        yield Child(document=document, parts=(((), there),))


def _volumes(given: Fields, spec: Document) -> Iterator[Document]:
    containers = [each for name in ("containers", "initContainers") for each in _list(spec.get(name))]
    mounted = {
        mount.get("name")
        for container in containers
        if isinstance(container, dict)
        for mount in _list(container.get("volumeMounts"))
        if isinstance(mount, dict)
    }
    for i, j in _templates(given):
        name = given.text("spec", "volumeClaimPolicies", i, "templates", j, "metadata", "name")
        if name in mounted:
            yield {"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{given.name}"}}


def _templates(given: Fields) -> Iterator[tuple[int, int]]:
    for i in range(given.length("spec", "volumeClaimPolicies")):
        for j in range(given.length("spec", "volumeClaimPolicies", i, "templates")):
            yield i, j


def _subdomain(given: Fields) -> str:
    return given.text("spec", "network", "subdomain", default=given.name)


def _namespace(given: Fields) -> str:
    return given.text("metadata", "namespace")


def _uid(given: Fields) -> str:
    return given.text("metadata", "uid")


def _restarts(given: Fields) -> int:
    return given.number("status", "restarts", default=0)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


OPERATOR = Operator(kind=KIND, versions=("v1alpha2",), make=jobs)
