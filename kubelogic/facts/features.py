"""Features of the kubelet that a pod needs and its node has to declare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_RESTART_ALL, _OWN_USERS = "RestartAllContainersOnContainerExits", "UserNamespacesHostNetworkSupport"

REQUIRABLE = frozenset({_RESTART_ALL, _OWN_USERS})
"""The features that a pod may need its node to declare."""


def required_features(spec: Mapping[str, Any]) -> list[str]:
    """The features that a pod's node must declare.

    Args:
        spec: the pod's spec.

    Source: k8s.io/component-helpers/nodedeclaredfeatures, what is inferred for scheduling.
    """
    found: list[str] = []
    for field in ("containers", "initContainers"):
        for container in spec.get(field) or ():
            for rule in container.get("restartPolicyRules") or ():
                if rule.get("action") == "RestartAllContainers" and not found:
                    found.append(_RESTART_ALL)
    if spec.get("hostUsers") is False and spec.get("hostNetwork"):
        found.append(_OWN_USERS)
    return found
