"""Reviews: kinds that are only asked, never stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.serve.cluster import Served
from kubelogic.serve.messages import Reply, Request
from kubelogic.serve.paths import Target


def answer(served: Served, request: Request, where: Target, document: Mapping[str, Any]) -> Reply | None:
    """The reply to a review; None for kinds that are stored."""
    del served, request, where, document
    return None
