"""Devices: what slices of pools offer, what claims ask for, and which devices a claim gets on a node."""

from kubelogic.placement.devices.model import (
    Allocated,
    Amount,
    Capacity,
    Claim,
    Constraint,
    Counters,
    Device,
    Devices,
    Request,
    Selector,
    Slice,
    Taint,
    Toleration,
)
from kubelogic.placement.devices.search import DeviceError, Failure, Granted, Search

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
    "Search",
    "Selector",
    "Slice",
    "Taint",
    "Toleration",
]
