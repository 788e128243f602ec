"""The pure functions that scheduling rules call."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kubelogic.logic.compiler import Function


def image_share(size: int, having: int, everyone: int) -> int:
    """What an image is worth that ``having`` of ``everyone`` nodes have, in the scheduler's floating point.

    >>> image_share(900, 1, 3)
    300
    """
    return int(float(size) * (float(having) / float(everyone)))


FUNCTIONS: Mapping[str, Function] = MappingProxyType({"image_share": image_share})
"""By the name that the rules use."""
