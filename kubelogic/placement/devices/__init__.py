"""Devices: what slices of pools offer, what claims ask for, and which devices a claim gets on a node."""

from kubelogic.placement.devices.model import (
    Allocated,
    Amount,
    Capacity,
    Claim,
    Constraint,
    Counters,
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

__all__ = [
    "Allocated",
    "Amount",
    "Capacity",
    "Claim",
    "Constraint",
    "Counters",
    "Device",
    "DeviceError",
    "Devices",
    "Failure",
    "Granted",
    "Request",
    "Selector",
    "Slice",
    "Taint",
    "Toleration",
]
