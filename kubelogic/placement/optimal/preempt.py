"""Preemption: which running pods of lower priority have to leave so that a waiting one can run."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

import msgspec
import numpy as np

from kubelogic.placement.optimal.improve import Expired, improve_kind
from kubelogic.placement.optimal.model import Ints, Mask
from kubelogic.placement.optimal.pack import insert_kind
from kubelogic.placement.optimal.state import State, request_of
from kubelogic.placement.problem import Pod

Cost = tuple[object, ...]
# Pools of which all pairs, or all sets, are tried; the latter where not too many pods run.
_PAIRS, _EVERY, _RUNNING = 24, 9, 100


class Victim(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A pod that may make room on its node: a running one (``pod``), or one of a waiting ``item_class`` placed
    there.
    """

    priority: int
    request: Ints
    shape: int
    pod: Pod | None = None
    item_class: int = -1


class Preemption:
    """Finds victims and evicts them. Budgets are drawn on as it goes.

    The best victims break the fewest budgets; then the fewest pods of the highest priority stop, and so on
    down; then the fewest running ones; then those that make room for most pods; then those that started last.
    """

    def __init__(self, state: State) -> None:
        model = state.model
        self._state = state
        self._budget = {budget.name: budget.allowed for budget in model.problem.budgets}
        self._running: dict[int, list[Victim]] = defaultdict(list)
        self._few = len(model.there) <= _RUNNING
        self.levels = sorted({shape.priority for shape in model.shapes}, reverse=True)
        for pod in model.running:
            if pod.movable and not pod.terminating:
                shape = model.shape_index[pod.shape]
                request = request_of(model, shape)
                victim = Victim(priority=model.shapes[shape].priority, request=request, shape=shape, pod=pod)
                self._running[model.node_index[pod.node]].append(victim)

    def run(self, *, expired: Expired) -> None:
        """Make room for what is left, the highest priority first; what has to give way is placed elsewhere."""
        state = self._state
        item_classes = range(len(state.model.item_classes))
        for k in sorted(item_classes, key=lambda k: (-state.model.item_classes[k].priority, state.size[k], k)):
            if state.left[k] > 0:
                insert_kind(state, k)
                improve_kind(state, k, expired=expired)
            if state.left[k] > 0 and not expired():
                self._run_kind(k)

    def _run_kind(self, item_class: int) -> None:
        state = self._state
        queue: list[tuple[Cost, int]] = []
        for n in np.flatnonzero(self._possible(item_class)):
            found = self._choose(item_class, int(n))
            if found is not None:
                queue.append((found[0], int(n)))
        heapq.heapify(queue)
        while queue and state.left[item_class] > 0:
            cost, node = heapq.heappop(queue)
            found = self._choose(item_class, node)
            if found is None:
                continue
            if found[0] > cost:
                heapq.heappush(queue, (found[0], node))
                continue
            for victim in found[1]:
                self._evict(victim, item_class, node)
            state.put(item_class, node)
            if state.model.item_classes[item_class].ordered:
                insert_kind(state, item_class)
            again = self._choose(item_class, node)
            if again is not None:
                heapq.heappush(queue, (again[0], node))

    def _possible(self, item_class: int) -> Mask:
        """The nodes that would have room for one of ``item_class`` if all of lower priority left."""
        state = self._state
        priority = state.model.item_classes[item_class].priority
        free = state.free.copy()
        for n, victims in self._running.items():
            for victim in victims:
                if victim.priority < priority:
                    free[:, n] += victim.request
        for k, other in enumerate(state.model.item_classes):
            if other.priority < priority and not other.ordered:
                free += state.model.request[k][:, None] * state.placed[k]
        request = state.model.request[item_class]
        mask: Mask = state.model.allowed[item_class].copy()
        for column in np.flatnonzero(request):
            mask &= free[column] >= request[column]
        return mask

    def _pool(self, item_class: int, node: int) -> list[Victim]:
        state, priority = self._state, self._state.model.item_classes[item_class].priority
        preempts = state.model.shapes[state.model.item_classes[item_class].shapes[0]].preempts
        running = self._running.get(node, ()) if preempts else ()
        pool = [victim for victim in running if victim.priority < priority]
        for k in np.flatnonzero(state.placed[:, node]):
            other = state.model.item_classes[int(k)]
            if other.priority < priority and not other.ordered:
                waiting = Victim(
                    priority=other.priority, request=state.model.request[k], shape=other.shapes[0], item_class=int(k)
                )
                pool.extend([waiting] * int(state.placed[k, node]))
        return pool

    def _choose(self, item_class: int, node: int) -> tuple[Cost, tuple[Victim, ...]] | None:
        """The best victims on the node for one pod of the item class; None if nothing helps."""
        best: tuple[Cost, tuple[Victim, ...]] | None = None
        for pool in self._pools(item_class, node):
            for victims in self._tries(item_class, node, pool):
                cost = self._cost(item_class, node, victims)
                if best is None or cost < best[0]:
                    best = (cost, victims)
        return best

    def _pools(self, item_class: int, node: int) -> list[list[Victim]]:
        """Those of whom victims may be chosen: all, if a pod fits without them; else all but one or two, whose company
        it needs.
        """
        pool = self._pool(item_class, node)
        if self._enough(item_class, node, tuple(pool)):
            return [pool]
        if not self._state.model.item_classes[item_class].coupled or len(pool) > _PAIRS:
            return []
        for many in (1, 2):
            rests = [list(rest) for rest in combinations(pool, len(pool) - many)] if len(pool) >= many else []
            if found := [rest for rest in rests if self._enough(item_class, node, tuple(rest))]:
                return found
        return []

    def _tries(self, item_class: int, node: int, pool: list[Victim]) -> Iterator[tuple[Victim, ...]]:
        if self._enough(item_class, node, ()):
            yield ()
            return
        for victim in pool:
            if self._enough(item_class, node, (victim,)):
                yield (victim,)
        if len(pool) <= _PAIRS:
            for pair in combinations(pool, 2):
                if self._enough(item_class, node, pair):
                    yield pair
        if len(pool) <= _EVERY and self._few:
            for size in range(3, len(pool)):
                for victims in combinations(pool, size):
                    if self._enough(item_class, node, victims):
                        yield victims
        for guarded in (self._beyond(pool), {id(v) for v in pool if self._breaks((v,))}):
            # The protected ones, the important and the big come back first.
            keep = sorted(pool, key=lambda v: (id(v) not in guarded, -v.priority, v.pod is None, int(v.request.sum())))
            chosen = list(keep)
            for victim in keep:
                rest = [other for other in chosen if other is not victim]
                missing = len(chosen) - len(rest) - 1
                rest.extend([victim] * missing)
                if self._enough(item_class, node, tuple(rest)):
                    chosen = rest
            yield tuple(chosen)

    def _beyond(self, pool: list[Victim]) -> set[int]:
        """Those whose eviction goes beyond a budget if the important ones draw on budgets first."""
        found: set[int] = set()
        drawn: dict[str, int] = defaultdict(int)
        for victim in sorted(pool, key=lambda v: -v.priority):
            for name in victim.pod.budgets if victim.pod else ():
                drawn[name] += 1
                if drawn[name] > self._budget[name]:
                    found.add(id(victim))
        return found

    def _enough(self, item_class: int, node: int, victims: tuple[Victim, ...]) -> bool:
        state = self._state
        request = state.model.request[item_class]
        free = state.free[:, node] + sum((victim.request for victim in victims), start=np.zeros_like(request))
        if not bool(((request <= free) | (request == 0)).all()):
            return False
        entry = state.model.item_classes[item_class]
        if not entry.coupled:
            return True
        for victim in victims:
            state.coupling.remove(victim.shape, node)
        fits = bool(state.coupling.open(entry.shapes[0])[node])
        for victim in victims:
            state.coupling.restore(victim.shape, node)
        return fits

    def _breaks(self, victims: tuple[Victim, ...]) -> int:
        drawn: dict[str, int] = defaultdict(int)
        for victim in victims:
            for name in victim.pod.budgets if victim.pod else ():
                drawn[name] += 1
        return sum(max(0, n - max(self._budget[name], 0)) for name, n in drawn.items())

    def _cost(self, item_class: int, node: int, victims: tuple[Victim, ...]) -> Cost:
        levels = tuple(sum(1 for v in victims if v.priority == level) for level in self.levels)
        running = [victim.pod for victim in victims if victim.pod]
        return (
            self._breaks(victims),
            levels,
            len(running),
            -self._fit(item_class, node, victims),
            tuple(sorted(-pod.started for pod in running)),
            tuple(sorted(pod.name for pod in running)),
        )

    def _fit(self, item_class: int, node: int, victims: tuple[Victim, ...]) -> int:
        """How many of the item class the node has resources for without the victims, up to how many are left."""
        state, fit = self._state, int(self._state.left[item_class])
        request = state.model.request[item_class]
        free = state.free[:, node] + sum((victim.request for victim in victims), start=np.zeros_like(request))
        for column in np.flatnonzero(request):
            fit = min(fit, int(free[column] // request[column]))
        return fit

    def _evict(self, victim: Victim, item_class: int, node: int) -> None:
        state = self._state
        if victim.pod is None:
            state.take(victim.item_class, node)
            return
        self._running[node].remove(victim)
        broken = []
        for name in victim.pod.budgets:
            self._budget[name] -= 1
            if self._budget[name] < 0:
                broken.append(name)
        state.evict(victim.pod, node, item_class=item_class, breaks=tuple(sorted(broken)))
