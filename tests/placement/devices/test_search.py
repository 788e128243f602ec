"""The search for devices on one node: its order, what it goes back over, what ends it."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.placement.devices import (
    Amount,
    Capacity,
    Claim,
    Constraint,
    Counters,
    Device,
    DeviceError,
    Devices,
    Failure,
    Request,
    Selector,
    Slice,
    Taint,
    Toleration,
)
from kubelogic.placement.devices.search import Search, State

ANY = Selector(expression="any", origin="class gpu", index=0)


def device(name: str, *, numa: str = "", **parts: Any) -> Device:
    attributes = {"numa": ("int", numa)} if numa else {}
    return Device(name=name, look=name, attributes=attributes, **parts)


def part(name: str, *devices: Device, pool: str = "p", **parts: Any) -> Slice:
    return Slice(name=name, driver="gpu", pool=pool, nodes=frozenset({"n"}), local=True, devices=devices, **parts)


def request(name: str = "r", **parts: Any) -> Request:
    return Request(name=name, device_class="gpu", selectors=(ANY,), **parts)


def claim(*requests: Request | tuple[Request, ...], constraints: tuple[Constraint, ...] = ()) -> Claim:
    listed = tuple(each if isinstance(each, tuple) else (each,) for each in requests)
    return Claim(name="d/c", requests=listed, constraints=constraints)


def search(slices: tuple[Slice, ...], *claims: Claim, verdicts: dict[str, str] | None = None, used: str = "") -> Any:
    looks = {each.look: "yes" for one in slices for each in one.devices} | (verdicts or {})
    state = State(whole={("gpu", "p", name) for name in used.split()})
    return Search(Devices(slices=slices, verdicts={"any": looks}), state).allocate(claims, "n")


def names(found: Any) -> list[list[str]]:
    assert not isinstance(found, Failure), found
    return [[each.device for each in granted.devices] for granted in found]


def test_slices_by_name_and_devices_as_listed() -> None:
    slices = (part("b", device("b0"), count=2), part("a", device("a1"), device("a0"), count=2))
    assert names(search(slices, claim(request(count=2)))) == [["a1", "a0"]]
    assert names(search(slices, claim(request(count=2)), used="a1")) == [["a0", "b0"]]


def test_it_goes_back_over_earlier_choices_for_a_constraint() -> None:
    same = Constraint(attribute="gpu/numa", requests=frozenset({"r", "s"}))
    slices = (part("a", device("g0", numa="0"), device("g1", numa="1"), device("g2", numa="1")),)
    assert names(search(slices, claim(request("r"), request("s"), constraints=(same,)))) == [["g1", "g2"]]


def test_alternatives_are_tried_in_their_order() -> None:
    many, one = request("many", parent="r", count=3), request("one", parent="r")
    found = search((part("a", device("g0"), device("g1")),), claim((many, one)))
    assert names(found) == [["g0"]]
    assert found[0].chosen == (1,)
    assert found[0].devices[0].request == "r/one"


def test_counters_are_shared_by_the_pool() -> None:
    half = Counters(name="c", amounts={"memory": 1})
    shared = part("c", count=2, counters=(Counters(name="c", amounts={"memory": 2}),))
    devices = part("d", *(device(f"h{n}", consumes=(half,)) for n in range(3)), count=2)
    assert names(search((shared, devices), claim(request(count=2)))) == [["h0", "h1"]]
    assert search((shared, devices), claim(request(count=3))) == Failure(words="cannot allocate all claims")
    assert names(search((shared, devices), claim(request()), used="h1")) == [["h0"]]


def test_taints_need_tolerations_of_the_request() -> None:
    slices = (part("a", device("g", taints=(Taint(key="bad", effect="NoSchedule"),))),)
    assert isinstance(search(slices, claim(request())), Failure)
    tolerant = request(tolerations=(Toleration(key="bad", operator="Exists"),))
    assert names(search(slices, claim(tolerant))) == [["g"]]


def test_parts_of_a_device_are_rounded_and_add_up() -> None:
    room = Capacity(
        value=Amount(value=10_000, text="10"),
        least=Amount(value=2_000, text="2"),
        step=Amount(value=2_000, text="2"),
        ranged=True,
        policy=True,
    )
    slices = (part("a", device("g", capacity={"m": room}, shareable=True)),)
    five = request(capacity={"m": Amount(value=5_000, text="5")})
    (granted,) = search(slices, claim(five))
    assert granted.devices[0].consumed == {"m": Amount(value=6_000, text="6")}
    assert isinstance(search(slices, claim(five), claim(five)), Failure)


def test_a_selector_that_fails_ends_the_attempt_only_if_it_is_reached() -> None:
    slices = (part("a", device("g0"), device("g1")),)
    wrong = {"g1": "runtime error: no such key: x"}
    assert names(search(slices, claim(request()), verdicts=wrong)) == [["g0"]]
    with pytest.raises(DeviceError, match="class gpu: selector #0: CEL runtime error: no such key: x"):
        search(slices, claim(request(count=2)), verdicts=wrong)


def test_all_wants_every_matching_device() -> None:
    slices = (part("a", device("g0"), device("g1"), device("no")),)
    other = {"no": ""}
    assert names(search(slices, claim(request(every=True)), verdicts=other)) == [["g0", "g1"]]
    assert isinstance(search(slices, claim(request(every=True)), verdicts=other, used="g1"), Failure)
    assert names(search(slices, claim(request(every=True)), verdicts=other, used="no")) == [["g0", "g1"]]


def test_an_incomplete_pool_is_passed_over() -> None:
    slices = (part("a", device("g0"), count=2), part("b", device("h0"), pool="q"))
    assert names(search(slices, claim(request()))) == [["h0"]]
    with pytest.raises(DeviceError, match="currently being updated"):
        search(slices, claim(request(every=True)))


def test_no_more_than_32_devices_in_a_claim() -> None:
    slices = (part("a", *(device(f"g{n:02}") for n in range(40))),)
    with pytest.raises(DeviceError, match="number of requested devices 33 exceeds the claim limit of 32"):
        search(slices, claim(request(count=33)))


def test_a_shared_device_without_capacity_is_counted_once_however_often_it_is_tried() -> None:
    """Found in the allocator's source (rollback of allocateDevice): no recorded case has such a device."""
    same = Constraint(attribute="gpu/numa", requests=frozenset({"a", "c"}))
    counters = Slice(name="k", driver="gpu", pool="p", count=2, counters=(Counters(name="set", amounts={"m": 1}),))
    used = (Counters(name="set", amounts={"m": 1}),)
    devices = part(
        "a",
        device("g0", numa="0"),
        device("g1", numa="1"),
        device("s", shareable=True, consumes=used),
        device("g2", numa="1"),
        count=2,
    )
    looks = {"g0": "yes", "g1": "yes", "s": "", "g2": ""}
    verdicts = {
        "first": looks,
        "shared": {"g0": "", "g1": "", "s": "yes", "g2": ""},
        "last": {"g0": "", "g1": "", "s": "", "g2": "yes"},
    }
    requests = tuple(
        (Request(name=name, device_class="gpu", selectors=(Selector(expression=each, origin="c", index=0),)),)
        for name, each in (("a", "first"), ("b", "shared"), ("c", "last"))
    )
    wanted = Claim(name="d/c", requests=requests, constraints=(same,))
    found = Search(Devices(slices=(counters, devices), verdicts=verdicts), State()).allocate([wanted], "n")
    assert names(found) == [["g1", "s", "g2"]]
