"""The nodes of the placement problem, kept current from what changes in the relations that tell of nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator

import msgspec

from kubelogic.logic import Changes, Row
from kubelogic.placement.problem import Node
from kubelogic.reconcile.problem_reads import Relations, number, text

_NODE_AT = {"node_class": 0, "node_allocatable": 0, "attach_limit": 0, "attachment": 1}
"""Which column names the node."""

_OF_VOLUMES = frozenset({"volume_attaches", "volume_in_tree"})
"""Not of a node: what attachments mean."""

_TOPOLOGY = "node_topology"
"""Comes and goes for all nodes at once, with the pods that want to be spread over its keys."""

NODE_READS = frozenset({*_NODE_AT, *_OF_VOLUMES, _TOPOLOGY})
"""The predicates that nodes are read from."""


class Nodes:
    """The nodes as the problem has them. Starts without any."""

    def __init__(self) -> None:
        self._made: dict[str, Node] = {}
        self._stale: set[str] = set()
        self._listed: tuple[Node, ...] | None = ()

    def note(self, changes: Changes) -> None:
        """Take over what an update changed in the relations of ``NODE_READS``."""
        self._listed = None
        for rows in (changes.removed, changes.added):
            for predicate, column in _NODE_AT.items():
                self._stale.update(text(row[column]) for row in rows.get(predicate, ()))
            if not _OF_VOLUMES.isdisjoint(rows):
                self._stale.update(self._made)

    def read(self, relations: Relations) -> tuple[Node, ...]:
        """All nodes by name; makes those anew of which anything changed."""
        if self._listed is None:
            for name in self._stale:
                self._made.pop(name, None)
            self._made.update((node.name, node) for node in _read(relations, self._stale))
            self._stale.clear()
            topology: dict[str, dict[str, str]] = defaultdict(dict)
            for node, key, domain in sorted(relations.rows(_TOPOLOGY)):
                topology[text(node)][text(key)] = text(domain)
            self._listed = tuple(_placed(self._made[name], topology.get(name)) for name in sorted(self._made))
        return self._listed


def _placed(node: Node, topology: dict[str, str] | None) -> Node:
    return msgspec.structs.replace(node, topology=topology) if topology else node


def _read(relations: Relations, wanted: Container[object]) -> Iterator[Node]:
    """Some nodes, without their topology."""

    def rows(predicate: str) -> list[Row]:
        column = _NODE_AT[predicate]
        return sorted(row for row in relations.rows(predicate) if row[column] in wanted)

    def amounts(predicate: str) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for node, name, amount in rows(predicate):
            found[text(node)][text(name)] = number(amount)
        return found

    allocatable, limits = amounts("node_allocatable"), amounts("attach_limit")
    handles = {row[0]: row[1:] for row in relations.rows("volume_attaches")}
    in_tree = {row[0] for row in relations.rows("volume_in_tree")}
    attached: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for _, node, volume in rows("attachment"):
        if volume in handles and volume not in in_tree:
            driver, handle = handles[volume]
            attached[text(node)].add((text(driver), text(handle)))
    for row in rows("node_class"):
        name, node_class = text(row[0]), text(row[1])
        yield Node(
            name=name,
            node_class=node_class,
            allocatable=allocatable.get(name, {}),
            attach_limits=limits.get(name, {}),
            attached=tuple(sorted(attached.get(name, ()))),
        )
