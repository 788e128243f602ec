"""Where it is written what a pod asks of devices: the selectors that no device passes, or else its requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from kubelogic.cluster import Cluster, Object
from kubelogic.explain.blockers import Blocker
from kubelogic.explain.proposals.devices import Ask, Part, asks, parts
from kubelogic.explain.proposals.patches import dig
from kubelogic.explain.written import Writings
from kubelogic.placement.devices.model import Devices
from kubelogic.placement.problem import Problem


def with_device_places(
    blockers: Sequence[Blocker], given: Problem, cluster: Cluster, pod: Object, writings: Writings
) -> tuple[Blocker, ...]:
    """Blockers about devices with the places of what keeps devices from a pod.

    Args:
        blockers: of the pod.
        given: the placement problem, with what each expression says of the devices.
        cluster: with the claims, their templates and classes.
        pod: it.
        writings: says where fields were written.
    """
    devices = given.devices if given.devices is not None else Devices()
    requests = [(ask, part) for ask in asks(cluster, pod) for part in parts(ask.devices)]
    failing = [place for ask, part in requests for place in _failing(devices, cluster, ask, part)]
    found = failing or [(ask.source, (*ask.path, *part.path)) for ask, part in requests]
    places = tuple(dict.fromkeys(writings.of(obj, path) for obj, path in found))
    return tuple(replace(each, places=places) for each in blockers)


def _failing(
    devices: Devices, cluster: Cluster, ask: Ask, part: Part
) -> Iterator[tuple[Object, tuple[str | int, ...]]]:
    """The selectors of a request and of its class that no device passes, or that end with an error."""
    yield from _bad(devices, ask.source, (*ask.path, *part.path, "selectors"), part.says.get("selectors") or ())
    found = cluster.get("DeviceClass", str(part.says.get("deviceClassName")))
    if found is not None:
        path = ("spec", "selectors")
        yield from _bad(devices, found, path, dig(found.document, path) or ())


def _bad(
    devices: Devices, obj: Object, path: tuple[str | int, ...], selectors: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Object, tuple[str | int, ...]]]:
    for number, selector in enumerate(selectors):
        verdicts = devices.verdicts.get(str(dig(selector, ("cel", "expression")) or ""), {})
        if "yes" not in verdicts.values():
            yield obj, (*path, number, "cel", "expression")
