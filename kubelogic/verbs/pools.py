"""Node pools: the cheapest nodes to add so that all that waits for a node finds one, and what none of them takes."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import lcm

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver.karpenter import NodePool
from kubelogic.apiserver.node_types import NodeType, cordoned, renamed
from kubelogic.apiserver.supposing import supposed
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.pods import node_of
from kubelogic.explain.pending import PendingPod, pending_pods
from kubelogic.explain.units import count
from kubelogic.explain.unmodelled import unmodelled
from kubelogic.facts.omitted import omitted
from kubelogic.facts.shapes import controller_of
from kubelogic.placement.optimal.cheapest import cheapest_nodes
from kubelogic.placement.optimal.limits import Limits
from kubelogic.placement.optimal.offers import Offer, extended
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.problem import Problem
from kubelogic.reconcile.problem import GOALS, problem
from kubelogic.reconcile.relations import Relations
from kubelogic.reconcile.schedulers import KubeScheduler
from kubelogic.text import Notice
from kubelogic.text.location import Location
from kubelogic.verbs.autoscaler_holds import is_expendable
from kubelogic.verbs.idle_rules import idle_rules
from kubelogic.verbs.missing import NOTHING, Lacking, lacking
from kubelogic.verbs.plan import DEFAULT
from kubelogic.verbs.reconciled import Options, Reconciled, reconcile
from kubelogic.verbs.weighted_pools import by_weight, caps_of, reached, tiers

_PREFIX = "new-"
"""Before the name of a type, so that its nodes have names of their own."""


class Bought(msgspec.Struct, frozen=True, kw_only=True):
    """How many nodes of a type to add, and the pods that go to them."""

    pool: str
    nodes: int
    price: Fraction
    pods: tuple[str, ...]


class Hopeless(msgspec.Struct, frozen=True, kw_only=True):
    """A pod that no type takes, and why: by type, what stands against it."""

    pod: str
    owner: str
    reasons: Mapping[str, tuple[str, ...]]


class Pools(msgspec.Struct, frozen=True, kw_only=True):
    """What to add to a cluster.

    Attributes:
        waiting: pods that wait for a node, and that are counted; those that find one among the nodes that are there,
            too.
        bought: what to add, by name of the pool; empty if nothing has to be.
        cost: of all that, in the currency of the input.
        least: nothing that holds all of them costs less, proved.
        unweighted: what it would cost if the weights of pools were not heeded; None where they say nothing.
        enough: whether all that wait find a node then, but for the ``hopeless``.
        short: pods for which no place was found.
        reached: limits of types and NodePools that leave room for no more node, if pods are short.
        hopeless: pods that no type takes, however many of it there are.
        notices: features that the input uses and that are not modelled, and what was assumed.
        unsure: pods that ask for what is not modelled: they may need something else.
        expendable: pods for which cluster-autoscaler adds no node by its default flags, as their priority is low.
        lacking: what the input does not have.
    """

    waiting: int
    bought: tuple[Bought, ...]
    cost: Fraction
    least: Fraction
    enough: bool
    unweighted: Fraction | None = None
    short: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()
    hopeless: tuple[Hopeless, ...] = ()
    notices: tuple[Notice, ...] = ()
    unsure: tuple[str, ...] = ()
    expendable: tuple[str, ...] = ()
    lacking: Lacking = NOTHING

    def __repr__(self) -> str:
        return f"<Pools: {sum(each.nodes for each in self.bought)} nodes to add for {self.waiting} pods>"


def cheapest_pools(
    cluster: Cluster,
    types: Sequence[NodeType],
    options: Options = DEFAULT,
    *,
    pools: Sequence[NodePool] = (),
    notices: Sequence[Notice] = (),
) -> Pools:
    """Reconcile a cluster, then find the cheapest nodes to add for what still waits.

    What DaemonSets run on a new node is taken from what it offers. Nobody is evicted or moved.

    Args:
        cluster: desired and observed objects.
        types: the nodes that can be had.
        options: how to reconcile.
        pools: the NodePools that types are of: their limits are kept, those of a higher weight are used first.
        notices: what reading had to say; they go into the result.
    """
    models = {name: renamed(each.node, name) for each in types for name in [_PREFIX + each.node.name]}
    done = reconcile(supposed(cluster, map(cordoned, models.values())), options)
    final = done.cluster
    daemons = {
        key: node_of(pod)
        for key, pod in sorted(final.objects("Pod").items())
        if node_of(pod) in models and controller_of(pod.document)[0] == "DaemonSet"
    }
    ready = supposed(final, models.values())
    given = problem(Relations.of(done.rulebook, replace(done.run.state, cluster=ready), GOALS))
    unit = lcm(*(each.price.denominator for each in types))
    offers = _offers(given, types, daemons, unit)
    asked = _asked(given, models, daemons)
    limits = Limits(timeout=options.timeout)
    left = _hopeless(asked, offers, limits)
    kept = msgspec.structs.replace(asked, pods=tuple(pod for pod in asked.pods if pod.name not in left))
    caps = caps_of(pools, types, final, prefix=_PREFIX)
    cheapest = cheapest_nodes(kept, offers, caps=caps, limits=limits, clock=options.clock)
    found = cheapest
    steps = tiers(pools, offers, {_PREFIX + each.node.name: each.pool for each in types})
    if len(steps) > 1 and kept.waiting:
        found = by_weight(kept, steps, caps=caps, limits=limits, clock=options.clock)
    places: dict[str, list[str]] = {offer.node.name: [] for offer in offers}
    for binding in found.placement.bindings:
        origin = binding.node.rpartition("-")[0]
        if origin in places:
            places[origin].append(binding.pod)
    prices = {_PREFIX + each.node.name: each.price for each in types}
    waiting = [each for each in asked.waiting if each.name not in left]
    bought = tuple(
        Bought(pool=name.removeprefix(_PREFIX), nodes=number, price=prices[name], pods=tuple(sorted(places[name])))
        for name, number in sorted(found.nodes.items())
        if number and (found.enough or places[name])
    )
    return Pools(
        waiting=len(waiting),
        bought=bought,
        cost=sum((each.price * each.nodes for each in bought), Fraction(0)),
        least=Fraction(cheapest.least, unit),
        unweighted=Fraction(cheapest.cost, unit) if found is not cheapest and cheapest.enough else None,
        enough=found.enough,
        short=tuple(sorted(entry.pod for entry in found.placement.unplaced)),
        reached=() if found.enough else reached(pools, types, final, found.nodes, prefix=_PREFIX),
        hopeless=_why(done, models, left),
        notices=(
            *notices,
            *_counted_twice(cluster, types),
            *omitted(cluster, done.rulebook.omissions),
            *idle_rules(supposed(final, [each.node for each in types])),
        ),
        unsure=tuple(
            sorted(
                each.name
                for each in waiting
                if unmodelled(final, done.rulebook, final.objects("Pod")[each.name]).notices
            )
        ),
        expendable=tuple(sorted(each.name for each in waiting if is_expendable(final.objects("Pod")[each.name]))),
        lacking=lacking(done.before, final, asked=True),
    )


def _counted_twice(cluster: Cluster, types: Sequence[NodeType]) -> tuple[Notice, ...]:
    """That nodes of a file count as nodes that are there, too, where the paths name the file that has the types."""
    files = {each.node.origin.locate(()).file for each in types if each.node.origin is not None}
    there = Counter(
        place.file
        for node in cluster.objects("Node").values()
        if node.origin is not None and (place := node.origin.locate(())).file in files
    )
    return tuple(
        Notice(
            code="KL119",
            message=f"the paths name it, too: {count(number, 'node')} in it {'counts' if number == 1 else 'count'} as"
            " there already, not only as a type that can be had; name it for types alone if it has nothing else",
            location=Location(file=file),
        )
        for file, number in sorted(there.items())
    )


def expecting(cluster: Cluster, coming: Sequence[Object]) -> Cluster:
    """The cluster with the nodes that are on their way, but for those that are there.

    Args:
        cluster: as it was read.
        coming: nodes, as ``read_node_types`` found them.
    """
    there = cluster.objects("Node")
    return supposed(cluster, [node for node in coming if node.name not in there])


def scaled_up(cluster: Cluster, types: Sequence[NodeType], found: Pools) -> Cluster:
    """The cluster with the nodes that were found: ``POOL-1`` and on."""
    by_name = {each.node.name: each.node for each in types}
    names = set(cluster.objects("Node"))
    added: list[Object] = []
    for each in found.bought:
        free = (name for number in itertools.count(1) if (name := f"{each.pool}-{number}") not in names)
        added += [renamed(by_name[each.pool], name) for name in itertools.islice(free, each.nodes)]
    return supposed(cluster, added)


def _offers(given: Problem, types: Sequence[NodeType], daemons: Mapping[str, str], unit: int) -> tuple[Offer, ...]:
    """The types as nodes of the problem, less what DaemonSets run there."""
    requests = {shape.name: shape.requests for shape in given.shapes}
    taken: dict[str, dict[str, int]] = {}
    for pod in given.pods:
        if pod.name in daemons:
            mine = taken.setdefault(daemons[pod.name], {})
            for resource, amount in requests[pod.shape].items():
                mine[resource] = mine.get(resource, 0) + amount
    nodes = {node.name: node for node in given.nodes}
    offers = []
    for each in types:
        node = nodes[_PREFIX + each.node.name]
        left = {r: max(0, amount - taken.get(node.name, {}).get(r, 0)) for r, amount in node.allocatable.items()}
        price = each.price * unit
        offers.append(Offer(node=msgspec.structs.replace(node, allocatable=left), price=int(price), most=each.limit))
    return tuple(offers)


def _asked(given: Problem, models: Mapping[str, Object], daemons: Mapping[str, str]) -> Problem:
    """The problem without the nodes that stand for types; nobody is evicted."""
    return msgspec.structs.replace(
        given,
        nodes=tuple(node for node in given.nodes if node.name not in models),
        pods=tuple(pod for pod in given.pods if pod.name not in daemons),
        shapes=tuple(msgspec.structs.replace(shape, preempts=False) for shape in given.shapes),
    )


def _hopeless(asked: Problem, offers: Sequence[Offer], limits: Limits) -> set[str]:
    """The pods that find no node beside one new node of each type, each taken alone, and groups that lack those.

    A pod of a group is tried as if the group asked for no minimum: the others are to get nodes of their own. A group
    that cannot start even if all others of its pods are placed waits for more than nodes.
    """
    alone = tuple(msgspec.structs.replace(group, least=0) for group in asked.groups)
    whole = extended(asked, offers, [min(1, offer.most) for offer in offers])
    whole = msgspec.structs.replace(whole, groups=alone)
    first = {pod.shape: pod for pod in reversed(asked.waiting)}
    lost = {
        shape
        for shape, pod in sorted(first.items())
        if solve(msgspec.structs.replace(whole, pods=(*whole.running, pod)), limits=limits).unplaced
    }
    left = {pod.name for pod in asked.waiting if pod.shape in lost}
    members = Counter(pod.group for pod in asked.pods if pod.name not in left)
    short = {group.name for group in asked.groups if members[group.name] < group.least}
    return left | {pod.name for pod in asked.waiting if pod.group in short}


def _why(done: Reconciled, models: Mapping[str, Object], left: set[str]) -> tuple[Hopeless, ...]:
    """Of pods that no type takes, what stands against each type."""
    if not left:
        return ()
    cluster = done.cluster
    gone = [("Node", name) for name in cluster.objects("Node") if name not in models]
    gone += [("Pod", key) for key, pod in cluster.objects("Pod").items() if key not in left and not node_of(pod)]
    state = replace(done.run.state, cluster=supposed(cluster, models.values(), without=gone))
    told = pending_pods(state, done.rulebook, judge=KubeScheduler(), moves=lambda _given, _placed: lambda _o, _s: False)
    return tuple(_hopeless_pod(each) for each in told if each.pod in left)


def _hopeless_pod(pod: PendingPod) -> Hopeless:
    reasons: dict[str, list[str]] = {}
    for blocker in pod.blockers:
        detail = blocker.detail.replace(_PREFIX, "")
        reasons.setdefault(blocker.node.removeprefix(_PREFIX), []).append(detail)
    return Hopeless(
        pod=pod.pod,
        owner=pod.owner,
        reasons={name: tuple(dict.fromkeys(each)) for name, each in sorted(reasons.items())},
    )
