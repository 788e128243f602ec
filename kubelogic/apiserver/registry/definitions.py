"""What the API server's own controllers say of a CustomResourceDefinition: its names are accepted, it is established.

Source: staging/src/k8s.io/apiextensions-apiserver, pkg/controller/status/naming_controller.go and
pkg/controller/establish, Kubernetes 1.36. Two definitions that ask for one name are both accepted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.apiserver.answers import Status, invalid
from kubelogic.cluster import Object
from kubelogic.cluster.clock import timestamp


def established(definition: Mapping[str, Any], now: int) -> dict[str, Any]:
    """The status of a definition once its controllers have seen it.

    Args:
        definition: the document.
        now: milliseconds of the simulated clock.
    """
    spec: Mapping[str, Any] = definition.get("spec") or {}
    versions = [each.get("name") for each in spec.get("versions") or () if each.get("storage")]
    accepted = ("NamesAccepted", "NoConflicts", "no conflicts found")
    conditions = [
        {
            "type": kind,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastTransitionTime": timestamp(now - now % 1000),
        }
        for kind, reason, message in (
            accepted,
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    return {"acceptedNames": dict(spec.get("names") or {}), "conditions": conditions, "storedVersions": versions}


def with_stored_version(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The status of a definition that is changed: it notes each version in which objects were ever kept.

    Source: pkg/registry/customresourcedefinition/strategy.go, PrepareForUpdate.
    """
    status: Mapping[str, Any] = definition.get("status") or {}
    known = list(status.get("storedVersions") or ())
    versions = (definition.get("spec") or {}).get("versions") or ()
    new = [each.get("name") for each in versions if each.get("storage") and each.get("name") not in known]
    return {**status, "storedVersions": [*known, *new]}


def refuse_lost_versions(old: Object, definition: Mapping[str, Any]) -> Status | None:
    """The refusal of a change that takes away a version in which objects may still be kept; None if it does not.

    Source: pkg/apis/apiextensions/validation, ValidateCustomResourceDefinitionStoredVersions.
    """
    there = {each.get("name") for each in (definition.get("spec") or {}).get("versions") or ()}
    faults = []
    for number, name in enumerate((definition.get("status") or {}).get("storedVersions") or ()):
        if name not in there:
            why = (
                f"missing from spec.versions; {name} was previously a storage version, and must remain in "
                f"spec.versions until a storage migration ensures no data remains persisted in {name} "
                f"and removes {name} from "
                "status.storedVersions"
            )
            faults.append((f"status.storedVersions[{number}]", f'Invalid value: "{name}": {why}'))
    return invalid(old, faults) if faults else None
