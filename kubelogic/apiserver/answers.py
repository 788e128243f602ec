"""What the API server answers to requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.cluster import Object
from kubelogic.facts.quota_costs import plural_of


class Obstacle(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """The object that a refusal comes from.

    Attributes:
        kind: its kind.
        key: its key.
        path: the field of it that refuses.
        remedy: what would help, as an order to a person.
    """

    kind: str
    key: str
    path: tuple[str | int, ...]
    remedy: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request: an HTTP status and, for a refusal, why and what stands in the way.

    Attributes:
        status: the HTTP status.
        reason: in one word, as ``Forbidden``.
        message: the API server's words.
        causes: the words of each cause.
        obstacles: the objects that a refusal comes from.
        path: the field of the object itself that is refused; empty for the whole object.
        kind_of_cause: the type of the first cause, if programs tell refusals apart by it.
        faults: what is invalid: the field and what is wrong with it.
    """

    status: int
    reason: str = ""
    message: str = ""
    causes: tuple[str, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    path: tuple[str | int, ...] = ()
    kind_of_cause: str = ""
    faults: tuple[tuple[str, str], ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the request was carried out."""
        return self.status < 300

    @property
    def gist(self) -> str:
        """The message without the name of the object that it is about.

        >>> Status(status=403, message='pods "a-x" is forbidden: exceeded quota: q').gist
        'forbidden: exceeded quota: q'
        """
        return self.message.rpartition('" is ')[2] if self.message.count('" is ') == 1 else self.message


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """What a controller wanted to make, change or delete, and the API server did not grant.

    Attributes:
        kind: what kind of object it is about.
        owner_kind: kind of the controller's object, a ReplicaSet, say; of the object itself where nobody owns it.
        owner: its key.
        answer: the refusal.
        verb: ``make``, ``change`` or ``delete``.
        subject: what is tried again, where it is the system's own; see ``reconcile.refusals``.
    """

    kind: str
    owner_kind: str
    owner: str
    answer: Status
    verb: str = "make"
    subject: str = ""


def resource_name(obj: Object) -> str:
    """The name of an object's resource with its API group, as in ``deployments.apps``.

    >>> resource_name(Object(api_version="apps/v1", kind="Deployment", namespace="", name="", document={}))
    'deployments.apps'
    """
    group = obj.api_version.rpartition("/")[0]
    plural = plural_of(obj.kind)
    return f"{plural}.{group}" if group else plural


def forbidden(
    obj: Object,
    why: str,
    *,
    causes: tuple[str, ...] = (),
    obstacles: tuple[Obstacle, ...] = (),
    path: tuple[str | int, ...] = (),
    kind_of_cause: str = "",
) -> Status:
    """403: admission refuses an object."""
    return Status(
        status=403,
        reason="Forbidden",
        message=f'{resource_name(obj)} "{obj.name}" is forbidden: {why}',
        causes=causes,
        obstacles=obstacles,
        path=path,
        kind_of_cause=kind_of_cause,
    )


def invalid(obj: Object, faults: Sequence[tuple[str, str]]) -> Status:
    """422: validation refuses an object.

    Args:
        obj: what is refused.
        faults: field and what is wrong with it, as ``Invalid value: 80: ...``.
    """
    texts = [f"{field}: {what}" for field, what in faults]
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    group = obj.api_version.rpartition("/")[0]
    kind = f"{obj.kind}.{group}" if group else obj.kind
    message = f'{kind} "{obj.name}" is invalid: {joined}'
    return Status(
        status=422, reason="Invalid", message=message, causes=tuple(what for _, what in faults), faults=tuple(faults)
    )


def misnamed(document: Mapping[str, Any], *, name: str, namespace: str) -> str:
    """Why a document is about another object than its request, in the API server's words; empty if it is not.

    Args:
        document: of the request.
        name: of the object that the request is about.
        namespace: of it; empty for kinds that are in none.

    >>> misnamed({"metadata": {"name": "api"}}, name="web", namespace="default")
    'the name of the object (api) does not match the name on the URL (web)'

    Source: staging/src/k8s.io/apiserver/pkg/endpoints/handlers/rest.go, checkName.
    """
    meta = document.get("metadata") or {}
    given, place = meta.get("name"), meta.get("namespace")
    if not given:
        return "name must be provided"
    if str(given) != name:
        return f"the name of the object ({given}) does not match the name on the URL ({name})"
    if namespace and place not in (None, "", namespace):
        return f"the namespace of the object ({place}) does not match the namespace on the URL ({namespace})"
    return ""
