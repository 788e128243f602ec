"""What all typed views share: metadata, label selectors, and how a document becomes a view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

Quantity = str | int | float
"""An amount as text (or a bare number); ``kubelogic.manifests.quantity`` reads it."""

IntOrString = int | str
"""A number, or a percentage or a port name."""

Time = str
"""RFC 3339 text."""

Labels = dict[str, str]
Resources = dict[str, Quantity]


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A typed, read-only view of a part of a document. Fields that no rule reads are left out."""


class OwnerReference(View, frozen=True, kw_only=True):
    """The object that an object belongs to."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False
    block_owner_deletion: bool = False


class ObjectMeta(View, frozen=True, kw_only=True):
    """Name, labels and ownership of an object."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    labels: Labels = {}
    annotations: Labels = {}
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    deletion_grace_period_seconds: int | None = None

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that manages the object, if any."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class LabelSelectorRequirement(View, frozen=True, kw_only=True):
    """One expression of a label selector."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class LabelSelector(View, frozen=True, kw_only=True):
    """Chooses objects by their labels; an empty one chooses all."""

    match_labels: Labels = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()


class Condition(View, frozen=True, kw_only=True):
    """One line of the ``conditions`` of a status."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: Time | None = None
    last_probe_time: Time | None = None
    last_heartbeat_time: Time | None = None
    last_update_time: Time | None = None
    observed_generation: int = 0


class LocalReference(View, frozen=True, kw_only=True):
    """The name of another object in the same namespace."""

    name: str = ""


class ObjectReference(View, frozen=True, kw_only=True):
    """Another object, by kind and name."""

    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""


class TypedReference(View, frozen=True, kw_only=True):
    """Another object, by API group, kind and name."""

    api_group: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""


class Root(View, frozen=True, kw_only=True):
    """What every whole object has."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()


ViewT = TypeVar("ViewT", bound=View)


def decode(document: Mapping[str, Any], view: type[ViewT]) -> ViewT:
    """Read a document (or a part of one) that the API server would accept as a typed view.

    Args:
        document: as ``kubelogic.manifests.validation.admit`` returns it: right types, no nulls.
        view: the struct to read it as, e.g. ``Pod``, ``PodSpec``, ``LabelSelector``.

    Raises:
        msgspec.ValidationError: a field that the view reads has another type.
    """
    return msgspec.convert(document, view)
