"""Pools of devices as one node sees them: which slices count, and what is wrong with a pool.

Source: k8s.io/dynamic-resource-allocation 1.36, structured: GatherPools, buildPool, checkSlicesInPool.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from kubelogic.placement.devices.model import Device, Devices, Slice

Key = tuple[str, str]
"""Driver and pool."""


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """A pool of devices.

    Attributes:
        driver, name: which one.
        incomplete: not all of its slices are there.
        invalid: what contradicts itself in it, or empty.
        slices: those with devices for the node, by name.
        others: those with devices for other nodes, as far as they matter for counters.
        counters: available amounts by counter set and name, before any allocation.
    """

    driver: str
    name: str
    incomplete: bool = False
    invalid: str = ""
    slices: tuple[Slice, ...] = ()
    others: tuple[Slice, ...] = ()
    counters: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)

    @property
    def usable(self) -> bool:
        """Whether its devices can be given away."""
        return not self.incomplete and not self.invalid

    @property
    def waits(self) -> bool:
        """Whether one of its devices has conditions that are waited for."""
        return any(device.binding for each in self.slices for device in each.devices)


def usable_on(device: Device, each: Slice, node: str) -> bool:
    """Whether a device of a slice that concerns a node is for that node."""
    return not each.each or (device.nodes is not None and node in device.nodes)


def _concerns(each: Slice, node: str) -> bool:
    if each.counters:
        return True
    if each.each:
        return any(usable_on(device, each, node) for device in each.devices)
    return each.known and node in each.nodes


class Pools:
    """The pools of all nodes of one set of slices, each found once: what is given away of them does not matter."""

    def __init__(self, slices: Sequence[Slice]) -> None:
        self._slices = slices
        self._own: dict[str, list[int]] = defaultdict(list)
        self._shared: list[int] = []
        self._keyed: dict[Key, list[Slice]] = defaultdict(list)
        self._found: dict[str, tuple[Pool, ...]] = {}
        self._built: dict[tuple[int, ...], Pool | None] = {}
        for number, each in enumerate(slices):
            self._keyed[each.driver, each.pool].append(each)
            if each.local and not each.counters and not each.each and len(each.nodes) == 1:
                self._own[next(iter(each.nodes))].append(number)
            else:
                self._shared.append(number)
        users: dict[Key, set[str] | None] = {}
        for each in slices:
            key = each.driver, each.pool
            before = users.get(key, set())
            users[key] = before | each.nodes if each.local and before is not None else None
        self._confined = {key for key, nodes in users.items() if nodes is not None and len(nodes) == 1}

    def of(self, node: str) -> tuple[Pool, ...]:
        """The pools that concern a node, in the order in which devices are looked for."""
        found = self._found.get(node)
        if found is None:
            found = self._found[node] = self._of(node)
        return found

    def confined(self, key: Key) -> bool:
        """Whether only one node can have anything to do with a pool."""
        return key in self._confined

    def _of(self, node: str) -> tuple[Pool, ...]:
        numbers = sorted([*self._own.get(node, ()), *(n for n in self._shared if _concerns(self._slices[n], node))])
        newest: dict[Key, list[int]] = {}
        for number in numbers:
            each = self._slices[number]
            key = each.driver, each.pool
            known = newest.get(key)
            if known is None or each.generation > self._slices[known[0]].generation:
                newest[key] = [number]
            elif each.generation == self._slices[known[0]].generation:
                known.append(number)
        first: list[Pool] = []
        last: list[Pool] = []
        for key in sorted(newest):
            mine = tuple(newest[key])
            if mine not in self._built:
                self._built[mine] = _pool(key, [self._slices[n] for n in mine], self._keyed[key])
            pool = self._built[mine]
            if pool is not None:
                (last if pool.waits else first).append(pool)
        return (*first, *last)


def pools_of(devices: Devices) -> Pools:
    """The pools of some devices; found once for them and for what differs from them in claims only."""
    found = devices.memo.get("pools")
    if not isinstance(found, Pools):
        found = devices.memo["pools"] = Pools(devices.slices)
    return found


def _pool(key: Key, mine: list[Slice], every: Sequence[Slice]) -> Pool | None:
    """One pool; None if a newer generation of it is on its way. ``every``: all slices of it, for whichever node."""
    count, generation = mine[0].count, mine[0].generation
    if len(mine) == count:
        return _built(key, mine, None)
    if any(each.generation > generation for each in every):
        return None
    whole = [each for each in every if each.generation == generation]
    if len(whole) != count:
        return Pool(driver=key[0], name=key[1], incomplete=True)
    return _built(key, mine, whole)


def _built(key: Key, mine: list[Slice], whole: list[Slice] | None) -> Pool:
    driver, name = key
    mine = sorted(mine, key=lambda each: each.name)
    offering = tuple(each for each in mine if not each.counters)
    counters: dict[str, dict[str, int]] = {}
    invalid = _twice(device.name for each in offering for device in each.devices)
    if invalid:
        return Pool(driver=driver, name=name, invalid=f"duplicate device name {invalid}")
    sets = [each for one in mine for each in one.counters]
    if twice := _twice(each.name for each in sets):
        return Pool(driver=driver, name=name, invalid=f"duplicate counter set name {twice}")
    counters = {each.name: dict(each.amounts) for each in sets}
    others: tuple[Slice, ...] = ()
    if whole is not None and len(whole) != len(mine):
        names = {each.name for each in mine}
        others = tuple(each for each in whole if each.name not in names)
    for each in (*mine, *others):
        for device in each.devices:
            if wrong := _unknown(device, counters):
                return Pool(driver=driver, name=name, invalid=wrong)
    return Pool(driver=driver, name=name, slices=offering, others=others, counters=counters)


def _twice(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


def _unknown(device: Device, counters: dict[str, dict[str, int]]) -> str:
    for used in device.consumes:
        if used.name not in counters:
            return f"counter set {used.name} not found"
        for name in used.amounts:
            if name not in counters[used.name]:
                return f"counter {name} not found in counter set {used.name}"
    return ""
