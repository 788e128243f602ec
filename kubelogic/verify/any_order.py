"""Whether all pods get a place in whatever order they come, and however kube-scheduler breaks its ties.

Two answers that need no luck: z3 shows that no arrangement of some of the pods leaves another one without a node,
whatever the scheduler prefers (where only room matters); or every order is gone through, once of those that nothing
tells apart. A run that strands a pod is one that kube-scheduler can really take: each node is among the best for its
pod at that time.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver.supposing import freed
from kubelogic.cluster import Object
from kubelogic.cluster.owners import workload
from kubelogic.cluster.pods import node_of
from kubelogic.explain.units import count
from kubelogic.placement.constraints.every import coupled
from kubelogic.placement.kube.examine import examine
from kubelogic.placement.problem import Node, Pod, Problem
from kubelogic.reconcile.problem import GOALS, problem
from kubelogic.reconcile.relations import Relations
from kubelogic.verbs.reconciled import Reconciled
from kubelogic.verify.results import Counterexample, Verification
from kubelogic.verify.watching import Violation

_STATES = 4_000
"""Arrangements that are looked at before the search gives up."""

_STEPS = 20_000_000
"""Steps of z3 for each shape: a limit that does not depend on the machine."""

Placed = tuple[tuple[str, str], ...]
"""Shape and node of each pod that has come, in the order in which they came."""


def any_order(done: Reconciled, *, late: Callable[[], bool], most: int = _STATES) -> Verification:
    """Whether all pods that are new get a place, in any order and with any choice among equally good nodes.

    Args:
        done: a settled run; the pods that it placed come in any order.
        late: whether a limit is reached.
        most: how many arrangements are looked at.
    """
    asked = _asked(done)
    if isinstance(asked, str):
        return Verification(verdict="unknown", scope="nothing was tried", reason=asked)
    total = len(asked.arriving)
    if not total:
        return Verification(verdict="holds", scope="no pod waits for a node: there is nothing to order")
    bare = coupled(asked.given).isdisjoint(asked.counts)
    if bare:
        stranded = _room(asked)
        if stranded == "":
            scope = f"{_pods(asked)} in any order, on any node that has room for them"
            proved = ("z3: no arrangement of some of the pods leaves another without a node that has room",)
            return Verification(verdict="holds", scope=scope, cases=total, proved=proved)
    search = _Orders(asked=asked, late=late, most=most)
    found = search.run()
    if found is not None:
        return _stranded(done, asked, found, search)
    if search.limit:
        hint = " (z3 has an arrangement in which room is wanting, if scores did not matter)" if bare else ""
        return Verification(
            verdict="unknown",
            scope=f"{search.looked} and strand{'s' if search.seen == 1 else ''} nobody",
            cases=total,
            tried=search.seen,
            reason=f"{search.limit}{hint}",
        )
    return Verification(
        verdict="holds",
        scope=f"{_pods(asked)} in any order, with any choice among equally good nodes",
        cases=total,
        tried=search.seen,
        proved=(f"every order was gone through: {search.seen} arrangements, those that are alike once",),
    )


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The pods that come, by shape, and the problem without them."""

    given: Problem
    arriving: Mapping[str, Object]
    counts: Mapping[str, int]
    names: Mapping[str, tuple[str, ...]]


def _asked(done: Reconciled) -> _Asked | str:
    """What comes in any order; or why that is not known."""
    cluster = done.cluster
    known = done.before.objects("Pod")
    arriving: dict[str, Object] = {}
    for key, pod in sorted(cluster.objects("Pod").items()):
        old = known.get(key)
        if (old is not None and node_of(old)) or workload(cluster, pod).startswith("DaemonSet "):
            continue
        arriving[key] = pod
    before = freed(cluster, arriving.values())
    relations = Relations.of(done.rulebook, replace(done.run.state, cluster=before), GOALS)
    whole = problem(relations)
    coming = {each.name: each for each in whole.pods if each.name in arriving and not each.node}
    shapes = {each.name: each for each in whole.shapes}
    if any(shapes[each.shape].claims for each in coming.values()):
        return "pods wait for volumes that are not chosen yet; in which order volumes are taken is not followed"
    if len({shapes[each.shape].priority for each in coming.values()}) > 1:
        return "the pods have different priorities; preemption in between is not followed"
    if whole.devices is not None and any(each.device_claims for each in coming.values()):
        return "pods claim devices; in which order devices are taken is not followed"
    names: dict[str, list[str]] = defaultdict(list)
    for name, each in sorted(coming.items()):
        names[each.shape].append(name)
    rest = tuple(each for each in whole.pods if each.name not in coming)
    return _Asked(
        given=msgspec.structs.replace(whole, pods=tuple(each for each in rest if each.node)),
        arriving={name: arriving[name] for name in coming},
        counts={shape: len(found) for shape, found in sorted(names.items())},
        names={shape: tuple(found) for shape, found in names.items()},
    )


def _pods(asked: _Asked) -> str:
    shapes = f" of {len(asked.counts)} shapes" if len(asked.counts) > 1 else ""
    return f"{count(sum(asked.counts.values()), 'pod')}{shapes}"


def _room(asked: _Asked) -> str | None:
    """A shape that some arrangement strands, as far as room goes; empty if z3 shows that there is none."""
    import z3

    given = asked.given
    shapes = {each.name: each for each in given.shapes}
    free = _free(given)
    reach = {name: [node.name for node in given.nodes if _allows(given, name, node)] for name in asked.counts}
    for stranded in asked.counts:
        solver = z3.SimpleSolver()
        solver.set("rlimit", _STEPS)
        numbers = {
            (shape, node): z3.Int(f"x_{i}_{j}")
            for i, shape in enumerate(asked.counts)
            for j, node in enumerate(reach[shape])
        }
        for number in numbers.values():
            solver.add(number >= 0)
        for shape, number in asked.counts.items():
            own = [numbers[shape, node] for node in reach[shape]]
            if own:
                solver.add(z3.Sum(own) <= number - (shape == stranded))
        for node, amounts in free.items():
            here = [(shape, numbers[shape, node]) for shape in asked.counts if (shape, node) in numbers]
            for resource, amount in amounts.items():
                used = [shapes[shape].requests.get(resource, 0) * number for shape, number in here]
                if used:
                    solver.add(z3.Sum(used) <= amount)
        for node in reach[stranded]:
            here = [(shape, numbers[shape, node]) for shape in asked.counts if (shape, node) in numbers]
            solver.add(
                z3.Or(
                    [
                        z3.Sum([shapes[shape].requests.get(resource, 0) * number for shape, number in here]) + wanted
                        > free[node].get(resource, 0)
                        for resource, wanted in sorted(shapes[stranded].requests.items())
                        if wanted
                    ]
                )
            )
        answer = solver.check()
        if answer == z3.sat:
            return stranded
        if answer == z3.unknown:
            return None
    return ""


def _free(given: Problem) -> dict[str, dict[str, int]]:
    shapes = {each.name: each for each in given.shapes}
    found = {node.name: dict(node.allocatable) for node in given.nodes}
    for pod in given.pods:
        if pod.node in found:
            for resource, amount in shapes[pod.shape].requests.items():
                found[pod.node][resource] = found[pod.node].get(resource, 0) - amount
    return found


def _allows(given: Problem, shape: str, node: Node) -> bool:
    reach = given.allowed.get(shape)
    return reach is not None and reach.has(node)


class _Orders(msgspec.Struct, kw_only=True):
    """Every order, the shortest runs first; arrangements that nothing tells apart once."""

    asked: _Asked
    late: Callable[[], bool]
    most: int
    seen: int = 0
    limit: str = ""
    _known: set[object] = msgspec.field(default_factory=set)

    @property
    def looked(self) -> str:
        """What was done."""
        return "1 arrangement was looked at" if self.seen == 1 else f"{self.seen} arrangements were looked at"

    def run(self) -> tuple[Placed, str] | None:
        """The shortest run that strands a pod, and the shape of that pod."""
        queue: deque[Placed] = deque([()])
        while queue:
            placed = queue.popleft()
            if self.seen >= self.most or self.late():
                self.limit = self.looked if not self.late() else "the time limit was reached"
                return None
            self.seen += 1
            come = Counter(shape for shape, _ in placed)
            for shape, most in self.asked.counts.items():
                if come[shape] == most:
                    continue
                best = self._best(placed, shape)
                if not best:
                    return placed, shape
                for node in best:
                    following = (*placed, (shape, node))
                    mark = self._mark(following)
                    if mark not in self._known:
                        self._known.add(mark)
                        queue.append(following)
        return None

    def _best(self, placed: Placed, shape: str) -> tuple[str, ...]:
        """The nodes that kube-scheduler may choose for the next pod of a shape; none if it finds none."""
        given = self.asked.given
        numbers: Counter[str] = Counter()
        pods = list(given.pods)
        for each, node in placed:
            pods.append(Pod(name=self.asked.names[each][numbers[each]], shape=each, node=node))
            numbers[each] += 1
        name = self.asked.names[shape][numbers[shape]]
        pods.append(Pod(name=name, shape=shape))
        found = examine(msgspec.structs.replace(given, pods=tuple(pods)), name)
        return found.best or found.feasible

    def _mark(self, placed: Placed) -> object:
        """An arrangement up to nodes that nothing tells apart."""
        here: dict[str, Counter[str]] = defaultdict(Counter)
        for shape, node in placed:
            here[node][shape] += 1
        return frozenset(
            Counter(
                (self._class(node), tuple(sorted(here[node.name].items()))) for node in self.asked.given.nodes
            ).items()
        )

    def _class(self, node: Node) -> object:
        given = self.asked.given
        pods = tuple(sorted(pod.shape for pod in given.pods if pod.node == node.name))
        named = any(node.name in reach.nodes for reach in given.allowed.values())
        topology = tuple(sorted((key, value) for key, value in node.topology.items() if value != node.name))
        own = node.name if named or node.attached else ""
        return own, node.node_class, tuple(sorted(node.allocatable.items())), topology, pods


def _stranded(done: Reconciled, asked: _Asked, found: tuple[Placed, str], search: _Orders) -> Verification:
    placed, shape = found
    numbers: Counter[str] = Counter()
    told: list[str] = []
    objects = []
    for number, (each, node) in enumerate(placed, 1):
        name = asked.names[each][numbers[each]]
        numbers[each] += 1
        told.append(f"{number}. {name} comes, and goes to {node}")
        objects.append(_bound(asked.arriving[name], node))
    name = asked.names[shape][numbers[shape]]
    told.append(f"{len(placed) + 1}. {name} comes, and no node takes it")
    objects.append(_bound(asked.arriving[name], ""))
    owner = workload(done.cluster, asked.arriving[name])
    message = f"Pod {name} ({owner}) finds no node after {len(placed)} others"
    return Verification(
        verdict="broken",
        scope=f"{search.looked}, the shortest runs first",
        cases=sum(asked.counts.values()),
        tried=search.seen,
        counterexample=Counterexample(
            objects=tuple(objects),
            violations=(Violation(time=0, invariant="every_pod_placed", message=message),),
            told=tuple(told),
            scheduler="kube",
            replayed=True,
        ),
    )


def _bound(pod: Object, node: str) -> Mapping[str, object]:
    """A pod as a manifest on its node, without what a controller would take away or make anew."""
    spec = {key: value for key, value in (pod.document.get("spec") or {}).items() if key != "nodeName"}
    about = pod.document["metadata"]
    kept = {key: about[key] for key in ("name", "namespace", "labels", "annotations") if about.get(key)}
    if node:
        spec["nodeName"] = node
    return {"apiVersion": "v1", "kind": "Pod", "metadata": kept, "spec": spec}
