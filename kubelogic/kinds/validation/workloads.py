"""Deployments, ReplicaSets, StatefulSets, DaemonSets and their like.

Source: Kubernetes API reference, group apps/v1.
"""

from __future__ import annotations

from kubelogic.kinds.validation import names
from kubelogic.kinds.validation.claims import claim_spec
from kubelogic.kinds.validation.common import (
    has_bad_operator,
    is_empty,
    matches,
    metadata,
    required_name,
    selector,
)
from kubelogic.kinds.validation.pods import template
from kubelogic.kinds.validation.problems import Report, Tree
from kubelogic.text.location import Path

_SPEC: Path = ("spec",)
_RETENTION = ("Delete", "Retain")


def int_or_percent(report: Report, path: Path, value: int | str) -> int:
    """Check a number or percentage that must not be negative.

    Returns:
        The number, or the percentage's number; 0 if it is neither.
    """
    if isinstance(value, int):
        if value < 0:
            report.add(path, "KL122", f"must be at least 0, is {value}")
        return value
    if wrong := names.percent(value):
        report.invalid(path, "KL134", value, wrong)
        return 0
    return int(value[:-1]) if len(value) < 12 else 2**31


def at_most_all(report: Report, path: Path, value: int | str) -> None:
    """Check that a percentage is not above 100 %."""
    if (
        isinstance(value, str)
        and not names.percent(value)
        and value[:-1].lstrip("0") > ""
        and (len(value[:-1].lstrip("0")) > 3 or int(value[:-1]) > 100)
    ):
        report.add(path, "KL134", f"must be at most 100%, is {value}")


def template_fits(report: Report, spec: Tree, *, missing_is_mismatch: bool = True) -> None:
    """Check the selector and that it matches the template's labels."""
    chosen = spec.get("selector")
    own = spec.get("template", {}).get("metadata", {}).get("labels", {})
    where = (*_SPEC, "selector")
    if chosen is None:
        if missing_is_mismatch:
            report.add(where, "KL120", "is required: it must match the labels of the template")
        return
    selector(report, where, chosen)
    if is_empty(chosen):
        report.add(where, "KL130", "must not be empty: name labels of the template under matchLabels")
    elif not has_bad_operator(chosen) and not matches(chosen, own):
        report.add(
            (*_SPEC, "template", "metadata", "labels"),
            "KL130",
            "the selector does not match the labels of the template; make them agree",
        )


def _runs_forever(report: Report, spec: Tree) -> None:
    """Pods of controllers that replace them must restart and have no deadline."""
    pod = spec.get("template", {}).get("spec", {})
    where = (*_SPEC, "template", "spec")
    policy = pod.get("restartPolicy", "Always")
    if policy != "Always":
        report.add((*where, "restartPolicy"), "KL121", f"must be Always here, is {policy}")
    if "activeDeadlineSeconds" in pod:
        report.forbidden((*where, "activeDeadlineSeconds"), "may only be set for Jobs and bare pods")


def _counts(report: Report, spec: Tree, *keys: str) -> None:
    for key in keys:
        report.at_least(spec, key, _SPEC)


def deployment(report: Report, tree: Tree) -> None:
    """Check a Deployment."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    spec = tree.get("spec", {})
    _counts(report, spec, "replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds")
    template_fits(report, spec)
    template(report, (*_SPEC, "template"), spec.get("template", {}))
    _runs_forever(report, spec)
    strategy = spec.get("strategy", {})
    where = (*_SPEC, "strategy")
    report.one_of((*where, "type"), strategy.get("type"), ("Recreate", "RollingUpdate"))
    pace = strategy.get("rollingUpdate")
    if strategy.get("type") == "Recreate" and pace is not None:
        report.forbidden((*where, "rollingUpdate"), "may not be set when the type is Recreate; remove it")
    elif strategy.get("type") == "RollingUpdate" and pace is not None:
        here = (*where, "rollingUpdate")
        unavailable = int_or_percent(report, (*here, "maxUnavailable"), pace["maxUnavailable"])
        surge = int_or_percent(report, (*here, "maxSurge"), pace["maxSurge"])
        at_most_all(report, (*here, "maxUnavailable"), pace["maxUnavailable"])
        if unavailable == 0 and surge == 0:
            report.add((*here, "maxUnavailable"), "KL142", "may not be 0 when maxSurge is 0: nothing could move")
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        report.add(
            (*_SPEC, "progressDeadlineSeconds"),
            "KL122",
            f"must be greater than minReadySeconds ({spec.get('minReadySeconds', 0)}), is {deadline}",
        )


def replica_set(report: Report, tree: Tree) -> None:
    """Check a ReplicaSet."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    spec = tree.get("spec", {})
    _counts(report, spec, "replicas", "minReadySeconds")
    template_fits(report, spec)
    template(report, (*_SPEC, "template"), spec.get("template", {}))
    _runs_forever(report, spec)


def replication_controller(report: Report, tree: Tree) -> None:
    """Check a ReplicationController, whose selector is a plain mapping."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    spec = tree.get("spec", {})
    _counts(report, spec, "replicas", "minReadySeconds")
    chosen = spec.get("selector", {})
    if not chosen:
        report.required((*_SPEC, "selector"), "give it, or labels to the template")
    if "template" not in spec:
        report.required((*_SPEC, "template"))
        return
    own = spec["template"].get("metadata", {}).get("labels", {})
    if any(own.get(key) != value for key, value in chosen.items()):
        report.add(
            (*_SPEC, "template", "metadata", "labels"),
            "KL130",
            "the selector does not match the labels of the template; make them agree",
        )
    template(report, (*_SPEC, "template"), spec["template"])
    _runs_forever(report, spec)


def stateful_set(report: Report, tree: Tree) -> None:
    """Check a StatefulSet."""
    metadata(report, tree, names.dns_label, namespaced=True)
    spec = tree.get("spec", {})
    _counts(report, spec, "replicas", "minReadySeconds", "revisionHistoryLimit")
    report.one_of((*_SPEC, "podManagementPolicy"), spec.get("podManagementPolicy"), ("OrderedReady", "Parallel"))
    _stateful_strategy(report, spec.get("updateStrategy", {}))
    retention = spec.get("persistentVolumeClaimRetentionPolicy", {})
    for moment in ("whenDeleted", "whenScaled"):
        where = (*_SPEC, "persistentVolumeClaimRetentionPolicy", moment)
        report.one_of(where, retention.get(moment), _RETENTION)
    if "ordinals" in spec:
        report.at_least(spec["ordinals"], "start", (*_SPEC, "ordinals"))
    if spec.get("serviceName") and (wrong := names.dns_label(spec["serviceName"])):
        report.invalid((*_SPEC, "serviceName"), "KL123", spec["serviceName"], wrong)
    claims = spec.get("volumeClaimTemplates", [])
    taken: set[str] = set()
    for index, claim in enumerate(claims):
        where = (*_SPEC, "volumeClaimTemplates", index)
        claim_spec(report, (*where, "spec"), claim.get("spec", {}))
        name = claim.get("metadata", {}).get("name", "")
        required_name(report, (*where, "metadata", "name"), name, names.dns_label)
        if name and name in taken:
            report.duplicate((*where, "metadata", "name"), name)
        taken.add(name)
    template_fits(report, spec)
    node = spec.get("template", {})
    without_names = {
        **node,
        "spec": {key: value for key, value in node.get("spec", {}).items() if key not in ("hostname", "subdomain")},
    }
    claimed = {claim.get("metadata", {}).get("name", "") for claim in claims}
    template(report, (*_SPEC, "template"), without_names, claimed)
    _runs_forever(report, spec)


def _stateful_strategy(report: Report, strategy: Tree) -> None:
    where = (*_SPEC, "updateStrategy")
    report.one_of((*where, "type"), strategy.get("type"), ("OnDelete", "RollingUpdate"))
    pace = strategy.get("rollingUpdate")
    if pace is None:
        return
    if strategy.get("type") == "OnDelete":
        report.forbidden((*where, "rollingUpdate"), "may not be set when the type is OnDelete; remove it")
    elif strategy.get("type") == "RollingUpdate":
        report.at_least(pace, "partition", (*where, "rollingUpdate"))
        if "maxUnavailable" in pace:
            words = "is dropped: the feature gate MaxUnavailableStatefulSet is off by default; pods go one by one"
            report.warn((*where, "rollingUpdate", "maxUnavailable"), "KL190", words)


def daemon_set(report: Report, tree: Tree) -> None:
    """Check a DaemonSet."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    spec = tree.get("spec", {})
    _counts(report, spec, "minReadySeconds", "revisionHistoryLimit", "templateGeneration")
    template_fits(report, spec)
    template(report, (*_SPEC, "template"), spec.get("template", {}))
    _runs_forever(report, spec)
    strategy = spec.get("updateStrategy", {})
    where = (*_SPEC, "updateStrategy")
    report.one_of((*where, "type"), strategy.get("type"), ("OnDelete", "RollingUpdate"))
    pace = strategy.get("rollingUpdate")
    if strategy.get("type") == "RollingUpdate" and pace is not None:
        here = (*where, "rollingUpdate")
        unavailable = int_or_percent(report, (*here, "maxUnavailable"), pace["maxUnavailable"])
        surge = int_or_percent(report, (*here, "maxSurge"), pace["maxSurge"])
        for key in ("maxUnavailable", "maxSurge"):
            at_most_all(report, (*here, key), pace[key])
        if unavailable and surge:
            report.add((*here, "maxSurge"), "KL142", "must be 0 unless maxUnavailable is 0: set only one of them")
        elif not unavailable and not surge:
            report.add((*here, "maxUnavailable"), "KL142", "may not be 0 when maxSurge is 0: nothing could move")


def controller_revision(report: Report, tree: Tree) -> None:
    """Check a ControllerRevision."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    report.at_least(tree, "revision", ())
    if not isinstance(tree.get("data"), dict):
        report.required(("data",), "it must be a mapping")
