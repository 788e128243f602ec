"""JSON patch (RFC 6902) and JSON merge patch (RFC 7386): patches that know nothing of types."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

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
    import jsonpatch

    if isinstance(operations, str | bytes | Mapping) or not all(isinstance(each, Mapping) for each in operations):
        raise PatchError("a JSON patch is a list of operations")
    try:
        result = copy.deepcopy(dict(document))
        for number, each in enumerate(operations):
            result = _done(result, number, each)
    except jsonpatch.InvalidJsonPatch as error:
        raise PatchError(f"the patch is malformed: {error}") from error
    if not isinstance(result, dict):
        raise PatchError("the patch leaves no object", status=422)
    return result


def _done(document: Any, number: int, operation: Mapping[str, Any]) -> Any:
    """The document after one operation; which one fails and why is said without the document in it."""
    import jsonpatch

    try:
        return jsonpatch.JsonPatch([dict(operation)]).apply(document, in_place=True)
    except jsonpatch.JsonPatchTestFailed as error:
        why = "what is there is something else, or nothing"
        raise _rejected(number, operation, why) from error
    except (jsonpatch.JsonPatchConflict, jsonpatch.JsonPointerException) as error:
        raise _rejected(number, operation, "there is no such place") from error


def _rejected(number: int, operation: Mapping[str, Any], why: str) -> PatchError:
    place = " to ".join(str(operation[name]) for name in ("from", "path") if name in operation)
    message = "the server rejected our request due to an error in our request"
    return PatchError(f"{message}: operation {number} ({operation['op']} {place}): {why}", status=422)
