"""Actions on services, storage, namespaces and ownership; see ``actions`` for how they come from rules."""

from __future__ import annotations

from typing import Any

from kubelogic.reconcile.actions import Action, Gathered, ObjectAction, PodAction, actions_of

# -- any object, ownership and deletion ------------------------------------------------------------------------


class DropOwner(ObjectAction, frozen=True, kw_only=True):
    """Take the reference to the owner with a uid from an object."""

    uid: str


class RemoveFinalizer(ObjectAction, frozen=True, kw_only=True):
    """Take a finalizer from an object; one that was deleted goes with its last finalizer."""

    finalizer: str


class AddFinalizer(ObjectAction, frozen=True, kw_only=True):
    """Let a finalizer hold an object."""

    finalizer: str


class SetField(Gathered, frozen=True, kw_only=True):
    """Set fields of any object: one request for all rows of an object. ``rows``: JSON pointer and value."""

    kind: str
    key: str

    def told(self) -> dict[str, Any]:
        """The fields by their pointers."""
        return {"fields": {str(path): value for path, value in self.rows}}


class CreateObject(SetField, frozen=True, kw_only=True):
    """Make an object of any kind. ``rows``: JSON pointer and value; without ``/apiVersion`` it is of v1."""


class CollectPod(PodAction, frozen=True, kw_only=True):
    """Mark a pod Failed, with a DisruptionTarget condition if there is a reason, and remove it at once."""

    reason: str
    message: str


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


# -- namespaces and nodes --------------------------------------------------------------------------------------


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
        rows = (row for row in self.rows if row[0] != -1)
        shown = [(index, f"{name} {number}/{protocol}".strip()) for index, name, number, protocol in rows]
        return {"ports": [text for _, text in sorted(shown, key=str)]}


class WriteMirrorPorts(WriteSlicePorts, frozen=True, kw_only=True):
    """The same for a slice that mirrors the Endpoints of a Service."""


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


class WriteHints(Gathered, frozen=True, kw_only=True):
    """Set the hints of endpoints of an EndpointSlice that was just written.

    ``rows``: address, zone or empty, node or empty.
    """

    slice: str
    service: str

    def told(self) -> dict[str, Any]:
        """Addresses with their zone or node."""
        return {"hints": [f"{ip}: {node or zone}" for ip, zone, node in self.rows]}


# -- quotas, roles, budgets ------------------------------------------------------------------------------------


class WriteQuotaStatus(Gathered, frozen=True, kw_only=True):
    """Write the status of a quota. ``rows``: resource, limit as written, amount used (thousandths for CPU)."""

    quota: str

    def told(self) -> dict[str, Any]:
        """What is allowed, and how much of it is used in the unit that rules count."""
        return {"used": [f"{resource}: {amount} of {limit}" for resource, limit, amount in self.rows]}


class WriteRules(Gathered, frozen=True, kw_only=True):
    """Give a ClusterRole the rules of others. ``rows``: number of the selector, role, number of the rule, the rule."""

    role: str

    def told(self) -> dict[str, Any]:
        """The roles whose rules it gets."""
        return {"from": sorted({str(other) for _, other, _, _ in self.rows if other})}


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


OBJECT_ACTIONS = actions_of(vars())
"""The class of each action predicate of this module. They come after those of ``actions``, in this order."""
