"""Patches and applied manifests: one document and a change give the next document. Nothing here knows a state.

- ``strategic_merge``, ``merge_patch`` and ``json_patch`` are the three kinds of PATCH.
- ``server_side_apply`` and ``client_side_apply`` are what ``kubectl apply`` does with and without ``--server-side``.

All of them raise ``PatchError`` for what the API server answers with an error, and change none of their arguments.
"""

from kubelogic.apiserver.patches.client_side import (
    LAST_APPLIED,
    annotated,
    client_side_apply,
    last_applied,
    three_way_patch,
)
from kubelogic.apiserver.patches.errors import PatchError
from kubelogic.apiserver.patches.plain import json_patch, merge_patch
from kubelogic.apiserver.patches.server_side import KUBECTL, Applied, noted, overlaid, server_side_apply
from kubelogic.apiserver.patches.strategic import strategic_merge

__all__ = [
    "KUBECTL",
    "LAST_APPLIED",
    "Applied",
    "PatchError",
    "annotated",
    "client_side_apply",
    "json_patch",
    "last_applied",
    "merge_patch",
    "noted",
    "overlaid",
    "server_side_apply",
    "strategic_merge",
    "three_way_patch",
]
