"""Subresources."""

from __future__ import annotations

from kubelogic.serve.cluster import Served
from kubelogic.serve.messages import Reply, Request
from kubelogic.serve.paths import Target
from kubelogic.serve.statuses import no_such_resource


def answer(served: Served, request: Request, where: Target) -> Reply:
    """The reply to a request for a part of an object."""
    del served, request, where
    raise no_such_resource()
