"""Tables of workloads, autoscalers and budgets. Source: pkg/printers/internalversion/printers.go."""

from __future__ import annotations

from typing import Any

from kubelogic.cluster.clock import milliseconds
from kubelogic.serve.tables.common import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    UNSET,
    Cells,
    Document,
    Printer,
    age,
    column,
    condition,
    containers_of,
    human_duration,
    labels_text,
    meta_of,
    name_of,
    selector_text,
    since,
    spec_of,
    status_of,
    wide,
)

_TEMPLATE = (wide("Containers"), wide("Images"), wide("Selector"))
_NUMBER = "integer"


def _template(document: Document) -> tuple[str, str]:
    return containers_of(spec_of(spec_of(document).get("template") or {}))


def _count(value: Any) -> int:
    return int(value or 0)


def _deployment(document: Document, now: int) -> Cells:
    spec, status = spec_of(document), status_of(document)
    ready = f"{_count(status.get('readyReplicas'))}/{_count(spec.get('replicas'))}"
    return [
        name_of(document),
        ready,
        _count(status.get("updatedReplicas")),
        _count(status.get("availableReplicas")),
        age(document, now),
        *_template(document),
        selector_text(spec.get("selector")),
    ]


def _replica_set(document: Document, now: int) -> Cells:
    spec, status = spec_of(document), status_of(document)
    selector = spec.get("selector")
    text = labels_text(selector) if document.get("kind") == "ReplicationController" else selector_text(selector)
    return [
        name_of(document),
        _count(spec.get("replicas")),
        _count(status.get("replicas")),
        _count(status.get("readyReplicas")),
        age(document, now),
        *_template(document),
        text,
    ]


def _stateful_set(document: Document, now: int) -> Cells:
    spec, status = spec_of(document), status_of(document)
    ready = f"{_count(status.get('readyReplicas'))}/{_count(spec.get('replicas'))}"
    return [name_of(document), ready, age(document, now), *_template(document)]


def _daemon_set(document: Document, now: int) -> Cells:
    spec, status = spec_of(document), status_of(document)
    fields = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled")
    node_selector = spec_of(spec.get("template") or {}).get("nodeSelector")
    return [
        name_of(document),
        *(_count(status.get(field)) for field in fields),
        _count(status.get("numberAvailable")),
        labels_text(node_selector),
        age(document, now),
        *_template(document),
        selector_text(spec.get("selector")),
    ]


def _job(document: Document, now: int) -> Cells:
    spec, status = spec_of(document), status_of(document)
    done, parallel = _count(status.get("succeeded")), _count(spec.get("parallelism"))
    if spec.get("completions") is not None:
        completions = f"{done}/{spec['completions']}"
    elif parallel > 1:
        completions = f"{done}/1 of {parallel}"
    else:
        completions = f"{done}/1"
    start, end = status.get("startTime"), status.get("completionTime")
    duration = ""
    if start:
        until = milliseconds(str(end)) if end else now
        duration = human_duration((until - milliseconds(str(start))) / 1000)
    return [
        name_of(document),
        _job_status(document),
        completions,
        duration,
        age(document, now),
        *_template(document),
        selector_text(spec.get("selector")),
    ]


def _job_status(document: Document) -> str:
    def holds(name: str) -> bool:
        return condition(document, name).get("status") == "True"

    if holds("Complete"):
        return "Complete"
    if holds("Failed"):
        return "Failed"
    if meta_of(document).get("deletionTimestamp"):
        return "Terminating"
    if holds("Suspended"):
        return "Suspended"
    if holds("FailureTarget"):
        return "FailureTarget"
    return "SuccessCriteriaMet" if holds("SuccessCriteriaMet") else "Running"


def _cron_job(document: Document, now: int) -> Cells:
    spec, status = spec_of(document), status_of(document)
    last = status.get("lastScheduleTime")
    inner = spec_of(spec_of(spec.get("jobTemplate") or {}).get("template") or {})
    return [
        name_of(document),
        spec.get("schedule") or "",
        spec.get("timeZone") or NONE,
        "True" if spec.get("suspend") else "False",
        len(status.get("active") or ()),
        since(last, now) if last else NONE,
        age(document, now),
        *containers_of(inner),
        selector_text(spec_of(spec.get("jobTemplate") or {}).get("selector")),
    ]


_METRIC_FIELDS = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}


def _metrics(spec: Document, status: Document) -> str:
    """Targets of an autoscaler: what is and what should be. Source: formatHPAMetrics."""
    specs, current = spec.get("metrics") or (), status.get("currentMetrics") or ()
    if not specs:
        return NONE
    texts: list[str] = []
    for number, each in enumerate(specs):
        kind = str(each.get("type"))
        field = _METRIC_FIELDS.get(kind, "")
        source = each.get(field) or {}
        target = source.get("target") or {}
        now = ((current[number] if number < len(current) else {}).get(field) or {}).get("current") or {}
        name = str(source.get("name") or "")
        head = f"{name}: " if kind == "Resource" else ""
        if kind == "ContainerResource":
            head = f"{name}: "
        if target.get("averageValue") is not None and kind != "Object":
            seen = now.get("averageValue") or UNKNOWN
            avg = " (avg)" if kind in ("External", "Object") else ""
            texts.append(f"{head}{seen}/{target['averageValue']}{avg}")
        elif target.get("averageUtilization") is not None:
            value = now.get("averageUtilization")
            seen = UNKNOWN if value is None else f"{value}%"
            texts.append(f"{head}{seen}/{target['averageUtilization']}%")
        elif kind in ("Resource", "ContainerResource"):
            texts.append(f"{head}{UNKNOWN}/<auto>")
        elif kind == "Object" and target.get("averageValue") is not None:
            texts.append(f"{now.get('averageValue') or UNKNOWN}/{target['averageValue']} (avg)")
        else:
            texts.append(f"{now.get('value') or UNKNOWN}/{target.get('value')}")
    more = len(texts) - 2
    return f"{', '.join(texts[:2])} + {more} more..." if more > 0 else ", ".join(texts)


def _autoscaler(document: Document, now: int) -> Cells:
    spec, status = spec_of(document), status_of(document)
    target = spec.get("scaleTargetRef") or {}
    least = spec.get("minReplicas")
    if document.get("apiVersion") == "autoscaling/v1":
        from kubelogic.serve.versions import autoscaler_to_v2

        newer = autoscaler_to_v2(document)
        spec, status = spec_of(newer), status_of(newer)
    return [
        name_of(document),
        f"{target.get('kind')}/{target.get('name')}",
        _metrics(spec, status),
        UNSET if least is None else str(least),
        _count(spec.get("maxReplicas")),
        _count(status.get("currentReplicas")),
        age(document, now),
    ]


def _budget(document: Document, now: int) -> Cells:
    spec = spec_of(document)
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    return [
        name_of(document),
        "N/A" if least is None else str(least),
        "N/A" if most is None else str(most),
        _count(status_of(document).get("disruptionsAllowed")),
        age(document, now),
    ]


def _revision(document: Document, now: int) -> Cells:
    owner = next((each for each in meta_of(document).get("ownerReferences") or () if each.get("controller")), None)
    text = NONE
    if owner is not None:
        group = str(owner.get("apiVersion") or "").rpartition("/")[0]
        kind = str(owner.get("kind") or "").lower()
        text = f"{kind}.{group}/{owner.get('name')}" if group else f"{kind}/{owner.get('name')}"
    return [name_of(document), text, _count(document.get("revision")), age(document, now)]


_REPLICAS = (NAME, column("Desired", _NUMBER), column("Current", _NUMBER), column("Ready", _NUMBER), AGE, *_TEMPLATE)

PRINTERS: dict[str, Printer] = {
    "Deployment": Printer(
        columns=(NAME, column("Ready"), column("Up-to-date", _NUMBER), column("Available", _NUMBER), AGE, *_TEMPLATE),
        cells=_deployment,
    ),
    "ReplicaSet": Printer(columns=_REPLICAS, cells=_replica_set),
    "ReplicationController": Printer(columns=_REPLICAS, cells=_replica_set),
    "StatefulSet": Printer(
        columns=(NAME, column("Ready"), AGE, wide("Containers"), wide("Images")), cells=_stateful_set
    ),
    "DaemonSet": Printer(
        columns=(
            NAME,
            *(column(each, _NUMBER) for each in ("Desired", "Current", "Ready", "Up-to-date", "Available")),
            column("Node Selector"),
            AGE,
            *_TEMPLATE,
        ),
        cells=_daemon_set,
    ),
    "Job": Printer(
        columns=(NAME, column("Status"), column("Completions"), column("Duration"), AGE, *_TEMPLATE), cells=_job
    ),
    "CronJob": Printer(
        columns=(
            NAME,
            column("Schedule"),
            column("Timezone"),
            column("Suspend", "boolean"),
            column("Active", _NUMBER),
            column("Last Schedule"),
            AGE,
            *_TEMPLATE,
        ),
        cells=_cron_job,
    ),
    "HorizontalPodAutoscaler": Printer(
        columns=(
            NAME,
            column("Reference"),
            column("Targets"),
            column("MinPods"),
            column("MaxPods"),
            column("Replicas"),
            AGE,
        ),
        cells=_autoscaler,
    ),
    "PodDisruptionBudget": Printer(
        columns=(
            NAME,
            column("Min Available"),
            column("Max Unavailable"),
            column("Allowed Disruptions", _NUMBER),
            AGE,
        ),
        cells=_budget,
    ),
    "ControllerRevision": Printer(columns=(NAME, column("Controller"), column("Revision"), AGE), cells=_revision),
}
