"""Answers of failed requests as ``Status`` documents, in the API server's words.

Source: staging/src/k8s.io/apimachinery, pkg/api/errors/errors.go of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubelogic.apiserver.answers import Status
from kubelogic.serve.messages import Reply
from kubelogic.serve.resources import Resource


class RequestError(Exception):
    """A request that is answered with a ``Status``.

    Attributes:
        document: the status.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(str(document.get("message")))
        self.document = dict(document)

    @property
    def code(self) -> int:
        """The HTTP status."""
        return int(self.document.get("code") or 500)


def failure(
    code: int,
    reason: str,
    message: str,
    *,
    details: Mapping[str, Any] | None = None,
) -> RequestError:
    """A failed request."""
    document: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
    }
    if reason:
        document["reason"] = reason
    if details:
        document["details"] = dict(details)
    document["code"] = code
    return RequestError(document)


def told(error: RequestError) -> Reply:
    """The reply that says what is wrong."""
    return Reply(status=error.code, body=error.document)


def details_of(kind: str, name: str, group: str, **more: Any) -> dict[str, Any]:
    """The details that say what is meant, as far as that is known."""
    known = {"name": name, "group": group, "kind": kind}
    return {**{field: value for field, value in known.items() if value}, **more}


def about(resource: Resource, name: str, **more: Any) -> dict[str, Any]:
    """The details that say which object is meant."""
    return details_of(resource.plural, name, resource.group, **more)


def not_found(resource: Resource, name: str) -> RequestError:
    """404 for an object."""
    return failure(404, "NotFound", f'{resource.qualified} "{name}" not found', details=about(resource, name))


def nothing_called(plural: str, name: str) -> RequestError:
    """404 for an object of the core group."""
    return failure(404, "NotFound", f'{plural} "{name}" not found', details={"name": name, "kind": plural})


class NoSuchPathError(RequestError):
    """404 for a path that is not served: told as plain text, to which clients add what they asked for."""

    def __init__(self) -> None:
        words = "the server could not find the requested resource"
        super().__init__(failure(404, "NotFound", words, details={}).document)


def no_such_path() -> RequestError:
    """404 for a path of an API that is not served at all."""
    return NoSuchPathError()


def no_such_resource() -> RequestError:
    """404 for what an API that is served does not have."""
    return failure(404, "NotFound", "the server could not find the requested resource", details={})


def conflict(resource: Resource, name: str, why: str) -> RequestError:
    """409 for a request that came too late."""
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return failure(409, "Conflict", message, details=about(resource, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def bad_request(message: str) -> RequestError:
    """400."""
    return failure(400, "BadRequest", message)


def method_not_allowed(resource: Resource, verb: str) -> RequestError:
    """405."""
    message = f"{verb} is not supported on resources of kind {resource.qualified!r}"
    return failure(405, "MethodNotAllowed", message, details=about(resource, ""))


def cause(reason: str, message: str, field: str) -> dict[str, Any]:
    """One cause of a refusal."""
    found = {"reason": reason, "message": message}
    return {**found, "field": field} if field else found


def invalid(
    group: str, kind: str, name: str, causes: Sequence[Mapping[str, Any]], *, message: str = ""
) -> RequestError:
    """422 with its causes."""
    texts = [f"{each['field']}: {each['message']}" if each.get("field") else str(each["message"]) for each in causes]
    unique = list(dict.fromkeys(texts))
    joined = unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]"
    qualified = f"{kind}.{group}" if group else kind
    details = details_of(kind, name, group, causes=list(causes))
    text = message or f'{qualified} "{name}" is invalid: {joined}'
    return failure(422, "Invalid", text, details=details)


def of_answer(answer: Status, resource: Resource, name: str) -> RequestError:
    """What the door answered, as the document that clients read.

    Args:
        answer: the refusal.
        resource: of the object.
        name: of the object.
    """
    if answer.reason == "Invalid" and answer.faults:
        causes = [cause(_type_of(text), text, field) for field, text in answer.faults]
        return invalid(resource.group, resource.kind, name, causes)
    details = about(resource, name)
    match answer.reason:
        case "Invalid":
            details = {**details, "kind": resource.kind}
            details["causes"] = [cause(_type_of(message), message, field) for field, message in answer.faults] or [
                {"message": text} for text in answer.causes
            ]
        case "TooManyRequests":
            details = {"causes": [{"reason": "DisruptionBudget", "message": text} for text in answer.causes]}
        case "Forbidden" if answer.causes and answer.kind_of_cause:
            details["causes"] = [{"reason": answer.kind_of_cause, "message": text} for text in answer.causes]
        case "":
            return failure(answer.status, "InternalError", answer.message)
    return failure(answer.status, answer.reason, answer.message, details=details)


def cause_of(field: str, message: str, *, is_type: bool = False) -> dict[str, Any]:
    """A cause whose kind is told by how its message starts."""
    return cause("FieldValueTypeInvalid" if is_type else _type_of(message), message, field)


_TYPES = (
    ("Required value", "FieldValueRequired"),
    ("Duplicate value", "FieldValueDuplicate"),
    ("Invalid value", "FieldValueInvalid"),
    ("Unsupported value", "FieldValueNotSupported"),
    ("Forbidden", "FieldValueForbidden"),
    ("Too long", "FieldValueTooLong"),
    ("Too many", "FieldValueTooMany"),
    ("Not found", "FieldValueNotFound"),
    ("Internal error", "InternalError"),
)


def _type_of(message: str) -> str:
    return next((name for start, name in _TYPES if message.startswith(start)), "FieldValueInvalid")


def success(resource: Resource, name: str, uid: str) -> dict[str, Any]:
    """The answer to a delete that is done."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": about(resource, name, **({"uid": uid} if uid else {})),
    }
