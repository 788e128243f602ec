"""Defaults of the kinds whose controllers make or scale pods."""

from __future__ import annotations

from typing import Any

from kubelogic.kinds.defaults.pods import Tree, claim_spec, template

_MAX_INT32 = 2**31 - 1
_SCALE_UP: Tree = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
_SCALE_DOWN: Tree = {
    "selectPolicy": "Max",
    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
}


def _spec(tree: Tree) -> Tree:
    spec: Tree = tree.setdefault("spec", {})
    return spec


def _strategy(spec: Tree, key: str, rolling: Tree) -> None:
    """Rolling updates unless something else is said, with their pace."""
    strategy: Tree = spec.setdefault(key, {})
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
    if strategy["type"] == "RollingUpdate":
        pace = strategy.setdefault("rollingUpdate", {})
        for name, value in rolling.items():
            pace.setdefault(name, value)


def deployment(tree: Tree) -> None:
    """Defaults of a Deployment."""
    spec = _spec(tree)
    spec.setdefault("replicas", 1)
    _strategy(spec, "strategy", {"maxUnavailable": "25%", "maxSurge": "25%"})
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    template(spec.setdefault("template", {}))


def replica_set(tree: Tree) -> None:
    """Defaults of a ReplicaSet."""
    spec = _spec(tree)
    spec.setdefault("replicas", 1)
    template(spec.setdefault("template", {}))


def replication_controller(tree: Tree) -> None:
    """Defaults of a ReplicationController: selector and labels from its template."""
    spec = _spec(tree)
    labels = spec.get("template", {}).get("metadata", {}).get("labels")
    if labels:
        if not spec.get("selector"):
            spec["selector"] = dict(labels)
        metadata = tree.setdefault("metadata", {})
        if not metadata.get("labels"):
            metadata["labels"] = dict(labels)
    spec.setdefault("replicas", 1)
    if "template" in spec:
        template(spec["template"])


def daemon_set(tree: Tree) -> None:
    """Defaults of a DaemonSet."""
    spec = _spec(tree)
    _strategy(spec, "updateStrategy", {"maxUnavailable": 1, "maxSurge": 0})
    spec.setdefault("revisionHistoryLimit", 10)
    template(spec.setdefault("template", {}))


def stateful_set(tree: Tree) -> None:
    """Defaults of a StatefulSet."""
    spec = _spec(tree)
    if not spec.get("podManagementPolicy"):
        spec["podManagementPolicy"] = "OrderedReady"
    strategy = spec.setdefault("updateStrategy", {})
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        strategy.setdefault("rollingUpdate", {})
    if strategy["type"] == "RollingUpdate" and "rollingUpdate" in strategy:
        strategy["rollingUpdate"].setdefault("partition", 0)
    retention = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    for moment in ("whenDeleted", "whenScaled"):
        if not retention.get(moment):
            retention[moment] = "Retain"
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    template(spec.setdefault("template", {}))
    for claim in spec.get("volumeClaimTemplates", ()):
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("kind", "PersistentVolumeClaim")
        claim.setdefault("metadata", {})
        claim_spec(claim.setdefault("spec", {}))
        status = claim.setdefault("status", {})
        if not status.get("phase"):
            status["phase"] = "Pending"


def _job_spec(spec: Tree) -> None:
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = spec["parallelism"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", _MAX_INT32 if "backoffLimitPerIndex" in spec else 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("podReplacementPolicy", "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed")
    spec.setdefault("manualSelector", False)
    _job_rules(spec)


def _job_rules(spec: Tree) -> None:
    for rule in spec.get("podFailurePolicy", {}).get("rules", ()):
        for pattern in rule.get("onPodConditions", ()):
            if not pattern.get("status"):
                pattern["status"] = "True"


def job(tree: Tree) -> None:
    """Defaults of a Job. The selector and the labels that go with it are made when the Job gets its identity."""
    spec = _spec(tree)
    _job_spec(spec)
    labels = spec.get("template", {}).get("metadata", {}).get("labels")
    metadata = tree.setdefault("metadata", {})
    if labels and not metadata.get("labels"):
        metadata["labels"] = dict(labels)
    template(spec.setdefault("template", {}))


def cron_job(tree: Tree) -> None:
    """Defaults of a CronJob. Those of its Jobs come when a Job is made."""
    spec = _spec(tree)
    if not spec.get("concurrencyPolicy"):
        spec["concurrencyPolicy"] = "Allow"
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    made = spec.setdefault("jobTemplate", {})
    made.setdefault("metadata", {})
    job_spec = made.setdefault("spec", {})
    _job_rules(job_spec)
    template(job_spec.setdefault("template", {}))


def autoscaler_v1(tree: Tree) -> None:
    """Defaults of an autoscaling/v1 autoscaler; the target of 80 % is filled in when it is stored."""
    spec = _spec(tree)
    spec.setdefault("minReplicas", 1)
    spec.setdefault("targetCPUUtilizationPercentage", 80)


def autoscaler_v2(tree: Tree) -> None:
    """Defaults of an autoscaling/v2 autoscaler."""
    spec = _spec(tree)
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    if "behavior" in spec:
        behavior: Tree = spec["behavior"]
        for direction, rules in (("scaleUp", _SCALE_UP), ("scaleDown", _SCALE_DOWN)):
            behavior[direction] = {**_copied(rules), **behavior.get(direction, {})}


def _copied(rules: Tree) -> dict[str, Any]:
    return {
        key: [dict(policy) for policy in value] if isinstance(value, list) else value for key, value in rules.items()
    }
