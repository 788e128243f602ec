"""JSON patch (RFC 6902) and JSON merge patch (RFC 7386): patches that know nothing of types."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import jsonpatch

from kubelogic.apiserver.patches.errors import PatchError
from kubelogic.cluster.edit import merge_patch as merged


def merge_patch(document: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """The document with a JSON merge patch: null removes a field, lists are replaced.

    Raises:
        PatchError: the change is no mapping.
    """
    if not isinstance(change, Mapping):
        raise PatchError("a merge patch is a mapping")
    result: dict[str, Any] = merged(document, change)
    return result


def json_patch(document: Mapping[str, Any], operations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The document with a JSON patch: a list of ``{"op": ..., "path": ..., "value": ...}``.

    >>> json_patch({"spec": {"replicas": 1}}, [{"op": "replace", "path": "/spec/replicas", "value": 3}])
    {'spec': {'replicas': 3}}

    Raises:
        PatchError: an operation is malformed (400), names a place that is not there, or its test fails (422).
    """
    if isinstance(operations, str | bytes | Mapping) or not all(isinstance(each, Mapping) for each in operations):
        raise PatchError("a JSON patch is a list of operations")
    try:
        patch = jsonpatch.JsonPatch([dict(each) for each in operations])
        result = patch.apply(copy.deepcopy(dict(document)))
    except (jsonpatch.JsonPatchTestFailed, jsonpatch.JsonPatchConflict, jsonpatch.JsonPointerException) as error:
        message = f"the server rejected our request due to an error in our request: {error}"
        raise PatchError(message, status=422) from error
    except jsonpatch.InvalidJsonPatch as error:
        raise PatchError(f"the patch is malformed: {error}") from error
    if not isinstance(result, dict):
        raise PatchError("the patch leaves no object", status=422)
    return result
