"""The numbers and ranges of the control plane: what ``rules/parameters.dl`` says, and what is set to something else."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

import msgspec

from kubelogic.logic import Rulebook, RuleErrors, RuleFault, Value
from kubelogic.logic.terms import Atom, Place
from kubelogic.patterns import regex

Network = IPv4Network | IPv6Network

NUMBERS, RANGES, _MEANING = "parameter", "range_parameter", "parameter_meaning"

LISTED = "kubelogic rules parameters"
"""The command that lists all parameters."""

DEFAULT_CLASS = "default_storage_class"
"""Set like a parameter on the command line and in settings, but told to what reads manifests."""

_LEAST = -(2**63)
_PORTS = regex(r"([0-9]{1,5})[-+]([0-9]{1,5})")
_IPV4 = 4
_RESERVED = 2
_MOST_BITS = 16
"""So many bits at most tell the ranges of nodes apart in a network of IPv6 addresses (clusterSubnetMaxDiff)."""
_LAST_PORT = (1 << 16) - 1
_UPPER = {"switch": 1, "percent": 100, "bits": 128}
"""The largest value of a parameter, by its unit; others have none."""


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses of a range that pods get: neither the network's own nor the bridge's nor the broadcast address.

    Attributes:
        network: the range.
        text: the range as it is written.
        first: the first address that a pod gets, as a number.
        size: how many addresses pods get.
        is_ipv4: of which family it is.
    """

    network: Network
    text: str
    first: int
    size: int
    is_ipv4: bool

    def address(self, number: int) -> str:
        """The address of a number below ``size``."""
        if self.is_ipv4:
            parts = (self.first + number).to_bytes(4, "big")
            return f"{_beginning(parts[:-1])}.{parts[-1]}"
        from socket import AF_INET6, inet_ntop

        return inet_ntop(AF_INET6, (self.first + number).to_bytes(16, "big"))

    def __str__(self) -> str:
        """The first and the last address, as host-local names a range; the first is the bridge's."""
        first = self.network.network_address + 1
        return f"{first}-{self.network.network_address + self.size + 1}"


@lru_cache(maxsize=1 << 16)
def pool(text: str) -> Pool:
    """The addresses that pods get from a range.

    Source: containernetworking/plugins, host-local, range.go: Canonicalize, lastIP.

    >>> pool("10.9.0.0/29").size, pool("10.9.0.0/29").address(0), str(pool("10.9.0.0/29"))
    (5, '10.9.0.2', '10.9.0.1-10.9.0.6')
    """
    network = ip_network(text)
    broadcast = 1 if network.version == _IPV4 else 0
    return Pool(
        network=network,
        text=str(network),
        first=int(network.network_address) + _RESERVED,
        size=max(network.num_addresses - _RESERVED - broadcast, 0),
        is_ipv4=network.version == _IPV4,
    )


@lru_cache(maxsize=1 << 12)
def _beginning(parts: bytes) -> str:
    """The text of the first parts of an address, which many share."""
    return ".".join(map(str, parts))


@lru_cache(maxsize=256)
def pools(text: str) -> tuple[Pool, ...]:
    """The addresses that pods get from one range, or from two with a comma between them, one for each family.

    >>> [str(each) for each in pools("10.9.0.0/29,fd00::/126")]
    ['10.9.0.1-10.9.0.6', 'fd00::1-fd00::3']

    Raises:
        ValueError: if it is no such text.
    """
    return tuple(pool(str(network)) for network in networks(text))


@lru_cache(maxsize=256)
def networks(text: str) -> tuple[Network, ...]:
    """The networks of one range, or of two with a comma between them, one for each family.

    >>> networks("10.0.0.0/16,fd00::/108")
    (IPv4Network('10.0.0.0/16'), IPv6Network('fd00::/108'))

    Raises:
        ValueError: if it is no such text.
    """
    found = tuple(ip_network(part.strip()) for part in text.split(","))
    if len({network.version for network in found}) < len(found):
        raise ValueError(text)
    return found


def ports(text: str) -> range:
    """The ports of a range such as ``30000-32767``, or ``30000+2767``.

    Raises:
        ValueError: if it is no such text.

    Source: staging/src/k8s.io/apimachinery/pkg/util/net/port_range.go, Set.

    >>> ports("30000-32767"), ports("30000+99")
    (range(30000, 32768), range(30000, 30100))
    """
    found = _PORTS.fullmatch(text)
    if found is None:
        raise ValueError(text)
    first, second = int(found[1]), int(found[2])
    last = second if "-" in text else min(first + second, _LAST_PORT)
    if not 0 <= first <= last <= _LAST_PORT:
        raise ValueError(text)
    return range(first, last + 1)


def parameters_of(rulebook: Rulebook) -> Mapping[str, Value]:
    """The parameters of the control plane by name, as a rulebook has them: numbers and texts of ranges."""
    return {str(row[0]): row[1] for predicate in (NUMBERS, RANGES) for row in rulebook.given.get(predicate, ())}


class Assigned(dict[str, Value]):
    """Values of parameters by name, and where each was set."""

    def __init__(self, values: Mapping[str, Value], places: Mapping[str, Place]) -> None:
        """Values with the places of their names, which may be fewer."""
        super().__init__(values)
        self.places = places


class ParameterErrors(RuleErrors):
    """Parameters that were set to what they cannot be, or that there are not; each fault is where it was set."""

    def __init__(self, named: Iterable[tuple[str, RuleFault]]) -> None:
        self.named = tuple(sorted(named, key=lambda each: (each[1], each[0])))
        """The faults with the names of the parameters at fault."""
        super().__init__(fault for _, fault in self.named)

    def __reduce__(self) -> tuple[type[ParameterErrors], tuple[tuple[tuple[str, RuleFault], ...]]]:
        return ParameterErrors, (self.named,)


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A number or range of the control plane.

    Attributes:
        name: with which it is set.
        value: what it is.
        unit: of a number, or ``ranges`` or ``ports``.
        least: of a number.
        meaning: what it says, without a capital.
        source: where Kubernetes has it.
    """

    name: str
    value: Value
    unit: str
    least: int
    meaning: str
    source: str


def described(rulebook: Rulebook) -> tuple[Parameter, ...]:
    """All parameters of a rulebook with what they mean, by name."""
    meanings = {str(row[0]): row for row in rulebook.given.get(_MEANING, ())}
    found = []
    for name, value in sorted(parameters_of(rulebook).items()):
        _, unit, least, says, source = meanings.get(name) or (name, "", _LEAST, "", "")
        found.append(
            Parameter(name=name, value=value, unit=str(unit), least=int(least), meaning=str(says), source=str(source))
        )
    return tuple(found)


def with_parameters(rulebook: Rulebook, given: Mapping[str, Value]) -> Rulebook:
    """The rulebook with other values of parameters.

    Args:
        rulebook: it says which parameters there are, and what they mean.
        given: values by name; ``Assigned`` says where they were set.

    Raises:
        ParameterErrors: with every name that there is not and every value that a parameter cannot have.
    """
    if not given:
        return rulebook
    places = {name: place_of(given, name) for name in given}
    known = {str(fact.row[0]): fact for fact in rulebook.facts if fact.predicate in (NUMBERS, RANGES)}
    meanings = {str(fact.row[0]): fact.row for fact in rulebook.facts if fact.predicate == _MEANING}
    faults = [
        (name, RuleFault(place=places[name], message=message, hint=hint))
        for name, value in sorted(given.items())
        for message, hint in _faults(name, value, known, meanings.get(name) or (name, "", _LEAST, "", ""))
    ]
    if not faults:
        values = {**{name: fact.row[1] for name, fact in known.items()}, **given}
        for names, message, hint in _node_ranges(values):
            name = next((each for each in names if each in given), names[0])
            place = places.get(name, known[name].place)
            faults.append((name, RuleFault(place=place, message=message, hint=hint)))
    if faults:
        raise ParameterErrors(faults)
    rows: dict[str, list[tuple[Value, ...]]] = {}
    for name, value in sorted(given.items()):
        rows.setdefault(known[name].predicate, []).append((name, value))
    return rulebook.with_facts(rows, {(name, given[name]): place for name, place in places.items()})


def place_of(given: Mapping[str, Value], name: str) -> Place:
    """Where a parameter was set; by a program, if nothing else is known."""
    places = given.places if isinstance(given, Assigned) else {}
    return places.get(name) or Place(file=f"parameters: {name}={given[name]}", line=0)


def _faults(
    name: str, value: Value, known: Mapping[str, Atom], meaning: tuple[Value, ...]
) -> Iterator[tuple[str, str]]:
    """What is wrong with one parameter that is set, and what may help."""
    fact = known.get(name)
    if fact is None:
        near = difflib.get_close_matches(name, sorted({*known, DEFAULT_CLASS} - {name}), n=1)
        hint = f"did you mean {near[0]}?" if near else f"{LISTED} lists all"
        yield f"there is no parameter {name!r}", hint
        return
    _, unit, least, says, _ = meaning
    why = (
        _wrong_range(value, str(unit))
        if fact.predicate == RANGES
        else _wrong_number(value, str(unit), int(least), _UPPER.get(str(unit)))
    )
    if why:
        yield f"{name} {why}, not {value!r}", f"it says {says}" if says else ""


def _node_ranges(values: Mapping[str, Value]) -> Iterator[tuple[Sequence[str], str, str]]:
    """Why the node-ipam-controller would not start, and with it kube-controller-manager; nothing if it would.

    Each with the parameters that say so together, and what helps.

    Source: pkg/controller/nodeipam/node_ipam_controller.go, NewNodeIpamController; cidrset/cidr_set.go, NewCIDRSet.
    """
    if not values.get("allocate_node_cidrs"):
        return
    for network in networks(str(values["cluster_cidr"])):
        name = "node_cidr_mask_size" if network.version == _IPV4 else "node_cidr_mask_size_ipv6"
        size, length = int(values[name]), network.prefixlen
        names = ("cluster_cidr", name, "allocate_node_cidrs")
        if size > network.max_prefixlen:
            message = f"{name} is {network.max_prefixlen} bits at most, not {size}: addresses have no more"
            yield (name, *names), message, ""
        elif length > size:
            yield (
                names,
                f"cluster_cidr {network} is smaller than the range /{size} of one node ({name}): "
                "kube-controller-manager does not start",
                f"set {name} to {length} or more, cluster_cidr to a /{size} or larger, "
                "or allocate_node_cidrs to 0 if the network plugin gives addresses",
            )
        elif network.version != _IPV4 and size - length > _MOST_BITS:
            yield (
                names,
                f"cluster_cidr {network} has more ranges /{size} ({name}) than are counted, which are "
                f"2^{_MOST_BITS}: kube-controller-manager does not start (the node CIDR size is too big)",
                f"set {name} to {length + _MOST_BITS} or less, or cluster_cidr to a /{size - _MOST_BITS} or smaller",
            )


def _wrong_number(value: Value, unit: str, least: int, most: int | None) -> str:
    """What a number should be that is not as it should; empty if it is."""
    if not isinstance(value, int) or isinstance(value, bool):
        return f"takes a whole number{f' ({unit})' if unit else ''}"
    if value < least:
        return f"is {least} {unit} at least" if unit != "switch" else "is 0 or 1"
    if most is not None and value > most:
        return f"is {most} {unit} at most" if unit != "switch" else "is 0 or 1"
    return ""


def _wrong_range(value: Value, unit: str) -> str:
    try:
        _ = ports(str(value)) if unit == "ports" else networks(str(value))
    except ValueError:
        return "takes ports such as 30000-32767" if unit == "ports" else "takes a range such as 10.0.0.0/16, or two"
    return ""
