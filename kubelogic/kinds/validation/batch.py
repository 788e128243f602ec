"""Jobs and CronJobs.

Source: Kubernetes API reference, group batch/v1; "Jobs", "CronJob", "Pod failure policy".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from kubelogic.kinds.validation import api_words, cron, names
from kubelogic.kinds.validation.common import (
    has_bad_operator,
    is_empty,
    label_key,
    matches,
    metadata,
    selector,
)
from kubelogic.kinds.validation.pods import template
from kubelogic.kinds.validation.problems import Report, Tree, quoted
from kubelogic.kinds.validation.workloads import mismatched
from kubelogic.patterns import regex
from kubelogic.text.location import Path

_MAX_INDEXES = 100_000
_HIGH = 10_000
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_STATUSES = ("False", "True", "Unknown")
_OWN_LABELS = (
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
)
_ZONE_PART = regex(r"[A-Za-z.\-_0-9+]{1,14}", re.ASCII)
_NO_RULE = "at least one rules must be specified when the successPolicy is specified"
_NO_MEASURE = "at least one of succeededCount or succeededIndexes must be specified"
_NO_ZONE = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
_COUNTS = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
)


def job(report: Report, tree: Tree) -> None:
    """Check a Job."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    spec, name = tree.get("spec", {}), tree.get("metadata", {}).get("name", "")
    job_spec(report, ("spec",), spec)
    _selector(report, spec, name)
    completions = spec.get("completions")
    if spec.get("completionMode") == "Indexed" and completions and name:
        last = f"{name}-{completions - 1}"
        if wrong := names.dns_label(last):
            words = f"will not able to create pod with invalid DNS label: {last}"
            text = f"makes a pod named {quoted_name(last)}, which {wrong}"
            report.wrong(("metadata", "name"), "KL123", text, name, words)
    elif name and names.dns_label(name):
        report.warn(("metadata", "name"), "KL191", "is no DNS label, which the names of its pods should be")


def quoted_name(name: str) -> str:
    """A long name shortened for a message."""
    return name if len(name) < 80 else f"{name[:40]}…{name[-20:]}"


def _selector(report: Report, spec: Tree, name: str) -> None:
    where = ("spec", "selector")
    chosen = spec.get("selector")
    own = spec.get("template", {}).get("metadata", {}).get("labels", {})
    if spec.get("manualSelector"):
        if chosen is None:
            report.required(where, "manualSelector needs it")
            return
        selector(report, where, chosen)
        if not has_bad_operator(chosen) and not matches(chosen, own):
            text = "the selector does not match the labels of the template; make them agree"
            report.add(("spec", "template", "metadata", "labels"), "KL130", text, api=mismatched(own))
        return
    if chosen is not None:
        selector(report, where, chosen)
        foreign = [key for key in chosen.get("matchLabels", {}) if key not in _OWN_LABELS]
        if foreign or (chosen.get("matchExpressions") and not is_empty(chosen)):
            words = "`selector` not auto-generated"
            report.wrong(where, "KL130", "is made by the server: remove it, or set manualSelector: true", chosen, words)
    if name and (wrong := names.label_value(name)):
        text = f"becomes the label batch.kubernetes.io/job-name of its pods, and {wrong}"
        report.wrong(("metadata", "name"), "KL125", text, name, *api_words.label_value(name), at="spec.template.labels")
    for key in ("job-name", "batch.kubernetes.io/job-name"):
        if name and own.get(key, name) != name:
            path = ("spec", "template", "metadata", "labels", key)
            shown = {each: own[each] for each in sorted(own)}
            text = f"{quoted(own[key])} must be the Job's name ({name}); remove the label"
            report.wrong(path, "KL130", text, shown, f"must be '{name}'", at=f"spec.template.metadata.labels[{key}]")


def job_spec(report: Report, path: Path, spec: Tree) -> None:
    """Check what a Job does."""
    for key in _COUNTS:
        report.at_least(spec, key, path)
    if "maxFailedIndexes" in spec and "backoffLimitPerIndex" not in spec:
        report.required(
            (*path, "backoffLimitPerIndex"), "maxFailedIndexes needs it", api="when maxFailedIndexes is specified"
        )
    manager = spec.get("managedBy")
    if manager is not None:
        report.check((*path, "managedBy"), "KL123", manager, names.domain_prefixed_path)
        report.no_longer((*path, "managedBy"), manager, 63)
    mode = spec.get("completionMode", "NonIndexed")
    report.choice((*path, "completionMode"), mode, ("NonIndexed", "Indexed"))
    if mode == "Indexed":
        _indexed(report, path, spec)
    else:
        for key in ("backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"):
            if key in spec and mode == "NonIndexed":
                words = "requires indexed completion mode"
                report.wrong((*path, key), "KL127", "may only be set when completionMode is Indexed", spec[key], words)
    if "podFailurePolicy" in spec:
        _failure_policy(report, (*path, "podFailurePolicy"), spec)
    if "successPolicy" in spec and mode == "Indexed":
        _success_policy(report, (*path, "successPolicy"), spec)
    replacement = spec.get("podReplacementPolicy")
    allowed: tuple[str, ...] = ("Failed",) if "podFailurePolicy" in spec else ("Failed", "TerminatingOrFailed")
    report.choice((*path, "podReplacementPolicy"), replacement, allowed)
    template(report, (*path, "template"), spec.get("template", {}))
    _restarts(report, (*path, "template", "spec", "restartPolicy"), spec)


def _restarts(report: Report, path: Path, spec: Tree) -> None:
    policy = spec.get("template", {}).get("spec", {}).get("restartPolicy", "")
    if policy in ("", "Always"):
        words = 'Required value: valid values: "OnFailure", "Never"'
        report.add(path, "KL120", "is required for Jobs: use OnFailure or Never", api=words)
    elif policy not in ("OnFailure", "Never"):
        words = api_words.unsupported(policy, ("OnFailure", "Never"))
        report.add(path, "KL121", f"{quoted(policy)} is not supported: use OnFailure or Never", api=words)
    elif policy == "OnFailure" and "podFailurePolicy" in spec:
        said = 'only "Never" is supported when podFailurePolicy is specified'
        report.wrong(path, "KL142", "must be Never when there is a podFailurePolicy, is OnFailure", policy, said)


def _indexed(report: Report, path: Path, spec: Tree) -> None:
    completions, failed = spec.get("completions"), spec.get("maxFailedIndexes")
    parallelism = spec.get("parallelism", 1)
    if completions is None:
        report.required((*path, "completions"), "an Indexed Job needs it", api="when completion mode is Indexed")
    if parallelism > _MAX_INDEXES:
        detail = f"must be less than or equal to {_MAX_INDEXES} when completion mode is Indexed"
        text = f"must be at most {_MAX_INDEXES}, is {parallelism}"
        report.wrong((*path, "parallelism"), "KL122", text, parallelism, detail)
    if failed is not None:
        limit = min(_MAX_INDEXES, completions) if completions is not None else _MAX_INDEXES
        if failed > limit:
            details = ["must be less than or equal to completions"] * (completions is not None and failed > completions)
            details += [f"must be less than or equal to {_MAX_INDEXES}"] * (failed > _MAX_INDEXES)
            words = details
            report.wrong((*path, "maxFailedIndexes"), "KL122", f"must be at most {limit}, is {failed}", failed, *words)
    if completions is not None and completions > _MAX_INDEXES and "backoffLimitPerIndex" in spec:
        when = f"when completions are above {_MAX_INDEXES} and used with backoff limit per index"
        detail = f"must be less than or equal to {_HIGH} {when}"
        if failed is None:
            said = f"must be specified when completions is above {_MAX_INDEXES}"
            report.required((*path, "maxFailedIndexes"), f"needed above {_MAX_INDEXES} completions", api=said)
        if parallelism > _HIGH:
            text = f"must be at most {_HIGH}, is {parallelism}"
            report.wrong((*path, "parallelism"), "KL122", text, parallelism, detail)
        if failed is not None and failed > _HIGH:
            text = f"must be at most {_HIGH}, is {failed}"
            report.wrong((*path, "maxFailedIndexes"), "KL122", text, failed, detail)


def _failure_policy(report: Report, path: Path, spec: Tree) -> None:
    rules = spec["podFailurePolicy"].get("rules", [])
    pod = spec.get("template", {}).get("spec", {})
    known = {node.get("name") for group in ("containers", "initContainers") for node in pod.get(group, ())}
    report.no_more((*path, "rules"), rules, 20)
    for index, rule in enumerate(rules):
        where = (*path, "rules", index)
        action = rule.get("action")
        report.one_of((*where, "action"), action, _ACTIONS, empty=_valid(_ACTIONS))
        if action == "FailIndex" and "backoffLimitPerIndex" not in spec:
            words = "requires the backoffLimitPerIndex to be set"
            report.wrong((*where, "action"), "KL142", "FailIndex needs backoffLimitPerIndex", action, words)
        codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions", [])
        if codes is not None:
            _exit_codes(report, (*where, "onExitCodes"), codes, known)
        report.no_more((*where, "onPodConditions"), conditions, 20)
        for number, pattern in enumerate(conditions):
            here = (*where, "onPodConditions", number)
            label_key(report, (*here, "type"), pattern.get("type", ""))
            report.one_of((*here, "status"), pattern.get("status"), _STATUSES, empty=_valid(_STATUSES))
        if (codes is None) == (not conditions):
            none = "one of OnExitCodes and OnPodConditions is required"
            both = "both OnExitCodes and OnPodConditions is not supported"
            said = f"Invalid value: specifying {both if conditions else none}"
            report.add(where, "KL142", "set either onExitCodes or onPodConditions", api=said)


def _valid(allowed: Iterable[str]) -> str:
    """What the API server says of an empty value of a few."""
    return f"Required value: valid values: [{' '.join(map(api_words.shown, sorted(allowed)))}]"


def _exit_codes(report: Report, path: Path, codes: Tree, known: set[str | None]) -> None:
    operator, values = codes.get("operator"), codes.get("values", [])
    report.one_of((*path, "operator"), operator, ("In", "NotIn"), empty=_valid(("In", "NotIn")))
    name = codes.get("containerName")
    if name is not None and name not in known:
        detail = "must be one of the container or initContainer names in the pod template"
        text = f"{quoted(name)} is not a container of the template"
        report.wrong((*path, "containerName"), "KL128", text, name, detail)
    if not values:
        words = "at least one value is required"
        report.wrong((*path, "values"), "KL120", "is required: give at least one exit code", codes.get("values"), words)
    report.no_more((*path, "values"), values, 255)
    seen: set[int] = set()
    for index, value in enumerate(values):
        if operator == "In" and value == 0:
            words = "must not be 0 for the In operator"
            report.wrong((*path, "values", index), "KL122", "must not be 0 when the operator is In", 0, words)
        report.once((*path, "values", index), value, seen)
    if values != sorted(values):
        report.wrong((*path, "values"), "KL143", "must be in ascending order", values, "must be ordered")


def _success_policy(report: Report, path: Path, spec: Tree) -> None:
    rules, completions = spec["successPolicy"].get("rules", []), spec.get("completions", 0)
    report.present((*path, "rules"), rules, "give at least one rule", api=_NO_RULE)
    report.no_more((*path, "rules"), rules, 20)
    for index, rule in enumerate(rules):
        where = (*path, "rules", index)
        count, indexes = rule.get("succeededCount"), rule.get("succeededIndexes")
        if count is None and indexes is None:
            report.required(where, "set succeededCount or succeededIndexes", api=_NO_MEASURE)
        total: int | None = None
        if indexes is not None:
            report.no_longer((*where, "succeededIndexes"), indexes, 64 * 1024)
            total, wrong = _indexes(indexes, completions)
            if wrong:
                words = f"error parsing succeededIndexes: {wrong}"
                report.wrong((*where, "succeededIndexes"), "KL143", wrong, indexes, words)
        if count is not None:
            report.at_least(rule, "succeededCount", where)
            limit = completions if total is None else min(completions, total)
            if count > limit:
                which = "specified completions"
                if limit == total:
                    which = "indexes in the specified succeededIndexes field"
                words = f"must be less than or equal to {limit} (the number of {which})"
                report.wrong((*where, "succeededCount"), "KL122", f"must be at most {limit}, is {count}", count, words)


def _indexes(text: str, completions: int) -> tuple[int, str]:
    """How many indexes a list such as ``1,3-5`` names, and what is wrong with it."""
    total, last = 0, -1
    for part in text.split(",") if text else ():
        ends = part.split("-")
        if len(ends) > 2 or not all(end.isascii() and end.isdigit() for end in ends):
            return 0, f"{part!r} is no index nor range of indexes such as 3-5"
        first, final = int(ends[0]), int(ends[-1])
        if final >= completions:
            return 0, f"the index {final} is beyond the {completions} completions"
        if first <= last or (len(ends) == 2 and final <= first):
            return 0, f"indexes must ascend; {part!r} does not"
        total, last = total + final - first + 1, final
    return total, ""


def cron_job(report: Report, tree: Tree) -> None:
    """Check a CronJob."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    name = tree.get("metadata", {}).get("name", "")
    spec = tree.get("spec", {})
    schedule = spec.get("schedule", "")
    where: Path = ("spec", "schedule")
    if not schedule:
        report.required(where, "for example '0 3 * * *'")
    elif "TZ" in schedule:
        report.invalid(where, "KL139", schedule, "must not name a time zone; use the field timeZone", detail=_NO_ZONE)
    elif wrong := cron.wrong(schedule):
        report.invalid(where, "KL139", schedule, wrong, detail=cron.told(schedule))
    report.at_least(spec, "startingDeadlineSeconds", ("spec",))
    _time_zone(report, spec.get("timeZone"))
    report.one_of(("spec", "concurrencyPolicy"), spec.get("concurrencyPolicy"), ("Allow", "Forbid", "Replace"))
    inner = spec.get("jobTemplate", {}).get("spec", {})
    path: Path = ("spec", "jobTemplate", "spec")
    job_spec(report, path, inner)
    if "selector" in inner:
        words = "`selector` will be auto-generated"
        report.wrong((*path, "selector"), "KL127", "is made by the server; remove it", inner["selector"], words)
    if inner.get("manualSelector"):
        refusal = api_words.unsupported(True, ("nil", "false"))
        report.add((*path, "manualSelector"), "KL127", "may not be true in a CronJob", api=refusal)
    for key in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        report.at_least(spec, key, ("spec",))
    if len(name) > 52:
        text = f"has {len(name)} characters; a CronJob's name has at most 52"
        report.wrong(("metadata", "name"), "KL129", text, name, "must be no more than 52 characters")


def _time_zone(report: Report, zone: str | None) -> None:
    if zone is None:
        return
    path: Path = ("spec", "timeZone")
    if not zone:
        words = "timeZone must be nil or non-empty string"
        report.wrong(path, "KL139", "must not be empty; remove it or name a zone such as Etc/UTC", "", words)
        return
    parts = zone.split("/")
    odd = any(part in (".", "..") or part.startswith("-") or not _ZONE_PART.fullmatch(part) for part in parts)
    if odd or zone.lower() == "local" or not _is_zone(zone):
        explicit = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        detail = explicit if zone.lower() == "local" and not odd else f"unknown time zone {zone}"
        report.invalid(
            path, "KL139", zone, "is no time zone; use a name such as Etc/UTC or Europe/Berlin", detail=detail
        )


def _is_zone(zone: str) -> bool:
    """Whether the zone is known; without a time zone database, whether it looks like one."""
    import zoneinfo

    known = zoneinfo.available_timezones()
    return zone == "UTC" or zone in known or (not known and "/" in zone)
