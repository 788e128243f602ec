"""NodePools with limits and weights: what they may have in all, and which of them is used first.

Pods go to the pool of the highest weight that takes them, whatever it costs, as far as its limits let it grow; what is
left over goes to the next one. Within one weight, the cheapest nodes are looked for.

Source: karpenter, pkg/controllers/provisioning/scheduling/scheduler.go (addToNewNodeClaim, filterByRemainingResources,
updateRemainingResources), pkg/utils/nodepool/nodepool.go (OrderByWeight), which takes pools of one weight by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

import msgspec

from kubelogic.apiserver.karpenter import POOL, NodePool
from kubelogic.apiserver.node_types import NodeType
from kubelogic.cluster import Cluster
from kubelogic.placement.optimal.cheapest import Purchase, cheapest_nodes
from kubelogic.placement.optimal.limits import Clock, Limits
from kubelogic.placement.optimal.offers import Cap, Offer, extended, name_of
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.problem import Problem

_NANO = 10**9


def caps_of(pools: Sequence[NodePool], types: Sequence[NodeType], cluster: Cluster, *, prefix: str) -> tuple[Cap, ...]:
    """What the limits of pools leave for new nodes, beside the nodes that are there.

    Args:
        pools: with limits.
        types: what can be had.
        cluster: with the nodes that are there; those of a pool carry its label.
        prefix: before the names of types in offers.
    """
    found: list[Cap] = []
    nodes = [node.document for node in cluster.objects("Node").values() if not node.name.startswith(prefix)]
    for pool in pools:
        mine = [each for each in types if each.pool == pool.name]
        there = [node for node in nodes if (node["metadata"].get("labels") or {}).get(POOL) == pool.name]
        for resource, limit in sorted(pool.limits.items()):
            left = limit - sum(pool.use(node, resource) for node in there)
            uses = {prefix + each.node.name: int(pool.use(each.node.document, resource) * _NANO) for each in mine}
            found.append(Cap(uses=uses, most=max(0, int(left * _NANO))))
    return tuple(found)


def reached(
    pools: Sequence[NodePool],
    types: Sequence[NodeType],
    cluster: Cluster,
    bought: Mapping[str, int],
    *,
    prefix: str,
) -> tuple[str, ...]:
    """The limits that leave no room for one more node of a type, or of any type of their pool.

    Args:
        pools: with limits.
        types: what can be had.
        cluster: with the nodes that are there.
        bought: nodes to add, by offer.
        prefix: before the names of types in offers.
    """
    told = [(pool, resource) for pool in pools for resource in sorted(pool.limits)]
    found: list[str] = []
    for (pool, resource), cap in zip(told, caps_of(pools, types, cluster, prefix=prefix), strict=True):
        left = cap.most - sum(use * bought.get(name, 0) for name, use in cap.uses.items())
        if cap.uses and left < min(cap.uses.values()):
            found.append(f"NodePool {pool.name} ({resource} {_amount(pool.limits[resource])})")
    own = [(each.node.name, each.limit) for each in types if not each.pool]
    return (*found, *(f"{name} ({most})" for name, most in own if bought.get(prefix + name, 0) >= most))


def _amount(limit: Fraction) -> str:
    return str(limit) if limit.denominator == 1 else f"{float(limit):g}"


def tiers(pools: Sequence[NodePool], offers: Sequence[Offer], pool_of: Mapping[str, str]) -> list[tuple[Offer, ...]]:
    """Offers by weight, the highest first; those of no pool come last, with weight 0.

    Args:
        pools: with weights.
        offers: what can be had.
        pool_of: the pool of each offer, by its name.
    """
    weight = {pool.name: pool.weight for pool in pools}
    by_weight: dict[int, list[Offer]] = {}
    for offer in offers:
        by_weight.setdefault(weight.get(pool_of.get(offer.node.name, ""), 0), []).append(offer)
    return [tuple(by_weight[each]) for each in sorted(by_weight, reverse=True)]


def by_weight(
    problem: Problem,
    steps: Sequence[Sequence[Offer]],
    *,
    caps: Sequence[Cap],
    limits: Limits,
    clock: Clock | None = None,
) -> Purchase:
    """What is bought if offers of a higher weight are used first.

    Args:
        problem: the pods that wait, and the nodes that are there.
        steps: offers, those of the highest weight first.
        caps: what offers may come to together.
        limits: for the whole of it.
        clock: seconds, monotonic.
    """
    share = msgspec.structs.replace(limits, timeout=limits.timeout / len(steps), rlimit=limits.rlimit // len(steps))
    asked: set[str] = set()
    here = problem
    bought: Counter[str] = Counter()
    for offers in steps:
        asked |= set(_taken(problem, offers, share))
        wanted = tuple(pod for pod in problem.pods if pod.node or pod.shape in asked)
        found = cheapest_nodes(msgspec.structs.replace(here, pods=wanted), offers, caps=caps, limits=share, clock=clock)
        bought.update(found.nodes)
        here = extended(here, offers, [found.nodes[offer.node.name] for offer in offers])
    placement = solve(msgspec.structs.replace(here, pods=problem.pods), limits=share, clock=clock)
    used = {binding.node for binding in placement.bindings}
    every = [offer for offers in steps for offer in offers]
    nodes = {
        offer.node.name: sum(name_of(offer, number) in used for number in range(bought[offer.node.name]))
        for offer in every
    }
    cost = sum(offer.price * nodes[offer.node.name] for offer in every)
    return Purchase(nodes=nodes, cost=cost, least=0, enough=not placement.unplaced, placement=placement)


def _taken(problem: Problem, offers: Sequence[Offer], limits: Limits) -> Iterator[str]:
    """The shapes of which a pod finds a node among one of each offer, by itself."""
    whole = extended(problem, offers, [min(1, offer.most) for offer in offers])
    only = {name_of(offer, 0) for offer in offers}
    first = {pod.shape: pod for pod in reversed(problem.waiting)}
    alone = msgspec.structs.replace(whole, nodes=tuple(node for node in whole.nodes if node.name in only))
    for shape, pod in sorted(first.items()):
        if not solve(msgspec.structs.replace(alone, pods=(pod,)), limits=limits).unplaced:
            yield shape
