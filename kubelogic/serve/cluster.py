"""What is served: the control plane, the kinds, and objects as they are written out."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.clock import timestamp
from kubelogic.kinds import structs
from kubelogic.kinds.wire import completed
from kubelogic.serve.control import ControlPlane
from kubelogic.serve.custom import custom_resources
from kubelogic.serve.metrics import served_metrics
from kubelogic.serve.resources import Resource, built_in
from kubelogic.serve.shaping import SHAPED_LAST, ordered_metadata, shaped, with_system_entries
from kubelogic.serve.versions import served_as
from kubelogic.verbs.reconciled import Options

Document = Mapping[str, Any]


class Served(msgspec.Struct, kw_only=True):
    """A cluster behind an API.

    Attributes:
        control: its state and loops.
        options: the scheduler, rules and parameters that it runs with.
        address: host and port at which it is reached.
        accounts: the ServiceAccount of each token that was handed out, as ``namespace/name``.
    """

    control: ControlPlane
    options: Options = Options()
    address: str = ""
    accounts: dict[str, str] = msgspec.field(default_factory=dict)
    numbers: int = 0
    counts: dict[tuple[str, str, int], int] = msgspec.field(default_factory=dict)
    _texts: dict[tuple[str, str, str], tuple[Object, int, bytes]] = msgspec.field(default_factory=dict)
    _sorted: dict[str, tuple[Mapping[str, Object], list[str]]] = msgspec.field(default_factory=dict)
    _resources: tuple[Resource, ...] = ()
    _definitions: object = None

    @property
    def cluster(self) -> Cluster:
        """The objects that there are now."""
        return self.control.state.cluster

    @property
    def revision(self) -> int:
        """The newest revision."""
        return self.control.history.revision

    @property
    def now(self) -> int:
        """The moment of simulated time, in milliseconds."""
        return self.control.clock.now()

    def resources(self) -> tuple[Resource, ...]:
        """All that is served, custom resources included."""
        definitions = self.cluster.objects("CustomResourceDefinition")
        if definitions is not self._definitions:
            self._definitions = definitions
            found = [each for key in sorted(definitions) for each in custom_resources(definitions[key].document)]
            self._resources = (*built_in(), *found)
        return (*(self._resources or built_in()), *served_metrics(self.control.state))

    def objects(self, resource: Resource, cluster: Cluster | None = None) -> Mapping[str, Object]:
        """The objects of a resource by key."""
        if resource.kind == "ComponentStatus":
            return components(self.control.failure)
        found = (cluster or self.cluster).objects(resource.stored_kind)
        if resource.custom is None:
            return found
        return {key: obj for key, obj in found.items() if obj.api_version.partition("/")[0] == resource.group}

    def get(self, resource: Resource, key: str) -> Object | None:
        """One object; None if it is not there."""
        if resource.kind == "ComponentStatus":
            return components(self.control.failure).get(key)
        found = self.cluster.get(resource.stored_kind, key)
        if found is not None and resource.custom is not None and found.api_version.partition("/")[0] != resource.group:
            return None
        return found

    def keys(self, objects: Mapping[str, Object], kind: str, namespace: str) -> Sequence[str]:
        """The keys of a namespace, or all, in the order of lists.

        Args:
            objects: those of a kind.
            kind: by which name the state keeps it.
            namespace: empty for all.
        """
        known = self._sorted.get(kind)
        if known is None or known[0] is not objects:
            known = self._sorted[kind] = (objects, sorted(objects, key=_steps))
        return _between(known[1], namespace) if namespace else known[1]

    def text(self, obj: Object, resource: Resource, revision: int | None = None) -> bytes:
        """An object as it is sent: JSON in the asked version, complete, with its resourceVersion.

        Args:
            obj: the object.
            resource: as what it was asked for.
            revision: its version; None for the one that it has now.
        """
        if revision is None:
            revision = self.control.history.versions.get((obj.kind, obj.key), 0)
        mark = (obj.kind, obj.key, resource.api_version)
        known = self._texts.get(mark)
        if known is not None and known[0] is obj and known[1] == revision:
            return known[2]
        found = as_text(self._renewed(obj), resource, revision)
        if obj.kind == "Lease" and obj.namespace == NODE_LEASES:
            return found
        if len(self._texts) > _REMEMBERED:
            self._texts.clear()
        self._texts[mark] = (obj, revision, found)
        return found

    def written(self, obj: Object, resource: Resource, revision: int | None = None) -> dict[str, Any]:
        """An object as it is sent, as a tree of its own; see ``text``."""
        found: dict[str, Any] = msgspec.json.decode(self.text(obj, resource, revision))
        return found

    async def warm(self) -> None:
        """Write out all objects while nobody asks, so that the first list of many does not have to."""
        for resource in built_in():
            if "list" not in resource.verbs:
                continue
            objects = self.objects(resource)
            for number, key in enumerate(self.keys(objects, resource.stored_kind, "")):
                found = self.get(resource, key)
                if found is not None:
                    self.text(found, resource)
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)

    def _renewed(self, obj: Object) -> Document:
        """The document of an object; a node's lease is renewed at every moment at which somebody looks at it."""
        if obj.kind != "Lease" or obj.namespace != NODE_LEASES:
            return obj.document
        node = self.cluster.get("Node", obj.name)
        conditions = ((node.document.get("status") or {}).get("conditions") or ()) if node is not None else ()
        if not any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions):
            return obj.document
        moment = timestamp(self.now - self.now % 1000).removesuffix("Z")
        return {**obj.document, "spec": {**(obj.document.get("spec") or {}), "renewTime": f"{moment}.000000Z"}}


@cache
def components(failure: str) -> Mapping[str, Object]:
    """The parts of the control plane as ComponentStatuses.

    Args:
        failure: why the control loops have ended; empty if they have not.

    Source: pkg/registry/core/componentstatus/rest.go.
    """
    found = {}
    for name in ("controller-manager", "etcd-0", "scheduler"):
        well = not failure or name == "etcd-0"
        condition = {"type": "Healthy", "status": "True" if well else "False", "message": "ok" if well else failure}
        document = {
            "apiVersion": "v1",
            "kind": "ComponentStatus",
            "metadata": {"name": name},
            "conditions": [condition],
        }
        found[name] = Object(api_version="v1", kind="ComponentStatus", namespace="", name=name, document=document)
    return MappingProxyType(found)


NODE_LEASES = "kube-node-lease"
"""Where nodes have their leases."""
_REMEMBERED = 300_000
_AT_ONCE = 50
"""So many objects are written out before requests have their turn."""
_COUNTED = frozenset(
    {
        "CronJob",
        "CSIDriver",
        "CustomResourceDefinition",
        "DaemonSet",
        "Deployment",
        "DeviceClass",
        "EndpointSlice",
        "FlowSchema",
        "Ingress",
        "IngressClass",
        "Job",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "NetworkPolicy",
        "Pod",
        "PodDisruptionBudget",
        "PodTemplate",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "ReplicaSet",
        "ReplicationController",
        "ResourceSlice",
        "StatefulSet",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
)
"""Kinds whose changes are counted in ``generation``. Source: PrepareForCreate of the strategies under pkg/registry."""


def as_text(document: Document, resource: Resource, revision: int) -> bytes:
    """A document in the version of a resource as JSON, complete; without a version at revision 0."""
    found = served_as(document, resource.api_version)
    meta = _versioned(found, resource, revision)
    if resource.type_name and resource.kind not in SHAPED_LAST and not meta.get("managedFields"):
        body = shaped({**found, "metadata": meta}, resource.kind)
        del body["kind"], body["apiVersion"]
        rest = structs.text(body, resource.type_name)
        if rest is not None:
            return head(resource) + rest[1:]
    return encoded(_as_sent(found, meta, resource))


def head(resource: Resource) -> bytes:
    """How the text of every object of a resource begins."""
    return _head(resource.kind, resource.api_version)


@cache
def _head(kind: str, api_version: str) -> bytes:
    return encoded({"kind": kind, "apiVersion": api_version})[:-1] + b","


def _versioned(document: Document, resource: Resource, revision: int) -> dict[str, Any]:
    meta = {key: value for key, value in (document.get("metadata") or {}).items() if key != "resourceVersion"}
    if revision:
        meta["resourceVersion"] = str(revision)
    if resource.type_name and resource.kind not in _COUNTED:
        meta.pop("generation", None)
    return meta


def _as_sent(document: Document, meta: Document, resource: Resource) -> dict[str, Any]:
    complete = completed(meta, "@ObjectMeta")
    body = {key: value for key, value in document.items() if key not in ("kind", "apiVersion", "metadata")}
    if resource.type_name:
        body = shaped(completed(body, f"@{resource.type_name}"), resource.kind)
        complete = with_system_entries(complete, body, resource.kind, resource.api_version)
    return {
        "kind": resource.kind,
        "apiVersion": resource.api_version,
        "metadata": ordered_metadata(complete),
        **{key: value for key, value in body.items() if key not in ("kind", "apiVersion", "metadata")},
    }


def encoded(document: Any) -> bytes:
    """A JSON body."""
    return msgspec.json.encode(document)


def _steps(key: str) -> list[str]:
    return key.split("/")


def _between(keys: Sequence[str], namespace: str) -> Sequence[str]:
    """The keys of a namespace among those of all, which are sorted by namespace and name."""
    first = bisect_left(keys, [namespace], key=_steps)
    return keys[first : bisect_left(keys, [namespace + "\0"], key=_steps)]


def following(keys: Sequence[str], last: str) -> Sequence[str]:
    """The keys after one of them, which may be gone by now."""
    return keys[bisect_right(keys, _steps(last), key=_steps) :]
