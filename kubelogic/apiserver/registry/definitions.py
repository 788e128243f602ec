"""What the API server's own controllers say of a CustomResourceDefinition: its names are accepted, it is established.

Source: staging/src/k8s.io/apiextensions-apiserver, pkg/controller/status/naming_controller.go and
pkg/controller/establish, Kubernetes 1.36. Two definitions that ask for one name are both accepted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
