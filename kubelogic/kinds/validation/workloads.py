"""Deployments, ReplicaSets, StatefulSets, DaemonSets and their like.

Source: Kubernetes API reference, group apps/v1.
"""

from __future__ import annotations

from typing import Any

from kubelogic.kinds.validation import api_words, names
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
from kubelogic.kinds.validation.problems import Report, Tree, listed, quoted
from kubelogic.text.location import Path, dotted

_SPEC: Path = ("spec",)
_WITH_RECREATE = "may not be specified when strategy `type` is 'Recreate'"
_RETENTION = ("Delete", "Retain")


def int_or_percent(report: Report, path: Path, value: int | str) -> int:
    """Check a number or percentage that must not be negative.

    Returns:
        The number, or the percentage's number; 0 if it is neither.
    """
    if isinstance(value, int):
        if value < 0:
            report.wrong(path, "KL122", f"must be at least 0, is {value}", value, "must be greater than or equal to 0")
        return value
    if not report.check(path, "KL134", value, names.percent):
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
        report.wrong(path, "KL134", f"must be at most 100%, is {value}", value, "must not be greater than 100%")


def template_fits(report: Report, spec: Tree, kind: str) -> None:
    """Check the selector and that it matches the template's labels.

    Args:
        report: where problems go.
        spec: of the controller.
        kind: what it is, as messages name it.
    """
    chosen = spec.get("selector")
    own = spec.get("template", {}).get("metadata", {}).get("labels", {})
    where = (*_SPEC, "selector")
    labels_of = (*_SPEC, "template", "metadata", "labels")
    if chosen is None:
        found = [(dotted(where), "Required value")] if kind != "daemonset" else []
        found += [(dotted(labels_of), words) for words in mismatched(own)]
        report.add(where, "KL120", "is required: it must match the labels of the template", told=found)
        return
    selector(report, where, chosen)
    if is_empty(chosen):
        words = f"empty selector is invalid for {kind}"
        report.wrong(where, "KL130", "must not be empty: name labels of the template under matchLabels", {}, words)
    elif not has_bad_operator(chosen) and not matches(chosen, own):
        message = "the selector does not match the labels of the template; make them agree"
        report.add(labels_of, "KL130", message, api=mismatched(own))


def mismatched(labels: Tree) -> tuple[str, ...]:
    """What the API server says of a template's labels that the selector does not match."""
    shown = {key: labels[key] for key in sorted(labels)} or None
    return api_words.invalid(shown, "`selector` does not match template `labels`")


def _runs_forever(report: Report, spec: Tree, kind: str = "ReplicaSet") -> None:
    """Pods of controllers that replace them must restart and have no deadline."""
    pod = spec.get("template", {}).get("spec", {})
    where = (*_SPEC, "template", "spec")
    policy = pod.get("restartPolicy", "Always")
    if policy != "Always":
        words = api_words.unsupported(policy, ("Always",))
        report.add((*where, "restartPolicy"), "KL121", f"must be Always here, is {policy}", api=words)
    if "activeDeadlineSeconds" in pod:
        words = f"activeDeadlineSeconds in {kind} is not Supported"
        report.forbidden((*where, "activeDeadlineSeconds"), "may only be set for Jobs and bare pods", api=words)


def _counts(report: Report, spec: Tree, *keys: str) -> None:
    for key in keys:
        report.at_least(spec, key, _SPEC)


def _strategy_type(report: Report, path: Path, strategy: Tree, allowed: tuple[str, ...]) -> None:
    """Check the type of a strategy: the API server quotes the strategy as a whole."""
    kind = strategy.get("type")
    if kind not in allowed:
        words = api_words.unsupported(_in_go({"type": "", "rollingUpdate": None, **strategy}), allowed)
        text = f"is required: use {listed(allowed)}" if not kind else f"{quoted(kind)} is not supported: use "
        report.add((*path, "type"), "KL121", text + (listed(allowed) if kind else ""), api=words, at=dotted(path))


def _in_go(value: Any) -> Any:
    """A tree with the names of fields as the API server's own types have them.

    >>> _in_go({"type": "x", "rollingUpdate": None})
    {'Type': 'x', 'RollingUpdate': None}
    """
    if isinstance(value, dict):
        return {name[:1].upper() + name[1:]: _in_go(inner) for name, inner in value.items()}
    return value


def deployment(report: Report, tree: Tree) -> None:
    """Check a Deployment."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    spec = tree.get("spec", {})
    _counts(report, spec, "replicas")
    template_fits(report, spec, "deployment")
    template(report, (*_SPEC, "template"), spec.get("template", {}))
    _runs_forever(report, spec)
    strategy = spec.get("strategy", {})
    where = (*_SPEC, "strategy")
    _strategy_type(report, where, strategy, ("Recreate", "RollingUpdate"))
    pace = strategy.get("rollingUpdate")
    if strategy.get("type") == "Recreate" and pace is not None:
        report.forbidden(
            (*where, "rollingUpdate"), "may not be set when the type is Recreate; remove it", api=_WITH_RECREATE
        )
    elif strategy.get("type") == "RollingUpdate" and pace is not None:
        here = (*where, "rollingUpdate")
        unavailable = int_or_percent(report, (*here, "maxUnavailable"), pace["maxUnavailable"])
        surge = int_or_percent(report, (*here, "maxSurge"), pace["maxSurge"])
        if unavailable == 0 and surge == 0:
            words = "may not be 0 when `maxSurge` is 0"
            text = "may not be 0 when maxSurge is 0: nothing could move"
            report.wrong((*here, "maxUnavailable"), "KL142", text, pace["maxUnavailable"], words)
        at_most_all(report, (*here, "maxUnavailable"), pace["maxUnavailable"])
    _counts(report, spec, "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds")
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        text = f"must be greater than minReadySeconds ({spec.get('minReadySeconds', 0)}), is {deadline}"
        words = "must be greater than minReadySeconds"
        report.wrong((*_SPEC, "progressDeadlineSeconds"), "KL122", text, deadline, words)


def replica_set(report: Report, tree: Tree) -> None:
    """Check a ReplicaSet."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    spec = tree.get("spec", {})
    _counts(report, spec, "replicas", "minReadySeconds")
    template_fits(report, spec, "deployment")
    template(report, (*_SPEC, "template"), spec.get("template", {}))
    _runs_forever(report, spec)


def replication_controller(report: Report, tree: Tree) -> None:
    """Check a ReplicationController, whose selector is a plain mapping."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    spec = tree.get("spec", {})
    _counts(report, spec, "minReadySeconds")
    chosen = spec.get("selector", {})
    report.present((*_SPEC, "selector"), chosen, "give it, or labels to the template")
    _counts(report, spec, "replicas")
    if "template" not in spec:
        report.required((*_SPEC, "template"))
        return
    own = spec["template"].get("metadata", {}).get("labels", {})
    if any(own.get(key) != value for key, value in chosen.items()):
        words = "the selector does not match the labels of the template; make them agree"
        report.add((*_SPEC, "template", "metadata", "labels"), "KL130", words, api=mismatched(own))
    template(report, (*_SPEC, "template"), spec["template"])
    _runs_forever(report, spec)


def stateful_set(report: Report, tree: Tree) -> None:
    """Check a StatefulSet."""
    metadata(report, tree, names.dns_label, namespaced=True)
    spec = tree.get("spec", {})
    policy, policies = spec.get("podManagementPolicy"), ("OrderedReady", "Parallel")
    if policy and policy not in policies:
        text = f"{quoted(policy)} is not supported: use {listed(policies)}"
        report.wrong((*_SPEC, "podManagementPolicy"), "KL121", text, policy, "must be 'OrderedReady' or 'Parallel'")
    else:
        report.one_of((*_SPEC, "podManagementPolicy"), policy, policies)
    _stateful_strategy(report, spec.get("updateStrategy", {}))
    retention = spec.get("persistentVolumeClaimRetentionPolicy", {})
    for moment in ("whenDeleted", "whenScaled"):
        where = (*_SPEC, "persistentVolumeClaimRetentionPolicy", moment)
        report.one_of(where, retention.get(moment), _RETENTION)
    _counts(report, spec, "replicas", "minReadySeconds")
    if "ordinals" in spec:
        report.at_least(spec["ordinals"], "start", (*_SPEC, "ordinals"))
    if spec.get("serviceName"):
        report.check((*_SPEC, "serviceName"), "KL123", spec["serviceName"], names.dns_label)
    _counts(report, spec, "revisionHistoryLimit")
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
    template_fits(report, spec, "statefulset")
    node = spec.get("template", {})
    without_names = {
        **node,
        "spec": {key: value for key, value in node.get("spec", {}).items() if key not in ("hostname", "subdomain")},
    }
    claimed = {claim.get("metadata", {}).get("name", "") for claim in claims}
    template(report, (*_SPEC, "template"), without_names, claimed)
    _runs_forever(report, spec, "StatefulSet")


def _stateful_strategy(report: Report, strategy: Tree) -> None:
    where = (*_SPEC, "updateStrategy")
    kind, pace = strategy.get("type"), strategy.get("rollingUpdate")
    if kind and kind not in ("OnDelete", "RollingUpdate"):
        words = "must be 'RollingUpdate' or 'OnDelete'"
        text = f"{quoted(kind)} is not supported: use {listed(('OnDelete', 'RollingUpdate'))}"
        report.wrong((*where, "type"), "KL121", text, _in_go(strategy), words, at=dotted(where))
    if pace is None:
        return
    if kind == "OnDelete":
        api = "only allowed for updateStrategy 'RollingUpdate'"
        text = "may not be set when the type is OnDelete; remove it"
        report.wrong((*where, "rollingUpdate"), "KL127", text, _in_go(pace), api)
    elif kind == "RollingUpdate":
        report.at_least(pace, "partition", (*where, "rollingUpdate"))
        if "maxUnavailable" in pace:
            said = "is dropped: the feature gate MaxUnavailableStatefulSet is off by default; pods go one by one"
            report.warn((*where, "rollingUpdate", "maxUnavailable"), "KL190", said)


def daemon_set(report: Report, tree: Tree) -> None:
    """Check a DaemonSet."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    spec = tree.get("spec", {})
    template_fits(report, spec, "daemonset")
    template(report, (*_SPEC, "template"), spec.get("template", {}))
    _runs_forever(report, spec, "DaemonSet")
    _counts(report, spec, "minReadySeconds", "templateGeneration")
    strategy = spec.get("updateStrategy", {})
    where = (*_SPEC, "updateStrategy")
    _strategy_type(report, where, strategy, ("RollingUpdate", "OnDelete"))
    pace = strategy.get("rollingUpdate")
    if strategy.get("type") == "RollingUpdate" and pace is not None:
        here = (*where, "rollingUpdate")
        unavailable = int_or_percent(report, (*here, "maxUnavailable"), pace["maxUnavailable"])
        surge = int_or_percent(report, (*here, "maxSurge"), pace["maxSurge"])
        for key in ("maxUnavailable", "maxSurge"):
            at_most_all(report, (*here, key), pace[key])
        if unavailable and surge:
            words = "may not be set when maxUnavailable is non-zero"
            text = "must be 0 unless maxUnavailable is 0: set only one of them"
            report.wrong((*here, "maxSurge"), "KL142", text, pace["maxSurge"], words)
        elif not unavailable and not surge:
            said = "Required value: cannot be 0 when maxSurge is 0"
            text = "may not be 0 when maxSurge is 0: nothing could move"
            report.add((*here, "maxUnavailable"), "KL142", text, api=said)
    _counts(report, spec, "revisionHistoryLimit")


def controller_revision(report: Report, tree: Tree) -> None:
    """Check a ControllerRevision."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    report.at_least(tree, "revision", ())
    report.present(("data",), isinstance(tree.get("data"), dict), "it must be a mapping")
