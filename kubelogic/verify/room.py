"""Bounds on room that hold for many failures at once, so that what follows from them need not be run.

Pods that lose their node come one after the other to the nodes that are left, in any order and with any choice of
nodes. A pod finds no node only if on each node that it may use some resource is short, and that takes a share of what
the others need: with ``free`` left and ``wanted`` asked for, others have to use more than ``free - wanted`` of it. Each
resource of all that is displaced can be used up once. So where these shares add up to more than the number of
resources, no order and no choice strands a pod, and nobody is evicted to make room. Integers and fractions, not floats.

What else keeps pods away from nodes has a price in others, too: anti-affinity, host ports, affinity and spread
(``neighbours``). Each of these rules counts as one more resource that others can use up once.

Only pods that nothing else keeps apart are judged: no volumes, claims, devices or groups, and no toleration that lets
them onto a dead node. What brings such a pod back at all (evictions, owners, admission, readiness) is not proved here:
a run has to show it, once for each workload.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver.supposing import freed
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import is_being_deleted, metadata
from kubelogic.cluster.owners import workload
from kubelogic.cluster.pods import is_ready, node_of
from kubelogic.cluster.state import State
from kubelogic.facts.services import SLICE_SERVICE
from kubelogic.placement.problem import Problem, Shape
from kubelogic.verbs.reconciled import Reconciled
from kubelogic.verify.neighbours import Neighbours, Price, neighbours

Amounts = Mapping[str, int]

_MADE_ANEW = ("Deployment ", "ReplicaSet ", "ReplicationController ")
_STAYS = "DaemonSet "
_DISTURBING = ("CronJob", "HorizontalPodAutoscaler", "VerticalPodAutoscaler", "ResourceQuota", "PodGroup", "Workload")
"""Kinds whose objects do more than room says: they make pods, or refuse them."""

_UNREACHABLE = "node.kubernetes.io/unreachable"

_ZONE = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone")
_MOST_LOST = 100
"""With so many nodes gone at once evictions, one in ten seconds, take half of the time that is looked at."""


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What is free on each node, and what would have to go elsewhere from it.

    Attributes:
        free: by node and resource.
        needs: by shape and resource.
        reach: the nodes that each shape may use.
        moving: by node, how many pods of each shape are made anew elsewhere when it fails.
        owners: by node, whose pods these are.
        fixed: nodes with a pod of which room alone does not tell what becomes of it.
        served: for each Service whose ready pods all stay with their nodes, these nodes.
        zones: the zone of each node.
        ready: by workload, how many ready pods it has.
        shapes: by workload, the shapes of its pods.
        neighbours: what the shapes demand of other pods.
    """

    free: Mapping[str, Amounts]
    needs: Mapping[str, Amounts]
    reach: Mapping[str, Sequence[str]]
    moving: Mapping[str, Mapping[str, int]]
    owners: Mapping[str, frozenset[str]]
    fixed: frozenset[str]
    served: Sequence[frozenset[str]]
    zones: Mapping[str, str]
    ready: Mapping[str, int]
    shapes: Mapping[str, frozenset[str]]
    neighbours: Neighbours = Neighbours()

    def tight(self, count: int) -> frozenset[str]:
        """The shapes for which it is not proved at once that any ``count`` nodes may fail.

        Args:
            count: so many nodes fail.
        """
        loads: dict[str, list[int]] = defaultdict(list)
        for node in self.moving:
            for resource, amount in self._load((node,)).items():
                loads[resource].append(amount)
        total = {resource: sum(sorted(each)[-count:]) for resource, each in loads.items()}
        shapes = {shape for each in self.moving.values() for shape in each}
        return frozenset(shape for shape in shapes if not self._is_loose(shape, total, count))

    def _is_loose(self, shape: str, total: Amounts, count: int) -> bool:
        if self.neighbours.vary(shape):
            return False
        # Each node counts for 1 at most, so that ``count`` nodes less take away no more than ``count``.
        prices = self.neighbours.at_most(shape, count)
        return self._finds(shape, total, self.reach[shape], prices, more=count, most=Fraction(1))

    def is_enough(self, lost: Collection[str], tight: Collection[str]) -> bool:
        """Whether all pods find room after the failure of some nodes.

        Args:
            lost: the nodes that fail.
            tight: the shapes that have to be looked at, see ``tight``.
        """
        total = self._load(lost)
        here = {shape for node in lost for shape in self.moving.get(node, ()) if shape in tight}
        return all(self._has_place(shape, total, frozenset(lost)) for shape in sorted(here))

    def _has_place(self, shape: str, total: Amounts, lost: frozenset[str]) -> bool:
        """Whether others cannot close all nodes to a shape, or all in a domain that one of its spreads leaves open."""
        prices = self.neighbours.prices(shape, lost)
        left = [node for node in self.reach[shape] if node not in lost]
        if self._finds(shape, total, left, prices):
            return True
        spreads = self.neighbours.even.get(shape, ())
        for number, spread in enumerate(spreads, len(prices) - len(spreads)):
            others = [*prices[:number], *prices[number + 1 :]]
            emptiest = spread.emptiest(lost)
            if emptiest is not None and all(
                self._finds(shape, total, [node for node in left if spread.domains.get(node) == domain], others)
                for domain in emptiest
            ):
                return True
        return False

    def keeps(self, lost: Collection[str], shown: Collection[str]) -> bool:
        """Whether only room decides about the failure of some nodes.

        Args:
            lost: the nodes that fail.
            shown: the workloads that were seen to make their pods anew.
        """
        gone = frozenset(lost)
        return (
            gone.isdisjoint(self.fixed)
            and self.evicts_at_pace(gone)
            and not any(each <= gone for each in self.served)
            and all(self.owners.get(node, frozenset()) <= {*shown} for node in gone)
        )

    def evicts_at_pace(self, lost: Collection[str]) -> bool:
        """Whether evictions go on as usual and soon enough when some nodes fail.

        Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go handleDisruption, ComputeZoneState.
        """
        sizes, gone = Counter(self.zones.values()), Counter(self.zones[node] for node in lost)
        if len(lost) > _MOST_LOST or len(lost) == len(self.zones):
            return False
        return all(each <= 2 or each == sizes[zone] or each * 100 < 55 * sizes[zone] for zone, each in gone.items())

    def cover(self, groups: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Few groups of nodes whose failure displaces a pod of each workload; none of them with other pods."""
        held = {
            group: {owner for node in group for owner in self.owners.get(node, ())}
            for group in groups
            if self.fixed.isdisjoint(group)
        }
        left = set().union(*held.values()) if held else set()
        found: list[tuple[str, ...]] = []
        while left:
            best = max(held, key=lambda group: (len(held[group] & left), [-ord(c) for c in group[0]]))
            found.append(best)
            left -= held[best]
        return found

    def shown(self, lost: Collection[str], after: State, problem: Problem) -> frozenset[str]:
        """The workloads of some nodes that, after these have failed, have as many ready pods as before, and like them.

        Args:
            lost: the nodes that failed.
            after: the end of the run.
            problem: the placement problem there.
        """
        shapes = {pod.name: pod.shape for pod in problem.pods}
        ready: Counter[str] = Counter()
        odd: set[str] = set()
        for key, pod in after.cluster.objects("Pod").items():
            if is_being_deleted(pod) or node_of(pod) in lost:
                continue
            owner = workload(after.cluster, pod)
            ready[owner] += is_ready(pod)
            if shapes.get(key) not in self.shapes.get(owner, ()):
                odd.add(owner)
        owners = {owner for node in lost for owner in self.owners.get(node, ())}
        return frozenset(each for each in owners - odd if ready[each] >= self.ready[each])

    def _load(self, nodes: Iterable[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for node in nodes:
            for shape, number in self.moving.get(node, {}).items():
                for resource, amount in self.needs[shape].items():
                    found[resource] = found.get(resource, 0) + number * amount
        return found

    def _finds(
        self,
        shape: str,
        total: Amounts,
        nodes: Iterable[str],
        prices: Sequence[Price],
        *,
        more: int = 0,
        most: Fraction | None = None,
    ) -> bool:
        """Whether closing these nodes takes more than others have: all of each thing they do it with, and ``more``."""
        needs = self.needs[shape]
        others = {resource: max(0, total.get(resource, 0) - amount) for resource, amount in needs.items()}
        used: set[str | int] = set()
        found = Fraction(0)
        for node in nodes:
            shares: dict[str | int, Fraction] = {}
            free = self.free[node]
            for resource, amount in needs.items():
                slack = free.get(resource, 0) - amount
                if slack < 0:
                    break
                if others[resource] > slack:
                    shares[resource] = Fraction(slack + 1, others[resource])
            else:
                shares |= {number: share for number, price in enumerate(prices) if (share := price(node)) is not None}
                least = min(shares.values(), default=most)
                if least is None:
                    return True
                if least:
                    used.update(shares)
                    found += least if most is None else min(least, most)
                    if found > len(used) + more:
                        return True
        return False


def room(done: Reconciled) -> Room | None:
    """The room of a settled cluster; None if more than room decides about all of it.

    Args:
        done: a settled run.
    """
    state = done.run.state
    cluster = state.cluster
    if not done.run.settled or any(cluster.objects(kind) for kind in _DISTURBING) or _has_unfinished_jobs(cluster):
        return None
    done.engine.relations(state)
    found = done.engine.reconciler.problem()
    if any(not pod.node or pod.terminating or pod.nominated for pod in found.pods):
        return None
    pods = cluster.objects("Pod")
    owners = {pod.name: workload(cluster, pods[pod.name]) for pod in found.pods}
    samples = {pod.shape: pod.name for pod in found.pods if owners[pod.name].startswith(_MADE_ANEW)}
    # Where a shape may go is derived for pods that wait: one pod of each shape waits.
    waiting = freed(cluster, [pods[name] for name in samples.values()])
    done.engine.relations(replace(state, cluster=waiting))
    judged = done.engine.reconciler.problem()
    done.engine.relations(state)
    return _room(found, judged, samples, owners, cluster)


def _room(
    found: Problem, judged: Problem, samples: Mapping[str, str], owners: Mapping[str, str], cluster: Cluster
) -> Room:
    """The room, from the problem of the settled cluster and the one in which a pod of each shape waits."""
    same = {pod.name: pod.shape for pod in judged.pods}
    shapes = {each.name: each for each in judged.shapes}
    loose = {
        name
        for name, sample in samples.items()
        if same.get(sample) == name
        and not _holds_more(shapes[name])
        and not _bears_silence(cluster.objects("Pod")[sample])
    }
    free = {node.name: dict(node.allocatable) for node in found.nodes}
    moving: dict[str, Counter[str]] = defaultdict(Counter)
    where: dict[str, Counter[str]] = defaultdict(Counter)
    here: dict[str, set[str]] = defaultdict(set)
    kinds: dict[str, set[str]] = defaultdict(set)
    fixed: set[str] = set()
    requests = {each.name: each.requests for each in found.shapes}
    for pod in found.pods:
        owner, left = owners[pod.name], free.get(pod.node)
        if left is not None:
            for resource, amount in requests[pod.shape].items():
                left[resource] = left.get(resource, 0) - amount
        where[pod.node][same[pod.name]] += 1
        if owner.startswith(_STAYS):
            continue
        kinds[owner].add(pod.shape)
        if pod.shape in loose and same[pod.name] == pod.shape and not (pod.device_claims or pod.group):
            moving[pod.node][pod.shape] += 1
            here[pod.node].add(owner)
        else:
            fixed.add(pod.node)
    by_class: dict[str, list[str]] = defaultdict(list)
    for node in judged.nodes:
        by_class[node.node_class].append(node.name)
    reach = {
        name: sorted(
            {
                *judged.allowed[name].nodes,
                *(node for each in judged.allowed[name].node_classes for node in by_class[each]),
            }
        )
        for name in sorted(loose)
    }
    ready = Counter(owners[key] for key, pod in cluster.objects("Pod").items() if key in owners and is_ready(pod))
    return Room(
        free=free,
        needs={name: shapes[name].requests for name in loose},
        reach=reach,
        moving=moving,
        owners={node: frozenset(each) for node, each in here.items()},
        fixed=frozenset(fixed),
        served=tuple(_served(cluster, owners)),
        zones=_zones(cluster),
        ready=ready,
        shapes={owner: frozenset(each) for owner, each in kinds.items()},
        neighbours=neighbours(judged, reach, where, moving),
    )


def _holds_more(shape: Shape) -> bool:
    return bool(shape.exclusive or shape.attaches or shape.claims or shape.unchecked)


def _bears_silence(pod: Object) -> bool:
    """Whether a pod may go to a node that nothing is heard of."""
    return any(
        each.get("key") in (None, "", _UNREACHABLE) and each.get("effect") in (None, "", "NoSchedule")
        for each in (pod.document.get("spec") or {}).get("tolerations") or ()
    )


def _served(cluster: Cluster, owners: Mapping[str, str]) -> Iterator[frozenset[str]]:
    """The nodes of each Service's ready pods, where all of these pods stay with their nodes."""
    where: dict[str, set[str]] = defaultdict(set)
    moves: set[str] = set()
    for each in cluster.objects("EndpointSlice").values():
        service = f"{each.namespace}/{(metadata(each).get('labels') or {}).get(SLICE_SERVICE, '')}"
        for end in each.document.get("endpoints") or ():
            if (end.get("conditions") or {}).get("ready", True) is not True:
                continue
            target = end.get("targetRef") or {}
            owner = owners.get(f"{each.namespace}/{target.get('name')}", "")
            if target.get("kind") == "Pod" and owner.startswith(_STAYS):
                where[service].add(str(end.get("nodeName") or ""))
            else:
                moves.add(service)
    return (frozenset(where[service]) for service in sorted({*where} - moves))


def _zones(cluster: Cluster) -> dict[str, str]:
    """The zone of each node, as evictions count them."""
    found = {}
    for name, node in cluster.objects("Node").items():
        labels = metadata(node).get("labels") or {}
        found[name] = " ".join(str(labels.get(key, "")) for key in _ZONE)
    return found


def _has_unfinished_jobs(cluster: Cluster) -> bool:
    for job in cluster.objects("Job").values():
        conditions = (job.document.get("status") or {}).get("conditions") or ()
        if not any(each.get("type") in ("Complete", "Failed") and each.get("status") == "True" for each in conditions):
            return True
    return False
