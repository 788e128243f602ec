"""The ClusterRoles and ClusterRoleBindings that an API server makes of itself, so that they can be looked at and bound.

Those of the control plane's own parts (scheduler, controller manager and its controllers, kubelets) are left out:
nobody binds them, and what these parts may do is not asked here.

Source: plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go (clusterRoles, clusterRoleBindings);
pkg/controller/clusterroleaggregation (syncClusterRole) of Kubernetes 1.36.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

_AGGREGATED = ("view", "edit", "admin")
"""Roles that are put together from others, each after those that it takes in."""


@cache
def bootstrap_roles() -> tuple[dict[str, Any], ...]:
    """The roles and bindings as documents; roles that take in others have the rules that their controller writes."""
    found = msgspec.json.decode(files("kubelogic.apiserver").joinpath("bootstrap_roles.json").read_bytes())
    roles = {each["metadata"]["name"]: each for each in found if each["kind"] == "ClusterRole"}
    for name in _AGGREGATED:
        rules: list[Any] = []
        for selector in roles[name]["aggregationRule"]["clusterRoleSelectors"]:
            wanted = selector["matchLabels"].items()
            for other in sorted(roles):
                if other != name and wanted <= roles[other]["metadata"]["labels"].items():
                    rules.extend(rule for rule in roles[other]["rules"] if rule not in rules)
        roles[name]["rules"] = rules
    return tuple(found)
