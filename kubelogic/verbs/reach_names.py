"""How peers are told to people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.owners import Workloads
from kubelogic.logic import Value
from kubelogic.verbs.talkers import Parts

OUTSIDE = "outside, "
"""What stands before a block of addresses outside the cluster."""


class Names:
    """How peers are told at one end: by the workloads of those of their pods that it means, or by their block."""

    def __init__(self, cluster: Cluster, groups: Mapping[str, Parts], of_pod: Mapping[str, str]) -> None:
        """Take one end.

        Args:
            cluster: with the workloads.
            groups: the pods that the end means, by the one that stands for each group.
            of_pod: the peers of these.
        """
        self._parts = {of_pod[name]: parts for name, parts in groups.items()}
        self._workloads = Workloads(cluster)
        self._owners: dict[str, tuple[str, ...]] = {}

    def pods(self, peer: str) -> Iterator[Object]:
        """The pods of a peer that the end means."""
        return (pod for _, pods in self._parts.get(peer, ()) for pod in pods)

    def single(self, peer: str) -> Object | None:
        """The pod of a peer, if the end means one only."""
        parts = self._parts.get(peer, ())
        return parts[0][1][0] if len(parts) == 1 and len(parts[0][1]) == 1 else None

    def told(self, peer: Value) -> str:
        """A few of the workloads of a peer's pods; a block with the word outside."""
        owners = self.owners(peer)
        more = f" and {len(owners) - 2} more" if len(owners) > 3 else ""
        return ", ".join(owners[: 2 if more else 3]) + more

    def owners(self, peer: Value) -> tuple[str, ...]:
        """The workloads of a peer's pods, or its block."""
        name = str(peer)
        if name not in self._owners:
            parts = self._parts.get(name)
            found = [f"{OUTSIDE}{name}"] if parts is None else sorted(self._workloads.of_all(parts))
            self._owners[name] = tuple(found)
        return self._owners[name]
