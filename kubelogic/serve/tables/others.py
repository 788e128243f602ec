"""Tables of admission policies, aggregated APIs, priority levels and what drivers of volumes offer.

Source: pkg/printers/internalversion/printers.go (printValidatingAdmissionPolicy, printMutatingAdmissionPolicy and their
bindings, printPriorityLevelConfiguration, printCSIStorageCapacity, printVolumeAttributesClass, printComponentStatus);
staging/src/k8s.io/kube-aggregator, pkg/registry/apiservice/etcd/etcd.go (ConvertToTable) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubelogic.serve.tables.common import (
    AGE,
    NAME,
    NONE,
    UNSET,
    Cells,
    Document,
    Printer,
    age,
    column,
    condition,
    name_of,
    spec_of,
)


def _policy(rules: str) -> Printer:
    """The table of a kind of policy; ``rules`` is the field that lists what it does."""

    def cells(document: Document, now: int) -> Cells:
        spec = spec_of(document)
        kind = spec.get("paramKind")
        text = f"{kind.get('apiVersion') or ''}/{kind.get('kind') or ''}" if kind else UNSET
        return [name_of(document), len(spec.get(rules) or ()), text, age(document, now)]

    return Printer(columns=(NAME, column(rules.capitalize(), "integer"), column("ParamKind"), AGE), cells=cells)


def _binding(document: Document, now: int) -> Cells:
    spec = spec_of(document)
    return [name_of(document), spec.get("policyName") or "", _parameters(spec.get("paramRef")), age(document, now)]


def _parameters(given: Document | None) -> str:
    """What a binding takes parameters from: the name stands behind ``*`` as long as no namespace is said."""
    if given and given.get("name"):
        return f"{given.get('namespace') or '*'}/{given['name']}"
    if given and given.get("selector") is not None:
        return _go_selector(given["selector"])
    return UNSET


def _go_selector(selector: Document) -> str:
    """A label selector as its Go value prints itself.

    >>> _go_selector({"matchLabels": {"a": "b"}})
    '&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{},}'
    """
    labels = "".join(f"{key}: {value}," for key, value in sorted((selector.get("matchLabels") or {}).items()))
    expressions = "".join(
        f"LabelSelectorRequirement{{Key:{each.get('key')},Operator:{each.get('operator')},"
        f"Values:[{' '.join(map(str, each.get('values') or ()))}],}},"
        for each in selector.get("matchExpressions") or ()
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )


def _priority_level(document: Document, now: int) -> Cells:
    spec = spec_of(document)
    limited = spec.get("limited") or {}
    queues = (limited.get("limitResponse") or {}).get("queuing") or {}
    return [
        name_of(document),
        spec.get("type") or "",
        limited.get("nominalConcurrencyShares", NONE),
        *(queues.get(field, NONE) for field in ("queues", "handSize", "queueLengthLimit")),
        age(document, now),
    ]


def _room(document: Document, _now: int) -> Cells:
    return [name_of(document), document.get("storageClassName") or "", str(document.get("capacity") or UNSET)]


def _attributes(document: Document, now: int) -> Cells:
    return [name_of(document), document.get("driverName") or "", age(document, now)]


def _component(document: Document, _now: int) -> Cells:
    found: Document = next((c for c in document.get("conditions") or () if c.get("type") == "Healthy"), {})
    healthy = "Healthy" if found.get("status") == "True" else "Unhealthy"
    return [name_of(document), healthy, found.get("message") or "", found.get("error") or ""]


def _api_service(document: Document, now: int) -> Cells:
    service = spec_of(document).get("service")
    place = f"{service.get('namespace') or ''}/{service.get('name') or ''}" if service else "Local"
    found = condition(document, "Available")
    status = str(found.get("status") or "Unknown")
    if status != "True" and found.get("reason"):
        status = f"{status} ({found['reason']})"
    return [name_of(document), place, status, age(document, now)]


_BINDING = Printer(columns=(NAME, column("PolicyName"), column("ParamRef"), AGE), cells=_binding)

PRINTERS: Mapping[str, Printer] = {
    "ValidatingAdmissionPolicy": _policy("validations"),
    "ValidatingAdmissionPolicyBinding": _BINDING,
    "MutatingAdmissionPolicy": _policy("mutations"),
    "MutatingAdmissionPolicyBinding": _BINDING,
    "PriorityLevelConfiguration": Printer(
        columns=(
            NAME,
            *map(column, ("Type", "NominalConcurrencyShares", "Queues", "HandSize", "QueueLengthLimit")),
            AGE,
        ),
        cells=_priority_level,
    ),
    "CSIStorageCapacity": Printer(columns=(NAME, column("StorageClassName"), column("Capacity")), cells=_room),
    "VolumeAttributesClass": Printer(columns=(NAME, column("DriverName"), AGE), cells=_attributes),
    "ComponentStatus": Printer(columns=(NAME, column("Status"), column("Message"), column("Error")), cells=_component),
    "APIService": Printer(columns=(NAME, column("Service"), column("Available"), AGE), cells=_api_service),
}
