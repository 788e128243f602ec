"""How many feasible nodes kube-scheduler looks for before it scores those that it has."""

from __future__ import annotations

FEWEST = 100
"""In clusters of fewer nodes than this all are looked at, and so many are always looked for."""

_LEAST_SHARE = 5
_SHARE = 50
_NODES_A_POINT = 125


def wanted(nodes: int, share: int = 0) -> int:
    """How many feasible nodes are enough.

    Args:
        nodes: how many there are.
        share: percentageOfNodesToScore of the profile; 0: by the size of the cluster.

    Source: kube-scheduler 1.36, numFeasibleNodesToFind.

    >>> wanted(99), wanted(130, 10), wanted(130, 90), wanted(1000)
    (99, 100, 117, 420)
    """
    percent = share or max(_LEAST_SHARE, _SHARE - nodes // _NODES_A_POINT)
    if nodes < FEWEST or percent >= 100:
        return nodes
    return max(FEWEST, nodes * percent // 100)
