"""Constraints between pods, kept current while pods come and go: which nodes they leave open for one more."""

from __future__ import annotations

from collections import Counter, defaultdict
from copy import deepcopy

import msgspec
import numpy as np

from kubelogic.placement.optimal.model import Ints, Mask, Model, reach_mask
from kubelogic.placement.problem import Pod, Shape

Port = tuple[str, str, int]


class _Rule(msgspec.Struct):
    """A required (anti-)affinity: the domain of each node (-1: none), and pods per domain."""

    owner: int
    anti: bool
    self_satisfied: bool
    domain: Ints
    matching: Ints
    owning: Ints
    total: int = 0


class _Even(msgspec.Struct):
    """A required spread: ``counted`` nodes count, ``valid`` domains have one."""

    owner: int
    most: int
    own: int
    few: bool
    domain: Ints
    counted: Mask
    valid: Mask
    matching: Ints


class _Uses(msgspec.Struct):
    """Users of an exclusive token, per node, alone and shared."""

    alone: Ints
    shared: Ints


class Coupling:
    """Ports, exclusive uses, volume limits, (anti-)affinity, spread and claims of all pods placed so far."""

    def __init__(self, model: Model, *, running: tuple[Pod, ...] | None = None) -> None:
        self._model = model
        size = len(model.nodes)
        self._size = size
        self._domains: dict[str, tuple[Ints, int]] = {}
        self._ports: dict[Port, Ints] = {}
        self._uses: dict[str, _Uses] = {}
        self._attached: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
        self._attach_used: dict[str, Ints] = {}
        self._attach_limit: dict[str, Ints] = {}
        waiting = {i for kind in model.kinds for i in kind.shapes}
        for i in sorted(waiting):
            for port in model.shapes[i].ports:
                self._ports[port] = np.zeros(size, dtype=np.int64)
        for shape in model.shapes:
            for use in shape.exclusive:
                zeros = np.zeros(size, dtype=np.int64)
                self._uses.setdefault(use.token, _Uses(alone=zeros, shared=zeros.copy()))
        self._init_attach()
        self._init_rules()
        self._claims = {claim.name: claim for claim in model.problem.claims}
        self._volume_reach = {v.name: reach_mask(model, v.reach) for v in model.problem.volumes}
        self._provisions = {c.name: reach_mask(model, c.provisions) for c in model.problem.claims}
        self._given: dict[str, tuple[str, Mask]] = {}
        self._taken: dict[str, str] = {}
        concerned = {
            i
            for i, shape in enumerate(model.shapes)
            if shape.ports
            or shape.exclusive
            or shape.attaches
            or shape.claims
            or any(i in rules for rules in (self._matched, self._owned, self._even_matched))
        }
        there = model.running_of(concerned) if running is None else running
        for pod in there:
            if (shape_index := model.shape_index[pod.shape]) in concerned:
                self.add(shape_index, model.node_index[pod.node], counted=not pod.terminating)

    def _init_attach(self) -> None:
        unlimited = np.iinfo(np.int64).max // 2
        for driver in sorted({d for node in self._model.nodes for d in node.attach_limits}):
            limits = [node.attach_limits.get(driver, unlimited) for node in self._model.nodes]
            self._attach_limit[driver] = np.array(limits, dtype=np.int64)
            self._attach_used[driver] = np.zeros(self._size, dtype=np.int64)
        self._hanging = [frozenset(node.attached) for node in self._model.nodes]
        for n, pairs in enumerate(self._hanging):
            for driver, _ in sorted(pairs):
                if driver in self._attach_limit:
                    self._attach_used[driver][n] += 1

    def _init_rules(self) -> None:
        problem, index = self._model.problem, self._model.shape_index
        self._rules: list[_Rule] = []
        self._owned: dict[int, list[int]] = defaultdict(list)
        self._matched: dict[int, list[int]] = defaultdict(list)
        for i, rule in enumerate(problem.affinities):
            domain, many = self.domain(rule.key)
            zeros = np.zeros(many, dtype=np.int64)
            self._rules.append(
                _Rule(
                    owner=index[rule.owner],
                    anti=rule.anti,
                    self_satisfied=rule.self_satisfied,
                    domain=domain,
                    matching=zeros,
                    owning=zeros.copy(),
                )
            )
            self._owned[index[rule.owner]].append(i)
            for name in rule.matches:
                self._matched[index[name]].append(i)
        self._evens: list[_Even] = []
        self._even_owned: dict[int, list[int]] = defaultdict(list)
        self._even_matched: dict[int, list[int]] = defaultdict(list)
        for i, spread in enumerate(problem.spreads):
            domain, many = self.domain(spread.key)
            counted = reach_mask(self._model, spread.eligible) & (domain >= 0)
            valid = np.zeros(many, dtype=np.bool_)
            valid[domain[counted]] = True
            self._evens.append(
                _Even(
                    owner=index[spread.owner],
                    most=spread.max_skew,
                    own=int(spread.counts_self),
                    few=int(valid.sum()) < spread.min_domains,
                    domain=domain,
                    counted=counted,
                    valid=valid,
                    matching=np.zeros(many, dtype=np.int64),
                )
            )
            self._even_owned[index[spread.owner]].append(i)
            for name in spread.matches:
                self._even_matched[index[name]].append(i)

    def domain(self, key: str) -> tuple[Ints, int]:
        """The domain of each node under ``key`` (-1: none), and how many there are, at least 1."""
        if key not in self._domains:
            names = sorted({node.topology[key] for node in self._model.nodes if key in node.topology})
            index = {name: i for i, name in enumerate(names)}
            domain = [
                index.get(node.topology.get(key, ""), -1) if key in node.topology else -1 for node in self._model.nodes
            ]
            self._domains[key] = (np.array(domain, dtype=np.int64), max(len(names), 1))
        return self._domains[key]

    def copy(self) -> Coupling:
        """An independent copy."""
        never_changed = (
            self._model,
            self._domains,
            self._hanging,
            self._attach_limit,
            self._owned,
            self._matched,
            self._even_owned,
            self._even_matched,
            self._claims,
            self._volume_reach,
            self._provisions,
        )
        return deepcopy(self, {id(part): part for part in never_changed})

    def matching(self, rule: int) -> Ints:
        """How many pods each domain has that match the problem's affinity number ``rule``."""
        return self._rules[rule].matching

    def spread_matching(self, spread: int) -> Ints:
        """How many pods each domain counts for the problem's spread number ``spread``."""
        return self._evens[spread].matching

    def attached(self, driver: str, node: int) -> int:
        """How many volumes of the driver the node has."""
        return int(self._attach_used[driver][node])

    def is_attached(self, driver: str, volume: str, node: int) -> bool:
        """Whether the node has the volume."""
        return self._attached[driver, volume][node] > 0 or (driver, volume) in self._hanging[node]

    def open(self, shape_index: int) -> Mask:
        """The nodes on which one more pod of the shape would break no constraint between pods."""
        shape = self._model.shapes[shape_index]
        mask = self.open_node_rules(shape_index)
        for i in self._owned.get(shape_index, ()):
            rule = self._rules[i]
            if not rule.anti:
                mask &= rule.domain >= 0
                if not (rule.self_satisfied and self.is_first(shape_index)):
                    mask &= rule.matching[rule.domain] > 0
        for i in self._even_owned.get(shape_index, ()):
            even = self._evens[i]
            mask &= (even.domain >= 0) & (self._skews(even) <= even.most)[even.domain]
        if shape.claims:
            self._open_claims(shape, mask)
        return mask

    def open_node_rules(self, shape_index: int, *, volumes: bool = True) -> Mask:
        """As ``open``, for the constraints that more pods can only tighten: all but affinity, spread and claims."""
        shape = self._model.shapes[shape_index]
        mask = np.ones(self._size, dtype=np.bool_)
        for port in shape.ports:
            mask &= self._ports[port] == 0
        for use in shape.exclusive:
            users = self._uses[use.token]
            blocked = users.alone if use.shared else users.alone + users.shared
            if use.scope == "node":
                mask &= blocked == 0
            elif int(blocked.sum()):
                mask[:] = False
        if volumes:
            self._open_attach(shape, mask)
        for i in self._owned.get(shape_index, ()):
            rule = self._rules[i]
            if rule.anti:
                mask &= (rule.domain < 0) | (rule.matching[rule.domain] == 0)
        for i in self._matched.get(shape_index, ()):
            rule = self._rules[i]
            if rule.anti:
                mask &= (rule.domain < 0) | (rule.owning[rule.domain] == 0)
        return mask

    def roomiest(self, shape_index: int, room: Ints) -> Mask | None:
        """Where the first pod of a group that needs its own kind leaves most room for the others; None if no
        matter.

        Args:
            room: How many pods of the shape each node could take.
        """
        for i in self._owned.get(shape_index, ()):
            rule = self._rules[i]
            if not rule.anti and rule.self_satisfied and self.is_first(shape_index):
                has = rule.domain >= 0
                totals = np.bincount(rule.domain[has], weights=room[has], minlength=len(rule.matching))
                best: Mask = rule.domain == int(totals.argmax())
                return best
        return None

    def crowding(self, shape_index: int) -> Ints:
        """How full each node's domains are with pods that the shape has to spread from; lower is better."""
        total = np.zeros(self._size, dtype=np.int64)
        for i in self._even_owned.get(shape_index, ()):
            even = self._evens[i]
            total += even.matching[even.domain]
        return total

    def _skews(self, even: _Even) -> Ints:
        least = 0 if even.few or not even.valid.any() else int(even.matching[even.valid].min())
        return even.matching + (even.own - least)

    def is_first(self, shape_index: int) -> bool:
        """Whether no pod matches the affinity of the shape anywhere, so that the first may go where it likes."""
        group = (self._rules[i] for i in self._owned[shape_index])
        return all(rule.total == 0 for rule in group if not rule.anti)

    def _open_attach(self, shape: Shape, mask: Mask) -> None:
        by_driver: dict[str, set[str]] = defaultdict(set)
        for driver, volume in shape.attaches:
            if driver in self._attach_limit:
                by_driver[driver].add(volume)
        for driver, volumes in sorted(by_driver.items()):
            new = np.full(self._size, len(volumes), dtype=np.int64)
            for volume in volumes:
                there = [n for n, times in self._attached[driver, volume].items() if times > 0]
                new[there] -= 1
            mask &= (new == 0) | (self._attach_used[driver] + new <= self._attach_limit[driver])

    def _open_claims(self, shape: Shape, mask: Mask) -> None:
        unsettled = [name for name in shape.claims if name not in self._given]
        for name in shape.claims:
            if name in self._given:
                mask &= self._given[name][1]
            else:
                reach = self._provisions[name].copy()
                for volume in self._claims[name].volumes:
                    if volume not in self._taken:
                        reach |= self._volume_reach[volume]
                mask &= reach
        if len(unsettled) > 1:
            for n in np.flatnonzero(mask):
                mask[n] = self.choose(shape, int(n)) is not None

    def choose(self, shape: Shape, node: int) -> tuple[tuple[str, str], ...] | None:
        """The volume for each claim of the shape that has none yet; None if the node offers none."""
        chosen: list[tuple[str, str]] = []
        taken = set(self._taken)
        for name in shape.claims:
            if name in self._given:
                continue
            options = [v for v in self._claims[name].volumes if v not in taken and self._volume_reach[v][node]]
            if not options and not self._provisions[name][node]:
                return None
            volume = options[0] if options else ""
            if volume:
                taken.add(volume)
            chosen.append((name, volume))
        return tuple(chosen)

    def would_give(self, shape_index: int, node: int) -> dict[str, tuple[str, bytes]]:
        """What the claims of the shape would have with a pod of it there: volume and where it reaches."""
        shape = self._model.shapes[shape_index]
        found = self.gave(shape_index)
        for name, volume in (self.choose(shape, node) or ()) if shape.claims else ():
            reach = self._volume_reach[volume] if volume else self._confined(self._claims[name].confines, node)
            found[name] = (volume, reach.tobytes())
        return found

    def gave(self, shape_index: int) -> dict[str, tuple[str, bytes]]:
        """What the claims of the shape have, if they have it already."""
        claims = self._model.shapes[shape_index].claims
        return {name: (self._given[name][0], self._given[name][1].tobytes()) for name in claims if name in self._given}

    def add(self, shape_index: int, node: int, *, counted: bool = True) -> tuple[tuple[str, str], ...]:
        """Put one pod there; answers the volumes that its claims got. ``counted``: spread counts it."""
        self._change(shape_index, node, 1, counted=counted)
        shape = self._model.shapes[shape_index]
        chosen = self.choose(shape, node) if shape.claims else ()
        for name, volume in chosen or ():
            if volume:
                self._taken[volume] = name
                self._given[name] = (volume, self._volume_reach[volume])
            else:
                self._given[name] = ("", self._confined(self._claims[name].confines, node))
        return chosen or ()

    def _confined(self, key: str, node: int) -> Mask:
        if not key:
            return np.ones(self._size, dtype=np.bool_)
        domain, _ = self.domain(key)
        same: Mask = domain == domain[node]
        return same

    def remove(self, shape_index: int, node: int, *, counted: bool = True) -> None:
        """Take one pod away. Claims stay as they were settled."""
        self._change(shape_index, node, -1, counted=counted)

    def restore(self, shape_index: int, node: int, *, counted: bool = True) -> None:
        """Take back a ``remove``."""
        self._change(shape_index, node, 1, counted=counted)

    def _change(self, shape_index: int, node: int, change: int, *, counted: bool) -> None:
        shape = self._model.shapes[shape_index]
        for port in shape.ports:
            for other, blocked in self._ports.items():
                if _overlap(port, other):
                    blocked[node] += change
        for use in shape.exclusive:
            users = self._uses[use.token]
            (users.shared if use.shared else users.alone)[node] += change
        for pair in shape.attaches:
            self._attach(pair, node, change)
        for i in self._matched.get(shape_index, ()):
            rule = self._rules[i]
            if rule.domain[node] >= 0:
                rule.matching[rule.domain[node]] += change
                rule.total += change
        for i in self._owned.get(shape_index, ()):
            rule = self._rules[i]
            if rule.domain[node] >= 0:
                rule.owning[rule.domain[node]] += change
        if counted:
            for i in self._even_matched.get(shape_index, ()):
                even = self._evens[i]
                if even.counted[node]:
                    even.matching[even.domain[node]] += change

    def _attach(self, pair: tuple[str, str], node: int, change: int) -> None:
        if pair[0] not in self._attach_limit:
            return
        users = self._attached[pair]
        before = users[node]
        users[node] = before + change
        if (before == 0 or before + change == 0) and pair not in self._hanging[node]:
            self._attach_used[pair[0]][node] += change


def _overlap(one: Port, other: Port) -> bool:
    return one[1:] == other[1:] and (one[0] == other[0] or "0.0.0.0" in (one[0], other[0]))
