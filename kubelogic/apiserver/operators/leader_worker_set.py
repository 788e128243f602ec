"""StatefulSets of a LeaderWorkerSet: one with the leaders of all groups, and one with the workers of each group.

Pods that Volcano schedules (``schedulerName: volcano``) are a gang for each group, as with the scheduler provider of
that name; without it, the pods of a group are scheduled one by one.

Source: kubernetes-sigs/lws, pkg/controllers/leaderworkerset_controller.go
(constructLeaderStatefulSetApplyConfiguration), pod_controller.go (constructWorkerStatefulSetApplyConfiguration),
pkg/schedulerprovider/volcano_provider.go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from kubelogic.apiserver.operators.made import Child, Fields, Operator
from kubelogic.apiserver.operators.volcano import gang
from kubelogic.facts.pod_groups import GROUP_NAME, LEADER_OF, WORKER_INDEX
from kubelogic.text.location import Path

KIND = "LeaderWorkerSet"
_OWN = "leaderworkerset.sigs.k8s.io/"
_TEMPLATE: Path = ("spec", "leaderWorkerTemplate")
VOLCANO = "volcano"


def sets(given: Fields) -> Iterator[Child]:
    """The children of a LeaderWorkerSet.

    Args:
        given: reads the LeaderWorkerSet.
    """
    replicas = given.number("spec", "replicas", default=1)
    size = given.number(*_TEMPLATE, "size", default=1, least=1)
    given.required(*_TEMPLATE, "workerTemplate")
    if not given.few(("spec", "replicas"), replicas):
        return
    leader = "leaderTemplate" if given.get(*_TEMPLATE, "leaderTemplate") is not None else "workerTemplate"
    marks = {LEADER_OF: given.name}
    leads = {**marks, WORKER_INDEX: "0"}
    yield _set(given, given.name, (*_TEMPLATE, leader), replicas=replicas, marks=leads, noted={})
    for i in range(replicas if size > 1 else 0):
        own = f"{given.name}-{i}"
        hashed = hashlib.sha1(f"{given.text('metadata', 'namespace')}/{own}".encode(), usedforsecurity=False)
        group = {**marks, _OWN + "group-index": str(i), _OWN + "group-key": hashed.hexdigest()}
        noted = {_OWN + "leader-name": own}
        yield _set(given, own, (*_TEMPLATE, "workerTemplate"), replicas=size - 1, marks=group, noted=noted)
    yield Child(
        document={
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": given.name},
            "spec": {"clusterIP": "None", "selector": marks, "publishNotReadyAddresses": True},
        },
        parts=(((), ("spec", "networkConfig")),),
    )
    if given.text(*_TEMPLATE, leader, "spec", "schedulerName") == VOLCANO:
        ready_first = given.text("spec", "startupPolicy") == "LeaderReady"
        for i in range(replicas):
            least = 1 if ready_first else size
            yield Child(
                document=gang(f"{given.name}-{i}", least=least, scheduler=VOLCANO),
                parts=((("spec",), (*_TEMPLATE, "size")),),
            )


def _set(
    given: Fields, name: str, template: Path, *, replicas: int, marks: dict[str, str], noted: dict[str, str]
) -> Child:
    labels = {**given.texts(*template, "metadata", "labels"), **marks}
    annotations = {
        **given.texts(*template, "metadata", "annotations"),
        **noted,
        _OWN + "size": str(given.number(*_TEMPLATE, "size", default=1, least=1)),
    }
    if noted and given.text(*template, "spec", "schedulerName") == VOLCANO:
        annotations[GROUP_NAME] = name
    spec: dict[str, Any] = {
        "serviceName": given.name,
        "replicas": replicas,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": marks},
        "template": {
            "metadata": {"labels": labels, "annotations": annotations},
            "spec": given.mapping(*template, "spec"),
        },
    }
    if noted:
        spec["ordinals"] = {"start": 1}
    if claims := given.get(*_TEMPLATE, "volumeClaimTemplates"):
        spec["volumeClaimTemplates"] = claims
    if kept := given.get(*_TEMPLATE, "persistentVolumeClaimRetentionPolicy"):
        spec["persistentVolumeClaimRetentionPolicy"] = kept
    document = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "labels": marks},
        "spec": spec,
    }
    parts: tuple[tuple[Path, Path], ...] = (
        (("spec", "template"), template),
        (("spec", "replicas"), (*_TEMPLATE, "size") if noted else ("spec", "replicas")),
        (("spec", "volumeClaimTemplates"), (*_TEMPLATE, "volumeClaimTemplates")),
        (("metadata", "name"), ("metadata", "name")),
    )
    return Child(document=document, parts=parts)


OPERATOR = Operator(kind=KIND, versions=("v1",), make=sets)
