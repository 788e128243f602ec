"""The search for devices on one node: the first way, in the scheduler's order, to give claims what they ask for.

It goes depth first through claims, requests, alternatives and devices, and back over earlier choices.
Source: k8s.io/dynamic-resource-allocation 1.36, structured (incubating): Allocate, allocateOne, allocateDevice.

It follows one search of the real allocator from its first step to its last, so it is longer than others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from kubelogic.placement.devices.capacity import fits, shares
from kubelogic.placement.devices.model import (
    Allocated,
    Claim,
    Constraint,
    Device,
    DeviceError,
    Devices,
    Failure,
    Granted,
    Request,
    Selector,
    Slice,
    Taint,
    Toleration,
)
from kubelogic.placement.devices.pools import Pool, pools_of, usable_on

MOST = 32
"""Devices that one claim can have."""

GOOD = "would do by itself"
"""What is said of a device that nothing keeps from a request."""

STEPS = 200_000
"""Devices that are tried on one node before the search is given up."""

Identity = tuple[str, str, str]
Place = tuple[int, int, int]
"""Pool, slice and device by number."""


class State(msgspec.Struct):
    """Which devices are given away."""

    whole: set[Identity] = msgspec.field(default_factory=set)
    parts: dict[Identity, dict[str, int]] = msgspec.field(default_factory=dict)

    def add(self, allocated: Sequence[Allocated]) -> None:
        """Give devices away."""
        for each in allocated:
            if each.admin:
                continue
            if each.shared:
                used = self.parts.setdefault(each.identity, {})
                for name, amount in each.consumed.items():
                    used[name] = used.get(name, 0) + amount.value
            else:
                self.whole.add(each.identity)

    def has(self, identity: Identity) -> bool:
        """Whether a device is given away, in whole or in part."""
        return identity in self.whole or identity in self.parts


class _Found(msgspec.Struct):
    """A device that is tried."""

    device: Device
    each: Slice
    pool: Pool

    @property
    def identity(self) -> Identity:
        return self.pool.driver, self.pool.name, self.device.name


class _Taken(msgspec.Struct):
    found: _Found
    request: Request
    allocated: Allocated


class _TooManyError(Exception):
    """The claim would have more devices than it can."""


class Search:
    """Looks for devices on nodes, over one state of what is given away."""

    def __init__(self, devices: Devices, state: State) -> None:
        self._state = state
        self._pools = pools_of(devices)
        self._verdicts = devices.verdicts

    def pools(self, node: str) -> tuple[Pool, ...]:
        """The pools that concern a node."""
        return self._pools.of(node)

    def confined(self, driver: str, pool: str) -> bool:
        """Whether only one node can have anything to do with a pool."""
        return self._pools.confined((driver, pool))

    def allocate(self, claims: Sequence[Claim], node: str) -> tuple[Granted, ...] | Failure:
        """What each claim gets on a node, or why that cannot be.

        Raises:
            DeviceError: where the scheduler ends the attempt.
        """
        run = _Run(self.pools(node), claims, node, self._state, self._verdicts)
        return run.allocate()

    def devices(self, request: Request, node: str) -> list[str]:
        """The devices of a node, each with what keeps it from a request, if anything does."""
        unusable = [
            f"pool {pool.name} is {f'invalid: {pool.invalid}' if pool.invalid else 'incomplete'}"
            for pool in self.pools(node)
            if not pool.usable
        ]
        return [*unusable, *(f"{device.name} {what}" for _, device, what in self.judged(request, node))]

    def judged(self, request: Request, node: str) -> Iterator[tuple[str, Device, str]]:
        """The drivers and devices of a node that are known whole, with what keeps each from a request, or ``GOOD``."""
        for pool in self.pools(node):
            left = _Run((pool,), (), node, self._state, self._verdicts).left(pool) if pool.usable else {}
            for each in pool.slices if pool.usable else ():
                for device in each.devices:
                    if usable_on(device, each, node):
                        yield pool.driver, device, self._wrong(request, _Found(device, each, pool), left)

    def _wrong(self, request: Request, one: _Found, left: Mapping[tuple[str, str], int]) -> str:
        """What keeps a device from a request."""
        device = one.device
        for selector in request.selectors:
            verdict = self._verdicts[selector.expression][device.look]
            if verdict != "yes":
                return f"fails {selector.expression} of {selector.origin}" + (f" ({verdict})" if verdict else "")
        if one.identity in self._state.whole and not request.admin:
            return "is in use"
        for taint in device.taints:
            if _forbids(taint, request.tolerations):
                return f"has the taint {taint.key}={taint.value}:{taint.effect}"
        if not fits(device, request.capacity, self._state.parts.get(one.identity, {}), {}):
            return "has too little capacity left"
        for used in device.consumes:
            for counter, amount in used.amounts.items():
                if left.get((used.name, counter), 0) < amount:
                    return f"needs more of the counter {used.name}/{counter} than is left"
        return GOOD


class _Run:
    def __init__(
        self,
        pools: tuple[Pool, ...],
        claims: Sequence[Claim],
        node: str,
        state: State,
        verdicts: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._pools, self._claims, self._node, self._state, self._verdicts = pools, claims, node, state, verdicts
        self._every: dict[tuple[int, int, int], list[_Found]] = {}
        self._matches: dict[tuple[str, str, str, int, int, int], bool] = {}
        self._taking: dict[Identity, set[int]] = {}
        self._sharing: dict[Identity, dict[str, int]] = {}
        self._consuming: dict[str, dict[tuple[str, str], int]] = {}
        self._available: dict[str, dict[tuple[str, str], int]] = {}
        self._results: list[list[_Taken]] = [[] for _ in claims]
        self._chosen: list[list[int]] = [[0] * len(claim.requests) for claim in claims]
        self._constraints = [[_Constrained(each) for each in claim.constraints] for claim in claims]
        self._steps = 0

    def allocate(self) -> tuple[Granted, ...] | Failure:
        for number, claim in enumerate(self._claims):
            least = sum(
                min(self._wanted(number, index, turn, request) for turn, request in enumerate(alternatives))
                for index, alternatives in enumerate(claim.requests)
            )
            if least > MOST:
                raise DeviceError(
                    f"claim {claim.name}: number of requested devices {least} exceeds the claim limit of {MOST}"
                )
        try:
            done = self._one(0, 0, 0, 0, (0, 0, 0), inside=False)
        except _TooManyError:
            done = False
        except _GaveUpError:
            return Failure(words="timed out trying to allocate devices", gave_up=True)
        if not done:
            invalid = any(pool.invalid for pool in self._pools)
            return Failure(words="invalid resource pools were encountered" if invalid else "cannot allocate all claims")
        return tuple(self._granted(number) for number in range(len(self._claims)))

    # -- what is asked for -----------------------------------------------------------------------------------

    def _wanted(self, number: int, index: int, turn: int, request: Request) -> int:
        """How many devices an alternative needs; finds out which, if it wants all."""
        if not request.every:
            return request.count
        found: list[_Found] = []
        for pool in self._pools:
            for wrong, words in ((pool.incomplete, "being updated"), (bool(pool.invalid), "invalid")):
                if wrong:
                    about = f"claim {self._claims[number].name}, request {request.name}: asks for all devices"
                    raise DeviceError(f"{about}, but resource pool {pool.driver}/{pool.name} is currently {words}")
            for each in pool.slices:
                for device in each.devices:
                    one = _Found(device, each, pool)
                    if self._selectable(number, index, turn, request, one) and self._fits(request, one):
                        found.append(one)
        self._every[number, index, turn] = found
        return len(found)

    def _selectable(self, number: int, index: int, turn: int, request: Request, one: _Found) -> bool:
        key = (*one.identity, number, index, turn)
        known = self._matches.get(key)
        if known is None:
            known = all(self._met(each, one) for each in request.selectors)
            known = self._matches[key] = known and usable_on(one.device, one.each, self._node)
        return known

    def _met(self, selector: Selector, one: _Found) -> bool:
        verdict = self._verdicts[selector.expression][one.device.look]
        if verdict in ("", "yes"):
            return verdict == "yes"
        raise DeviceError(f"{selector.origin}: selector #{selector.index}: CEL {verdict}")

    def _fits(self, request: Request, one: _Found) -> bool:
        identity = one.identity
        used, taking = self._state.parts.get(identity, {}), self._sharing.get(identity, {})
        return fits(one.device, request.capacity, used, taking)

    # -- the search ------------------------------------------------------------------------------------------

    def _one(self, number: int, index: int, turn: int, place: int, start: Place, *, inside: bool) -> bool:
        """Give the next device that is needed, and all after it. ``inside``: an alternative is chosen."""
        if number >= len(self._claims):
            return True
        claim = self._claims[number]
        if index >= len(claim.requests):
            try:
                return self._one(number + 1, 0, 0, 0, (0, 0, 0), inside=False)
            except _TooManyError:
                return False
        alternatives = claim.requests[index]
        if not inside and alternatives[0].parent:
            return self._alternatives(number, index)
        request = alternatives[turn]
        every = self._every.get((number, index, turn), []) if request.every else []
        wanted = len(every) if request.every else request.count
        if request.every and not every:
            return False
        if place >= wanted:
            return self._one(number, index + 1, 0, 0, (0, 0, 0), inside=False)
        if len(self._results[number]) + wanted - place > MOST:
            raise _TooManyError
        if request.every:
            return self._with(number, index, turn, place, (0, 0, 0), request, every[place], inside=inside, must=True)
        return self._any(number, index, turn, place, start, request, inside=inside)

    def _alternatives(self, number: int, index: int) -> bool:
        exceeded = True
        for turn in range(len(self._claims[number].requests[index])):
            try:
                done = self._one(number, index, turn, 0, (0, 0, 0), inside=True)
            except _TooManyError:
                continue
            exceeded = False
            if done:
                self._chosen[number][index] = turn
                return True
        if exceeded:
            raise _TooManyError
        return False

    def _any(  # noqa: PLR0917  where the search stands
        self, number: int, index: int, turn: int, place: int, start: Place, request: Request, *, inside: bool
    ) -> bool:
        """Try one device after the other, from a place on."""
        for p in range(start[0], len(self._pools)):
            pool = self._pools[p]
            if not pool.usable:
                continue
            for s in range(start[1] if p == start[0] else 0, len(pool.slices)):
                each = pool.slices[s]
                for d in range(start[2] if (p, s) == start[:2] else 0, len(each.devices)):
                    one = _Found(each.devices[d], each, pool)
                    if not self._free(number, request, one.identity):
                        continue
                    if not self._selectable(number, index, turn, request, one) or not self._fits(request, one):
                        continue
                    if self._with(number, index, turn, place, (p, s, d + 1), request, one, inside=inside, must=False):
                        return True
        return False

    def _with(  # noqa: PLR0917  where the search stands
        self,
        number: int,
        index: int,
        turn: int,
        place: int,
        following: Place,
        request: Request,
        one: _Found,
        *,
        inside: bool,
        must: bool,
    ) -> bool:
        """Try one device, and then all that is still needed; takes it back if that leads nowhere."""
        self._steps += 1
        if self._steps > STEPS:
            raise _GaveUpError
        if not self._take(number, request, one, must=must):
            return False
        done = False
        try:
            done = self._one(number, index, turn, place + 1, following, inside=inside)
        finally:
            if not done:
                self._give_back(number, request, one)
        return done

    def _free(self, number: int, request: Request, identity: Identity) -> bool:
        if request.admin:
            return number not in self._taking.get(identity, ())
        return identity not in self._state.whole and not self._taking.get(identity)

    def _take(self, number: int, request: Request, one: _Found, *, must: bool) -> bool:
        identity, device = one.identity, one.device
        if request.admin:
            if not device.shareable and number in self._taking.get(identity, ()):
                return False
        elif not self._free(number, request, identity):
            return False
        counted = bool(device.consumes) and not (device.shareable and self._shared(identity))
        if counted and not self._count(one):
            return False
        # What was counted stays counted where the device is refused from here on: the scheduler takes it back only for
        # devices that were given away.
        if any(_forbids(taint, request.tolerations) for taint in device.taints):
            return False
        constraints = self._constraints[number]
        for done, constraint in enumerate(constraints):
            if not constraint.add(request, one):
                if must:
                    driver, pool, name = identity
                    about = f"claim {self._claims[number].name}, request {request.name}"
                    raise DeviceError(
                        f"{about}: cannot add device {driver}/{pool}/{name} "
                        "because a claim constraint would not be satisfied"
                    )
                for other in constraints[:done]:
                    other.remove(request)
                return False
        if not device.shareable:
            self._taking.setdefault(identity, set()).add(number)
        if not self._fits(request, one):
            return False
        consumed = shares(device, request.capacity) if device.shareable else {}
        if device.shareable:
            taking = self._sharing.setdefault(identity, {})
            for name, amount in consumed.items():
                taking[name] = taking.get(name, 0) + amount.value
        allocated = Allocated(
            request=request.full_name,
            driver=identity[0],
            pool=identity[1],
            device=identity[2],
            admin=request.admin,
            shared=device.shareable,
            consumed=consumed,
            conditions=device.conditions,
            failures=device.failures,
        )
        self._results[number].append(_Taken(one, request, allocated))
        return True

    def _give_back(self, number: int, request: Request, one: _Found) -> None:
        identity, device = one.identity, one.device
        for constraint in self._constraints[number]:
            constraint.remove(request)
        taken = self._results[number].pop()
        if device.shareable:
            # A device without capacity stays in use for the scheduler once it was tried: it takes back amounts only.
            taking, consumed = self._sharing[identity], taken.allocated.consumed
            for name, amount in consumed.items():
                taking[name] -= amount.value
            if consumed and not any(taking.values()):
                del self._sharing[identity]
            return
        self._taking[identity].discard(number)
        if device.consumes:
            self._uncount(one)

    # -- counters --------------------------------------------------------------------------------------------

    def _shared(self, identity: Identity) -> bool:
        return bool(self._state.parts.get(identity)) or identity in self._sharing

    def _count(self, one: _Found) -> bool:
        """Count what a device consumes; False, and nothing counted, if that is more than there is."""
        name = one.pool.name
        available = self._available.get(name)
        if available is None:
            available = self._available[name] = self.left(one.pool)
        consuming = self._consuming.setdefault(name, {})
        for used in one.device.consumes:
            for counter, amount in used.amounts.items():
                consuming[used.name, counter] = consuming.get((used.name, counter), 0) + amount
        if any(left < consuming.get(key, 0) for key, left in available.items()):
            self._uncount(one)
            return False
        return True

    def _uncount(self, one: _Found) -> None:
        consuming = self._consuming[one.pool.name]
        for used in one.device.consumes:
            for counter, amount in used.amounts.items():
                consuming[used.name, counter] -= amount

    def left(self, pool: Pool) -> dict[tuple[str, str], int]:
        """What allocated devices leave of the counters of a pool, those for other nodes included."""
        left = {
            (name, counter): amount for name, amounts in pool.counters.items() for counter, amount in amounts.items()
        }
        for each in (*pool.slices, *pool.others):
            for device in each.devices:
                if device.consumes and self._state.has((pool.driver, pool.name, device.name)):
                    for used in device.consumes:
                        for counter, amount in used.amounts.items():
                            if (used.name, counter) in left:
                                left[used.name, counter] -= amount
        return left

    # -- the answer ------------------------------------------------------------------------------------------

    def _granted(self, number: int) -> Granted:
        taken = self._results[number]
        local = any(each.found.device.local or (not each.found.each.each and each.found.each.local) for each in taken)
        selectors = [each.found.device.selector if each.found.each.each else each.found.each.selector for each in taken]
        nodes: frozenset[str] | None = None
        if local:
            nodes = frozenset({self._node})
        else:
            for each, selector in zip(taken, selectors, strict=True):
                if selector:
                    reach = each.found.device.nodes if each.found.each.each else each.found.each.nodes
                    nodes = (reach or frozenset()) if nodes is None else nodes & (reach or frozenset())
        return Granted(
            claim=self._claims[number].name,
            devices=tuple(each.allocated for each in taken),
            chosen=tuple(self._chosen[number]),
            selectors=() if local else tuple(dict.fromkeys(filter(None, selectors))),
            nodes=nodes,
            local=local,
            waits=any(each.found.device.binding for each in taken),
        )


class _GaveUpError(Exception):
    """Too many ways were tried."""


class _Constrained:
    """A constraint and the values of the devices that count for it.

    Source: matchAttributeConstraint and distinctAttributeConstraint, which remembers one value for each request.
    """

    def __init__(self, constraint: Constraint) -> None:
        self._constraint = constraint
        self._number = 0
        self._value: tuple[str, str] | None = None
        self._values: dict[str, tuple[str, str]] = {}

    def _applies(self, request: Request) -> bool:
        names = self._constraint.requests
        return not names or (request.parent or request.name) in names or request.full_name in names

    def add(self, request: Request, one: _Found) -> bool:
        """Let a device count, if it may be added."""
        if not self._applies(request):
            return True
        value = attribute(one.device, one.pool.driver, self._constraint.attribute)
        if value is None:
            return False
        if self._constraint.distinct:
            if self._number and value in self._values.values():
                return False
            self._values[request.parent or request.name] = value
        else:
            if self._number and value != self._value:
                return False
            if not self._number:
                self._value = value
        self._number += 1
        return True

    def remove(self, request: Request) -> None:
        """Take back the device that was added last for a request."""
        if self._applies(request):
            if self._constraint.distinct:
                self._values.pop(request.parent or request.name, None)
            self._number -= 1


def attribute(device: Device, driver: str, name: str) -> tuple[str, str] | None:
    """Type and value of an attribute by its full name; a name without a domain belongs to the driver."""
    found = device.attributes.get(name)
    if found is None and name.startswith(f"{driver}/"):
        found = device.attributes.get(name[len(driver) + 1 :])
    return found


def _forbids(taint: Taint, tolerations: Sequence[Toleration]) -> bool:
    return taint.effect in ("NoSchedule", "NoExecute") and not any(_tolerates(each, taint) for each in tolerations)


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Source: resourceclaim.ToleratesTaint."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    return toleration.operator == "Exists" or toleration.value == taint.value
