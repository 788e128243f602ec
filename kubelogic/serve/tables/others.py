"""Tables of admission policies, aggregated APIs, priority levels and what drivers of volumes offer.

Source: pkg/printers/internalversion/printers.go (printValidatingAdmissionPolicy, printMutatingAdmissionPolicy and their
bindings, printPriorityLevelConfiguration, printCSIStorageCapacity, printVolumeAttributesClass, printComponentStatus);
staging/src/k8s.io/kube-aggregator, pkg/registry/apiservice/etcd/etcd.go (ConvertToTable) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubelogic.serve.tables.common import (
    AGED,
    NAMED,
    NONE,
    UNSET,
    Document,
    Printer,
    condition,
    field,
    printer,
    shown,
    size,
    spec_of,
)


def _parameter_kind(document: Document, _now: int) -> str:
    kind = spec_of(document).get("paramKind")
    return f"{kind.get('apiVersion') or ''}/{kind.get('kind') or ''}" if kind else UNSET


def _policy(rules: str) -> Printer:
    """The table of a kind of policy; ``rules`` is the field that lists what it does."""
    counted = size(rules.capitalize(), "spec", rules, kind="integer")
    return printer(NAMED, counted, shown("ParamKind", _parameter_kind), AGED)


def _parameters(document: Document, _now: int) -> str:
    """What a binding takes parameters from: the name stands behind ``*`` as long as no namespace is said."""
    given = spec_of(document).get("paramRef")
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


def _of_component(key: str, document: Document) -> str:
    return next((c.get(key) or "" for c in document.get("conditions") or () if c.get("type") == "Healthy"), "")


def _healthy(document: Document, _now: int) -> str:
    return "Healthy" if _of_component("status", document) == "True" else "Unhealthy"


def _service(document: Document, _now: int) -> str:
    service = spec_of(document).get("service")
    return f"{service.get('namespace') or ''}/{service.get('name') or ''}" if service else "Local"


def _available(document: Document, _now: int) -> str:
    found = condition(document, "Available")
    status = str(found.get("status") or "Unknown")
    return f"{status} ({found['reason']})" if status != "True" and found.get("reason") else status


_BINDING = printer(NAMED, field("PolicyName", "spec", "policyName"), shown("ParamRef", _parameters), AGED)
_QUEUING = ("spec", "limited", "limitResponse", "queuing")

PRINTERS: Mapping[str, Printer] = {
    "ValidatingAdmissionPolicy": _policy("validations"),
    "ValidatingAdmissionPolicyBinding": _BINDING,
    "MutatingAdmissionPolicy": _policy("mutations"),
    "MutatingAdmissionPolicyBinding": _BINDING,
    "PriorityLevelConfiguration": printer(
        NAMED,
        field("Type", "spec", "type"),
        field("NominalConcurrencyShares", "spec", "limited", "nominalConcurrencyShares", default=NONE),
        field("Queues", *_QUEUING, "queues", default=NONE),
        field("HandSize", *_QUEUING, "handSize", default=NONE),
        field("QueueLengthLimit", *_QUEUING, "queueLengthLimit", default=NONE),
        AGED,
    ),
    "CSIStorageCapacity": printer(
        NAMED, field("StorageClassName", "storageClassName"), field("Capacity", "capacity", default=UNSET)
    ),
    "VolumeAttributesClass": printer(NAMED, field("DriverName", "driverName"), AGED),
    "ComponentStatus": printer(
        NAMED,
        shown("Status", _healthy),
        shown("Message", lambda document, _: _of_component("message", document)),
        shown("Error", lambda document, _: _of_component("error", document)),
    ),
    "APIService": printer(NAMED, shown("Service", _service), shown("Available", _available), AGED),
}
