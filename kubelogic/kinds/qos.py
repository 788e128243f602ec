"""The class of service of a pod: what its containers request and may use at most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.kinds import quantity

_COUNTED = ("cpu", "memory")


def qos_class(spec: Mapping[str, Any]) -> str:
    """The class of service of a pod.

    Args:
        spec: of the pod; only ``resources`` of the pod and of its containers are read.

    >>> qos_class({"containers": [{"resources": {"requests": {"cpu": "1"}}}]}), qos_class({"containers": [{}]})
    ('Burstable', 'BestEffort')

    Source: pkg/apis/core/v1/helper/qos/qos.go, ComputePodQOS.
    """
    nodes = [spec] if spec.get("resources") else [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    guaranteed, asks = True, False
    for node in nodes:
        resources = node.get("resources") or {}
        for name in _COUNTED:
            request, limit = ((resources.get(which) or {}).get(name) for which in ("requests", "limits"))
            asks = asks or any(each and quantity.read(str(each)).nanos for each in (request, limit))
            if not limit or (request and quantity.read(str(request)).nanos != quantity.read(str(limit)).nanos):
                guaranteed = False
    return "BestEffort" if not asks else "Guaranteed" if guaranteed else "Burstable"
