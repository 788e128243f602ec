"""What a dry run of the scheduler takes to be left on a node when pods leave it and come back.

Two of its filters keep less than they would need to: the host ports of a node are a set, so a pod that leaves takes
its ports along even if another pod has them, too; and the users of claims for a single pod are one number, to which
each claim in use adds one, however many pods use it.

Source: kube-scheduler, HostPortInfo and VolumeRestrictions (PreFilter, AddPod and RemovePod).
"""

from __future__ import annotations

from kubelogic.placement.constraints.exclusive import ExclusiveFilter
from kubelogic.placement.constraints.ports import PortsFilter, overlap
from kubelogic.placement.kube.counters import Counter
from kubelogic.placement.kube.rules import Rules
from kubelogic.placement.kube.state import Resident, State


class Traces:
    """Makes the counters that a shape reads show what the scheduler would see. ``restore`` when all is as it was."""

    def __init__(self, state: State, rules: Rules, node: int) -> None:
        self._shapes = state.tables.shapes
        self._node = node
        ports, exclusive = rules.of(PortsFilter), rules.of(ExclusiveFilter)
        self._ports = ports.ports if ports is not None else ()
        self._held = {port for resident in state.residents[node].values() for port in self._ports_of(resident)}
        single = [
            (use.token, counter)
            for use, counter in (exclusive.uses if exclusive is not None else ())
            if use.scope == "cluster"
        ]
        self._users = sum(counter.total > 0 for _, counter in single)
        self._tokens = frozenset(token for token, _ in single) if self._users else frozenset()
        self._single = [counter for _, counter in single] if self._users else []
        self._saved: list[tuple[Counter, int, int, int]] = [
            (counter, spot, int(counter.counts[spot]), counter.total)
            for spot, counters in ((node, [counter for _, counter in self._ports]), (0, self._single))
            for counter in counters
        ]

    def gone(self, resident: Resident) -> None:
        """A pod was taken off the node."""
        self._held.difference_update(self._ports_of(resident))
        self._users -= self._uses(resident)
        self._show()

    def back(self, resident: Resident) -> None:
        """It came back."""
        self._held.update(self._ports_of(resident))
        self._users += self._uses(resident)
        self._show()

    def restore(self) -> None:
        """Show the truth again."""
        for counter, spot, count, total in self._saved:
            counter.counts[spot] = count
            counter.total = total

    def _ports_of(self, resident: Resident) -> tuple[tuple[str, str, int], ...]:
        return self._shapes[resident.shape].ports

    def _uses(self, resident: Resident) -> int:
        return sum(use.token in self._tokens for use in self._shapes[resident.shape].exclusive)

    def _show(self) -> None:
        for port, counter in self._ports:
            counter.counts[self._node] = sum(overlap(port, held) for held in self._held)
        for counter in self._single:
            counter.counts[0] = counter.total = max(self._users, 0)
