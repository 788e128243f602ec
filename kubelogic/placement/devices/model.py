"""Devices and claims on them as plain data, part of a placement problem."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import msgspec


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """An amount in thousandths, and as it is written."""

    value: int
    text: str = ""


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """How much of something a device has, and how requests for a part of it are rounded.

    ``least``, ``most`` and ``step`` are a range, ``values`` the only ones that count (rising); ``default`` is what a
    request that names no amount takes, or else everything. ``ranged``: there is a range, whatever of it is given.
    """

    value: Amount
    default: Amount | None = None
    least: Amount | None = None
    most: Amount | None = None
    step: Amount | None = None
    values: tuple[Amount, ...] = ()
    ranged: bool = False
    policy: bool = False


class Taint(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps a device from being given to requests that do not tolerate it."""

    key: str
    value: str = ""
    effect: str = ""


class Toleration(msgspec.Struct, frozen=True, kw_only=True):
    """Taints that a request puts up with; empty key and ``Exists``: all of them."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts by name in one set of counters."""

    name: str
    amounts: Mapping[str, int]


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One device of a slice.

    ``look`` names everything that selectors read of it. ``attributes`` are ``(type, value)`` by qualified name.
    ``nodes``: where it is usable, if its slice leaves that to its devices; None means nowhere. ``local``: it binds
    its claim to the node. ``shareable``: several requests may have parts of it. ``binding``: it has conditions that
    are waited for.
    """

    name: str
    look: str
    attributes: Mapping[str, tuple[str, str]] = {}
    capacity: Mapping[str, Capacity] = {}
    taints: tuple[Taint, ...] = ()
    consumes: tuple[Counters, ...] = ()
    shareable: bool = False
    binding: bool = False
    conditions: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    nodes: frozenset[str] | None = None
    local: bool = False
    selector: str = ""


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a pool of devices.

    ``nodes``: the nodes that can use it; None leaves that to its devices (``each``). ``counters`` are shared by the
    devices of the pool. ``local``: it is of one node. ``selector``: how its nodes are chosen, for the claim's own
    selector.
    """

    name: str
    driver: str
    pool: str
    generation: int = 1
    count: int = 1
    nodes: frozenset[str] = frozenset()
    each: bool = False
    known: bool = True
    counters: tuple[Counters, ...] = ()
    devices: tuple[Device, ...] = ()
    local: bool = False
    selector: str = ""


class Selector(msgspec.Struct, frozen=True, kw_only=True):
    """A condition on a device. ``origin`` and ``index`` say where it stands, for messages; the class's come first."""

    expression: str
    origin: str
    index: int


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request, or one alternative of one (``parent`` set).

    ``every``: all devices that match. ``capacity``: amounts asked of the device, by name.
    """

    name: str
    parent: str = ""
    device_class: str = ""
    selectors: tuple[Selector, ...] = ()
    count: int = 1
    every: bool = False
    admin: bool = False
    tolerations: tuple[Toleration, ...] = ()
    capacity: Mapping[str, Amount] = {}

    @property
    def full_name(self) -> str:
        """Its name, after that of the request that it is an alternative of."""
        return f"{self.parent}/{self.name}" if self.parent else self.name


class Constraint(msgspec.Struct, frozen=True, kw_only=True):
    """Devices of some requests (none named: all) have the same value of an attribute, or all different ones."""

    attribute: str
    requests: frozenset[str] = frozenset()
    distinct: bool = False


class Allocated(msgspec.Struct, frozen=True, kw_only=True):
    """A device, or a part of one, that a claim has."""

    request: str
    driver: str
    pool: str
    device: str
    admin: bool = False
    shared: bool = False
    consumed: Mapping[str, Amount] = {}
    conditions: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[str, str, str]:
        """Driver, pool and name of the device."""
        return self.driver, self.pool, self.device


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim on devices.

    ``requests`` holds, for each request, its alternatives in order (one, if it has none). ``allocated``: the devices
    that it has; None if it has none yet. ``nodes``: where an allocated claim can be used; None: everywhere. ``users``
    are the pods that it is reserved for, by uid. ``missing``: the first request that names a class which does not
    exist, as a message.
    """

    name: str
    requests: tuple[tuple[Request, ...], ...] = ()
    constraints: tuple[Constraint, ...] = ()
    allocated: tuple[Allocated, ...] | None = None
    nodes: frozenset[str] | None = None
    users: tuple[str, ...] = ()
    missing: str = ""


class Devices(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """All that is known of devices.

    ``verdicts`` says of each expression and look: ``yes``, empty for no, or the error.
    """

    slices: tuple[Slice, ...] = ()
    claims: tuple[Claim, ...] = ()
    verdicts: Mapping[str, Mapping[str, str]] = {}
    extended: Mapping[str, str] = {}
    class_selectors: Mapping[str, tuple[Selector, ...]] = {}

    @cached_property
    def memo(self) -> dict[str, object]:
        """What was worked out of everything but the claims, under the name of what it is."""
        return {}

    def with_claims(self, claims: tuple[Claim, ...]) -> Devices:
        """The same devices with other claims; what was worked out of them stays known."""
        found = msgspec.structs.replace(self, claims=claims)
        found.__dict__["memo"] = self.memo
        return found


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """A container of a pod that asks for extended resources: all that it requests, by name.

    ``brief``: it ends before others start.
    """

    name: str
    brief: bool = False
    requests: Mapping[str, int] = {}


def essence(claim: Claim) -> bytes:
    """All that counts of what a claim asks for: not what it is called, nor where its conditions are written."""
    requests = [
        [
            (
                request.full_name,
                [selector.expression for selector in request.selectors],
                request.count,
                request.every,
                request.admin,
                request.tolerations,
                request.capacity,
            )
            for request in alternatives
        ]
        for alternatives in claim.requests
    ]
    constraints = [(each.attribute, sorted(each.requests), each.distinct) for each in claim.constraints]
    return msgspec.json.encode((requests, constraints, claim.missing), order="deterministic")


class DeviceError(Exception):
    """What ends the whole attempt to place a pod, not only the search on one node."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a node has no devices for the claims, in the scheduler's words. ``gave_up``: not all ways were tried."""

    words: str
    gave_up: bool = False


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """What one claim gets on a node.

    Attributes:
        claim: its name. devices: in the order in which they were found. chosen: for each request, the number of its
        alternative. selector: how the nodes are chosen that can use it: ``node``, the selectors of slices, or empty
        (everywhere). selectors: those of the slices, if they decide. nodes: the nodes that can use it; None: all.
        local: it is tied to the node. waits: a device has conditions that are waited for. requests: of a claim that
        is only made with it: what it asks for, and which container uses that for which resource.
    """

    claim: str
    devices: tuple[Allocated, ...]
    chosen: tuple[int, ...] = ()
    selectors: tuple[str, ...] = ()
    nodes: frozenset[str] | None = None
    local: bool = False
    waits: bool = False
    requests: tuple[tuple[Request, tuple[tuple[str, str], ...]], ...] = ()
