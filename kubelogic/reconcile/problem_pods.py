"""The pods of the placement problem, kept current from what changes in the relations that tell of pods."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from operator import attrgetter, itemgetter
from typing import Any, cast

import msgspec

from kubelogic.logic import Changes, Row
from kubelogic.placement.problem import Pod
from kubelogic.reconcile.problem_reads import LATE, text

_VALUES = (
    "node_class",
    "pod_occupies",
    "pod_shape",
    "pod_created",
    "pod_started",
    "pod_pinned",
    "pod_nominated",
    "pod_in_group",
)
"""A key and the one value that it has."""

_FLAGS = ("pod_pending", "pod_terminating", "pod_displaced")
"""Keys alone."""

_SETS = ("pod_gate", "pod_budget", "group_awaited", "kueue_awaited")
"""A key and each of its values."""

POD_READS = frozenset({*_VALUES, *_FLAGS, *_SETS})
"""The predicates that pods are read from."""

_FEW = 1_000
"""Up to so many pods are put in their places one by one."""


class Applicant(msgspec.Struct, frozen=True, kw_only=True):
    """A shape as the problem has it: one that the rules know, perhaps tied to one node."""

    name: str
    shape: str
    node: str = ""


class _Numbered:
    """Names as numbers: one of each of some pods, in their order, for names in the order in which they first came."""

    def __init__(self) -> None:
        self.known: defaultdict[str, int] = defaultdict()
        self.known.default_factory = self.known.__len__
        self.numbers: array[int] = array("q")

    def begin(self, names: Iterable[str]) -> None:
        """Hold these names and no others."""
        self.numbers = array("q", map(self.known.__getitem__, names))

    def insert(self, at: int, name: str) -> None:
        """Put a name in its place."""
        self.numbers.insert(at, self.known[name])

    def among(self, names: Iterable[str]) -> array[int]:
        """The numbers of all as ``names`` are numbered, which may lack what nobody is called any more."""
        import numpy as np  # which schedulers load in any case

        number = {name: i for i, name in enumerate(names)}
        table = np.array([number.get(name, -1) for name in self.known], dtype=np.int64)
        found = array("q")
        found.frombytes(table[np.array(self.numbers, dtype=np.int64)].tobytes())
        return found


class Pods:
    """What is known of each pod, and the running ones as the problem has them. Starts without any."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, Any]] = {name: {} for name in _VALUES}
        self._flags: dict[str, set[str]] = {name: set() for name in _FLAGS}
        self._sets: dict[str, defaultdict[str, set[str]]] = {name: defaultdict(set) for name in _SETS}
        self._running: dict[str, Pod] = {}
        self._names: list[str] = []
        self._listed: list[Pod] = []
        self._nodes_of = _Numbered()
        self._shapes_of = _Numbered()
        self._shapes: Counter[str] = Counter()
        self._stale: set[str] = set()
        self._nodes: set[str] = set()

    def note(self, changes: Changes) -> None:
        """Take over what an update changed in the relations of ``POD_READS``."""
        for predicate in POD_READS:
            gone, come = changes.removed.get(predicate, ()), changes.added.get(predicate, ())
            if predicate in self._values:
                _set(self._values[predicate], gone, come)
            elif predicate in self._flags:
                self._flags[predicate].difference_update(map(_key, gone))
                self._flags[predicate].update(map(_key, come))
            else:
                for pod, value in gone:
                    self._sets[predicate][text(pod)].discard(text(value))
                for pod, value in come:
                    self._sets[predicate][text(pod)].add(text(value))
            if self._running:  # else all are made in any case
                touched = self._nodes if predicate == "node_class" else self._stale
                touched.update(map(_key, gone))
                touched.update(map(_key, come))

    def read(self) -> tuple[tuple[Pod, ...], tuple[Applicant, ...]]:
        """The running and the waiting pods, and the shapes that they have."""
        self.renew()
        applicants = {shape: Applicant(name=shape, shape=shape) for shape in self._shapes}
        shape_of, pinned, nominated, group = (
            self._values[name] for name in ("pod_shape", "pod_pinned", "pod_nominated", "pod_in_group")
        )
        waiting: list[Pod] = []
        for order, pod in enumerate(self._queue()):
            shape, node = shape_of[pod], pinned.get(pod, "")
            name = f"{shape}@{node}" if node else shape
            if name not in applicants:
                applicants[name] = Applicant(name=name, shape=shape, node=node)
            promised, together = nominated.get(pod, ""), group.get(pod, "")
            waiting.append(Pod(name=pod, shape=name, nominated=promised, order=order, group=together))
        return (*self._listed, *waiting), tuple(applicants[name] for name in sorted(applicants))

    def places(self, nodes: Iterable[str], shapes: Iterable[str]) -> tuple[int, tuple[array[int], array[int]]]:
        """How many pods run, and of each the number of its node and that of its shape among these names."""
        return len(self._listed), (self._nodes_of.among(nodes), self._shapes_of.among(shapes))

    def _queue(self) -> list[str]:
        created = self._values["pod_created"]
        gates, awaited, queued = (self._sets[name] for name in ("pod_gate", "group_awaited", "kueue_awaited"))
        found = [
            pod for pod in self._flags["pod_pending"] if not (gates.get(pod) or awaited.get(pod) or queued.get(pod))
        ]
        return sorted(found, key=lambda pod: (created.get(pod, 0), pod))

    def renew(self) -> None:
        """Make those running pods anew of which anything changed, and those of nodes that changed."""
        if self._nodes:
            self._stale.update(pod for pod, node in self._values["pod_occupies"].items() if node in self._nodes)
        if not self._running:
            placed = self._values["pod_occupies"]  # as they came, which is nearly in the order of their names
            self._running = {pod: new for pod, new in self._made(placed) if new is not None}
            self._shapes = Counter(map(attrgetter("shape"), self._running.values()))
            self._list()
        elif len(self._stale) > _FEW:
            for pod, new in self._made(self._stale):
                self._change(pod, new)
            self._list()
        else:
            for pod, new in self._made(self._stale):
                self._place(pod, self._change(pod, new), new)
        self._shapes = +self._shapes
        self._stale.clear()
        self._nodes.clear()

    def _change(self, pod: str, new: Pod | None) -> Pod | None:
        """Let a running pod be as it is now; answers how it was."""
        old = self._running.pop(pod, None)
        if old is not None:
            self._shapes[old.shape] -= 1
        if new is not None:
            self._shapes[new.shape] += 1
            self._running[pod] = new
        return old

    def _list(self) -> None:
        self._names = sorted(self._running)
        self._listed = [self._running[pod] for pod in self._names]
        self._nodes_of.begin(map(attrgetter("node"), self._listed))
        self._shapes_of.begin(map(attrgetter("shape"), self._listed))

    def _place(self, pod: str, old: Pod | None, new: Pod | None) -> None:
        """Keep the running pods in the order of their names."""
        at = bisect_left(self._names, pod)
        if old is None and new is not None:
            self._names.insert(at, pod)
            self._listed.insert(at, new)
            self._nodes_of.insert(at, new.node)
            self._shapes_of.insert(at, new.shape)
        elif old is not None and new is None:
            del self._names[at], self._listed[at], self._nodes_of.numbers[at], self._shapes_of.numbers[at]
        elif new is not None:
            self._listed[at] = new
            self._nodes_of.numbers[at] = self._nodes_of.known[new.node]
            self._shapes_of.numbers[at] = self._shapes_of.known[new.shape]

    def _made(self, pods: Iterable[str]) -> Iterator[tuple[str, Pod | None]]:
        """Each of some pods as it is now; None if it runs on no node of the cluster."""
        nodes, node_of, shape_of, started, group = (
            self._values[name] for name in ("node_class", "pod_occupies", "pod_shape", "pod_started", "pod_in_group")
        )
        terminating, displaced = self._flags["pod_terminating"], self._flags["pod_displaced"]
        budgets: Mapping[str, set[str]] = self._sets["pod_budget"]
        for pod in pods:
            node = node_of.get(pod)
            if node not in nodes:
                yield pod, None
                continue
            new = Pod(
                name=pod,
                shape=shape_of[pod],
                node=node,
                terminating=pod in terminating,
                displaced=pod in displaced,
                started=started.get(pod, LATE),
                budgets=tuple(sorted(budgets[pod])) if pod in budgets else (),
                group=group.get(pod, ""),
            )
            yield pod, new


_key: itemgetter[Any] = itemgetter(0)


def _set(values: dict[str, Any], gone: Collection[Row], come: Collection[Row]) -> None:
    for key, value in gone:
        if values.get(text(key)) == value:
            del values[text(key)]
    values.update(cast("Iterator[tuple[str, Any]]", iter(come)))
