"""Steps that people do with kubectl beyond single requests: restart, set resources, autoscale, run a CronJob now.

Source: staging/src/k8s.io/kubectl/pkg/cmd/rollout/rollout_restart.go, polymorphichelpers/objectrestarter.go,
cmd/set/set_resources.go, cmd/autoscale/autoscale.go, cmd/create/create_job.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.apiserver import requests
from kubelogic.cluster import Object
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.edit import uid_of
from kubelogic.cluster.state import State
from kubelogic.reconcile.performing import Performed, missing, perform, performed, refused
from kubelogic.reconcile.scenario import ObjectOperation, Operation

RESTARTED = "kubectl.kubernetes.io/restartedAt"


class Restart(ObjectOperation, frozen=True, kw_only=True):
    """``kubectl rollout restart``: the pods of a workload are made anew, by its strategy."""


class SetResources(ObjectOperation, frozen=True, kw_only=True):
    """``kubectl set resources``: requests and limits of a container, of all containers if ``container`` is empty."""

    container: str = ""
    requests: Mapping[str, str]
    limits: Mapping[str, str]


class Autoscale(ObjectOperation, frozen=True, kw_only=True):
    """``kubectl autoscale``: an autoscaler is made; ``goals`` are percentages of requests, by resource."""

    name: str
    least: int | None
    most: int
    goals: Mapping[str, int]


class RunCronJob(Operation, frozen=True, kw_only=True):
    """``kubectl create job NAME --from=cronjob/X``: a Job is made of a CronJob now; ``key`` is the CronJob's."""

    key: str
    name: str


@perform.register
def _(operation: Restart, state: State) -> Performed:
    obj = state.cluster.get(operation.kind, operation.key)
    if obj is None:
        return missing(state, operation.kind, operation.key)
    if obj.document["spec"].get("paused"):
        return refused(state, "can't restart paused deployment (run rollout resume first)")
    moment = timestamp(state.now - state.now % 1000)
    annotations = (obj.document["spec"]["template"].get("metadata") or {}).get("annotations") or {}
    if annotations.get(RESTARTED) == moment:
        return refused(
            state,
            "if restart has already been triggered within the past second, please wait before attempting to trigger "
            "another",
        )
    change = {"spec": {"template": {"metadata": {"annotations": {RESTARTED: moment}}}}}
    return performed(requests.strategic_patch(state, operation.kind, operation.key, change))


@perform.register
def _(operation: SetResources, state: State) -> Performed:
    obj = state.cluster.get(operation.kind, operation.key)
    if obj is None:
        return missing(state, operation.kind, operation.key)
    containers = obj.document["spec"]["template"]["spec"].get("containers") or ()
    names = [c["name"] for c in containers if operation.container in ("", c["name"])]
    if not names:
        return refused(state, f"unable to find container named {operation.container}")
    given = {
        name: dict(part) for name, part in (("requests", operation.requests), ("limits", operation.limits)) if part
    }
    change = {"spec": {"template": {"spec": {"containers": [{"name": name, "resources": given} for name in names]}}}}
    return performed(requests.strategic_patch(state, operation.kind, operation.key, change))


@perform.register
def _(operation: Autoscale, state: State) -> Performed:
    obj = state.cluster.get(operation.kind, operation.key)
    if obj is None:
        return missing(state, operation.kind, operation.key)
    spec: dict[str, Any] = {
        "scaleTargetRef": {"apiVersion": obj.api_version, "kind": obj.kind, "name": obj.name},
        "maxReplicas": operation.most,
    }
    if operation.least is not None:
        spec["minReplicas"] = operation.least
    if operation.goals:
        spec["metrics"] = [
            {
                "type": "Resource",
                "resource": {"name": name, "target": {"type": "Utilization", "averageUtilization": goal}},
            }
            for name, goal in sorted(operation.goals.items())
        ]
    document = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": operation.name or obj.name, "namespace": obj.namespace},
        "spec": spec,
    }
    return performed(requests.create(state, document, namespace=obj.namespace))


@perform.register
def _(operation: RunCronJob, state: State) -> Performed:
    cron_job = state.cluster.get("CronJob", operation.key)
    if cron_job is None:
        return missing(state, "CronJob", operation.key)
    return performed(requests.create(state, job_of(cron_job, operation.name), namespace=cron_job.namespace))


def job_of(cron_job: Object, name: str) -> dict[str, Any]:
    """The Job, by a name, that ``kubectl create job --from`` makes of a CronJob."""
    template = cron_job.document["spec"]["jobTemplate"]
    about = template.get("metadata") or {}
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": cron_job.name,
        "uid": uid_of(cron_job),
        "controller": True,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": cron_job.namespace,
            "annotations": {"cronjob.kubernetes.io/instantiate": "manual", **(about.get("annotations") or {})},
            "labels": dict(about.get("labels") or {}),
            "ownerReferences": [owner],
        },
        "spec": template["spec"],
    }
