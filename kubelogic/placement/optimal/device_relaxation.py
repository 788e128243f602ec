"""Devices as amounts: a problem without claims on devices that no placement with them can beat.

A pod with claims becomes one with amounts that it needs at least: for any set of the requests that there are, the
devices that its requests of that set take, of those that match some request of the set (Hall's condition: where devices
only have to match and be distinct, this is all that there is to it); the least that it takes of each counter; and a
share of what fits of its like alone. It may go where its claims find devices while nobody else is placed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

import msgspec

from kubelogic.placement.devices.model import Claim, Device, DeviceError, Failure, Request, essence
from kubelogic.placement.devices.pools import usable_on
from kubelogic.placement.devices.search import Search, State, attribute
from kubelogic.placement.kube.devices import Desk
from kubelogic.placement.optimal.copies import with_copies
from kubelogic.placement.problem import Node, Pod, Problem, Reach

_REQUESTS = 4
"""Of so many item classes of requests, every set is looked at; of more, the single ones and all together."""

_PAIRS = 6_000
"""Pairs of node and item class for which it is found out how many fit alone."""

_ALONE = 4
_MARK = "#"

Signature = tuple[bytes, bytes, tuple[str, ...]]


class _Kind(msgspec.Struct):
    """Pods that ask for the same. ``own``: claims that only this pod uses and that have no devices yet."""

    pod: Pod
    own: tuple[Claim, ...]
    nodes: frozenset[str] = frozenset()
    amounts: dict[str, int] = msgspec.field(default_factory=dict)


class Relaxed(msgspec.Struct, frozen=True, kw_only=True):
    """The ``problem`` with devices as amounts, and what the devices of each node look like: equal ones do for the same.

    ``looks`` is empty where nodes are too many to be compared.
    """

    problem: Problem
    looks: Mapping[str, bytes]


def relax(problem: Problem) -> Relaxed | None:
    """The problem without devices. Pods that ask for devices have copies of their shapes in it.

    None where a search ends in an error, so that single pods have to say so.
    """
    devices = problem.devices
    assert devices is not None
    claims = {claim.name: claim for claim in devices.claims}
    users: dict[str, int] = {}
    for pod in problem.waiting:
        for name in dict.fromkeys(pod.device_claims):
            users[name] = users.get(name, 0) + 1
    desk = Desk(problem)
    item_classes: dict[Signature, _Kind] = {}
    of: dict[str, Signature] = {}
    for pod in problem.waiting:
        if not desk.concerns(pod):
            continue
        own = tuple(
            claims[name]
            for name in dict.fromkeys(pod.device_claims)
            if users[name] == 1 and claims[name].allocated is None
        )
        others = tuple(sorted(set(pod.device_claims) - {claim.name for claim in own}))
        key = (b"\n".join(essence(claim) for claim in own), _bytes(pod.containers), others)
        of[pod.name] = key
        item_classes.setdefault(key, _Kind(pod=pod, own=own))
    names = [node.name for node in problem.nodes]
    try:
        for item_class in item_classes.values():
            if desk.refuses(item_class.pod):
                continue
            item_class.nodes = frozenset(names) - desk.lacking(item_class.pod, names).keys()
        capacity = _Capacity(problem, item_classes)
    except DeviceError:
        return None
    copies = {(pod.shape, of[pod.name]): "" for pod in problem.waiting if pod.name in of}
    for number, pair in enumerate(sorted(copies)):
        copies[pair] = f"{pair[0]}{_MARK}{number}"
    return Relaxed(problem=_without(problem, item_classes, of, copies, capacity.of_nodes()), looks=capacity.looks)


def _bytes(value: object) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def _without(
    problem: Problem,
    item_classes: Mapping[Signature, _Kind],
    of: Mapping[str, Signature],
    copies: Mapping[tuple[str, Signature], str],
    capacity: Mapping[str, Mapping[str, int]],
) -> Problem:
    found = problem
    rounds = max((len([1 for shape, _ in copies if shape == one]) for one, _ in copies), default=0)
    for turn in range(rounds):
        chosen: dict[str, str] = {}
        for (one, _), name in sorted(copies.items(), key=lambda item: item[1]):
            mine = sorted(copy for (each, _), copy in copies.items() if each == one)
            if turn < len(mine) and name == mine[turn]:
                chosen[one] = name
        found = with_copies(found, chosen)
    kind_of = {name: item_classes[key] for (_, key), name in copies.items()}
    members = {node.name: node.node_class for node in problem.nodes}
    allowed = dict(found.allowed)
    shapes = []
    for shape in found.shapes:
        item_class = kind_of.get(shape.name)
        if item_class is None:
            shapes.append(shape)
            continue
        reach = allowed[shape.name]
        within = (n for n in item_class.nodes if members[n] in reach.node_classes or n in reach.nodes)
        allowed[shape.name] = Reach(nodes=frozenset(within))
        scored = shape.scored_requests or shape.requests
        shapes.append(
            msgspec.structs.replace(shape, requests={**shape.requests, **item_class.amounts}, scored_requests=scored)
        )
    names = {pod.name: copies[pod.shape, of[pod.name]] for pod in problem.waiting if pod.name in of}
    return msgspec.structs.replace(
        found,
        devices=None,
        nodes=tuple(
            msgspec.structs.replace(node, allocatable={**node.allocatable, **capacity[node.name]})
            for node in problem.nodes
        ),
        shapes=tuple(shapes),
        allowed=allowed,
        pods=tuple(
            msgspec.structs.replace(pod, shape=names[pod.name], device_claims=(), containers=())
            if pod.name in names
            else pod
            for pod in problem.pods
        ),
    )


class _Capacity:
    """What nodes have of the amounts that stand for devices; notes with each item class what it needs of them."""

    def __init__(self, problem: Problem, item_classes: Mapping[Signature, _Kind]) -> None:
        devices = problem.devices
        assert devices is not None
        self._problem, self._devices = problem, devices
        self._state = State()
        for claim in devices.claims:
            self._state.add(claim.allocated or ())
        self._search = Search(devices, self._state)
        self._kinds = item_classes
        self.looks: dict[str, bytes] = {}
        self._requests: dict[bytes, Request] = {}
        for item_class in item_classes.values():
            for request in _plain(item_class.own):
                self._requests.setdefault(_sort_of(request), request)
        self._found: dict[str, dict[str, int]] = {node.name: {} for node in problem.nodes}
        self._extended()
        self._sets()
        self._counters()
        self._alone()

    def of_nodes(self) -> Mapping[str, Mapping[str, int]]:
        """By node, what it has of each amount."""
        return self._found

    def _free(self, node: str) -> Iterator[tuple[tuple[str, str, str], Device]]:
        for pool in self._search.pools(node):
            for each in pool.slices if pool.usable else ():
                for device in each.devices:
                    identity = pool.driver, pool.name, device.name
                    if usable_on(device, each, node) and identity not in self._state.whole:
                        yield identity, device

    def _matches(self, request: Request, device: Device) -> bool:
        return all(self._devices.verdicts[each.expression][device.look] == "yes" for each in request.selectors)

    def _extended(self) -> None:
        """Resources that stand for devices, on nodes that do not report them: as many as there are devices."""
        for resource, name in sorted(self._devices.extended.items()):
            selectors = self._devices.class_selectors.get(name, ())
            request = Request(name="", selectors=selectors)
            for node in self._problem.nodes:
                if not node.allocatable.get(resource):
                    self._found[node.name][resource] = sum(self._matches(request, d) for _, d in self._free(node.name))

    def _sets(self) -> None:
        sorts = sorted(self._requests)
        sizes = range(1, len(sorts) + 1) if len(sorts) <= _REQUESTS else (1, len(sorts))
        for number, chosen in enumerate(each for size in sizes for each in combinations(sorts, size)):
            name = f"devices {number}"
            for item_class in self._kinds.values():
                needed = sum(
                    min(_count(each) if _sort_of(each) in chosen else 0 for each in alternatives)
                    for claim in item_class.own
                    for alternatives in claim.requests
                )
                if needed:
                    item_class.amounts[name] = needed
            if not any(name in item_class.amounts for item_class in self._kinds.values()):
                continue
            wanted = [self._requests[each] for each in chosen]
            for node in self._problem.nodes:
                # A device that several may share counts as much as anybody could ask.
                self._found[node.name][name] = sum(
                    1_000 if device.shareable else 1
                    for _, device in self._free(node.name)
                    if any(self._matches(request, device) for request in wanted)
                )

    def _counters(self) -> None:
        every = {identity: device for node in self._problem.nodes for identity, device in self._free(node.name)}
        names = sorted({name for device in every.values() for used in device.consumes for name in used.amounts})
        if not names:
            return
        matching = {
            sort: [device for device in every.values() if self._matches(request, device)]
            for sort, request in self._requests.items()
        }
        for name in names:
            for item_class in self._kinds.values():
                least = sum(
                    min(
                        _count(each)
                        * int(min((_consumed(d, name) for d in matching.get(_sort_of(each), ())), default=0))
                        for each in alternatives
                    )
                    for claim in item_class.own
                    for alternatives in claim.requests
                )
                if least:
                    item_class.amounts[f"counter {name}"] = least
            for node in self._problem.nodes:
                self._found[node.name][f"counter {name}"] = self._left(node, name)

    def _left(self, node: Node, name: str) -> int:
        """What the pools of a node have of a counter, less what devices take that are given away."""
        total = 0
        for pool in self._search.pools(node.name):
            if not any(usable_on(device, each, node.name) for each in pool.slices for device in each.devices):
                # The counters of every pool concern every node; its devices may not.
                continue
            total += sum(amounts.get(name, 0) for amounts in pool.counters.values())
            for each in (*pool.slices, *pool.others):
                for device in each.devices:
                    if self._state.has((pool.driver, pool.name, device.name)):
                        total -= _consumed(device, name)
        return max(total, 0)

    def _alone(self) -> None:
        """How many pods of an item class a node has devices for if no others come, for nodes that are alike found
        once.
        """
        if len(self._problem.nodes) * len(self._kinds) > _PAIRS:
            return
        attributes = sorted(
            {
                each.attribute
                for item_class in self._kinds.values()
                for claim in item_class.own
                for each in claim.constraints
            }
        )
        looks = self.looks = {node.name: self._look(node.name, attributes) for node in self._problem.nodes}
        for number, item_class in enumerate(self._kinds.values()):
            if not item_class.own:
                continue
            name, known = f"alone {number}", dict[bytes, int]()
            item_class.amounts[name] = 1
            for node in self._problem.nodes:
                look = looks[node.name]
                if look not in known:
                    known[look] = self._most(item_class, node.name) if node.name in item_class.nodes else 0
                self._found[node.name][name] = known[look]

    def _look(self, node: str, attributes: Sequence[str]) -> bytes:
        """What counts of the free devices of a node: equal ones have devices for the same claims."""
        seen = [
            (
                [self._devices.verdicts[s.expression][d.look] for r in self._requests.values() for s in r.selectors],
                [(name, attribute(d, identity[0], name)) for name in attributes],
                d.taints,
                d.consumes,
                d.capacity,
                d.shareable,
            )
            for identity, d in self._free(node)
        ]
        pools = [(pool.incomplete, pool.invalid, pool.counters) for pool in self._search.pools(node)]
        return _bytes((seen, pools, self._left_of(node)))

    def _left_of(self, node: str) -> list[str]:
        """Devices that are given away in part or that hold counters: nodes with such are not alike."""
        return [
            f"{pool.driver}/{pool.name}/{device.name}"
            for pool in self._search.pools(node)
            for each in (*pool.slices, *pool.others)
            for device in each.devices
            if self._state.has((pool.driver, pool.name, device.name)) and (device.consumes or device.shareable)
        ]

    def _most(self, item_class: _Kind, node: str) -> int:
        for times in range(1, _ALONE + 1):
            claims = [
                msgspec.structs.replace(claim, name=f"{claim.name} {turn}")
                for turn in range(times)
                for claim in item_class.own
            ]
            found = self._search.allocate(claims, node)
            if isinstance(found, Failure):
                return 1_000 if found.gave_up else times - 1
        return 1_000


def _plain(claims: Iterable[Claim]) -> Iterator[Request]:
    for claim in claims:
        for alternatives in claim.requests:
            yield from (each for each in alternatives if not each.admin)


def _sort_of(request: Request) -> bytes:
    return _bytes([selector.expression for selector in request.selectors])


def _count(request: Request) -> int:
    """How many devices a request takes for itself at least."""
    if request.admin or request.capacity:
        return 0
    return 1 if request.every else request.count


def _consumed(device: Device, name: str) -> int:
    return sum(used.amounts.get(name, 0) for used in device.consumes)
