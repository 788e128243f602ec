"""What a control plane makes of itself before anybody asks for anything: namespaces, classes, roles, its own Service.

Source: pkg/controlplane/controller (systemnamespaces, kubernetesservice); pkg/apis/scheduling (SystemPriorityClasses)
of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from ipaddress import ip_address
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver import requests
from kubelogic.apiserver.allocators.ranges import Ranges
from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.bootstrap_roles import bootstrap_roles
from kubelogic.apiserver.loading import was_admitted
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.state import State
from kubelogic.facts.parameters import parameters_of
from kubelogic.kinds.references import SYSTEM_NAMESPACES
from kubelogic.kinds.table import lookup
from kubelogic.logic import Rulebook

_FIRST = ("Namespace", "PriorityClass", "CustomResourceDefinition", "StorageClass", "RuntimeClass")
_THEN = ("ServiceAccount", "ConfigMap", "Secret", "LimitRange", "ResourceQuota")


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A state to begin with, and what was not taken."""

    state: State
    refused: tuple[tuple[Object, Status], ...]


def start(objects: Sequence[Object], *, rules: Rulebook, now: int) -> Started:
    """The state of a control plane that has just come up, with objects in it.

    Args:
        objects: what was read. Those that a cluster has admitted before are there as they are; all others are created,
            each by a request of its own.
        rules: the rules and parameters that the API server decides by.
        now: the moment, in milliseconds.
    """
    there = [obj for obj in objects if was_admitted(obj)]
    new = [obj for obj in objects if not was_admitted(obj)]
    state = replace(State.of(Cluster.of(there), rules=rules), now=now, unseen_accounts=frozenset())
    names = {obj.namespace for obj in objects if obj.namespace}
    taken = {(obj.kind, obj.key) for obj in objects}
    address = Ranges.named(parameters_of(rules)).services[0][1]
    for document in _own(sorted(names - set(SYSTEM_NAMESPACES)), str(ip_address(address))):
        meta = document["metadata"]
        key = f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else meta["name"]
        if (document["kind"], key) not in taken:
            state = requests.create(state, document).state
    refused = []
    for obj in sorted(new, key=_turn):
        outcome = requests.create(state, _without_version(obj), namespace=obj.namespace or "default")
        state = outcome.state
        if not outcome.answer.accepted:
            refused.append((obj, outcome.answer))
    return Started(state=state, refused=tuple(refused))


def _without_version(obj: Object) -> dict[str, Any]:
    meta = {key: value for key, value in (obj.document.get("metadata") or {}).items() if key != "resourceVersion"}
    return {**obj.document, "metadata": meta}


def _turn(obj: Object) -> tuple[bool, bool, bool, tuple[str, int, int], str]:
    """Namespaces and classes first, then what is in no namespace, then what pods need, then the rest as written."""
    known = lookup(obj.api_version, obj.kind)
    cluster_wide = known is not None and not known.namespaced
    order = obj.origin.order if obj.origin is not None else ("", 0, 0)
    return obj.kind not in _FIRST, not cluster_wide, obj.kind not in _THEN, order, obj.key


def _own(others: Sequence[str], address: str) -> Iterator[dict[str, Any]]:
    for name in sorted({*SYSTEM_NAMESPACES, *others}):
        labels = {"kubernetes.io/metadata.name": name}
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    for document in msgspec.json.decode(files("kubelogic.apiserver").joinpath("bootstrap.json").read_bytes()):
        if document["kind"] == "Service":
            document["spec"]["clusterIP"] = address
        yield document
    yield from bootstrap_roles()
