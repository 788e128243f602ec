"""Requests for devices that stand for the extended resources of a pod.

Source: kube-scheduler 1.36, dynamicresources/extendeddynamicresources.go, createRequestsAndMappings.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelogic.placement.devices.model import Container, Devices, Request


def extended_requests(
    containers: Sequence[Container], resources: Sequence[str], devices: Devices
) -> list[tuple[Request, tuple[tuple[str, str], ...]]]:
    """The requests that stand for extended resources, by name, each with the containers (and resource) that use it.

    Init containers use the devices of later containers; what the largest of them needs beyond those is one request.
    """
    found: dict[str, Request] = {}
    uses: dict[str, list[tuple[str, str]]] = {}
    for resource in resources:
        lasting: list[Request | None] = [None] * len(containers)
        for number, container in enumerate(containers):
            if not container.brief and (count := container.requests.get(resource, 0)):
                lasting[number] = _request(number, container, resource, count, devices)
                uses.setdefault(f"container-{number}-request-{_place(container, resource)}", []).append(
                    (container.name, resource)
                )
        largest: Request | None = None
        for number, container in enumerate(containers):
            count = container.requests.get(resource, 0) if container.brief else 0
            for other in lasting[number:]:
                if count > 0 and other is not None:
                    uses.setdefault(other.name, []).append((container.name, resource))
                    count -= other.count
            if count > 0:
                own = _request(number, container, resource, count, devices)
                if largest is None or largest.count < count:
                    if largest is not None:
                        uses[own.name] = uses.pop(largest.name, [])
                    largest = own
                uses.setdefault(largest.name, []).append((container.name, resource))
        for request in (largest, *lasting):
            if request is not None:
                found[request.name] = request
    return [(found[name], tuple(uses.get(name, ()))) for name in sorted(found)]


def _place(container: Container, resource: str) -> int:
    return sorted(container.requests).index(resource)


def _request(number: int, container: Container, resource: str, count: int, devices: Devices) -> Request:
    name = devices.extended[resource]
    return Request(
        name=f"container-{number}-request-{_place(container, resource)}",
        device_class=name,
        selectors=devices.class_selectors.get(name, ()),
        count=count,
    )
