"""How long pods tolerate nodes that are not ready or unreachable, unless they say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEFAULT_TOLERATION_SECONDS = 300
"""Source: admission plugin DefaultTolerationSeconds."""


def with_default_tolerations(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """A pod spec that tolerates an unready or unreachable node for five minutes, unless it says otherwise.

    Source: admission plugin DefaultTolerationSeconds.
    """
    present = list(spec.get("tolerations") or ())
    added = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": DEFAULT_TOLERATION_SECONDS}
        for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        if not any(t.get("key") in (None, "", key) and t.get("effect") in (None, "", "NoExecute") for t in present)
    ]
    return {**spec, "tolerations": [*present, *added]} if added else spec
