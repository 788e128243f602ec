"""What a namespace that ends says of itself: whether its content is deleted, and what keeps it.

Source: pkg/controller/namespace/deletion/{namespaced_resources_deleter,status_condition_utils}.go of Kubernetes 1.36.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.state import State
from kubelogic.serve.resources import built_in

_FINE = (
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    ("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    ("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed"),
    ("NamespaceFinalizersRemaining", "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
)
"""The conditions in their order, with the reason and message of each that is not so."""


def told(state: State) -> Iterator[tuple[Object, dict[str, Any]]]:
    """The namespaces whose conditions are not what they should be, with their documents."""
    namespaces = state.cluster.objects("Namespace")
    ending = [namespaces[key] for key in sorted(namespaces) if metadata(namespaces[key]).get("deletionTimestamp")]
    for namespace in ending:
        held = list(_content(state, namespace.name))
        if held and not any(metadata(obj).get("deletionTimestamp") for obj in held):
            continue  # the controller has not begun
        status: Mapping[str, Any] = namespace.document.get("status") or {}
        old = {each["type"]: each for each in status.get("conditions") or ()}
        found = [_kept(old.get(each["type"]), each) for each in _conditions(state, held)]
        if found != list(status.get("conditions") or ()) and (held or old):
            yield namespace, {**namespace.document, "status": {**status, "conditions": found}}


def _content(state: State, namespace: str) -> Iterator[Object]:
    start = f"{namespace}/"
    for kind in sorted(state.cluster.kinds()):
        for key, obj in state.cluster.objects(kind).items():
            if key.startswith(start):
                yield obj


def _conditions(state: State, held: list[Object]) -> list[dict[str, Any]]:
    counted = Counter(_resource(obj) for obj in held)
    finalizers = Counter(each for obj in held for each in metadata(obj).get("finalizers") or ())
    remaining = {
        "NamespaceContentRemaining": (
            "SomeResourcesRemain",
            "Some resources are remaining: "
            + ", ".join(f"{name} has {number} resource instances" for name, number in sorted(counted.items())),
        )
        if counted
        else None,
        "NamespaceFinalizersRemaining": (
            "SomeFinalizersRemain",
            "Some content in the namespace has finalizers remaining: "
            + ", ".join(f"{name} in {number} resource instances" for name, number in sorted(finalizers.items())),
        )
        if finalizers
        else None,
    }
    moment = timestamp(state.now - state.now % 1000)
    found = []
    for kind, reason, message in _FINE:
        bad = remaining.get(kind)
        found.append(
            {
                "type": kind,
                "status": "True" if bad else "False",
                "lastTransitionTime": moment,
                "reason": bad[0] if bad else reason,
                "message": bad[1] if bad else message,
            }
        )
    return found


def _kept(old: Mapping[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """A condition with the moment at which it became so."""
    if old is not None and all(old.get(each) == new[each] for each in ("status", "reason", "message")):
        return dict(old)
    return new


def _resource(obj: Object) -> str:
    """The resource of an object with its group, as in ``configmaps.`` and ``deployments.apps``."""
    group = obj.api_version.rpartition("/")[0]
    plural = next((each.plural for each in built_in() if (each.group, each.kind) == (group, obj.kind)), "")
    return f"{plural or obj.kind.lower() + 's'}.{group}"
