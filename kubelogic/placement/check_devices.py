"""The independent checker's view of devices: what claims got, against what they ask for and what there is.

Shares no code with the search for devices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from kubelogic.placement.devices.model import Allocated, Claim, Constraint, Device, Devices, Granted, Request, Slice
from kubelogic.placement.placement import Binding, Placement
from kubelogic.placement.problem import Pod, Problem

Identity = tuple[str, str, str]
Wrong = tuple[str, str, str]
"""Pod, node and what is wrong."""


def device_faults(problem: Problem, placement: Placement) -> Iterator[Wrong]:
    """All that is wrong with the devices that the bindings of a placement give to claims."""
    devices = problem.devices
    if devices is None:
        return
    board = _Board(devices)
    pods = {pod.name: pod for pod in problem.waiting}
    for binding in placement.bindings:
        pod = pods.get(binding.pod)
        if pod is not None:
            yield from ((pod.name, binding.node, words) for words in board.take(pod, binding))


class _Board:
    """Who has which device."""

    def __init__(self, devices: Devices) -> None:
        self._devices = devices
        self._claims = {claim.name: claim for claim in devices.claims}
        self._nodes: dict[str, frozenset[str] | None] = {
            claim.name: claim.nodes for claim in devices.claims if claim.allocated is not None
        }
        newest: dict[tuple[str, str], int] = {}
        for each in devices.slices:
            key = each.driver, each.pool
            newest[key] = max(newest.get(key, each.generation), each.generation)
        self._known: dict[Identity, tuple[Device, Slice]] = {}
        self._counters: Counter[tuple[str, str, str, str]] = Counter()
        for each in devices.slices:
            if each.generation == newest[each.driver, each.pool]:
                for device in each.devices:
                    self._known[each.driver, each.pool, device.name] = device, each
                for one in each.counters:
                    for name, amount in one.amounts.items():
                        self._counters[each.driver, each.pool, one.name, name] += amount
        self._whole: set[Identity] = set()
        self._parts: dict[Identity, Counter[str]] = {}
        for claim in devices.claims:
            for held in claim.allocated or ():
                list(self._give(held))

    def take(self, pod: Pod, binding: Binding) -> Iterator[str]:
        """Let the claims of a pod have what its binding says; tells what is wrong with it."""
        got = {each.claim: each for each in binding.devices}
        for name in dict.fromkeys(pod.device_claims):
            claim = self._claims[name]
            if name in self._nodes:
                usable = self._nodes[name]
                if usable is not None and binding.node not in usable:
                    yield f"{name} has devices that cannot be used here"
                continue
            granted = got.get(name)
            if granted is None:
                yield f"{name} gets no devices"
                continue
            self._nodes[name] = granted.nodes
            yield from self._claim(claim, granted, binding.node)
        for granted in binding.devices:
            if granted.claim not in self._claims:
                for held in granted.devices:
                    yield from self._give(held)

    def _claim(self, claim: Claim, granted: Granted, node: str) -> Iterator[str]:
        for held in granted.devices:
            yield from self._usable(held, node)
            yield from self._give(held)
        by_request: dict[str, list[Allocated]] = {}
        for held in granted.devices:
            by_request.setdefault(held.request, []).append(held)
        for index, alternatives in enumerate(claim.requests):
            request = alternatives[granted.chosen[index] if index < len(granted.chosen) else 0]
            mine = by_request.pop(request.full_name, [])
            yield from self._request(request, mine)
        if by_request:
            yield f"{claim.name} gets devices for {', '.join(sorted(by_request))}, which it does not ask for"
        for constraint in claim.constraints:
            yield from self._constraint(constraint, granted)

    def _usable(self, held: Allocated, node: str) -> Iterator[str]:
        found = self._known.get(held.identity)
        if found is None:
            yield f"there is no device {'/'.join(held.identity)}"
            return
        device, each = found
        nodes = device.nodes if each.each else each.nodes
        if nodes is None or node not in nodes:
            yield f"the device {'/'.join(held.identity)} cannot be used here"

    def _request(self, request: Request, mine: list[Allocated]) -> Iterator[str]:
        if not request.every and len(mine) != request.count:
            yield f"request {request.full_name} gets {len(mine)} devices, asks for {request.count}"
        if request.every and not mine:
            yield f"request {request.full_name} asks for all devices and gets none"
        for held in mine:
            device = self._known.get(held.identity, (None, None))[0]
            if device is None:
                continue
            for selector in request.selectors:
                if self._devices.verdicts[selector.expression][device.look] != "yes":
                    yield f"request {request.full_name}: {device.name} does not match {selector.expression}"

    def _constraint(self, constraint: Constraint, granted: Granted) -> Iterator[str]:
        held_ones = [
            held for held in granted.devices if held.identity in self._known and _concerns(constraint, held.request)
        ]
        values = [_value(self._known[each.identity][0], each.driver, constraint.attribute) for each in held_ones]
        if constraint.distinct:
            # the real allocator remembers the last value of each request only
            last = {
                each.request.split("/", maxsplit=1)[0]: value for each, value in zip(held_ones, values, strict=True)
            }
            if len(set(last.values())) < len(last):
                yield f"two devices of {granted.claim} have the same {constraint.attribute}"
        elif len(set(values)) > 1 or None in values:
            yield f"devices of {granted.claim} differ in {constraint.attribute}"

    def _give(self, held: Allocated) -> Iterator[str]:
        if held.admin:
            return
        identity = held.identity
        if held.shared:
            used = self._parts.setdefault(identity, Counter())
            for name, amount in held.consumed.items():
                used[name] += amount.value
            found = self._known.get(identity)
            for name, capacity in (found[0].capacity if found else {}).items():
                if used[name] > capacity.value.value:
                    yield f"more of {name} of {'/'.join(identity)} is used than there is"
            return
        if identity in self._whole:
            yield f"the device {'/'.join(identity)} has a user already"
        self._whole.add(identity)
        found = self._known.get(identity)
        for one in found[0].consumes if found else ():
            for name, used_up in one.amounts.items():
                key = held.driver, held.pool, one.name, name
                self._counters[key] -= used_up
                if self._counters[key] < 0:
                    yield f"more of the counter {one.name}/{name} is used than there is"


def _concerns(constraint: Constraint, request: str) -> bool:
    whole = request.split("/", maxsplit=1)[0]
    return not constraint.requests or bool(constraint.requests & {request, whole})


def _value(device: Device, driver: str, attribute: str) -> tuple[str, str] | None:
    attributes: Mapping[str, tuple[str, str]] = device.attributes
    if attribute in attributes:
        return attributes[attribute]
    prefix, _, name = attribute.partition("/")
    return attributes.get(name) if prefix == driver else None
