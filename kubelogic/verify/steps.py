"""Events as the steps of a scenario file, so that ``kubelogic simulate --scenario`` runs what was found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kubelogic.reconcile.scenario import (
    Behave,
    Cordon,
    Delete,
    Drain,
    Event,
    FailNode,
    HealNode,
    Operation,
    Patch,
    Scale,
    SetImage,
)
from kubelogic.reconcile.times import clock
from kubelogic.reconcile.troubles import FailProbe, HealProbe, Target


def steps(events: Iterable[Event]) -> tuple[Mapping[str, Any], ...]:
    """The steps of a scenario file that make these events happen.

    Raises:
        TypeError: for an operation that verification does not use.

    >>> steps([Event(at=30_000, operation=FailNode(node="n1"))])
    ({'at': '30s', 'fail': 'n1'},)
    """
    return tuple({"at": clock(each.at), **_step(each.operation)} for each in events)


def _step(operation: Operation) -> Mapping[str, Any]:
    match operation:
        case FailNode(node=node):
            return {"fail": node}
        case HealNode(node=node):
            return {"heal": node}
        case Cordon(node=node, unschedulable=True):
            return {"cordon": node}
        case Cordon(node=node):
            return {"uncordon": node}
        case Drain(node=node):
            more = {"force": operation.force, "deleteEmptyDirData": operation.delete_empty_dir}
            chosen = {name: True for name, value in more.items() if value}
            return {"drain": {"node": node, **chosen} if chosen else node}
        case Scale(kind=kind, key=key, replicas=replicas):
            return {"scale": {"kind": kind, **_name(key), "replicas": replicas}}
        case SetImage(kind=kind, key=key, image=image):
            named = {"container": operation.container} if operation.container else {}
            return {"setImage": {"kind": kind, **_name(key), **named, "image": image}}
        case Patch(kind=kind, key=key, patch=patch, how="strategic"):
            return {"patch": {"kind": kind, **_name(key), "patch": patch}}
        case Delete(kind=kind, key=key):
            return {"delete": {"kind": kind, **_name(key)}}
        case FailProbe(target=Target(image=image), probe=probe, answer="failure") if image:
            return {"fail": {"probe": probe, "image": image}}
        case HealProbe(target=Target(image=image), probe=probe) if image:
            return {"heal": {"probe": probe, "image": image}}
        case Behave(image=image):
            told = {
                "pull": operation.pull,
                "start": operation.start,
                "ready": operation.ready,
                "readyAfter": None if operation.ready_after is None else clock(operation.ready_after),
                "waitsFor": None if operation.waits_for is None else ".".join(filter(None, operation.waits_for)),
                "stops": operation.stops,
            }
            return {"image": {"name": image, **{name: value for name, value in told.items() if value is not None}}}
    raise TypeError(f"no step for {operation.type}")


def _name(key: str) -> Mapping[str, str]:
    namespace, _, name = key.partition("/")
    return {"name": name, "namespace": namespace}
