"""Devices: single devices of nodes, given to claims of pods.

They hang on pods, not on shapes, and on a search over documents (``placement.devices``): ``kube.devices`` keeps what is
given, ``optimal.devices`` places pods that ask for some jointly. Here is what filters and solvers say of them alike.
"""

from __future__ import annotations

from kubelogic.placement.kube.filter import Reason, reason
from kubelogic.placement.kube.tables import Tables


def lacking(tables: Tables, words: str) -> Reason:
    """What a node without the devices that are asked for is turned down with."""
    return reason(tables, "devices", words, resolvable=False)
