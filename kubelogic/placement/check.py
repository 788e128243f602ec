"""The independent checker: replays a placement pod by pod. Shares no code with what computes placements.

It is as long as there are constraints: each is written once more here, on purpose.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from operator import attrgetter

import msgspec

from kubelogic.placement.ignored import without_ignored
from kubelogic.placement.placement import Binding, Placement
from kubelogic.placement.problem import Affinity, Node, Pod, Problem, Reach, Shape, SoftSpread, Spread


class Violation(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One thing that is wrong: ``rule`` names the filter or duty, ``detail`` says how."""

    rule: str
    pod: str
    node: str
    detail: str

    def __str__(self) -> str:
        where = f" on {self.node}" if self.node else ""
        return f"{self.rule}: {self.pod}{where}: {self.detail}"


def check(problem: Problem, placement: Placement) -> tuple[Violation, ...]:
    """All that is wrong with ``placement`` as an answer to ``problem``; empty means that it is right.

    Replays ``bindings`` in their order over the running pods, lets evicted pods terminate when they were evicted,
    takes them away, replays ``nominations``; each pod has to pass every filter when its turn comes. Pods that were
    terminating before may still be there for a nomination, or be gone from then on. Then checks that each waiting
    pod got exactly one answer, that evictions are lawful and that bounds agree with what was placed. A pod that
    ``kube`` made room for may yet find it taken, as kube-scheduler's do.
    """
    problem = _without_extended(without_ignored(problem))
    found: list[Violation] = []
    board = _Board(problem, watched={binding.node for binding in (*placement.bindings, *placement.nominations)})
    pods = {pod.name: pod for pod in problem.waiting}
    for pod in _concerned(problem.running, board):
        board.put(pod, pod.node)
    if others := _mentioned(placement) - pods.keys():
        pods.update((pod.name, pod) for pod in problem.pods if pod.name in others)
    evicted = {
        eviction.pod: eviction for eviction in placement.evictions if eviction.pod in pods and pods[eviction.pod].node
    }
    leaving: dict[int, list[str]] = defaultdict(list)
    for eviction in evicted.values():
        leaving[eviction.after].append(eviction.pod)
    for number, binding in enumerate(placement.bindings):
        for name in leaving[number]:
            terminating = msgspec.structs.replace(pods[name], terminating=True)
            board.take(pods[name], pods[name].node)
            board.put(terminating, terminating.node)
            pods[name] = terminating
        if not board.put_plainly(pods.get(binding.pod), board.nodes.get(binding.node)):
            found.extend(_refused(board, pods, binding))
            _put(board, pods, binding)
    found.extend(_evictions(problem, placement, pods))
    for name in evicted:
        board.take(pods[name], pods[name].node)
    leavers = [pod for pod in problem.pods if pod.node and pod.terminating] if placement.nominations else []
    for binding in placement.nominations:
        wrong = list(_refused(board, pods, binding))
        if wrong and leavers:
            while leavers:
                leaver = leavers.pop()
                board.take(leaver, leaver.node)
            wrong = list(_refused(board, pods, binding))
        found.extend(wrong)
        _put(board, pods, binding)
    found.extend(_accounts(problem, placement, pods))
    found.extend(_groups(problem, placement))
    if problem.devices is not None:
        from kubelogic.placement.check_devices import device_faults

        faults = device_faults(problem, placement)
        found.extend(Violation(rule="devices", pod=pod, node=node, detail=detail) for pod, node, detail in faults)
    return tuple(found)


def _concerned(pods: Sequence[Pod], board: _Board) -> Iterable[Pod]:
    """The pods on watched nodes, and those that matter beyond their node."""
    if board.beyond:
        return (pod for pod in pods if pod.node in board.watched or pod.shape in board.beyond)
    return compress(pods, map(board.watched.__contains__, map(attrgetter("node"), pods)))


def _mentioned(placement: Placement) -> set[str]:
    """All pods that a placement names."""
    found = {binding.pod for binding in (*placement.bindings, *placement.nominations)}
    found.update(entry.pod for entry in placement.unplaced)
    return found.union(*((eviction.pod, eviction.beneficiary) for eviction in placement.evictions))


def _without_extended(problem: Problem) -> Problem:
    """The problem with room for resources that stand for devices, on nodes that report none: those are no amounts."""
    extended = problem.devices.extended if problem.devices is not None else {}
    if not extended:
        return problem
    nodes = (
        msgspec.structs.replace(
            node,
            allocatable={**node.allocatable, **{name: 1 << 62 for name in extended if not node.allocatable.get(name)}},
        )
        for node in problem.nodes
    )
    return msgspec.structs.replace(problem, nodes=tuple(nodes))


def faults(problem: Problem) -> tuple[str, ...]:
    """What makes ``problem`` unsound: names used twice, or mentioned and not there. Empty if sound."""
    found: list[str] = []
    kinds: dict[str, list[str]] = {
        "node": [n.name for n in problem.nodes],
        "shape": [s.name for s in problem.shapes],
        "pod": [p.name for p in problem.pods],
        "volume": [v.name for v in problem.volumes],
        "claim": [c.name for c in problem.claims],
        "budget": [b.name for b in problem.budgets],
        "group": [g.name for g in problem.groups],
        "scorer": [f"{s.name} of {s.profile}" if s.profile else s.name for s in problem.scorers],
    }
    for kind, names in kinds.items():
        found.extend(f"{kind} {name}: named twice" for name, times in sorted(Counter(names).items()) if times > 1)
    known = {kind: set(names) for kind, names in kinds.items()}
    known["node class"] = {n.node_class for n in problem.nodes}
    found.extend(
        f"{user}: no {kind} {name}" for user, kind, name in _mentions(problem) if name and name not in known[kind]
    )
    found.extend(f"shape {name}: nothing allowed" for name in sorted(known["shape"] - set(problem.allowed)))
    for shape in problem.shapes:
        found.extend(f"shape {shape.name}: negative {r}" for r, v in sorted(shape.requests.items()) if v < 0)
    return tuple(found)


def _mentions(problem: Problem) -> Iterator[tuple[str, str, str]]:
    for pod in problem.pods:
        yield f"pod {pod.name}", "shape", pod.shape
        yield f"pod {pod.name}", "node", pod.node
        yield from ((f"pod {pod.name}", "budget", name) for name in pod.budgets)
    for shape in problem.shapes:
        yield from ((f"shape {shape.name}", "claim", name) for name in shape.claims)
    for name in sorted(problem.allowed):
        yield "allowed", "shape", name
    for claim in problem.claims:
        yield from ((f"claim {claim.name}", "volume", name) for name in claim.volumes)
    for affinity in problem.affinities:
        yield "affinity", "shape", affinity.owner
        yield from (("affinity", "shape", name) for name in sorted(affinity.matches))
    spreads: tuple[Spread | SoftSpread, ...] = (*problem.spreads, *problem.soft_spreads)
    for spread in spreads:
        yield "spread", "shape", spread.owner
        yield from (("spread", "shape", name) for name in sorted(spread.matches))
    for soft in problem.soft_affinities:
        yield "soft affinity", "shape", soft.shape
        yield from (("soft affinity", "shape", name) for name in sorted(soft.neighbours))
    profiles = {shape.name: shape.profile for shape in problem.shapes}
    for preference in problem.preferences:
        yield "preference", "shape", preference.shape
        profile = profiles.get(preference.shape, "")
        yield "preference", "scorer", f"{preference.scorer} of {profile}" if profile else preference.scorer


class _Domains(msgspec.Struct):
    """Pods of some shapes per domain of a key, with the minimum kept current."""

    counts: dict[str, int] = msgspec.field(default_factory=dict)

    def add(self, domain: str, change: int) -> None:
        self.counts[domain] = self.counts.get(domain, 0) + change

    def least(self) -> int:
        return min(self.counts.values(), default=0)


class _Board:
    """Who is where, and what that leaves: the state that a replay goes through.

    What happens on nodes that are not ``watched`` is left out if it concerns those nodes only.
    """

    def __init__(self, problem: Problem, *, watched: set[str] | None = None) -> None:
        self.nodes: dict[str, Node] = {node.name: node for node in problem.nodes}
        self.watched = set(self.nodes) if watched is None else watched
        self.shapes: dict[str, Shape] = {shape.name: shape for shape in problem.shapes}
        self.allowed = problem.allowed
        self.free: dict[str, dict[str, int]] = {node.name: dict(node.allocatable) for node in problem.nodes}
        self.ports: dict[str, Counter[tuple[str, str, int]]] = defaultdict(Counter)
        self.tokens: dict[tuple[str, str], Counter[bool]] = defaultdict(Counter)
        self.volumes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self.affinities = problem.affinities
        self.owned: dict[str, list[int]] = defaultdict(list)
        self.touched: dict[str, list[int]] = defaultdict(list)
        self.matching: list[Counter[str]] = [Counter() for _ in problem.affinities]
        self.owning: list[Counter[str]] = [Counter() for _ in problem.affinities]
        for i, rule in enumerate(problem.affinities):
            self.owned[rule.owner].append(i)
            for name in rule.matches | {rule.owner}:
                self.touched[name].append(i)
        self.spreads = problem.spreads
        self.spread_owned: dict[str, list[int]] = defaultdict(list)
        self.spread_touched: dict[str, list[int]] = defaultdict(list)
        self.spread_counts: list[_Domains] = [_Domains() for _ in problem.spreads]
        for i, spread in enumerate(problem.spreads):
            self.spread_owned[spread.owner].append(i)
            for name in spread.matches:
                self.spread_touched[name].append(i)
            for node in problem.nodes:
                if spread.key in node.topology and _reaches(spread.eligible, node):
                    self.spread_counts[i].add(node.topology[spread.key], 0)
        self.claims = {claim.name: claim for claim in problem.claims}
        self.reach = {volume.name: volume.reach for volume in problem.volumes}
        self.given: dict[str, tuple[str, str]] = {}
        # Shapes whose pods matter beyond their node, and those for which only permission and resources count.
        beyond = {shape.name for shape in problem.shapes if any(use.scope != "node" for use in shape.exclusive)}
        self.beyond = beyond | set(self.touched) | set(self.spread_touched)
        self.plain = {
            shape.name: [(resource, amount) for resource, amount in shape.requests.items() if amount > 0]
            for shape in problem.shapes
            if not (shape.ports or shape.exclusive or shape.attaches or shape.claims)
            and not any(shape.name in rules for rules in (self.touched, self.spread_touched, self.spread_owned))
        }

    def put(self, pod: Pod, node_name: str) -> None:
        self._count(pod, node_name, 1)

    def take(self, pod: Pod, node_name: str) -> None:
        self._count(pod, node_name, -1)

    def _count(self, pod: Pod, node_name: str, change: int) -> None:
        shape, node = self.shapes[pod.shape], self.nodes[node_name]
        if node_name not in self.watched and pod.shape not in self.beyond:
            return
        free = self.free[node_name]
        for resource, amount in shape.requests.items():
            free[resource] = free.get(resource, 0) - amount * change
        if pod.shape in self.plain:
            return
        for port in shape.ports:
            self.ports[node_name][port] += change
        for use in shape.exclusive:
            self.tokens[use.token, node_name][use.shared] += change
            self.tokens[use.token, ""][use.shared] += change
        for driver, volume in shape.attaches:
            self.volumes[node_name, driver][volume] += change
        for i in self.touched.get(shape.name, ()):
            rule = self.affinities[i]
            if rule.key in node.topology:
                if shape.name in rule.matches:
                    self.matching[i][node.topology[rule.key]] += change
                if shape.name == rule.owner:
                    self.owning[i][node.topology[rule.key]] += change
        if not pod.terminating:
            for i in self.spread_touched.get(shape.name, ()):
                spread = self.spreads[i]
                if spread.key in node.topology and _reaches(spread.eligible, node):
                    self.spread_counts[i].add(node.topology[spread.key], change)

    def put_plainly(self, pod: Pod | None, node: Node | None) -> bool:
        """Place a pod if nothing but permission and resources counts for it, and it has both; else do nothing."""
        asks = self.plain.get(pod.shape) if pod is not None else None
        if pod is None or node is None or asks is None or not _reaches(self.allowed[pod.shape], node):
            return False
        free = self.free[node.name]
        for resource, amount in asks:
            if amount > free.get(resource, 0):
                return False
        for resource, amount in asks:
            free[resource] -= amount
        return True

    def refusals(self, pod: Pod, node: Node, binding: Binding) -> Iterator[tuple[str, str]]:
        """Each filter that the pod fails on the node now, with what exactly is wrong."""
        shape = self.shapes[pod.shape]
        if not _reaches(self.allowed[shape.name], node):
            yield "allowed", "the shape may not use this node"
        for resource, amount in shape.requests.items():
            free = self.free[node.name].get(resource, 0)
            if amount > max(free, 0):
                yield "resources", f"asks {amount} {resource}, {free} free"
        for port in shape.ports:
            clash = [p for p, n in self.ports[node.name].items() if n > 0 and _overlap(p, port)]
            if clash:
                yield "ports", f"{port} overlaps {min(clash)}"
        for use in shape.exclusive:
            users = self.tokens[use.token, node.name if use.scope == "node" else ""]
            if users[False] > 0 or (users[True] > 0 and not use.shared):
                yield "exclusive", f"{use.token} has a user already"
        yield from self._attach(shape, node)
        for i in self.owned.get(shape.name, ()):
            yield from self._affinity(i, self.affinities[i], node)
        for i in self.touched.get(shape.name, ()):
            rule = self.affinities[i]
            domain = node.topology.get(rule.key)
            if rule.anti and shape.name in rule.matches and domain is not None and self.owning[i][domain] > 0:
                yield "anti_affinity", f"a pod of {rule.owner} in {rule.key}={domain} keeps it out"
        for i in self.spread_owned.get(shape.name, ()):
            yield from self._spread(i, self.spreads[i], node)
        yield from self._claims(shape, node, dict(binding.volumes))

    def _attach(self, shape: Shape, node: Node) -> Iterator[tuple[str, str]]:
        drivers = sorted({driver for driver, _ in shape.attaches} & set(node.attach_limits))
        for driver in drivers:
            used = {volume for volume, n in self.volumes[node.name, driver].items() if n > 0}
            there = used | {volume for d, volume in node.attached if d == driver}
            more = {volume for d, volume in shape.attaches if d == driver} - used
            if more and len(there) + len(more) > node.attach_limits[driver]:
                yield "attach", f"{len(there) + len(more)} volumes of {driver}, limit {node.attach_limits[driver]}"

    def _affinity(self, i: int, rule: Affinity, node: Node) -> Iterator[tuple[str, str]]:
        domain = node.topology.get(rule.key)
        if rule.anti:
            if domain is not None and self.matching[i][domain] > 0:
                yield "anti_affinity", f"{rule.key}={domain} has a matching pod"
        elif domain is None:
            yield "affinity", f"the node has no {rule.key}"
        elif self.matching[i][domain] <= 0:
            group = [j for j in self.owned[rule.owner] if not self.affinities[j].anti]
            first = all(n <= 0 for j in group for n in self.matching[j].values())
            if not (first and rule.self_satisfied):
                yield "affinity", f"{rule.key}={domain} has no matching pod"

    def _spread(self, i: int, spread: Spread, node: Node) -> Iterator[tuple[str, str]]:
        domain = node.topology.get(spread.key)
        if domain is None:
            yield "spread", f"the node has no {spread.key}"
            return
        domains = self.spread_counts[i]
        least = domains.least() if len(domains.counts) >= spread.min_domains else 0
        skew = domains.counts.get(domain, 0) + int(spread.counts_self) - least
        if skew > spread.max_skew:
            yield "spread", f"skew {skew} over {spread.key}, at most {spread.max_skew}"

    def _claims(self, shape: Shape, node: Node, chosen: dict[str, str]) -> Iterator[tuple[str, str]]:
        taken = {volume: claim for claim, (volume, _) in self.given.items() if volume}
        for name in shape.claims:
            claim = self.claims[name]
            if name in self.given:
                volume, domain = self.given[name]
                if volume and not _reaches(self.reach[volume], node):
                    yield "claim", f"{name} has volume {volume}, which the node cannot use"
                if not volume and claim.confines and node.topology.get(claim.confines, "") != domain:
                    yield "claim", f"{name} has its volume in {claim.confines}={domain}"
                continue
            if name not in chosen:
                yield "claim", f"{name} gets no volume"
                continue
            volume = chosen[name]
            if not volume:
                if not _reaches(claim.provisions, node):
                    yield "claim", f"no volume can be made for {name} here"
            elif volume not in claim.volumes or volume in taken or not _reaches(self.reach[volume], node):
                yield "claim", f"{name} cannot have volume {volume}"
            if volume:
                taken[volume] = name

    def settle_claims(self, shape: Shape, node: Node, binding: Binding) -> None:
        for name, volume in binding.volumes:
            if name in shape.claims and name not in self.given:
                self.given[name] = (volume, node.topology.get(self.claims[name].confines, ""))


def _refused(board: _Board, pods: dict[str, Pod], binding: Binding) -> Iterator[Violation]:
    pod, node = pods.get(binding.pod), board.nodes.get(binding.node)
    if pod is None or node is None:
        yield Violation(rule="name", pod=binding.pod, node=binding.node, detail="no such pod or node")
        return
    for rule, detail in board.refusals(pod, node, binding):
        yield Violation(rule=rule, pod=pod.name, node=node.name, detail=detail)


def _put(board: _Board, pods: dict[str, Pod], binding: Binding) -> None:
    pod, node = pods.get(binding.pod), board.nodes.get(binding.node)
    if pod is not None and node is not None:
        board.put(pod, node.name)
        board.settle_claims(board.shapes[pod.shape], node, binding)


def _evictions(problem: Problem, placement: Placement, pods: dict[str, Pod]) -> Iterator[Violation]:
    if not placement.evictions:
        return
    shapes = {shape.name: shape for shape in problem.shapes}
    left = {budget.name: budget.allowed for budget in problem.budgets}
    seen: set[str] = set()
    ending = {pod.name for pod in problem.pods if pod.terminating}
    groups = {group.name: group for group in problem.groups} if problem.as_groups else {}
    nominated = {binding.pod for binding in placement.nominations}
    nominated |= {entry.pod for entry in placement.unplaced if entry.verdict == "waiting"}
    for eviction in placement.evictions:

        def wrong(detail: str, pod: str = eviction.pod, node: str = eviction.node) -> Violation:
            return Violation(rule="eviction", pod=pod, node=node, detail=detail)

        victim = pods.get(eviction.pod)
        if victim is None or not victim.node or victim.node != eviction.node:
            yield wrong("does not run there")
            continue
        if victim.name in seen:
            yield wrong("evicted twice")
        seen.add(victim.name)
        if not victim.movable:
            yield wrong("may not be evicted")
        if eviction.pod in ending:
            yield wrong("goes away by itself")
        winner = pods.get(eviction.beneficiary)
        in_vain = placement.scheduler == "kube" and winner is not None and bool(winner.group) and not winner.node
        if winner is None or (winner.name not in nominated and not in_vain):
            yield wrong("nobody is nominated for it")
            continue
        strong, weak = shapes[winner.shape].priority, shapes[victim.shape].priority
        if winner.group in groups:
            strong = groups[winner.group].priority
            together = groups.get(victim.group)
            weak = together.priority if together is not None and together.whole else weak
            others = {pod.name for pod in problem.running if pod.group == victim.group and not pod.terminating}
            if together is not None and together.whole and not others <= {each.pod for each in placement.evictions}:
                yield wrong(f"{victim.group} is evicted as a whole")
        if strong <= weak or not shapes[winner.shape].preempts:
            yield wrong(f"{winner.name} may not preempt it")
        broken = []
        for name in victim.budgets:
            left[name] -= 1
            if left[name] < 0:
                broken.append(name)
        if sorted(broken) != sorted(eviction.breaks):
            yield wrong(f"breaks the budgets {sorted(broken)}, says {sorted(eviction.breaks)}")


def _groups(problem: Problem, placement: Placement) -> Iterator[Violation]:
    """Groups of which some pod gets a node: as many run as it needs, all in one domain of its key."""
    if not problem.groups:
        return
    where = {binding.pod: binding.node for binding in (*placement.bindings, *placement.nominations)}
    bound = {binding.pod for binding in placement.bindings}
    topology = {node.name: node.topology for node in problem.nodes}
    for group in problem.groups:
        members = [pod for pod in problem.pods if pod.group == group.name]
        fresh = [where[pod.name] for pod in members if pod.name in where]
        if not fresh:
            continue
        nodes = fresh + [pod.node for pod in members if pod.node]
        running = len(nodes) - len(fresh)
        started = sum(pod.name in bound for pod in members)
        if len(nodes) < group.least or 0 < started < group.least - running:
            detail = f"{running + started} pods of {group.name} would run, at least {group.least} have to"
            yield Violation(rule="group", pod=group.name, node="", detail=detail)
        domains = {topology[node].get(group.key, "") for node in nodes if node in topology} if group.key else set()
        if group.key and (len(domains) > 1 or "" in domains):
            named = ", ".join(sorted(domains)) or "none"
            yield Violation(
                rule="group", pod=group.name, node="", detail=f"pods in several domains of {group.key}: {named}"
            )


def _accounts(problem: Problem, placement: Placement, pods: dict[str, Pod]) -> Iterator[Violation]:
    """Each waiting pod has one answer, others have none, and the bounds count what is there."""
    bound = Counter([binding.pod for binding in (*placement.bindings, *placement.nominations)])
    waiting = {binding.pod: binding.node for binding in placement.nominations}
    out = {entry.pod: entry for entry in placement.unplaced}
    answers = bound.copy()
    answers.update([name for name in out if name not in waiting])
    for pod in [pod for pod in pods.values() if answers.get(pod.name, 0) != (not pod.node)]:
        detail = f"answered {answers[pod.name]} times"
        yield Violation(rule="account", pod=pod.name, node=pod.node, detail=detail)
    for name in sorted({*out, *waiting} & set(pods)):
        entry = out.get(name)
        promised = waiting.get(name)
        waits = entry is not None and entry.verdict == "waiting"
        in_vain = placement.scheduler == "kube" and waits
        if waits != (promised is not None) and not in_vain:
            yield Violation(rule="account", pod=name, node=promised or "", detail="waits, or not?")
    priorities = {shape.name: shape.priority for shape in problem.shapes}
    gained = Counter([priorities[pods[name].shape] for name in bound if name in pods])
    gained.subtract(priorities[pods[entry.pod].shape] for entry in placement.evictions if entry.pod in pods)
    for limit in placement.bounds:
        placed = sum(times for level, times in gained.items() if level >= limit.priority)
        if limit.placed != placed or placed > limit.most:
            detail = f"priority {limit.priority}: {placed} placed, says {limit.placed} of at most {limit.most}"
            yield Violation(rule="bound", pod="", node="", detail=detail)


def _reaches(reach: Reach, node: Node) -> bool:
    return node.node_class in reach.node_classes or node.name in reach.nodes


def _overlap(one: tuple[str, str, int], other: tuple[str, str, int]) -> bool:
    return one[1:] == other[1:] and (one[0] == other[0] or "0.0.0.0" in (one[0], other[0]))
