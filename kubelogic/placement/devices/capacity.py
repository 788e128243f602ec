"""Parts of devices: what a request takes of each capacity, and whether that is left.

Source: k8s.io/dynamic-resource-allocation 1.36, structured: CmpRequestOverCapacity, calculateConsumedCapacity,
violatesPolicy.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubelogic.placement.devices.model import Amount, Capacity, Device

_WHOLE = 1000
_SUFFIXES = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_KIBI = 1024

Used = Mapping[str, int]
"""Amounts by name of a capacity, in thousandths."""


def fits(device: Device, asked: Mapping[str, Amount], used: Used, taking: Used) -> bool:
    """Whether a device has what a request asks of it.

    Args:
        device: of which each capacity is looked at, asked for or not.
        asked: amounts by name.
        used: what is given away of it.
        taking: what the same attempt gives away of it.
    """
    if any(name not in device.capacity for name in asked):
        return False
    for name, capacity in device.capacity.items():
        taken = consumed(asked.get(name), capacity)
        if _against_policy(taken, capacity):
            return False
        if used.get(name, 0) + taken.value + taking.get(name, 0) > capacity.value.value:
            return False
    return True


def shares(device: Device, asked: Mapping[str, Amount]) -> dict[str, Amount]:
    """What a request takes of each capacity of a device that can be shared."""
    return {name: consumed(asked.get(name), capacity) for name, capacity in device.capacity.items()}


def consumed(asked: Amount | None, capacity: Capacity) -> Amount:
    """What a request takes: rounded up to what the policy of the capacity allows."""
    if asked is None:
        return capacity.default or capacity.value
    if not capacity.policy:
        return asked
    if capacity.least is not None:
        return _into_range(asked, capacity, capacity.least)
    return next((each for each in capacity.values if asked.value <= each.value), asked)


def _into_range(asked: Amount, capacity: Capacity, least: Amount) -> Amount:
    if asked.value < least.value:
        return least
    if capacity.step is None:
        return asked
    step, low = _units(capacity.step), _units(least)
    steps = -(-(_units(asked) - low) // step) if step else 0
    whole = low + step * steps
    return Amount(value=whole * _WHOLE, text=_binary(whole))


def _units(amount: Amount) -> int:
    """Whole units, rounded up."""
    return -(-amount.value // _WHOLE)


def _binary(whole: int) -> str:
    """A whole number in the largest unit of 1,024 that divides it."""
    power = 0
    while whole and whole % _KIBI == 0 and power < len(_SUFFIXES) - 1:
        whole, power = whole // _KIBI, power + 1
    return f"{whole}{_SUFFIXES[power]}"


def _against_policy(taken: Amount, capacity: Capacity) -> bool:
    if not capacity.policy or taken == capacity.default:
        return False
    if capacity.ranged:
        if capacity.most is not None and taken.value > capacity.most.value:
            return True
        if capacity.step is not None and capacity.least is not None:
            step = _units(capacity.step)
            return bool(step) and (_units(taken) - _units(capacity.least)) % step != 0
        return False
    return bool(capacity.values) and all(taken.value != each.value for each in capacity.values)
