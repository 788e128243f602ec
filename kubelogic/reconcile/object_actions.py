"""Actions on services, storage, namespaces and ownership; see ``actions`` for how they come from rules.

A *gathered* action carries many rows: all rows of its predicate that agree in the fields before ``rows``. A row of
empty values stands for no rows, so that an empty whole can be written too.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kubelogic.logic import Row
from kubelogic.reconcile.actions import Action, action_predicate


class Gathered(Action, frozen=True, kw_only=True):
    """An action whose last field, ``rows``, has the remaining columns of all rows with the same other fields."""

    rows: tuple[Row, ...]

    def arguments(self) -> dict[str, Any]:
        """Everything but the cause, by field name; the rows in words."""
        found = Action.arguments(self)
        del found["rows"]
        return {**found, **self.told()}

    def told(self) -> dict[str, Any]:
        """The rows as documents show them."""
        return {"rows": self.rows}


class SetField(Gathered, frozen=True, kw_only=True):
    """Set fields of any object: one request for all rows of an object. ``rows``: JSON pointer and value."""

    kind: str
    key: str

    def told(self) -> dict[str, Any]:
        """The fields by their pointers."""
        return {"fields": {str(path): value for path, value in self.rows}}


class CreateObject(SetField, frozen=True, kw_only=True):
    """Make an object of any kind. ``rows``: JSON pointer and value; ``/apiVersion`` has to be among them."""


# -- ownership and deletion ------------------------------------------------------------------------------------


class CollectPod(Action, frozen=True, kw_only=True):
    """Mark a pod Failed, with a DisruptionTarget condition if there is a reason, and remove it at once."""

    pod: str
    reason: str
    message: str


class DropOwner(Action, frozen=True, kw_only=True):
    """Take the reference to the owner with a uid from an object."""

    kind: str
    key: str
    uid: str


class AddFinalizer(Action, frozen=True, kw_only=True):
    """Let a finalizer hold an object."""

    kind: str
    key: str
    finalizer: str


class RemoveFinalizer(Action, frozen=True, kw_only=True):
    """Take a finalizer from an object; one that was deleted goes with its last finalizer."""

    kind: str
    key: str
    finalizer: str


# -- storage ---------------------------------------------------------------------------------------------------


class BindClaim(Action, frozen=True, kw_only=True):
    """Bind a claim and a volume to each other."""

    claim: str
    volume: str


class ProvisionVolume(Gathered, frozen=True, kw_only=True):
    """Make a volume for a claim, as the provisioner of its class does. ``class_name`` is the name of the class.

    Each row is a label and its value that nodes need to use the volume; empty texts for a volume of all nodes.
    """

    claim: str
    class_name: str
    provisioner: str


class TakeSnapshot(Action, frozen=True, kw_only=True):
    """Make a snapshot ready: of a claim, with a new content of a class; or of a content that is there.

    ``bytes`` is its size; ``content`` is empty for a new one, ``claim`` and ``class_name`` for one that is there.
    """

    snapshot: str
    claim: str
    class_name: str
    content: str
    bytes: int


# -- namespaces ------------------------------------------------------------------------------------------------


class CreateServiceAccount(Action, frozen=True, kw_only=True):
    """Make a service account."""

    namespace: str
    name: str


class PublishRootCa(Action, frozen=True, kw_only=True):
    """Write the ConfigMap with the cluster's certificate into a namespace."""

    namespace: str


class AssignPodRange(Gathered, frozen=True, kw_only=True):
    """Give a node the ranges of its pods' addresses. ``rows``: address family and range."""

    node: str

    def told(self) -> dict[str, Any]:
        """The ranges, that of IPv4 first."""
        return {"range": ",".join(self.ranges)}

    @property
    def ranges(self) -> list[str]:
        """The ranges, that of IPv4 first."""
        return [str(given) for _, given in sorted(self.rows)]


# -- services --------------------------------------------------------------------------------------------------


class WriteEndpoints(Gathered, frozen=True, kw_only=True):
    """Write the Endpoints of a Service.

    ``rows``: address, pod, node, hostname, ``ready`` or ``notReady``, port name, number (0 for none), protocol.
    """

    service: str

    def told(self) -> dict[str, Any]:
        """Addresses and ports, ready and not."""
        found: dict[str, list[str]] = {"ready": [], "notReady": []}
        for ip, _, _, _, state, _, number, _ in self.rows:
            if ip:
                found[str(state)].append(f"{ip}:{number}" if number else str(ip))
        return found


class WriteSlicePorts(Gathered, frozen=True, kw_only=True):
    """Set the ports of an EndpointSlice, which is made if it does not exist.

    ``rows``: index (-1 for none), name, number, protocol.
    """

    slice: str
    service: str

    def told(self) -> dict[str, Any]:
        """Names and numbers of ports."""
        return {"ports": _ports(self.rows)}


class WriteMirrorPorts(Gathered, frozen=True, kw_only=True):
    """The same for a slice that mirrors the Endpoints of a Service."""

    slice: str
    service: str

    def told(self) -> dict[str, Any]:
        """Names and numbers of ports."""
        return {"ports": _ports(self.rows)}


class WriteSlice(Gathered, frozen=True, kw_only=True):
    """Set the endpoints of an EndpointSlice.

    ``rows``: address, pod, node, hostname, and ``true``, ``false`` or empty for ready, serving and terminating.
    """

    slice: str
    service: str

    def told(self) -> dict[str, Any]:
        """Addresses, ready and not."""
        return {
            "ready": [str(row[0]) for row in self.rows if row[0] and row[4] == "true"],
            "notReady": [str(row[0]) for row in self.rows if row[0] and row[4] != "true"],
        }


class WriteBudgetStatus(Gathered, frozen=True, kw_only=True):
    """Write the status of a disruption budget. ``rows``: pods that were evicted and have still to go, and when."""

    budget: str
    expected: int
    healthy: int
    desired: int
    allowed: int

    def told(self) -> dict[str, Any]:
        """The pods that were evicted and have still to go."""
        return {"evicted": [str(pod) for pod, _ in self.rows if pod]}


class FailBudget(Action, frozen=True, kw_only=True):
    """Say that a budget allows nothing, because the size of a pod's controller is unknown."""

    budget: str
    pod: str


# -- quotas ----------------------------------------------------------------------------------------------------


class WriteQuotaStatus(Gathered, frozen=True, kw_only=True):
    """Write the status of a quota. ``rows``: resource, limit as written, amount used (thousandths for CPU)."""

    quota: str

    def told(self) -> dict[str, Any]:
        """What is allowed, and how much of it is used in the unit that rules count."""
        return {"used": [f"{resource}: {amount} of {limit}" for resource, limit, amount in self.rows]}


class WriteHints(Gathered, frozen=True, kw_only=True):
    """Set the hints of endpoints of an EndpointSlice that was just written.

    ``rows``: address, zone or empty, node or empty.
    """

    slice: str
    service: str

    def told(self) -> dict[str, Any]:
        """Addresses with their zone or node."""
        return {"hints": [f"{ip}: {node or zone}" for ip, zone, node in self.rows]}


# -- roles -----------------------------------------------------------------------------------------------------


class WriteRules(Gathered, frozen=True, kw_only=True):
    """Give a ClusterRole the rules of others. ``rows``: number of the selector, role, number of the rule, the rule."""

    role: str

    def told(self) -> dict[str, Any]:
        """The roles whose rules it gets."""
        return {"from": sorted({str(other) for _, other, _, _ in self.rows if other})}


def _ports(rows: tuple[Row, ...]) -> list[str]:
    shown = [(index, f"{name} {number}/{protocol}".strip()) for index, name, number, protocol in rows if index != -1]
    return [text for _, text in sorted(shown, key=str)]


OBJECT_ACTIONS: Mapping[str, type[Action]] = MappingProxyType(
    {
        action_predicate(action): action
        for action in (
            DropOwner,
            RemoveFinalizer,
            AddFinalizer,
            SetField,
            CreateObject,
            CollectPod,
            BindClaim,
            ProvisionVolume,
            TakeSnapshot,
            CreateServiceAccount,
            PublishRootCa,
            AssignPodRange,
            WriteEndpoints,
            WriteSlicePorts,
            WriteMirrorPorts,
            WriteSlice,
            WriteHints,
            WriteQuotaStatus,
            WriteRules,
            WriteBudgetStatus,
            FailBudget,
        )
    }
)
"""The class of each action predicate of this module. They come after those of ``actions``, in this order."""
