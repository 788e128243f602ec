"""Tables of workloads, autoscalers and budgets. Source: pkg/printers/internalversion/printers.go."""

from __future__ import annotations

from kubelogic.cluster.clock import milliseconds
from kubelogic.facts.autoscalers import SOURCES
from kubelogic.serve.tables.common import (
    AGED,
    NAMED,
    NONE,
    UNKNOWN,
    UNSET,
    Cell,
    Column,
    Document,
    Printer,
    condition,
    containers,
    field,
    human_duration,
    labels_text,
    meta_of,
    number,
    printer,
    selector_text,
    shown,
    since,
    size,
    spec_of,
    status_of,
)


def _selector(document: Document, _now: int) -> str:
    selector = spec_of(document).get("selector")
    return labels_text(selector) if document.get("kind") == "ReplicationController" else selector_text(selector)


def _ready(document: Document, _now: int) -> str:
    return f"{status_of(document).get('readyReplicas') or 0}/{spec_of(document).get('replicas') or 0}"


def _node_selector(document: Document, _now: int) -> str:
    return labels_text(spec_of(spec_of(document).get("template") or {}).get("nodeSelector"))


def _completions(document: Document, _now: int) -> str:
    spec, done = spec_of(document), status_of(document).get("succeeded") or 0
    parallel = spec.get("parallelism") or 0
    if spec.get("completions") is not None:
        return f"{done}/{spec['completions']}"
    return f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"


def _duration(document: Document, now: int) -> str:
    start, end = (status_of(document).get(name) for name in ("startTime", "completionTime"))
    if not start:
        return ""
    return human_duration(((milliseconds(str(end)) if end else now) - milliseconds(str(start))) / 1000)


def _job_status(document: Document, _now: int) -> str:
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


def _metrics(spec: Document, status: Document) -> str:
    """Targets of an autoscaler: what is and what should be. Source: formatHPAMetrics."""
    specs, current = spec.get("metrics") or (), status.get("currentMetrics") or ()
    if not specs:
        return NONE
    texts: list[str] = []
    for position, each in enumerate(specs):
        measured = current[position] if position < len(current) else {}
        kind = str(each.get("type"))
        key = SOURCES.get(kind, "")
        source = each.get(key) or {}
        target = source.get("target") or {}
        now = (measured.get(key) or {}).get("current") or {}
        head = f"{source.get('name') or ''}: " if kind in ("Resource", "ContainerResource") else ""
        if target.get("averageValue") is not None and kind != "Object":
            seen = now.get("averageValue") or UNKNOWN
            avg = " (avg)" if kind == "External" else ""
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


def _targets(document: Document, _now: int) -> str:
    if document.get("apiVersion") == "autoscaling/v1":
        from kubelogic.serve.versions import autoscaler_to_v2

        document = autoscaler_to_v2(document)
    return _metrics(spec_of(document), status_of(document))


def _reference(document: Document, _now: int) -> str:
    target = spec_of(document).get("scaleTargetRef") or {}
    return f"{target.get('kind')}/{target.get('name')}"


def _optional(name: str, key: str, missing: str) -> tuple[Column, Cell]:
    """A number or share of the spec, as a text."""

    def cell(document: Document, _now: int) -> str:
        value = spec_of(document).get(key)
        return missing if value is None else str(value)

    return shown(name, cell)


def _last_schedule(document: Document, now: int) -> str:
    last = status_of(document).get("lastScheduleTime")
    return since(last, now) if last else NONE


def _job_selector(document: Document, _now: int) -> str:
    return selector_text(spec_of(spec_of(document).get("jobTemplate") or {}).get("selector"))


def _controller(document: Document, _now: int) -> str:
    owner = next((each for each in meta_of(document).get("ownerReferences") or () if each.get("controller")), None)
    if owner is None:
        return NONE
    group = str(owner.get("apiVersion") or "").rpartition("/")[0]
    kind = str(owner.get("kind") or "").lower()
    return f"{kind}.{group}/{owner.get('name')}" if group else f"{kind}/{owner.get('name')}"


_CONTAINERS = containers("spec", "template")
_TEMPLATE = (*_CONTAINERS, shown("Selector", _selector, priority=1))
_REPLICAS = printer(
    NAMED,
    number("Desired", "spec", "replicas"),
    number("Current", "status", "replicas"),
    number("Ready", "status", "readyReplicas"),
    AGED,
    *_TEMPLATE,
)

PRINTERS: dict[str, Printer] = {
    "Deployment": printer(
        NAMED,
        shown("Ready", _ready),
        number("Up-to-date", "status", "updatedReplicas"),
        number("Available", "status", "availableReplicas"),
        AGED,
        *_TEMPLATE,
    ),
    "ReplicaSet": _REPLICAS,
    "ReplicationController": _REPLICAS,
    "StatefulSet": printer(NAMED, shown("Ready", _ready), AGED, *_CONTAINERS),
    "DaemonSet": printer(
        NAMED,
        number("Desired", "status", "desiredNumberScheduled"),
        number("Current", "status", "currentNumberScheduled"),
        number("Ready", "status", "numberReady"),
        number("Up-to-date", "status", "updatedNumberScheduled"),
        number("Available", "status", "numberAvailable"),
        shown("Node Selector", _node_selector),
        AGED,
        *_TEMPLATE,
    ),
    "Job": printer(
        NAMED,
        shown("Status", _job_status),
        shown("Completions", _completions),
        shown("Duration", _duration),
        AGED,
        *_TEMPLATE,
    ),
    "CronJob": printer(
        NAMED,
        field("Schedule", "spec", "schedule"),
        field("Timezone", "spec", "timeZone", default=NONE),
        shown("Suspend", lambda document, _: str(bool(spec_of(document).get("suspend"))), "boolean"),
        size("Active", "status", "active", kind="integer"),
        shown("Last Schedule", _last_schedule),
        AGED,
        *containers("spec", "jobTemplate", "spec", "template"),
        shown("Selector", _job_selector, priority=1),
    ),
    "HorizontalPodAutoscaler": printer(
        NAMED,
        shown("Reference", _reference),
        shown("Targets", _targets),
        _optional("MinPods", "minReplicas", UNSET),
        number("MaxPods", "spec", "maxReplicas", kind="string"),
        number("Replicas", "status", "currentReplicas", kind="string"),
        AGED,
    ),
    "PodDisruptionBudget": printer(
        NAMED,
        _optional("Min Available", "minAvailable", "N/A"),
        _optional("Max Unavailable", "maxUnavailable", "N/A"),
        number("Allowed Disruptions", "status", "disruptionsAllowed"),
        AGED,
    ),
    "ControllerRevision": printer(
        NAMED, shown("Controller", _controller), number("Revision", "revision", kind="string"), AGED
    ),
}
